//! Findings that are no errors: the policy compiles, but hardly to what was meant.

use std::collections::HashMap;

use filterc_abi::{Abi, Arg};
use filterc_grammar::ast::{Constant, ConstantKind};
use filterc_grammar::source::{FileId, Span};

use crate::consteval::Constants;
use crate::error::{Definition, Kind};
use crate::expr::Predicate;
use crate::findings::{Calls, Findings, Subject};
use crate::policy::{AbiPolicy, Arm, RuleId, Selector};
use crate::predicate::Reader;
use crate::resolve;
use crate::scope::{Scope, Table};

/// What may stand left of a comparison, for a guess at a mistyped name.
pub(crate) fn fields(subject: Subject) -> impl Iterator<Item = &'static str> {
    let own = match subject.calls {
        Calls::One(call) => call.args,
        Calls::Number(_) | Calls::Named(_) | Calls::Any | Calls::None => &[],
    };
    own.iter().map(|arg| arg.name).chain(["nr", "arch", "instruction_pointer"])
}

/// Definitions of the policy's own file that nothing uses. A file that is included is a
/// library: who includes it need not use all of it.
pub(crate) fn unused(scope: &Scope<'_>, constants: &Constants<'_>, findings: &mut Findings) {
    let is_defined = |name: &str| constants.is_defined(name);
    unused_of(Definition::Const, &scope.consts, is_defined, findings);
    unused_of(Definition::Group, &scope.groups, |_| false, findings);
    unused_of(Definition::Let, &scope.lets, |_| false, findings);
}

fn unused_of<T>(
    definition: Definition,
    table: &Table<'_, T>,
    excused: impl Fn(&str) -> bool,
    findings: &mut Findings,
) {
    for defined in table.iter() {
        let own = defined.span.file == FileId(0);
        if own && !defined.is_used() && !excused(&defined.name.text) {
            let kind = Kind::Unused { definition, name: defined.name.text.clone() };
            findings.add(defined.name.span, kind);
        }
    }
}

/// A `const` with the name of a kernel constant, but another value.
pub(crate) fn hidden_constants<'a>(
    scope: &Scope<'a>,
    constants: &Constants<'a>,
    abis: &[&'static Abi],
    findings: &mut Findings,
) {
    for defined in scope.consts.iter() {
        let name = &defined.name.text;
        if constants.is_defined(name) {
            continue;
        }
        for (abi_index, &abi) in abis.iter().enumerate() {
            let kernel = constants.kernel(abi_index, name);
            let value = constants.own(scope, abi_index, name);
            let Some((kernel, value)) = kernel.zip(value) else { continue };
            if !same_bits(kernel, value) {
                let kind = Kind::HidesConstant { name: name.clone(), value, kernel };
                let subject = Subject { abi, abi_index, calls: Calls::None, used_by: None };
                findings.about(defined.name.span, kind, subject);
            }
        }
    }
}

/// A `group` with the name of one that needs no definition, but other calls.
pub(crate) fn hidden_groups(
    scope: &Scope<'_>,
    calls: &resolve::Calls<'_>,
    findings: &mut Findings,
) {
    for (position, defined) in scope.groups.in_order() {
        let name = &defined.name.text;
        if calls.hides(position, name) {
            findings.add(defined.name.span, Kind::HidesGroup { name: name.clone() });
        }
    }
}

/// Whether two numbers are one 32-bit or 64-bit pattern, perhaps with another sign.
fn same_bits(a: i128, b: i128) -> bool {
    let narrow = |value: i128| (-(1_i128 << 31)..1 << 32).contains(&value);
    let width = if narrow(a) && narrow(b) { 32 } else { 64 };
    (a ^ b) & ((1_i128 << width) - 1) == 0
}

/// A kernel constant that belongs to other arguments than this one.
pub(crate) fn constant_of_set<'a>(
    reader: &mut Reader<'_, 'a>,
    constant: &'a Constant,
    arg: &'static Arg,
    subject: Subject,
) {
    let Some(set) = arg.set else { return };
    let name = match &constant.kind {
        ConstantKind::Name(name) => name,
        ConstantKind::Paren(inner) | ConstantKind::Complement(inner) => {
            return constant_of_set(reader, inner, arg, subject);
        }
        ConstantKind::Binary(first, rest) => {
            constant_of_set(reader, first, arg, subject);
            for (_, operand) in rest {
                constant_of_set(reader, operand, arg, subject);
            }
            return;
        }
        ConstantKind::Integer(_) | ConstantKind::Negate(_) | ConstantKind::Error => return,
    };
    let Reader { scope, constants, stray, .. } = reader;
    let key = (name.as_str(), set, subject.abi_index);
    let is_stray = || !constants.is_own(scope, name) && is_stray(name, set, subject.abi);
    if !*stray.entry(key).or_insert_with(is_stray) {
        return;
    }
    let kind = Kind::WrongSet { name: name.clone(), field: arg.name.to_owned(), set };
    reader.findings.about(constant.span, kind, subject);
}

/// Whether a constant is a member of sets, but neither of this one nor equal to a member.
fn is_stray(name: &str, set: &str, abi: &'static Abi) -> bool {
    let Some(set) = filterc_abi::set(set) else { return false };
    if set.is_empty() || set.contains(name) || set.mask == Some(name) {
        return false;
    }
    let Some(value) = abi.constant(name) else { return false };
    let is_elsewhere = filterc_abi::sets_with(name).next().is_some();
    is_elsewhere && !set.members().any(|member| abi.constant(member) == Some(value))
}

/// Rules that never decide, because earlier rules without a predicate have all their calls.
/// Whether predicates together leave nothing is not asked here.
pub(crate) fn shadowed(parts: &[AbiPolicy], spans: &[Span], findings: &mut Findings) {
    // By rule: an earlier rule that decides, or `None` once an arm is left.
    let mut shadows: HashMap<RuleId, Option<RuleId>> = HashMap::new();
    for part in parts {
        let mut decided = Decided::default();
        for arm in part.arms() {
            let by = decided.by(part, arm).filter(|by| *by != arm.rule);
            let shadow = shadows.entry(arm.rule).or_insert(by);
            if by.is_none() {
                *shadow = None;
            }
            decided.add(part, arm);
        }
    }
    let span = |rule: RuleId| spans.get(rule.0 as usize).copied();
    let mut shadows: Vec<_> = shadows.into_iter().filter_map(|(r, by)| Some((r, by?))).collect();
    shadows.sort_unstable();
    for (rule, by) in shadows {
        if let Some((rule, by)) = span(rule).zip(span(by)) {
            findings.because(rule, Kind::Shadowed, &[(by, "this one decides first")]);
        }
    }
}

/// What earlier arms of one ABI decide whatever the arguments are.
#[derive(Default)]
struct Decided<'p> {
    numbers: HashMap<u32, RuleId>,
    any: Option<RuleId>,
    /// Tests that came before, on ABIs with multiplexers: there a rule without predicate
    /// has an arm with one.
    tests: HashMap<(u32, &'p Predicate), RuleId>,
}

impl<'p> Decided<'p> {
    /// The rule that decides everything that the arm is about.
    fn by(&self, part: &AbiPolicy, arm: &Arm) -> Option<RuleId> {
        match arm.selector {
            Selector::Known => self.any,
            Selector::Nr(nr) => self
                .numbers
                .get(&nr)
                .copied()
                .or_else(|| self.any.filter(|_| part.has(nr)))
                .or_else(|| self.tests.get(&(nr, &arm.predicate)).copied()),
        }
    }

    fn add(&mut self, part: &AbiPolicy, arm: &'p Arm) {
        match (arm.selector, &arm.predicate) {
            (Selector::Nr(nr), Predicate::True) => {
                self.numbers.entry(nr).or_insert(arm.rule);
            }
            (Selector::Known, Predicate::True) => self.any = self.any.or(Some(arm.rule)),
            (Selector::Nr(nr), predicate) if !part.abi().sub_calls().is_empty() => {
                self.tests.entry((nr, predicate)).or_insert(arm.rule);
            }
            (Selector::Nr(_) | Selector::Known, _) => {}
        }
    }
}
