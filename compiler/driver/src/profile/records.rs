//! JSON Lines: one object a line, for one call or several that were made alike.
//!
//! ```json
//! {"nr":257,"args":[4294967196,140735,524288,0,0,0]}
//! {"abi":"x86_64","call":"openat","args":["0xffffff9c","0x7ffe0000","0x80000"],"count":12}
//! ```
//!
//! | field | what |
//! |---|---|
//! | `nr` | the number, as in `seccomp_data.nr` |
//! | `call`, or `syscall`, or `name` | the name, or a number, instead of `nr` |
//! | `abi` | the ABI by its name in policies |
//! | `arch` | the ABI by its token: a number, as text too, or `AUDIT_ARCH_X86_64` |
//! | `args` | up to six argument registers: numbers, or text with `0x`; the rest are 0 |
//! | `count` | how many such calls, 1 if it is not there |
//!
//! Audit records are among them; those that are not of calls (`event`) are passed over. Their binary
//! form is read as well.
//!
//! Without `abi` and `arch` a record is of the policy's own ABI: the first, where there are
//! several machines. What else is in an object is passed over.

use filterc_abi::{self as abi, Abi};
use filterc_audit::binary::Item;
use filterc_audit::{Event, Stored, json};
use serde_json::{Map, Value};

use super::calls::{Profile, Side, Which, is_known};
use super::error::{Findings, Line, lines};

pub(super) fn read(text: &str, profile: &mut Profile, findings: &mut Findings) {
    for line in lines(text).filter(|line| !line.text.trim().is_empty()) {
        match serde_json::from_str::<Map<String, Value>>(line.text) {
            // A record of a task.
            Ok(object) if json::claims(&object) && !is_call(&object) => {}
            Ok(object) => {
                if let Err(reason) = record(line, &object, profile, findings) {
                    findings.malformed(line, reason);
                }
            }
            Err(_) => findings.malformed(line, "this is no JSON object"),
        }
    }
}

/// Whether an audit record is of a call.
#[must_use]
pub fn is_call(object: &Map<String, Value>) -> bool {
    object.get("event").and_then(Value::as_str) == Some("call")
}

/// Reads audit records in their binary form. What is damaged is left out, as calls are of which
/// nothing was recorded: a profile is no evidence.
pub(super) fn read_stored(bytes: &[u8], profile: &mut Profile) {
    let mut stored = Stored::new(bytes, false);
    while let Ok(Some(item)) = stored.next_item() {
        let Item::Record(filterc_audit::Record { event: Event::Call(call), .. }) = item else {
            continue;
        };
        let nr = call.data.nr.cast_unsigned();
        if let Some(abi) = abi::abi_of_call(call.data.arch, nr) {
            profile.add(Side::Abi(abi.name), Which::Nr(nr), Some(call.data.args), 1.0);
        }
    }
}

fn record(
    line: Line<'_>,
    object: &Map<String, Value>,
    profile: &mut Profile,
    findings: &mut Findings,
) -> Result<(), &'static str> {
    match recorded(object) {
        Ok(Recorded { abi, which, args, count }) => {
            if count > 0 {
                let side = abi.map_or(Side::Native, |abi| Side::Abi(abi.name));
                profile.add(side, which, args, count as f64);
            }
            Ok(())
        }
        Err(Fault::Unknown { what, name }) => {
            findings.unknown(line, what, &name);
            Ok(())
        }
        Err(Fault::Malformed(reason)) => Err(reason),
    }
}

/// What a record says.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The ABI, where it says which.
    pub abi: Option<&'static Abi>,
    /// The call.
    pub which: Which,
    /// Its arguments, where it has some.
    pub args: Option<[u64; 6]>,
    /// How many such calls.
    pub count: u64,
}

/// What can be wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not of that form; why.
    Malformed(&'static str),
    /// It names something that the tables do not know.
    Unknown {
        /// `ABI` or `system call`.
        what: &'static str,
        /// The name.
        name: String,
    },
}

impl From<&'static str> for Fault {
    fn from(reason: &'static str) -> Self {
        Self::Malformed(reason)
    }
}

/// Reads one object.
///
/// # Errors
/// What is wrong with it.
pub fn recorded(object: &Map<String, Value>) -> Result<Recorded, Fault> {
    let args = object.get("args").map(args).transpose()?;
    let count = match object.get("count") {
        None => 1,
        Some(value) => value.as_u64().ok_or("`count` is a number of calls, from 0 on")?,
    };
    let which = which(object)?;
    let abi = match abi_of(object, &which)? {
        Place::Unsaid => None,
        Place::Known(abi) => Some(abi),
        Place::Unknown(name) => return Err(Fault::Unknown { what: "ABI", name }),
    };
    if let Which::Name(name) = &which {
        let there = abi.map_or_else(|| is_known(name), |abi| abi.syscall(name).is_some());
        if !there {
            return Err(Fault::Unknown { what: "system call", name: name.clone() });
        }
    }
    Ok(Recorded { abi, which, args, count })
}

fn which(object: &Map<String, Value>) -> Result<Which, &'static str> {
    let value = ["nr", "call", "syscall", "name"].iter().find_map(|field| object.get(*field));
    let value = value.ok_or("there is neither `nr` nor `call`")?;
    if let Some(number) = integer(value) {
        let nr = i32::try_from(number).map(i32::cast_unsigned).or_else(|_| u32::try_from(number));
        return nr.map(Which::Nr).map_err(|_| "a number has 32 bits");
    }
    let name = value.as_str().ok_or("`nr` is a number, and `call` a name")?;
    Ok(Which::Name(name.to_owned()))
}

/// Where a record says that it is from.
enum Place {
    Unsaid,
    Known(&'static Abi),
    Unknown(String),
}

fn abi_of(object: &Map<String, Value>, which: &Which) -> Result<Place, &'static str> {
    let found = |abi: Option<&'static Abi>, said: &str| match abi {
        Some(abi) => Place::Known(abi),
        None => Place::Unknown(said.to_owned()),
    };
    if let Some(value) = object.get("abi") {
        let name = value.as_str().ok_or("`abi` is a name")?;
        return Ok(found(abi::abi(name), name));
    }
    let Some(value) = object.get("arch") else { return Ok(Place::Unsaid) };
    let said = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let named = abi::abis().iter().find(|abi| abi.audit_arch_name == said);
    let token = named.map(|abi| abi.audit_arch);
    let token = token.or_else(|| integer(value).and_then(|number| u32::try_from(number).ok()));
    let nr = match which {
        Which::Nr(nr) => *nr,
        Which::Name(_) => 0,
    };
    // An audit record may also say the ABI's name there.
    let abi = token.and_then(|token| abi::abi_of_call(token, nr)).or_else(|| abi::abi(&said));
    Ok(found(abi, &said))
}

fn args(value: &Value) -> Result<[u64; 6], &'static str> {
    let list = value.as_array().filter(|list| list.len() <= 6);
    let list = list.ok_or("`args` is a list of up to six numbers")?;
    let mut args = [0; 6];
    for (arg, value) in args.iter_mut().zip(list) {
        let number = integer(value);
        let bits = number.and_then(|number| {
            u64::try_from(number).or_else(|_| i64::try_from(number).map(i64::cast_unsigned)).ok()
        });
        *arg = bits.ok_or("an argument is a number of 64 bits")?;
    }
    Ok(args)
}

/// A number, or a text that is one.
fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => {
            number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
        }
        Value::String(text) => match text.strip_prefix("0x") {
            Some(digits) => i128::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
