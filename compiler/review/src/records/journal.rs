//! Entries of the journal, as `journalctl -o json` writes them: the kernel's audit records by
//! either way, through audit's own socket or through the kernel's log.

use serde_json::{Map, Value};

use super::audit;
use super::record::{Bad, Record};

/// Whether an object is an entry of the journal.
pub(super) fn is_entry(object: &Map<String, Value>) -> bool {
    ["MESSAGE", "_AUDIT_TYPE", "__CURSOR", "_TRANSPORT"].iter().any(|key| object.contains_key(*key))
}

/// Reads an entry; `None` if it is of something else.
pub(super) fn record(object: &Map<String, Value>) -> Result<Option<Record>, Bad> {
    let message = object.get("MESSAGE").and_then(text).unwrap_or_default();
    let field = |name: &str| object.get(name).and_then(text);
    let of_type = field("_AUDIT_TYPE").is_some_and(|it| it == "1326")
        || field("_AUDIT_TYPE_NAME").is_some_and(|it| it == "SECCOMP");
    if !of_type {
        return match audit::claims(&message) {
            true => audit::record(&message).map(Some),
            false => Ok(None),
        };
    }
    let has_fields = message.contains("syscall=");
    // Where the message was cut, the journal has the fields one by one, too.
    let fields: Vec<String> = object
        .iter()
        .filter_map(|(key, value)| {
            let name = key.strip_prefix("_AUDIT_FIELD_")?.to_ascii_lowercase();
            Some(format!("{name}=\"{}\"", text(value)?.trim_matches('"')))
        })
        .collect();
    let mut record = audit::fields(&if has_fields { message } else { fields.join(" ") })?;
    let who = &mut record.who;
    who.pid = who.pid.or_else(|| field("_PID").and_then(|pid| pid.parse().ok()));
    who.comm = who.comm.take().or_else(|| field("_COMM"));
    who.exe = who.exe.take().or_else(|| field("_EXE"));
    Ok(Some(record))
}

/// A text; the journal writes one with bytes that are none as a list of numbers.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(bytes) => {
            let byte = |it: &Value| it.as_u64().and_then(|byte| u8::try_from(byte).ok());
            let bytes: Option<Vec<u8>> = bytes.iter().map(byte).collect();
            Some(String::from_utf8_lossy(&bytes?).into_owned())
        }
        Value::Null | Value::Bool(_) | Value::Object(_) => None,
    }
}
