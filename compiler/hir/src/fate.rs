//! What may become of a call, whatever its arguments are.

use filterc_abi::{Abi, Action};

use crate::outcomes::Known;
use crate::policy::{AbiPolicy, RuleId, Selector};

/// Something that may decide a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// How.
    pub(crate) action: Action,
    /// The rule; `None` for `default` and `unknown`.
    pub(crate) rule: Option<RuleId>,
    /// Whether the rule names the call, not only `any`.
    pub(crate) named: bool,
}

/// Everything that may decide a call, in order. The last one decides if no earlier one does.
#[derive(Clone, Debug)]
pub(crate) struct Fate {
    pub(crate) steps: Vec<Step>,
}

/// Whether the kernel performs the call, without asking anybody.
pub(crate) const fn is_open(action: Action) -> bool {
    matches!(action, Action::Allow | Action::Log)
}

/// Whether the call may be performed: at once, or if a supervisor or tracer says so.
pub(crate) const fn may_pass(action: Action) -> bool {
    matches!(action, Action::Allow | Action::Log | Action::Notify | Action::Trace(_))
}

/// The errno that tells a caller that the kernel has no such call.
pub(crate) fn is_enosys(action: Action, abi: &'static Abi) -> bool {
    match action {
        Action::Errno(errno) => abi.constant("ENOSYS") == Some(errno.into()),
        Action::Allow
        | Action::Log
        | Action::Notify
        | Action::Trace(_)
        | Action::Trap(_)
        | Action::KillThread
        | Action::KillProcess => false,
    }
}

/// The arms of one ABI by the calls that they are about.
pub(crate) struct Fates<'p> {
    pub(crate) part: &'p AbiPolicy,
    /// Sorted: a number, and the position of an arm that names it.
    named: Vec<(u32, usize)>,
    /// The arms for ranges of numbers, each with its position.
    ranges: Vec<(u32, u32, usize)>,
    /// Positions of the arms for `any`.
    any: Vec<usize>,
}

impl<'p> Fates<'p> {
    pub(crate) fn new(part: &'p AbiPolicy) -> Self {
        let mut named = Vec::with_capacity(part.arms().len());
        let (mut ranges, mut any) = (Vec::new(), Vec::new());
        for (position, arm) in part.arms().iter().enumerate() {
            match arm.selector {
                Selector::Nr(nr) => named.push((nr, position)),
                Selector::Range(first, last) => ranges.push((first, last, position)),
                Selector::Known => any.push(position),
            }
        }
        named.sort_unstable();
        Self { part, named, ranges, any }
    }

    /// What may become of the call with that number.
    pub(crate) fn of(&self, nr: u32) -> Fate {
        let (part, mut steps) = (self.part, Vec::new());
        let start = self.named.partition_point(|(other, _)| *other < nr);
        let rest = self.named.get(start..).unwrap_or_default();
        let named = rest.iter().take_while(|(other, _)| *other == nr).map(|(_, at)| (*at, true));
        let within = |(first, last, _): &&(u32, u32, usize)| *first <= nr && nr <= *last;
        let mut ranged = self.ranges.iter().filter(within).map(|(.., at)| (*at, true)).peekable();
        let is_ranged = ranged.peek().is_some();
        let is_named = is_ranged || rest.first().is_some_and(|(other, _)| *other == nr);
        let has = part.has(nr);
        let any = if has { self.any.as_slice() } else { &[] };
        let is_mixed = is_ranged || !any.is_empty();
        let mut merged: Vec<(usize, bool)> = Vec::new();
        if is_mixed {
            merged.extend(named.clone().chain(ranged).chain(any.iter().map(|at| (*at, false))));
            merged.sort_unstable();
        }
        let alone = named.filter(|_| !is_mixed);
        let known = Known::new(part.abi(), Some(nr));
        let arms = merged.into_iter().chain(alone);
        for (arm, named) in arms.filter_map(|(at, named)| Some((part.arms().get(at)?, named))) {
            let settled = known.predicate(&arm.predicate);
            if settled != Some(false) {
                steps.push(Step { action: arm.action, rule: Some(arm.rule), named });
            }
            if settled == Some(true) {
                return Fate { steps };
            }
        }
        let decided = has || is_named;
        let action = if decided { part.default_action() } else { part.unknown_action() };
        steps.push(Step { action, rule: None, named: false });
        Fate { steps }
    }
}

impl Fate {
    /// Whether a rule names the call.
    pub(crate) fn is_named(&self) -> bool {
        self.steps.iter().any(|step| step.named)
    }

    /// Whether the call is performed whatever its arguments are.
    pub(crate) fn is_open(&self) -> bool {
        self.steps.iter().all(|step| is_open(step.action))
    }

    /// Whether some call gets through.
    pub(crate) fn may_pass(&self) -> bool {
        self.steps.iter().any(|step| may_pass(step.action))
    }

    /// What decides all calls, if it is one thing.
    pub(crate) fn only(&self) -> Option<Step> {
        match self.steps.as_slice() {
            [step] => Some(*step),
            [] | [..] => None,
        }
    }
}
