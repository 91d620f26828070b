//! `verify` against the running kernel: the same verdict on every program.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "tests say what they expect"
)]

mod sample;

use std::collections::BTreeMap;

use filterc_cbpf::{Insn, Program, assemble, code, disassemble, verify};
use filterc_loader::probe::{ProbeError, Verdict, accepts};
use sample::{Random, any_program};

/// More than the 100,000 that the project asks of every run.
const PROGRAMS: usize = 150_000;

fn kernel(programs: &[Program]) -> Option<Vec<Verdict>> {
    match accepts(programs) {
        Ok(verdicts) => Some(verdicts),
        Err(ProbeError::Unavailable(reason)) => {
            println!("skipped: {reason}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn same_verdict_on_random_programs() {
    let mut random = Random::new(1);
    let programs: Vec<Program> = (0..PROGRAMS).map(|_| any_program(&mut random)).collect();
    let Some(verdicts) = kernel(&programs) else { return };
    let mut seen = BTreeMap::new();
    for (program, verdict) in programs.iter().zip(verdicts) {
        let ours = verify(program);
        let expected = match ours {
            Ok(_) => Verdict::Accepted,
            Err(_) => Verdict::Refused(libc::EINVAL),
        };
        let text = || disassemble(program, &Default::default());
        assert_eq!(verdict, expected, "kernel, then {ours:?}, on\n{}", text());
        *seen.entry(ours.err().map_or("accepted", |error| error.code())).or_insert(0) += 1;
    }
    println!("{PROGRAMS} programs, 0 differences: {seen:?}");
    assert!(seen["accepted"] > PROGRAMS / 5, "{seen:?}");
    // F0502 has its own test: thousands of long programs would take long.
    for code in [
        "F0501", "F0503", "F0504", "F0505", "F0506", "F0507", "F0508", "F0509", "F0510", "F0511",
        "F0512", "F0513",
    ] {
        assert!(seen.get(code).is_some_and(|count| *count > 50), "{code} in {seen:?}");
    }
}

#[test]
fn same_verdict_on_every_code() {
    let mut programs = Vec::new();
    for code in 0..=u16::MAX {
        let insn = Insn { code, jt: 0, jf: 0, k: 4 };
        // Whatever it is, it is in the middle of a legal program, M[4] stored.
        let st = Insn::stmt(code::ST, 4);
        let ret = Insn::stmt(code::RET | code::K, 0);
        programs.push(vec![st, insn, ret, ret, ret, ret, ret]);
    }
    let Some(verdicts) = kernel(&programs) else { return };
    let accepted = verdicts.iter().filter(|verdict| **verdict == Verdict::Accepted).count();
    assert_eq!(accepted, 41, "the kernel's list");
    for (program, verdict) in programs.iter().zip(verdicts) {
        let ours = verify(program).is_ok();
        assert_eq!(ours, verdict == Verdict::Accepted, "{:#06x}", program[1].code);
    }
}

#[test]
fn same_verdict_at_the_limits() {
    let texts = [
        ".repeat 4096 ret allow",
        ".repeat 4097 ret allow",
        ".repeat 65535 ret allow",
        "jmp +4094\n.repeat 4095 ret allow",
        "jmp +4095\n.repeat 4095 ret allow",
        "jeq #0, +255, +254\n.repeat 256 ret allow",
        "jeq #0, +255, +254\n.repeat 255 ret allow",
        ".repeat 4095 jset #0x80000000, +0, +0\nret a",
        ".repeat 4095 div x\nret a",
    ];
    let programs: Vec<Program> = texts.iter().map(|text| assemble(text).unwrap()).collect();
    let Some(verdicts) = kernel(&programs) else { return };
    for ((text, program), verdict) in texts.iter().zip(&programs).zip(verdicts) {
        assert_eq!(verify(program).is_ok(), verdict == Verdict::Accepted, "{text}");
    }
    let too_long = [vec![Insn::stmt(code::RET, 0); 65_536]];
    assert!(matches!(accepts(&too_long), Err(ProbeError::Invalid(_))));
}
