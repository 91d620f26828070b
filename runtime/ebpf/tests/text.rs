//! Assembler and disassembler: each other's inverse, on every instruction there is.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "tests say what they expect"
)]

use std::collections::BTreeMap;

use filterc_abi::Endian;
use filterc_ebpf::error::CODES;
use filterc_ebpf::{
    DisasmOptions, Insn, Program, assemble, decode, disassemble, encode, well_formed,
};

#[track_caller]
fn round_trip(program: &[Insn]) -> String {
    for plain in [true, false] {
        let text = disassemble(program, &DisasmOptions { plain });
        assert_eq!(assemble(&text).as_deref(), Ok(program), "{text}");
    }
    for endian in [Endian::Little, Endian::Big] {
        if !program.is_empty() {
            assert_eq!(decode(&encode(program, endian), endian).as_deref(), Ok(program));
        }
    }
    disassemble(program, &DisasmOptions { plain: true })
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn word(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[(self.word() >> 32) as usize % from.len()]
    }
}

const OFFSETS: [i16; 9] = [0, 1, 8, 16, 32, -1, 4, i16::MIN, i16::MAX];
const CONSTANTS: [i32; 22] = [
    0,
    1,
    2,
    16,
    32,
    64,
    -1,
    63,
    31,
    0x40,
    0x50,
    0xa0,
    0x41,
    0x51,
    0xa1,
    0xe1,
    0xf1,
    0x100,
    0x110,
    i32::MIN,
    i32::MAX,
    5,
];

/// An instruction of that opcode whose fields are likely to be legal.
fn any(random: &mut Random, opcode: u8) -> Insn {
    let bits = random.word();
    let zero = |shift: u32| bits >> shift & 3 != 0;
    Insn {
        opcode,
        dst: if zero(0) { (bits >> 32) as u8 % 11 } else { (bits >> 32) as u8 & 15 },
        src: if zero(2) { (bits >> 40) as u8 % 11 } else { (bits >> 40) as u8 % 3 },
        offset: if zero(4) { random.pick(&OFFSETS) } else { (bits >> 16) as i16 },
        imm: if zero(6) { random.pick(&CONSTANTS) } else { random.word() as i32 },
    }
}

#[test]
fn every_opcode_with_every_sort_of_field() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut spelt: BTreeMap<u8, u32> = BTreeMap::new();
    for opcode in 0..=u8::MAX {
        let mut program = Vec::new();
        for _ in 0..4_000 {
            program.push(any(&mut random, opcode));
            // The second slot of a wide instruction, or something else.
            if opcode == 0x18 {
                let imm = random.word() as i32;
                let opcode = u8::from(random.word() & 15 == 0);
                program.push(Insn { opcode, imm, ..Insn::default() });
            }
        }
        // Each by itself, and simple: what is legal must have a spelling of its own.
        for src in 0..=10 {
            for imm in CONSTANTS {
                for offset in OFFSETS {
                    program.push(Insn { opcode, dst: 1, src, offset, imm });
                    program.push(Insn { opcode, dst: 0, src, offset, imm });
                }
            }
        }
        for part in program.chunks(600) {
            let text = round_trip(part);
            let count = text.lines().filter(|line| !line.contains(".insn")).count();
            *spelt.entry(opcode).or_default() += count as u32;
        }
    }
    // RFC 9669, appendix A: the opcodes that it assigns.
    let assigned: Vec<u8> =
        spelt.iter().filter(|(_, count)| **count > 0).map(|(opcode, _)| *opcode).collect();
    let mut expected = vec![0x18, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50];
    expected.extend([0x61, 0x69, 0x71, 0x79, 0x81, 0x89, 0x91]);
    expected.extend([0x62, 0x6a, 0x72, 0x7a, 0x63, 0x6b, 0x73, 0x7b, 0xc3, 0xdb]);
    for operation in (0x00..=0xc0).step_by(0x10) {
        expected.extend([operation | 4, operation | 7]);
        if operation != 0x80 {
            expected.extend([operation | 0xc, operation | 0xf]);
        }
    }
    expected.extend([0xd4, 0xdc, 0xd7, 0x05, 0x06, 0x85, 0x95]);
    for test in [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0] {
        expected.extend([test | 5, test | 6, test | 0xd, test | 0xe]);
    }
    expected.sort_unstable();
    assert_eq!(assigned, expected);
}

#[test]
fn random_programs() {
    let mut random = Random(77);
    for _ in 0..4_000 {
        let length = random.word() % 40;
        let program: Program = (0..length)
            .flat_map(|_| {
                let opcode = (random.word() >> 40) as u8;
                let mut insn = any(&mut random, opcode);
                // Short distances, so that jumps meet wide instructions.
                insn.offset %= 20;
                if opcode == 0x85 || opcode == 6 {
                    insn.imm %= 20;
                }
                let second = Insn { imm: random.word() as i32, ..Insn::default() };
                [Some(insn), Some(second).filter(|_| opcode == 0x18)].into_iter().flatten()
            })
            .collect();
        round_trip(&program);
    }
}

#[test]
fn spelling() {
    let text = "        r6 = r1
        w2 = -5
        r2 = (s8)r3
        w2 = (s16)w3
        r3 = 0x1234567890abcdef ll
        r3 = -r3
        r3 s>>= 7
        w3 s/= w2
        r3 s%= -1
        r3 = be16 r3
        r3 = bswap64 r3
        r0 = *(u32 *)(r6 + 4)
        r0 = *(s8 *)(r10 - 8)
        *(u16 *)(r10 - 2) = r0
        *(u64 *)(r10 - 16) = -1
        lock *(u64 *)(r10 - 16) += r3
        w3 = atomic_fetch_or((u32 *)(r10 - 16), w3)
        r3 = xchg_64(r10 - 16, r3)
        w0 = cmpxchg32_32(r10 - 16, w0, w3)
L20:    if r0 == 5 goto L23
        if w0 s<= w3 goto L20
        if r0 & 16 goto +99
L23:    r1 = map[fd:5] ll
        r2 = map[idx:1][0]+8 ll
        r3 = subprog[L34] ll
        call 14
        call L34
        call kfunc[id:77]
        call pc+99
        gotol L20
L34:    r4 = btf[id:7 fd:3] ll
        r0 = *(u8 *)skb[r1 + 3]
        .insn 0xe5, 0, 0, 5, 0
        exit
";
    let program = assemble(text).unwrap();
    assert_eq!(disassemble(&program, &DisasmOptions { plain: true }), text);
    let rich = disassemble(&program, &DisasmOptions::default());
    assert!(rich.contains(";   29  85 00 00 00 0e 00 00 00  bpf_get_current_pid_tgid"), "{rich}");
    assert!(rich.contains(";    4  18 03 00 00 ef cd ab 90 00 00 00 00 78 56 34 12"), "{rich}");
}

#[test]
fn both_spellings_of_the_same() {
    for (one, other) in [
        ("call bpf_ktime_get_ns", "call 5"),
        ("call bpf_ktime_get_ns#5", "call 5"),
        ("if r1 != 0x10 goto pc+3", "if r1 != 16 goto +3"),
        ("if w1 == 0xffffffff goto -1", "if w1 == -1 goto -1"),
        ("w0 = *(u8 *)(r1 +4)", "r0 = *(u8 *)(r1 + 4)"),
        ("*(u32 *)(r1 -4) = w2", "*(u32 *)(r1 - 4) = r2"),
        ("*(u32 *)(r1) = 0xffffffff", "*(u32 *)(r1 + 0) = -1"),
        ("r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)", "r2 = atomic_fetch_add((u64 *)(r1), r2)"),
        ("r2 = atomic_xchg((u32 *)(r1 +0), r2)", "w2 = xchg32_32(r1 + 0, w2)"),
        ("r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r2)", "r0 = cmpxchg_64(r1, r0, r2)"),
        ("lock *(u32 *)(r1 +0) += r2", "lock *(u32 *)(r1 + 0) += w2"),
        ("r1 = -1 ll", "r1 = 0xffffffffffffffff ll"),
        ("a: b: goto c\nexit\nc:\nd: exit ; x", "goto +1\nexit\nexit"),
        ("x: r1 = 1 ll\ngoto x", "r1 = 1 ll\ngoto -3"),
        ("r0 = *(u8 *)skb[r1]", "r0 = *(u8 *)skb[r1 + 0]"),
    ] {
        assert_eq!(assemble(one).unwrap(), assemble(other).unwrap(), "{one}");
    }
    assert_eq!(assemble(""), Ok(vec![]));
}

#[test]
fn errors_name_what_and_where() {
    let far = format!("goto far\n{}far: exit", "exit\n".repeat(0x8000));
    let mut shown: Vec<&str> = Vec::new();
    for (text, at, code) in [
        ("exit exit", (1, 6), "F0550"),
        ("\n  mov r1", (2, 3), "F0550"),
        ("r1 = *(u32 *)(r1 + 4", (1, 21), "F0550"),
        ("r11 = 1", (1, 1), "F0550"),
        ("r01 = 1", (1, 1), "F0550"),
        ("é", (1, 1), "F0550"),
        ("r1 = -r2", (1, 7), "F0550"),
        ("r1 = cmpxchg_64(r1 + 0, r0, r2)", (1, 1), "F0550"),
        ("r0 = cmpxchg_64(r1 + 0, r3, r2)", (1, 25), "F0550"),
        ("r1 = (u8)r2", (1, 7), "F0550"),
        ("call bpf_ktime_get_ns#6", (1, 23), "F0550"),
        ("1: exit", (1, 1), "F0550"),
        ("r1 = xyz ll", (1, 10), "F0550"),
        ("if r1 s== 5 goto +1", (1, 8), "F0550"),
        ("r1 = 0xffffffff", (1, 6), "F0551"),
        ("r1 = 2147483648", (1, 6), "F0551"),
        ("w1 = 4294967296", (1, 6), "F0551"),
        ("r1 = 017", (1, 6), "F0551"),
        ("r1 = *(u8 *)(r1 + 32768)", (1, 17), "F0551"),
        (".insn 256, 0, 0, 0, 0", (1, 7), "F0551"),
        ("r1 = 18446744073709551616 ll", (1, 6), "F0551"),
        ("goto nowhere", (1, 6), "F0552"),
        ("l: exit\nl: exit", (2, 1), "F0553"),
        (&far, (1, 6), "F0554"),
        ("if r1 == 1 goto +40000", (1, 17), "F0554"),
        ("r1 = w2", (1, 6), "F0555"),
        ("w1 = r2", (1, 6), "F0555"),
        ("w1 = *(u64 *)(r2 + 0)", (1, 1), "F0555"),
        ("r1 = *(u64 *)(w2 + 0)", (1, 15), "F0555"),
        ("r1 /= 0", (1, 1), "F0556"),
        ("x: r1 <<= 64", (1, 4), "F0556"),
        ("w1 <<= 32", (1, 1), "F0556"),
        ("r10 = 1", (1, 1), "F0556"),
        ("w1 = (s32)w2", (1, 1), "F0556"),
        ("may_goto +1", (1, 1), "F0556"),
        ("r1 = load_acquire((u64 *)(r2 + 0))", (1, 6), "F0556"),
    ] {
        let error = assemble(text).unwrap_err();
        assert_eq!(((error.line, error.column), error.code()), (at, code), "{text}: {error}");
        assert!(error.to_string().starts_with(&format!("{}:{}: ", at.0, at.1)));
        shown.push(code);
    }
    let long = "exit\n".repeat(1_000_001);
    assert_eq!(assemble(&long).unwrap_err().code(), "F0557");
    shown.push("F0557");
    shown.dedup();
    assert_eq!(
        shown,
        CODES.iter().copied().filter(|code| ("F0550"..="F0557").contains(code)).collect::<Vec<_>>()
    );
}

#[test]
fn faults_of_bytes_and_programs() {
    let code = |bytes: &[u8]| decode(bytes, Endian::Little).unwrap_err().code();
    let mut shown = vec![code(&[]), code(&[0; 12]), code(&vec![0; 8_000_008])];
    assert_eq!(shown, ["F0530", "F0531", "F0532"]);
    for (text, at, code) in [
        (".insn 0xf7, 0, 0, 0, 0\nexit", 0, "F0533"),
        ("exit\n.insn 0xb7, 0, 1, 0, 0", 1, "F0534"),
        (".insn 0xb7, 11, 0, 0, 0\nexit", 0, "F0535"),
        (".insn 0xdb, 1, 2, 0, 2\nexit", 0, "F0536"),
        (".insn 0x18, 0, 0, 0, 0\nexit", 0, "F0537"),
        (".insn 0xe5, 0, 0, 0, 0\nexit", 0, "F0538"),
        (".insn 0xbf, 0, 1, 1, 1\nexit", 0, "F0538"),
        (".insn 0xdb, 1, 2, 0, 0x100\nexit", 0, "F0538"),
        ("r0 = *(u8 *)skb[4]\nexit", 0, "F0539"),
        (".insn 0xb7, 10, 0, 0, 0\nexit", 0, "F0540"),
        (".insn 0x37, 0, 0, 1, 0\nexit", 0, "F0541"),
        (".insn 0x64, 0, 0, 0, 32\nexit", 0, "F0542"),
        (".insn 0x67, 0, 0, 0, -1\nexit", 0, "F0542"),
        ("exit\ngoto +0", 1, "F0543"),
        ("goto -2\nexit", 0, "F0543"),
        ("call pc+5\nexit", 0, "F0543"),
        ("goto +1\nr1 = 5 ll\nexit", 0, "F0544"),
        ("exit\nr0 = 1", 1, "F0545"),
    ] {
        let error = well_formed(&assemble(text).unwrap()).unwrap_err();
        assert_eq!((error.pc, error.code()), (at, code), "{text}: {error}");
        shown.push(code);
    }
    shown.dedup();
    assert_eq!(shown, CODES.iter().copied().filter(|code| *code <= "F0545").collect::<Vec<_>>());
    assert_eq!(well_formed(&[]).unwrap_err().code(), "F0530");
    assert!(well_formed(&assemble("call bpf_ktime_get_ns\nl: goto l").unwrap()).is_ok());
}

#[test]
fn any_text_is_an_answer() {
    let mut random = Random(5);
    let pieces = [
        "r0",
        "r1",
        "w2",
        "r10",
        "=",
        "+",
        "-",
        "*",
        "/",
        "s",
        "(",
        ")",
        "[",
        "]",
        "u8",
        "u64",
        "s32",
        "ll",
        "if",
        "goto",
        "gotol",
        "call",
        "exit",
        "lock",
        "map",
        "fd",
        ":",
        "idx",
        "btf",
        "id",
        "subprog",
        "pc",
        "5",
        "0x7f",
        "99999999999999999999",
        "be16",
        "xchg_64",
        "atomic_fetch_add",
        ",",
        "skb",
        ".insn",
        "<",
        ">",
        "==",
        "\n",
        " ",
        ";",
        "é",
        "\u{0}",
        "l",
    ];
    for _ in 0..30_000 {
        let mut text = String::new();
        for _ in 0..10 {
            text.push_str(random.pick(&pieces));
            if random.word() & 1 == 0 {
                text.push(' ');
            }
        }
        if let Ok(program) = assemble(&text) {
            round_trip(&program);
        }
    }
}
