//! Where the rules of a policy for a monitor decide: in the kernel, by registers alone, or in the
//! monitor, by its answers.
//!
//! What is said comes from the judge: a policy whose rules each have an action of their own shows
//! which rule decides, next to what the kernel's part says.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use filterc_abi::{Action, Endian};
use filterc_check::{Ask, Budget, Part, Side, Unknown, outcomes, question_of};
use filterc_hir::policy::{AbiPolicy, Arm, Policy, RuleId, Selector};
use serde_json::{Value, json};

use crate::compiled::Compiled;

/// Where something is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Where {
    /// Nowhere: rules before it decide all its calls.
    Nowhere,
    /// In the kernel.
    Kernel,
    /// In the monitor.
    Monitor,
    /// In the kernel for some calls, in the monitor for others.
    Partly,
}

impl Where {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nowhere => "nowhere",
            Self::Kernel => "kernel",
            Self::Monitor => "monitor",
            Self::Partly => "partly",
        }
    }

    /// Where two things are decided together.
    const fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nowhere, where_) | (where_, Self::Nowhere) => where_,
            (Self::Kernel, Self::Kernel) => Self::Kernel,
            (Self::Monitor, Self::Monitor) => Self::Monitor,
            (Self::Kernel | Self::Monitor | Self::Partly, _) => Self::Partly,
        }
    }
}

/// Where a rule decides about one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedCall {
    /// The ABI.
    pub abi: &'static str,
    /// The call: its name, or number.
    pub call: String,
    /// Where.
    pub decides: Where,
    /// What the monitor is asked then: the questions on which the call's decision depends.
    pub asked: Vec<String>,
}

/// Where a rule decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedRule {
    /// Which rule.
    pub rule: RuleId,
    /// The file that it is in.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// How it begins.
    pub text: String,
    /// For all its calls together.
    pub decides: Where,
    /// For each of its calls.
    pub calls: Vec<StagedCall>,
}

/// Where each rule decides, in the order of the rules.
///
/// # Errors
/// It was not found out within the budget.
pub fn stages(compiled: &Compiled, gate: Action) -> Result<Vec<StagedRule>, Unknown> {
    let policy = compiled.policy();
    let mut calls: BTreeMap<RuleId, Vec<StagedCall>> = BTreeMap::new();
    for endian in compiled.programs().map(crate::CompiledProgram::endian) {
        let marked = marked(policy);
        let sides = [Side::Staged { policy, gate }, Side::Policy(&marked)];
        let parts = outcomes(&sides, endian, &Budget::default())?;
        of_order(policy, &parts, (endian, gate), &mut calls);
    }
    let rules = (0_u32..).map(RuleId).zip(policy.rules());
    Ok(rules
        .map(|(rule, origin)| {
            let sources = compiled.sources();
            let file = sources.get(origin.span.file).map_or("", |file| file.name.as_str());
            let text = sources.text(origin.span).lines().next().unwrap_or_default();
            let calls = calls.remove(&rule).unwrap_or_default();
            let decides = calls.iter().fold(Where::Nowhere, |all, call| all.with(call.decides));
            StagedRule {
                rule,
                file: file.to_owned(),
                line: sources.line_column(origin.span).0,
                text: text.trim_end().to_owned(),
                decides,
                calls,
            }
        })
        .collect())
}

/// The policy with an action for each rule that no other has; what no rule decides is something
/// else.
fn marked(policy: &Policy) -> Policy {
    let arm = |arm: &Arm| Arm { action: mark(arm.rule), ..arm.clone() };
    let part = |part: &AbiPolicy| {
        let arms = part.arms().iter().map(arm).collect();
        AbiPolicy::new(part.abi(), part.kernel(), Action::Allow, Action::Allow, arms)
    };
    let parts = policy.abis().iter().map(part).collect();
    Policy::new(parts, Action::Allow, policy.rules().to_vec())
        .with_params(policy.params().to_vec())
        .with_questions(policy.questions().to_vec())
}

/// The action that a rule is known by: those beyond 2¹⁶ share the last, and none would fit into a
/// program.
fn mark(rule: RuleId) -> Action {
    Action::Trace(u16::try_from(rule.0).unwrap_or(u16::MAX))
}

/// Notes where the rules decide about the calls of ABIs of one byte order.
fn of_order(
    policy: &Policy,
    parts: &[Part],
    (endian, gate): (Endian, Action),
    calls: &mut BTreeMap<RuleId, Vec<StagedCall>>,
) {
    for part in policy.abis().iter().filter(|part| part.abi().endian == endian) {
        let arch = part.abi().audit_arch;
        for nr in numbers(part) {
            let around = parts.iter().find(|found| {
                (found.arch.0..=found.arch.1).contains(&arch)
                    && (found.nr.0..=found.nr.1).contains(&nr)
            });
            let Some(around) = around else { continue };
            let mut places: BTreeMap<RuleId, Where> = BTreeMap::new();
            for said in around.decision.said() {
                let [kernel, marked] = said else { continue };
                let Action::Trace(rule) = Action::from_ret(*marked) else { continue };
                let is_gate = *kernel == gate.to_ret();
                let here = if is_gate { Where::Monitor } else { Where::Kernel };
                let place = places.entry(RuleId(rule.into())).or_insert(Where::Nowhere);
                *place = place.with(here);
            }
            for arm in arms_of(part, nr) {
                let decides = places.get(&arm.rule).copied().unwrap_or(Where::Nowhere);
                let asked = match decides {
                    Where::Monitor | Where::Partly => asked(policy, &around.decision.asks),
                    Where::Kernel | Where::Nowhere => Vec::new(),
                };
                let call = part.abi().syscall_by_nr(nr);
                let call = call.map_or_else(|| nr.to_string(), |call| call.name.to_owned());
                let list = calls.entry(arm.rule).or_default();
                let staged = StagedCall { abi: part.abi().name, call, decides, asked };
                if list.last() != Some(&staged) {
                    list.push(staged);
                }
            }
        }
    }
}

/// The numbers that some rule is about one by one, or as all calls that there are.
fn numbers(part: &AbiPolicy) -> Vec<u32> {
    let any = part.arms().iter().any(|arm| arm.selector == Selector::Known);
    let known = part.abi().syscalls().iter().map(|call| call.nr).filter(|nr| any && part.has(*nr));
    let firsts = part.ranges().iter().map(|(first, _)| *first);
    let mut numbers: Vec<u32> = known.chain(part.named().iter().copied()).chain(firsts).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// The arms about a number, one for each rule.
fn arms_of(part: &AbiPolicy, nr: u32) -> Vec<&Arm> {
    let mut arms = filterc_hir::eval::case_of(part, nr).arms;
    arms.dedup_by_key(|arm| arm.rule);
    arms
}

/// The questions that a decision asks, in the order of the policy's.
fn asked(policy: &Policy, asks: &[Ask]) -> Vec<String> {
    let mut questions: Vec<u16> =
        asks.iter().filter_map(|ask| question_of(ask.word, ask.bit)).collect();
    questions.sort_unstable();
    questions.dedup();
    let text = |question: &u16| Some(policy.questions().get(usize::from(*question))?.text.clone());
    questions.iter().filter_map(text).collect()
}

/// The stages as text: a line for each rule, and below it its calls where they differ.
#[must_use]
pub fn text(rules: &[StagedRule]) -> String {
    let mut text = String::new();
    for rule in rules {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "{:>5}  {:<8} {}", rule.line, rule.decides.name(), rule.text);
        for (call, calls) in together(&rule.calls) {
            let is_all = calls.len() == rule.calls.len();
            if is_all && call.asked.is_empty() {
                continue;
            }
            let names = if is_all { String::new() } else { format!("{}: ", calls.join(", ")) };
            let decides = if is_all { "" } else { call.decides.name() };
            let asked = match call.asked.as_slice() {
                [] => String::new(),
                asked => format!("asks {}", asked.join(", ")),
            };
            let gap = if decides.is_empty() || asked.is_empty() { "" } else { "; " };
            let _ = writeln!(text, "       {:<8} {names}{decides}{gap}{asked}", "");
        }
    }
    text
}

/// Calls that fare alike, with their names, in the order of the first.
fn together(calls: &[StagedCall]) -> Vec<(&StagedCall, Vec<&str>)> {
    let mut groups: Vec<(&StagedCall, Vec<&str>)> = Vec::new();
    for call in calls {
        let is_like = |(other, _): &&mut (&StagedCall, Vec<&str>)| {
            (other.decides, &other.asked) == (call.decides, &call.asked)
        };
        match groups.iter_mut().find(is_like) {
            Some((_, names)) => names.push(&call.call),
            None => groups.push((call, vec![&call.call])),
        }
    }
    groups
}

/// The stages as JSON: an object with the list `rules`.
#[must_use]
pub fn json(rules: &[StagedRule]) -> Value {
    let call = |call: &StagedCall| {
        json!({
            "abi": call.abi,
            "call": call.call,
            "where": call.decides.name(),
            "asks": call.asked,
        })
    };
    let rule = |rule: &StagedRule| {
        json!({
            "rule": rule.rule.0,
            "file": rule.file,
            "line": rule.line,
            "text": rule.text,
            "where": rule.decides.name(),
            "calls": rule.calls.iter().map(call).collect::<Vec<_>>(),
        })
    };
    json!({ "rules": rules.iter().map(rule).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gate, Options, Source, Target, compile};

    #[test]
    fn rules_decide_where_their_answers_matter() {
        let policy = "arch x86_64\ndefault errno(EPERM)\nallow read, exit_group, rt_sigreturn\n\
                      allow open, openat if flags == 0\nallow openat if filename ~ \"/tmp/*\"\n\
                      allow getpid if uid == 0\nallow getpid\nallow getpid\n\
                      kill openat if flags == 1\nerrno(5) open if flags == 1\n";
        let options = Options { target: Target::Monitor, ..Options::default() };
        let compiled = compile(&Source::text("a.flt", policy), &options);
        let compiled = compiled.unwrap_or_else(|errors| panic!("{errors}"));
        let rules = stages(&compiled, Gate::Notify.action()).unwrap();
        let found: Vec<_> = rules.iter().map(|rule| (rule.line, rule.decides)).collect();
        assert_eq!(
            found,
            [
                (3, Where::Kernel),
                (4, Where::Kernel),
                (5, Where::Monitor),
                // The rule behind it says the same.
                (6, Where::Kernel),
                (7, Where::Kernel),
                (8, Where::Nowhere),
                (9, Where::Monitor),
                (10, Where::Kernel),
            ]
        );
        assert_eq!(rules[2].calls[0].asked, ["filename ~ \"/tmp/*\""]);
        let text = text(&rules);
        assert!(text.contains("    5  monitor  allow openat if filename ~ \"/tmp/*\"\n"), "{text}");
        assert!(text.contains("                asks filename ~ \"/tmp/*\"\n"), "{text}");
        assert_eq!(json(&rules)["rules"][2]["calls"][0]["where"], "monitor");
    }

    #[test]
    fn calls_of_a_rule_that_differ_are_told_apart() {
        let policy = "arch x86_64\ndefault errno(EPERM)\nlet tmp = filename ~ \"/tmp/*\"\n\
                      allow open\nallow open, openat if tmp\nallow creat if mode == 0 or uid == 0\n";
        let options = Options { target: Target::Monitor, gate: Gate::Trace, ..Options::default() };
        let compiled = compile(&Source::text("a.flt", policy), &options);
        let compiled = compiled.unwrap_or_else(|errors| panic!("{errors}"));
        let rules = stages(&compiled, Gate::Trace.action()).unwrap();
        let decides: Vec<_> = rules.iter().map(|rule| rule.decides).collect();
        assert_eq!(decides, [Where::Kernel, Where::Monitor, Where::Partly]);
        let text = text(&rules);
        assert!(text.contains("open: nowhere\n"), "{text}");
        assert!(text.contains("openat: monitor; asks filename ~ \"/tmp/*\"\n"), "{text}");
        assert!(text.contains("asks uid == 0\n"), "{text}");
    }
}
