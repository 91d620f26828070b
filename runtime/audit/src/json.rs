//! JSON Lines: one object a line, whose keys and types the README of this crate lists.
//!
//! What a record says is there as numbers, exactly; what they mean stands beside it in words,
//! which are not read again. A text that is not UTF-8 has its bytes in hexadecimal beside it.

use filterc_abi::{self as abi, Action, SeccompData};
use serde_json::{Map, Value};

use crate::record::{Answer, Argument, Call, Event, Exit, Record, Task};
use crate::words;

/// The name of the kind of an event.
#[must_use]
pub const fn kind(event: &Event) -> &'static str {
    match event {
        Event::Call(_) => "call",
        Event::Create { .. } => "create",
        Event::Exec => "exec",
        Event::Exit(_) => "exit",
        Event::Signal(_) => "signal",
        Event::Lost(_) => "lost",
        Event::Sequence { .. } => "sequence",
    }
}

/// The line of a record, its end included.
pub fn write(record: &Record, out: &mut Vec<u8>) {
    let Task { pid, tid, ppid, uid, comm, exe } = &record.task;
    let mut line = Line { out, first: true };
    line.number("time_ns", record.time);
    line.number("seq", record.seq);
    line.text("event", kind(&record.event));
    line.number("pid", *pid);
    line.number("tid", *tid);
    line.number("ppid", *ppid);
    line.number("uid", *uid);
    line.bytes("comm", comm);
    line.bytes("exe", exe);
    match &record.event {
        Event::Call(call) => write_call(call, &mut line),
        Event::Create { child, thread } => {
            line.number("child", *child);
            line.raw("thread", if *thread { "true" } else { "false" });
        }
        Event::Exec => {}
        Event::Exit(Exit::Status(status)) => line.number("status", *status),
        Event::Exit(Exit::Signal(signal, core)) => {
            line.signal(*signal);
            line.raw("core", if *core { "true" } else { "false" });
        }
        Event::Signal(signal) => line.signal(*signal),
        Event::Lost(count) => line.number("lost", *count),
        Event::Sequence { name, text } => {
            line.text("sequence", name);
            line.text("text", text);
        }
    }
    line.out.extend_from_slice(b"}\n");
}

fn write_call(call: &Call, line: &mut Line<'_>) {
    let SeccompData { nr, arch, instruction_pointer, args } = call.data;
    let known = words::Known::of(&call.data);
    if let Some(abi) = known.abi {
        line.text("abi", abi.name);
    }
    if let Some(known) = known.call {
        line.text("call", known.name);
    }
    line.number("nr", nr);
    line.number("arch", arch);
    line.number("instruction_pointer", instruction_pointer);
    line.raw("args", &format!("[{}]", args.map(|arg| arg.to_string()).join(",")));
    if known.call.is_some() {
        line.key("arguments");
        let mut inner = Line { out: line.out, first: true };
        known.each(call, |name, value| inner.text(name, &String::from_utf8_lossy(&value)));
        inner.close();
    }
    if !call.read.is_empty() {
        line.key("read");
        for (at, Argument { index, bytes, cut }) in call.read.iter().enumerate() {
            line.out.push(if at == 0 { b'[' } else { b',' });
            let mut inner = Line { out: line.out, first: true };
            inner.number("index", *index);
            inner.bytes("bytes", bytes);
            inner.raw("cut", if *cut { "true" } else { "false" });
            inner.close();
        }
        line.out.push(b']');
    }
    let Answer { action, rule, line: policy_line } = call.answer;
    line.text("action", &words::action(Action::from_ret(action), known.abi));
    line.number("action_value", action);
    if let Some(rule) = rule {
        line.number("rule", rule);
    }
    line.number("line", policy_line);
    if let Some(ret) = call.ret {
        line.number("ret", ret);
        if let Some(error) = words::error(ret, known.abi) {
            line.text("error", error);
        }
    }
    line.number("duration_ns", call.duration);
    line.raw("uninstrumented", if call.uninstrumented { "true" } else { "false" });
}

/// An object that is being written.
struct Line<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl Line<'_> {
    fn key(&mut self, key: &str) {
        self.out.push(if self.first { b'{' } else { b',' });
        self.first = false;
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn close(self) {
        self.out.extend_from_slice(if self.first { b"{}" } else { b"}" });
    }

    fn raw(&mut self, key: &str, value: &str) {
        self.key(key);
        self.out.extend_from_slice(value.as_bytes());
    }

    fn number(&mut self, key: &str, value: impl ToString) {
        self.raw(key, &value.to_string());
    }

    fn text(&mut self, key: &str, text: &str) {
        self.raw(key, &Value::from(text).to_string());
    }

    fn bytes(&mut self, key: &str, bytes: &[u8]) {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text(key, text),
            Err(_) => {
                self.text(key, &String::from_utf8_lossy(bytes));
                self.text(&format!("{key}_hex"), &words::hex(bytes));
            }
        }
    }

    fn signal(&mut self, signal: u8) {
        self.number("signal", signal);
        if let Some(name) = words::signal(signal) {
            self.text("signal_name", name);
        }
    }
}

/// Whether an object says that it is such a record: other forms of calls have no `event`.
#[must_use]
pub fn claims(object: &Map<String, Value>) -> bool {
    object.get("event").is_some_and(Value::is_string)
        && object.contains_key("seq")
        && object.contains_key("time_ns")
}

/// The record of a line.
///
/// # Errors
/// What is wrong with it.
pub fn read(line: &[u8]) -> Result<Record, String> {
    let object: Map<String, Value> =
        serde_json::from_slice(line).map_err(|error| format!("no JSON object: {error}"))?;
    read_object(&object)
}

/// The record of an object.
///
/// # Errors
/// What is wrong with it.
pub fn read_object(object: &Map<String, Value>) -> Result<Record, String> {
    let fields = Fields(object);
    let task = Task {
        pid: fields.number("pid")?,
        tid: fields.number("tid")?,
        ppid: fields.number("ppid")?,
        uid: fields.number("uid")?,
        comm: fields.bytes("comm")?,
        exe: fields.bytes("exe")?,
    };
    let event = match fields.text("event")? {
        "call" => Event::Call(Box::new(read_call(&fields)?)),
        "create" => {
            Event::Create { child: fields.number("child")?, thread: fields.flag("thread")? }
        }
        "exec" => Event::Exec,
        "exit" if object.contains_key("signal") => {
            Event::Exit(Exit::Signal(fields.number("signal")?, fields.flag("core")?))
        }
        "exit" => Event::Exit(Exit::Status(fields.number("status")?)),
        "signal" => Event::Signal(fields.number("signal")?),
        "lost" => Event::Lost(fields.number("lost")?),
        "sequence" => Event::Sequence {
            name: fields.text("sequence")?.to_owned(),
            text: fields.text("text")?.to_owned(),
        },
        other => return Err(format!("`{other}` is no event that is known")),
    };
    Ok(Record { time: fields.number("time_ns")?, seq: fields.number("seq")?, task, event })
}

fn read_call(fields: &Fields<'_>) -> Result<Call, String> {
    let data = SeccompData {
        nr: fields.number("nr")?,
        arch: fields.number("arch")?,
        instruction_pointer: fields.number("instruction_pointer")?,
        args: fields.args()?,
    };
    let said = fields.0.get("abi").and_then(Value::as_str);
    if said.is_some()
        && said != abi::abi_of_call(data.arch, data.nr.cast_unsigned()).map(|it| it.name)
    {
        return Err("`abi` is not that of `arch` and `nr`".to_owned());
    }
    let read = match fields.0.get("read") {
        None => Vec::new(),
        Some(list) => {
            let list = list.as_array().ok_or("`read` is a list")?;
            list.iter().map(read_argument).collect::<Result<_, _>>()?
        }
    };
    let answer = Answer {
        action: fields.number("action_value")?,
        rule: fields.optional("rule")?,
        line: fields.number("line")?,
    };
    Ok(Call {
        data,
        read,
        answer,
        ret: fields.optional("ret")?,
        duration: fields.number("duration_ns")?,
        uninstrumented: fields.flag("uninstrumented")?,
    })
}

fn read_argument(value: &Value) -> Result<Argument, String> {
    let fields = Fields(value.as_object().ok_or("`read` is a list of objects")?);
    Ok(Argument {
        index: fields.number("index")?,
        bytes: fields.bytes("bytes")?,
        cut: fields.flag("cut")?,
    })
}

struct Fields<'o>(&'o Map<String, Value>);

impl Fields<'_> {
    fn get(&self, key: &str) -> Result<&Value, String> {
        self.0.get(key).ok_or_else(|| format!("there is no `{key}`"))
    }

    fn number<T: TryFrom<i128>>(&self, key: &str) -> Result<T, String> {
        let value = self.get(key)?;
        let number = value.as_u64().map(i128::from).or_else(|| value.as_i64().map(i128::from));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| format!("`{key}` is no number of its size"))
    }

    fn optional<T: TryFrom<i128>>(&self, key: &str) -> Result<Option<T>, String> {
        self.0.get(key).map(|_| self.number(key)).transpose()
    }

    fn text(&self, key: &str) -> Result<&str, String> {
        self.get(key)?.as_str().ok_or_else(|| format!("`{key}` is a text"))
    }

    fn flag(&self, key: &str) -> Result<bool, String> {
        self.get(key)?.as_bool().ok_or_else(|| format!("`{key}` is `true` or `false`"))
    }

    fn bytes(&self, key: &str) -> Result<Vec<u8>, String> {
        let exact = format!("{key}_hex");
        match self.0.get(&exact) {
            None => Ok(self.text(key)?.as_bytes().to_vec()),
            Some(_) => words::from_hex(self.text(&exact)?)
                .ok_or_else(|| format!("`{exact}` is not bytes in hexadecimal")),
        }
    }

    fn args(&self) -> Result<[u64; 6], String> {
        let list = self.get("args")?.as_array();
        let list: Option<Vec<u64>> = list.and_then(|list| list.iter().map(Value::as_u64).collect());
        list.and_then(|list| list.try_into().ok())
            .ok_or_else(|| "`args` is a list of six numbers".to_owned())
    }
}
