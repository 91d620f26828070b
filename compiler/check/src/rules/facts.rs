//! What can be said of the rules of a policy.

use std::collections::BTreeSet;

use filterc_abi::{Abi, SeccompData};
use filterc_hir::policy::RuleId;

/// A call that shows something: see [`Facts::call`]. The same call mostly shows several things
/// of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Witness(pub(super) u32);

/// Whether there is a call of some kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This is one.
    Yes(Witness),
    /// There is none.
    No,
    /// The policy is too large to say.
    Open,
}

/// What is true of a rule, over all its calls on all ABIs of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFacts {
    /// A call for which the rule's predicate holds.
    pub holds: Answer,
    /// A call, of those that the rule names, for which it does not. `No` for a rule without
    /// a predicate.
    pub fails: Answer,
    /// A call that the rule decides.
    pub decides: Answer,
    /// A call that the policy without this rule would decide otherwise. The rules are judged
    /// from the last to the first, each as if those of which this is `No` were gone already:
    /// all of them can be removed together.
    pub matters: Answer,
    /// Of a rule that never decides, an earlier rule that holds whenever it does; if there
    /// is no such rule, those that decide the calls for which it holds.
    pub decided_by: BTreeSet<RuleId>,
    /// Of a rule that does not matter, the later rules that would decide its calls; what
    /// is left falls to the default.
    pub followed_by: BTreeSet<RuleId>,
}

/// Calls that are allowed whatever their arguments are, although some rule asks for those.
#[derive(Clone, Debug)]
pub struct Allowed {
    /// The ABI.
    pub abi: &'static Abi,
    /// Numbers of calls that the policy's kernel has.
    pub numbers: Vec<u32>,
    /// The first rule that asks.
    pub asks: RuleId,
}

/// What is true of a policy.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Of each rule, in rule order.
    pub rules: Vec<RuleFacts>,
    /// All such calls, but those that took too long to say.
    pub allowed: Vec<Allowed>,
    /// By witness.
    pub(super) calls: Vec<SeccompData>,
}

impl Facts {
    /// The call that a witness of these facts stands for.
    #[must_use]
    pub fn call(&self, witness: Witness) -> SeccompData {
        self.calls.get(witness.0 as usize).copied().unwrap_or_default()
    }
}
