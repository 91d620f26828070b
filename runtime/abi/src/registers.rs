//! Where kernels have the registers that a task came into them with: `struct pt_regs`.
//!
//! Curated by hand. A machine is a kernel's, not a task's: one of 64 bits may have tasks of 32. For
//! each, what the kernel shows a filter of a call, and where that is while the call runs and
//! when it ends: `syscall_get_nr`, `syscall_get_arguments` and `syscall_get_arch` of
//! `arch/*/include/asm/syscall.h`, and `KSTK_EIP`. Offsets are those of `asm/ptrace.h`, whose first
//! part is an interface for debuggers and does not change; what lies behind it has been
//! there, at its place, since the kernel that a row names. Version numbers are from memory where a
//! row does not say otherwise.
//!
//! A test compares the offsets with the types that kernels of these machines carry, or, where
//! there are none, with the headers of 7.2 as a compiler laid them out
//! (`tests/registers.tsv`).
//!
//! At the end of a call, registers may no longer be those of the call: after a return from a
//! signal they are those of the interrupted code. [`Machine::gone`] says by what that shows.

use crate::Endian;
use crate::members::{
    AARCH64_MARK, I386_MARK, LOONGARCH64_MARK, PPC_MARK, PPC64_MARK, Path, RISCV32_MARK,
    RISCV64_MARK, S390X_MARK, THREAD_ABI_SYSCALL, THREAD_STATUS, X86_64_MARK,
};

/// Where a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// At that offset of the registers, as wide as a register.
    Register(u32),
    /// At that offset of the registers, 32 bits.
    Word(u32),
    /// In the structure of the task, 32 bits.
    Task(Path),
}

/// By what it shows that registers are no longer those of the call that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gone {
    /// The call's number, 32 bits, is one of these.
    Number(&'static [i32]),
    /// A register is this.
    Is(u32, i32),
    /// A register is not this.
    IsNot(u32, i32),
    /// A register has one of these bits.
    Has(u32, i32),
}

/// How the tasks of an ABI make calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Convention {
    /// What the kernel shows a filter for the ABI.
    pub token: u32,
    /// Offsets of the arguments.
    pub arguments: [u32; 6],
    /// Whether a filter is shown the lower 32 bits of the arguments alone.
    pub narrow: bool,
}

/// How a kernel knows the ABI of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tasks {
    /// There is one.
    One(Convention),
    /// By a bit of a number.
    Two {
        /// The number.
        of: Source,
        /// The bit.
        bit: u8,
        /// Where it is set.
        set: Convention,
        /// Where it is clear.
        clear: Convention,
    },
}

/// A kernel's machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Machine {
    /// Its name: that of its own ABI.
    pub name: &'static str,
    /// Byte order.
    pub endian: Endian,
    /// Bytes of a register.
    pub word: u32,
    /// The ABIs of its tasks, by name; what else there is is foreign.
    pub abis: &'static [&'static str],
    /// The call's number.
    pub number: Source,
    /// Bits of it that count.
    pub number_mask: u32,
    /// The offset of the instruction pointer.
    pub instruction_pointer: u32,
    /// Its tasks.
    pub tasks: Tasks,
    /// By what it shows that the registers are no longer those of the call.
    pub gone: Gone,
    /// A member of the registers that no other machine has, or none of that width, by which a
    /// loader sees that a program is of this machine; none where the number already shows it.
    pub mark: Option<Path>,
    /// Whether programs can be at hooks of security modules: there is a trampoline for them.
    pub hooks: bool,
}

impl Machine {
    /// The conventions of its tasks.
    pub fn conventions(&self) -> impl Iterator<Item = &Convention> {
        let (first, second) = match &self.tasks {
            Tasks::One(only) => (only, None),
            Tasks::Two { set, clear, .. } => (clear, Some(set)),
        };
        std::iter::once(first).chain(second)
    }

    /// Offsets of all registers that are read, sorted, with their bytes.
    #[must_use]
    pub fn read(&self) -> Vec<(u32, u32)> {
        let mut read = vec![(self.instruction_pointer, self.word)];
        let mut source = |of: Source| match of {
            Source::Register(at) => read.push((at, self.word)),
            Source::Word(at) => read.push((at, 4)),
            Source::Task(_) => {}
        };
        source(self.number);
        if let Tasks::Two { of, .. } = self.tasks {
            source(of);
        }
        if let Gone::Is(at, _) | Gone::IsNot(at, _) | Gone::Has(at, _) = self.gone {
            read.push((at, self.word));
        }
        let arguments = self.conventions().flat_map(|it| it.arguments);
        read.extend(arguments.map(|at| (at, self.word)));
        read.sort_unstable();
        read.dedup();
        read
    }
}

const fn convention(token: u32, arguments: [u32; 6]) -> Convention {
    Convention { token, arguments, narrow: false }
}

const fn narrow(token: u32, arguments: [u32; 6]) -> Convention {
    Convention { token, arguments, narrow: true }
}

/// A number of no call.
const NONE: Gone = Gone::Number(&[-1]);
/// `sigreturn` and `rt_sigreturn`, where a return from a signal leaves its own number.
const SIGRETURN: Gone = Gone::Number(&[119, 173, -1]);

/// `bx cx dx si di bp`.
const INT_80: [u32; 6] = [40, 88, 96, 104, 112, 32];
const AARCH64: [u32; 6] = [272, 8, 16, 24, 32, 40];
const POWERPC64: [u32; 6] = [272, 32, 40, 48, 56, 64];
const S390: [u32; 6] = [152, 48, 56, 64, 72, 80];

/// `MSR_SF`: the bit of 64-bit tasks, which programs cannot change.
const POWERPC_64BIT: u8 = 63;

/// All machines, sorted by name; where two have the ABIs of a policy, the first of
/// [`machine_of`]'s order is meant.
pub const MACHINES: &[Machine] = &[
    // 5.5; `pstate` has the mode of the task, which the hardware puts there: `PSR_MODE32_BIT`.
    Machine {
        name: "aarch64",
        endian: Endian::Little,
        word: 8,
        abis: &["aarch64", "arm"],
        number: Source::Word(280),
        number_mask: u32::MAX,
        instruction_pointer: 256,
        tasks: Tasks::Two {
            of: Source::Register(264),
            bit: 4,
            set: convention(0x4000_0028, AARCH64),
            clear: convention(0xc000_00b7, AARCH64),
        },
        gone: NONE,
        mark: Some(AARCH64_MARK),
        hooks: true,
    },
    // 5.16, for the number; with CONFIG_OABI_COMPAT, with which there are no filters, the number
    // has its ABI in the upper bits.
    Machine {
        name: "arm",
        endian: Endian::Little,
        word: 4,
        abis: &["arm"],
        number: Source::Task(THREAD_ABI_SYSCALL),
        number_mask: u32::MAX,
        instruction_pointer: 60,
        tasks: Tasks::One(convention(0x4000_0028, [68, 4, 8, 12, 16, 20])),
        gone: SIGRETURN,
        mark: None,
        hooks: false,
    },
    Machine {
        name: "i386",
        endian: Endian::Little,
        word: 4,
        abis: &["i386"],
        number: Source::Register(44),
        number_mask: u32::MAX,
        instruction_pointer: 48,
        tasks: Tasks::One(convention(0x4000_0003, [0, 4, 8, 12, 16, 20])),
        gone: NONE,
        mark: Some(I386_MARK),
        hooks: false,
    },
    // 5.19; `regs[0]` is the call's number and one while it can be begun anew, so that the end of
    // a call of no known number looks as that of a return from a signal does.
    Machine {
        name: "loongarch64",
        endian: Endian::Little,
        word: 8,
        abis: &["loongarch64"],
        number: Source::Register(88),
        number_mask: u32::MAX,
        instruction_pointer: 264,
        tasks: Tasks::One(convention(0xc000_0102, [256, 40, 48, 56, 64, 72])),
        gone: Gone::Is(0, 0),
        mark: Some(LOONGARCH64_MARK),
        hooks: true,
    },
    // 5.13, for the mark in `trap` (`set_trap_norestart`).
    Machine {
        name: "ppc",
        endian: Endian::Big,
        word: 4,
        abis: &["ppc"],
        number: Source::Register(0),
        number_mask: u32::MAX,
        instruction_pointer: 128,
        tasks: Tasks::One(convention(0x14, [136, 16, 20, 24, 28, 32])),
        gone: Gone::Has(160, 1),
        mark: Some(PPC_MARK),
        hooks: false,
    },
    Machine {
        name: "ppc64",
        endian: Endian::Big,
        word: 8,
        abis: &["ppc64", "ppc"],
        number: Source::Register(0),
        number_mask: u32::MAX,
        instruction_pointer: 256,
        tasks: Tasks::Two {
            of: Source::Register(264),
            bit: POWERPC_64BIT,
            set: convention(0x8000_0015, POWERPC64),
            clear: narrow(0x14, POWERPC64),
        },
        gone: Gone::Has(320, 1),
        mark: Some(PPC64_MARK),
        hooks: true,
    },
    Machine {
        name: "ppc64le",
        endian: Endian::Little,
        word: 8,
        abis: &["ppc64le"],
        number: Source::Register(0),
        number_mask: u32::MAX,
        instruction_pointer: 256,
        tasks: Tasks::Two {
            of: Source::Register(264),
            bit: POWERPC_64BIT,
            set: convention(0xc000_0015, POWERPC64),
            clear: narrow(0x14, POWERPC64),
        },
        gone: Gone::Has(320, 1),
        mark: Some(PPC64_MARK),
        hooks: true,
    },
    // 5.5; `cause` is that of a call until a return from a signal takes it away.
    Machine {
        name: "riscv32",
        endian: Endian::Little,
        word: 4,
        abis: &["riscv32"],
        number: Source::Register(68),
        number_mask: u32::MAX,
        instruction_pointer: 0,
        tasks: Tasks::One(convention(0x4000_00f3, [140, 44, 48, 52, 56, 60])),
        gone: Gone::IsNot(136, 8),
        mark: Some(RISCV32_MARK),
        hooks: false,
    },
    // 32-bit tasks show the same token.
    Machine {
        name: "riscv64",
        endian: Endian::Little,
        word: 8,
        abis: &["riscv64"],
        number: Source::Register(136),
        number_mask: u32::MAX,
        instruction_pointer: 0,
        tasks: Tasks::One(convention(0xc000_00f3, [280, 88, 96, 104, 112, 120])),
        gone: Gone::IsNot(272, 8),
        mark: Some(RISCV64_MARK),
        hooks: true,
    },
    // What tells a task of 31 bits is a flag whose number is not the same in all kernels
    // (`TIF_31BIT`), so that no policy can be about them; where the addressing mode is that of
    // 31 bits (`PSW_MASK_EA` is clear), calls count as theirs, which are foreign then.
    Machine {
        name: "s390x",
        endian: Endian::Big,
        word: 8,
        abis: &["s390x"],
        number: Source::Word(160),
        number_mask: 0xffff,
        instruction_pointer: 16,
        tasks: Tasks::Two {
            of: Source::Register(8),
            bit: 32,
            set: convention(0x8000_0016, S390),
            clear: narrow(0x16, S390),
        },
        gone: SIGRETURN,
        mark: Some(S390X_MARK),
        hooks: true,
    },
    // 5.11, for `TS_COMPAT` in the structure of the task.
    Machine {
        name: "x86_64",
        endian: Endian::Little,
        word: 8,
        abis: &["x86_64", "x32", "i386"],
        number: Source::Register(120),
        number_mask: u32::MAX,
        instruction_pointer: 128,
        tasks: Tasks::Two {
            of: Source::Task(THREAD_STATUS),
            bit: 1,
            set: convention(0x4000_0003, INT_80),
            clear: convention(0xc000_003e, [112, 104, 96, 56, 72, 64]),
        },
        gone: NONE,
        mark: Some(X86_64_MARK),
        hooks: true,
    },
];

/// Why there is no machine for an ABI, by its folder in the kernel's `arch`; what is not listed
/// nobody has looked into.
const WITHOUT: &[(&str, &str)] = &[
    ("alpha", "its kernels have no tracepoints at system calls"),
    ("m68k", "its kernels have no tracepoints at system calls"),
    (
        "mips",
        "its kernels keep the number of a call on the stack of the task, later arguments on the \
         program's, and put the result over the fourth",
    ),
    (
        "s390",
        "its kernels tell a task of 31 bits by a flag whose number is not the same in all of them",
    ),
];

/// Why there is no machine for an ABI of that folder of the kernel's `arch`.
#[must_use]
pub fn without(kernel_arch: &str) -> &'static str {
    let known = WITHOUT.iter().find(|(arch, _)| *arch == kernel_arch);
    known
        .map_or("where its kernels keep the registers of a call is not established", |(_, why)| why)
}

/// The machine of that name.
#[must_use]
pub fn machine(name: &str) -> Option<&'static Machine> {
    MACHINES.iter().find(|machine| machine.name == name)
}

/// The machine whose tasks have all of these ABIs: the one with most ABIs, as kernels of 64 bits
/// are more usual than others.
#[must_use]
pub fn machine_of(abis: &[&str]) -> Option<&'static Machine> {
    let has_all = |machine: &&Machine| abis.iter().all(|abi| machine.abis.contains(abi));
    MACHINES.iter().filter(has_all).max_by_key(|machine| (machine.abis.len(), machine.word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_sorted_and_tokens_are_those_of_their_abis() {
        assert!(MACHINES.is_sorted_by(|a, b| a.name < b.name));
        for machine in MACHINES {
            for name in machine.abis {
                let abi = crate::abi(name).unwrap_or_else(|| panic!("{name}"));
                let mut tokens = machine.conventions().map(|it| it.token);
                assert!(tokens.any(|token| token == abi.audit_arch), "{name}");
                assert_eq!(abi.endian, machine.endian, "{name}");
            }
            assert!(machine.abis.contains(&machine.name), "{}", machine.name);
        }
    }

    #[test]
    fn the_machine_of_abis_is_the_widest() {
        let name = |abis: &[&str]| machine_of(abis).map(|machine| machine.name);
        assert_eq!(name(&["i386"]), Some("x86_64"));
        assert_eq!(name(&["arm"]), Some("aarch64"));
        assert_eq!(name(&["x32", "x86_64"]), Some("x86_64"));
        assert_eq!(name(&["ppc"]), Some("ppc64"));
        assert_eq!(name(&["x86_64", "arm"]), None);
        assert_eq!(name(&["s390"]), None);
        assert!(without("s390").contains("31 bits"));
        assert!(without("csky").contains("not established"));
    }
}
