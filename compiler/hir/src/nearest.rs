//! Which ABIs to name where there are too many to name all.

use filterc_abi::Abi;

/// ABIs that a reader is likely to have, most likely first.
const COMMON: &[&str] =
    &["x86_64", "aarch64", "i386", "arm", "riscv64", "ppc64le", "s390x", "loongarch64"];

/// Names of ABIs, those first that are nearest to one of `listed`: of its architecture,
/// then the common ones, then the others by name.
pub(crate) fn names(
    abis: impl Iterator<Item = &'static Abi>,
    listed: &[&'static Abi],
) -> Vec<&'static str> {
    let key = |abi: &&'static Abi| {
        let kin = listed.iter().any(|other| other.kernel_arch == abi.kernel_arch);
        let common = COMMON.iter().position(|name| *name == abi.name);
        (!kin, common.unwrap_or(COMMON.len()), abi.name)
    };
    let mut abis: Vec<_> = abis.collect();
    abis.sort_by_key(key);
    abis.into_iter().map(|abi| abi.name).collect()
}

#[cfg(test)]
mod tests {
    use super::names;

    fn nearest(listed: &str) -> Vec<&'static str> {
        names(filterc_abi::abis().iter(), &[filterc_abi::abi(listed).unwrap()])
    }

    #[test]
    fn kin_come_first_then_the_common_ones() {
        assert_eq!(nearest("x32")[..4], ["x86_64", "i386", "x32", "aarch64"]);
        assert_eq!(nearest("mipsel")[..2], ["mips", "mips64"]);
        assert_eq!(nearest("aarch64")[..3], ["aarch64", "x86_64", "i386"]);
        assert_eq!(nearest("arm").len(), filterc_abi::abis().len());
    }
}
