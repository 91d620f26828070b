//! The signal that comes with `trap`.

use std::fs;
use std::io;

use filterc_abi::SeccompData;
use filterc_loader::ptrace;

/// Its number, on all machines that a supervisor runs on.
pub(super) const SIGSYS: i32 = 31;

/// Whether a task neither blocks nor ignores the signal: then the kernel would kill it.
pub(super) fn is_taken(tid: i32) -> bool {
    let masks = ["SigBlk:", "SigIgn:"].map(|name| {
        let mask = field(tid, name)?;
        u64::from_str_radix(&mask, 16).ok()
    });
    masks.iter().all(|mask| mask.is_some_and(|mask| mask & (1 << (SIGSYS - 1)) == 0))
}

/// Sends it to one thread.
pub(super) fn send(tid: i32) -> io::Result<()> {
    let pid = field(tid, "Tgid:").and_then(|pid| pid.parse().ok());
    ptrace::signal(pid.unwrap_or(tid), tid, SIGSYS)
}

/// Says in the signal what it is for, and gives the task the registers that the kernel would.
pub(super) fn explain(tid: i32, call: &SeccompData, bits: u16) -> io::Result<()> {
    ptrace::set_trap(tid, call, bits)?;
    if ptrace::RESULT_AT_ENTRY {
        ptrace::set_number(tid, call.nr)?;
        ptrace::set_result(tid, i64::from(call.nr))?;
    }
    Ok(())
}

/// A field of a task's status.
fn field(tid: i32, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    status.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
}
