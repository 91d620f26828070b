//! Kernel facts as tables: ABIs, system calls with the effective width and sign
//! of every argument, constants, constant sets, groups, and the seccomp interface.
//!
//! Data only: nothing here decides anything. Every row comes from the committed
//! tables under `tables/` (their `MANIFEST` names the kernel), which `filterc-gen pack`
//! makes into the file that is part of the binary: [`layout`].
//!
//! ```
//! let openat = filterc_abi::x86_64().syscall("openat").expect("every kernel has it");
//! let mode = openat.arg("mode").expect("the fourth argument");
//! assert_eq!((openat.nr, mode.width, mode.signed), (257, 16, false));
//! ```

mod blob;
pub mod facts;
pub mod layout;
pub mod members;
mod model;
mod names;
pub mod objects;
pub mod paths;
pub mod registers;
pub mod seccomp;
pub mod spelling;
mod tables;
mod version;

pub use facts::{Fact, Facts};
pub use model::{
    Abi, Alias, Arg, ArgKind, CloneOrder, Constant, Dependent, Family, Group, InMemory, Mark,
    Pairs, Regs, Set, SetKind, Status, SubCall, Syscall,
};
pub use seccomp::{Action, Endian, SeccompData};
pub use version::KernelVersion;

/// Every ABI with tables, sorted by name.
#[must_use]
pub fn abis() -> &'static [Abi] {
    tables::abis()
}

/// The ABI of that name.
#[must_use]
pub fn abi(name: &str) -> Option<&'static Abi> {
    let abis = abis();
    abis.binary_search_by(|abi| abi.name.cmp(name)).ok().and_then(|i| abis.get(i))
}

/// Names that are ABIs of the kernel, but have no tables here; `(name, reason)`.
#[must_use]
pub fn abis_without_tables() -> &'static [(&'static str, &'static str)] {
    tables::WITHOUT_TABLES
}

/// The ABI of a call with that token and number.
#[must_use]
pub fn abi_of_call(token: u32, nr: u32) -> Option<&'static Abi> {
    abis().iter().find(|abi| abi.audit_arch == token && abi.admits(nr))
}

/// The ABI with that token; where two share it (x86_64 and x32), the one without a mark in
/// its numbers.
#[must_use]
pub fn abi_by_audit_arch(token: u32) -> Option<&'static Abi> {
    abi_of_call(token, u32::MAX)
}

/// The x86_64 ABI.
#[must_use]
pub fn x86_64() -> &'static Abi {
    tables::x86_64()
}

/// The ABI of the machine that runs this code, if it has tables.
#[must_use]
pub fn host() -> Option<&'static Abi> {
    let pointer_width = if cfg!(target_pointer_width = "32") { 32 } else { 64 };
    of_target(std::env::consts::ARCH, Endian::HOST, pointer_width)
}

/// The ABI of a compilation target, by the compiler's `target_arch`, `target_endian` and
/// `target_pointer_width`, if it has tables.
#[must_use]
pub fn of_target(arch: &str, endian: Endian, pointer_width: u8) -> Option<&'static Abi> {
    let name = match (arch, endian) {
        ("x86", _) => "i386",
        ("x86_64", _) if pointer_width == 32 => "x32",
        ("powerpc", _) => "ppc",
        ("powerpc64", Endian::Big) => "ppc64",
        ("powerpc64", Endian::Little) => "ppc64le",
        ("mips" | "mips32r6", Endian::Big) => "mips",
        ("mips" | "mips32r6", Endian::Little) => "mipsel",
        ("mips64" | "mips64r6", Endian::Big) => "mips64",
        ("mips64" | "mips64r6", Endian::Little) => "mipsel64",
        (arch, _) => arch,
    };
    // There are big-endian arm targets, but no tables for them.
    abi(name).filter(|abi| abi.endian == endian && abi.word == pointer_width)
}

/// The constant set of that name.
#[must_use]
pub fn set(name: &str) -> Option<&'static Set> {
    let sets = sets();
    sets.binary_search_by(|set| set.name.cmp(name)).ok().and_then(|i| sets.get(i))
}

/// All constant sets, sorted by name.
#[must_use]
pub fn sets() -> &'static [Set] {
    tables::sets()
}

/// The sets that a constant is a member of.
pub fn sets_with(constant: &str) -> impl Iterator<Item = &'static Set> {
    let id = tables::constant_id(constant);
    sets().iter().filter(move |set| id.is_some_and(|id| set.has(id)))
}

/// All sets that arguments draw from depending on others, sorted by call.
#[must_use]
pub fn all_dependents() -> &'static [Dependent] {
    tables::dependents()
}

/// The sets that an argument of a call draws from depending on another argument.
pub fn dependents(call: &str, arg: &str) -> impl Iterator<Item = &'static Dependent> {
    tables::dependents().iter().filter(move |row| row.call == call && row.arg == arg)
}

/// Everything that calls take from memory, sorted by call; see [`Abi::in_memory`].
#[must_use]
pub fn all_in_memory() -> &'static [InMemory] {
    tables::in_memory()
}

/// The groups of calls, sorted by name. `@known` and `@since(VERSION)` are not among them:
/// they follow from the tables of an ABI.
#[must_use]
pub fn groups() -> &'static [Group] {
    tables::groups()
}

/// The group of that name, without `@`.
#[must_use]
pub fn group(name: &str) -> Option<&'static Group> {
    let groups = groups();
    groups.binary_search_by(|group| group.name.cmp(name)).ok().and_then(|i| groups.get(i))
}

/// Names that others use for calls, sorted.
#[must_use]
pub fn aliases() -> &'static [Alias] {
    tables::aliases()
}

/// What a name that the kernel's tables lack is used for, the first row of several.
#[must_use]
pub fn alias(name: &str) -> Option<&'static Alias> {
    aliases_named(name).next()
}

/// All that a name is used for, the call's name on one ABI and on others.
pub fn aliases_named(name: &str) -> impl Iterator<Item = &'static Alias> {
    aliases().iter().filter(move |alias| alias.name == name)
}

/// Families of calls that do the same thing, sorted by name.
#[must_use]
pub fn families() -> &'static [Family] {
    tables::families()
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
        // Up to the first gap, a number's distance from the first is its position.
        let distance = calls.first().and_then(|first| nr.checked_sub(first.nr));
        let guess = distance.and_then(|distance| calls.get(distance as usize));
        guess.filter(|call| call.nr == nr).or_else(|| {
            calls.binary_search_by_key(&nr, |call| call.nr).ok().and_then(|i| calls.get(i))
        })
    }

    /// The value of a kernel constant on this ABI: what a C compiler makes of it,
    /// negative for negative ones, up to 64 bits wide.
    #[must_use]
    pub fn constant(&'static self, name: &str) -> Option<i128> {
        self.constant_info(name).map(|constant| constant.value)
    }

    /// A kernel constant on this ABI, with the width and sign of its C type.
    #[must_use]
    pub fn constant_info(&'static self, name: &str) -> Option<Constant> {
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

    /// How many numbers, from 0 on, kernels since 5.11 keep in their bitmap of the calls that a
    /// filter always allows: `SECCOMP_ARCH_NATIVE_NR` or `SECCOMP_ARCH_COMPAT_NR` in
    /// `arch/*/include/asm/seccomp.h`, which is one more than the highest number of the table.
    /// None on mips, which has no bitmap, and of marked numbers (x32), which are beyond it.
    #[must_use]
    pub fn bitmap_len(&'static self) -> u32 {
        let is_marked = self.mark.is_some_and(|mark| mark.set);
        if self.filters_since.is_none() || self.kernel_arch == "mips" || is_marked {
            return 0;
        }
        let in_table = |call: &&Syscall| !matches!(call.status, Status::Private);
        let highest = self.syscalls().iter().rev().find(in_table);
        highest.map_or(0, |call| call.nr.saturating_add(1))
    }

    /// What a call of this ABI takes from memory, where a filter does not see it.
    #[must_use]
    pub fn in_memory(&'static self, call: &str) -> Option<&'static InMemory> {
        let here = |row: &InMemory| row.abis.is_empty() || row.abis.contains(&self.name);
        tables::in_memory().iter().find(|row| row.call == call && here(row))
    }
}
