//! The interpreter against the running kernel: the same value for every program and call.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "tests say what they expect"
)]

mod sample;

use filterc_abi::Endian;
use filterc_abi::seccomp::ret;
use filterc_cbpf::{Insn, Program, Verified, assemble, code, disassemble, interpret, verify};
use filterc_loader::probe::{Call, Decision, Entry, Observed, ProbeError, decisions, run};
use sample::{Random, legal_program};

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

fn any_call(random: &mut Random) -> Call {
    let entry = if random.chance(25) { Entry::Int80 } else { Entry::Native };
    let nr = match random.below(4) {
        0 => random.pick(&[u32::MAX, 0x4000_0000, 0x4000_0101, 0x8000_0027, 0x7fff_ffff]),
        // Where filters are not asked (uprobe, uretprobe) nothing can be compared.
        _ => random.pick(&[0, 1, 39, 59, 60, 101, 231, 257, 334, 337, 435, 511, 4000]),
    };
    let args = std::array::from_fn(|_| match random.below(3) {
        0 => random.constant().into(),
        1 => u64::from(random.constant()) << 32 | u64::from(random.constant()),
        _ => random.word(),
    });
    Call { entry, nr, args }
}

/// A filter that fails every call with twelve bits of what `program` leaves in A.
fn twelve_bits(program: &Program, shift: u32) -> Verified {
    let mut program = program.clone();
    program.pop();
    program.extend([
        Insn::stmt(code::ALU | code::RSH | code::K, shift),
        Insn::stmt(code::ALU | code::AND | code::K, 0xfff),
        Insn::stmt(code::ALU | code::OR | code::K, ret::ERRNO),
        Insn::stmt(code::RET | code::A, 0),
    ]);
    verify(&program).unwrap()
}

#[test]
fn same_value_for_random_programs() {
    let mut random = Random::new(2);
    let (mut compared, mut killed) = (0, 0);
    for _ in 0..600 {
        let length = 4 + random.below(40);
        let program = legal_program(&mut random, length);
        let calls: Vec<Call> = (0..24).map(|_| any_call(&mut random)).collect();
        for shift in [0, 12, 24] {
            let filter = twelve_bits(&program, shift);
            // Each kill costs a fork: leave most of them out after the first ones.
            let dies = |call: &Call| interpret(&filter, &call.seccomp_data(), Endian::HOST) == 0;
            let dying = calls.iter().filter(|call| dies(call)).take(2);
            let calls: Vec<Call> =
                calls.iter().filter(|call| !dies(call)).chain(dying).copied().collect();
            let Some(observed) = answer(run(&filter, &calls)) else { return };
            for (call, observed) in calls.iter().zip(observed) {
                let expected = match interpret(&filter, &call.seccomp_data(), Endian::HOST) {
                    ret::KILL_THREAD => Observed::Killed(libc::SIGSYS),
                    value => Observed::Returned(-i64::from(value & 0xfff)),
                };
                killed += u32::from(expected == Observed::Killed(libc::SIGSYS));
                let text = || disassemble(filter.insns(), &Default::default());
                assert_eq!(observed, expected, "{call:x?}\n{}", text());
                compared += 1;
            }
        }
    }
    println!("{compared} values, 0 differences ({killed} by division by zero)");
    assert!(compared > 20_000 && killed > 10);
}

/// Calls whose first two arguments run through all pairs of values that matter.
fn pairs() -> Vec<Call> {
    const EDGES: [u64; 14] = [
        1,
        2,
        3,
        7,
        31,
        32,
        33,
        63,
        0xff,
        0x7fff_ffff,
        0x8000_0000,
        0x8000_0001,
        0xffff_fffe,
        0xffff_ffff,
    ];
    let pair = |a, b| native(110, [a, b, 0, 0, 0, 0]);
    EDGES.iter().flat_map(|a| EDGES.iter().map(move |b| pair(*a, *b))).collect()
}

#[test]
fn same_value_for_every_operation_at_its_edges() {
    const OPERATIONS: [&str; 14] = [
        "add x",
        "sub x",
        "mul x",
        "div x",
        "or x",
        "and x",
        "lsh x",
        "rsh x",
        "xor x",
        "neg",
        "jeq x, +1",
        "jgt x, +1",
        "jge x, +1",
        "jset x, +1",
    ];
    let calls = pairs();
    for operation in OPERATIONS {
        let text = format!("ld [24]\ntax\nld [16]\n{operation}\nxor #0x55555555\nret a");
        for shift in [0, 12, 24] {
            let filter = twelve_bits(&assemble(&text).unwrap(), shift);
            let Some(observed) = answer(run(&filter, &calls)) else { return };
            for (call, observed) in calls.iter().zip(observed) {
                let value = interpret(&filter, &call.seccomp_data(), Endian::HOST) & 0xfff;
                let expected = Observed::Returned(-i64::from(value));
                assert_eq!(observed, expected, "{operation} {call:x?}");
            }
        }
    }
}

#[test]
fn same_decision_for_random_filters() {
    let mut random = Random::new(3);
    let mut compared = 0;
    for _ in 0..100 {
        let length = 30 + random.below(200);
        let mut program = legal_program(&mut random, length);
        for insn in program.iter_mut().skip(4) {
            if random.chance(10) {
                *insn = Insn::stmt(code::RET | code::K, random.constant());
            }
        }
        *program.last_mut().unwrap() = Insn::stmt(code::RET | code::K, ret::ALLOW);
        let Ok(filter) = verify(&program) else { continue };
        let calls: Vec<Call> = (0..200).map(|_| any_call(&mut random)).collect();
        let expected = |call: &Call| interpret(&filter, &call.seccomp_data(), Endian::HOST);
        let Some(decided) = answer(decisions(&filter, &calls)) else { return };
        for (call, decision) in calls.iter().zip(decided) {
            assert_eq!(decision, Decision::Ret(expected(call)), "{call:x?}");
            compared += 1;
        }
    }
    println!("{compared} decisions, 0 differences");
    assert!(compared > 5_000);
}

fn filter(text: &str) -> Verified {
    verify(&assemble(text).unwrap()).unwrap()
}

const fn native(nr: u32, args: [u64; 6]) -> Call {
    Call { entry: Entry::Native, nr, args }
}

#[test]
fn what_the_filter_sees_is_what_the_call_says() {
    // Every word of the data, through twelve bits of each.
    let calls = [
        native(0xdead_beef, [0x0123_4567_89ab_cdef; 6]),
        native(0x4000_0027, [1, 2, 3, 4, 5, u64::MAX]),
        Call { entry: Entry::Int80, nr: 20, args: [0x1_0000_03e7, 7 << 40, 3, 4, 5, 6 << 60] },
    ];
    for offset in (0..64).step_by(4) {
        for shift in [0, 12, 24] {
            let load = assemble(&format!("ld [{offset}]\nret a")).unwrap();
            let filter = twelve_bits(&load, shift);
            let Some(observed) = answer(run(&filter, &calls)) else { return };
            for (call, observed) in calls.iter().zip(observed) {
                let value = interpret(&filter, &call.seccomp_data(), Endian::HOST) & 0xfff;
                assert_eq!(observed, Observed::Returned(-i64::from(value)), "{offset} {call:x?}");
            }
        }
    }
}

#[test]
fn every_action_shows() {
    const GETPPID: u32 = 110;
    let text = "ld [16]
        jeq #0, +0, +1
        ret allow
        jeq #1, +0, +1
        ret errno(EACCES)
        jeq #2, +0, +1
        ret trap(77)
        jeq #3, +0, +1
        ret kill_thread
        jeq #4, +0, +1
        ret kill_process
        jeq #5, +0, +1
        ret trace(1)
        jeq #6, +0, +1
        ret notify
        jeq #7, +0, +1
        ret #0x12340000
        jeq #8, +0, +1
        ret errno(0)
        jeq #9, +0, +1
        ret errno(0xffff)
        ret log";
    let filter = filter(text);
    let calls: Vec<Call> = (0..11).map(|i| native(GETPPID, [i, 0, 0, 0, 0, 0])).collect();
    let Some(observed) = answer(run(&filter, &calls)) else { return };
    let parent = i64::from(std::process::id());
    let returned = |errno: i32| Observed::Returned(-i64::from(errno));
    let trapped = Observed::Trapped {
        data: 77,
        call_addr: calls[2].seccomp_data().instruction_pointer,
        nr: 110,
        arch: 0xc000_003e,
    };
    let killed = Observed::Killed(libc::SIGSYS);
    let expected = [
        Observed::Returned(parent),
        returned(libc::EACCES),
        trapped,
        killed,
        killed,
        returned(libc::ENOSYS),
        returned(libc::ENOSYS),
        killed,
        returned(0),
        returned(4095),
        Observed::Returned(parent),
    ];
    assert_eq!(observed, expected);
}

#[test]
fn the_ends_of_calls_are_told_apart() {
    const PAUSE: u32 = 34;
    let all = filter("ret allow");
    // exit_group(3), then a call that follows in a new child, then one past the entry table.
    let calls = [native(231, [3, 0, 0, 0, 0, 0]), native(110, [0; 6]), native(0x4000_0000, [0; 6])];
    let Some(observed) = answer(run(&all, &calls)) else { return };
    let parent = i64::from(std::process::id());
    assert_eq!(observed[..2], [Observed::Exited(3), Observed::Returned(parent)]);
    assert_eq!(
        run(&filter("ret errno(5)"), &[native(PAUSE, [0; 6])]).unwrap(),
        [Observed::Returned(-5)]
    );
    assert_eq!(run(&all, &[]).unwrap(), []);
}

#[test]
fn decisions_execute_nothing() {
    // An executed one would be noticed: it ends the child.
    const EXIT_GROUP: u32 = 231;
    let filter =
        filter("ld [0]\njeq #231, +0, +1\nret allow\njeq #1, +0, +2\nldx #0\ndiv x\nret log");
    let exit = native(EXIT_GROUP, [9, 0, 0, 0, 0, 0]);
    let calls = [exit, native(1, [0; 6]), native(60, [0; 6]), native(335, [0; 6]), exit];
    let Some(decided) = answer(decisions(&filter, &calls)) else { return };
    let expected = [
        Decision::Ret(ret::ALLOW),
        Decision::Ret(0),
        Decision::Ret(ret::LOG),
        Decision::Exempt,
        Decision::Ret(ret::ALLOW),
    ];
    assert_eq!(decided, expected);
    let unmaskable = verify(&assemble("ret a").unwrap()).unwrap();
    assert!(matches!(decisions(&unmaskable, &calls), Err(ProbeError::Invalid(_))));
}
