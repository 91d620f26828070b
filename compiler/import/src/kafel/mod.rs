//! Policies of kafel, the language of nsjail.
//!
//! * Of the rules on a call, in the order in which they stand once each `USE` is replaced by what
//!   it names, the first that holds decides; else the default, which is `KILL` if not given.
//! * A comma between expressions is an `||` that binds less than all else. Comparisons are without
//!   sign.
//! * An argument has the width that the kernel uses. (kafel has tables of its own for this, which
//!   know 16-bit arguments as 32-bit ones and take any argument as 64 bits wide where a constant is.)
//! * A constant has the value that the text gives it: kafel knows none.
//! * `KILL` and calls of other ABIs end the thread.

mod expr;
mod lexer;
mod parser;

use std::collections::{BTreeMap, BTreeSet};

use filterc_abi::{Abi, Action, Syscall};
use filterc_grammar::diagnostic::Diagnostic;
use filterc_grammar::source::{FileId, Span};

use crate::arguments::conditions::Width;
use crate::fault::Fault;
use crate::includes::Includes;
use crate::kafel::parser::{Block, Item, Named, Program, Statement};
use crate::plan::expr::Expr;
use crate::plan::{Callee, Multiplexers, Plan, Rule};
use crate::{Imported, Note, Target};

/// Imports a policy; `file` names its text in the diagnostics.
///
/// # Errors
/// What is wrong with the text and those that it includes, each with its place, and everything in
/// them that a policy cannot say.
pub fn import(
    file: FileId,
    text: &str,
    target: &Target,
    includes: &mut dyn Includes,
) -> Result<Imported, Vec<Diagnostic>> {
    let tokens = lexer::tokens(file, text, includes).map_err(|(span, it)| vec![it.at(span)])?;
    let program = parser::parse(tokens).map_err(|(span, it)| vec![it.at(span)])?;
    let mut reader =
        Reader { target, errors: Vec::new(), rules: Vec::new(), used: BTreeSet::new() };
    let (default, unfolded) = reader.top(&program);
    for (action, item) in unfolded {
        reader.rule(action, item);
    }
    let Reader { errors, rules, used, .. } = reader;
    if !errors.is_empty() {
        return Err(errors);
    }
    let plan = Plan {
        abis: vec![target.abi],
        default: default.unwrap_or(Action::KillThread),
        foreign: Action::KillThread,
        width: Width::Effective,
        multiplexers: Multiplexers::Apart,
        rules,
        comments: vec![format!("Imported from {}, a policy of kafel.", target.source)],
        notes: unused(&program, &used).into_iter().collect(),
    };
    Ok(plan.imported())
}

/// Tells the policies that nothing uses: they decide nothing.
fn unused(program: &Program, used: &BTreeSet<String>) -> Option<Note> {
    let names: Vec<&str> = program
        .statements
        .iter()
        .filter_map(|statement| match statement {
            Statement::Policy(name, _) => Some(name.text.as_str()),
            Statement::Block(_) | Statement::Default(..) => None,
        })
        .filter(|name| !used.contains(*name))
        .collect();
    (!names.is_empty()).then(|| Note {
        path: String::new(),
        text: format!("policies that nothing uses: {}", names.join(", ")),
    })
}

/// Rules that policies which use each other can come to, at most.
const MOST_RULES: usize = 1 << 16;

struct Reader<'r> {
    target: &'r Target,
    errors: Vec<Diagnostic>,
    rules: Vec<Rule>,
    /// The policies that others, or the file, use.
    used: BTreeSet<String>,
}

type Unfolded<'p> = Vec<(Action, &'p Item)>;

impl Reader<'_> {
    fn fault(&mut self, span: Span, fault: &Fault) {
        self.errors.push(fault.at(span));
    }

    /// The default, and all that the top of the file says.
    fn top<'p>(&mut self, program: &'p Program) -> (Option<Action>, Unfolded<'p>) {
        let mut policies: BTreeMap<&str, (Span, Unfolded<'p>)> = BTreeMap::new();
        let (mut main, mut default): (Unfolded<'p>, Option<(Action, Span)>) = (Vec::new(), None);
        for statement in &program.statements {
            match statement {
                Statement::Policy(name, blocks) => {
                    if let Some((first, _)) = policies.get(name.text.as_str()) {
                        let what = format!("the policy `{}` stands twice", name.text);
                        self.fault(name.span, &Fault::SaidTwice(what, *first));
                    }
                    let body = self.unfold(blocks, &policies);
                    policies.insert(&name.text, (name.span, body));
                }
                Statement::Block(block) => {
                    let body = self.unfold(std::slice::from_ref(block), &policies);
                    main.extend(body);
                }
                Statement::Default(action, span) => match default {
                    Some((_, first)) => {
                        let what = "the default stands twice".to_owned();
                        self.fault(*span, &Fault::SaidTwice(what, first));
                    }
                    None => default = Some((*action, *span)),
                },
            }
        }
        (default.map(|(action, _)| action), main)
    }

    fn unfold<'p>(
        &mut self,
        blocks: &'p [Block],
        policies: &BTreeMap<&str, (Span, Unfolded<'p>)>,
    ) -> Unfolded<'p> {
        let mut unfolded = Unfolded::new();
        for block in blocks {
            match block {
                Block::Use(name) => match policies.get(name.text.as_str()) {
                    Some((_, body)) if unfolded.len() + body.len() > MOST_RULES => {
                        self.fault(name.span, &Fault::TooDeep(MOST_RULES));
                        return unfolded;
                    }
                    Some((_, body)) => {
                        self.used.insert(name.text.clone());
                        unfolded.extend(body.iter().copied());
                    }
                    None => {
                        self.fault(name.span, &Fault::UnknownName("policy", name.text.clone()));
                    }
                },
                Block::Action(action, items) => {
                    unfolded.extend(items.iter().map(|item| (*action, item)));
                }
            }
        }
        unfolded
    }

    fn rule(&mut self, action: Action, item: &Item) {
        let abi = self.target.abi;
        if !item.on.is_empty() && !item.on.iter().any(|on| self.is_host(on)) {
            return;
        }
        let Some((callee, call)) = self.callee(item, abi) else { return };
        let names = expr::Arguments { call, own: item.args.as_deref() };
        let when = match &item.when {
            None => Ok(Expr::True),
            Some(formula) => names.expr(formula, abi),
        };
        match when {
            Ok(when) => {
                self.rules.push(Rule { span: item.span, on: vec![abi], callee, when, action });
            }
            Err((span, fault)) => self.fault(span, &fault),
        }
    }

    fn is_host(&mut self, name: &Named) -> bool {
        match crate::hosts::abi(&name.text) {
            Some(abi) => abi.name == self.target.abi.name,
            None => {
                self.fault(name.span, &Fault::UnknownArchitecture(name.text.clone()));
                false
            }
        }
    }

    fn callee(
        &mut self,
        item: &Item,
        abi: &'static Abi,
    ) -> Option<(Callee, Option<&'static Syscall>)> {
        let name = match &item.callee {
            parser::Callee::Name(name) => name,
            parser::Callee::Number(number, span) => {
                let low = u32::try_from(number & u64::from(u32::MAX)).ok()?;
                let fits = *number <= u64::from(u32::MAX) || number >> 31 == u64::MAX >> 31;
                if low == u32::MAX && fits {
                    let what = "a rule on the number −1".to_owned();
                    let why = "a tracer writes it to skip a call".to_owned();
                    self.fault(*span, &Fault::Untranslatable(what, why));
                    return None;
                }
                if !fits || !crate::hosts::admits(abi, low) {
                    const WHY: &str = "the ABI has no calls with such a number";
                    self.fault(*span, &Fault::BadNumber(number.to_string(), WHY));
                    return None;
                }
                let callee = Callee::numbered(low, abi);
                return Some((callee, abi.syscall_by_nr(low)));
            }
        };
        // Newer tables have the kernel's functions by their own names (`newuname`).
        let function = format!("sys_{}", name.text);
        let by_function = || abi.syscalls().iter().find(|call| call.entry == function);
        match abi.syscall(&name.text).or_else(by_function) {
            Some(call) => Some((Callee::Name(call.name.to_owned()), Some(call))),
            None => {
                let fault = Fault::UnknownCall(name.text.clone(), vec![abi.name]);
                self.fault(name.span, &fault);
                None
            }
        }
    }
}
