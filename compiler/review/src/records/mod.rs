//! Records of calls: what logs and traces tell of them.
//!
//! | form | where from | arguments |
//! |---|---|---|
//! | `type=1326 audit(…)`, `type=SECCOMP msg=audit(…)` | audit logs, `dmesg`, `journalctl` | none |
//! | JSON with `_AUDIT_TYPE` or `MESSAGE` | `journalctl -o json` | none |
//! | `openat(AT_FDCWD, "/etc/hosts", O_RDONLY) = 3` | `strace` | numbers; not addresses |
//! | JSON with `nr` or `call` | recorded streams, `filterc attach --json` | all |
//! | JSON with `event`, and its binary form | audit records (`--audit`) | all |
//!
//! Lines of all forms may be mixed, and what is none of them is passed over. What claims to be a
//! record and is not one is told with its line. Nothing is guessed: an argument that cannot be read
//! is an argument that is not known.

mod audit;
mod audited;
mod journal;
mod record;
mod recorded;
mod strace;
mod values;

use filterc_abi::Abi;
use filterc_audit::Gaps;
use filterc_audit::binary::MAGIC;
use serde_json::{Map, Value};

use record::Bad;
pub use record::{Became, Fault, Reading, Record, Who};
use strace::Strace;

/// The codes of what can be wrong with records, sorted.
pub const CODES: &[&str] = &["F0716", "F0717", "F0718", "F0719"];

/// Longest line that is looked at, in bytes.
const MAX_LINE: usize = 1 << 20;

/// Reads records, which may be audit records in their binary form. Of text, what is no UTF-8 is
/// shown as such. `native` is as for [`read`].
#[must_use]
pub fn read_bytes(bytes: &[u8], native: &'static Abi) -> Reading {
    match bytes.starts_with(&MAGIC) {
        true => audited::read(bytes),
        false => read(&String::from_utf8_lossy(bytes), native),
    }
}

/// Reads records. `native` is the ABI of those that do not say theirs, as `strace` does not.
#[must_use]
pub fn read(text: &str, native: &'static Abi) -> Reading {
    let mut reading = Reading::default();
    let mut trace = Strace::new(native);
    let mut gaps = Gaps::default();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let number = index + 1;
        if line.is_empty() {
            continue;
        }
        if line.len() > MAX_LINE {
            reading.fault(number, Bad::from("longer than any record"));
            continue;
        }
        reading.lost += lost(line);
        let made = match line.starts_with('{') {
            true => json(line, native, &mut reading, &mut gaps),
            false if audit::claims(line) => audit::record(line).map(Some),
            false => {
                trace.line(number, line, &mut reading);
                continue;
            }
        };
        match made {
            Ok(Some(record)) => reading.records.push(Record { line: number, ..record }),
            Ok(None) => reading.passed_over += 1,
            Err(bad) => reading.fault(number, bad),
        }
    }
    trace.finish(&mut reading);
    reading.records.sort_by_key(|record| record.line);
    reading
}

fn json(
    line: &str,
    native: &'static Abi,
    reading: &mut Reading,
    gaps: &mut Gaps,
) -> Result<Option<Record>, Bad> {
    let object: Map<String, Value> =
        serde_json::from_str(line).map_err(|_| Bad::from("this is no JSON object"))?;
    if filterc_audit::json::claims(&object) {
        let record = filterc_audit::json::read_object(&object).map_err(Bad::Malformed)?;
        audited::see(&record, gaps, reading);
        return Ok(audited::record(&record, reading));
    }
    match journal::is_entry(&object) {
        true => journal::record(&object),
        false => recorded::record(&object, native).map(Some),
    }
}

/// Records that a line says were dropped: `audit: audit_lost=3`, `kauditd_printk_skb: 9 callbacks
/// suppressed`, `audit: backlog limit exceeded`.
fn lost(line: &str) -> u64 {
    let number = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        text.get(..end).and_then(|digits| digits.parse::<u64>().ok())
    };
    if let Some((_, rest)) = line.split_once("kauditd_printk_skb: ") {
        return number(rest).unwrap_or(1);
    }
    let overflow = ["audit: backlog limit exceeded", "audit: kauditd hold queue overflow"];
    u64::from(overflow.iter().any(|text| line.contains(text)))
}

/// What is said of a reading as a whole.
#[must_use]
pub fn warnings(reading: &Reading) -> Vec<(&'static str, String)> {
    let mut list = Vec::new();
    if reading.records.is_empty() {
        let text = "no record of a call in any form that is known";
        list.push(("F0716", text.to_owned()));
    }
    if reading.lost > 0 {
        let text = format!("at least {} records were dropped: calls are missing", reading.lost);
        list.push(("F0719", text));
    }
    list
}

#[cfg(test)]
mod tests;
