//! Names of architectures and calls as other tools have them.

use filterc_abi::{self as abi, Abi, Syscall};

/// Names that are not those of our tables.
const NAMES: &[(&str, &str)] = &[
    ("amd64", "x86_64"),
    ("arm64", "aarch64"),
    ("i686", "i386"),
    ("loong64", "loongarch64"),
    ("mips-le", "mipsel"),
    ("mips64-le", "mipsel64"),
    ("mips64-le-n32", "mipsel64n32"),
    ("mips64-n32", "mips64n32"),
    ("mipso32", "mips"),
    ("ppc64-le", "ppc64le"),
    ("x86", "i386"),
    ("x86-64", "x86_64"),
];

/// The ABI that a tool's name means.
pub(crate) fn abi(name: &str) -> Option<&'static Abi> {
    let known = NAMES.iter().find(|(other, _)| *other == name);
    abi::abi(known.map_or(name, |(_, own)| own))
}

/// Macros of the kernel's headers that stand for a call of another name: ABI, macro, call.
const MACROS: &[(&str, &str, &str)] = &[("arm", "sync_file_range2", "arm_sync_file_range")];

/// The call that the headers of an ABI have under a name.
pub(crate) fn call(abi: &'static Abi, name: &str) -> Option<&'static Syscall> {
    let meant = MACROS.iter().find(|(on, it, _)| *on == abi.name && *it == name);
    abi.syscall(name).or_else(|| abi.syscall(meant?.2))
}

/// Whether a number can be one of a call of an ABI: −1 is what a tracer writes to skip one.
pub(crate) fn admits(abi: &Abi, nr: u32) -> bool {
    nr != u32::MAX && abi.admits(nr)
}

/// Whether a machine of the one ABI runs programs of the other.
pub(crate) fn runs(host: &Abi, other: &Abi) -> bool {
    let kernels = (host.kernel_arch, other.kernel_arch);
    host.endian == other.endian && (kernels.0 == kernels.1 || kernels == ("arm64", "arm"))
}
