//! Sequences of a policy, typed: which events in which order, and what is done then.
//!
//! A step that names calls is typed as a rule about them is, with the result that the call had as
//! one more field, `ret`. What must hold when a signal is delivered, and what must hold for the
//! whole sequence at its last event, is typed as a rule about `any` call is. So each of them is the
//! arms of a rule, on each ABI, and that rule's position is the step's.

use filterc_abi::Abi;
pub use filterc_grammar::ast::{Scope as Whose, Unit};
use filterc_grammar::source::Span;

use crate::arm::{Arm, RuleId, Selector};

/// A sequence on one ABI.
#[derive(Clone, Debug)]
pub struct OnAbi {
    /// The ABI.
    pub abi: &'static Abi,
    /// The arms of all steps, in the order of steps: [`Arm::rule`] is the step's position. Behind
    /// them, those of the condition.
    pub arms: Vec<Arm>,
    /// By step: the numbers of its signals, the lowest bit being that of signal 1; `None` for
    /// steps that are calls.
    pub signals: Vec<Option<u64>>,
}

impl OnAbi {
    /// The arms of a step (or, behind the last, of the condition) that are about a call's number;
    /// without one, about what is no call. One of them must hold.
    pub fn arms_of(&self, step: usize, nr: Option<u32>) -> impl Iterator<Item = &Arm> {
        let is_there = move |nr: u32| self.abi.syscall_by_nr(nr).is_some();
        let of_step = move |arm: &&Arm| usize::try_from(arm.rule.0).is_ok_and(|at| at == step);
        self.arms.iter().filter(of_step).filter(move |arm| match (arm.selector, nr) {
            (Selector::Nr(number), Some(nr)) => number == nr,
            (Selector::Range(first, last), Some(nr)) => first <= nr && nr <= last,
            (Selector::Known, Some(nr)) => is_there(nr),
            (Selector::Known, None) => true,
            (Selector::Nr(_) | Selector::Range(..), None) => false,
        })
    }
}

/// A sequence.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// Its name.
    pub name: String,
    /// The whole statement.
    pub span: Span,
    /// In how many of the units behind the first event all others must happen.
    pub within: u64,
    /// What is counted.
    pub unit: Unit,
    /// Whose events belong together.
    pub whose: Whose,
    /// How many steps it has.
    pub steps: usize,
    /// On each ABI of the policy, in their order.
    pub on: Vec<OnAbi>,
    /// What is written into the records then.
    pub logs: Vec<String>,
    /// Whether its process is killed then.
    pub kills: bool,
}

impl Sequence {
    /// The texts of the records that are written when it has happened: its name if the policy says
    /// none.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        if self.logs.is_empty() { vec![self.name.clone()] } else { self.logs.clone() }
    }

    /// Its part for a call with this token and number; without a number, for what is no call.
    #[must_use]
    pub fn part(&self, arch: u32, nr: Option<u32>) -> Option<&OnAbi> {
        self.on.iter().find(|on| on.abi.audit_arch == arch && nr.is_none_or(|nr| on.abi.admits(nr)))
    }
}

/// Which calls a tracer must see end, so that it sees sequences begin: the calls of first steps, by
/// ABI.
///
/// What follows a first step is seen by stopping at every call of the task, which a tracer does
/// for as long as something is under way.
pub fn firsts(sequences: &[Sequence]) -> impl Iterator<Item = (&'static Abi, Selector)> {
    let of_calls = |on: &&OnAbi| on.signals.first().is_some_and(Option::is_none);
    sequences.iter().flat_map(|sequence| &sequence.on).filter(of_calls).flat_map(|on| {
        let of_first = on.arms.iter().filter(|arm| arm.rule == RuleId(0));
        of_first.map(|arm| (on.abi, arm.selector))
    })
}
