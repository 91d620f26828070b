//! One claim, judged.

use std::collections::BTreeSet;

use filterc::evaluate::evaluate;
use filterc_abi::{self as abi, Abi, Action, Endian, Regs, SeccompData};
use filterc_check::{Budget, Side, outcomes};
use filterc_grammar::ast::{
    self, Argument, By, Call, CallExample, Claim, ClaimKind, Expected, Name, Predicate, Rule, Str,
};
use filterc_grammar::diagnostic::Diagnostic;
use filterc_grammar::source::{FileId, Span};
use filterc_hir::check::call_example;
use filterc_hir::eval::Reason;
use filterc_hir::policy::{Policy, RuleId, Selector};
use filterc_relate::{Calls, Change, differences, extent};

use super::report::{Held, Other, Subject};
use crate::labels;
use crate::seen::{Bits, Seen};
use crate::verdict::{Filter, NoVerdict, verdict};
use crate::words;

/// The rules that tests touch.
type Touched = BTreeSet<RuleId>;

/// Judges a claim, and notes the rules that decide in it.
pub(super) fn judge(subject: &Subject<'_>, claim: &Claim, touched: &mut Touched) -> Held {
    let judge = Judge { subject, budget: Budget::default() };
    let held = match &claim.kind {
        ClaimKind::Call(example, on, expected) => judge.call(example, on, expected, touched),
        ClaimKind::All(calls, predicate, on, expected) => {
            judge.all(calls, predicate.as_ref(), on, expected, touched)
        }
        ClaimKind::Unknown(on, expected) => judge.unknown(on, expected),
        ClaimKind::Foreign(expected) => judge.foreign(expected),
        ClaimKind::Same(file, on, except) => judge.same(file, on, except),
        ClaimKind::Error => Err(Held::Open("it could not be read".to_owned())),
    };
    held.err().unwrap_or(Held::Yes)
}

struct Judge<'j> {
    subject: &'j Subject<'j>,
    budget: Budget,
}

/// A claim that does not hold is an error on the way.
type Result<T = ()> = std::result::Result<T, Held>;

fn no<T>(why: String, call: Option<SeccompData>) -> Result<T> {
    Err(Held::No(why, call))
}

impl Judge<'_> {
    fn policy(&self) -> &Policy {
        &self.subject.written.policy
    }

    /// The ABIs that a claim is about: those that it names, else all.
    fn abis(&self, on: &[Name]) -> Result<Vec<&'static Abi>> {
        let listed: Vec<&'static Abi> =
            self.policy().abis().iter().map(|part| part.abi()).collect();
        if on.is_empty() {
            return Ok(listed);
        }
        on.iter()
            .map(|name| match listed.iter().find(|abi| abi.name == name.text) {
                Some(abi) => Ok(*abi),
                None => no(format!("the policy does not list the ABI `{}`", name.text), None),
            })
            .collect()
    }

    /// The action that is expected, on an ABI.
    fn action(&self, expected: &Expected, abi: &'static Abi) -> Result<Action> {
        let calls = vec![Call::Any(Span::default())];
        let rule = Rule { action: expected.action.clone(), calls, predicate: None };
        let policy = self.subject.written.check_rule(rule, vec![abi]).map_err(Held::Faulty)?;
        let arm = policy.abis().first().and_then(|part| part.arms().first());
        arm.map(|arm| arm.action).ok_or_else(|| Held::Open("it has no action".to_owned()))
    }

    /// Whether a decision is what is expected.
    fn fits(&self, expected: &Expected, wanted: Action, action: Action, reason: Reason) -> bool {
        let by = match expected.by {
            None => true,
            Some(By::Default) => reason == Reason::Default,
            Some(By::Unknown) => reason == Reason::Unknown,
            Some(By::Foreign) => reason == Reason::Foreign,
            Some(By::Line(line)) => {
                matches!(reason, Reason::Rule(rule) if self.line(rule) == Some(line))
            }
        };
        (action == wanted) != expected.negated && by
    }

    /// The line in the file that was named on which a rule begins.
    fn line(&self, rule: RuleId) -> Option<u64> {
        let written = self.subject.written;
        let span = written.rule(rule)?.0.span;
        let line = written.sources.line_column(span).0;
        if span.file == FileId(0) { u64::try_from(line).ok() } else { None }
    }

    fn by(&self, reason: Reason) -> String {
        match reason {
            Reason::Rule(rule) => match self.subject.written.rule(rule) {
                Some((statement, _)) => {
                    let sources = &self.subject.written.sources;
                    let at = filterc::render::position(sources, statement.span);
                    format!("by rule {} ({at})", rule.0 + 1)
                }
                None => format!("by rule {}", rule.0 + 1),
            },
            Reason::Default => "by the default".to_owned(),
            Reason::Unknown => "as unknown".to_owned(),
            Reason::Foreign => "as foreign".to_owned(),
        }
    }

    fn says(&self, action: Action, abi: &'static Abi, reason: Reason) -> String {
        format!("the policy says {}, {}", words::action(action, Some(abi)), self.by(reason))
    }

    /// A call, on every ABI that has it.
    fn call(
        &self,
        example: &CallExample,
        on: &[Name],
        expected: &Expected,
        touched: &mut Touched,
    ) -> Result {
        let written = self.subject.written;
        let mut made = 0_usize;
        let mut faults: Vec<Diagnostic> = Vec::new();
        for abi in self.abis(on)? {
            let known = match &example.call {
                Call::Name(name) => abi.syscall(&name.text),
                Call::Group(_)
                | Call::Versioned(..)
                | Call::Any(_)
                | Call::Number(..)
                | Call::Range(..) => None,
            };
            let defines = self.subject.compiled.defines();
            let call = match call_example(&written.statements, defines, abi, example) {
                Ok(call) => call,
                // Another ABI may have it.
                Err(list) => {
                    if known.is_some() || matches!(example.call, Call::Number(..)) {
                        return Err(Held::Faulty(list));
                    }
                    faults = list;
                    continue;
                }
            };
            made += 1;
            let mut seen = Seen::whole(&call);
            for (place, _) in example
                .args
                .iter()
                .enumerate()
                .filter(|(_, argument)| matches!(argument, Argument::Any))
            {
                let register = u8::try_from(place).map_or(Regs::Invisible, Regs::One);
                let regs =
                    known.and_then(|call| call.args.get(place)).map_or(register, |it| it.regs);
                seen.put(regs, Bits::UNKNOWN);
            }
            self.one(&seen, abi, expected, touched)?;
        }
        if made == 0 { Err(Held::Faulty(faults)) } else { Ok(()) }
    }

    /// A call, whatever is not known of it.
    fn one(
        &self,
        seen: &Seen,
        abi: &'static Abi,
        expected: &Expected,
        touched: &mut Touched,
    ) -> Result {
        let wanted = self.action(expected, abi)?;
        let list = verdict(Filter::Policy(self.policy()), seen, &self.budget).map_err(open)?;
        touched.extend(list.iter().flat_map(|it| &it.reasons).filter_map(|it| rule_of(*it)));
        for outcome in list {
            let call = outcome.extent.witness;
            for reason in &outcome.reasons {
                if !self.fits(expected, wanted, outcome.action, *reason) {
                    return no(self.says(outcome.action, abi, *reason), Some(call));
                }
            }
            let call = if seen.is_whole() { seen.with_zeros() } else { call };
            let evaluation = evaluate(self.subject.compiled, abi.endian, &call);
            if !evaluation.agrees() || evaluation.decision.action != outcome.action {
                return no("policy and program differ: a fault of filterc".to_owned(), Some(call));
            }
        }
        Ok(())
    }

    /// All calls of some, by proof.
    fn all(
        &self,
        calls: &[Call],
        predicate: Option<&Predicate>,
        on: &[Name],
        expected: &Expected,
        touched: &mut Touched,
    ) -> Result {
        let abis = self.abis(on)?;
        let action = allow(expected.action.span);
        let rule = Rule { action, calls: calls.to_vec(), predicate: predicate.cloned() };
        let meant = self.subject.written.check_rule(rule, abis.clone()).map_err(Held::Faulty)?;
        let policy =
            labels::labelled(self.policy()).ok_or_else(|| open(NoVerdict::TooManyRules))?;
        // All parts are looked at, for the rules that decide there.
        let mut failed = None;
        for endian in orders(&abis) {
            let (ours, meant) = (policy.of_order(endian), meant.of_order(endian));
            let sides = [Side::Policy(&ours), Side::Policy(&meant)];
            let parts = outcomes(&sides, endian, &self.budget).map_err(unknown)?;
            for part in parts {
                let (arch, nr) = (part.arch.0, part.nr.0);
                for values in part.decision.said() {
                    let [value, is_meant] = *values else { continue };
                    let Some(reason) = labels::reason(value) else { continue };
                    let Some(abi) = abi::abi_of_call(arch, nr) else { continue };
                    if Action::from_ret(is_meant) != Action::Allow {
                        continue;
                    }
                    touched.extend(rule_of(reason));
                    let action = labels::action(self.policy(), Some(abi), reason);
                    let wanted = self.action(expected, abi)?;
                    if failed.is_none() && !self.fits(expected, wanted, action, reason) {
                        let subject = filterc_relate::Subject { arch, nr, endian };
                        let call = extent(&part.decision, subject, &|it| it == values);
                        let why = self.says(action, abi, reason);
                        failed = Some(Held::No(why, call.map(|extent| extent.witness)));
                    }
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn unknown(&self, on: &[Name], expected: &Expected) -> Result {
        for abi in self.abis(on)? {
            let wanted = self.action(expected, abi)?;
            let action = labels::action(self.policy(), Some(abi), Reason::Unknown);
            if !self.fits(expected, wanted, action, Reason::Unknown) {
                let action = words::action(action, Some(abi));
                return no(format!("`unknown` is {action} on {}", abi.name), None);
            }
        }
        Ok(())
    }

    fn foreign(&self, expected: &Expected) -> Result {
        let Some(abi) = self.abis(&[])?.first().copied() else { return Ok(()) };
        let action = self.policy().foreign_action();
        match self.fits(expected, self.action(expected, abi)?, action, Reason::Foreign) {
            true => Ok(()),
            false => no(format!("`foreign` is {action}"), None),
        }
    }

    /// The same as another policy or program, by proof.
    fn same(&self, file: &Str, on: &[Name], except: &[Call]) -> Result {
        let abis = self.abis(on)?;
        let other = (self.subject.other)(&file.text).map_err(Held::Open)?;
        let excepted = self.numbers(except, &abis)?;
        for endian in orders(&abis) {
            let side = match &other {
                Other::Policy(policy) => Side::Policy(policy),
                Other::Program(program) => Side::Program(program),
            };
            let found = differences(Side::Policy(self.policy()), side, endian, &self.budget);
            let is_meant = |change: &&Change| match &change.calls {
                Calls::Named { abi, .. } => {
                    let nr = change.witness.nr.cast_unsigned();
                    abis.iter().any(|it| it.name == *abi) && !covers(&excepted, abi, (nr, nr))
                }
                Calls::Numbers { abi, first, last } => {
                    let all = (*first, *last);
                    abis.iter().any(|it| it.name == *abi) && !covers(&excepted, abi, all)
                }
                Calls::Foreign { .. } => on.is_empty(),
            };
            if let Some(change) = found.map_err(unknown)?.iter().find(is_meant) {
                let abi = abi::abi_of_call(change.witness.arch, change.witness.nr.cast_unsigned());
                let spell = |value| words::action(Action::from_ret(value), abi);
                let [left, right] = [change.left, change.right].map(spell);
                return no(
                    format!("the policy says {left}, \"{}\" {right}", file.text),
                    Some(change.witness),
                );
            }
        }
        Ok(())
    }

    /// The numbers of calls on ABIs, first and last, in order.
    fn numbers(&self, calls: &[Call], abis: &[&'static Abi]) -> Result<BTreeSet<Numbers>> {
        if calls.is_empty() {
            return Ok(BTreeSet::new());
        }
        let rule = Rule { action: allow(Span::default()), calls: calls.to_vec(), predicate: None };
        let policy = self.subject.written.check_rule(rule, abis.to_vec()).map_err(Held::Faulty)?;
        let mut numbers = BTreeSet::new();
        for part in policy.abis() {
            for arm in part.arms() {
                match arm.selector {
                    Selector::Nr(nr) => {
                        numbers.insert((part.abi().name, nr, nr));
                    }
                    Selector::Range(first, last) => {
                        numbers.insert((part.abi().name, first, last));
                    }
                    Selector::Known => {
                        let known = part.abi().syscalls().iter().map(|call| call.nr);
                        numbers.extend(known.map(|nr| (part.abi().name, nr, nr)));
                    }
                }
            }
        }
        Ok(numbers)
    }
}

/// Numbers of an ABI, first and last.
type Numbers = (&'static str, u32, u32);

/// Whether ranges hold all numbers of one, on an ABI.
fn covers(ranges: &BTreeSet<Numbers>, abi: &str, (first, last): (u32, u32)) -> bool {
    let mut next = Some(first);
    for (_, from, to) in ranges.iter().filter(|(name, ..)| *name == abi) {
        match next {
            Some(at) if at <= last && *from <= at && at <= *to => next = to.checked_add(1),
            Some(_) | None => {}
        }
    }
    next.is_none_or(|at| at > last)
}

fn allow(span: Span) -> ast::Action {
    ast::Action { kind: ast::ActionKind::Allow, span }
}

fn rule_of(reason: Reason) -> Option<RuleId> {
    match reason {
        Reason::Rule(rule) => Some(rule),
        Reason::Default | Reason::Unknown | Reason::Foreign => None,
    }
}

fn orders(abis: &[&'static Abi]) -> BTreeSet<Endian> {
    abis.iter().map(|abi| abi.endian).collect()
}

fn unknown(unknown: filterc_check::Unknown) -> Held {
    open(NoVerdict::Unknown(Box::new(unknown)))
}

fn open(none: NoVerdict) -> Held {
    Held::Open(match none {
        NoVerdict::Unknown(unknown) => filterc::describe::unknown(&unknown).join("; "),
        NoVerdict::TooManyRules => "the policy has more rules than any filter can hold".to_owned(),
    })
}
