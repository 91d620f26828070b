//! Calls that show a difference are real: written as text they are read again as they were, and
//! the running kernel decides them as both sides are said to.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skipped"
)]

use filterc::describe::notation;
use filterc::evaluate::read_call;
use filterc::{Compiled, Options, Source};
use filterc_abi::{self as abi, Endian};
use filterc_check::{Budget, Side};
use filterc_grammar::source::SourceMap;
use filterc_hir::eval::eval;
use filterc_loader::probe::{self, Call, Decision, ProbeError};
use filterc_relate::{Change, differences};
use filterc_testkit::corpus;

fn between(left: &Compiled, right: &Compiled) -> Vec<Change> {
    let (left, right) = (Side::Policy(left.policy()), Side::Policy(right.policy()));
    differences(left, right, Endian::HOST, &Budget::default()).unwrap()
}

/// How many of the calls that show changes the kernel decided; `None` if it cannot be asked.
fn replayed(left: &Compiled, right: &Compiled, changes: &[Change]) -> Option<usize> {
    let calls: Vec<(Call, &Change)> =
        changes.iter().filter_map(|change| Some((Call::of(&change.witness)?, change))).collect();
    let made: Vec<Call> = calls.iter().map(|(call, _)| *call).collect();
    let mut seen = 0;
    for (policy, right) in [(left, false), (right, true)] {
        let decisions = match probe::decisions(policy.program_for(Endian::HOST).verified(), &made) {
            Ok(decisions) => decisions,
            Err(ProbeError::Unavailable(reason)) => {
                println!("skipped: {reason}");
                return None;
            }
            Err(error) => panic!("{error}"),
        };
        for ((call, change), decision) in calls.iter().zip(decisions) {
            // The probe calls from a place of its own, which a policy may ask for.
            if eval(policy.policy(), &call.seccomp_data()) != eval(policy.policy(), &change.witness)
            {
                continue;
            }
            let expected = if right { change.right } else { change.left };
            match decision {
                Decision::Ret(value) => {
                    let text = notation(&change.witness);
                    assert_eq!(value, expected, "{}: {text}", policy.name());
                    seen += 1;
                }
                Decision::Exempt => {}
            }
        }
    }
    Some(seen)
}

#[test]
fn the_kernel_sees_the_differences_of_the_corpus() {
    let options = Options { params: Vec::new(), ..corpus::options() };
    let all: Vec<Compiled> = corpus::policies()
        .into_iter()
        .filter(|it| it.policy().params().is_empty())
        .filter(|it| it.policy().abis().iter().any(|part| part.abi().name == "x86_64"))
        .collect();
    assert!(all.len() > 5);
    let nothing = "arch x86_64\ndefault kill_process\nunknown default\nforeign kill_process\n";
    let nothing = filterc::compile(&Source::text("nothing.flt", nothing), &options).unwrap();
    let others = all.iter().skip(1).chain([&nothing]);
    let (mut shown, mut made, mut seen) = (0, 0, 0);
    for (left, right) in all.iter().zip(others) {
        let changes = between(left, right);
        for change in &changes {
            let text = notation(&change.witness);
            let read = read_call(&SourceMap::default(), &[], &[], abi::x86_64(), &text).unwrap();
            assert_eq!(read, change.witness, "{text}");
        }
        shown += changes.len();
        made += changes.iter().filter(|it| Call::of(&it.witness).is_some()).count();
        let Some(count) = replayed(left, right, &changes) else { return };
        seen += count;
    }
    println!("{shown} differences, {made} calls made, {seen} decisions of the kernel");
    // But for those that depend on where they are called from.
    assert!(seen >= 2 * made * 9 / 10);
}

/// A planted fault is noticed: sides that are exchanged do not decide as they are said to.
#[test]
fn what_is_not_so_is_noticed() {
    let policy = |rule: &str| {
        let text = format!("arch x86_64\ndefault allow\nunknown allow\nforeign allow\n{rule}\n");
        filterc::compile(&Source::text("p.flt", text), &corpus::options()).unwrap()
    };
    let (left, right) = (policy("errno(EPERM) getppid"), policy("errno(EACCES) getppid"));
    let mut changes = between(&left, &right);
    assert_eq!(changes.len(), 1);
    let Some(seen) = replayed(&left, &right, &changes) else { return };
    assert_eq!(seen, 2);
    for change in &mut changes {
        std::mem::swap(&mut change.left, &mut change.right);
    }
    let result = std::panic::catch_unwind(|| replayed(&left, &right, &changes));
    assert!(result.is_err());
}
