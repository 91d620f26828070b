//! libseccomp's compiler and ours on the same policies: proved equal, for all calls, except
//! where the two differ on purpose. Those differences are listed here, all of them, as they
//! are with libseccomp 2.5.4.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skipped"
)]

use std::collections::BTreeSet;

use filterc::{Compiled, Source, compile};
use filterc_abi::{Endian, SeccompData};
use filterc_cbpf::{Verified, interpret};
use filterc_check::{Budget, Count, Difference, Side, Verdict, differences, equivalent};
use filterc_hir::eval::eval;
use filterc_loader::probe::{self, Call, Decision, Entry, ProbeError};
use filterc_testkit::corpus;
use filterc_testkit::libseccomp::{Level, Libseccomp, abi};
use filterc_testkit::neutral::Workload;

/// The workloads, and our policies of the same.
const PAIRS: [(&str, &str); 3] =
    [("docker", "docker-default"), ("small", "small"), ("argheavy", "argheavy")];

const ENDIAN: Endian = Endian::Little;

const ALLOW: u32 = 0x7fff_0000;
const EPERM: u32 = 0x5_0001;
const ENOSYS: u32 = 0x5_0026;
const KILL_PROCESS: u32 = 0x8000_0000;
const KILL_THREAD: u32 = 0;

fn libseccomp() -> Option<Libseccomp> {
    Libseccomp::build().inspect_err(|reason| println!("skipped: {reason}")).ok()
}

fn compiled(text: String) -> Compiled {
    let source = Source::text("neutral.flt", text);
    compile(&source, &corpus::options()).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

fn assert_equal(left: Side<'_>, right: Side<'_>, what: &str) {
    let verdict = equivalent(left, right, ENDIAN, &Budget::default());
    assert!(matches!(verdict, Verdict::Equal(_)), "{what}: {verdict:?}");
}

fn all_differences(left: Side<'_>, right: Side<'_>) -> Vec<Difference> {
    differences(left, right, ENDIAN, &Budget::default()).unwrap()
}

#[test]
fn a_list_a_tree_and_our_program_of_one_policy_are_equal() {
    let Some(libseccomp) = libseccomp() else { return };
    for (name, _) in PAIRS {
        let workload = Workload::load(name);
        // libseccomp calls numbers from 2³⁰ foreign that we call unknown (see below): where
        // both get what the default gets, there is nothing left to differ in.
        let lines = workload.lines(&[abi::X86_64], EPERM);
        let list = libseccomp.compile(&lines, Level::List);
        let tree = libseccomp.compile(&lines, Level::Tree);
        let ours = compiled(workload.policy("x86_64", "errno(EPERM)"));
        let (list, tree) = (Side::Program(&list), Side::Program(&tree));
        let policy = Side::Policy(ours.policy());
        assert_equal(list, tree, name);
        assert_equal(policy, list, name);
        assert_equal(policy, tree, name);
        assert_equal(Side::Program(ours.program().verified()), tree, name);
    }
}

/// Calls on which the two differ: tokens, numbers, what we say, what libseccomp says, and why.
type Row = ((u32, u32), (u32, u32), u32, u32, &'static str);

/// Where our policies and libseccomp's programs differ, with libseccomp's own default for
/// foreign ABIs.
fn expected(policy: &str) -> Vec<Row> {
    const X86_64: (u32, u32) = (abi::X86_64, abi::X86_64);
    const ALL: (u32, u32) = (0, u32::MAX);
    let foreign = "we kill the process, libseccomp by default the thread";
    let not_x32 = "x32 is bit 30 for us, as for the kernel; for libseccomp every number from 2³⁰";
    let mut rows = vec![
        ((0, X86_64.0 - 1), ALL, KILL_PROCESS, KILL_THREAD, foreign),
        (X86_64, (0x4000_0000, 0x7fff_ffff), KILL_PROCESS, KILL_THREAD, foreign),
        (X86_64, (0xc000_0000, 0xffff_fffe), KILL_PROCESS, KILL_THREAD, foreign),
        ((X86_64.1 + 1, u32::MAX), ALL, KILL_PROCESS, KILL_THREAD, foreign),
    ];
    if policy == "docker-default" {
        let unknown = "a number that the policy's kernel lacks is ENOSYS for us";
        let family = "an `int` has 32 bits for us, 64 for libseccomp";
        let persona = "an `unsigned int` has 32 bits for us, 64 for libseccomp";
        rows.extend([
            (X86_64, (41, 41), EPERM, ALLOW, family),
            (X86_64, (135, 135), ALLOW, EPERM, persona),
            (X86_64, (337, 423), ENOSYS, EPERM, unknown),
            (X86_64, (470, 0x3fff_ffff), ENOSYS, EPERM, unknown),
            (X86_64, (0x8000_0000, 0xbfff_ffff), ENOSYS, KILL_THREAD, not_x32),
            (X86_64, (u32::MAX, u32::MAX), ENOSYS, EPERM, unknown),
        ]);
    } else {
        rows.push((X86_64, (0x8000_0000, 0xbfff_ffff), EPERM, KILL_THREAD, not_x32));
    }
    rows.sort();
    rows
}

#[test]
fn our_policies_differ_from_libseccomp_just_where_they_mean_to() {
    let Some(libseccomp) = libseccomp() else { return };
    for (name, policy) in PAIRS {
        let lines = Workload::load(name).lines(&[abi::X86_64], KILL_THREAD);
        let ours = corpus::policy(&corpus::folder("policies").join(format!("{policy}.flt")));
        for level in [Level::List, Level::Tree] {
            let theirs = libseccomp.compile(&lines, level);
            let found = all_differences(Side::Policy(ours.policy()), Side::Program(&theirs));
            let expected = expected(policy);
            let plain = |d: &Difference| (d.arch, d.nr, d.left, d.right);
            let rows: Vec<_> = expected.iter().map(|row| (row.0, row.1, row.2, row.3)).collect();
            assert_eq!(
                found.iter().map(plain).collect::<Vec<_>>(),
                rows,
                "{policy}: {expected:#?}"
            );
            for difference in &found {
                assert_real(difference, &ours, &theirs);
                assert_extent(difference);
            }
            live(&found, &ours, &theirs);
        }
    }
}

/// Whether arguments have to do with it, and in how many calls.
fn assert_extent(difference: &Difference) {
    // Two families; five personalities.
    let values = match difference.nr {
        (41, 41) => 2,
        (135, 135) => 5,
        _ => {
            assert!(difference.complete && difference.cubes.len() == 1, "{difference:x?}");
            return;
        }
    };
    // Any upper half but 0; the instruction pointer and five arguments are free.
    let halves = u64::from(u32::MAX);
    assert_eq!(difference.count, Count::power_of_two(6 * 64).times(values * halves));
    assert_ne!(difference.witness.args[0] >> 32, 0);
}

/// The witness is answered differently, by both sides run on it.
fn assert_real(difference: &Difference, ours: &Compiled, theirs: &Verified) {
    let call = &difference.witness;
    assert_eq!(eval(ours.policy(), call).to_ret(), difference.left, "{difference:x?}");
    assert_eq!(interpret(ours.program().verified(), call, ENDIAN), difference.left);
    assert_eq!(interpret(theirs, call, ENDIAN), difference.right, "{difference:x?}");
}

/// The kernel answers both ways, for a call of each region that this machine can make.
fn live(found: &[Difference], ours: &Compiled, theirs: &Verified) {
    let real = |difference: &Difference| {
        let made = [(Entry::Native, abi::X86_64), (Entry::Int80, abi::X86)];
        let within = |arch| difference.arch.0 <= arch && arch <= difference.arch.1;
        let (entry, _) = made.into_iter().find(|(_, arch)| within(*arch))?;
        Some(Call { entry, nr: difference.nr.0, args: difference.witness.args })
    };
    let calls: Vec<(Call, &Difference)> =
        found.iter().filter_map(|difference| Some((real(difference)?, difference))).collect();
    let made: Vec<Call> = calls.iter().map(|(call, _)| *call).collect();
    let answer = |program| match probe::decisions(program, &made) {
        Ok(decisions) => Some(decisions),
        Err(ProbeError::Unavailable(reason)) => {
            println!("skipped: {reason}");
            None
        }
        Err(error) => panic!("{error}"),
    };
    let Some(left) = answer(ours.program().verified()) else { return };
    let Some(right) = answer(theirs) else { return };
    for (((call, difference), left), right) in calls.iter().zip(left).zip(right) {
        assert_eq!(left, Decision::Ret(difference.left), "{call:x?}");
        assert_eq!(right, Decision::Ret(difference.right), "{call:x?}");
    }
    println!("{}: {} of {} differences seen live", ours.name(), made.len(), found.len());
}

/// Numbers that every libseccomp in use has names for, up to Linux 5.17.
fn common(libseccomp: &Libseccomp) -> BTreeSet<u32> {
    libseccomp.names().into_iter().filter(|nr| *nr <= 450).collect()
}

#[test]
fn three_abis_in_one_program() {
    let Some(libseccomp) = libseccomp() else { return };
    let workload = Workload::load("docker").only(&common(&libseccomp));
    let lines = workload.lines(&[abi::X86_64, abi::X86, abi::X32], KILL_PROCESS);
    let list = libseccomp.compile(&lines, Level::List);
    let tree = libseccomp.compile(&lines, Level::Tree);
    println!("{} and {} instructions", list.insns().len(), tree.insns().len());
    assert_equal(Side::Program(&list), Side::Program(&tree), "three ABIs");
    // A policy with `socket if …` has to say what becomes of `socketcall`.
    let text = workload.policy("x86_64, i386, x32", "kill_process") + "allow socketcall\n";
    let ours = compiled(text);
    let found = all_differences(Side::Policy(ours.policy()), Side::Program(&tree));
    let rows: Vec<_> = found.iter().map(|d| (d.arch.0, d.nr, d.left, d.right)).collect();
    let (x86_64, i386, x32) = (abi::X86_64, abi::X86, 0x4000_0000);
    let expected = [
        // `socketcall`: libseccomp knows the sub-calls of those that are allowed, whatever the
        // predicate on them said.
        (i386, (102, 102), ALLOW, EPERM),
        // `ipc`: the kernel takes the sub-call from the low 16 bits, libseccomp from all.
        (i386, (117, 117), ALLOW, EPERM),
        // `personality` and `socket`: libseccomp sees the low halves of registers only on ABIs
        // of 32 bits; the policy says `args[0]`, all of it.
        (i386, (136, 136), EPERM, ALLOW),
        (i386, (359, 359), ALLOW, EPERM),
        (x86_64, (x32 | 41, x32 | 41), ALLOW, EPERM),
        (x86_64, (x32 | 135, x32 | 135), EPERM, ALLOW),
    ];
    assert_eq!(rows, expected, "{found:#x?}");
    let high = |call: &SeccompData| call.args[0] >> 32 != 0;
    for difference in &found {
        let call = &difference.witness;
        assert_eq!(eval(ours.policy(), call).to_ret(), difference.left, "{difference:x?}");
        for program in [&list, &tree] {
            assert_eq!(interpret(program, call, ENDIAN), difference.right, "{difference:x?}");
        }
        assert_eq!(high(call), !matches!(difference.nr.0, 102 | 117), "{difference:x?}");
    }
}
