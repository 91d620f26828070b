//! What a name is on one ABI.

use filterc_abi::{Abi, SubCall, Syscall};

/// A name on one ABI: as a call of its own, and through a multiplexer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnAbi {
    /// The call of that name.
    pub(crate) direct: Option<&'static Syscall>,
    /// The multiplexer's part of that name.
    pub(crate) sub_call: Option<&'static SubCall>,
}

/// What a name is on an ABI.
pub(crate) fn on_abi(abi: &'static Abi, name: &str) -> OnAbi {
    let sub_calls = abi.sub_calls();
    let found = sub_calls.binary_search_by(|sub| sub.name.cmp(name)).ok();
    OnAbi { direct: abi.syscall(name), sub_call: found.and_then(|i| sub_calls.get(i)) }
}
