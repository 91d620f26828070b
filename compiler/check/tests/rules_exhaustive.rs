//! The facts about rules and parts of rules, against every call there is: policies whose
//! tests look at a few bits only, and the reference semantics on all values of those.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::collections::BTreeSet;

use filterc_abi::{Action, SeccompData, abi};
use filterc_check::Budget;
use filterc_check::rules::{Answer, Facts, Parts, RuleFacts, Written};
use filterc_grammar::ast::{self, PredicateKind, StatementKind};
use filterc_grammar::parser;
use filterc_grammar::source::{FileId, Span};
use filterc_hir::eval::{Reason, decide, eval, holds};
use filterc_hir::policy::{AbiPolicy, Arm, Policy, RuleId, Selector};
use filterc_hir::{Options, check};

/// A small generator with a fixed seed.
struct Rng(u64);

impl Rng {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % below
    }

    fn pick(&mut self, of: &[&'static str]) -> &'static str {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

const OPS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];

/// A test of two bits of a register, or of the number or token; some are errors.
fn test(rng: &mut Rng, with_nr: bool) -> String {
    let field = rng.pick(&["args[0] & 3", "args[1] & 3", "args[1] & 2", "instruction_pointer & 1"]);
    match rng.below(if with_nr { 10 } else { 7 }) {
        0 => field.to_owned(),
        1 => format!("{field} in {{ {}, {} }}", rng.below(4), rng.below(4)),
        2 => format!("{field} in {{ {}..3 }}", rng.below(4)),
        3..=6 => format!("{field} {} {}", rng.pick(&OPS), rng.below(4)),
        7 => format!("arch {} AUDIT_ARCH_X86_64", rng.pick(&["==", "!="])),
        _ => format!("nr {} {}", rng.pick(&OPS), 1 + rng.below(4)),
    }
}

fn predicate(rng: &mut Rng, depth: u32, with_nr: bool) -> String {
    match if depth == 0 { 0 } else { rng.below(8) } {
        0..=2 => test(rng, with_nr),
        3 => format!("!({})", predicate(rng, depth - 1, with_nr)),
        of => {
            let count = 2 + rng.below(2);
            let part = |rng: &mut Rng| format!("({})", predicate(rng, depth - 1, with_nr));
            let parts: Vec<String> = (0..count).map(|_| part(rng)).collect();
            parts.join(if of % 2 == 0 { " && " } else { " || " })
        }
    }
}

fn policy_text(rng: &mut Rng, with_nr: bool) -> String {
    const ACTIONS: [&str; 4] = ["allow", "log", "errno(EPERM)", "errno(EAGAIN)"];
    let calls = [
        "read",
        "write, read",
        "syscall(9999)",
        "open",
        "any",
        "syscall(9999), close",
        "syscall(9998..10001)",
        "syscall(0..3)",
    ];
    let mut text = format!("{}\n", rng.pick(&["arch x86_64", "arch x86_64, i386", "arch i386"]));
    text += &format!("default {} unknown {}\n", rng.pick(&ACTIONS), rng.pick(&ACTIONS));
    for _ in 0..1 + rng.below(6) {
        let condition = if rng.below(5) == 0 {
            String::new()
        } else {
            format!(" if {}", predicate(rng, 2, with_nr))
        };
        text += &format!("{} {}{condition}\n", rng.pick(&ACTIONS), rng.pick(&calls));
    }
    text
}

struct Read {
    text: String,
    rules: Vec<ast::Rule>,
    policy: Policy,
}

/// A policy of the generator, if it has no errors.
fn read(text: String) -> Option<Read> {
    let parsed = parser::parse(FileId(0), &text);
    assert!(parsed.diagnostics.is_empty(), "{text}");
    let options = Options::default();
    let policy = check::check(&parsed.file.statements, &options).policy?;
    let mut rules = Vec::new();
    for statement in parsed.file.statements {
        if let StatementKind::Rule(rule) = statement.kind {
            rules.push(rule);
        }
    }
    Some(Read { text, rules, policy })
}

/// All calls that such a policy can tell apart.
fn all_calls(policy: &Policy) -> Vec<SeccompData> {
    let mut calls = Vec::new();
    for part in policy.abis() {
        for nr in (0..8).chain([400, 9998, 9999, 10_000, 10_001]) {
            for bits in 0..1 << 5 {
                let args = [bits & 3, bits >> 2 & 3, 0, 0, 0, 0];
                let arch = part.abi().audit_arch;
                calls.push(SeccompData { nr, arch, instruction_pointer: bits >> 4, args });
            }
        }
    }
    calls
}

/// The policy without some of its rules.
fn without(policy: &Policy, gone: &BTreeSet<RuleId>) -> Policy {
    let parts = policy.abis().iter().map(|part| {
        let arms: Vec<Arm> =
            part.arms().iter().filter(|arm| !gone.contains(&arm.rule)).cloned().collect();
        let (default, unknown) = (part.default_action(), part.unknown_action());
        AbiPolicy::new(part.abi(), part.kernel(), default, unknown, arms)
    });
    Policy::new(parts.collect(), policy.foreign_action(), policy.rules().to_vec())
}

/// The arms of a rule that are about a call.
fn arms<'p>(policy: &'p Policy, rule: RuleId, call: &SeccompData) -> Vec<&'p Arm> {
    let nr = call.nr.cast_unsigned();
    let of_abi = policy.abis().iter().filter(|part| part.abi().audit_arch == call.arch);
    of_abi
        .flat_map(|part| {
            part.arms().iter().filter(move |arm| match arm.selector {
                Selector::Nr(number) => number == nr,
                Selector::Range(first, last) => first <= nr && nr <= last,
                Selector::Known => part.has(nr),
            })
        })
        .filter(|arm| arm.rule == rule)
        .collect()
}

fn facts(policy: &Policy) -> Facts {
    filterc_check::rules::facts(policy, &Budget::default())
}

/// Whether an answer is right, by the call that shows it, or by all calls.
fn agrees(
    facts: &Facts,
    answer: Answer,
    is: impl Fn(&SeccompData) -> bool,
    calls: &[SeccompData],
) -> bool {
    match answer {
        Answer::Yes(witness) => is(&facts.call(witness)),
        Answer::No => !calls.iter().any(is),
        Answer::Open => panic!("a small policy is never open"),
    }
}

fn assert_facts(read: &Read) -> [usize; 4] {
    let Read { text, policy, .. } = read;
    let calls = all_calls(policy);
    let before: Vec<Action> = calls.iter().map(|call| eval(policy, call)).collect();
    let facts = facts(policy);
    let mut gone = BTreeSet::new();
    let mut counts = [0; 4];
    for (index, of) in facts.rules.iter().enumerate().rev() {
        let rule = RuleId(u32::try_from(index).unwrap());
        let RuleFacts { holds: holding, fails, decides, matters, decided_by, .. } = of;
        let matches = |call: &SeccompData| {
            arms(policy, rule, call).iter().any(|arm| holds(&arm.predicate, call))
        };
        let fails_for = |call: &SeccompData| !arms(policy, rule, call).is_empty() && !matches(call);
        let decides_it = |call: &SeccompData| decide(policy, call).reason == Reason::Rule(rule);
        assert!(agrees(&facts, *holding, matches, &calls), "{index} holds: {of:?}\n{text}");
        assert!(agrees(&facts, *fails, fails_for, &calls), "{index} fails: {of:?}\n{text}");
        assert!(agrees(&facts, *decides, decides_it, &calls), "{index} decides: {of:?}\n{text}");
        // The rules that decide for it do, all of them; or one holds whenever it does.
        let reasons = calls.iter().filter(|call| matches(call)).map(|c| decide(policy, c).reason);
        let deciders: BTreeSet<Reason2> = reasons.map(Reason2).collect();
        if *decides == Answer::No && *holding != Answer::No {
            let told: BTreeSet<Reason2> =
                decided_by.iter().map(|rule| Reason2(Reason::Rule(*rule))).collect();
            let covers = |other: RuleId| {
                calls.iter().filter(|call| matches(call)).all(|call| {
                    arms(policy, other, call).iter().any(|arm| holds(&arm.predicate, call))
                })
            };
            let one = decided_by.first().filter(|_| decided_by.len() == 1);
            assert!(told == deciders || one.is_some_and(|one| covers(*one)), "{of:?}\n{text}");
        }
        let mut rules = gone.clone();
        rules.insert(rule);
        let rest = without(policy, &rules);
        let changed = calls.iter().zip(&before).any(|(call, before)| eval(&rest, call) != *before);
        let changes = |call: &SeccompData| eval(&rest, call) != eval(policy, call);
        assert!(agrees(&facts, *matters, changes, &calls), "{text}");
        assert_eq!(*matters == Answer::No, !changed, "{index} matters: {of:?}\n{text}");
        if !changed {
            gone = rules;
        }
        let none = [holding, fails, decides, matters].map(|answer| *answer == Answer::No);
        counts.iter_mut().zip(none).for_each(|(count, none)| *count += usize::from(none));
    }
    for allowed in &facts.allowed {
        for &nr in &allowed.numbers {
            let mut same = calls.iter().filter(|call| {
                (call.nr.cast_unsigned(), call.arch) == (nr, allowed.abi.audit_arch)
            });
            assert!(same.all(|call| eval(policy, call) == Action::Allow), "{nr}\n{text}");
        }
    }
    counts
}

/// [`Reason`] in some order.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Reason2(Reason);

impl Ord for Reason2 {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        format!("{:?}", self.0).cmp(&format!("{:?}", other.0))
    }
}

impl PartialOrd for Reason2 {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[test]
fn rules_are_as_their_facts_say() {
    let mut rng = Rng(1);
    let (mut policies, mut counts) = (0, [0; 4]);
    for _ in 0..4000 {
        let Some(read) = read(policy_text(&mut rng, true)) else { continue };
        policies += 1;
        let new = assert_facts(&read);
        counts.iter_mut().zip(new).for_each(|(count, new)| *count += new);
    }
    assert!(policies > 500, "{policies}");
    // All four are met often.
    assert!(counts.iter().all(|count| *count > 50), "{counts:?}");
}

/// The predicate without the parts at some places; `None` if nothing is left of it.
fn cut(predicate: &ast::Predicate, gone: &[Span]) -> Option<ast::Predicate> {
    if gone.contains(&predicate.span) {
        return None;
    }
    let mut new = predicate.clone();
    match &mut new.kind {
        PredicateKind::And(parts) | PredicateKind::Or(parts) => {
            *parts = parts.iter().filter_map(|part| cut(part, gone)).collect();
        }
        PredicateKind::Not(inner) | PredicateKind::Paren(inner) => {
            **inner = cut(inner, gone)?;
        }
        PredicateKind::True
        | PredicateKind::False
        | PredicateKind::Let(_)
        | PredicateKind::Test(_)
        | PredicateKind::Error => {}
    }
    Some(new)
}

/// A predicate as it is written, its parts named by their places.
fn written(predicate: &ast::Predicate) -> Written<Span> {
    let parts = |list: &[ast::Predicate]| list.iter().map(|p| (p.span, written(p))).collect();
    match &predicate.kind {
        PredicateKind::Paren(inner) => written(inner),
        PredicateKind::Not(inner) => Written::Not(Box::new(written(inner))),
        PredicateKind::And(list) => Written::All(parts(list)),
        PredicateKind::Or(list) => Written::Any(parts(list)),
        PredicateKind::True
        | PredicateKind::False
        | PredicateKind::Let(_)
        | PredicateKind::Test(_)
        | PredicateKind::Error => Written::Whole,
    }
}

/// Every part of an `&&` or `||`.
fn parts(predicate: &ast::Predicate, all: &mut Vec<Span>) {
    match &predicate.kind {
        PredicateKind::And(list) | PredicateKind::Or(list) => {
            all.extend(list.iter().map(|part| part.span));
            list.iter().for_each(|part| parts(part, all));
        }
        PredicateKind::Not(inner) | PredicateKind::Paren(inner) => parts(inner, all),
        PredicateKind::True
        | PredicateKind::False
        | PredicateKind::Let(_)
        | PredicateKind::Test(_)
        | PredicateKind::Error => {}
    }
}

#[test]
fn parts_are_as_the_lint_says() {
    let (mut rng, budget) = (Rng(2), Budget::default());
    let (mut some, mut none) = (0, 0);
    for _ in 0..8000 {
        let condition = predicate(&mut rng, 3, false);
        let abis = rng.pick(&["arch x86_64", "arch x86_64, i386"]);
        let Some(read) = read(format!("{abis} allow read, write if {condition}")) else { continue };
        let predicate = read.rules[0].predicate.as_ref().unwrap();
        let calls = all_calls(&read.policy);
        let values = |gone: &[Span]| {
            let predicate = cut(predicate, gone).unwrap();
            let rule = ast::Rule { predicate: Some(predicate), ..read.rules[0].clone() };
            let parsed = parser::parse(FileId(0), abis);
            let mut statements = parsed.file.statements;
            statements
                .push(ast::Statement { span: Span::default(), kind: StatementKind::Rule(rule) });
            let options = Options::default();
            let policy = check::check(&statements, &options).policy.unwrap();
            calls.iter().map(|call| eval(&policy, call)).collect::<Vec<_>>()
        };
        let before = values(&[]);
        let rule = &facts(&read.policy).rules[0];
        let is_constant = [rule.holds, rule.fails].contains(&Answer::No);
        let found: Vec<Span> = Parts::new(&read.policy, &budget)
            .superfluous(RuleId(0), &written(predicate))
            .iter()
            .map(|part| part.part)
            .collect();
        // A predicate that is constant is told as a whole, not in parts.
        if is_constant {
            continue;
        }
        assert_eq!(values(&found), before, "{found:?}\n{}", read.text);
        // If nothing is told, every part matters.
        let mut all = Vec::new();
        parts(predicate, &mut all);
        for part in all.into_iter().filter(|_| found.is_empty()) {
            assert!(values(&[part]) != before, "{part:?}\n{}", read.text);
        }
        if found.is_empty() { none += 1 } else { some += 1 }
    }
    assert!(some > 200 && none > 200, "{some} {none}");
}

#[test]
fn conditions_exclude_each_other_as_the_lint_says() {
    let (mut rng, budget) = (Rng(3), Budget::default());
    let mut conflicts = 0;
    for _ in 0..8000 {
        let conditions: Vec<String> =
            (0..2 + rng.below(3)).map(|_| format!("({})", predicate(&mut rng, 1, false))).collect();
        let abis = rng.pick(&["arch x86_64", "arch x86_64, i386"]);
        let text = format!("{abis} allow read, write if {}", conditions.join(" && "));
        let Some(read) = read(text) else { continue };
        let predicate = read.rules[0].predicate.as_ref().unwrap();
        let PredicateKind::And(list) = &predicate.kind else { panic!("{}", read.text) };
        if facts(&read.policy).rules[0].holds != Answer::No {
            continue;
        }
        let found = Parts::new(&read.policy, &budget).conflict(RuleId(0), &written(predicate));
        let of_policy = |gone: &dyn Fn(usize) -> bool| -> bool {
            let kept = (0..).zip(&conditions).filter(|(i, _)| !gone(*i)).map(|(_, text)| text);
            let kept: Vec<&str> = kept.map(String::as_str).collect();
            let text = format!("{abis} allow read, write if {}", kept.join(" && "));
            let policy = self::read(text).unwrap().policy;
            all_calls(&policy).iter().any(|call| {
                let arms = arms(&policy, RuleId(0), call);
                arms.iter().any(|arm| holds(&arm.predicate, call))
            })
        };
        let is_told = |i: usize| found.contains(&list[i].span);
        assert!(!found.is_empty() && !of_policy(&|i| !is_told(i)), "{found:?}\n{}", read.text);
        // Without any of them, the others do not.
        for one in (0..list.len()).filter(|i| is_told(*i) && found.len() > 1) {
            assert!(of_policy(&|i| !is_told(i) || i == one), "{found:?}\n{}", read.text);
        }
        conflicts += 1;
    }
    assert!(conflicts > 200, "{conflicts}");
}

#[test]
fn the_command_line_of_abis_is_looked_at() {
    // The facts are those of the ABIs that are compiled for, not of those in the text.
    let text = "arch x86_64, i386 allow read if arch == AUDIT_ARCH_I386 && args[0] & 1";
    let parsed = parser::parse(FileId(0), text);
    let options = Options { abis: Some(vec![abi("x86_64").unwrap()]), ..Options::default() };
    let policy = check::check(&parsed.file.statements, &options).policy.unwrap();
    assert_eq!(facts(&policy).rules[0].holds, Answer::No);
}
