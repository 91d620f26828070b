//! Records of calls, as they are shown.

use filterc_abi::{self as abi, Action, SeccompData};
use filterc_ebpf::audit::{Moment, Record};
use serde_json::json;

use crate::console;

/// One line: `12.000345678 4711/4712 openat(dfd=0xffffff9c, …) = 3: errno(EPERM)`.
pub(crate) fn text(record: &Record) -> String {
    let (seconds, nanos) = (record.time / 1_000_000_000, record.time % 1_000_000_000);
    let Record { tgid, tid, ret, .. } = record;
    let result = match record.moment {
        Moment::Enter | Moment::Hook => String::new(),
        Moment::Exit => format!(" = {ret}"),
    };
    let action = console::action(Action::from_ret(record.action), &record.call);
    format!("{seconds}.{nanos:09} {tgid}/{tid} {}{result}: {action}\n", call(&record.call))
}

/// The call with its arguments; all of them where the call is not known.
fn call(call: &SeccompData) -> String {
    let number = call.nr.cast_unsigned();
    let known = abi::abi_of_call(call.arch, number).and_then(|abi| abi.syscall_by_nr(number));
    let Some(known) = known else {
        let args = call.args.map(|arg| format!("{arg:#x}")).join(", ");
        return format!("call {} of {:#010x}({args})", call.nr, call.arch);
    };
    let args = known.args.iter().zip(call.args);
    let args: Vec<String> = args.map(|(arg, value)| format!("{}={value:#x}", arg.name)).collect();
    format!("{}({})", known.name, args.join(", "))
}

/// The same for tools: one object a line.
pub(crate) fn json(record: &Record) -> String {
    let number = record.call.nr.cast_unsigned();
    let abi = abi::abi_of_call(record.call.arch, number);
    let known = abi.and_then(|abi| abi.syscall_by_nr(number));
    let (moment, ret) = match record.moment {
        Moment::Enter => ("enter", None),
        Moment::Hook => ("hook", None),
        Moment::Exit => ("exit", Some(record.ret)),
    };
    let object = json!({
        "time_ns": record.time,
        "pid": record.tgid,
        "tid": record.tid,
        "moment": moment,
        "abi": abi.map(|abi| abi.name),
        "call": known.map(|known| known.name),
        "nr": record.call.nr,
        "arch": record.call.arch,
        "instruction_pointer": record.call.instruction_pointer,
        "args": record.call.args,
        "ret": ret,
        "action": console::action(Action::from_ret(record.action), &record.call),
    });
    format!("{object}\n")
}
