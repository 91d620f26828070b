//! A record as a row of a table: for SQL, and for Parquet.

use filterc_abi::Action;

use crate::json::kind;
use crate::record::{Call, Event, Exit, Record};
use crate::words::{self, Known};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// Numbers of 64 bits in two's complement: also those without a sign, whose bits they have.
    Integer,
    /// Texts, nearly always; bytes, where they are none.
    Text,
    /// Yes or no.
    Bool,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Nothing: the record is of another kind, or it is not known.
    Null,
    /// A number.
    Integer(i64),
    /// A text, or bytes.
    Text(Vec<u8>),
    /// Yes or no.
    Bool(bool),
}

/// The columns: name, type, and whether there is always something.
pub const COLUMNS: &[(&str, Type, bool)] = &[
    ("time_ns", Type::Integer, true),
    ("seq", Type::Integer, true),
    ("event", Type::Text, true),
    ("pid", Type::Integer, true),
    ("tid", Type::Integer, true),
    ("ppid", Type::Integer, true),
    ("uid", Type::Integer, true),
    ("comm", Type::Text, true),
    ("exe", Type::Text, true),
    ("abi", Type::Text, false),
    ("call", Type::Text, false),
    ("nr", Type::Integer, false),
    ("arch", Type::Integer, false),
    ("instruction_pointer", Type::Integer, false),
    ("arg0", Type::Integer, false),
    ("arg1", Type::Integer, false),
    ("arg2", Type::Integer, false),
    ("arg3", Type::Integer, false),
    ("arg4", Type::Integer, false),
    ("arg5", Type::Integer, false),
    ("arguments", Type::Text, false),
    ("action", Type::Text, false),
    ("action_value", Type::Integer, false),
    ("rule", Type::Integer, false),
    ("line", Type::Integer, false),
    ("ret", Type::Integer, false),
    ("error", Type::Text, false),
    ("duration_ns", Type::Integer, false),
    ("uninstrumented", Type::Bool, false),
    ("child", Type::Integer, false),
    ("thread", Type::Bool, false),
    ("status", Type::Integer, false),
    ("signal", Type::Integer, false),
    ("core", Type::Bool, false),
    ("lost", Type::Integer, false),
    ("sequence", Type::Text, false),
    ("text", Type::Text, false),
];

/// The cells of a record, one for each column.
#[must_use]
pub fn row(record: &Record) -> Vec<Cell> {
    let task = &record.task;
    let text = |text: &str| Cell::Text(text.as_bytes().to_vec());
    let number = |number: u32| Cell::Integer(number.into());
    let mut row = vec![
        Cell::Integer(record.time.cast_signed()),
        Cell::Integer(record.seq.cast_signed()),
        text(kind(&record.event)),
        number(task.pid),
        number(task.tid),
        number(task.ppid),
        number(task.uid),
        Cell::Text(task.comm.clone()),
        Cell::Text(task.exe.clone()),
    ];
    match &record.event {
        Event::Call(call) => of_call(call, &mut row),
        Event::Create { .. }
        | Event::Exec
        | Event::Exit(_)
        | Event::Signal(_)
        | Event::Lost(_)
        | Event::Sequence { .. } => row.resize(row.len() + CALL_COLUMNS, Cell::Null),
    }
    let mut rest = [const { Cell::Null }; 8];
    let [child, thread, status, signal, core, lost, sequence, said] = &mut rest;
    match &record.event {
        Event::Call(_) | Event::Exec => {}
        Event::Create { child: new, thread: is_thread } => {
            (*child, *thread) = (number(*new), Cell::Bool(*is_thread));
        }
        Event::Exit(Exit::Status(code)) => *status = number((*code).into()),
        Event::Exit(Exit::Signal(by, dumped)) => {
            (*signal, *core) = (number((*by).into()), Cell::Bool(*dumped));
        }
        Event::Signal(which) => *signal = number((*which).into()),
        Event::Lost(count) => *lost = Cell::Integer(count.cast_signed()),
        Event::Sequence { name, text: words } => (*sequence, *said) = (text(name), text(words)),
    }
    row.extend(rest);
    row
}

/// So many columns are of calls.
const CALL_COLUMNS: usize = 20;

fn of_call(call: &Call, row: &mut Vec<Cell>) {
    let known = Known::of(&call.data);
    let text = |text: &str| Cell::Text(text.as_bytes().to_vec());
    let optional = |it: Option<&str>| it.map_or(Cell::Null, text);
    row.push(optional(known.abi.map(|abi| abi.name)));
    row.push(optional(known.call.map(|call| call.name)));
    row.push(Cell::Integer(call.data.nr.into()));
    row.push(Cell::Integer(call.data.arch.into()));
    row.push(Cell::Integer(call.data.instruction_pointer.cast_signed()));
    row.extend(call.data.args.map(|arg| Cell::Integer(arg.cast_signed())));
    let mut arguments = Vec::new();
    known.each(call, |name, value| {
        if !arguments.is_empty() {
            arguments.extend_from_slice(b", ");
        }
        arguments.extend_from_slice(name.as_bytes());
        arguments.push(b'=');
        arguments.extend(value);
    });
    row.push(if known.call.is_some() { Cell::Text(arguments) } else { Cell::Null });
    row.push(text(&words::action(Action::from_ret(call.answer.action), known.abi)));
    row.push(Cell::Integer(call.answer.action.into()));
    row.push(call.answer.rule.map_or(Cell::Null, |rule| Cell::Integer(rule.into())));
    row.push(Cell::Integer(call.answer.line.into()));
    row.push(call.ret.map_or(Cell::Null, Cell::Integer));
    row.push(optional(call.ret.and_then(|ret| words::error(ret, known.abi))));
    row.push(Cell::Integer(call.duration.cast_signed()));
    row.push(Cell::Bool(call.uninstrumented));
}
