//! What was decided, written as a policy again.
//!
//! The text is what a person would want to read: calls with one fate in one rule, groups by
//! their names, conditions in the words of the language. It is not believed: whoever asks for it
//! has it typed and judged against what it was made from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use filterc_abi::{self as abi, Abi, Action, Endian, Syscall};
use filterc_check::Part;
use filterc_grammar::ast::{self, Call, CmpOp, File, Predicate, PredicateKind, StatementKind};
use filterc_grammar::print;
use filterc_grammar::source::Span;

use crate::fields::Fields;
use crate::formula::{Formula, formula};
use crate::numbers::{Numbers, numbers};
use crate::spell;

/// What a policy cannot say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inexpressible {
    /// Other architectures are not all treated alike.
    Architectures((u32, u32)),
    /// So many numbers that no call has are treated otherwise than the rest.
    Numbers {
        /// Under that ABI.
        abi: &'static str,
        /// The first.
        first: u32,
        /// The last.
        last: u32,
    },
    /// A call is decided by its arguments in a way that no predicate of bearable length says.
    Arguments {
        /// Under that ABI.
        abi: &'static str,
        /// The call.
        call: &'static str,
    },
    /// No ABI is treated otherwise than those that are not listed.
    NoAbi,
}

impl fmt::Display for Inexpressible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Architectures((first, last)) => {
                write!(f, "the architectures {first:#x} to {last:#x} are not treated as others")
            }
            Self::Numbers { abi, first, last } => write!(
                f,
                "the numbers {first:#x} to {last:#x} of {abi}, which no call has, are not treated \
                 as others"
            ),
            Self::Arguments { abi, call } => {
                write!(
                    f,
                    "no predicate of bearable length says when {call} on {abi} is decided how"
                )
            }
            Self::NoAbi => f.write_str("no known ABI is treated otherwise than unknown ones"),
        }
    }
}

impl std::error::Error for Inexpressible {}

/// What several sides say on machines of one byte order, and what is made of it.
#[derive(Clone, Copy, Debug)]
pub struct Said<'s> {
    /// The byte order.
    pub endian: Endian,
    /// All parts.
    pub parts: &'s [Part],
}

/// The fate of one call: for each action when, the last one else.
type Fate = Vec<(Action, Option<Predicate>)>;

/// Numbers that no call has and that are named one by one, at most so many in a range.
const MAX_NAMED: u32 = 512;

/// A policy that decides as `combine` says for what the sides say.
///
/// # Errors
/// The language has no words for it.
pub fn policy(said: &[Said<'_>], combine: &dyn Fn(&[u32]) -> u32) -> Result<String, Inexpressible> {
    let decide = |values: &[u32]| Action::from_ret(combine(values));
    let foreign = foreign(said, &decide)?;
    let mut abis: Vec<OfAbi<'_>> = Vec::new();
    for one in said {
        let known = abi::abis()
            .iter()
            .filter(|abi| abi.endian == one.endian && abi.filters_since.is_some());
        for abi in known {
            let of_abi = OfAbi::new(abi, one, &decide)?;
            if !of_abi.is_always(foreign) {
                abis.push(of_abi);
            }
        }
    }
    let first = abis.first().ok_or(Inexpressible::NoAbi)?.abi;
    let unknown = unknown(&abis);
    let default = default(&abis);
    let mut text = String::new();
    let mut header = |kind: StatementKind| {
        let statements = vec![ast::Statement { span: Span::default(), kind }];
        text.push_str(&print::file(&File { statements }));
    };
    header(StatementKind::Arch(abis.iter().map(|it| spell::name(it.abi.name)).collect()));
    header(StatementKind::Default(spell::action(default, Some(first))));
    header(StatementKind::Unknown(Some(spell::action(unknown, Some(first)))));
    header(StatementKind::Foreign(spell::action(foreign, Some(first))));
    let (first_rules, groups) = (Vec::new(), BTreeMap::new());
    let mut rules = Rules { abis: &abis, decide: &decide, default, first, first_rules, groups };
    rules.numbers(unknown)?;
    for name in abis.iter().flat_map(|it| it.fates.keys()).collect::<BTreeSet<_>>() {
        rules.call(name);
    }
    text.push('\n');
    text.push_str(&rules.text());
    Ok(text)
}

fn foreign(said: &[Said<'_>], decide: &dyn Fn(&[u32]) -> Action) -> Result<Action, Inexpressible> {
    let mut found: Option<Action> = None;
    for part in said.iter().flat_map(|one| one.parts) {
        let listed = part.arch.0 == part.arch.1 && abi::abi_by_audit_arch(part.arch.0).is_some();
        if listed {
            continue;
        }
        let action = part.decision.only().map(decide);
        match (action, found) {
            (Some(action), None) => found = Some(action),
            (Some(action), Some(old)) if action == old => {}
            (Some(_) | None, _) => return Err(Inexpressible::Architectures(part.arch)),
        }
    }
    found.ok_or(Inexpressible::NoAbi)
}

/// What becomes of the calls of one ABI.
struct OfAbi<'s> {
    abi: &'static Abi,
    fates: BTreeMap<&'static str, Fate>,
    /// What the calls with these fates are decided by.
    parts: BTreeMap<&'static str, (&'static Syscall, &'s Part)>,
    endian: Endian,
    /// Numbers that no call has, first and last, and what becomes of them.
    unknown: Vec<(u32, u32, Action)>,
}

impl<'s> OfAbi<'s> {
    fn new(
        abi: &'static Abi,
        said: &Said<'s>,
        decide: &dyn Fn(&[u32]) -> Action,
    ) -> Result<Self, Inexpressible> {
        let (fates, parts, unknown) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let mut new = Self { abi, fates, parts, endian: said.endian, unknown };
        let here = |part: &&Part| part.arch.0 <= abi.audit_arch && abi.audit_arch <= part.arch.1;
        for part in said.parts.iter().filter(here) {
            for numbers in numbers(abi, part.nr) {
                match numbers {
                    Numbers::Call(call) => {
                        let fields =
                            Fields::new(Some(abi), Some(call), said.endian, &part.decision);
                        new.fates.insert(call.name, fate(abi, call, &fields, part, decide)?);
                        new.parts.insert(call.name, (call, part));
                    }
                    Numbers::Unknown(first, last) => {
                        let values = part.decision.only();
                        let error = || Inexpressible::Numbers { abi: abi.name, first, last };
                        new.gap(first, last, decide(values.ok_or_else(error)?));
                    }
                }
            }
        }
        Ok(new)
    }

    /// Numbers that no call has, behind those that are known.
    fn gap(&mut self, first: u32, last: u32, action: Action) {
        match self.unknown.last_mut() {
            Some(old) if old.2 == action && old.1.checked_add(1) == Some(first) => old.1 = last,
            _ => self.unknown.push((first, last, action)),
        }
    }

    /// The fate of a call in terms of registers, which mean the same on every ABI; `None` if
    /// that cannot be said.
    fn raw(&self, name: &str, decide: &dyn Fn(&[u32]) -> Action) -> Option<Fate> {
        let (call, part) = self.parts.get(name)?;
        let registers = Fields::new(None, None, self.endian, &part.decision);
        fate(self.abi, call, &registers, part, decide).ok()
    }

    /// Whether everything has one fate.
    fn is_always(&self, action: Action) -> bool {
        let is = |fate: &Fate| matches!(fate.as_slice(), [(only, None)] if *only == action);
        self.fates.values().all(is) && self.unknown.iter().all(|(_, _, it)| *it == action)
    }
}

/// The fate of a call: what is said shortly comes first.
fn fate(
    abi: &'static Abi,
    call: &'static Syscall,
    fields: &Fields,
    part: &Part,
    decide: &dyn Fn(&[u32]) -> Action,
) -> Result<Fate, Inexpressible> {
    let decision = &part.decision;
    if let Some(values) = decision.only() {
        return Ok(vec![(decide(values), None)]);
    }
    let actions: BTreeSet<Action> = decision.values.iter().map(|values| decide(values)).collect();
    let mut found: Vec<(Action, Option<Rc<Formula>>)> = actions
        .into_iter()
        .map(|action| (action, formula(decision, fields, |values| decide(values) == action)))
        .collect();
    found.sort_by_key(|(action, formula)| {
        (formula.as_ref().map_or(usize::MAX, |formula| formula.cost()), *action)
    });
    let Some((last, _)) = found.pop() else { return Ok(Vec::new()) };
    let mut fate = Fate::new();
    for (action, formula) in found {
        let error = || Inexpressible::Arguments { abi: abi.name, call: call.name };
        let formula = formula.ok_or_else(error)?;
        if *formula != Formula::False {
            fate.push((action, Some(spell::predicate(&formula, fields, Some(abi)))));
        }
    }
    fate.push((last, None));
    Ok(fate)
}

/// What most unknown numbers come to.
fn unknown(abis: &[OfAbi<'_>]) -> Action {
    let mut sizes: BTreeMap<Action, u64> = BTreeMap::new();
    for (first, last, action) in abis.iter().flat_map(|it| &it.unknown) {
        *sizes.entry(*action).or_default() += u64::from(last - first) + 1;
    }
    sizes.into_iter().max_by_key(|(_, size)| *size).map_or(Action::KillProcess, |(it, _)| it)
}

/// What calls come to that no rule names: what most are refused by, unless almost all are
/// allowed.
fn default(abis: &[OfAbi<'_>]) -> Action {
    let mut counts: BTreeMap<Action, usize> = BTreeMap::new();
    for fate in abis.iter().flat_map(|it| it.fates.values()) {
        if let Some((action, _)) = fate.last() {
            *counts.entry(*action).or_default() += 1;
        }
    }
    let allowed = counts.remove(&Action::Allow).unwrap_or_default();
    let refused: usize = counts.values().sum();
    match counts.into_iter().max_by_key(|(_, count)| *count) {
        Some((action, _)) if refused * 8 > allowed => action,
        Some(_) | None => Action::Allow,
    }
}

struct Rules<'a> {
    abis: &'a [OfAbi<'a>],
    decide: &'a dyn Fn(&[u32]) -> Action,
    default: Action,
    first: &'static Abi,
    /// Rules of calls that carry others: a later rule that allows one of these is not to reach
    /// it by this way.
    first_rules: Vec<(Fate, Vec<Call>)>,
    /// For each fate, by its text, its actions and predicates, and the calls.
    groups: BTreeMap<String, (Fate, Vec<Call>)>,
}

impl Rules<'_> {
    /// Numbers that no call has and that are not treated as others are.
    fn numbers(&mut self, unknown: Action) -> Result<(), Inexpressible> {
        let mut named: BTreeSet<u32> = BTreeSet::new();
        for it in self.abis {
            for &(first, last, _) in it.unknown.iter().filter(|(_, _, it)| *it != unknown) {
                if last - first >= MAX_NAMED {
                    return Err(Inexpressible::Numbers { abi: it.abi.name, first, last });
                }
                named.extend(first..=last);
            }
        }
        for nr in named {
            let fate = self.elsewhere(nr);
            let call = Call::Number(spell::integer(nr.into()), Span::default());
            self.add(fate, call, false);
        }
        Ok(())
    }

    /// What becomes of a number where no call has it: one that is named is no longer unknown, on
    /// any ABI.
    fn elsewhere(&self, nr: u32) -> Fate {
        let mut fate = Fate::new();
        for it in self.abis {
            let here = |(first, last, _): &&(u32, u32, Action)| *first <= nr && nr <= *last;
            if let Some((_, _, action)) = it.unknown.iter().find(here) {
                let alone = self.abis.len() == 1;
                fate.push((*action, (!alone).then(|| on(it.abi, true, None))));
            }
        }
        fate
    }

    /// A call: where ABIs treat it alike one fate, else one for each, the most frequent last.
    fn call(&mut self, name: &'static str) {
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
                        let call = Call::Number(spell::integer(nr.into()), Span::default());
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

    fn text(self) -> String {
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
    const SMALLEST: usize = 4;
    let mut names: BTreeSet<String> = BTreeSet::new();
    let mut others = Vec::new();
    for call in calls {
        match call {
            Call::Name(name) => {
                names.insert(name.text);
            }
            call @ (Call::Group(_) | Call::Versioned(..) | Call::Any(_) | Call::Number(..)) => {
                others.push(call);
            }
        }
    }
    let exists = |name: &str| abis.iter().any(|it| it.fates.contains_key(name));
    let mut known: Vec<(&str, Vec<&str>)> = abi::groups()
        .iter()
        .map(|group| (group.name, group.calls.iter().copied().filter(|it| exists(it)).collect()))
        .collect();
    known.sort_by_key(|(name, calls): &(&str, Vec<&str>)| (std::cmp::Reverse(calls.len()), *name));
    let mut result = Vec::new();
    for (name, calls) in known {
        if calls.len() >= SMALLEST && calls.iter().all(|call| names.contains(*call)) {
            names.retain(|own| !calls.contains(&own.as_str()));
            result.push(Call::Group(spell::name(name)));
        }
    }
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
    let token = spell::integer(abi.audit_arch.into());
    let mut parts = vec![test(field("arch"), None, ast::Relation::Compare(CmpOp::Eq, token))];
    if let Some(mark) = abi.mark.filter(|_| !by_number) {
        let marked = test(field("nr"), Some(mark.bit), ast::Relation::AnyBit);
        parts.push(if mark.set { marked } else { spell::not(marked) });
    }
    parts.extend(predicate);
    Predicate { kind: PredicateKind::And(parts), span: Span::default() }
}
