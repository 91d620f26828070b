//! Filters of seccompiler in JSON, as Firecracker has them: an object with a filter for each sort
//! of thread.
//!
//! * A call gets `match_action` (`filter_action`) if one of its rules holds, all of whose conditions
//!   must; else `mismatch_action` (`default_action`), as do all calls without a rule.
//! * `dword` compares the low 32 bits of a register, `qword` all 64, both without sign.
//! * Calls of other ABIs end the process.
//!
//! A rule without conditions beside one with some is an error: seccompiler loses the former, and
//! other readers of the format the latter.

use std::collections::BTreeMap;

use filterc_abi::{Abi, Action};
use filterc_grammar::diagnostic::Diagnostic;
use filterc_grammar::source::{FileId, Span};

use crate::arguments::conditions::{Condition, Op};
use crate::fault::Fault;
use crate::json::node::{self, Node, Value};
use crate::json::reader::Reader;
use crate::plan::expr::Expr;
use crate::plan::{Callee, Multiplexers, Plan, Rule};
use crate::{Imported, Target};

const FILTER: &[&str] =
    &["default_action", "filter", "filter_action", "match_action", "mismatch_action"];
const RULE: &[&str] = &["args", "comment", "syscall"];
const CONDITION: &[&str] = &["comment", "index", "op", "type", "val"];
const MASKED: &[&str] = &["masked_eq"];
const DATA: &[&str] = &["errno", "trace"];

/// What an import is told beside the text.
#[derive(Clone, Debug)]
pub struct Options {
    /// The machine.
    pub target: Target,
    /// Which of the filters; needed where there are several.
    pub filter: Option<String>,
}

/// Imports a filter; `file` names its text in the diagnostics.
///
/// # Errors
/// Everything that is wrong with the text, each with its place.
pub fn import(file: FileId, text: &str, options: &Options) -> Result<Imported, Vec<Diagnostic>> {
    let root = match node::parse(file, text) {
        Ok(root) => root,
        Err((span, kind)) => return Err(vec![kind.diagnostic("", span)]),
    };
    let mut reader = Reader::default();
    let plan = chosen(&root, options, &mut reader)
        .and_then(|(name, node)| plan(&name, &node, options, &mut reader));
    match plan {
        Some(plan) if reader.errors.is_empty() => Ok(plan.imported()),
        Some(_) | None => Err(reader.errors),
    }
}

/// The filter that is meant.
fn chosen<'t>(
    root: &Node<'t>,
    options: &Options,
    reader: &mut Reader,
) -> Option<(String, Node<'t>)> {
    let mut members = reader.members(root)?;
    for at in 0..members.len() {
        let (before, rest) = members.split_at(at);
        let [(name, node), ..] = rest else { continue };
        if let Some((_, first)) = before.iter().find(|(other, _)| other == name) {
            let what = format!("the filter `{name}` stands twice");
            reader.errors.push(Fault::SaidTwice(what, first.span).at(node.span));
            return None;
        }
    }
    let names: Vec<String> = members.iter().map(|(name, _)| name.clone()).collect();
    let at = match &options.filter {
        Some(wanted) => names.iter().position(|name| name == wanted),
        None => (members.len() == 1).then_some(0),
    };
    match at {
        Some(at) => Some(members.swap_remove(at)),
        None if names.is_empty() => {
            reader.errors.push(Fault::Nothing("filter").at(root.span));
            None
        }
        None => {
            let fault = Fault::Which { what: "filter", option: "--filter", names };
            reader.errors.push(fault.at(Span { end: root.span.start, ..root.span }));
            None
        }
    }
}

fn plan(name: &str, node: &Node<'_>, options: &Options, reader: &mut Reader) -> Option<Plan> {
    let abi = options.target.abi;
    let mut members = reader.object(node, FILTER)?;
    let mut verdict = |own: &'static str, old: &str, reader: &mut Reader| match members.take(old) {
        Some(node) => action(&node, reader),
        None => members.need(own, reader).and_then(|node| action(&node, reader)),
    };
    let otherwise = verdict("mismatch_action", "default_action", reader);
    let matching = verdict("match_action", "filter_action", reader);
    let list = members.need("filter", reader).and_then(|node| reader.list(&node));
    let (otherwise, matching) = (otherwise?, matching?);
    if otherwise == matching {
        let what = "a filter whose two actions are the same".to_owned();
        let fault = Fault::Untranslatable(what, "seccompiler refuses it".to_owned());
        reader.errors.push(fault.at(node.span));
    }
    let rules: Vec<Rule> =
        list?.iter().filter_map(|node| rule(node, abi, matching, reader)).collect();
    refuse_mixed(&rules, reader);
    Some(Plan {
        abis: vec![abi],
        default: otherwise,
        foreign: Action::KillProcess,
        width: options.target.width,
        multiplexers: Multiplexers::Apart,
        rules,
        comments: vec![format!(
            "Imported from {}, the filter {name} of seccompiler.",
            options.target.source
        )],
        notes: Vec::new(),
    })
}

/// A rule without conditions and one with some on the same call.
fn refuse_mixed(rules: &[Rule], reader: &mut Reader) {
    let mut first: BTreeMap<&Callee, (bool, Span)> = BTreeMap::new();
    for rule in rules {
        let whole = rule.when == Expr::True;
        let (other, span) = *first.entry(&rule.callee).or_insert((whole, rule.span));
        if other != whole {
            let fault = Fault::Contradiction(rule.callee.to_string(), span);
            reader.errors.push(fault.at(rule.span));
        }
    }
}

fn action(node: &Node<'_>, reader: &mut Reader) -> Option<Action> {
    if let Ok(Value::Object(members)) = node.value() {
        let (name, data) = match members.as_slice() {
            [(name, data)] if DATA.contains(&name.as_str()) => (name, data),
            _ => {
                reader.object(node, DATA)?;
                let fault = Fault::UnknownAction("of this form".to_owned(), "one of both");
                reader.errors.push(fault.at(node.span));
                return None;
            }
        };
        let number = reader.number(data)?;
        let most = if name == "errno" { filterc_abi::seccomp::MAX_ERRNO } else { u16::MAX };
        let Some(number) = u16::try_from(number).ok().filter(|it| *it <= most) else {
            const WHY: &str = "an errno is at most 4095, a tracer's number 65535";
            reader.errors.push(Fault::BadNumber(number.to_string(), WHY).at(data.span));
            return None;
        };
        return Some(if name == "errno" { Action::Errno(number) } else { Action::Trace(number) });
    }
    let text = reader.text(node)?;
    Some(match text.as_str() {
        "allow" => Action::Allow,
        "kill_thread" => Action::KillThread,
        "kill_process" => Action::KillProcess,
        "log" => Action::Log,
        "trap" => Action::Trap(0),
        _ => {
            const THERE_ARE: &str =
                "there are allow, kill_process, kill_thread, log, trap, errno and trace";
            reader.errors.push(Fault::UnknownAction(text, THERE_ARE).at(node.span));
            return None;
        }
    })
}

fn rule(node: &Node<'_>, abi: &'static Abi, action: Action, reader: &mut Reader) -> Option<Rule> {
    let mut members = reader.object(node, RULE)?;
    if let Some(comment) = members.take("comment") {
        reader.text(&comment)?;
    }
    let name = members.need("syscall", reader)?;
    let (call, span) = (reader.text(&name)?, name.span);
    let when = match members.take("args") {
        None => Expr::True,
        Some(args) => {
            let list = reader.list(&args)?;
            if list.is_empty() {
                let what = "an empty list of conditions".to_owned();
                let fault = Fault::Untranslatable(what, "seccompiler refuses it".to_owned());
                reader.errors.push(fault.at(args.span));
            }
            let all: Vec<_> = list.iter().map(|node| condition(node, reader)).collect();
            Expr::All(all.into_iter().collect::<Option<Vec<_>>>()?)
        }
    };
    if abi.syscall(&call).is_none() {
        reader.errors.push(Fault::UnknownCall(call, vec![abi.name]).at(span));
        return None;
    }
    Some(Rule { span: node.span, on: vec![abi], callee: Callee::Name(call), when, action })
}

fn condition(node: &Node<'_>, reader: &mut Reader) -> Option<Expr> {
    let mut members = reader.object(node, CONDITION)?;
    if let Some(comment) = members.take("comment") {
        reader.text(&comment)?;
    }
    let index = members.need("index", reader);
    let kind = members.need("type", reader);
    let value = members.need("val", reader);
    let op = members.need("op", reader)?;
    let (index, kind, value) = (index?, kind?, value?);
    let at = reader.number(&index)?;
    let Some(at) = u8::try_from(at).ok().filter(|at| *at < 6) else {
        let fault = Fault::NoArgument("a call".to_owned(), at.to_string());
        reader.errors.push(fault.at(index.span));
        return None;
    };
    let bits = match reader.text(&kind)?.as_str() {
        "dword" => 32,
        "qword" => 64,
        other => {
            let found = format!("`{other}`");
            let fault = Fault::Unexpected { expected: "dword or qword", found };
            reader.errors.push(fault.at(kind.span));
            return None;
        }
    };
    let number = reader.number(&value)?;
    let (op, mask) = operator(&op, reader)?;
    // The low word of a number is compared with the low word of the register.
    let largest = crate::arguments::values::largest(bits);
    if number > largest {
        const WHY: &str = "a dword has 32 bits";
        reader.errors.push(Fault::BadNumber(number.to_string(), WHY).at(value.span));
        return None;
    }
    Some(match mask {
        Some(mask) => {
            let masked = Condition::masked(at, mask & largest, number & mask);
            if mask & largest == 0 { Expr::True } else { Expr::Test(Condition { bits, ..masked }) }
        }
        None => Expr::Test(Condition { bits, ..Condition::new(at, op, number) }),
    })
}

/// A comparison, with the mask that it has.
fn operator(node: &Node<'_>, reader: &mut Reader) -> Option<(Op, Option<u64>)> {
    if let Ok(Value::Object(_)) = node.value() {
        let mut members = reader.object(node, MASKED)?;
        let mask = members.need("masked_eq", reader)?;
        return Some((Op::MaskedEq, Some(reader.number(&mask)?)));
    }
    let text = reader.text(node)?;
    let op = match text.as_str() {
        "eq" => Op::Eq,
        "ne" => Op::Ne,
        "lt" => Op::Lt,
        "le" => Op::Le,
        "gt" => Op::Gt,
        "ge" => Op::Ge,
        _ => {
            let expected = "eq, ne, lt, le, gt, ge or masked_eq";
            let fault = Fault::Unexpected { expected, found: format!("`{text}`") };
            reader.errors.push(fault.at(node.span));
            return None;
        }
    };
    Some((op, None))
}
