//! What is said of calls of which not all is known, and of edits, against the reference semantics.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::path::Path;

use filterc::{Options, Source, compile};
use filterc_abi::{self as abi, Action, SeccompData};
use filterc_check::Budget;
use filterc_hir::eval::decide;
use filterc_hir::policy::Policy;
use filterc_relate::Condition;
use filterc_review::denial::denials;
use filterc_review::edit::smallest;
use filterc_review::near::near;
use filterc_review::records;
use filterc_review::seen::{Bits, Seen};
use filterc_review::suite::{self, Held, Other, Subject};
use filterc_review::verdict::{Filter, verdict};
use filterc_review::written::Written;

fn written(text: &str) -> Written {
    Written::read(&Source::text("p.flt", text), &Options::default()).unwrap()
}

fn corpus(name: &str) -> Written {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../corpus/policies");
    let source = Source::read(&Path::new(folder).join(name)).unwrap();
    Written::read(&source, &Options::default()).unwrap()
}

/// Numbers in an order that has no pattern: a linear congruential generator.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 20
    }
}

/// Whatever completes what is known of a call comes to one of the outcomes, and each outcome has a
/// completion that comes to it.
fn hold(policy: &Policy, seen: &Seen, chance: &mut Chance) {
    let outcomes = verdict(Filter::Policy(policy), seen, &Budget::default()).unwrap();
    let rets: BTreeSet<u32> = outcomes.iter().map(|outcome| outcome.ret).collect();
    assert_eq!(rets.len(), outcomes.len(), "each once: {seen:?}");
    for outcome in &outcomes {
        let decision = decide(policy, &outcome.extent.witness);
        assert_eq!(decision.action.to_ret(), outcome.ret, "{seen:?}");
        assert!(outcome.reasons.contains(&decision.reason), "{seen:?}: {outcome:?}");
        assert_eq!(seen.completed(&outcome.extent.witness), outcome.extent.witness);
    }
    for _ in 0..20 {
        let mut other = outcomes[0].extent.witness;
        for arg in &mut other.args {
            *arg ^= (1 << (chance.next() % 64)) | (chance.next() % 8);
        }
        let call = seen.completed(&other);
        let decision = decide(policy, &call);
        let outcome = outcomes.iter().find(|it| it.ret == decision.action.to_ret());
        let outcome = outcome.unwrap_or_else(|| panic!("{call:?} comes to {decision:?}"));
        assert!(outcome.reasons.contains(&decision.reason));
    }
}

#[test]
fn verdicts_are_about_all_completions() {
    let mut chance = Chance(7);
    for name in ["docker-default.flt", "web-worker.flt", "x86-family.flt"] {
        let written = corpus(name);
        for part in written.policy.abis() {
            let known = part.abi().syscalls().iter().map(|call| call.nr);
            for nr in known.step_by(9).chain([0xffff, u32::MAX]) {
                let mut seen = Seen::number(part.abi().audit_arch, nr.cast_signed());
                hold(&written.policy, &seen, &mut chance);
                for arg in &mut seen.args {
                    if chance.next().is_multiple_of(2) {
                        *arg = Bits::low(chance.next() % 16, 32);
                    }
                }
                hold(&written.policy, &seen, &mut chance);
            }
        }
        hold(&written.policy, &Seen::number(1, 1), &mut chance);
    }
}

const POLICY: &str = "arch x86_64
default errno(EPERM)
let local = family in { AF_UNIX, AF_INET }
allow read, write
allow socket if family in { AF_UNIX, AF_INET } && type & 0xf == SOCK_STREAM
allow socketpair if local
errno(EACCES) clone if clone_flags & CLONE_NEWUSER
allow clone
allow openat if (flags & ~(O_CLOEXEC | O_NOFOLLOW)) == 0
errno(EACCES) openat
";

fn call(text: &str) -> SeccompData {
    let (example, errors) =
        filterc_grammar::parser::parse_call(filterc_grammar::source::FileId(0), text);
    assert_eq!(errors, []);
    filterc_hir::check::call_example(&[], &[], abi::x86_64(), &example).unwrap()
}

/// The smallest edit for a call: what it is, and the calls that it changes with their conditions.
fn edit(text: &str) -> (String, Vec<String>) {
    let written = written(POLICY);
    let call = call(text);
    let decision = decide(&written.policy, &call);
    assert_ne!(decision.action, Action::Allow, "{text}");
    let near = near(&written, &call, &decision);
    let edit = smallest(&written, &call, &decision, &near, &Budget::default()).unwrap();
    let new =
        Written::read(&written.source.edited(edit.text.as_str()), &Options::default()).unwrap();
    assert_eq!(decide(&new.policy, &call).action, Action::Allow, "{text}: {}", edit.text);
    assert!(edit.patch.starts_with("--- p.flt\n+++ p.flt\n@@ "));
    let changes = edit.changes.iter().map(|change| {
        assert_eq!(Action::from_ret(change.right), Action::Allow);
        match &change.condition {
            Condition::If(predicate) => predicate.clone(),
            Condition::Always => "always".to_owned(),
            Condition::Some => "some".to_owned(),
        }
    });
    (edit.what, changes.collect())
}

#[test]
fn the_smallest_edit_allows_little_more_than_the_call() {
    let (what, changes) = edit("socket(AF_NETLINK, SOCK_STREAM, 0)");
    assert_eq!(what, "let rule 2 take AF_NETLINK as well");
    assert_eq!(changes, ["family == AF_NETLINK && (type & SOCK_TYPE_MASK) == SOCK_STREAM"]);
    let (what, changes) = edit("socket(AF_UNIX, SOCK_RAW, 0)");
    assert_eq!(what, "let rule 2 take SOCK_RAW as well");
    assert_eq!(changes.len(), 1);
    let (what, _) = edit("socketpair(AF_NETLINK, 0, 0, 0)");
    assert_eq!(what, "add the rule `allow socketpair if family == AF_NETLINK` behind all others");
    let (what, changes) = edit("clone(CLONE_NEWUSER|CLONE_VM)");
    assert_eq!(
        what,
        "add the rule `allow clone if (clone_flags & CLONE_NEWUSER) == CLONE_NEWUSER` in front of \
         rule 4"
    );
    assert_eq!(changes, ["clone_flags & CLONE_NEWUSER"]);
    let (what, changes) = edit("openat(3, 0, O_CLOEXEC|O_RDWR)");
    assert_eq!(what, "let rule 6 take O_RDWR as well");
    assert_eq!(changes.len(), 1);
    assert_eq!(edit("mount(0, 0, 0, 0, 0)").1, ["always"]);
    assert_eq!(edit("syscall(1000)").0, "add the rule `allow syscall(1000)` behind all others");
}

#[test]
fn conditions_that_failed_are_shown_with_what_they_saw() {
    let written = written(POLICY);
    let call = call("socketpair(AF_NETLINK, 0, 0, 0)");
    let near = near(&written, &call, &decide(&written.policy, &call));
    assert_eq!(near.len(), 1);
    let failed = &near[0].failed[0];
    assert_eq!(failed.text, "family in { AF_UNIX, AF_INET }");
    assert_eq!(failed.lets, ["local"]);
    assert_eq!(failed.seen, [("family".to_owned(), "AF_NETLINK".to_owned())]);
}

#[test]
fn an_edit_for_a_foreign_call_lists_its_abi() {
    let written = written("arch x86_64\ndefault errno(EPERM)\nallow read, write\n");
    let i386 = abi::abi("i386").unwrap();
    let call = SeccompData { nr: 3, arch: i386.audit_arch, ..SeccompData::default() };
    let decision = decide(&written.policy, &call);
    let edit = smallest(&written, &call, &decision, &[], &Budget::default()).unwrap();
    assert!(edit.text.starts_with("arch x86_64, i386\n"), "{}", edit.text);
}

#[test]
fn denials_that_the_policy_cannot_have_made_are_told() {
    let written = written(POLICY);
    let reading = records::read(
        "type=1326 audit(1:1): pid=1 arch=c000003e syscall=41 code=0x50000\n\
         type=1326 audit(1:2): pid=2 arch=c000003e syscall=41 code=0x50000\n\
         type=1326 audit(1:3): pid=1 arch=c000003e syscall=0 sig=31 code=0x80000000\n\
         type=1326 audit(1:4): pid=1 arch=c000003e syscall=1 code=0x7ffc0000\n\
         socket(AF_NETLINK, SOCK_STREAM, 0) = -1 EPERM (Operation not permitted)\n\
         socket(AF_UNIX, SOCK_STREAM, 0) = -1 EPERM (Operation not permitted)\nread(3, 0x10, 1) = 1\n",
        abi::x86_64(),
    );
    assert_eq!(reading.faults, []);
    let found =
        denials(Filter::Policy(&written.policy), &reading.records, &Budget::default()).unwrap();
    let list: Vec<_> =
        found.list.iter().map(|it| (it.seen.nr, it.count, it.fits, it.outcomes.len())).collect();
    // The kernel's own EPERM is no denial of this policy.
    assert_eq!(list, [(41, 2, true, 2), (0, 1, false, 1), (41, 1, true, 1)]);
    assert_eq!(found.let_through, 3);
}

fn tested(text: &str) -> (Vec<bool>, Vec<u32>) {
    let source = Source::text("t.flt", text);
    let written = Written::read(&source, &Options::default()).unwrap();
    let compiled = compile(&source, &Options::default()).unwrap();
    let other = |name: &str| match name {
        "p.flt" => {
            let text = "arch x86_64\ndefault errno(EPERM)\nallow read, write, getpid\n";
            Ok(Other::Policy(Box::new(self::written(text).policy)))
        }
        _ => Err(format!("no file {name}")),
    };
    let report = suite::run(&Subject { written: &written, compiled: &compiled, other: &other });
    let claims = report.tests.iter().flat_map(|test| &test.claims);
    let held = claims.map(|claim| {
        // What fails is shown by a call, where it is about calls.
        if let Held::No(why, call) = &claim.held {
            assert!(call.is_some() || why.contains('`'), "{}: {why}", claim.text);
        }
        matches!(claim.held, Held::Yes)
    });
    let held = held.collect();
    (held, report.untouched(&written).iter().map(|rule| rule.0).collect())
}

#[test]
fn claims_are_judged_as_the_reference_does() {
    let policy = "arch x86_64\ndefault errno(EPERM)\nallow read, write\nallow getpid if args[0] != 7\nallow dup\n";
    let good = "test \"good\" {\n read(1) => allow by line 3\n dup(_) => allow\n mount() => errno(EPERM) by default\n\
                all read, write => allow\n all getpid if args[0] == 7 => not allow by default\n all foreign => kill\n\
                all unknown => errno(ENOSYS)\n same as \"p.flt\" except dup, getpid\n syscall(5000) => errno(ENOSYS) by unknown\n }\n";
    let (held, untouched) = tested(&format!("{policy}{good}"));
    assert_eq!(held, [true; 9]);
    assert_eq!(untouched, [1]);
    let bad = "test \"bad\" {\n read(1) => allow by line 4\n getpid(_) => allow\n mount() => errno(EACCES)\n\
               all getpid => allow\n all any => allow\n all foreign => log\n all unknown => allow\n\
               same as \"p.flt\"\n same as \"q.flt\"\n nosuch() => allow\n read(1) on i386 => allow\n\
               all read if nosuch == 1 => allow\n }\n";
    let (held, _) = tested(&format!("{policy}{bad}"));
    assert_eq!(held, [false; 12]);
}
