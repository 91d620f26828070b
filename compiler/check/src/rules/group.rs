//! Numbers of one ABI that have equal residuals (the arms that cover a number, in rule
//! order): what is true of one of them is true of all.

use filterc_abi::{Action, SeccompData};
use filterc_hir::expr::Predicate;
use filterc_hir::policy::{AbiPolicy, RuleId};

use super::search::{MAX_WANTED, Searches};
use crate::input::Input;
use crate::region::Head;

/// One arm of a residual.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'p> {
    pub(crate) rule: RuleId,
    pub(crate) action: Action,
    pub(crate) predicate: &'p Predicate,
}

/// Numbers of one ABI that have the same residual.
#[derive(Clone, Copy)]
pub(crate) struct Group<'g> {
    pub(crate) part: &'g AbiPolicy,
    /// The first of the numbers.
    pub(crate) nr: u32,
    /// Whether the policy's kernel has the numbers.
    pub(crate) is_known: bool,
    /// The arms that cover them, in rule order. One whose predicate is settled by the number
    /// alone has the constant for a predicate.
    pub(crate) entries: &'g [Entry<'g>],
}

impl Group<'_> {
    /// The token and the first number.
    pub(crate) fn head(&self) -> Head {
        Head { arch: self.part.abi().audit_arch, nr: self.nr }
    }

    /// A call with the first of the numbers, all registers 0.
    pub(crate) fn call(&self) -> Input {
        Input::of(self.nr.cast_signed(), self.part.abi().audit_arch)
    }

    /// Whether the call is one of the group, by its number and token.
    pub(crate) fn has(&self, call: &SeccompData) -> bool {
        self.head() == Head { arch: call.arch, nr: call.nr.cast_unsigned() }
    }

    /// The action for a call of the group, without some of the rules.
    pub(crate) fn decide(&self, call: &Input, is_gone: impl Fn(RuleId) -> bool) -> Action {
        let mut entries = self.entries.iter().filter(|entry| !is_gone(entry.rule));
        let decides = entries.find(|entry| call.holds(entry.predicate));
        decides.map_or(self.part.default_action(), |entry| entry.action)
    }

    /// Where the entries of a rule begin and end.
    fn of(&self, rule: RuleId) -> (usize, usize) {
        // Hardly any group has more than one rule.
        if let [entry] = self.entries {
            return if entry.rule == rule { (0, 1) } else { (1, 1) };
        }
        let begin = self.entries.partition_point(|entry| entry.rule < rule);
        let behind = self.entries.get(begin..).unwrap_or_default();
        (begin, begin + behind.partition_point(|entry| entry.rule == rule))
    }

    /// A call that a rule decides, if a quick search finds one.
    pub(crate) fn find_decided(&self, rule: RuleId, searches: &mut Searches) -> Option<Input> {
        let (begin, end) = self.of(rule);
        // Of several arms of a rule the first is asked for, and may not be the only one.
        let entry = self.entries.get(begin..end)?.first()?;
        find_with(self.entries.get(..begin)?, Some(entry.predicate), self, searches)
    }

    /// A call for which a rule's predicate fails, if a quick search finds one.
    pub(crate) fn find_failing(&self, rule: RuleId, searches: &mut Searches) -> Option<Input> {
        let (begin, end) = self.of(rule);
        find_with(self.entries.get(begin..end)?, None, self, searches)
    }

    /// A call that is not allowed, if a quick search finds one.
    pub(crate) fn find_refused(&self, searches: &mut Searches) -> Option<Input> {
        let default = || find_with(self.entries, None, self, searches);
        let by_default = (self.part.default_action() != Action::Allow).then(default).flatten();
        by_default.or_else(|| {
            let mut refusing = self.entries.iter().filter(|entry| entry.action != Action::Allow);
            refusing.find_map(|entry| self.find_decided(entry.rule, searches))
        })
    }
}

/// A call for which one predicate holds, and those of other entries fail.
fn find_with<'p>(
    failing: &[Entry<'p>],
    holding: Option<&'p Predicate>,
    group: &Group<'_>,
    searches: &mut Searches,
) -> Option<Input> {
    if failing.len() > MAX_WANTED || !searches.spend(failing.len() + 1) {
        return None;
    }
    let call = group.call();
    if failing.is_empty() && matches!(holding, Some(Predicate::True)) {
        return Some(call);
    }
    let mut wanted: Vec<(&Predicate, bool)> = holding.map(|p| (p, true)).into_iter().collect();
    for entry in failing {
        match entry.predicate {
            Predicate::True => return None,
            Predicate::False => {}
            Predicate::Not(_) | Predicate::And(_) | Predicate::Or(_) | Predicate::Test(_) => {
                wanted.push((entry.predicate, false));
            }
        }
    }
    searches.find(&wanted, &call)
}
