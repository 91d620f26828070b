//! What was decided, written as a policy again.
//!
//! The text is what a person would want to read: calls with one fate in one rule, groups by
//! their names, conditions in the words of the language. It is not believed: whoever asks for it
//! has it typed and judged against what it was made from.

use std::collections::{BTreeMap, BTreeSet};

use filterc_abi::{self as abi, Action, KernelVersion};
use filterc_grammar::ast::{self, File, StatementKind};
use filterc_grammar::print;
use filterc_grammar::source::Span;

use crate::fates::{OfAbi, Said, only};
use crate::inexpressible::Inexpressible;
use crate::rules::Rules;
use crate::spell;

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
    let names = abis.iter().map(|it| spell::name(it.abi.name)).collect();
    let unknown = unknown(&abis)?;
    let (alike, abis) = apart(abis);
    let first = abis.first().ok_or(Inexpressible::NoAbi)?.abi;
    let default = default(&abis);
    let mut text = String::new();
    let mut header = |kind: StatementKind| {
        let statements = vec![ast::Statement { span: Span::default(), kind }];
        text.push_str(&print::file(&File { statements }));
    };
    header(StatementKind::Arch(names));
    let kernel = KernelVersion::TABLE;
    let (major, minor, span) = (kernel.major, kernel.minor, Span::default());
    // Without it, calls of later tables would be no unknown numbers to later readers.
    header(StatementKind::Kernel(ast::Version { major, minor, span }));
    header(StatementKind::Default(spell::action(default, Some(first))));
    let other = (unknown != default).then(|| spell::action(unknown, Some(first)));
    header(StatementKind::Unknown(other));
    header(StatementKind::Foreign(spell::action(foreign, Some(first))));
    let (first_rules, groups) = (Vec::new(), BTreeMap::new());
    let mut rules =
        Rules { abis: &abis, alike: &alike, decide: &decide, default, first, first_rules, groups };
    rules.alike();
    rules.numbers(unknown);
    for name in abis.iter().flat_map(|it| it.fates.keys()).collect::<BTreeSet<_>>() {
        rules.call(name);
    }
    text.push('\n');
    text.push_str(&rules.text());
    Ok(text)
}

/// ABIs on which everything comes to one thing, and the others. Where another one shares the token,
/// one rule says that; calls with conditions must then be of one type on both.
fn apart(abis: Vec<OfAbi<'_>>) -> (Vec<OfAbi<'_>>, Vec<OfAbi<'_>>) {
    let sibling = |it: &OfAbi<'_>| {
        let shares = |other: &&OfAbi<'_>| {
            other.abi.audit_arch == it.abi.audit_arch && other.abi.name != it.abi.name
        };
        abis.iter().position(|other| shares(&other))
    };
    let is_alike = |it: &OfAbi<'_>| {
        let one = it.fates.values().next().and_then(only);
        let other = sibling(it).and_then(|at| abis.get(at));
        one.is_some_and(|action| it.is_always(action))
            && other.is_some_and(|other| other.is_typed_as(it.abi) && !is_one(other))
    };
    let which: Vec<bool> = abis.iter().map(is_alike).collect();
    let (mut alike, mut others) = (Vec::new(), Vec::new());
    for (it, is) in abis.into_iter().zip(which) {
        if is { &mut alike } else { &mut others }.push(it);
    }
    (alike, others)
}

fn is_one(it: &OfAbi<'_>) -> bool {
    it.fates.values().next().and_then(only).is_some_and(|action| it.is_always(action))
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

/// What unknown numbers come to that no rule names: −1 is one that none can name. Where it is
/// none of theirs, what most come to.
fn unknown(abis: &[OfAbi<'_>]) -> Result<Action, Inexpressible> {
    let mut skipped = abis.iter().filter_map(|it| it.gap_of(u32::MAX)).map(|gap| only(&gap.fate));
    if let Some(action) = skipped.next() {
        let alike = skipped.all(|other| other == action);
        return action.filter(|_| alike).ok_or(Inexpressible::Skipped);
    }
    let mut sizes: BTreeMap<Action, u64> = BTreeMap::new();
    for gap in abis.iter().flat_map(|it| &it.unknown) {
        if let Some(action) = only(&gap.fate) {
            *sizes.entry(action).or_default() += u64::from(gap.last - gap.first) + 1;
        }
    }
    let most = sizes.into_iter().max_by_key(|(_, size)| *size);
    Ok(most.map_or(Action::KillProcess, |(action, _)| action))
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
