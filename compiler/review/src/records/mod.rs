//! Records of calls: what logs and traces tell of them.
//!
//! | form | where from | arguments |
//! |---|---|---|
//! | `type=1326 audit(…)`, `type=SECCOMP msg=audit(…)` | audit logs, `dmesg`, `journalctl` | none |
//! | JSON with `_AUDIT_TYPE` or `MESSAGE` | `journalctl -o json` | none |
//! | `openat(AT_FDCWD, "/etc/hosts", O_RDONLY) = 3` | `strace` | numbers; not addresses |
//! | JSON with `nr` or `call` | recorded streams, `filterc attach --json` | all |
//!
//! Lines of all forms may be mixed, and what is none of them is passed over. What claims to be a
//! record and is not one is told with its line. Nothing is guessed: an argument that cannot be read
//! is an argument that is not known.

mod audit;
mod journal;
mod recorded;
mod strace;
mod values;

use filterc_abi::Abi;
use serde_json::{Map, Value};

use crate::seen::Seen;

use strace::Strace;

/// The codes of what can be wrong with records, sorted.
pub const CODES: &[&str] = &["F0716", "F0717", "F0718", "F0719"];

/// A record of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its line, from 1.
    pub line: usize,
    /// The call.
    pub seen: Seen,
    /// What became of it, as far as the record says.
    pub became: Became,
    /// How many such calls.
    pub count: u64,
    /// Who made it.
    pub who: Who,
}

/// What a record says of what became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Became {
    /// Nothing.
    Unsaid,
    /// The filter's action, without its data: the kernel logs no more.
    Action(u32),
    /// The filter's value.
    Value(u32),
    /// SIGSYS: the call was not performed.
    Sigsys,
    /// It returned this error.
    Failed(u16),
    /// It was performed.
    Returned,
}

/// Who made a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Who {
    /// The thread or process.
    pub pid: Option<u32>,
    /// The name of the thread.
    pub comm: Option<String>,
    /// The program.
    pub exe: Option<String>,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// F0717, or F0718 if it names what the tables do not know.
    pub code: &'static str,
    /// Why.
    pub reason: String,
}

/// What a text of records comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The records, in order.
    pub records: Vec<Record>,
    /// Lines that claim to be records and are none.
    pub faults: Vec<Fault>,
    /// Lines with nothing of the kind.
    pub passed_over: usize,
    /// Records that the kernel says it dropped; as many again may be missing unsaid.
    pub lost: u64,
}

/// Why a line is no record.
pub(crate) enum Bad {
    /// It is not as it should be.
    Malformed(String),
    /// It names what the tables do not know.
    Unknown(String),
}

impl From<&str> for Bad {
    fn from(reason: &str) -> Self {
        Self::Malformed(reason.to_owned())
    }
}

/// Longest line that is looked at, in bytes.
const MAX_LINE: usize = 1 << 20;

/// Reads records. `native` is the ABI of those that do not say theirs, as `strace` does not.
#[must_use]
pub fn read(text: &str, native: &'static Abi) -> Reading {
    let mut reading = Reading::default();
    let mut trace = Strace::new(native);
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
            true => json(line, native),
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

impl Reading {
    fn fault(&mut self, line: usize, bad: Bad) {
        let (code, reason) = match bad {
            Bad::Malformed(reason) => ("F0717", reason),
            Bad::Unknown(reason) => ("F0718", reason),
        };
        self.faults.push(Fault { line, code, reason });
    }
}

fn json(line: &str, native: &'static Abi) -> Result<Option<Record>, Bad> {
    let object: Map<String, Value> =
        serde_json::from_str(line).map_err(|_| Bad::from("this is no JSON object"))?;
    match journal::is_entry(&object) {
        true => journal::record(&object),
        false => recorded::record(&object, native).map(Some),
    }
}

/// The number of a call by name under a token. Where two ABIs share one, the call is of that
/// without a mark, unless only the other has it.
fn number_of(token: u32, name: &str) -> Option<u32> {
    let marked = |abi: &Abi| abi.mark.is_some_and(|mark| mark.set);
    let of_token = || filterc_abi::abis().iter().filter(|abi| abi.audit_arch == token);
    let plain = of_token().filter(|abi| !marked(abi)).find_map(|abi| abi.syscall(name));
    let call = plain.or_else(|| of_token().find_map(|abi| abi.syscall(name)));
    call.map(|call| call.nr)
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
        let text =
            format!("the kernel dropped at least {} records: calls are missing", reading.lost);
        list.push(("F0719", text));
    }
    list
}

#[cfg(test)]
mod tests;
