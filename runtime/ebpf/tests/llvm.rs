//! Text and bytes against LLVM's assembler and disassembler, where they are installed.
//!
//! LLVM 16 knows the instructions up to its CPU `v3`, and its assembler not all of those; the
//! running kernel's text, in the loader's tests, covers the others.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::print_stdout,
    reason = "tests say what they expect"
)]

use std::io::Write as _;
use std::process::{Command, Stdio};

use filterc_abi::Endian;
use filterc_ebpf::{DisasmOptions, Insn, Program, assemble, decode, disassemble, encode};

const TOOLS: [&str; 2] = ["llvm-mc", "llvm-mc-16"];

/// What the tool writes for that input; `None` if there is none that knows BPF.
fn llvm_mc(arguments: &[&str], input: &str) -> Option<String> {
    for tool in TOOLS.iter().rev() {
        let child = Command::new(tool)
            .args(["-triple=bpfel", "-mcpu=v3"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else { continue };
        let mut stdin = child.stdin.take().unwrap();
        let text = input.to_owned();
        let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
        let output = child.wait_with_output().unwrap();
        let _closed_early = writer.join().unwrap();
        if String::from_utf8_lossy(&output.stderr).contains("unable to get target") {
            continue;
        }
        return Some(String::from_utf8(output.stdout).unwrap());
    }
    println!("skipped: no llvm-mc with the BPF target");
    None
}

/// Legal instructions of every opcode, by our disassembler's lights.
fn samples() -> Vec<Program> {
    let mut state = 0x0123_4567_89ab_cdef_u64;
    let mut samples = Vec::new();
    for opcode in 0..=u8::MAX {
        for _ in 0..300 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let bits = state >> 8;
            let chosen = |from: &[i32]| from[(bits >> 24) as usize % from.len()];
            let insn = Insn {
                opcode,
                dst: (bits & 15) as u8 % 10,
                src: if bits & 16 == 0 { 0 } else { (bits >> 5 & 15) as u8 % 11 },
                offset: if bits & 0x200 == 0 { 0 } else { (bits >> 10) as i16 % 2000 },
                imm: match bits >> 40 & 3 {
                    0 => 0,
                    1 => (bits >> 28) as i32,
                    2 => chosen(&[16, 32, 64, 0x41, 0x51, 0xa1, 0xe1, 0xf1, 0x40, 0x50, 0xa0]),
                    _ => (bits >> 44 & 31) as i32,
                },
            };
            let mut program = vec![insn];
            if opcode == 0x18 {
                program.push(Insn { imm: (bits >> 20) as i32, ..Insn::default() });
            }
            if !disassemble(&program, &DisasmOptions { plain: true }).contains(".insn") {
                samples.push(program);
            }
        }
    }
    samples
}

#[test]
fn llvm_s_text_is_understood() {
    // Of `skb[r1 + 5]` it does not say the constant, of a call not whose, and it takes every
    // 32-bit atomic instruction for a sum.
    let says_all = |program: &Program| {
        let Insn { opcode, src, imm, .. } = program[0];
        match opcode {
            0x40 | 0x48 | 0x50 | 0xc3 => imm == 0,
            0x85 => src == 0,
            _ => true,
        }
    };
    let samples: Vec<Program> = samples().into_iter().filter(says_all).collect();
    let mut hex = String::new();
    for program in &samples {
        for byte in encode(program, Endian::Little) {
            hex.push_str(&format!("{byte:#04x} "));
        }
        hex.push('\n');
    }
    let Some(text) = llvm_mc(&["--disassemble"], &hex) else { return };
    // What LLVM does not know it leaves out: its lines are some of ours, in order.
    let mut left = samples.iter();
    let mut compared = 0;
    for line in text.lines().map(str::trim) {
        // Its text for symbols is of its own, and has no reader.
        if line.is_empty() || line == ".text" || line.starts_with("ld_pseudo") {
            continue;
        }
        let ours = assemble(line).unwrap_or_else(|error| panic_with(line, &error));
        assert!(left.any(|program| *program == ours), "{line}: no input is {ours:?}");
        compared += 1;
    }
    println!("{compared} instructions of {}", samples.len());
    assert!(compared > samples.len() / 2);
}

#[allow(clippy::panic, reason = "a test fails by panicking")]
fn panic_with(line: &str, error: &dyn std::fmt::Display) -> Program {
    panic!("{line}: {error}")
}

#[test]
fn our_text_is_understood_by_llvm() {
    let spelt =
        |program: &Program| disassemble(program, &DisasmOptions { plain: true }).trim().to_owned();
    // What the assembler of LLVM 16 does not read: instructions of CPU v4, the registers of
    // atomic instructions in parentheses, `&` as a test, symbols, negative numbers of calls.
    let unknown = [
        "atomic_", "xchg", "bswap", "gotol", " s/", " s%", "= (s", "= *(s", "map[", "btf[",
        "subprog[", "kfunc[", "call -", "call pc", "[-", "skb[r",
    ];
    let known = |text: &String| {
        let test_of_bits = text.starts_with("if") && text.contains('&');
        let constant =
            text.starts_with("*(") && text.rsplit("= ").next().unwrap().parse::<i64>().is_ok();
        let locked = text.starts_with("lock") && !text.contains("+= r");
        !unknown.iter().any(|piece| text.contains(piece)) && !test_of_bits && !constant && !locked
    };
    let samples: Vec<(Program, String)> = samples()
        .into_iter()
        .map(|program| (spelt(&program), program))
        .filter(|(text, _)| known(text))
        .map(|(text, program)| (program, text))
        .collect();
    let input: String = samples.iter().map(|(_, text)| format!("{text}\n")).collect();
    let Some(output) = llvm_mc(&["-show-encoding", "-output-asm-variant=0"], &input) else {
        return;
    };
    let encodings: Vec<Program> = output
        .lines()
        .filter_map(|line| {
            let (_, bytes) = line.split_once("encoding: [")?;
            let bytes = bytes.trim_end_matches(']').split(',');
            // `A` stands for what a relocation fills in: 0.
            let bytes: Vec<u8> = bytes
                .map(|byte| u8::from_str_radix(byte.trim_start_matches("0x"), 16).unwrap_or(0))
                .collect();
            Some(decode(&bytes, Endian::Little).unwrap())
        })
        .collect();
    assert_eq!(encodings.len(), samples.len(), "LLVM read all of it");
    for ((ours, text), theirs) in samples.iter().zip(encodings) {
        assert_eq!(*ours, theirs, "{text}");
    }
    println!("{} instructions", samples.len());
    assert!(samples.len() > 8_000);
}
