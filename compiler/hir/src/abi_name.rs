//! What others call the ABIs: distributions, compilers, Go, systemd, libseccomp, and the
//! kernel's own tokens. Such a name is refused, and the one that policies use is offered.

use filterc_abi::{self as abi, Abi};

/// `(name, ABI)`; names in lower case, without `-` and `_`.
const OTHERS: &[(&str, &str)] = &[
    ("amd64", "x86_64"),
    ("x64", "x86_64"),
    ("amd64p32", "x32"),
    ("x8664x32", "x32"),
    ("x86", "i386"),
    ("i486", "i386"),
    ("i586", "i386"),
    ("i686", "i386"),
    ("ia32", "i386"),
    ("arm64", "aarch64"),
    ("armv8", "aarch64"),
    ("armv8l", "arm"),
    ("arm32", "arm"),
    ("armel", "arm"),
    ("armhf", "arm"),
    ("armeabi", "arm"),
    ("armv5", "arm"),
    ("armv6", "arm"),
    ("armv6l", "arm"),
    ("armv7", "arm"),
    ("armv7a", "arm"),
    ("armv7l", "arm"),
    ("riscv", "riscv64"),
    ("riscv64gc", "riscv64"),
    ("rv64", "riscv64"),
    ("rv32", "riscv32"),
    ("loongarch", "loongarch64"),
    ("loong64", "loongarch64"),
    ("powerpc", "ppc"),
    ("ppc32", "ppc"),
    ("powerpc64", "ppc64"),
    ("powerpc64le", "ppc64le"),
    ("ppc64el", "ppc64le"),
    ("systemz", "s390x"),
    ("zarch", "s390x"),
    ("mips32", "mips"),
    ("mipseb", "mips"),
    ("mipso32", "mips"),
    ("mips32el", "mipsel"),
    ("mipsle", "mipsel"),
    ("mips64eb", "mips64"),
    ("mips64n64", "mips64"),
    ("mips64el", "mipsel64"),
    ("mips64le", "mipsel64"),
    ("mipsn32", "mips64n32"),
    ("mips64p32", "mips64n32"),
    ("mipsn32el", "mipsel64n32"),
    ("mips64eln32", "mipsel64n32"),
    ("mips64len32", "mipsel64n32"),
    ("mips64p32le", "mipsel64n32"),
    ("hppa", "parisc"),
    ("hppa64", "parisc64"),
    ("68k", "m68k"),
    ("sh3", "sh"),
    ("sh4", "sh"),
    ("shel", "sh"),
    ("superh", "sh"),
    ("sh3eb", "sheb"),
    ("sh4eb", "sheb"),
    ("sparc32", "sparc"),
    ("sparcv9", "sparc64"),
];

/// The ABI that a name which is no ABI's is used for elsewhere.
#[must_use]
pub fn meant(name: &str) -> Option<&'static Abi> {
    let token = abi::abis().iter().find(|abi| abi.audit_arch_name.eq_ignore_ascii_case(name));
    if let Some(abi) = token {
        return abi::abi_by_audit_arch(abi.audit_arch);
    }
    let plain = plain(name);
    let plain = plain.strip_prefix("scmparch").unwrap_or(&plain);
    let ours = abi::abis().iter().find(|abi| self::plain(abi.name) == plain);
    let other = || OTHERS.iter().find(|(other, _)| *other == plain).map(|(_, ours)| *ours);
    ours.or_else(|| abi::abi(other()?))
}

/// Without what is spelt differently by different people.
fn plain(name: &str) -> String {
    let kept = name.chars().filter(|c| !matches!(c, '-' | '_'));
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_an_abi_and_none_hides_one() {
        for (other, ours) in OTHERS {
            assert!(abi::abi(ours).is_some(), "{ours}");
            assert_eq!(plain(other), *other);
            assert!(abi::abis().iter().all(|abi| plain(abi.name) != *other), "{other}");
            assert_eq!(OTHERS.iter().filter(|(name, _)| name == other).count(), 1, "{other}");
        }
    }

    #[test]
    fn names_of_others() {
        for (other, ours) in [
            ("amd64", "x86_64"),
            ("x86-64", "x86_64"),
            ("SCMP_ARCH_X86", "i386"),
            ("SCMP_ARCH_X32", "x32"),
            ("SCMP_ARCH_MIPSEL64N32", "mipsel64n32"),
            ("SCMP_ARCH_SH", "sh"),
            ("AUDIT_ARCH_SH", "sheb"),
            ("AUDIT_ARCH_SHEL", "sh"),
            ("AUDIT_ARCH_X86_64", "x86_64"),
            ("audit_arch_aarch64", "aarch64"),
            ("armv7l", "arm"),
            ("ppc64-le", "ppc64le"),
            ("mips64-le-n32", "mipsel64n32"),
            ("S390X", "s390x"),
        ] {
            assert_eq!(meant(other).map(|abi| abi.name), Some(ours), "{other}");
        }
        assert!(meant("vax").is_none() && meant("").is_none());
    }
}
