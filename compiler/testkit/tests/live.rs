//! The live kernel as the fourth engine: every policy of the corpus that covers x86_64 decides
//! real calls in a forked child, and the answers are those of the reference.
//!
//! Whatever the policy says, no call is executed: each return value is replaced by an errno
//! of its own. A second test installs filters as they are, with harmless calls.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and says what it skipped"
)]

use filterc_abi::SeccompData;
use filterc_hir::eval::eval;
use filterc_loader::probe::{self, Call, Decision, Entry, Observed, ProbeError};
use filterc_testkit::{boundary, corpus};

/// Calls for each policy: tens of thousands take a second.
const MAX_CALLS: usize = 60_000;

fn answer<T>(result: Result<T, ProbeError>) -> Option<T> {
    match result {
        Ok(answer) => Some(answer),
        Err(ProbeError::Unavailable(reason)) => {
            println!("skipped: {reason}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn the_kernel_agrees_on_every_corpus_policy() {
    for compiled in corpus::policies() {
        let program = compiled.program_for(filterc_abi::Endian::HOST);
        let calls = boundary::calls(compiled.policy(), 200);
        // Foreign ABIs too: the other entry of this machine, whether or not it is listed.
        let other = calls.iter().step_by(5).map(|call| SeccompData {
            arch: if call.arch == 0xc000_003e { 0x4000_0003 } else { 0xc000_003e },
            ..*call
        });
        let mut real: Vec<Call> =
            calls.iter().copied().chain(other).filter_map(|c| Call::of(&c)).collect();
        let stride = real.len().div_ceil(MAX_CALLS).max(1);
        real = real.into_iter().step_by(stride).collect();
        let Some(decisions) = answer(probe::decisions(program.verified(), &real)) else { return };
        for (call, decision) in real.iter().zip(decisions) {
            // The instruction pointer is the probe's own, so the reference is asked anew.
            let data = call.seccomp_data();
            let expected = Decision::Ret(eval(compiled.policy(), &data).to_ret());
            let exempt = decision == Decision::Exempt;
            assert!(
                exempt || decision == expected,
                "{}: {data:x?}: {decision:x?}",
                compiled.name()
            );
        }
        println!("{}: {} real calls", compiled.name(), real.len());
    }
}

#[test]
fn filters_as_they_are_do_what_they_say() {
    const GETPPID: u32 = 110;
    let policy = |rule: &str| {
        let text = format!("arch x86_64\ndefault allow\nunknown allow\nforeign errno(7)\n{rule}\n");
        filterc::compile(&filterc::Source::text("live.flt", text), &corpus::options()).unwrap()
    };
    let call = |nr, arg| Call { entry: Entry::Native, nr, args: [arg, 0, 0, 0, 0, 0] };
    let parent = i64::from(std::process::id());
    let cases = [
        ("allow getppid", call(GETPPID, 0), Observed::Returned(parent)),
        ("log getppid", call(GETPPID, 0), Observed::Returned(parent)),
        ("errno(ENOTTY) getppid", call(GETPPID, 0), Observed::Returned(-25)),
        ("errno(0) getppid", call(GETPPID, 0), Observed::Returned(0)),
        // No listener and no tracer: ENOSYS.
        ("notify getppid", call(GETPPID, 0), Observed::Returned(-38)),
        ("trace(5) getppid", call(GETPPID, 0), Observed::Returned(-38)),
        ("kill_process getppid", call(GETPPID, 0), Observed::Killed(31)),
        ("kill_thread getppid", call(GETPPID, 0), Observed::Killed(31)),
        // An `int` is compared in 32 bits, however its register is extended.
        ("errno(9) close if fd == 1000", call(3, 1000), Observed::Returned(-9)),
        ("errno(5) close if fd == 1000", call(3, 0x1_0000_03e8), Observed::Returned(-5)),
        ("errno(5) alarm if seconds != 0", call(37, 1 << 32), Observed::Returned(0)),
        // x32 and i386 calls are foreign.
        ("allow getppid", call(GETPPID | 0x4000_0000, 0), Observed::Returned(-7)),
        (
            "allow getppid",
            Call { entry: Entry::Int80, nr: 64, args: [0; 6] },
            Observed::Returned(-7),
        ),
    ];
    for (rule, call, expected) in cases {
        let compiled = policy(rule);
        let Some(observed) = answer(probe::run(compiled.program().verified(), &[call])) else {
            return;
        };
        assert_eq!(observed, [expected], "{rule}: {call:x?}");
    }
}
