//! Assembler and disassembler: each other's inverse, on every instruction there is.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests say what they expect")]

use filterc_abi::Endian;
use filterc_cbpf::asm::error::{AsmError, AsmKind};
use filterc_cbpf::{DisasmOptions, Insn, assemble, disassemble};

const PLAIN: DisasmOptions = DisasmOptions { plain: true, endian: Endian::Little, abi: None };

fn rich() -> DisasmOptions {
    DisasmOptions { plain: false, abi: Some(filterc_abi::x86_64()), ..PLAIN }
}

#[track_caller]
fn round_trip(program: &[Insn]) {
    for options in [PLAIN, rich()] {
        let text = disassemble(program, &options);
        assert_eq!(assemble(&text).as_deref(), Ok(program), "{text}");
    }
}

#[test]
fn every_code_with_every_sort_of_field() {
    let edges = [0, 1, 16, 63, 64, 255, 0x7fff_0000, 0x8000_0000, u32::MAX];
    for code in 0..=0x1ff {
        let mut program = Vec::new();
        for k in edges {
            for (jt, jf) in [(0, 0), (1, 0), (0, 255), (3, 7)] {
                program.push(Insn { code, jt, jf, k });
            }
        }
        round_trip(&program);
    }
    round_trip(&[Insn { code: u16::MAX, jt: 255, jf: 255, k: u32::MAX }]);
    round_trip(&[]);
}

#[test]
fn random_programs() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..2_000 {
        let length = random() % 60;
        let insns = (0..length).map(|_| {
            let bits = random().to_le_bytes();
            let wide = random() % 8 == 0;
            Insn {
                code: u16::from(bits[0]) | if wide { 0x100 } else { 0 },
                jt: bits[1] % 12,
                jf: bits[2] % 12,
                k: if wide {
                    u32::from_le_bytes([bits[4], bits[5], bits[6], bits[7]])
                } else {
                    u32::from(bits[4] % 70)
                },
            }
        });
        round_trip(&insns.collect::<Vec<_>>());
    }
}

#[test]
fn spelling() {
    let text = "        ld [4]
        jeq #0xc000003e, L2, L5
L2:     ld [0]
        jset x, L4, +9
L4:     ldxb 4*([14]&0xf)
L5:     .insn 0x6, 1, 0, 0x0
        ret #0x7fff0000
        ret a
";
    let program = assemble(text).unwrap();
    assert_eq!(disassemble(&program, &PLAIN), text);
}

#[test]
fn both_spellings_of_the_same() {
    for (one, other) in [
        ("ret allow", "ret #0x7fff0000"),
        ("ret errno(EPERM)", "ret errno(1)"),
        ("ret errno(0xffff)", "ret #0x5ffff"),
        ("ret kill", "ret kill_process"),
        ("ret kill_thread", "ret #0"),
        ("ret trap", "ret trap(0)"),
        ("ret trace(7)", "ret #0x7ff00007"),
        ("ret notify", "ret #0x7fc00000"),
        ("ret log", "ret #0b01111111111111000000000000000000"),
        ("jeq #1, +3", "jeq #1, +3, +0"),
        ("jne #1, +3", "jeq #1, +0, +3"),
        ("jlt x, +1, +2", "jge x, +2, +1"),
        ("jle #-1, +1, +2", "jgt #0xffffffff, +2, +1"),
        ("ldi #3\nldxi #4 ; x\n ; y\n\n", "ld #3\nldx #4"),
        ("a: b: jmp c\nret a\nc:\nd: ret A", "ja +1\nret a\nret a"),
        (".repeat 3 ld M[1]\n.repeat 0 ret a", "ld M[1]\nld m[1]\nld M[0x1]"),
        (".insn 0x15, 1, 2, 3", "jeq #3, +1, +2"),
    ] {
        assert_eq!(assemble(one).unwrap(), assemble(other).unwrap(), "{one}");
    }
    assert_eq!(assemble(""), Ok(vec![]));
}

#[test]
fn errors_name_what_and_where() {
    let far = format!("jeq #0, far\n{}far: ret a", "ret a\n".repeat(256));
    for (text, at, code) in [
        ("ret allow allow", (1, 11), "F0520"),
        ("\n  ld {4}", (2, 6), "F0520"),
        ("ld [4", (1, 6), "F0520"),
        ("ret errno", (1, 10), "F0520"),
        ("jeq #1", (1, 7), "F0520"),
        ("jmp", (1, 4), "F0520"),
        (":", (1, 1), "F0520"),
        ("é", (1, 1), "F0520"),
        ("x: mov a", (1, 4), "F0521"),
        ("tax #1", (1, 5), "F0522"),
        ("ret x", (1, 5), "F0522"),
        ("ld #0x1ffffffff", (1, 5), "F0523"),
        ("ld #017", (1, 5), "F0523"),
        ("ld #-2147483649", (1, 5), "F0523"),
        ("ld #1e3", (1, 5), "F0523"),
        (".insn 0x10000, 0, 0, 0", (1, 7), "F0523"),
        (".insn 6, 256, 0, 0", (1, 10), "F0523"),
        ("ret errno(65536)", (1, 11), "F0523"),
        (".repeat 70000 ret a", (1, 9), "F0523"),
        ("jeq #0, nowhere", (1, 9), "F0524"),
        ("l: ret a\nl: ret a", (2, 1), "F0525"),
        ("l: jmp l", (1, 8), "F0526"),
        (&far, (1, 9), "F0527"),
        ("jeq #0, +256", (1, 9), "F0527"),
        ("ret permit", (1, 5), "F0528"),
        ("ret errno(ENOTHING)", (1, 11), "F0528"),
        (".repeat 65535 ret a\nret a", (2, 1), "F0529"),
    ] {
        let error = assemble(text).unwrap_err();
        assert_eq!(((error.line, error.column), error.code()), (at, code), "{text}: {error}");
        assert!(error.to_string().starts_with(&format!("{}:{}: ", at.0, at.1)));
    }
    let name = "far".to_owned();
    let kind = AsmKind::JumpTooFar { name, distance: 256 };
    assert_eq!(assemble(&far), Err(AsmError { line: 1, column: 9, kind }));
}

#[test]
fn any_text_is_an_answer() {
    let mut state = 1_u64;
    let pieces = [
        "ld",
        "ldx",
        "[",
        "]",
        "#",
        "x",
        "a",
        "M",
        "+",
        "-",
        "*",
        "4",
        "0xf",
        ":",
        ",",
        "(",
        ")",
        "&",
        "jeq",
        "jmp",
        "ret",
        "errno",
        "EPERM",
        ".insn",
        ".repeat",
        "\n",
        " ",
        ";",
        "é",
        "\u{0}",
        "99999999999999999999",
        "l",
        "allow",
    ];
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..12 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            text.push_str(pieces[usize::try_from(state >> 33).unwrap() % pieces.len()]);
            if state & 0x10_0000 != 0 {
                text.push(' ');
            }
        }
        if let Ok(program) = assemble(&text) {
            round_trip(&program);
        }
    }
}

#[test]
fn comments_follow_the_program() {
    let program = assemble(
        "ld [4]
        jeq #0xc000003e, +0, bad
        ld [0]
        jset #0x40000000, bad
        jeq #257, open
        jge #400, bad
        ret allow
        open: ld [32]
        jset #0x40, bad
        ld [36]
        ret errno(EACCES)
        ret trap(3)
        bad: ret kill",
    );
    let text = disassemble(&program.unwrap(), &rich());
    let comment = |pc: usize| text.lines().nth(pc).unwrap().rsplit("  ").next().unwrap().to_owned();
    assert_eq!(comment(0), "A = arch");
    assert_eq!(comment(1), "arch == AUDIT_ARCH_X86_64 (x86_64)");
    assert_eq!(comment(2), "A = nr");
    assert_eq!(comment(3), "nr & 0x40000000 (x32)");
    assert!(comment(7).starts_with("A = args[2].lo"));
    assert!(comment(9).starts_with("A = args[2].hi"));
    assert_eq!(comment(10), "EACCES");
    assert_eq!(comment(11), "never reached");
    if filterc_abi::x86_64().syscall_by_nr(257).is_some() {
        assert_eq!(comment(4), "nr == openat (257)");
        assert_eq!(comment(7), "A = args[2].lo openat.flags");
        assert_eq!(comment(8), "args[2].lo openat.flags & O_CREAT");
    }
    assert!(text.contains("ret errno(13)"), "{text}");
}

#[test]
fn errors_have_the_names_of_the_program_s_abis() {
    let comments = |tokens: &[&str], errno: u16| -> String {
        let abis = tokens.iter().map(|name| filterc_abi::abi(name).unwrap());
        let tests: String = abis.map(|abi| format!("jeq #{:#x}, fail\n", abi.audit_arch)).collect();
        let text = format!("ld [4]\n{tests}ret allow\nfail: ret errno({errno})");
        let text = disassemble(&assemble(&text).unwrap(), &rich());
        text.lines().last().unwrap().rsplit("  ").next().unwrap().to_owned()
    };
    assert_eq!(comments(&["x86_64"], 89), "EDESTADDRREQ");
    assert_eq!(comments(&["mips"], 89), "ENOSYS");
    assert_eq!(comments(&["mips", "mips64n32"], 89), "ENOSYS");
    assert_eq!(comments(&["x86_64", "alpha"], 11), "EAGAIN or EDEADLK");
    assert_eq!(comments(&[], 89), "never reached");
    // Also where the ways of several ABIs meet with that of foreign calls.
    let text = "ld [4]\njeq #0x8, +0, fail\nld [0]\njeq #4001, fail\nret allow\n\
                fail: ret errno(89)";
    let text = disassemble(&assemble(text).unwrap(), &rich());
    assert!(text.lines().last().unwrap().ends_with("ENOSYS"), "{text}");
    // No ABI at all: the generic names.
    let text =
        disassemble(&assemble("ret errno(89)").unwrap(), &DisasmOptions { abi: None, ..rich() });
    assert!(text.contains("EDESTADDRREQ"), "{text}");
}

#[test]
fn calls_of_x32_have_their_names() {
    let program = assemble(
        "ld [4]
        jeq #0xc000003e, +0, bad
        ld [0]
        jset #0x40000000, x32
        jeq #257, open, bad
        x32: jeq #0x40000000, bad
        jge #0x40000200, bad
        jeq #0x40000101, +0, bad
        ld [20]
        jeq #1, bad
        open: ld [32]
        jset #0x40, bad
        ret allow
        bad: ret kill",
    );
    let text = disassemble(&program.unwrap(), &rich());
    let comment = |pc: usize| text.lines().nth(pc).unwrap().rsplit("  ").next().unwrap().to_owned();
    assert_eq!(comment(4), "nr == openat (257)");
    assert_eq!(comment(5), "nr == read (x32 0x40000000)");
    assert_eq!(comment(6), "nr >= rt_sigaction (x32 0x40000200)");
    assert_eq!(comment(7), "nr == openat (x32 0x40000101)");
    assert!(comment(8).starts_with("A = args[0].hi openat."), "{text}");
    // Two ways lead here, of two calls.
    assert_eq!(comment(10), "A = args[2].lo");
}
