//! Kernel facts as tables: ABIs, system calls with the effective width and sign
//! of every argument, constants, constant sets, and the seccomp interface.
//!
//! Data only: nothing here decides anything. Every row comes from the committed
//! tables under `tables/` (their `MANIFEST` names the kernel), which a test parses whole.

mod abis;
mod rows;
pub mod seccomp;
mod tables;

use std::fmt;
use std::str::FromStr;

pub use seccomp::{Action, Endian, SeccompData};

/// A kernel version, `major.minor`: all that the tables know about ages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KernelVersion {
    /// The number before the first dot.
    pub major: u16,
    /// The number after it.
    pub minor: u16,
}

impl KernelVersion {
    /// The kernel that the tables were made from.
    pub const TABLE: Self = Self { major: 7, minor: 3 };
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for KernelVersion {
    type Err = ();

    /// Reads `6.6` or `2.6.16` (a third part is dropped for 3.0 and later, and
    /// folded for 2.6, where it was the release: all of 2.x counts as 2.x).
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('.');
        let mut part = || parts.next().and_then(|p| p.parse().ok());
        let (Some(major), Some(minor)) = (part(), part()) else { return Err(()) };
        Ok(Self { major, minor })
    }
}

/// A calling convention that reaches one system-call table of the kernel.
#[derive(Debug)]
pub struct Abi {
    /// Name in policies: `x86_64`, `i386`, `aarch64`, `riscv64`.
    pub name: &'static str,
    /// `AUDIT_ARCH_*` token in `seccomp_data.arch`.
    pub audit_arch: u32,
    /// Name of that token.
    pub audit_arch_name: &'static str,
    /// Byte order of `seccomp_data` and of the program.
    pub endian: Endian,
    /// Width of `long` and of pointers in user space, in bits: 32 or 64.
    pub word: u8,
    /// Where another ABI hides behind the same token: the bit of `nr` that marks its
    /// calls (x32's `0x4000_0000` on x86_64). −1 is not such a call, it is a skipped one.
    pub foreign_bit: Option<u32>,
}

/// Whether the kernel implements a number of its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Implemented.
    Implemented,
    /// In the table, but it points at `sys_ni_syscall`: always ENOSYS.
    Unimplemented,
}

/// One system call of one ABI.
#[derive(Debug)]
pub struct Syscall {
    /// The number as `seccomp_data.nr` shows it.
    pub nr: u32,
    /// The name in the kernel's table (`openat`, `newfstatat`).
    pub name: &'static str,
    /// Whether the number leads anywhere.
    pub status: Status,
    /// First kernel that had the call; `None` where not known: older than all tables.
    pub since: Option<KernelVersion>,
    /// The arguments, in the order of the kernel's definition; empty for
    /// [`Status::Unimplemented`].
    pub args: &'static [Arg],
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

/// What sort of value an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgKind {
    /// A number, a set of flags or an enumerated value.
    Integer,
    /// An address in the caller's memory: a filter sees the address, not what lies there.
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
    /// Width that the kernel really uses, in bits: 16, 32 or 64.
    pub width: u8,
    /// Whether the kernel compares it as a signed number.
    pub signed: bool,
    /// Number or address.
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
    /// Names of all members, sorted; some may not exist on every ABI.
    pub members: &'static [&'static str],
    /// For [`SetKind::Mixed`], the constant whose bits hold the enumerated part.
    pub mask: Option<&'static str>,
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

/// Every ABI with tables, sorted by name.
#[must_use]
pub fn abis() -> &'static [&'static Abi] {
    tables::abis()
}

/// The ABI of that name.
#[must_use]
pub fn abi(name: &str) -> Option<&'static Abi> {
    abis().iter().copied().find(|abi| abi.name == name)
}

/// Names that are ABIs of the kernel, but have no tables here; `(name, reason)`.
#[must_use]
pub fn abis_without_tables() -> &'static [(&'static str, &'static str)] {
    tables::WITHOUT_TABLES
}

/// The ABI with that token (for x32 calls too, x86_64).
#[must_use]
pub fn abi_by_audit_arch(token: u32) -> Option<&'static Abi> {
    abis().iter().copied().find(|abi| abi.audit_arch == token)
}

/// The x86_64 ABI.
#[must_use]
pub fn x86_64() -> &'static Abi {
    tables::x86_64()
}

/// The ABI of the machine that runs this code, if it has tables.
#[must_use]
pub fn host() -> Option<&'static Abi> {
    abi(match std::env::consts::ARCH {
        "x86" => "i386",
        name => name,
    })
}

/// The constant set of that name.
#[must_use]
pub fn set(name: &str) -> Option<&'static Set> {
    tables::set(name)
}

/// All constant sets, sorted by name.
#[must_use]
pub fn sets() -> &'static [Set] {
    tables::sets()
}

impl Abi {
    /// Every call of the table, sorted by number.
    #[must_use]
    pub fn syscalls(&'static self) -> &'static [Syscall] {
        tables::syscalls(self)
    }

    /// The call of that name.
    #[must_use]
    pub fn syscall(&'static self, name: &str) -> Option<&'static Syscall> {
        tables::syscall_by_name(self, name)
    }

    /// The call with that number.
    #[must_use]
    pub fn syscall_by_nr(&'static self, nr: u32) -> Option<&'static Syscall> {
        let calls = self.syscalls();
        calls.binary_search_by_key(&nr, |call| call.nr).ok().and_then(|i| calls.get(i))
    }

    /// The value of a kernel constant on this ABI: what a C compiler makes of it,
    /// negative for negative ones, up to 64 bits wide.
    #[must_use]
    pub fn constant(&'static self, name: &str) -> Option<i128> {
        tables::constant(self, name)
    }

    /// Names of all constants that exist on this ABI, sorted.
    pub fn constant_names(&'static self) -> impl Iterator<Item = &'static str> {
        tables::constant_names(self)
    }

    /// The multiplexed calls of this ABI (`socketcall`, `ipc`), sorted by name; most have none.
    #[must_use]
    pub fn sub_calls(&'static self) -> &'static [SubCall] {
        tables::sub_calls(self)
    }
}
