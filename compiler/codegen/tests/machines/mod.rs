//! What kernels have in memory while a task makes a call, by the names of their source: a
//! reading of its own, with offsets from kernels' types.

use filterc_abi::registers::Machine;
use filterc_abi::{Endian, SeccompData};
use filterc_ebpf::btf::Builder;

pub const TASK: u64 = 0xffff_8880_1234_0000;
pub const REGS: u64 = 0xffff_c900_0000_3f58;

/// A kernel of a machine.
#[derive(Clone, Debug)]
pub struct Kernel {
    pub machine: &'static Machine,
    /// Where `thread_info` is in the structure of the task.
    info: usize,
    /// Where `status` and `abi_syscall` are in it.
    status: usize,
    abi_syscall: usize,
    /// Where the member is by which its registers are known.
    pub mark: u32,
    /// Registers that are another's.
    gone: bool,
}

/// The offset and bytes of a member of `struct pt_regs`.
fn member(machine: &str, name: &str) -> (usize, usize) {
    let rows = include_str!("../../../../runtime/abi/tests/registers.tsv").lines();
    let found = rows.map(|row| row.split('\t').collect::<Vec<_>>()).find_map(|row| {
        let found = row.first() == Some(&machine) && row.get(1) == Some(&name);
        found.then(|| (row[2].parse().unwrap(), row[3].parse().unwrap()))
    });
    found.unwrap_or_else(|| panic!("{machine} {name}"))
}

/// The member by which registers are known.
fn mark(machine: &str) -> Option<&'static str> {
    Some(match machine {
        "aarch64" => "orig_x0",
        "i386" => "ds",
        "loongarch64" => "csr_era",
        "ppc" => "mq",
        "ppc64" | "ppc64le" => "softe",
        "riscv32" | "riscv64" => "orig_a0",
        "s390x" => "orig_gpr2",
        "x86_64" => "r15",
        _ => return None,
    })
}

/// Tokens of a machine's tasks.
fn tokens(machine: &str) -> &'static [u32] {
    match machine {
        "aarch64" => &[0xc000_00b7, 0x4000_0028],
        "arm" => &[0x4000_0028],
        "i386" => &[0x4000_0003],
        "loongarch64" => &[0xc000_0102],
        "ppc" => &[0x14],
        "ppc64" => &[0x8000_0015, 0x14],
        "ppc64le" => &[0xc000_0015, 0x14],
        "riscv32" => &[0x4000_00f3],
        "riscv64" => &[0xc000_00f3],
        "s390x" => &[0x8000_0016, 0x16],
        "x86_64" => &[0xc000_003e, 0x4000_0003],
        other => panic!("{other}"),
    }
}

/// A call as a kernel of the machine shows it to a filter.
pub fn shown(machine: &Machine, mut call: SeccompData, at: usize) -> SeccompData {
    let tokens = tokens(machine.name);
    call.arch = tokens
        .iter()
        .copied()
        .find(|token| *token == call.arch)
        .unwrap_or(tokens[at % tokens.len()]);
    let short = matches!(machine.name, "arm" | "i386" | "ppc" | "riscv32");
    if short {
        call.instruction_pointer &= 0xffff_ffff;
    }
    // Where the kernel cuts off the upper halves.
    if short || matches!(call.arch, 0x14 | 0x16) {
        call.args = call.args.map(|arg| arg & 0xffff_ffff);
    }
    if machine.name == "s390x" {
        call.nr &= 0xffff;
    }
    call
}

impl Kernel {
    /// With offsets that are known.
    pub fn known(machine: &'static Machine) -> Self {
        let mark = mark(machine.name).map_or(0, |name| member(machine.name, name).0 as u32);
        Self { machine, info: 0, status: 16, abi_syscall: 64, mark, gone: false }
    }

    /// With a structure of the task that has grown.
    pub fn moved(machine: &'static Machine) -> Self {
        Self { info: 40, status: 32, abi_syscall: 72, ..Self::known(machine) }
    }

    /// Its types.
    pub fn types(&self) -> Vec<u8> {
        let mut types = Builder::new(self.machine.endian);
        let word = types.int("u32", 4, false);
        let members = match self.machine.name {
            "x86_64" | "i386" => vec![("status", word, self.status as u32)],
            "arm" => vec![("abi_syscall", word, self.abi_syscall as u32)],
            _ => vec![("flags", word, 0)],
        };
        let info = types.structure("thread_info", 100, &members);
        types.structure("task_struct", 200, &[("thread_info", info, self.info as u32)]);
        if let Some(name) = mark(self.machine.name) {
            let bytes = member(self.machine.name, name).1 as u32;
            let of = types.int("register", bytes, false);
            types.structure("pt_regs", 400, &[(name, of, self.mark)]);
        }
        types.finish()
    }

    fn put(&self, memory: &mut [u8], (at, bytes): (usize, usize), value: u64) {
        let little = value.to_le_bytes();
        for (place, byte) in little[..bytes].iter().enumerate() {
            let place =
                if self.machine.endian == Endian::Little { place } else { bytes - 1 - place };
            memory[at + place] = *byte;
        }
    }

    pub fn task(&self, call: &SeccompData) -> Vec<u8> {
        let mut task = vec![0xa5; 200];
        let compat = call.arch == 0x4000_0003;
        let status = if compat { 0xfe } else { 0xfd };
        self.put(&mut task, (self.info + self.status, 4), status);
        if self.machine.name == "arm" {
            let nr = u64::from(call.nr.cast_unsigned());
            self.put(&mut task, (self.info + self.abi_syscall, 4), nr);
        }
        task
    }

    pub fn registers(&self, call: &SeccompData) -> Vec<u8> {
        let name = self.machine.name;
        let mut regs = vec![0x5a; 400];
        let mut put = |register: &str, value: u64| {
            self.put(&mut regs, member(name, register), value);
        };
        let nr = i64::from(call.nr).cast_unsigned();
        let [a, b, c, d, e, f] = call.args;
        let ip = call.instruction_pointer;
        let compat = tokens(name).len() == 2 && call.arch == tokens(name)[1];
        let all: Vec<(&str, u64)> = match name {
            "aarch64" => {
                let pstate = if compat { 0x2000_0010 } else { 0x6000_1000 };
                vec![
                    ("syscallno", nr),
                    ("pc", ip),
                    ("pstate", pstate),
                    ("orig_x0", a),
                    ("regs[1]", b),
                    ("regs[2]", c),
                    ("regs[3]", d),
                    ("regs[4]", e),
                    ("regs[5]", f),
                ]
            }
            "arm" => vec![
                ("uregs[15]", ip),
                ("uregs[17]", a),
                ("uregs[1]", b),
                ("uregs[2]", c),
                ("uregs[3]", d),
                ("uregs[4]", e),
                ("uregs[5]", f),
            ],
            "x86_64" if !compat => vec![
                ("orig_ax", nr),
                ("ip", ip),
                ("di", a),
                ("si", b),
                ("dx", c),
                ("r10", d),
                ("r8", e),
                ("r9", f),
            ],
            "i386" | "x86_64" => vec![
                ("orig_ax", nr),
                ("ip", ip),
                ("bx", a),
                ("cx", b),
                ("dx", c),
                ("si", d),
                ("di", e),
                ("bp", f),
            ],
            "loongarch64" => vec![
                ("regs[11]", nr),
                ("csr_era", ip),
                ("orig_a0", a),
                ("regs[5]", b),
                ("regs[6]", c),
                ("regs[7]", d),
                ("regs[8]", e),
                ("regs[9]", f),
                ("regs[0]", if self.gone { 0 } else { 64 }),
            ],
            "riscv32" | "riscv64" => vec![
                ("a7", nr),
                ("epc", ip),
                ("orig_a0", a),
                ("a1", b),
                ("a2", c),
                ("a3", d),
                ("a4", e),
                ("a5", f),
                ("cause", if self.gone { u64::MAX } else { 8 }),
            ],
            "s390x" => {
                // What is beside the number: the length of the instruction. What is beside the
                // bit of 64-bit addresses: that of 31-bit ones, and others.
                let mask = if compat { 0x0705_0000_8000_0000 } else { 0x0705_0001_8000_0000 };
                vec![
                    ("int_code", 0x2_0000 | nr & 0xffff),
                    ("psw.addr", ip),
                    ("psw.mask", mask),
                    ("orig_gpr2", a),
                    ("gprs[3]", b),
                    ("gprs[4]", c),
                    ("gprs[5]", d),
                    ("gprs[6]", e),
                    ("gprs[7]", f),
                ]
            }
            _ => {
                let all = vec![
                    ("gpr[0]", nr),
                    ("nip", ip),
                    ("orig_gpr3", a),
                    ("gpr[4]", b),
                    ("gpr[5]", c),
                    ("gpr[6]", d),
                    ("gpr[7]", e),
                    ("gpr[8]", f),
                    ("trap", if self.gone { 0xc01 } else { 0xc00 }),
                ];
                let msr = if compat { 0x0280_f033 } else { 0x8000_0000_0280_f033 };
                all.into_iter().chain((name != "ppc").then_some(("msr", msr))).collect()
            }
        };
        // Upper halves are somebody else's where the kernel cuts them off.
        let dirty = compat && matches!(name, "ppc64" | "ppc64le" | "s390x");
        for (register, value) in all {
            let is_argument = [a, b, c, d, e, f].contains(&value) && ![nr, ip].contains(&value);
            let junk = if dirty && is_argument { 0xdead_beef << 32 } else { 0 };
            put(register, value | junk);
        }
        regs
    }

    /// Whether the registers at the end of that call are known to be another's.
    pub fn is_gone(&self, call: &SeccompData) -> bool {
        match self.machine.name {
            "aarch64" | "i386" | "x86_64" => call.nr == -1,
            "arm" | "s390x" => [119, 173, -1].contains(&call.nr),
            _ => self.gone,
        }
    }

    /// The kernel at the end of a return from a signal.
    pub fn returned(&mut self, mut call: SeccompData) -> (SeccompData, &Self) {
        self.gone = true;
        match self.machine.name {
            "aarch64" | "i386" | "x86_64" => call.nr = -1,
            "arm" | "s390x" => call.nr = 173,
            _ => {}
        }
        (call, self)
    }
}
