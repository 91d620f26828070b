//! One test per rule of the kernel: the smallest program that breaks it, and the nearest
//! one that does not. The loader's tests hold the whole against a running kernel.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests say what they expect")]

use filterc_abi::Endian;
use filterc_cbpf::error::{CODES, DecodeError, Kind};
use filterc_cbpf::{Insn, VerifyError, assemble, decode, encode, verify};

fn kind(text: &str) -> Option<(usize, Kind)> {
    let program = assemble(text).unwrap();
    verify(&program).err().map(|VerifyError { pc, kind }| (pc, kind))
}

#[track_caller]
fn refused(text: &str, pc: usize, expected: Kind) {
    assert_eq!(kind(text), Some((pc, expected)), "{text}");
}

#[track_caller]
fn accepted(text: &str) {
    assert_eq!(kind(text), None, "{text}");
}

#[test]
fn length() {
    refused("", 0, Kind::Empty);
    accepted("ret allow");
    accepted(".repeat 4096 ret allow");
    refused(".repeat 4097 ret allow", 0, Kind::TooLong { length: 4097 });
}

#[test]
fn code_is_in_the_table() {
    refused(".insn 0x18, 0, 0, 0\nret allow", 0, Kind::UnknownInsn { code: 0x18 });
    refused("ret allow\n.insn 0x0e, 0, 0, 0", 1, Kind::UnknownInsn { code: 0x0e });
    refused(".insn 0x8c, 0, 0, 0\nret a", 0, Kind::UnknownInsn { code: 0x8c });
    refused(".insn 0x106, 0, 0, 0", 0, Kind::UnknownInsn { code: 0x106 });
}

#[test]
fn constant_division_and_shift() {
    refused("div #0\nret a", 0, Kind::DivisionByZero);
    refused("mod #0\nret a", 0, Kind::DivisionByZero);
    accepted("div #1\nret a");
    accepted("div x\nret a");
    refused("lsh #32\nret a", 0, Kind::ShiftTooLarge { k: 32 });
    refused("rsh #-1\nret a", 0, Kind::ShiftTooLarge { k: u32::MAX });
    accepted("lsh #31\nrsh #31\nlsh x\nret a");
}

#[test]
fn scratch_index() {
    accepted("st M[15]\nstx M[0]\nld M[15]\nldx M[0]\nret a");
    for insn in ["st M[16]", "stx M[16]", "ld M[16]", "ldx M[16]"] {
        refused(&format!("{insn}\nret a"), 0, Kind::ScratchOutOfRange { k: 16 });
    }
}

#[test]
fn jumps_stay_inside() {
    accepted("jmp +0\nret a");
    refused("jmp +1\nret a", 0, Kind::JumpOutOfRange { target: 2, length: 2 });
    let target = u64::from(u32::MAX) + 1;
    refused("jmp +0xffffffff\nret a", 0, Kind::JumpOutOfRange { target, length: 2 });
    refused("jeq #0, +1\nret a", 0, Kind::JumpOutOfRange { target: 2, length: 2 });
    refused("jset x, +0, +1\nret a", 0, Kind::JumpOutOfRange { target: 2, length: 2 });
    accepted("jgt #0, +1, +0\nret a\nret a");
    refused("ret a\njmp +0", 1, Kind::JumpOutOfRange { target: 2, length: 2 });
}

#[test]
fn last_instruction_returns() {
    refused("ret a\nld [0]", 1, Kind::NoFinalReturn);
    accepted("ret a\nld [0]\nret #0");
}

#[test]
fn ancillary_area() {
    // Known to socket filters: refused only by the check for seccomp.
    refused("ld [0xfffff000]\nret a", 0, Kind::LoadOutOfBounds { k: 0xffff_f000 });
    refused("ldh [0xfffff03c]\nret a", 0, Kind::NotForSeccomp { code: 0x28 });
    refused("ld [0xfffff040]\nret a", 0, Kind::AncillaryOffset { k: 0xffff_f040 });
    refused("ldb [0xfffff001]\nret a", 0, Kind::AncillaryOffset { k: 0xffff_f001 });
    refused("ld [0xffffefff]\nret a", 0, Kind::LoadOutOfBounds { k: 0xffff_efff });
}

#[test]
fn scratch_is_stored_before_it_is_read() {
    refused("ld M[3]\nret a", 0, Kind::UninitialisedScratch { k: 3 });
    refused("st M[2]\nldx M[3]\nret a", 1, Kind::UninitialisedScratch { k: 3 });
    // Stored on one way only.
    refused("jeq #0, +1, +0\nst M[0]\nld M[0]\nret a", 2, Kind::UninitialisedScratch { k: 0 });
    // On both.
    accepted("jeq #0, b, a\na: st M[0]\njmp c\nb: st M[0]\nc: ld M[0]\nret a");
    // Nobody gets behind a jump but by another jump.
    accepted("jmp +1\nld M[0]\nret a");
    // A return counts as falling through, although it does not.
    accepted("st M[0]\nret a\nld M[0]\nret a");
    refused("ret a\nld M[0]\nret a", 1, Kind::UninitialisedScratch { k: 0 });
    refused("jeq #0, b, a\na: ret a\nb: ld M[0]\nret a", 2, Kind::UninitialisedScratch { k: 0 });
}

#[test]
fn loads_of_the_data() {
    accepted("ld [0]\nld [60]\nret a");
    refused("ld [64]\nret a", 0, Kind::LoadOutOfBounds { k: 64 });
    refused("ld [62]\nret a", 0, Kind::LoadUnaligned { k: 62 });
    refused("ld [65]\nret a", 0, Kind::LoadOutOfBounds { k: 65 });
    accepted("ld #len\nldx #len\nret a");
}

#[test]
fn only_for_sockets() {
    for (text, code) in [
        ("ldh [0]", 0x28),
        ("ldb [0]", 0x30),
        ("ld [x + 0]", 0x40),
        ("ldh [x + 0]", 0x48),
        ("ldb [x + 0]", 0x50),
        ("ldxb 4*([0]&0xf)", 0xb1),
        ("mod #2", 0x94),
        ("mod x", 0x9c),
    ] {
        refused(&format!("{text}\nret a"), 0, Kind::NotForSeccomp { code });
    }
}

#[test]
fn unused_fields_do_not_matter() {
    accepted(".insn 0x07, 9, 9, 9\n.insn 0x16, 255, 255, 0xffffffff");
    accepted(".insn 0x1d, 0, 0, 77\n.insn 0x84, 1, 2, 3\nret a");
}

#[test]
fn checks_run_in_the_order_of_the_kernel() {
    // classic (pc 2), then load and store (pc 1), then seccomp (pc 0)
    refused("ldh [0]\nld M[0]\ndiv #0\nret a", 2, Kind::DivisionByZero);
    refused("ldh [0]\nld M[0]\nret a", 1, Kind::UninitialisedScratch { k: 0 });
    refused("ldh [0]\nret a", 0, Kind::NotForSeccomp { code: 0x28 });
}

#[test]
fn bytes() {
    let endians = [Endian::Little, Endian::Big];
    for endian in endians {
        assert_eq!(decode(&[], endian), Err(DecodeError::Empty));
        for length in 1..=17 {
            let decoded = decode(&vec![0; length], endian);
            match length % 8 {
                0 => assert_eq!(decoded.unwrap().len(), length / 8),
                _ => assert_eq!(decoded, Err(DecodeError::Truncated { length })),
            }
        }
        assert_eq!(decode(&[0; 4096 * 8], endian).unwrap().len(), 4096);
        let too_long = Err(DecodeError::TooLong { length: 4097 });
        assert_eq!(decode(&[0; 4097 * 8], endian), too_long);
    }
    let insn = Insn { code: 0x0102, jt: 3, jf: 4, k: 0x0506_0708 };
    assert_eq!(encode(&[insn], Endian::Little), [2, 1, 3, 4, 8, 7, 6, 5]);
    assert_eq!(encode(&[insn], Endian::Big), [1, 2, 3, 4, 5, 6, 7, 8]);
    for endian in endians {
        assert_eq!(decode(&encode(&[insn; 3], endian), endian).unwrap(), [insn; 3]);
    }
}

#[test]
fn messages_name_what_and_where() {
    let messages = [
        (verify(&[]).unwrap_err().to_string(), "the program is empty"),
        (
            verify(&assemble("ret a\nld [3]\nret a").unwrap()).unwrap_err().to_string(),
            "instruction 1: load from offset 3, which is no multiple of 4",
        ),
        (
            decode(&[0; 13], Endian::Little).unwrap_err().to_string(),
            "13 bytes are no whole number of instructions: 5 bytes are left at offset 8, and an \
             instruction has 8",
        ),
    ];
    for (message, expected) in messages {
        assert_eq!(message, expected);
    }
    assert!(CODES.is_sorted());
}
