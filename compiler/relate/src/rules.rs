//! Fates of calls as rules: calls with one fate in one rule, groups by their names.

use std::collections::{BTreeMap, BTreeSet};

use filterc_abi::{Abi, Action, Syscall};
use filterc_grammar::ast::{self, Call, CmpOp, File, Predicate, PredicateKind, StatementKind};
use filterc_grammar::print;
use filterc_grammar::source::Span;

use crate::fates::{Fate, OfAbi, only};
use crate::groups::named;
use crate::spell;

/// Rules that grow call by call.
pub(crate) struct Rules<'a> {
    pub(crate) abis: &'a [OfAbi<'a>],
    /// Those on which everything comes to one thing.
    pub(crate) alike: &'a [OfAbi<'a>],
    pub(crate) decide: &'a dyn Fn(&[u32]) -> Action,
    pub(crate) default: Action,
    pub(crate) first: &'static Abi,
    /// Rules of calls that carry others: a later rule that allows one of these is not to reach
    /// it by this way.
    pub(crate) first_rules: Vec<(Fate, Vec<Call>)>,
    /// For each fate, by its text, its actions and predicates, and the calls.
    pub(crate) groups: BTreeMap<String, (Fate, Vec<Call>)>,
}

impl Rules<'_> {
    /// A rule for all calls of each ABI on which everything comes to one thing.
    pub(crate) fn alike(&mut self) {
        for it in self.alike {
            if let Some(action) = it.fates.values().next().and_then(only) {
                let fate = vec![(action, Some(on(it.abi, false, None)))];
                self.first_rules.push((fate, vec![Call::Any(Span::default())]));
            }
        }
    }

    fn all_abis(&self) -> impl Iterator<Item = &'_ OfAbi<'_>> {
        self.abis.iter().chain(self.alike)
    }

    /// Numbers that no call has and that are not treated as unknown ones are.
    pub(crate) fn numbers(&mut self, unknown: Action) {
        // Between these, a number has one fate on each ABI, or is no unknown one there.
        let mut cuts: BTreeSet<u32> = BTreeSet::new();
        for gap in self.all_abis().flat_map(|it| &it.unknown) {
            cuts.insert(gap.first);
            cuts.extend(gap.last.checked_add(1));
        }
        let mut found: Vec<(u32, u32, Fate)> = Vec::new();
        let ends = cuts.iter().skip(1).map(|next| next - 1).chain([u32::MAX]);
        for (first, last) in cuts.iter().copied().zip(ends) {
            let gaps = self.all_abis().filter_map(|it| it.gap_of(first));
            if gaps.map(|gap| only(&gap.fate)).all(|action| action == Some(unknown)) {
                continue;
            }
            let fate = self.elsewhere(first);
            match found.last_mut() {
                Some(old) if old.1.checked_add(1) == Some(first) && old.2 == fate => old.1 = last,
                _ => found.push((first, last, fate)),
            }
        }
        for (first, last, fate) in found {
            self.add(fate, spell::numbers(first, last), false);
        }
    }

    /// What becomes of a number where no call has it: one that is named is no longer unknown, on
    /// any ABI.
    fn elsewhere(&self, nr: u32) -> Fate {
        let mut fate = Fate::new();
        let here: Vec<_> = self.all_abis().collect();
        // A number of two ABIs behind one token is one's own.
        let alone = here.iter().all(|it| it.abi.audit_arch == self.first.audit_arch);
        for it in here {
            for (action, predicate) in it.gap_of(nr).into_iter().flat_map(|gap| &gap.fate) {
                let here = if alone {
                    predicate.clone()
                } else {
                    Some(on(it.abi, true, predicate.clone()))
                };
                fate.push((*action, here));
            }
        }
        fate
    }

    /// A call: where ABIs treat it alike one fate, else one for each, the most frequent last.
    pub(crate) fn call(&mut self, name: &'static str) {
        let mut fates = self.fates_of(|it| it.fates.get(name).cloned());
        if fates.len() > 1 {
            // A rule is typed on all ABIs, and a name may have another type on each.
            let raw = self.fates_of(|it| it.raw(name, self.decide));
            let abis = |fates: &[(String, Fate, Vec<&'static Abi>)]| {
                fates.iter().map(|(.., abis)| abis.len()).sum::<usize>()
            };
            if abis(&raw) == abis(&fates) {
                fates = raw;
            }
        }
        fates.sort_by_key(|(.., abis)| abis.len());
        let Some((_, last, _)) = fates.pop() else { return };
        let mut all = Fate::new();
        for (_, fate, abis) in &fates {
            for abi in abis {
                let nr = abi.syscall(name).filter(|call| hides_nr(abi, call)).map(|call| call.nr);
                let here = |(action, predicate): &(Action, Option<Predicate>)| {
                    (*action, Some(on(abi, nr.is_some(), predicate.clone())))
                };
                let mut fate: Fate = fate.iter().map(here).collect();
                match nr {
                    Some(nr) => {
                        fate.extend(self.elsewhere(nr));
                        let call = spell::numbers(nr, nr);
                        self.first_rules.push((fate, vec![call]));
                    }
                    None => all.extend(fate),
                }
            }
        }
        all.extend(last);
        let call = Call::Name(spell::name(name));
        let carries = |it: &OfAbi<'_>| it.abi.sub_calls().iter().any(|sub| sub.multiplexer == name);
        if self.abis.iter().any(carries) {
            self.first_rules.push((all, vec![call]));
        } else {
            self.add(all, call, true);
        }
    }

    /// The fates of a call, each with the ABIs on which it is that.
    fn fates_of(
        &self,
        of: impl Fn(&OfAbi<'_>) -> Option<Fate>,
    ) -> Vec<(String, Fate, Vec<&'static Abi>)> {
        let mut fates: Vec<(String, Fate, Vec<&'static Abi>)> = Vec::new();
        for it in self.abis {
            let Some(fate) = of(it) else { continue };
            let text = fate_text(&fate);
            match fates.iter_mut().find(|(other, ..)| *other == text) {
                Some((.., abis)) => abis.push(it.abi),
                None => fates.push((text, fate, vec![it.abi])),
            }
        }
        fates
    }

    fn add(&mut self, fate: Fate, call: Call, known: bool) {
        // What comes to the default anyway needs no rule.
        if known && matches!(fate.as_slice(), [(only, None)] if *only == self.default) {
            return;
        }
        let text = fate_text(&fate);
        self.groups.entry(text).or_insert_with(|| (fate, Vec::new())).1.push(call);
    }

    pub(crate) fn text(self) -> String {
        let mut groups: Vec<(Fate, Vec<Call>)> = self.groups.into_values().collect();
        groups.sort_by_key(|(fate, calls)| (fate.len(), std::cmp::Reverse(calls.len())));
        let mut text = String::new();
        let first = self.first_rules.len();
        for (at, (mut fate, calls)) in self.first_rules.into_iter().chain(groups).enumerate() {
            if at >= first
                && matches!(fate.last(), Some((only, None)) if *only == self.default)
                && calls.iter().all(|call| matches!(call, Call::Name(_)))
            {
                fate.pop();
            }
            let calls = in_groups(calls, self.abis);
            for (action, predicate) in fate {
                let action = spell::action(action, Some(self.first));
                let rule = ast::Rule { action, calls: calls.clone(), predicate };
                let kind = StatementKind::Rule(rule);
                let statements = vec![ast::Statement { span: Span::default(), kind }];
                text.push_str(&print::file(&File { statements }));
            }
        }
        text
    }
}

/// Calls that are a group are named by it.
fn in_groups(calls: Vec<Call>, abis: &[OfAbi<'_>]) -> Vec<Call> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    let mut others = Vec::new();
    for call in calls {
        match call {
            Call::Name(name) => {
                names.insert(name.text);
            }
            call @ (Call::Group(_)
            | Call::Versioned(..)
            | Call::Any(_)
            | Call::Number(..)
            | Call::Range(..)) => {
                others.push(call);
            }
        }
    }
    let exists = |name: &str| abis.iter().any(|it| it.fates.contains_key(name));
    let mut result: Vec<Call> =
        named(&mut names, &exists).into_iter().map(|name| Call::Group(spell::name(name))).collect();
    result.extend(names.iter().map(|name| Call::Name(spell::name(name))));
    result.extend(others);
    result
}

/// Equal texts are equal fates.
fn fate_text(fate: &Fate) -> String {
    let part = |(action, predicate): &(Action, Option<Predicate>)| {
        let predicate = predicate.as_ref().map(print::predicate).unwrap_or_default();
        format!("{action} if {predicate}\n")
    };
    fate.iter().map(part).collect()
}

/// Whether a call has an argument in the way of what tells its ABI from another one.
fn hides_nr(abi: &'static Abi, call: &Syscall) -> bool {
    abi.mark.is_some() && call.arg("nr").is_some()
}

/// A predicate on one ABI only, for calls by name or by number.
fn on(abi: &'static Abi, by_number: bool, predicate: Option<Predicate>) -> Predicate {
    let field = |text: &str| ast::Field {
        name: spell::name(text),
        index: None,
        ustring: false,
        function: false,
        span: Span::default(),
    };
    let test = |field: ast::Field, mask: Option<u32>, relation: ast::Relation| {
        let mask = mask
            .map(|mask| ast::Mask { constant: spell::integer(mask.into()), parenthesised: false });
        let test = ast::Test { field, mask, relation };
        Predicate { kind: PredicateKind::Test(Box::new(test)), span: Span::default() }
    };
    let token = spell::token(abi);
    let mut parts = vec![test(field("arch"), None, ast::Relation::Compare(CmpOp::Eq, token))];
    if let Some(mark) = abi.mark.filter(|_| !by_number) {
        let marked = test(field("nr"), Some(mark.bit), ast::Relation::AnyBit);
        parts.push(if mark.set { marked } else { spell::not(marked) });
    }
    parts.extend(predicate);
    Predicate { kind: PredicateKind::And(parts), span: Span::default() }
}
