//! A resolved and typed policy: for each ABI the ordered rules, with every name gone.

use std::collections::BTreeSet;

use filterc_abi::{Abi, Action, Endian, KernelVersion};
use filterc_grammar::source::Span;

use crate::expr::{Predicate, Replacement};
use crate::limits::MAX_PARAMS;
use crate::questions::Question;

/// A rule of the source, by its position in the ordered list (0 is the first).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub u32);

/// What of a rule later stages point back at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleOrigin {
    /// The whole rule in the text.
    pub span: Span,
}

/// Which calls an arm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Selector {
    /// The call with this number.
    Nr(u32),
    /// Every number between two, both included, whether a call has it or not. −1 is never among
    /// them, and of a number of another ABI behind the same token nothing is said. The arm's
    /// predicate does not ask for `nr`: the range says which numbers are meant.
    Range(u32, u32),
    /// `any`: every call that the policy's kernel has. A newer number is covered only
    /// by its own name or number.
    Known,
}

/// One (rule, call) pair: the predicate is resolved against that call's fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arm {
    /// The rule that it is of.
    pub rule: RuleId,
    /// The calls.
    pub selector: Selector,
    /// When.
    pub predicate: Predicate,
    /// What then.
    pub action: Action,
}

/// A parameter: a constant that the loader supplies.
///
/// Its value is a number of 64 bits in two's complement; where it is compared with a field
/// of fewer, with so many of its low bits. Only numbers of the range below are let in, so
/// that those bits say all of it, on every ABI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its type, as the policy spells it.
    pub ty: String,
    /// The whole statement.
    pub span: Span,
    /// The smallest number that fits.
    pub min: i128,
    /// The largest.
    pub max: i128,
}

/// A label: a name for a set of objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: String,
    /// Patterns of the objects' paths.
    pub patterns: Vec<String>,
    /// The whole statement.
    pub span: Span,
}

/// A policy for one ABI.
#[derive(Clone, Debug)]
pub struct AbiPolicy {
    abi: &'static Abi,
    kernel: KernelVersion,
    default: Action,
    unknown: Action,
    arms: Vec<Arm>,
    named: BTreeSet<u32>,
    ranges: Vec<(u32, u32)>,
    racy: BTreeSet<u32>,
}

impl AbiPolicy {
    /// A policy for one ABI; `arms` are in rule order.
    #[must_use]
    pub fn new(
        abi: &'static Abi,
        kernel: KernelVersion,
        default: Action,
        unknown: Action,
        arms: Vec<Arm>,
    ) -> Self {
        let named = arms
            .iter()
            .filter_map(|arm| match arm.selector {
                Selector::Nr(nr) => Some(nr),
                Selector::Range(..) | Selector::Known => None,
            })
            .collect();
        let ranges = joined(arms.iter().filter_map(|arm| match arm.selector {
            Selector::Range(first, last) => Some((first, last)),
            Selector::Nr(_) | Selector::Known => None,
        }));
        Self { abi, kernel, default, unknown, arms, named, ranges, racy: BTreeSet::new() }
    }

    /// The same part with calls of which the policy says that they may be raced (`racy`).
    #[must_use]
    pub fn with_racy(self, racy: BTreeSet<u32>) -> Self {
        Self { racy, ..self }
    }

    /// Whether a call may go on although memory was looked at for its decision, which other
    /// threads can change: `racy` names it.
    #[must_use]
    pub fn is_racy(&self, nr: u32) -> bool {
        self.racy.contains(&nr)
    }

    /// The ABI.
    #[must_use]
    pub const fn abi(&self) -> &'static Abi {
        self.abi
    }

    /// The kernel that the policy was written against.
    #[must_use]
    pub const fn kernel(&self) -> KernelVersion {
        self.kernel
    }

    /// The decision when no rule matched.
    #[must_use]
    pub const fn default_action(&self) -> Action {
        self.default
    }

    /// The decision for a number that is neither in the policy's kernel nor named.
    #[must_use]
    pub const fn unknown_action(&self) -> Action {
        self.unknown
    }

    /// The arms, in rule order.
    #[must_use]
    pub fn arms(&self) -> &[Arm] {
        &self.arms
    }

    /// Numbers that a rule names one by one, sorted.
    #[must_use]
    pub const fn named(&self) -> &BTreeSet<u32> {
        &self.named
    }

    /// Numbers that rules name by range: from first to last, sorted and apart.
    #[must_use]
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    /// Whether a rule names the number, alone or in a range.
    #[must_use]
    pub fn names(&self, nr: u32) -> bool {
        let next = self.ranges.partition_point(|(_, last)| *last < nr);
        let in_range = self.ranges.get(next).is_some_and(|(first, _)| *first <= nr);
        in_range || self.named.contains(&nr)
    }

    /// Whether the policy's kernel has the number: what `any` stands for.
    #[must_use]
    pub fn has(&self, nr: u32) -> bool {
        self.abi.syscall_by_nr(nr).is_some_and(|call| call.exists_in(self.kernel))
    }
}

/// Ranges, each from first to last, as ranges that are sorted and apart.
fn joined(ranges: impl Iterator<Item = (u32, u32)>) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = ranges.collect();
    ranges.sort_unstable();
    let mut joined: Vec<(u32, u32)> = Vec::new();
    for (first, last) in ranges {
        match joined.last_mut() {
            Some(old) if old.1.checked_add(1).is_none_or(|next| first <= next) => {
                old.1 = old.1.max(last);
            }
            Some(_) | None => joined.push((first, last)),
        }
    }
    joined
}

/// A whole policy.
#[derive(Clone, Debug)]
pub struct Policy {
    abis: Vec<AbiPolicy>,
    foreign: Action,
    rules: Vec<RuleOrigin>,
    params: Vec<Param>,
    labels: Vec<Label>,
    questions: Vec<Question>,
}

impl Policy {
    /// A policy; `abis` are in the order of the text and each stands there once.
    #[must_use]
    pub const fn new(abis: Vec<AbiPolicy>, foreign: Action, rules: Vec<RuleOrigin>) -> Self {
        Self { abis, foreign, rules, params: Vec::new(), labels: Vec::new(), questions: Vec::new() }
    }

    /// The policy with these parameters; fields name them by position.
    #[must_use]
    pub fn with_params(self, params: Vec<Param>) -> Self {
        Self { params, ..self }
    }

    /// The same policy with labels: the bit of each is its position.
    #[must_use]
    pub fn with_labels(self, labels: Vec<Label>) -> Self {
        Self { labels, ..self }
    }

    /// The same policy with questions; fields name them by position.
    #[must_use]
    pub fn with_questions(self, questions: Vec<Question>) -> Self {
        Self { questions, ..self }
    }

    /// What only a monitor can answer, in the order of its fields.
    #[must_use]
    pub fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// The labels of objects, in the order of their bits.
    #[must_use]
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// The parameters that have no value yet.
    #[must_use]
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    /// The policy with constants in place of its parameters: those values, by position; one
    /// that is missing is 0.
    #[must_use]
    pub fn bound(&self, params: &[u64]) -> Self {
        Self { params: Vec::new(), ..self.replaced(Replacement::Values(params)) }
    }

    /// The policy with its parameters in the order of these names, all of its own among them:
    /// so that parameters of two policies can be the same. `None` if a name is not there, or
    /// there are more than a policy may have.
    #[must_use]
    pub fn in_order_of(&self, names: &[&str]) -> Option<Self> {
        let position = |param: &Param| {
            let at = names.iter().position(|name| *name == param.name)?;
            u8::try_from(at).ok().filter(|_| at < MAX_PARAMS)
        };
        let positions: Option<Vec<u8>> = self.params.iter().map(position).collect();
        Some(self.replaced(Replacement::Positions(&positions?)))
    }

    fn replaced(&self, with: Replacement<'_>) -> Self {
        let mut abis = self.abis.clone();
        for arm in abis.iter_mut().flat_map(|part| &mut part.arms) {
            arm.predicate = arm.predicate.replaced(with);
        }
        Self { abis, ..self.clone() }
    }

    /// The ABIs that the policy covers.
    #[must_use]
    pub fn abis(&self) -> &[AbiPolicy] {
        &self.abis
    }

    /// The part for one ABI.
    #[must_use]
    pub fn abi(&self, abi: &Abi) -> Option<&AbiPolicy> {
        self.abis.iter().find(|part| part.abi.name == abi.name)
    }

    /// The policy on machines of one byte order: its ABIs of the other do not occur there, and
    /// are as foreign as any.
    #[must_use]
    pub fn of_order(&self, endian: Endian) -> Self {
        let mut abis = self.abis.clone();
        abis.retain(|part| part.abi.endian == endian);
        Self { abis, ..self.clone() }
    }

    /// The decision for calls of any other ABI.
    #[must_use]
    pub const fn foreign_action(&self) -> Action {
        self.foreign
    }

    /// The rules' origins, in rule order.
    #[must_use]
    pub fn rules(&self) -> &[RuleOrigin] {
        &self.rules
    }
}
