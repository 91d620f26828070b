//! What becomes of a call under filters, why, and what would allow it: as text and JSON.

use std::fmt::Write as _;

use filterc::evaluate::{evaluate, read_call};
use filterc::{Compiled, Options, render};
use filterc_abi::{self as abi, Abi, Action, Endian, SeccompData};
use filterc_cbpf::{DisasmOptions, Verified, disassemble, interpret_traced};
use filterc_check::Budget;
use filterc_grammar::ast::StatementKind;
use filterc_grammar::diagnostic::Label;
use filterc_grammar::source::SourceMap;
use filterc_hir::eval::{Decision, Reason};
use filterc_hir::policy::RuleId;
use filterc_relate::{Change, Condition, groups};
use filterc_review::edit::{self, Edit};
use filterc_review::near::{Failed, Near, near, passes};
use filterc_review::seen::Seen;
use filterc_review::written::Written;
use filterc_review::{stack, words};
use serde_json::{Value, json};

use crate::changes;
use crate::console::{self, Console, Failure};
use crate::reviewed::Reviewed;

/// Near misses that are shown.
const SHOWN: usize = 3;

/// The filters of a process, the oldest first, and how they were read.
pub(crate) struct Stack<'s> {
    pub(crate) filters: Vec<(String, Reviewed)>,
    pub(crate) options: &'s Options,
}

/// What becomes of a call.
pub(crate) struct Explanation {
    asked: String,
    call: SeccompData,
    /// What the kernel does in the end.
    pub(crate) action: Action,
    /// The filter that says so.
    winner: usize,
    filters: Vec<OfFilter>,
}

/// What one filter says.
struct OfFilter {
    name: String,
    ret: u32,
    steps: Vec<Step>,
    written: Option<OfPolicy>,
}

/// What is known of a policy besides.
struct OfPolicy {
    sources: SourceMap,
    decision: Decision,
    /// What decides, in the text.
    decider: Option<Label>,
    near: Vec<Near>,
    edit: Option<Edit>,
}

/// An instruction that was run.
struct Step {
    pc: usize,
    text: String,
    rule: Option<RuleId>,
}

/// Reads a call in the constants of the first filter, and runs it through all.
pub(crate) fn explain(
    stack: &Stack<'_>,
    text: &str,
    console: &Console,
) -> Result<Explanation, Failure> {
    let Some((_, first)) = stack.filters.first() else {
        return Err(Failure::Environment("there is no filter".to_owned()));
    };
    let call = call_of(first, first.native(stack.options), text, console)?;
    let filters: Vec<OfFilter> = stack
        .filters
        .iter()
        .map(|(name, reviewed)| of_filter(name, reviewed, &call))
        .collect::<Result<_, _>>()?;
    let returned: Vec<u32> = filters.iter().map(|it| it.ret).collect();
    let winner = stack::winner(&returned).unwrap_or_default();
    let action = Action::from_ret(returned.get(winner).copied().unwrap_or_default());
    Ok(Explanation { asked: text.to_owned(), call, action, winner, filters })
}

/// A call in text form; what is wrong with it is of status 2.
fn call_of(
    first: &Reviewed,
    abi: &'static Abi,
    text: &str,
    console: &Console,
) -> Result<SeccompData, Failure> {
    let (sources, statements, defines) = match first {
        Reviewed::Policy(compiled, _) => {
            (compiled.sources(), compiled.statements(), compiled.defines())
        }
        Reviewed::Program(_) => (&SourceMap::default(), &[][..], &[][..]),
    };
    read_call(sources, statements, defines, abi, text).map_err(|diagnostics| {
        console.diagnostics(&diagnostics.sources, &diagnostics.list);
        Failure::Environment(format!("`{text}` is no call to ask about"))
    })
}

fn of_filter(name: &str, reviewed: &Reviewed, call: &SeccompData) -> Result<OfFilter, Failure> {
    let endian = abi::abi_by_audit_arch(call.arch).map_or(Endian::HOST, |abi| abi.endian);
    let name = name.to_owned();
    match reviewed {
        Reviewed::Program(program) => {
            let trace = interpret_traced(program, call, endian);
            let steps = steps(program, endian, &trace.pcs, &[]);
            Ok(OfFilter { name, ret: trace.outcome.ret, steps, written: None })
        }
        Reviewed::Policy(compiled, written) => {
            let evaluation = evaluate(compiled, endian, call);
            if !evaluation.agrees() {
                let text = words::call(&Seen::whole(call));
                let text = format!("{name}: {text}: program and policy differ: a fault of filterc");
                return Err(Failure::Environment(text));
            }
            let program = compiled.program_for(endian);
            let steps = steps(program.verified(), endian, &evaluation.trace.pcs, program.origin());
            let decision = evaluation.decision;
            let near = near(written, call, &decision);
            let edit = (!passes(decision.action))
                .then(|| edit::smallest(written, call, &decision, &near, &Budget::default()))
                .flatten();
            let decider = decider(compiled, written, &decision);
            let sources = written.sources.clone();
            let of_policy = OfPolicy { sources, decision, decider, near, edit };
            Ok(OfFilter {
                name,
                ret: evaluation.trace.outcome.ret,
                steps,
                written: Some(of_policy),
            })
        }
    }
}

fn steps(
    program: &Verified,
    endian: Endian,
    pcs: &[usize],
    origin: &[Option<RuleId>],
) -> Vec<Step> {
    let options = DisasmOptions { plain: false, endian, abi: None };
    let text = disassemble(program.insns(), &options);
    let lines: Vec<&str> = text.lines().collect();
    let step = |pc: &usize| {
        let line = lines.get(*pc).copied().unwrap_or_default();
        // The label, and the bytes behind the number, say nothing here.
        let (code, comment) = line.split_once(';').unwrap_or((line, ""));
        let code = code.split_once(':').map_or(code, |(_, code)| code).trim();
        let comment = comment.split_whitespace().skip(5).collect::<Vec<_>>().join(" ");
        let text = format!("{code:<28} {comment}").trim_end().to_owned();
        Step { pc: *pc, text, rule: origin.get(*pc).copied().flatten() }
    };
    pcs.iter().map(step).collect()
}

/// Where what decides stands in the text.
fn decider(compiled: &Compiled, written: &Written, decision: &Decision) -> Option<Label> {
    let label = |span, message: &str| Some(Label { span, message: message.to_owned() });
    let header = |is: fn(&StatementKind) -> bool| {
        written.statements.iter().find(|it| is(&it.kind)).map(|it| it.span)
    };
    match decision.reason {
        Reason::Rule(rule) => {
            let origin = compiled.policy().rules().get(usize::try_from(rule.0).ok()?)?;
            label(origin.span, "this rule decides")
        }
        Reason::Default => {
            label(header(|it| matches!(it, StatementKind::Default(_)))?, "no rule does, so this")
        }
        Reason::Unknown => label(
            header(|it| matches!(it, StatementKind::Unknown(_)))?,
            "the policy's kernel has no such call, so this",
        ),
        Reason::Foreign => match header(|it| matches!(it, StatementKind::Foreign(_))) {
            Some(span) => label(span, "the policy does not list this ABI, so this"),
            None => label(header(|it| matches!(it, StatementKind::Arch(_)))?, "not listed here"),
        },
    }
}

/// Whether a call goes through, and what becomes of it.
pub(crate) fn fate(action: Action, call: &SeccompData) -> String {
    let text = console::action(action, call);
    match action {
        Action::Allow => "allowed".to_owned(),
        Action::Log => "allowed and logged".to_owned(),
        Action::Notify => "a supervisor decides: notify".to_owned(),
        Action::Trace(_) => format!("a tracer decides: {text}"),
        Action::Trap(_) | Action::Errno(_) | Action::KillThread | Action::KillProcess => {
            format!("refused: {text}")
        }
    }
}

impl Explanation {
    pub(crate) fn text(&self, console: &Console) -> String {
        let mut text = format!("{}\n", words::call(&Seen::whole(&self.call)));
        let alone = self.filters.len() == 1;
        if !alone {
            let winner = self.filters.get(self.winner).map_or("", |it| it.name.as_str());
            // Writing to a string cannot fail, here and below.
            let _ = writeln!(
                text,
                "{}, by filter {} ({winner}): the strongest action wins, and the newest of equals",
                fate(self.action, &self.call),
                self.winner + 1
            );
        }
        for (at, filter) in self.filters.iter().enumerate() {
            if !alone {
                let _ = writeln!(text, "\nfilter {}, {}", at + 1, filter.name);
            }
            filter.text(&self.call, console, &mut text);
        }
        text
    }

    pub(crate) fn json(&self) -> Value {
        let call = &self.call;
        let known = abi::abi_of_call(call.arch, call.nr.cast_unsigned());
        let filters: Vec<Value> = self.filters.iter().map(|it| it.json(call)).collect();
        json!({
            "call": self.asked,
            "decoded": words::call(&Seen::whole(call)),
            "abi": known.map(|abi| abi.name),
            "nr": call.nr,
            "arch": call.arch,
            "args": call.args,
            "action": console::action(self.action, call),
            "allowed": passes(self.action),
            "winner": self.winner,
            "filters": filters,
        })
    }
}

impl OfFilter {
    fn text(&self, call: &SeccompData, console: &Console, text: &mut String) {
        let fate = fate(Action::from_ret(self.ret), call);
        match &self.written {
            None => {
                let _ = writeln!(text, "{fate}");
            }
            Some(written) => written.text(&fate, call, console, text),
        }
        let _ = writeln!(text, "program: {} instructions", self.steps.len());
        for step in &self.steps {
            let rule = step.rule.map(|rule| format!("rule {}", rule.0 + 1)).unwrap_or_default();
            let _ = writeln!(
                text,
                "{}",
                format!("  {:4}  {rule:<8} {}", step.pc, step.text).trim_end()
            );
        }
    }

    fn json(&self, call: &SeccompData) -> Value {
        let path: Vec<Value> = self
            .steps
            .iter()
            .map(|it| json!({ "pc": it.pc, "text": it.text, "rule": it.rule.map(|rule| rule.0 + 1) }))
            .collect();
        let action = console::action(Action::from_ret(self.ret), call);
        let mut object = json!({
            "filter": self.name,
            "ret": self.ret,
            "action": action,
            "instructions": self.steps.len(),
            "path": path,
        });
        if let (Some(written), Some(fields)) = (&self.written, object.as_object_mut()) {
            written.json(fields);
        }
        object
    }
}

impl OfPolicy {
    fn text(&self, fate: &str, call: &SeccompData, console: &Console, text: &mut String) {
        let message = format!("{fate}, {}", console::reason(self.decision.reason));
        // Of interest is who would have decided otherwise.
        let otherwise = |near: &Near| passes(near.action) != passes(self.decision.action);
        let missed: Vec<&Near> =
            self.near.iter().filter(|it| !it.failed.is_empty() && otherwise(it)).collect();
        let shown = missed.iter().take(SHOWN).flat_map(|near| labels(near));
        let secondary: Vec<Label> = shown.collect();
        let style = if console.is_bold() { render::Style::Coloured } else { render::Style::Plain };
        let snippet =
            render::note(&self.sources, &message, self.decider.as_ref(), &secondary, style);
        text.push_str(snippet.strip_prefix("note: ").unwrap_or(&snippet).trim_end());
        text.push('\n');
        for near in &self.near {
            if near.failed.is_empty() && near.action != self.decision.action {
                let (rule, action) = (near.rule.0 + 1, console::action(near.action, call));
                let at = render::position(&self.sources, near.span);
                let _ = writeln!(text, "rule {rule}, {at}, would {action} it, but comes later");
            }
        }
        if let Some(more) = missed.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            let _ = writeln!(text, "{more} more rules are about this call and do not hold either");
        }
        if let Some(edit) = &self.edit {
            let _ = writeln!(text, "\nto allow it: {}\n\n{}", edit.what, edit.patch);
            text.push_str(&effect(&edit.changes));
            text.push('\n');
        }
    }

    fn json(&self, fields: &mut serde_json::Map<String, Value>) {
        let (kind, rule) = match self.decision.reason {
            Reason::Rule(rule) => ("rule", Some(rule.0 + 1)),
            Reason::Default => ("default", None),
            Reason::Unknown => ("unknown", None),
            Reason::Foreign => ("foreign", None),
        };
        let at = |span| render::position(&self.sources, span);
        let failed = |failed: &Failed| {
            let values: serde_json::Map<String, Value> =
                failed.seen.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            json!({
                "condition": failed.text,
                "at": at(failed.span),
                "lets": failed.lets,
                "values": values,
            })
        };
        let near: Vec<Value> = self
            .near
            .iter()
            .map(|near| {
                json!({
                    "rule": near.rule.0 + 1,
                    "at": at(near.span),
                    "action": near.action.to_string(),
                    "failed": near.failed.iter().map(failed).collect::<Vec<_>>(),
                })
            })
            .collect();
        let edit = self.edit.as_ref().map(edit_json);
        fields.insert("reason".to_owned(), json!(kind));
        fields.insert("rule".to_owned(), json!(rule));
        fields.insert("at".to_owned(), json!(self.decider.as_ref().map(|label| at(label.span))));
        fields.insert("near".to_owned(), json!(near));
        fields.insert("edit".to_owned(), json!(edit));
    }
}

/// An edit for tools.
pub(crate) fn edit_json(edit: &Edit) -> Value {
    json!({
        "what": edit.what,
        "patch": edit.patch,
        "changes": edit.changes.iter().map(change).collect::<Vec<_>>(),
        "count": edit.count().to_string(),
    })
}

/// What a rule asks for in vain, at its place.
fn labels(near: &Near) -> impl Iterator<Item = Label> {
    near.failed.iter().enumerate().map(|(at, failed)| {
        let seen: Vec<String> =
            failed.seen.iter().map(|(name, value)| format!("{name} is {value}")).collect();
        let by = match failed.lets.last() {
            Some(name) => format!(" (by `{name}`)"),
            None => String::new(),
        };
        let verb = if passes(near.action) { "allow" } else { "refuse" };
        let rule = near.rule.0 + 1;
        let (is, seen) = (if at == 0 { "but" } else { "and" }, words::list(&seen));
        let message = match at {
            0 => format!("rule {rule}{by} would {verb} it, {is} {seen}"),
            _ => format!("{is} {seen}{by}"),
        };
        Label { span: failed.span, message }
    })
}

/// Everything that an edit changes.
pub(crate) fn effect(changes: &[Change]) -> String {
    let mut text = "what the edit changes, all of it:\n".to_owned();
    for group in groups(changes) {
        let call = &group.example.witness;
        let (left, right) = (changes::action(group.left, call), changes::action(group.right, call));
        for set in &group.calls {
            let condition = match &group.condition {
                Condition::Always => "whatever the arguments".to_owned(),
                Condition::If(predicate) => format!("if {predicate}"),
                Condition::Some => "for some arguments".to_owned(),
            };
            let _ = writeln!(text, "  {left} -> {right}: {}, {condition}", changes::calls(set));
        }
    }
    text
}

/// A change for tools.
pub(crate) fn change(change: &Change) -> Value {
    let set = groups(std::slice::from_ref(change));
    let calls = set.first().and_then(|group| group.calls.first()).map(changes::calls);
    let condition = match &change.condition {
        Condition::Always => Value::Null,
        Condition::If(predicate) => json!(predicate),
        Condition::Some => json!(false),
    };
    json!({
        "kind": changes::name(change.kind()),
        "calls": calls,
        "if": condition,
        "left": changes::action(change.left, &change.witness),
        "right": changes::action(change.right, &change.witness),
        "count": change.count.to_string(),
    })
}
