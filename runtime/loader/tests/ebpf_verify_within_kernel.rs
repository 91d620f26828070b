//! The eBPF verifier against the running kernel: what ours accepts, the kernel accepts.
//!
//! The programs are those that the interpreter is held against, which are nearly all good, and
//! the same ones damaged a little: at the border of what is allowed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "tests say what they expect"
)]

mod ebpf_sample;

use std::collections::BTreeMap;

use ebpf_sample::{CONTEXT, Features, Random, program};
use filterc_abi::Endian;
use filterc_ebpf::verify::Context;
use filterc_ebpf::{
    DisasmOptions, Fixed, Host, Insn, MapKind, MapSpec, Program as Insns, Target, Verified,
    assemble, disassemble, interpret, verify,
};
use filterc_loader::bpf::{Log, Map, Program, ProgramKind, ProgramSpec, Refusal};

/// Programs that ours accepts and the kernel is asked about, of two sorts: more than the 50,000
/// of the project together.
const ACCEPTED: usize = 20_000;
const INDEXING: usize = 40_000;

const MAPS: [MapSpec; 3] = [
    MapSpec { kind: MapKind::Array, key_size: 4, value_size: 16, max_entries: 4 },
    MapSpec { kind: MapKind::Hash, key_size: 4, value_size: 16, max_entries: 3 },
    MapSpec { kind: MapKind::Ringbuf, key_size: 0, value_size: 0, max_entries: 4096 },
];

fn target() -> Target<'static> {
    Target { maps: &MAPS, ..Target::SYSCALL }
}

fn kernel_maps() -> Option<Vec<Map>> {
    let mut maps = Vec::new();
    for spec in MAPS {
        match Map::create(spec, "filterc_test") {
            Ok(map) => maps.push(map),
            Err(error) if error.is_unavailable() => {
                println!("skipped: {error}");
                return None;
            }
            Err(error) => panic!("{error}"),
        }
    }
    Some(maps)
}

fn kernel(insns: &[Insn], maps: &[&Map]) -> Result<Program, Refusal> {
    let (kind, log) = (ProgramKind::Syscall, Log::Refusals);
    Program::load(insns, &ProgramSpec { kind, name: "filterc_test", license: c"GPL", log, maps })
}

fn text(insns: &[Insn]) -> String {
    disassemble(insns, &DisasmOptions { plain: true })
}

/// What is verified has no fault.
fn run(verified: &Verified, random: &mut Random) {
    let mut host = Host::new(Fixed::default(), Endian::HOST);
    for spec in MAPS {
        host.add_map(spec).unwrap();
    }
    for _ in 0..4 {
        let mut context = vec![0; 1 << 16];
        for word in context[..CONTEXT].chunks_exact_mut(8) {
            word.copy_from_slice(&random.number().to_le_bytes());
        }
        if let Err(fault) = interpret(verified.program(), &mut host, &mut context, 1 << 20) {
            panic!("{fault}\n{}", text(verified.program().insns()));
        }
    }
}

/// A program with a few slots changed, exchanged or left out.
fn damaged(random: &mut Random, insns: &[Insn]) -> Insns {
    let mut insns = insns.to_vec();
    let length = u32::try_from(insns.len()).unwrap();
    for _ in 0..=random.below(2) {
        let at = random.below(length) as usize;
        let other = insns[random.below(length) as usize];
        let insn = &mut insns[at];
        match random.below(8) {
            0 => insn.dst = u8::try_from(random.below(11)).unwrap(),
            1 => insn.src = u8::try_from(random.below(11)).unwrap(),
            2 => insn.offset = random.pick(&[-512, -104, -64, -8, -1, 0, 1, 8, 16, 60, 64]),
            3 => insn.imm = random.pick(&[-64, -8, -1, 0, 1, 7, 8, 16, 31, 63, 64, 65, 200]),
            4 => insn.imm = insn.imm.wrapping_add(random.pick(&[-8, -1, 1, 8])),
            5 => insn.offset = insn.offset.wrapping_add(random.pick(&[-8, -4, -1, 1, 4, 8])),
            6 => insn.opcode ^= random.pick(&[0x08, 0x10, 0x40, 0x03, 0x18, 0x80]),
            _ => *insn = other,
        }
    }
    insns
}

#[test]
fn what_ours_accepts_the_kernel_accepts() {
    let Some(maps) = kernel_maps() else { return };
    let maps: Vec<&Map> = maps.iter().collect();
    let mut random = Random::new(21);
    let (mut good, mut bad) = (0, 0);
    let (mut accepted_good, mut accepted_bad) = (0, 0);
    let mut refused = BTreeMap::new();
    let mut number = 0;
    while accepted_good + accepted_bad < ACCEPTED {
        number += 1;
        let features = Features {
            maps: number % 3 == 1,
            helpers: number % 5 < 2,
            functions: number % 4 == 1,
            user: 0x7fff_0000_0000,
        };
        let length = if number % 50 == 0 { 80 } else { 2 + random.below(14) };
        let insns = assemble(&program(&mut random, features, length)).unwrap();
        for damage in 0..12 {
            let insns = if damage == 0 { insns.clone() } else { damaged(&mut random, &insns) };
            let ours = verify(&insns, &target());
            *(if damage == 0 { &mut good } else { &mut bad }) += 1;
            match ours {
                Err(error) if damage == 0 => {
                    *refused.entry(error.kind.to_string()).or_insert(0) += 1
                }
                Err(_) => {}
                Ok(verified) => {
                    if let Err(refusal) = kernel(&insns, &maps) {
                        panic!("the kernel refuses\n{}\n{refusal}", text(&insns));
                    }
                    run(&verified, &mut random);
                    *(if damage == 0 { &mut accepted_good } else { &mut accepted_bad }) += 1;
                }
            }
        }
    }
    println!("{accepted_good} of {good} good programs and {accepted_bad} of {bad} damaged ones");
    println!("accepted, 0 exceptions; good ones refused: {refused:?}");
    // Soundness is cheap for who refuses everything.
    assert!(accepted_good * 10 > good * 9);
}

/// What loads of every size at every offset that may be a border come to, here and there.
fn contexts_agree(context: Context<'static>, kind: ProgramKind, offsets: &[i32]) {
    let target = Target { context, ..Target::SYSCALL };
    let (mut asked, mut accepted) = (0, 0);
    for offset in offsets {
        for access in [
            "r0 = *(u8 *)(r1 +)",
            "r0 = *(u16 *)(r1 +)",
            "r0 = *(u32 *)(r1 +)",
            "r0 = *(u64 *)(r1 +)",
            "r0 = *(s8 *)(r1 +)",
            "r0 = *(s32 *)(r1 +)",
            "*(u8 *)(r1 +) = 1",
            "*(u64 *)(r1 +) = r2",
            "lock *(u64 *)(r1 +) += r2",
        ] {
            let access = access.replace("+)", &format!("{offset:+})"));
            let insns = assemble(&format!("r2 = 0\nr0 = 0\n{access}\nexit")).unwrap();
            let ours = verify(&insns, &target);
            let spec = ProgramSpec {
                kind,
                name: "filterc_test",
                license: c"GPL",
                log: Log::Refusals,
                maps: &[],
            };
            let theirs = Program::load(&insns, &spec);
            asked += 1;
            accepted += u32::from(ours.is_ok());
            // Here even the reverse holds.
            assert_eq!(ours.is_ok(), theirs.is_ok(), "{kind:?} {access} {ours:?} {theirs:?}");
        }
    }
    println!("{kind:?}: {accepted} of {asked}");
}

#[test]
fn the_contexts_are_those_of_the_kernel() {
    if kernel_maps().is_none() {
        return;
    }
    let near = |places: &[i32]| -> Vec<i32> {
        let around = |place: &i32| (place - 8..=place + 8).collect::<Vec<i32>>();
        places.iter().flat_map(around).filter(|offset| (0..=32_767).contains(offset)).collect()
    };
    contexts_agree(Context::Syscall, ProgramKind::Syscall, &near(&[0, 64, 32_760]));
    contexts_agree(Context::Tracepoint, ProgramKind::Tracepoint, &near(&[0, 8, 8192]));
    contexts_agree(Context::RawTracepoint, ProgramKind::RawTracepoint, &near(&[0, 96]));
}

/// A program that uses the result of a few operations and tests as an index of the stack.
fn indexing(random: &mut Random) -> String {
    let mut text = String::from("r0 = 0\nr2 = *(u64 *)(r1 + 0)\nr3 = *(u64 *)(r1 + 8)\n");
    for slot in 1..=8 {
        text.push_str(&format!("*(u64 *)(r10 - {}) = 0\n", 8 * slot));
    }
    let line = |text: &mut String, line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    let small = [0, 1, 2, 3, 7, 8, 15, 31, 32, 60, 62, 63, 64, 65, 127, 255, 1023, -1, -8, -64];
    for _ in 0..2 + random.below(5) {
        let w = random.pick(&["r", "r", "w"]);
        let reg = random.pick(&[2, 2, 3]);
        let k = random.pick(&small);
        match random.below(12) {
            0..=2 => line(&mut text, format!("{w}{reg} &= {}", k & 1023)),
            3 => line(&mut text, format!("{w}{reg} >>= {}", random.pick(&[1, 2, 3, 26, 27, 31]))),
            4 => line(
                &mut text,
                format!("r{reg} {}= {}", random.pick(&[">>", "s>>"]), random.pick(&[57, 58, 60])),
            ),
            5 => line(&mut text, format!("{w}{reg} <<= {}", random.below(4))),
            6 => {
                let alu = random.pick(&["+", "-", "|", "^", "*"]);
                line(&mut text, format!("{w}{reg} {alu}= {k}"));
            }
            7 => {
                let alu = random.pick(&["+", "-", "|", "&", "^", "*"]);
                line(&mut text, format!("{w}2 {alu}= {w}3"));
            }
            8 => line(&mut text, format!("{w}2 = {w}3")),
            9 => line(&mut text, format!("{w}{reg} = (s{}){w}{reg}", random.pick(&[8, 16]))),
            10 => {
                let test =
                    random.pick(&["==", "!=", ">", ">=", "<", "<=", "s>", "s>=", "s<", "s<=", "&"]);
                line(&mut text, format!("if {w}2 {test} {w}3 goto out"));
            }
            _ => {
                let test =
                    random.pick(&[">", ">=", "<", "<=", "s>", "s>=", "s<", "s<=", "&", "!="]);
                line(&mut text, format!("if {w}{reg} {test} {k} goto out"));
            }
        }
    }
    let kind = random.pick(&["u8", "u8", "u16", "u32", "u64"]);
    text.push_str(&format!("r2 += r10\nr0 = *({kind} *)(r2 - 64)\nout: exit\n"));
    text
}

#[test]
fn bounds_of_numbers_are_within_the_kernel_s() {
    if kernel_maps().is_none() {
        return;
    }
    let mut random = Random::new(31);
    let (mut accepted, mut asked) = (0, 0);
    while accepted < INDEXING {
        let insns = assemble(&indexing(&mut random)).unwrap();
        asked += 1;
        let Ok(verified) = verify(&insns, &target()) else { continue };
        if let Err(refusal) = kernel(&insns, &[]) {
            panic!("the kernel refuses\n{}\n{refusal}", text(&insns));
        }
        run(&verified, &mut random);
        accepted += 1;
    }
    println!("{accepted} of {asked} programs, 0 exceptions");
}
