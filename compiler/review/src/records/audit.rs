//! The kernel's audit records of type 1326, as the log, `dmesg`, `auditd` and `ausearch -i` show
//! them.
//!
//! ```text
//! type=1326 audit(1764000000.123:42): auid=0 uid=0 pid=7 comm="sh" exe="/bin/sh" sig=31
//!     arch=c000003e syscall=41 compat=0 ip=0x7f0000001000 code=0x80000000
//! ```
//!
//! They have the action without its data, and no arguments.

use filterc_abi::{self as abi, Abi};

use super::record::{Bad, Became, Record, Who, number_of};
use crate::seen::{Bits, Seen};

/// The words of `ausearch -i` for actions.
const CODES: &[(&str, u32)] = &[
    ("kill", abi::seccomp::ret::KILL_THREAD),
    ("kill-thread", abi::seccomp::ret::KILL_THREAD),
    ("kill-process", abi::seccomp::ret::KILL_PROCESS),
    ("trap", abi::seccomp::ret::TRAP),
    ("errno", abi::seccomp::ret::ERRNO),
    ("user-notif", abi::seccomp::ret::USER_NOTIF),
    ("trace", abi::seccomp::ret::TRACE),
    ("log", abi::seccomp::ret::LOG),
    ("allow", abi::seccomp::ret::ALLOW),
];

/// Whether a line claims to be such a record.
pub(super) fn claims(line: &str) -> bool {
    line.contains("type=1326") || line.contains("type=SECCOMP")
}

/// Reads a line.
pub(super) fn record(line: &str) -> Result<Record, Bad> {
    let start = line.find("type=").unwrap_or_default();
    fields(line.get(start..).unwrap_or_default())
}

/// Reads the fields of a record, wherever they stand.
pub(super) fn fields(text: &str) -> Result<Record, Bad> {
    let all = split(text);
    // What auditd adds behind a group separator are the same fields in words.
    let of = |name: &str| all.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let syscall = of("syscall").ok_or("it ends before `syscall=`")?;
    let said = of("arch").ok_or("it has no `arch=`")?;
    let (arch, nr) = call(said, syscall)?;
    let mut seen = Seen::number(arch, nr);
    if let Some(ip) = of("ip") {
        seen.instruction_pointer = Bits::whole(hex(ip).ok_or("`ip=` is no hexadecimal number")?);
    }
    let became = match (of("code"), of("sig")) {
        (Some(code), _) => match CODES.iter().find(|(word, _)| *word == code) {
            Some((_, action)) => Became::Action(*action),
            None => {
                let action = hex(code).and_then(|code| u32::try_from(code).ok());
                Became::Action(action.ok_or("`code=` is no action")?)
            }
        },
        (None, Some("31" | "SIGSYS")) => Became::Sigsys,
        (None, _) => Became::Unsaid,
    };
    let who = Who {
        pid: of("pid").and_then(|pid| pid.parse().ok()),
        comm: of("comm").map(str::to_owned),
        exe: of("exe").map(str::to_owned),
    };
    Ok(Record { line: 0, seen, became, count: 1, who })
}

/// Token and number.
fn call(said: &str, syscall: &str) -> Result<(u32, i32), Bad> {
    // `ausearch -i` has the machine's name, and calls x86_64 so for x32 as well.
    let named: Option<&'static Abi> = match said {
        "b32" | "b64" => None,
        _ => abi::abi(said).or_else(|| abi::abis().iter().find(|it| it.audit_arch_name == said)),
    };
    let token = match named {
        Some(abi) => abi.audit_arch,
        None => {
            let token = u64::from_str_radix(said.trim_start_matches("0x"), 16).ok();
            let token = token.and_then(|token| u32::try_from(token).ok());
            token
                .ok_or_else(|| Bad::Unknown(format!("`{said}` is no architecture that is known")))?
        }
    };
    if let Ok(number) = syscall.parse::<i64>() {
        let nr = i32::try_from(number).or_else(|_| u32::try_from(number).map(u32::cast_signed));
        return Ok((token, nr.map_err(|_| Bad::from("`syscall=` has more than 32 bits"))?));
    }
    let nr = number_of(token, syscall);
    let unknown = || Bad::Unknown(format!("`{syscall}` is no call of that architecture"));
    Ok((token, nr.ok_or_else(unknown)?.cast_signed()))
}

fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

/// `key=value` pairs. A value in quotes is a text; one of `comm` or `exe` without them is a text in
/// hexadecimal, as the kernel writes what has quotes or control characters.
fn split(text: &str) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut rest = text;
    while let Some(equals) = rest.find('=') {
        let before = rest.get(..equals).unwrap_or_default();
        let is_gap = |c: char| c.is_whitespace() || c == '\u{1d}' || c == '\'';
        let from = before.rfind(is_gap).map_or(0, |gap| gap + 1);
        let key = before.get(from..).unwrap_or_default();
        let after = rest.get(equals + 1..).unwrap_or_default();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => {
                let end = quoted.find('"').unwrap_or(quoted.len());
                let value = quoted.get(..end).unwrap_or_default().to_owned();
                (value, quoted.get(end + 1..).unwrap_or_default())
            }
            None => {
                let end = after.find(is_gap).unwrap_or(after.len());
                let word = after.get(..end).unwrap_or_default();
                let is_text = matches!(key, "comm" | "exe");
                let text = is_text.then(|| from_hex(word)).flatten();
                (text.unwrap_or_else(|| word.to_owned()), after.get(end..).unwrap_or_default())
            }
        };
        pairs.push((key.to_owned(), value));
        rest = next;
    }
    pairs
}

/// The text of `2F62696E`.
fn from_hex(text: &str) -> Option<String> {
    let is_hex = !text.is_empty() && text.len().is_multiple_of(2);
    if !is_hex || !text.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b)) {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(byte).collect();
    Some(String::from_utf8_lossy(&bytes?).into_owned())
}
