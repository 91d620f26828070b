//! Sequences of policies, told what happens.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

use filterc_abi::{SeccompData, x86_64};
use filterc_grammar::parser::parse;
use filterc_grammar::source::FileId;
use filterc_hir::policy::Policy;
use filterc_hir::questions::Asked;
use filterc_hir::{Options, Sight, check};
use rustix::io::Errno;

use super::{Ids, Sequences, What};

const SEED: &str = "default allow sequence net_then_crash within 3 calls per process {
    recvfrom, read, recvmsg if ret > 0 && fd.socket
    signal SIGSEGV
} if ancestor.comm == \"inetd\" then log(\"possible exploit\"), kill_process";

const SIGSEGV: u8 = 11;

fn policy(text: &str) -> Policy {
    let statements = parse(FileId(0), text).file.statements;
    let options =
        Options { default_abi: Some(x86_64()), sight: Sight::Monitor, ..Options::default() };
    let checked = check::check(&statements, &options);
    checked.policy.unwrap_or_else(|| panic!("{:?}", checked.diagnostics))
}

fn call(name: &str) -> SeccompData {
    let nr = x86_64().syscall(name).unwrap().nr;
    SeccompData { nr: nr.cast_signed(), arch: x86_64().audit_arch, ..SeccompData::default() }
}

/// What is answered: the result, whether a descriptor is a socket, whether inetd is above.
fn answers(ret: i64, socket: bool, inetd: bool) -> impl FnMut(&Asked) -> Result<bool, Errno> {
    move |asked| match asked {
        Asked::Result { op, value } => Ok(op.holds(&ret, value)),
        Asked::Socket { .. } => Ok(socket),
        Asked::Comm { .. } => Ok(inetd),
        _ => Err(Errno::INVAL),
    }
}

#[test]
fn the_seed_s_rule() {
    let policy = policy(SEED);
    let arch = x86_64().audit_arch;
    let ids = Ids { pid: 10, tid: 11 };
    // Calls between the data and the crash, what is answered, and whether it has happened.
    for (between, ret, socket, inetd, expected) in [
        (0, 5, true, true, true),
        (3, 5, true, true, true),
        (4, 5, true, true, false),
        (0, 0, true, true, false),
        (0, 5, false, true, false),
        (0, 5, true, false, false),
    ] {
        let mut sequences = Sequences::new(&policy, &[]);
        assert!(sequences.is_first(&call("read")) && !sequences.is_first(&call("write")));
        let answer = || answers(ret, socket, inetd);
        let read = call("read");
        assert!(sequences.happened(ids, 0, What::Call(&read), answer()).is_empty());
        assert_eq!(sequences.is_under_way(ids), ret > 0 && socket);
        for _ in 0..between {
            let other = Ids { tid: 12, ..ids };
            let write = call("write");
            assert!(sequences.happened(other, 1, What::Call(&write), answer()).is_empty());
        }
        let signal = What::Signal(SIGSEGV, arch);
        let stranger = Ids { pid: 20, tid: 20 };
        assert!(sequences.happened(stranger, 2, signal, answer()).is_empty());
        let done = sequences.happened(ids, 2, signal, answer());
        assert_eq!(done.len() == 1, expected, "{between} {ret} {socket} {inetd}");
        assert_eq!(sequences.unanswered(), 0);
    }
}

#[test]
fn what_is_not_known_has_not_happened() {
    let policy = policy(
        "default allow sequence s within 9 seconds per thread {
        read if !(ret > 0) write } then log",
    );
    let mut sequences = Sequences::new(&policy, &[]);
    let ids = Ids { pid: 1, tid: 2 };
    let unknown = |_: &Asked| Err(Errno::INVAL);
    assert!(sequences.happened(ids, 0, What::Call(&call("read")), unknown).is_empty());
    assert_eq!((sequences.unanswered(), sequences.is_under_way(ids)), (1, false));
    let zero = answers(0, false, false);
    assert!(sequences.happened(ids, 0, What::Call(&call("read")), zero).is_empty());
    assert!(sequences.is_under_way(ids) && !sequences.is_under_way(Ids { tid: 3, ..ids }));
    sequences.ended(ids, false);
    assert!(!sequences.is_under_way(ids));
}
