//! Stored audit records that are asked for by a predicate of the language.

use filterc::Diagnostics;
use filterc_abi::{self as abi, Abi, Action, SeccompData};
use filterc_audit::{Call, Event, Exit, Record, json, words};
use filterc_grammar::ast;
use filterc_grammar::diagnostic::Severity;
use filterc_grammar::parser::parse_predicate;
use filterc_grammar::source::{SourceFile, SourceMap};
use filterc_hir::query::{self, Column, Query, Row, Shape};

/// The codes of what can be wrong with stored records, sorted.
pub const CODES: &[&str] = &["F0918", "F0953", "F0954", "F0955", "F0956", "F0957", "F0958"];

/// The columns that a predicate can look at; those of SQL and Parquet have the same names.
pub const COLUMNS: &[Column] = &[
    column("time_ns", Shape::Number(64, false)),
    column("seq", Shape::Number(64, false)),
    column("pid", Shape::Number(32, false)),
    column("tid", Shape::Number(32, false)),
    column("ppid", Shape::Number(32, false)),
    column("uid", Shape::Number(32, false)),
    column("nr", Shape::Number(32, false)),
    column("arch", Shape::Number(32, false)),
    column("instruction_pointer", Shape::Number(64, false)),
    column("action_value", Shape::Number(32, false)),
    column("rule", Shape::Number(32, false)),
    column("line", Shape::Number(32, false)),
    column("ret", Shape::Number(64, true)),
    column("duration_ns", Shape::Number(64, false)),
    column("uninstrumented", Shape::Number(1, false)),
    column("child", Shape::Number(32, false)),
    column("status", Shape::Number(8, false)),
    column("signal", Shape::Number(8, false)),
    column("lost", Shape::Number(64, false)),
    column("event", Shape::Text),
    column("comm", Shape::Text),
    column("exe", Shape::Text),
    column("abi", Shape::Text),
    column("call", Shape::Text),
    column("action", Shape::Text),
    column("error", Shape::Text),
    column("sequence", Shape::Text),
];

const fn column(name: &'static str, shape: Shape) -> Column {
    Column { name, shape }
}

/// A predicate over records.
#[derive(Debug)]
pub struct Selection {
    predicate: ast::Predicate,
    /// For each ABI that was met; `None` where the predicate cannot be of its records.
    by_abi: Vec<(&'static Abi, Option<Query>)>,
    defines: Vec<(String, i128)>,
    native: &'static Abi,
}

impl Selection {
    /// Reads a predicate. What is wrong with it is judged on one ABI; on others, where a constant
    /// may not exist, it holds for no call.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(
        text: &str,
        native: &'static Abi,
        defines: &[(String, i128)],
    ) -> Result<Self, Diagnostics> {
        let mut sources = SourceMap::default();
        let (name, text) = ("<predicate>".to_owned(), text.to_owned());
        let file = sources.add(SourceFile { name, text: text.clone(), included_from: None });
        let (predicate, mut list) = parse_predicate(file, &text);
        let sound = |list: &[_]| {
            list.iter()
                .all(|it: &filterc_grammar::diagnostic::Diagnostic| it.severity != Severity::Error)
        };
        if !sound(&list) {
            return Err(Diagnostics { sources, list });
        }
        let checked = query::check(&predicate, native, COLUMNS, defines);
        list.extend(checked.diagnostics);
        match checked.result {
            Some(query) if sound(&list) => Ok(Self {
                predicate,
                by_abi: vec![(native, Some(query))],
                defines: defines.to_vec(),
                native,
            }),
            Some(_) | None => Err(Diagnostics { sources, list }),
        }
    }

    /// Whether it holds for a record.
    pub fn keeps(&mut self, record: &Record) -> bool {
        let viewed = Viewed::of(record);
        let abi = match viewed.call {
            Some(_) => viewed.known.abi,
            // Of no call: constants have the values of the machine.
            None => Some(self.native),
        };
        let Some(abi) = abi else { return false };
        let found = self.by_abi.iter().position(|(known, _)| known.name == abi.name);
        let at = found.unwrap_or_else(|| {
            let checked = query::check(&self.predicate, abi, COLUMNS, &self.defines);
            self.by_abi.push((abi, checked.result));
            self.by_abi.len() - 1
        });
        let query = self.by_abi.get(at).and_then(|(_, query)| query.as_ref());
        query.is_some_and(|query| query.holds(&viewed))
    }
}

/// A record, with what the tables know of its call.
struct Viewed<'r> {
    record: &'r Record,
    call: Option<&'r Call>,
    known: words::Known,
}

impl<'r> Viewed<'r> {
    fn of(record: &'r Record) -> Self {
        let call = if let Event::Call(call) = &record.event { Some(call.as_ref()) } else { None };
        let none = words::Known { abi: None, call: None };
        let known = call.map_or(none, |call| words::Known::of(&call.data));
        Self { record, call, known }
    }
}

impl Row for Viewed<'_> {
    fn number(&self, column: usize) -> Option<u64> {
        let Record { time, seq, task, event } = self.record;
        let data = self.call.map(|call| &call.data);
        let answer = self.call.map(|call| &call.answer);
        Some(match COLUMNS.get(column)?.name {
            "time_ns" => *time,
            "seq" => *seq,
            "pid" => task.pid.into(),
            "tid" => task.tid.into(),
            "ppid" => task.ppid.into(),
            "uid" => task.uid.into(),
            "nr" => data?.nr.cast_unsigned().into(),
            "arch" => data?.arch.into(),
            "instruction_pointer" => data?.instruction_pointer,
            "action_value" => answer?.action.into(),
            "rule" => answer?.rule?.into(),
            "line" => Some(answer?.line).filter(|line| *line > 0)?.into(),
            "ret" => self.call?.ret?.cast_unsigned(),
            "duration_ns" => self.call?.duration,
            "uninstrumented" => self.call?.uninstrumented.into(),
            _ => return of_event(event, column),
        })
    }

    fn text(&self, column: usize, is: &dyn Fn(&[u8]) -> bool) -> Option<bool> {
        let task = &self.record.task;
        let is_name = |name: Option<&'static str>| name.map(|name| is(name.as_bytes()));
        match COLUMNS.get(column)?.name {
            "event" => Some(is(json::kind(&self.record.event).as_bytes())),
            "comm" => Some(is(&task.comm)),
            "exe" => (!task.exe.is_empty()).then(|| is(&task.exe)),
            "abi" => is_name(self.known.abi.map(|abi| abi.name)),
            "call" => is_name(self.known.call.map(|call| call.name)),
            "action" => {
                let text =
                    words::action(Action::from_ret(self.call?.answer.action), self.known.abi);
                // With its data, and without.
                let name = text.split('(').next().unwrap_or_default();
                Some(is(text.as_bytes()) || is(name.as_bytes()))
            }
            "error" => is_name(words::error(self.call?.ret?, self.known.abi)),
            "sequence" => match &self.record.event {
                Event::Sequence { name, .. } => Some(is(name.as_bytes())),
                Event::Call(_)
                | Event::Create { .. }
                | Event::Exec
                | Event::Exit(_)
                | Event::Signal(_)
                | Event::Lost(_) => None,
            },
            _ => None,
        }
    }

    fn call(&self) -> Option<&SeccompData> {
        self.call.map(|call| &call.data)
    }

    fn memory(&self, register: u8) -> Option<&[u8]> {
        let read = self.call?.read.iter().find(|read| read.index == register)?;
        Some(&read.bytes)
    }
}

fn of_event(event: &Event, column: usize) -> Option<u64> {
    match (COLUMNS.get(column)?.name, event) {
        ("child", Event::Create { child, .. }) => Some((*child).into()),
        ("status", Event::Exit(Exit::Status(status))) => Some((*status).into()),
        ("signal", Event::Exit(Exit::Signal(signal, _)) | Event::Signal(signal)) => {
            Some((*signal).into())
        }
        ("lost", Event::Lost(count)) => Some(*count),
        _ => None,
    }
}

/// The ABI whose constants a predicate has where nothing else is said.
#[must_use]
pub fn native() -> &'static Abi {
    abi::host().unwrap_or(abi::x86_64())
}
