//! What stands in a frame.

use filterc_abi::SeccompData;

use crate::record::{Answer, Argument, Call, Event, Exit, Record, Task};
use crate::wire::{Rest, put as number, put_bytes, put_signed};

/// The kind of a record of lost ones.
pub(super) const LOST: u8 = kind::LOST;

/// Kinds of events, as the first byte of a payload.
mod kind {
    pub(super) const CALL: u8 = 0;
    pub(super) const CREATE: u8 = 1;
    pub(super) const EXEC: u8 = 2;
    pub(super) const EXIT: u8 = 3;
    pub(super) const KILLED: u8 = 4;
    pub(super) const SIGNAL: u8 = 5;
    pub(super) const LOST: u8 = 6;
    pub(super) const SEQUENCE: u8 = 7;
}

/// What is there of a call, and one thing that is said of it.
mod flag {
    pub(super) const RET: u8 = 1;
    pub(super) const RULE: u8 = 2;
    pub(super) const UNINSTRUMENTED: u8 = 4;
}

pub(super) fn put(record: &Record, out: &mut Vec<u8>) {
    out.push(match &record.event {
        Event::Call(_) => kind::CALL,
        Event::Create { .. } => kind::CREATE,
        Event::Exec => kind::EXEC,
        Event::Exit(Exit::Status(_)) => kind::EXIT,
        Event::Exit(Exit::Signal(..)) => kind::KILLED,
        Event::Signal(_) => kind::SIGNAL,
        Event::Lost(_) => kind::LOST,
        Event::Sequence { .. } => kind::SEQUENCE,
    });
    let Task { pid, tid, ppid, uid, comm, exe } = &record.task;
    number(out, record.time);
    number(out, record.seq);
    for id in [pid, tid, ppid, uid] {
        number(out, u64::from(*id));
    }
    put_bytes(out, comm);
    put_bytes(out, exe);
    match &record.event {
        Event::Call(call) => put_call(call, out),
        Event::Create { child, thread } => {
            number(out, u64::from(*child));
            out.push(u8::from(*thread));
        }
        Event::Exec => {}
        Event::Exit(Exit::Status(status)) => out.push(*status),
        Event::Exit(Exit::Signal(signal, core)) => out.extend([*signal, u8::from(*core)]),
        Event::Signal(signal) => out.push(*signal),
        Event::Lost(count) => number(out, *count),
        Event::Sequence { name, text } => {
            put_bytes(out, name.as_bytes());
            put_bytes(out, text.as_bytes());
        }
    }
}

fn put_call(call: &Call, out: &mut Vec<u8>) {
    let Call { data, read, answer, ret, duration, uninstrumented } = call;
    let flags = [
        (ret.is_some(), flag::RET),
        (answer.rule.is_some(), flag::RULE),
        (*uninstrumented, flag::UNINSTRUMENTED),
    ];
    out.push(flags.iter().filter(|(there, _)| *there).map(|(_, bit)| bit).sum());
    out.extend(data.nr.to_le_bytes());
    out.extend(data.arch.to_le_bytes());
    out.extend(answer.action.to_le_bytes());
    number(out, data.instruction_pointer);
    for arg in data.args {
        number(out, arg);
    }
    number(out, u64::from(answer.line));
    number(out, *duration);
    if let Some(ret) = ret {
        put_signed(out, *ret);
    }
    if let Some(rule) = answer.rule {
        number(out, u64::from(rule));
    }
    number(out, read.len() as u64);
    for Argument { index, bytes, cut } in read {
        out.extend([*index, u8::from(*cut)]);
        put_bytes(out, bytes);
    }
}

/// What a payload says. What a later version adds behind is passed over.
pub(super) fn read(payload: &[u8]) -> Option<Record> {
    let mut rest = Rest(payload);
    let which = rest.byte()?;
    let (time, seq) = (rest.number()?, rest.number()?);
    let task = Task {
        pid: rest.small()?,
        tid: rest.small()?,
        ppid: rest.small()?,
        uid: rest.small()?,
        comm: rest.bytes()?.to_vec(),
        exe: rest.bytes()?.to_vec(),
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let event = match which {
        kind::CALL => Event::Call(Box::new(read_call(&mut rest)?)),
        kind::CREATE => Event::Create { child: rest.small()?, thread: rest.byte()? != 0 },
        kind::EXEC => Event::Exec,
        kind::EXIT => Event::Exit(Exit::Status(rest.byte()?)),
        kind::KILLED => Event::Exit(Exit::Signal(rest.byte()?, rest.byte()? != 0)),
        kind::SIGNAL => Event::Signal(rest.byte()?),
        kind::LOST => Event::Lost(rest.number()?),
        kind::SEQUENCE => {
            Event::Sequence { name: text(rest.bytes()?)?, text: text(rest.bytes()?)? }
        }
        _ => return None,
    };
    Some(Record { time, seq, task, event })
}

fn read_call(rest: &mut Rest<'_>) -> Option<Call> {
    let flags = rest.byte()?;
    let (nr, arch, action) = (rest.word()?.cast_signed(), rest.word()?, rest.word()?);
    let instruction_pointer = rest.number()?;
    let mut args = [0; 6];
    for arg in &mut args {
        *arg = rest.number()?;
    }
    let (line, duration) = (rest.small()?, rest.number()?);
    let ret = if flags & flag::RET != 0 { Some(rest.signed()?) } else { None };
    let rule = if flags & flag::RULE != 0 { Some(rest.small()?) } else { None };
    let count = rest.number()?;
    let mut read = Vec::new();
    for _ in 0..count {
        let (index, cut) = (rest.byte()?, rest.byte()? != 0);
        read.push(Argument { index, cut, bytes: rest.bytes()?.to_vec() });
    }
    let data = SeccompData { nr, arch, instruction_pointer, args };
    let answer = Answer { action, rule, line };
    let uninstrumented = flags & flag::UNINSTRUMENTED != 0;
    Some(Call { data, read, answer, ret, duration, uninstrumented })
}
