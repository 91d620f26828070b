//! The machine, instruction by instruction, and the emulation of the kernel's cache.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests say what they expect")]

use filterc_abi::{Endian, SeccompData};
use filterc_cbpf::{
    Outcome, Verified, assemble, const_allow, const_allow::const_stop, interpret,
    interpret_counted, interpret_traced, interpret_words, verify,
};

fn filter(text: &str) -> Verified {
    verify(&assemble(text).unwrap()).unwrap()
}

const CALL: SeccompData = SeccompData {
    nr: 257,
    arch: 0xc000_003e,
    instruction_pointer: 0x0102_0304_0506_0708,
    args: [0x1111_2222_3333_4444, 1, 2, 3, 4, 0xffff_ffff_0000_0005],
};

#[track_caller]
fn gives(text: &str, expected: u32) {
    assert_eq!(interpret(&filter(text), &CALL, Endian::Little), expected, "{text}");
}

#[test]
fn loads() {
    gives("ret a", 0);
    gives("txa\nret a", 0);
    gives("ld [0]\nret a", 257);
    gives("ld [4]\nret a", 0xc000_003e);
    gives("ld [8]\nret a", 0x0506_0708);
    gives("ld [12]\nret a", 0x0102_0304);
    gives("ld [16]\nret a", 0x3333_4444);
    gives("ld [20]\nret a", 0x1111_2222);
    gives("ld [60]\nret a", 0xffff_ffff);
    gives("ld #7\nret a", 7);
    gives("ld #len\nret a", 64);
    gives("ldx #len\ntxa\nret a", 64);
    gives("ldx #9\ntxa\nret a", 9);
    gives("ld #5\nst M[15]\nld #0\nldx M[15]\ntxa\nret a", 5);
    gives("ldx #6\nstx M[0]\nld M[0]\nret a", 6);
    gives("ld #3\ntax\nld #0\ntxa\nret a", 3);
    let text = "ld [16]\nret a";
    assert_eq!(interpret(&filter(text), &CALL, Endian::Big), 0x1111_2222);
}

#[test]
fn arithmetic() {
    for (insn, expected) in [
        ("add #-1", 0x7fff_ffff),
        ("add x", 0x8000_0003),
        ("sub #0x80000001", u32::MAX),
        ("sub x", 0x7fff_fffd),
        ("mul #2", 0),
        ("mul x", 0x8000_0000),
        ("div #2", 0x4000_0000),
        ("div x", 0x2aaa_aaaa),
        ("or #1", 0x8000_0001),
        ("or x", 0x8000_0003),
        ("and #0xc0000000", 0x8000_0000),
        ("and x", 0),
        ("xor #-1", 0x7fff_ffff),
        ("xor x", 0x8000_0003),
        ("lsh #1", 0),
        ("lsh x", 0),
        ("rsh #31", 1),
        ("rsh x", 0x1000_0000),
        ("neg", 0x8000_0000),
    ] {
        gives(&format!("ld #0x80000000\nldx #3\n{insn}\nret a"), expected);
    }
}

#[test]
fn division_by_zero_ends_the_program() {
    let traced = interpret_traced(&filter("ld #7\ndiv x\nret allow"), &CALL, Endian::Little);
    assert_eq!(traced.outcome, Outcome { ret: 0, steps: 2 });
    assert_eq!(traced.pcs, [0, 1]);
}

#[test]
fn shifts_use_five_bits() {
    gives("ld #5\nldx #33\nlsh x\nret a", 10);
    gives("ld #5\nldx #-32\nrsh x\nret a", 5);
}

#[test]
fn jumps() {
    for (a, insn, taken) in [
        (5, "jeq #5", true),
        (5, "jeq #6", false),
        (5, "jgt #5", false),
        (6, "jgt #5", true),
        (5, "jge #5", true),
        (4, "jge #5", false),
        (-1, "jgt #5", true),
        (6, "jset #2", true),
        (6, "jset #9", false),
        (7, "jeq x", true),
        (8, "jgt x", true),
        (7, "jge x", true),
        (8, "jset x", false),
        (5, "jne #5", false),
        (5, "jlt #6", true),
        (6, "jle #5", false),
    ] {
        let text = format!("ldx #7\nld #{a}\n{insn}, yes, no\nno: ret #0\nyes: ret #1");
        gives(&text, u32::from(taken));
    }
    gives("jmp end\nret #1\nend: ret #2", 2);
}

#[test]
fn counted_traced_and_fast_agree() {
    let filter = filter("ld [0]\njeq #257, yes, no\nno: ret #1\nyes: ret allow");
    let outcome = Outcome { ret: 0x7fff_0000, steps: 3 };
    assert_eq!(interpret_counted(&filter, &CALL, Endian::Little), outcome);
    assert_eq!(interpret_words(&filter, &CALL.words(Endian::Little)), outcome);
    let traced = interpret_traced(&filter, &CALL, Endian::Little);
    assert_eq!((traced.outcome, traced.pcs), (outcome, vec![0, 1, 3]));
    assert_eq!(filter.insns().len(), 4);
}

#[test]
fn the_cache_understands_little() {
    const ARCH: u32 = 0xc000_003e;
    let cached = |text: &str| const_allow(&filter(text), 257, ARCH);
    assert!(cached("ret allow"));
    assert!(cached(
        "ld [4]\njeq #0xc000003e, y, n\nn: ret kill\ny: ld [0]\njge #257, a\nret log\na: ret allow"
    ));
    assert!(cached("ld [0]\nand #1\njset #1, +0, +1\nret allow\nret kill"));
    assert!(cached("ld [0]\njgt #256, +0, +2\njmp +0\nret allow\nret kill"));
    for text in [
        "ret log",
        "ret #0x7fff0001",
        "ld #0x7fff0000\nret a",
        "ld [8]\nret allow",
        "ld [16]\nret allow",
        "ld #len\nret allow",
        "ldx #1\nret allow",
        "ld [0]\nsub #1\nret allow",
        "ld [0]\nor #1\nret allow",
        "st M[0]\nret allow",
        "tax\nret allow",
        "jeq x, +0, +0\nret allow",
        "neg\nret allow",
    ] {
        assert!(!cached(text), "{text}");
    }
}

#[test]
fn the_cache_gives_up_at_an_instruction() {
    const ARCH: u32 = 0xc000_003e;
    let stop = |text: &str| const_stop(&filter(text), 257, ARCH);
    assert_eq!(stop("ret allow"), None);
    assert_eq!(stop("ret kill"), None);
    assert_eq!(stop("ld [0]\njeq #257, +0, +1\nld [16]\nret allow"), Some(2));
    assert_eq!(stop("ld [0]\njeq #257, +1, +0\nld [16]\nret allow"), None);
}
