//! What the tables say, as types: data without a decision.

use crate::blob::{self, Names};
use crate::{Endian, KernelVersion};

/// A calling convention that reaches one system-call table of the kernel.
#[derive(Debug)]
pub struct Abi {
    /// Position in the tables.
    pub(crate) index: usize,
    /// Name in policies: `x86_64`, `i386`, `aarch64`, …
    pub name: &'static str,
    /// `AUDIT_ARCH_*` token in `seccomp_data.arch`. Two ABIs can share one: see [`Abi::mark`].
    pub audit_arch: u32,
    /// Name of that token.
    pub audit_arch_name: &'static str,
    /// Byte order of `seccomp_data` and of the program.
    pub endian: Endian,
    /// Width of `long` and of pointers in user space, in bits: 32 or 64.
    pub word: u8,
    /// Width of an argument register as the kernel's entry points take it, in bits: the
    /// word, but 64 on x32 and mips n32, which are 32-bit ABIs of 64-bit machines.
    pub register: u8,
    /// Where the numbers of the table begin, as `seccomp_data.nr` shows them: 4000, 5000
    /// and 6000 on mips, the x32 bit on x32, 0 elsewhere.
    pub nr_base: u32,
    /// Where another ABI has the same token: which numbers are of this one.
    pub mark: Option<Mark>,
    /// First kernel with seccomp filters there; `None`: there are none (sparc).
    pub filters_since: Option<KernelVersion>,
    /// Order of the arguments of `clone`.
    pub clone_order: CloneOrder,
    /// How 64-bit values travel in argument registers.
    pub pairs: Pairs,
    /// Folder of the architecture under the kernel's `arch/`.
    pub kernel_arch: &'static str,
}

/// The bit of `nr` that tells apart two ABIs with one token. −1 is never marked: it is
/// a call that a tracer skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The bit, as a mask.
    pub bit: u32,
    /// Whether it is set in the numbers of this ABI.
    pub set: bool,
}

impl Mark {
    /// Whether a number is of the ABI with this mark.
    #[must_use]
    pub const fn admits(self, nr: u32) -> bool {
        (nr & self.bit != 0 && nr != u32::MAX) == self.set
    }
}

/// Order of the arguments of `clone`; the names are the kernel's Kconfig symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloneOrder {
    /// flags, stack, parent_tid, child_tid, tls.
    Default,
    /// `CLONE_BACKWARDS`: flags, stack, parent_tid, tls, child_tid.
    Backwards,
    /// `CLONE_BACKWARDS2`: stack, flags, parent_tid, child_tid, tls.
    Backwards2,
    /// `CLONE_BACKWARDS3`: flags, stack, stack_size, parent_tid, child_tid, tls.
    Backwards3,
}

/// How a 64-bit argument travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// In one register: they are 64 bits wide.
    Whole,
    /// In the next two registers.
    Any,
    /// In the next two registers of which the first has an even number; one may stay unused.
    Even,
}

/// What a number of the table leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Implemented.
    Implemented,
    /// In the table, but it points at `sys_ni_syscall`: always ENOSYS.
    Unimplemented,
    /// Not in the table: handled by the architecture before it is looked up (arm's
    /// `__ARM_NR_*`).
    Private,
}

/// One system call of one ABI.
#[derive(Debug)]
pub struct Syscall {
    /// The number as `seccomp_data.nr` shows it.
    pub nr: u32,
    /// The name in the kernel's table (`openat`, `newfstatat`).
    pub name: &'static str,
    /// The kernel function that the number leads to (`sys_newstat`, `compat_sys_ioctl`).
    pub entry: &'static str,
    /// Whether the number leads anywhere.
    pub status: Status,
    /// First kernel that had the call on this ABI; `None` where not known: older than all
    /// tables.
    pub since: Option<KernelVersion>,
    /// The arguments, in the order of the kernel's definition; empty for
    /// [`Status::Unimplemented`].
    pub args: &'static [Arg],
}

/// What sort of value an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ArgKind {
    /// A number of no other sort.
    Int,
    /// A set of flags, perhaps with an enumerated part.
    Flags,
    /// One of several values.
    Enum,
    /// A file descriptor.
    Fd,
    /// A process, thread or process-group id.
    Pid,
    /// A user id.
    Uid,
    /// A group id.
    Gid,
    /// A signal number.
    Signal,
    /// File permissions.
    Mode,
    /// A number of bytes or elements.
    Size,
    /// A position in a file.
    Offset,
    /// A key or id of another sort (keys, System V IPC, timers).
    Id,
    /// An address that the kernel uses as a number (`mmap.addr`): nothing behind it is read.
    Address,
    /// A pointer into the caller's memory: a filter sees the address, not what lies there.
    Pointer,
}

/// The registers that carry an argument, as indices into `seccomp_data.args`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Regs {
    /// One register.
    One(u8),
    /// A 64-bit value in two registers of a 32-bit ABI.
    Pair {
        /// Carries bits 31…0.
        lo: u8,
        /// Carries bits 63…32.
        hi: u8,
    },
    /// Beyond the sixth register: a filter cannot see it.
    Invisible,
}

/// One argument of a system call.
#[derive(Debug)]
pub struct Arg {
    /// Name in the kernel's own definition.
    pub name: &'static str,
    /// C type in the kernel's own definition.
    pub ctype: &'static str,
    /// Width of that C type, in bits.
    pub declared: u8,
    /// Width that the kernel really uses, in bits: 8, 16, 32 or 64; at most `declared`.
    pub width: u8,
    /// Whether the kernel compares it as a signed number.
    pub signed: bool,
    /// What sort of value it is.
    pub kind: ArgKind,
    /// Where it is.
    pub regs: Regs,
    /// Name of the constant set of its values, where one is known.
    pub set: Option<&'static str>,
}

/// How the members of a constant set combine in an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetKind {
    /// Any combination of bits.
    Flags,
    /// Exactly one of the values.
    Enum,
    /// An enumerated part under a mask, plus flags.
    Mixed,
}

/// A named set of constants that an argument draws its values from.
#[derive(Debug)]
pub struct Set {
    /// Name in the tables (`open_flags`).
    pub name: &'static str,
    /// How members combine.
    pub kind: SetKind,
    /// For [`SetKind::Mixed`], the constant whose bits hold the enumerated part, if it has
    /// a name.
    pub mask: Option<&'static str>,
    pub(crate) values: Names,
    pub(crate) flags: Names,
}

/// A constant on one ABI: what a C compiler makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constant {
    /// The value, negative for negative ones.
    pub value: i128,
    /// Width of its C type there, in bits: 32 or 64.
    pub width: u8,
    /// Whether that type is signed.
    pub signed: bool,
}

/// A set that an argument draws from only while another argument has one of some values:
/// `prctl.arg2` is a signal while `option` is `PR_SET_PDEATHSIG`.
#[derive(Debug)]
pub struct Dependent {
    /// The call, on every ABI that has it.
    pub call: &'static str,
    /// The argument.
    pub arg: &'static str,
    /// The argument that selects.
    pub on: &'static str,
    /// Constants of which it has one.
    pub values: Vec<&'static str>,
    /// Name of the set.
    pub set: &'static str,
}

/// A system call that carries others: the sub-call is a number in `selector`'s low bits.
#[derive(Debug)]
pub struct SubCall {
    /// The direct name (`socket`).
    pub name: &'static str,
    /// The multiplexer's name (`socketcall`, `ipc`).
    pub multiplexer: &'static str,
    /// Bits of the multiplexer's first argument that select the sub-call.
    pub mask: u32,
    /// Their value for this sub-call.
    pub value: u32,
}

/// A call some of whose arguments lie in memory, where a filter does not see them.
#[derive(Debug)]
pub struct InMemory {
    /// The call.
    pub call: &'static str,
    /// ABIs on which that is so; empty: all that have the call.
    pub abis: Vec<&'static str>,
    /// The argument that points at them.
    pub arg: &'static str,
    /// Their names, as a policy's author may look for them (`flags`, `mode`, `resolve`).
    pub fields: Vec<&'static str>,
    /// What lies there.
    pub note: &'static str,
}

/// A named group of calls, `@name` in a policy.
#[derive(Debug)]
pub struct Group {
    /// The name, without `@`.
    pub name: &'static str,
    /// What its calls have in common.
    pub about: &'static str,
    /// Names of the calls, sorted; an ABI may lack some.
    pub calls: Vec<&'static str>,
}

/// A name that is used for a call on ABIs whose table lacks the name. Where the call's name
/// depends on the ABI, the name has a row for each (`fstatat`: `newfstatat`, `fstatat64`).
#[derive(Debug)]
pub struct Alias {
    /// The name (`pread`).
    pub name: &'static str,
    /// The call (`pread64`).
    pub call: &'static str,
    /// Who uses it.
    pub note: &'static str,
}

/// Calls of which each does what another does: who refuses one means the others too.
#[derive(Debug)]
pub struct Family {
    /// A short name.
    pub name: &'static str,
    /// What they do.
    pub about: &'static str,
    /// Names of the calls, sorted: the same effect by other names.
    pub calls: Vec<&'static str>,
    /// Names of other calls, sorted, through which the same can be reached: by another
    /// mechanism (`io_uring_setup`), or as a part of what they do. Who refuses `calls` leaves
    /// the effect open by allowing one of these; to refuse one of these alone is no
    /// contradiction.
    pub others: Vec<&'static str>,
}

impl Abi {
    /// Whether a call under this ABI's token is of this ABI, by its number.
    #[must_use]
    pub const fn admits(&self, nr: u32) -> bool {
        match self.mark {
            Some(mark) => mark.admits(nr),
            None => true,
        }
    }
}

impl Syscall {
    /// Whether a kernel of that version has the number.
    #[must_use]
    pub fn exists_in(&self, kernel: KernelVersion) -> bool {
        self.since.is_none_or(|since| since <= kernel)
    }

    /// The argument of that name.
    #[must_use]
    pub fn arg(&self, name: &str) -> Option<&'static Arg> {
        self.args.iter().find(|arg| arg.name == name)
    }
}

impl Set {
    /// Names of the enumerated values, sorted; some may not exist on every ABI. Empty for
    /// [`SetKind::Flags`].
    #[must_use]
    pub fn values(&self) -> &[&'static str] {
        blob::blob().map_or(&[], |blob| self.values.names(blob))
    }

    /// Names of the flags, sorted; some may not exist on every ABI. Empty for
    /// [`SetKind::Enum`].
    #[must_use]
    pub fn flags(&self) -> &[&'static str] {
        blob::blob().map_or(&[], |blob| self.flags.names(blob))
    }

    /// Names of all members: values, then flags.
    pub fn members(&self) -> impl Iterator<Item = &'static str> {
        self.values().iter().chain(self.flags()).copied()
    }

    /// Whether a constant of that name is a member.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        blob::blob().and_then(|blob| blob.constant_id(name)).is_some_and(|id| self.has(id))
    }

    /// Whether it has no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.len() + self.flags.len() == 0
    }

    /// Whether the constant at a position is a member.
    pub(crate) fn has(&self, id: u16) -> bool {
        blob::contains(&self.values, id) || blob::contains(&self.flags, id)
    }
}
