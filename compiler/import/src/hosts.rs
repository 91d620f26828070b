//! Names of architectures as other tools have them.

use filterc_abi::{self as abi, Abi};

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

/// Whether a machine of the one ABI runs programs of the other.
pub(crate) fn runs(host: &Abi, other: &Abi) -> bool {
    let kernels = (host.kernel_arch, other.kernel_arch);
    host.endian == other.endian && (kernels.0 == kernels.1 || kernels == ("arm64", "arm"))
}
