//! What the checker is told beside the policy.

use filterc_abi::Abi;

use crate::sight::Sight;

/// What is known about a policy from outside its text.
#[derive(Clone, Debug, Default)]
pub struct Options<'a> {
    /// The ABI of a policy without `arch`; `None` makes that an error.
    pub default_abi: Option<&'static Abi>,
    /// ABIs that stand in for those of `arch` (`--arch`).
    pub abis: Option<Vec<&'static Abi>>,
    /// `-D NAME=VALUE`: constants that win over those of the policy and the kernel.
    pub defines: &'a [(String, i128)],
    /// What the programs that the policy is for can see of a call.
    pub sight: Sight,
}
