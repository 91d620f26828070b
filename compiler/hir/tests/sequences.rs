//! Sequences of policies for monitors: their steps as rules, what is refused.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod read;

use filterc_abi::x86_64;
use filterc_grammar::ast::{Scope, Unit};
use filterc_hir::expr::CmpOp;
use filterc_hir::policy::Selector;
use filterc_hir::questions::{Asked, Pattern, Who};
use filterc_hir::sequences::firsts;
use read::{codes, policy};

const HEAD: &str = "# for monitors\ndefault allow\n";

const SEED: &str = "sequence net_then_crash within 3 calls per process {
    recvfrom, read, recvmsg if ret > 0 && fd.socket
    signal SIGSEGV, SIGBUS
} if ancestor.comm == \"inetd\" then log(\"possible exploit\"), kill";

fn refused(text: &str) -> Vec<&'static str> {
    let mut codes = codes(&format!("{HEAD}{text}\n"));
    codes.retain(|code| !code.starts_with("F03"));
    codes
}

#[test]
fn steps_are_rules_about_calls_that_have_ended() {
    let policy = policy(&format!("{HEAD}{SEED}\n"));
    let [sequence] = policy.sequences() else { panic!("{policy:?}") };
    assert_eq!((sequence.name.as_str(), sequence.within), ("net_then_crash", 3));
    assert_eq!((sequence.unit, sequence.whose), (Unit::Calls, Scope::Process));
    assert_eq!((sequence.steps, sequence.kills), (2, true));
    assert_eq!(sequence.logs, ["possible exploit"]);
    let part = sequence.part(x86_64().audit_arch, Some(0)).unwrap();
    assert_eq!(part.signals, [None, Some(1 << 10 | 1 << 6)]);
    let selectors: Vec<_> = part.arms.iter().map(|arm| (arm.rule.0, arm.selector)).collect();
    let call = |nr| (0, Selector::Nr(nr));
    assert_eq!(
        selectors,
        [call(45), call(0), call(47), (1, Selector::Known), (2, Selector::Known)]
    );
    assert_eq!(part.arms_of(0, Some(47)).count(), 1);
    assert_eq!(part.arms_of(0, None).count(), 0);
    assert_eq!(part.arms_of(2, None).count(), 1);
    let asked: Vec<_> = policy.questions().iter().map(|it| it.asked.clone()).collect();
    let inetd = Pattern::Exact(b"inetd".to_vec());
    assert_eq!(
        asked,
        [
            Asked::Result { op: CmpOp::Ge, value: 1 },
            Asked::Socket { argument: 0 },
            Asked::Comm { who: Who::Ancestor, pattern: inetd },
        ]
    );
}

#[test]
fn first_steps_are_watched() {
    let text = "sequence a within 1 second per thread { read if fd == 3 write } then log\n\
                sequence b within 1 call per thread { signal SIGINT write } then log\n";
    let policy = policy(&format!("{HEAD}{text}"));
    let firsts: Vec<_> =
        firsts(policy.sequences()).map(|(abi, selector)| (abi.name, selector)).collect();
    assert_eq!(firsts, [("x86_64", Selector::Nr(0))]);
}

#[test]
fn what_is_wrong_has_a_code() {
    let of = |step: &str, then: &str| {
        refused(&format!("sequence s within 2 calls per thread {{ read {step} }} then {then}"))
    };
    assert_eq!(of("", "log"), [""; 0]);
    assert_eq!(of("", "errno(EPERM)"), ["F0915"]);
    assert_eq!(of("", "kill_thread"), ["F0915"]);
    assert_eq!(of("signal SIGNOT", "log"), ["F0916"]);
    assert_eq!(of("no_such_call", "log"), ["F0201"]);
    assert_eq!(of("write if ret == \"x\"", "log"), ["F0904"]);
    assert_eq!(of("if descriptor == 3", "log"), ["F0203"]);
    assert_eq!(of(&"write ".repeat(40), "log"), ["F0917"]);
    // A policy decides about calls that have no result yet.
    assert_eq!(refused("kill read if ret > 0"), ["F0222"]);
}
