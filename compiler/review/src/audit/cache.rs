//! Calls that are always allowed, and miss the kernel's cache.

use filterc_abi::Action;
use filterc_cbpf::{Verified, const_allow};

use crate::audit::finding::{Finding, Level, names};
use crate::audit::view::{OfAbi, only};

pub(crate) const UNCACHED: &str = "F0323";

pub(crate) fn look(of_abi: &OfAbi<'_>, program: &Verified, found: &mut Vec<Finding>) {
    let abi = of_abi.abi;
    if abi.bitmap_len() == 0 {
        return;
    }
    let allowed = of_abi.calls.iter().filter(|(call, decision)| {
        only(decision).map(Action::from_ret) == Some(Action::Allow)
            && !const_allow(program, call.nr.cast_signed(), abi.audit_arch)
    });
    let missed: Vec<_> = allowed.collect();
    let Some((first, decision)) = missed.first() else { return };
    let list: Vec<&'static str> = missed.iter().map(|(call, _)| call.name).collect();
    found.push(Finding {
        code: UNCACHED,
        level: Level::Note,
        abis: vec![abi.name],
        calls: list.clone(),
        message: format!(
            "allowed whatever the arguments are, and yet the program runs for each call: the kernel's \
             cache (since 5.11) cannot see it: {}",
            names(&list)
        ),
        help: Some("decide them by their numbers, before any argument is looked at"),
        witness: of_abi.example(first.nr, decision, &|_| true),
    });
}
