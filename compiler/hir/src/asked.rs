//! Tests that only a monitor can answer, as questions: what a name stands for there, and what may
//! be asked of it.
//!
//! A call's own arguments win, as over all fields. An argument that is an address is a number
//! where it is compared with one, and what stands there where it is compared with a text.

use filterc_abi::Syscall;
use filterc_grammar::ast::{self, CmpOp as Op};
use filterc_grammar::source::Span;

use crate::error::{Kind, Unasked};
use crate::expr::{CmpOp, Predicate, Test};
use crate::field;
use crate::findings::{Calls, Subject};
use crate::paths;
use crate::predicate::Reader;
use crate::questions::{Asked, Number, Pattern, Who};
use crate::types::{self, Field, Place, Type};

/// Bytes of a command name, at most.
const LONGEST_NAME: usize = filterc_abi::facts::COMM_SIZE - 1;

/// What a field of a test is to a monitor.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seen {
    /// A text.
    Text(Text),
    /// A number of a task.
    Number(Who, Number),
    /// The family of a socket address.
    Family(Address),
    /// Its port.
    Port(Address),
    /// Its IP address.
    Ip(Address),
    /// Whether a descriptor is one of a socket.
    Socket(u8),
    /// What the call returned.
    Result,
}

/// A text that a monitor sees.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Text {
    /// A path of the call.
    Path { argument: u8, folder: Option<u8> },
    /// What an argument points to.
    Bytes(u8),
    /// A word of a command.
    Word { argument: u8, index: Option<u32> },
    /// The path of a task's program.
    Exe(Who),
    /// Its command name.
    Comm(Who),
    /// The path of its control group.
    Cgroup(Who),
}

/// The registers of a socket address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address {
    pub(crate) address: u8,
    pub(crate) length: u8,
}

impl Text {
    /// What is wrong with a text that it is compared with: no text of this sort is like it.
    fn fault(self, pattern: &Pattern) -> Option<&'static str> {
        match (self, pattern) {
            (Self::Path { .. } | Self::Exe(_) | Self::Cgroup(_), Pattern::Exact(text)) => {
                paths::fault_of_exact(text)
            }
            (Self::Path { .. } | Self::Exe(_) | Self::Cgroup(_), Pattern::Glob(text)) => {
                paths::fault_of_glob(text)
            }
            (Self::Comm(_), Pattern::Exact(text)) if text.len() > LONGEST_NAME => {
                Some("no command name has more than 15 bytes")
            }
            (Self::Comm(_) | Self::Bytes(_) | Self::Word { .. }, _) => None,
        }
    }

    fn asked(self, pattern: Pattern) -> Asked {
        match self {
            Self::Path { argument, folder } => Asked::Path { argument, folder, pattern },
            Self::Bytes(argument) => Asked::Text { argument, pattern },
            Self::Word { argument, index } => Asked::Word { argument, index, pattern },
            Self::Exe(who) => Asked::Exe { who, pattern },
            Self::Comm(who) => Asked::Comm { who, pattern },
            Self::Cgroup(who) => Asked::Cgroup { who, pattern },
        }
    }
}

/// Whether a test compares with a text.
fn is_textual(relation: &ast::Relation) -> bool {
    match relation {
        ast::Relation::CompareString(..) | ast::Relation::Glob(_) => true,
        ast::Relation::In(items) => items.iter().any(|item| matches!(item, ast::Item::Text(_))),
        ast::Relation::AnyBit
        | ast::Relation::Compare(..)
        | ast::Relation::CompareField(..)
        | ast::Relation::Function(..)
        | ast::Relation::Cpus(..) => false,
    }
}

/// A field as the policy spells it; an index has been read.
fn spelled(field: &ast::Field, index: Option<u32>) -> String {
    let index = index.map(|index| format!("[{index}]")).unwrap_or_default();
    let modifier = if field.ustring { ".ustring" } else { "" };
    format!("{}{index}{modifier}", field.name.text)
}

impl<'a> Reader<'_, 'a> {
    /// A test as one of questions: `None` if it is one of what registers hold; in that, `None` if
    /// something is wrong with it, which is recorded.
    pub(crate) fn question(
        &mut self,
        test: &'a ast::Test,
        span: Span,
        subject: Subject,
    ) -> Option<Option<Predicate>> {
        let field = &test.field;
        let seen = match (&field.index, field.name.text.as_str()) {
            (Some(index), "argv") => match self.word(index, subject)? {
                Ok((argument, index)) => {
                    let text = spelled(field, Some(index));
                    let seen = Text::Word { argument, index: Some(index) };
                    return Some(self.text_question(test, seen, &text, span, subject));
                }
                Err(kind) => Err(kind),
            },
            (Some(_), _) => return None,
            (None, "ret") if self.ended && !field.ustring && !field.function => Ok(Seen::Result),
            (None, _) => seen(field, &test.relation, subject)?,
        };
        match seen {
            Ok(seen) => Some(self.asked(test, seen, span, subject)),
            Err(kind) => {
                self.findings.about(field.span, kind, subject);
                Some(None)
            }
        }
    }

    /// The register of the words of a command, and which of them; `None` if it cannot be read.
    fn word(
        &mut self,
        index: &'a ast::Constant,
        subject: Subject,
    ) -> Option<Result<(u8, u32), Kind>> {
        let Calls::One(call) = subject.calls else {
            return Some(Err(Kind::NotOfAny { field: "argv".to_owned() }));
        };
        let Some(argument) = call.words() else {
            return Some(Err(Kind::Unasked(Unasked::Words { call: call.name })));
        };
        let value = self.constants.read(self.scope, subject, index, self.findings)?.number();
        Some(
            u32::try_from(value).map(|index| (argument, index)).map_err(|_| Kind::BadIndex {
                what: format!("{value} is the position of no word"),
            }),
        )
    }

    fn asked(
        &mut self,
        test: &'a ast::Test,
        seen: Seen,
        span: Span,
        subject: Subject,
    ) -> Option<Predicate> {
        let text = spelled(&test.field, None);
        match seen {
            Seen::Text(seen) => self.text_question(test, seen, &text, span, subject),
            Seen::Ip(address) => self.ip_question(test, address, &text, span, subject),
            Seen::Number(..) | Seen::Family(_) | Seen::Port(_) | Seen::Socket(_) | Seen::Result => {
                self.number_question(test, seen, &text, span, subject)
            }
        }
    }

    /// A test of a text.
    fn text_question(
        &mut self,
        test: &'a ast::Test,
        seen: Text,
        field: &str,
        span: Span,
        subject: Subject,
    ) -> Option<Predicate> {
        let exact = |text: &ast::Str| Pattern::Exact(text.text.clone().into_bytes());
        let (patterns, holds) = match &test.relation {
            _ if test.mask.is_some() => (Vec::new(), true),
            ast::Relation::CompareString(Op::Eq, text) => (vec![(exact(text), text)], true),
            ast::Relation::CompareString(Op::Ne, text) => (vec![(exact(text), text)], false),
            ast::Relation::Glob(text) => {
                let (pattern, holds) = match text.text.strip_prefix('!') {
                    Some(pattern) => (pattern, false),
                    None => (text.text.as_str(), true),
                };
                (vec![(Pattern::Glob(pattern.as_bytes().to_vec()), text)], holds)
            }
            ast::Relation::In(items) => {
                let texts: Option<Vec<_>> = items
                    .iter()
                    .map(|item| match item {
                        ast::Item::Text(text) => Some((exact(text), text)),
                        ast::Item::One(_) | ast::Item::Range(..) => None,
                    })
                    .collect();
                (texts.unwrap_or_default(), true)
            }
            ast::Relation::CompareString(..)
            | ast::Relation::AnyBit
            | ast::Relation::Compare(..)
            | ast::Relation::CompareField(..)
            | ast::Relation::Function(..)
            | ast::Relation::Cpus(..) => (Vec::new(), true),
        };
        if patterns.is_empty() {
            let kind = Kind::Unasked(Unasked::Text { field: field.to_owned() });
            self.findings.about(span, kind, subject);
            return None;
        }
        let mut parts = Some(Vec::with_capacity(patterns.len()));
        for (pattern, written) in patterns {
            if let Some(why) = seen.fault(&pattern) {
                self.findings.about(written.span, Kind::Unasked(Unasked::Pattern { why }), subject);
                parts = None;
                continue;
            }
            let (op, text) = match &pattern {
                Pattern::Exact(text) => ("==", text),
                Pattern::Glob(text) => ("~", text),
            };
            let text = format!("{field} {op} \"{}\"", String::from_utf8_lossy(text));
            let part = self.ask(seen.asked(pattern), &text, span, subject);
            parts = parts.zip(part).map(|(mut parts, part)| {
                parts.push(part);
                parts
            });
        }
        Some(negated_unless(holds, any_of(parts?)))
    }

    /// The test that a question is answered with yes.
    pub(crate) fn ask(
        &mut self,
        asked: Asked,
        text: &str,
        span: Span,
        subject: Subject,
    ) -> Option<Predicate> {
        self.count_more(1);
        let Some(position) = self.questions.position(asked, text) else {
            self.findings.about(span, Kind::Unasked(Unasked::TooMany), subject);
            return None;
        };
        let ty = Type::new(1, false, types::Kind::Integer)?;
        let field = Field::new(text.to_owned(), Place::Answer(position), ty)?;
        Test::compare(field, None, CmpOp::Eq, 1).ok().map(Predicate::Test)
    }
}

/// The predicate, or its opposite.
pub(crate) fn negated_unless(holds: bool, predicate: Predicate) -> Predicate {
    if holds { predicate } else { Predicate::Not(Box::new(predicate)) }
}

/// That one of them holds.
pub(crate) fn any_of(mut parts: Vec<Predicate>) -> Predicate {
    match (parts.len(), parts.pop()) {
        (1, Some(one)) => one,
        (_, last) => {
            parts.extend(last);
            Predicate::Or(parts)
        }
    }
}

/// What a field without an index is to a monitor; `None`: what it is to a filter.
fn seen(
    field: &ast::Field,
    relation: &ast::Relation,
    subject: Subject,
) -> Option<Result<Seen, Kind>> {
    let name = field.name.text.as_str();
    if field.function {
        return None;
    }
    if let Some(own) = field::own(subject, name) {
        let is_pointer = own.is_ok_and(|(own, _)| own.ty().kind() == types::Kind::Pointer);
        let Calls::One(call) = subject.calls else { return None };
        if field.ustring {
            let register = call.register(name).filter(|_| is_pointer)?;
            return Some(Ok(Seen::Text(Text::Bytes(register))));
        }
        let behind = is_pointer && is_textual(relation);
        return behind.then(|| behind_pointer(call, name).map(Seen::Text));
    }
    if field.ustring {
        return None;
    }
    if let Some(of_task) = of_task(name) {
        return Some(Ok(of_task));
    }
    let (head, tail) = name.split_once('.')?;
    let call = match subject.calls {
        Calls::One(call) => call,
        Calls::Number(_) | Calls::Range(..) | Calls::Named(_) | Calls::Any | Calls::None => {
            let is_seen = matches!((head, tail), ("addr", "family" | "port" | "ip"))
                || matches!((head, tail), ("fd", "socket"));
            return is_seen.then(|| Err(Kind::NotOfAny { field: name.to_owned() }));
        }
    };
    match (head, tail) {
        ("addr", "family" | "port" | "ip") => Some(of_address(call, tail)),
        (_, "socket") => {
            let kind =
                Kind::Unasked(Unasked::Descriptor { name: head.to_owned(), call: call.name });
            Some(call.descriptor(head).map(Seen::Socket).ok_or(kind))
        }
        _ => None,
    }
}

/// The text that an argument points to, where the call says of which sort it is.
fn behind_pointer(call: &'static Syscall, name: &str) -> Result<Text, Kind> {
    if let Some(path) = call.paths().iter().find(|path| path.name == name) {
        return Ok(Text::Path { argument: path.path, folder: path.folder });
    }
    if let Some(argument) = call.words().filter(|words| call.register(name) == Some(*words)) {
        return Ok(Text::Word { argument, index: None });
    }
    let paths = call.paths().iter().map(|path| path.name).collect();
    Err(Kind::Unasked(Unasked::Path { field: name.to_owned(), call: call.name, paths }))
}

fn of_address(call: &'static Syscall, what: &str) -> Result<Seen, Kind> {
    let Some(found) = call.address() else {
        return Err(Kind::Unasked(Unasked::Address { call: call.name }));
    };
    let address = Address { address: found.address, length: found.length };
    Ok(match what {
        "family" => Seen::Family(address),
        "port" => Seen::Port(address),
        _ => Seen::Ip(address),
    })
}

/// What is known of a task, by its name.
pub(crate) fn of_task(name: &str) -> Option<Seen> {
    let (who, what) = match name.split_once('.') {
        None => (Who::Caller, name),
        Some(("parent", what)) => (Who::Parent, what),
        Some(("ancestor", what)) => (Who::Ancestor, what),
        Some(_) => return None,
    };
    Some(match what {
        "pid" => Seen::Number(who, Number::Pid),
        "tid" if who == Who::Caller => Seen::Number(who, Number::Tid),
        "uid" => Seen::Number(who, Number::Uid),
        "gid" => Seen::Number(who, Number::Gid),
        "exe" => Seen::Text(Text::Exe(who)),
        "comm" => Seen::Text(Text::Comm(who)),
        "cgroup" => Seen::Text(Text::Cgroup(who)),
        _ => return None,
    })
}
