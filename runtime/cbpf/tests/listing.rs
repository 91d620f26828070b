//! The listing of `seccomp-tools`, line for line.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use filterc_abi::{Endian, abi};
use filterc_cbpf::{DisasmOptions, assemble, listing};

fn listed(text: &str, endian: Endian) -> String {
    let options = DisasmOptions { plain: false, endian, abi: abi("x86_64") };
    listing(&assemble(text).unwrap(), &options)
}

#[test]
fn a_filter_reads_as_its_users_know_it() {
    let text = "ld [4]\njne #0xc000003e, no\nld [0]\njge #0x40000000, no\njeq #59, no\n\
                jeq #257, at, yes\nat: ld [36]\njne #0, no\nld [32]\njset #0x3, no\n\
                yes: ret allow\nno: ret errno(1)\n";
    let expected = " line  CODE  JT   JF      K
=================================
 0000: 0x20 0x00 0x00 0x00000004  A = arch
 0001: 0x15 0x00 0x09 0xc000003e  if (A != ARCH_X86_64) goto 0011
 0002: 0x20 0x00 0x00 0x00000000  A = sys_number
 0003: 0x35 0x07 0x00 0x40000000  if (A >= 0x40000000) goto 0011
 0004: 0x15 0x06 0x00 0x0000003b  if (A == execve) goto 0011
 0005: 0x15 0x00 0x04 0x00000101  if (A != openat) goto 0010
 0006: 0x20 0x00 0x00 0x00000024  A = args[2] >> 32
 0007: 0x15 0x00 0x03 0x00000000  if (A != 0x0) goto 0011
 0008: 0x20 0x00 0x00 0x00000020  A = args[2]
 0009: 0x45 0x01 0x00 0x00000003  if (A & 0x3) goto 0011
 0010: 0x06 0x00 0x00 0x7fff0000  return ALLOW
 0011: 0x06 0x00 0x00 0x00050001  return ERRNO(1)
";
    assert_eq!(listed(text, Endian::Little), expected);
}

#[test]
fn everything_that_a_program_can_do_has_a_line() {
    let text = "ldx #7\ntax\ntxa\nneg\nst M[3]\nstx M[4]\nld M[3]\nldx M[4]\nld #len\n\
                add #2\nlsh x\nand #0xf\njmp +0\njeq x, +1, +0\njset #1, +0, +1\nld [16]\nret a\n";
    let listed = listed(text, Endian::Big);
    let does: Vec<&str> =
        listed.lines().skip(2).map(|line| line.split("  ").nth(1).unwrap()).collect();
    let expected = [
        "X = 0x7",
        "X = A",
        "A = X",
        "A = -A",
        "mem[3] = A",
        "mem[4] = X",
        "A = mem[3]",
        "X = mem[4]",
        "A = sizeof(seccomp_data)",
        "A += 0x2",
        "A <<= X",
        "A &= 0xf",
        "goto 0013",
        "if (A == X) goto 0015",
        "if (!(A & 0x1)) goto 0016",
        "A = args[0] >> 32",
        "return A",
    ];
    assert_eq!(does, expected);
    assert!(
        listing(
            &[filterc_cbpf::Insn { code: 0xffff, jt: 0, jf: 0, k: 0 }],
            &DisasmOptions::default()
        )
        .contains("unknown instruction")
    );
}
