//! What keeps a supervised task from going round its supervisor, as a policy of its own that
//! stands beside every other. The stricter of the two answers counts.

use std::collections::BTreeSet;

use filterc_abi::{Action, Endian, SeccompData};
use filterc_cbpf::{Verified, interpret};
use filterc_hir::policy::{Policy, Selector};
use filterc_hir::sequences::firsts;

/// The bits that come with `trace` from the guard: a tracer is asked for.
pub const DEBUGGER: u16 = 0xf17d;

/// The bits that come with `trace` from the guard: the call goes on, and its end is seen.
pub const WATCH: u16 = 0xf17e;

/// Numbers that no kernel has, and that the guard answers with `kill_process`, `kill_thread` and
/// `trap`: a supervisor makes a call one of these to have the kernel do what it cannot, exactly.
pub const KILL_PROCESS: i32 = 0x3fff_f170;
/// As [`KILL_PROCESS`].
pub const KILL_THREAD: i32 = 0x3fff_f171;
/// As [`KILL_PROCESS`].
pub const TRAP: i32 = 0x3fff_f172;

/// The ABIs of this machine's kernel, of which calls can come.
fn abis() -> &'static [&'static str] {
    match std::env::consts::ARCH {
        "x86_64" => &["x86_64", "x32", "i386"],
        "aarch64" => &["aarch64", "arm"],
        "riscv64" => &["riscv64"],
        _ => &[],
    }
}

/// No other listener.
const NO_LISTENER: &str = "errno(EBUSY) seccomp if op == SECCOMP_SET_MODE_FILTER \
    && flags & SECCOMP_FILTER_FLAG_NEW_LISTENER != 0\n";

/// The guard's text, in the policy language; `None` on machines that are not known.
#[must_use]
pub fn text(policy: &Policy, plain: bool) -> Option<String> {
    let names = abis();
    if names.is_empty() {
        return None;
    }
    let mut text =
        format!("arch {}\ndefault allow\nunknown allow\nforeign kill_process\n", names.join(", "));
    // A second tracer could answer, in the supervisor's place, calls of tasks that have none.
    text.push_str(&format!(
        "trace({DEBUGGER:#x}) ptrace if request in {{PTRACE_TRACEME, PTRACE_ATTACH, PTRACE_SEIZE}}\n"
    ));
    // Not followed. Under a gate it could do less than others; but it would outlive the supervisor.
    text.push_str("errno(EPERM) clone if clone_flags & CLONE_UNTRACED != 0\n");
    // `notify` takes precedence over `trace`: whoever holds the listener could let calls go on.
    text.push_str(NO_LISTENER);
    // The kernel's own threads do what is asked by rings: no filter and no tracer sees it.
    if !names_call(policy, "io_uring_setup") {
        text.push_str("errno(EPERM) io_uring_setup\n");
    }
    if plain {
        // Its flags are in memory, where other threads can change them after a look.
        text.push_str("errno(ENOSYS) clone3\n");
    } else {
        for (action, nr) in
            [("kill_process", KILL_PROCESS), ("kill_thread", KILL_THREAD), ("trap", TRAP)]
        {
            text.push_str(&format!("{action} syscall({nr:#x})\n"));
        }
    }
    // What stands before is stricter, or never ends.
    text.push_str(&watched(policy));
    Some(text)
}

/// A rule for the calls that sequences begin with.
fn watched(policy: &Policy) -> String {
    let mut calls = BTreeSet::new();
    for (abi, selector) in firsts(policy.sequences()) {
        calls.insert(match selector {
            Selector::Nr(nr) => match abi.syscall_by_nr(nr) {
                Some(call) => call.name.to_owned(),
                None => format!("syscall({nr})"),
            },
            Selector::Range(first, last) => format!("syscall({first}..{last})"),
            Selector::Known => "any".to_owned(),
        });
    }
    if calls.is_empty() {
        return String::new();
    }
    let calls: Vec<_> = calls.into_iter().collect();
    format!("trace({WATCH:#x}) {}\n", calls.join(", "))
}

/// Whether a rule names the call, on some ABI.
fn names_call(policy: &Policy, name: &str) -> bool {
    policy.abis().iter().any(|part| {
        let call = part.abi().syscall(name);
        call.is_some_and(|call| part.named().contains(&call.nr))
    })
}

/// The guard, as a program.
#[derive(Debug)]
pub struct Guard(Verified);

impl Guard {
    /// What the compiler made of the guard's [`text`].
    #[must_use]
    pub const fn new(program: Verified) -> Self {
        Self(program)
    }

    /// What the guard says about a call.
    pub(super) fn answer(&self, call: &SeccompData) -> Action {
        let answer = Action::from_ret(interpret(&self.0, call, Endian::HOST));
        // To watch is no answer.
        if answer == Action::Trace(WATCH) { Action::Allow } else { answer }
    }
}
