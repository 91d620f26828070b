//! Records as `strace -f` shows calls and the lives of tasks.

use filterc_abi::Action;

use crate::record::{Call, Event, Exit, Record};
use crate::words::{self, Known};

/// The line of a record, its end included.
#[must_use]
pub fn line(record: &Record) -> String {
    let id = record.task.tid;
    let what = match &record.event {
        Event::Call(call) => of_call(call),
        Event::Create { child, thread } => {
            format!("<... new {} {child}>", if *thread { "thread" } else { "process" })
        }
        Event::Exec => format!("<... runs {}>", words::quoted(&record.task.exe)),
        Event::Exit(Exit::Status(status)) => format!("+++ exited with {status} +++"),
        Event::Exit(Exit::Signal(signal, core)) => {
            let core = if *core { " (core dumped)" } else { "" };
            format!("+++ killed by {}{core} +++", signal_name(*signal))
        }
        Event::Signal(signal) => format!("--- {} ---", signal_name(*signal)),
        Event::Lost(1) => return "<... 1 record lost>\n".to_owned(),
        Event::Lost(count) => return format!("<... {count} records lost>\n"),
        Event::Sequence { name, text } => {
            format!("=== {}: {} ===", one_line(name), one_line(text))
        }
    };
    format!("{id} {what}\n")
}

/// A text of one line, whatever is in it.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

fn signal_name(signal: u8) -> String {
    words::signal(signal).map_or_else(|| format!("signal {signal}"), str::to_owned)
}

/// The call with its arguments: `openat(AT_FDCWD, "/etc/hosts", O_RDONLY)`.
#[must_use]
pub fn call(call: &Call) -> String {
    let known = Known::of(&call.data);
    let mut values = Vec::new();
    known.each(call, |_, value| {
        let value = String::from_utf8_lossy(&value).into_owned();
        let is_text = value.contains('"');
        values.push(if is_text { value } else { value.replace(" | ", "|") });
    });
    if known.call.is_none() {
        values = call.data.args.map(|arg| format!("{arg:#x}")).to_vec();
    }
    format!("{}({})", known.name(&call.data), values.join(", "))
}

fn of_call(of: &Call) -> String {
    let known = Known::of(&of.data);
    let mut text = call(of);
    text.push_str(" = ");
    match of.ret {
        Some(ret) => text.push_str(&words::result(ret, &known)),
        None => text.push('?'),
    }
    let action = Action::from_ret(of.answer.action);
    if action != Action::Allow {
        text.push_str(&format!(" <{}", words::action(action, known.abi)));
        if of.answer.line > 0 {
            text.push_str(&format!(", line {}", of.answer.line));
        }
        text.push('>');
    }
    if of.uninstrumented {
        text.push_str(" <uninstrumented>");
    }
    text
}
