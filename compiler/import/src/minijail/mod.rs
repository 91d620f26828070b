//! Policies of minijail: lines such as `openat: arg2 in ~O_CREAT || arg1 == 0`, of Chrome OS, crosvm
//! and Android.
//!
//! * A call gets what the first of its filters says that holds, else the default; a line without a
//!   condition ends its list. Calls without a line get the default.
//! * `arg & V` is that some bit of V is set, `arg in V` that no bit outside V is. Comparisons are
//!   without sign.
//! * Calls of other ABIs end the thread.
//! * `@frequency` says which calls are made often, which decides nothing.
//!
//! minijail has two compilers, in C within the library and in Python, and `CONDITION; return E`
//! is not the same to both: to the library a call for which the condition does **not** hold gets E,
//! and is allowed otherwise; to the other tool it gets E where the condition holds. [`Dialect`]
//! says whose policy it is; without it such a line is an error.

mod lexer;
mod parser;

use std::collections::{BTreeMap, BTreeSet};

use filterc_abi::{Abi, Action};
use filterc_grammar::diagnostic::Diagnostic;
use filterc_grammar::source::{FileId, Span};

use crate::arguments::conditions::{Condition, Op as Compare};
use crate::arguments::values::largest;
use crate::fault::Fault;
use crate::includes::Includes;
use crate::minijail::parser::{Atom, Filter, Line, Op, Parser, Verdict};
use crate::plan::expr::Expr;
use crate::plan::{Callee, Multiplexers, Plan, Rule};
use crate::{Imported, Note, Target, hosts};

/// Files that include each other, at most: as in minijail's own tool.
const MOST_INCLUDED: usize = 10;

/// Which of minijail's compilers a policy is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Either: what they read differently is an error.
    #[default]
    Either,
    /// The one in C, within the library.
    Library,
    /// The tool in Python, `compile_seccomp_policy`.
    Tool,
}

/// What an import is told beside the text.
#[derive(Clone, Debug)]
pub struct Options {
    /// The machine.
    pub target: Target,
    /// Which compiler's language it is.
    pub dialect: Dialect,
    /// Whether `kill` ends the process, not the thread alone.
    pub kill_process: bool,
    /// Values of constants that are not in our tables.
    pub constants: BTreeMap<String, u64>,
}

impl Options {
    /// For a machine, in the language that both compilers have.
    #[must_use]
    pub fn new(target: Target) -> Self {
        let (dialect, constants) = (Dialect::default(), BTreeMap::new());
        Self { target, dialect, kill_process: false, constants }
    }
}

/// Imports a policy; `file` names its text in the diagnostics.
///
/// # Errors
/// Everything that is wrong with the text and those that it includes, each with its place, and
/// everything in them that a policy cannot say.
pub fn import(
    file: FileId,
    text: &str,
    options: &Options,
    includes: &mut dyn Includes,
) -> Result<Imported, Vec<Diagnostic>> {
    let mut reader = Reader {
        options,
        includes,
        errors: Vec::new(),
        notes: Vec::new(),
        default: None,
        deny: None,
        lines: Vec::new(),
    };
    reader.file(file, text, 0);
    let rules = reader.rules();
    let Reader { errors, notes, default, deny, .. } = reader;
    if !errors.is_empty() {
        return Err(errors);
    }
    let kill = kill(options);
    let default = default.map_or(if deny.is_some() { Action::Allow } else { kill }, |it| it.0);
    let plan = Plan {
        abis: vec![options.target.abi],
        default,
        foreign: Action::KillThread,
        width: options.target.width,
        multiplexers: Multiplexers::Apart,
        rules,
        comments: vec![format!("Imported from {}, a policy of minijail.", options.target.source)],
        notes,
    };
    Ok(plan.imported())
}

const fn kill(options: &Options) -> Action {
    if options.kill_process { Action::KillProcess } else { Action::KillThread }
}

/// Calls that count on the machine, and what is said of them.
type Statement = (Vec<(String, Span)>, Vec<Filter>);

struct Reader<'r> {
    options: &'r Options,
    includes: &'r mut dyn Includes,
    errors: Vec<Diagnostic>,
    notes: Vec<Note>,
    default: Option<(Action, Span)>,
    deny: Option<Span>,
    lines: Vec<Statement>,
}

impl Reader<'_> {
    fn fault(&mut self, span: Span, fault: &Fault) {
        self.errors.push(fault.at(span));
    }

    fn file(&mut self, file: FileId, text: &str, depth: usize) {
        let lines = Parser::lines(file, text);
        for line in lines {
            match line {
                Ok(Line::Calls(calls, filters)) => {
                    let abi = self.options.target.abi;
                    let here = calls.into_iter().filter(|call| call.is_on(abi));
                    let calls = here.map(|call| (call.name, call.span)).collect();
                    self.lines.push((calls, filters));
                }
                Ok(Line::Include(path, span)) => self.include(&path, span, depth),
                Ok(Line::Frequency(path)) => self.notes.push(Note {
                    path: String::new(),
                    text: format!("{path} says what calls are frequent, which decides nothing"),
                }),
                Ok(Line::Default(verdict, span)) => self.set_default(&verdict, span),
                Ok(Line::DenyList(span)) => self.deny = self.deny.or(Some(span)),
                Err((span, fault)) => self.fault(span, &fault),
            }
        }
    }

    fn include(&mut self, path: &str, span: Span, depth: usize) {
        if depth >= MOST_INCLUDED {
            return self.fault(span, &Fault::TooDeep(MOST_INCLUDED));
        }
        match self.includes.include(path, span) {
            Ok((file, text)) => self.file(file, &text, depth + 1),
            Err(why) => self.fault(span, &Fault::NotFound(path.to_owned(), why)),
        }
    }

    fn set_default(&mut self, verdict: &Verdict, span: Span) {
        const STRICT: &str = "a default kills, traps or asks a supervisor";
        if let Some((_, first)) = self.default {
            let what = "the default stands twice".to_owned();
            return self.fault(span, &Fault::SaidTwice(what, first));
        }
        match verdict {
            Verdict::Kill => self.default = Some((kill(self.options), span)),
            Verdict::Action(
                action @ (Action::KillProcess
                | Action::KillThread
                | Action::Trap(_)
                | Action::Notify),
            ) => self.default = Some((*action, span)),
            Verdict::Action(_) | Verdict::Return(_) => {
                self.fault(span, &Fault::UnknownAction("of a default".to_owned(), STRICT));
            }
        }
    }

    /// The rules of all lines.
    fn rules(&mut self) -> Vec<Rule> {
        let abi = self.options.target.abi;
        let lines = std::mem::take(&mut self.lines);
        let mut rules = Vec::new();
        // The calls that have a last word, and those that have a line.
        let mut ended: BTreeMap<String, Span> = BTreeMap::new();
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        for (calls, filters) in &lines {
            let read: Vec<(Expr, Action, Span)> =
                filters.iter().filter_map(|filter| self.filter(filter)).flatten().collect();
            let mut named = BTreeSet::new();
            for (name, span) in calls {
                let Some(call) = hosts::call(abi, name) else {
                    let fault = Fault::UnknownCall(name.clone(), vec![abi.name]);
                    self.fault(*span, &fault);
                    continue;
                };
                let twice = seen.insert(name.clone(), *span);
                let first = ended.get(name).copied().or_else(|| {
                    let library = self.options.dialect == Dialect::Library;
                    twice.filter(|_| library || named.contains(name))
                });
                if let Some(first) = first {
                    let what = format!("`{name}` is decided already");
                    self.fault(*span, &Fault::SaidTwice(what, first));
                    continue;
                }
                named.insert(name.clone());
                for (at, (when, action, place)) in read.iter().enumerate() {
                    if *when == Expr::True {
                        ended.insert(name.clone(), *span);
                        if at + 1 < read.len() {
                            let what = format!("`{name}` is decided already");
                            self.fault(*place, &Fault::SaidTwice(what, *span));
                        }
                    }
                    rules.push(Rule {
                        span: *place,
                        on: vec![abi],
                        callee: Callee::Name(call.name.to_owned()),
                        when: when.clone(),
                        action: *action,
                    });
                }
            }
        }
        rules
    }

    /// What a filter says: one rule, or two to the library.
    fn filter(&mut self, filter: &Filter) -> Option<Vec<(Expr, Action, Span)>> {
        let when = self.expr(&filter.clauses);
        let action = match &filter.verdict {
            Some((verdict, span)) => self.action(verdict, *span),
            None if self.deny.is_some() => {
                const EVERY: &str = "in a denylist every line says what it returns";
                self.fault(filter.span, &Fault::UnknownAction("allow".to_owned(), EVERY));
                None
            }
            None => Some(Action::Allow),
        };
        let (when, action) = (when?, action?);
        if filter.clauses.is_empty() || filter.verdict.is_none() {
            return Some(vec![(when, action, filter.span)]);
        }
        match self.options.dialect {
            Dialect::Tool => Some(vec![(when, action, filter.span)]),
            Dialect::Library if self.deny.is_none() => {
                Some(vec![(when, Action::Allow, filter.span), (Expr::True, action, filter.span)])
            }
            Dialect::Library => {
                let what = "a condition with a return value in a denylist".to_owned();
                let why = "the library's reading of it is not documented".to_owned();
                self.fault(filter.span, &Fault::Untranslatable(what, why));
                None
            }
            Dialect::Either => {
                let what = "a condition with a return value".to_owned();
                let why = "minijail's library returns it where the condition fails, its other \
                           compiler where it holds: choose one with --compiler"
                    .to_owned();
                self.fault(filter.span, &Fault::Disputed(what, why));
                None
            }
        }
    }

    fn action(&mut self, verdict: &Verdict, span: Span) -> Option<Action> {
        if self.deny.is_some() && !matches!(verdict, Verdict::Return(_)) {
            const RETURNS: &str = "in a denylist every line says what it returns";
            self.fault(span, &Fault::UnknownAction("without `return`".to_owned(), RETURNS));
            return None;
        }
        match verdict {
            Verdict::Kill => Some(kill(self.options)),
            Verdict::Action(action) => Some(*action),
            Verdict::Return(value) => {
                let number = self.value(value)?;
                let errno = u16::try_from(number).ok().filter(|it| *it <= MAX_ERRNO);
                if errno.is_none() {
                    const WHY: &str = "an errno is at most 4095";
                    self.fault(span, &Fault::BadNumber(number.to_string(), WHY));
                }
                errno.map(Action::Errno)
            }
        }
    }

    fn expr(&mut self, clauses: &[Vec<Atom>]) -> Option<Expr> {
        if clauses.is_empty() {
            return Some(Expr::True);
        }
        let clauses: Vec<Option<Expr>> = clauses
            .iter()
            .map(|atoms| {
                let atoms: Vec<Option<Expr>> = atoms.iter().map(|atom| self.atom(atom)).collect();
                atoms.into_iter().collect::<Option<_>>().map(Expr::All)
            })
            .collect();
        clauses.into_iter().collect::<Option<_>>().map(Expr::Any)
    }

    fn atom(&mut self, atom: &Atom) -> Option<Expr> {
        let word = largest(self.options.target.abi.word);
        let value = self.value(&atom.value)?;
        let index = atom.index;
        let is = |op, value| Expr::Test(Condition::new(index, op, value));
        Some(match atom.op {
            Op::Eq => is(Compare::Eq, value),
            Op::Ne => is(Compare::Ne, value),
            Op::Lt => is(Compare::Lt, value),
            Op::Le => is(Compare::Le, value),
            Op::Gt => is(Compare::Gt, value),
            Op::Ge => is(Compare::Ge, value),
            Op::Some if value == 0 => Expr::False,
            Op::Some => Expr::Not(Box::new(Expr::Test(Condition::masked(index, value, 0)))),
            Op::Within if !value & word == 0 => Expr::True,
            Op::Within => {
                // Above a word there is nothing: the mask is as wide as it can be.
                let outside = if word == u64::MAX { !value } else { !value | !word };
                Expr::Test(Condition::masked(index, outside, 0))
            }
        })
    }

    /// The value of an expression of constants, of the ABI's word.
    fn value(&mut self, value: &parser::Value) -> Option<u64> {
        let abi = self.options.target.abi;
        let bits = largest(abi.word);
        let mut sum = 0;
        for (negated, term, span) in value {
            let number = match term {
                parser::Term::Number(number) => *number,
                parser::Term::Name(name) => match self.constant(name, abi) {
                    Some(number) => number,
                    None => {
                        self.fault(*span, &Fault::UnknownName("constant", name.clone()));
                        return None;
                    }
                },
                parser::Term::Value(inner) => i128::from(self.value(inner)?),
            };
            let fits = number <= i128::from(bits) && number >= -(i128::from(bits >> 1) + 1);
            let cut = u64::try_from(number & i128::from(bits)).ok().filter(|_| fits);
            let Some(number) = cut else {
                const WHY: &str = "it does not fit a word of the ABI";
                self.fault(*span, &Fault::BadNumber(number.to_string(), WHY));
                return None;
            };
            sum |= if *negated { !number & bits } else { number };
        }
        Some(sum)
    }

    fn constant(&self, name: &str, abi: &'static Abi) -> Option<i128> {
        let given = self.options.constants.get(name).map(|value| i128::from(*value));
        given.or_else(|| abi.constant(name))
    }
}

/// The largest errno that a filter can return.
const MAX_ERRNO: u16 = filterc_abi::seccomp::MAX_ERRNO;
