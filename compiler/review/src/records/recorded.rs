//! JSON Lines: recorded calls, and the audit records of `filterc attach --json`. The form is that of
//! [`filterc::profile::records`], which also profiles are read from.

use filterc::profile::Which;
use filterc::profile::records::{Fault, Recorded, recorded};
use filterc_abi::Abi;
use serde_json::{Map, Value};

use super::record::{Bad, Became, Record, Who};
use crate::seen::{Bits, Seen};

/// Reads an object.
pub(super) fn record(object: &Map<String, Value>, native: &'static Abi) -> Result<Record, Bad> {
    let Recorded { abi, which, args, count } = recorded(object).map_err(|fault| match fault {
        Fault::Malformed(reason) => Bad::from(reason),
        Fault::Unknown { what, name } => {
            Bad::Unknown(format!("`{name}` is no {what} that is known"))
        }
    })?;
    let abi = abi.unwrap_or(native);
    let nr = match &which {
        Which::Nr(nr) => *nr,
        Which::Name(name) => {
            let call = abi.syscall(name);
            let unknown = || Bad::Unknown(format!("`{name}` is no call of {}", abi.name));
            call.ok_or_else(unknown)?.nr
        }
    };
    let mut seen = Seen::number(abi.audit_arch, nr.cast_signed());
    if let Some(args) = args {
        seen.args = args.map(Bits::whole);
    }
    let number = |name: &str| object.get(name).and_then(Value::as_i64);
    if let Some(ip) = object.get("instruction_pointer").and_then(Value::as_u64) {
        seen.instruction_pointer = Bits::whole(ip);
    }
    let became = match number("ret") {
        // Errors are the last page of the numbers.
        Some(ret @ -4095..=-1) => {
            u16::try_from(ret.unsigned_abs()).map_or(Became::Unsaid, Became::Failed)
        }
        Some(_) => Became::Returned,
        None => Became::Unsaid,
    };
    let text = |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
    let who = Who {
        pid: number("tid").or_else(|| number("pid")).and_then(|pid| u32::try_from(pid).ok()),
        comm: text("comm"),
        exe: text("exe"),
    };
    Ok(Record { line: 0, seen, became, count, who })
}
