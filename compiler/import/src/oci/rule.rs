//! A rule of a profile.

use filterc_abi::{Abi, Action, SubCall, Syscall};

use crate::arguments::conditions::Condition;
use crate::oci::profile::Entry;

/// A rule that decides something.
#[derive(Clone, Debug)]
pub(crate) struct Rule<'p> {
    pub(crate) entry: &'p Entry,
    pub(crate) action: Action,
    /// The calls for which it decides.
    pub(crate) names: Vec<&'p str>,
    /// Of these one must hold, all of its conditions; empty for a rule without conditions.
    pub(crate) alternatives: Vec<Vec<&'p Condition>>,
    /// What its author says of it.
    pub(crate) comments: Vec<String>,
    /// What a group of its calls may be called.
    pub(crate) group: Option<String>,
}

/// What a name is on an ABI: a call, a multiplexer's part, both or neither.
pub(crate) fn on(
    abi: &'static Abi,
    name: &str,
) -> (Option<&'static Syscall>, Option<&'static SubCall>) {
    (abi.syscall(name), abi.sub_calls().iter().find(|sub| sub.name == name))
}
