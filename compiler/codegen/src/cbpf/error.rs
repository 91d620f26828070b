//! Errors of this stage.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use filterc_cbpf::MAX_INSNS;
use filterc_ir::RuleId;

use super::object::Object;

/// The codes of this stage.
pub const CODES: &[&str] = &["F0401"];

/// What was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// F0401: the finished program has more instructions than the kernel takes (4096).
    TooLong,
}

impl Kind {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "F0401",
        }
    }
}

/// What a rule costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RuleCost {
    /// The rule.
    pub rule: RuleId,
    /// Instructions that are there for it.
    pub insns: usize,
}

/// A program that is too long for the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// What was exceeded.
    pub kind: Kind,
    /// Instructions of the finished program.
    pub insns: usize,
    /// The limit.
    pub limit: usize,
    /// What each rule costs, the dearest first, equal ones in rule order.
    pub costs: Vec<RuleCost>,
}

impl TooLong {
    pub(super) fn of(object: &Object) -> Self {
        let mut counts: BTreeMap<RuleId, usize> = BTreeMap::new();
        for rule in object.origin.iter().flatten() {
            *counts.entry(*rule).or_default() += 1;
        }
        let cost = |(rule, insns)| RuleCost { rule, insns };
        let mut costs: Vec<_> = counts.into_iter().map(cost).collect();
        // The sort is stable, so equal costs stay in rule order.
        costs.sort_by_key(|cost| std::cmp::Reverse(cost.insns));
        Self { kind: Kind::TooLong, insns: object.insns.len(), limit: MAX_INSNS, costs }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.kind.code()
    }
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind: Kind::TooLong, insns, limit, costs: _ } = self;
        write!(f, "the program has {insns} instructions; the kernel takes {limit}")
    }
}

impl Error for TooLong {}
