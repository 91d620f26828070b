//! The machine for extended BPF that checks certificates, held against the interpreter, the
//! programs of the corpus, and their mutants.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test fails by panicking, and says what it skipped"
)]

use std::cell::Cell;

use filterc::CompiledProgram;
use filterc_abi::{Endian, SeccompData};
use filterc_certify::calls::{Calls, Stop};
use filterc_certify::ebpf::Program;
use filterc_certify::{Rejected, check, check_all};
use filterc_check::{Budget, NoCertificate, Side, Stated, Verdict, certificate_of, equivalent};
use filterc_codegen as codegen;
use filterc_ebpf::{Fixed, Host, Insn, assemble, encode, interpret};
use filterc_hir::eval::eval;
use filterc_hir::policy::Policy;
use filterc_ir as ir;
use filterc_testkit::rng::Rng;
use filterc_testkit::translated::{Style, translated};
use filterc_testkit::{boundary, boxes, corpus, ebpf_mutants, mutants};

/// Bytes of an instruction by its fields.
fn insn(opcode: u8, dst: u8, src: u8, offset: i16, imm: i32) -> Insn {
    Insn { opcode, dst, src, offset, imm }
}

/// Numbers that matter.
fn number(rng: &mut Rng) -> i32 {
    match rng.below(5) {
        0 => [0, 1, 2, 8, 31, 32, 33, 63, 255, 0xffff][rng.below(10)],
        1 => -1 - rng.below(3) as i32,
        2 => (1_i64 << rng.below(32)) as i32,
        3 => i32::MAX - rng.below(2) as i32,
        _ => rng.next() as i32,
    }
}

const REGISTERS: [u8; 8] = [0, 2, 3, 4, 5, 7, 8, 9];

/// Arithmetic of any kind.
fn arithmetic(rng: &mut Rng) -> Insn {
    let [dst, src] = [0; 2].map(|_: u8| REGISTERS[rng.below(8)]);
    let (class, reg) = ([0x04, 0x07][rng.below(2)], [0x00, 0x08][rng.below(2)]);
    // Masks and copies more often: values are what they were made of.
    match rng.below(24) {
        code @ 0..=7 => insn(class | reg | (code as u8) << 4, dst, src, 0, number(rng)),
        8 => insn(class | 0x80, dst, 0, 0, 0),
        code @ (9 | 10 | 12) => insn(class | reg | (code as u8) << 4, dst, src, 0, number(rng)),
        11 => insn(class | reg | 0x30, dst, src, 1, number(rng)),
        13 => insn(class | reg | 0x90, dst, src, 1, number(rng)),
        14 => insn(0xd4 | reg, dst, 0, 0, [16, 32, 64][rng.below(3)]),
        15 => insn(0xd7, dst, 0, 0, [16, 32, 64][rng.below(3)]),
        16 => insn(0xbf, dst, src, [8, 16, 32][rng.below(3)], 0),
        17 => insn(0xbc, dst, src, [8, 16][rng.below(2)], 0),
        18 | 19 => insn(class | 0x50, dst, 0, 0, number(rng)),
        20 => insn(0x07 | [0x60, 0x70, 0xc0][rng.below(3)], dst, 0, 0, 32),
        _ => insn(class | 0xb8, dst, src, 0, 0),
    }
}

/// A random program: loads from the call, arithmetic, the stack, and jumps forward.
fn random(rng: &mut Rng) -> Vec<Insn> {
    let mut insns = vec![insn(0xbf, 6, 1, 0, 0)];
    insns.extend(REGISTERS.map(|register| insn(0xb7, register, 0, 0, number(rng))));
    for slot in 1..=4 {
        insns.push(insn(0x7b, 10, 0, -8 * slot, 0));
    }
    let body = insns.len();
    let length = 10 + rng.below(30);
    let mut jumps = Vec::new();
    for _ in 0..length {
        let register = REGISTERS[rng.below(8)];
        let (size, bytes) = [(0x00, 4), (0x08, 2), (0x10, 1), (0x18, 8)][rng.below(4)];
        let place =
            |rng: &mut Rng, length: i16| (rng.below(length as usize) as i16) / bytes * bytes;
        match rng.below(10) {
            0..=2 => insns.push(insn(0x61 | size, register, 6, place(rng, 64), 0)),
            3 if bytes < 8 => insns.push(insn(0x81 | size, register, 6, place(rng, 64), 0)),
            4 => {
                let at = place(rng, 32) - 32;
                insns.push(match rng.below(4) {
                    0 => insn(0x63 | size, 10, register, at, 0),
                    1 => insn(0x62 | size, 10, 0, at, number(rng)),
                    2 if bytes < 8 => insn(0x81 | size, register, 10, at, 0),
                    _ => insn(0x61 | size, register, 10, at, 0),
                });
            }
            5 | 6 => {
                let code = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0];
                let other = REGISTERS[rng.below(8)];
                let (class, reg) = ([0x05, 0x06][rng.below(2)], [0x00, 0x08][rng.below(2)]);
                jumps.push(insns.len());
                let (src, imm) = if reg == 0 { (0, number(rng)) } else { (other, 0) };
                insns.push(insn(class | reg | code[rng.below(11)], register, src, 0, imm));
            }
            _ => {
                let mut made = arithmetic(rng);
                let code = made.opcode & 0xf0;
                if made.opcode & 0x08 == 0 {
                    made.src = 0;
                    made.imm = match code {
                        0x60 | 0x70 | 0xc0 => made.imm & if made.opcode & 7 == 7 { 63 } else { 31 },
                        0x30 | 0x90 if made.imm == 0 => 7,
                        0x80 => 0,
                        _ => made.imm,
                    };
                } else if !matches!(made.opcode, 0xd4 | 0xdc) {
                    made.imm = 0;
                }
                insns.push(made);
            }
        }
    }
    let end = insns.len();
    for jump in jumps {
        insns[jump].offset = rng.below(end - jump) as i16;
    }
    assert!(body < end);
    // Few values, so that boxes have one: a bit of it, or a number.
    insns.push(insn(0x57, 0, 0, 0, [1, 3, -1][rng.below(3)]));
    insns.push(insn(0x95, 0, 0, 0, 0));
    insns
}

fn run(program: &filterc_ebpf::WellFormed, call: &SeccompData, endian: Endian) -> u32 {
    let mut host = Host::new(Fixed::default(), endian);
    let mut data = call.to_bytes(endian);
    interpret(program, &mut host, &mut data, 1_000_000).unwrap().ret as u32
}

#[test]
fn boxes_of_random_programs_are_sound() {
    let mut rng = Rng::new(41);
    let (mut programs, decided) = (0, Cell::new(0));
    for _ in 0..250 {
        let insns = random(&mut rng);
        let program =
            filterc_ebpf::well_formed(&insns).unwrap_or_else(|e| panic!("{e} {insns:x?}"));
        let endian = if rng.below(2) == 0 { Endian::Little } else { Endian::Big };
        let machine = Program::read(&encode(&insns, endian), endian == Endian::Big).unwrap();
        programs += 1;
        let judge = |calls: &Calls| {
            let found = machine.run(calls);
            decided.set(decided.get() + usize::from(found.is_ok()));
            assert!(!matches!(found, Err(Stop::Unknown(_))), "{found:?}");
            found
        };
        let value = |call: &SeccompData| run(&program, call, endian);
        for _ in 0..5 {
            boxes::sound(&mut rng, endian, &judge, &value);
        }
    }
    println!("{programs} programs, {} runs that came to an end", decided.get());
    assert!(decided.get() > 10_000);
}

/// What the code generator makes of a policy.
fn extended(policy: &Policy, endian: Endian, level: u8) -> (ir::Dag, Vec<Insn>) {
    let dag = ir::build(policy, endian).unwrap();
    let dag = ir::passes::run(dag, level, &ir::Objective::default(), &mut |_, _| ());
    let insns = codegen::ebpf::emit(&dag, &ir::Objective::default()).unwrap().insns;
    (dag, insns)
}

#[test]
fn filters_and_what_they_are_as_ebpf_have_certificates() {
    let mut made = 0;
    for compiled in corpus::policies() {
        for program in compiled.programs() {
            let endian = program.endian();
            for style in [Style::Words, Style::Halves(endian)] {
                let other = encode(&translated(program.verified(), style), endian);
                let sides = (Stated::Cbpf(program.bytes(), &[]), Stated::Ebpf(&other));
                let certificate = certificate_of(sides.0, sides.1, endian, [0; 32]);
                let of = || format!("{} {style:?}", compiled.name());
                let certificate = certificate.unwrap_or_else(|why| panic!("{}: {why}", of()));
                let both = [program.bytes(), &other];
                assert!(check_all(&certificate, &both).is_ok(), "{}", of());
                // Not the other way round, and not one of them alone.
                let crossed = check_all(&certificate, &[&other, program.bytes()]);
                assert_eq!(crossed, Err(Rejected::OtherThan("program")), "{}", of());
                assert_eq!(check(&certificate, program.bytes()), Err(Rejected::Programs(2)));
                made += 1;
            }
        }
    }
    println!("{made} certificates");
}

#[test]
fn mutants_that_differ_are_refused() {
    let (mut equal, mut accepted, mut refused) = (0, 0, 0);
    for compiled in corpus::policies() {
        for endian in compiled.programs().map(CompiledProgram::endian) {
            let policy = compiled.policy().of_order(endian);
            let (_, insns) = extended(&policy, endian, 2);
            let bytes = encode(&insns, endian);
            let sides = (Stated::Policy(&policy), Stated::Ebpf(&bytes));
            let certificate = certificate_of(sides.0, sides.1, endian, [0; 32]).unwrap();
            let calls = boundary::calls(&policy, 10);
            for mutant in ebpf_mutants::some(&insns, 150) {
                let Some(program) = mutant.program else { continue };
                let of = || format!("{}: {}", compiled.name(), mutant.what);
                let bytes = encode(program.program().insns(), endian);
                let found = check(&mutants::reattached(&certificate, &bytes).unwrap(), &bytes);
                let (left, right) = (Side::Policy(&policy), Side::Ebpf(&program));
                match equivalent(left, right, endian, &Budget::default()) {
                    Verdict::Equal(_) => {
                        equal += 1;
                        accepted += usize::from(found.is_ok());
                        for call in calls.iter().step_by(29).filter(|_| found.is_ok()) {
                            let value = run(program.program(), call, endian);
                            assert_eq!(value, eval(&policy, call).to_ret(), "{}", of());
                        }
                    }
                    Verdict::Differ(_) => {
                        assert!(found.is_err(), "{}", of());
                        refused += 1;
                    }
                    Verdict::Unknown(_) => {}
                }
            }
        }
    }
    println!("{equal} mutants are equal, of which {accepted} are accepted; {refused} refused");
    assert!(refused > 1000 && accepted * 2 > equal);
}

/// A program of two functions, with a loop, that keeps what it needs on the stack and hands an
/// address of it on: what `read` gives for the lower half of the first argument.
const FUNCTIONS: &str = "
    r6 = r1
    w0 = *(u32 *)(r6 + 16)
    *(u32 *)(r10 - 4) = r0
    r1 = r10
    r1 += -4
    r7 = 3
    call f
    r0 += r7
    exit
 f: r6 = *(u32 *)(r1 + 0)
    r7 = 0
    r0 = 0
    if r6 > 0x10 goto +1
    r0 = 4
    r7 += 1
    if r7 < 3 goto -2
    exit
";

#[test]
fn functions_stacks_and_loops() {
    let insns = assemble(FUNCTIONS).unwrap_or_else(|e| panic!("{e}"));
    let program = filterc_ebpf::well_formed(&insns).unwrap();
    for endian in [Endian::Little, Endian::Big] {
        let machine = Program::read(&encode(&insns, endian), endian == Endian::Big).unwrap();
        for arg in [0, 15, 16, 17, 0x1_0000_0000, u64::MAX] {
            let call = SeccompData { args: [arg; 6], ..SeccompData::default() };
            let found = machine.run(&boxes::point(&call, endian));
            assert_eq!(found, Ok(run(&program, &call, endian)), "{arg:#x}");
        }
    }
}

#[test]
fn what_is_not_decided_is_refused() {
    let text = |text: &str| encode(&assemble(text).unwrap(), Endian::Little);
    let bytes = |insns: &[Insn]| encode(insns, Endian::Little);
    let exit = insn(0x95, 0, 0, 0, 0);
    let refused = [
        (bytes(&[insn(0x85, 0, 0, 0, 5), exit]), "a function of the kernel"),
        (bytes(&[insn(0x18, 1, 1, 0, 3), insn(0, 0, 0, 0, 0), exit]), "a map"),
        (bytes(&[insn(0xdb, 10, 1, -8, 0), exit]), "atomic"),
        (bytes(&[insn(0x20, 0, 0, 0, 0), exit]), "packets"),
        (bytes(&[insn(0xb7, 11, 0, 0, 0), exit]), "no such register"),
        (vec![0x95; 7], "instructions of 8 bytes"),
        // Only met on the way.
        (text("r0 = 1\n*(u64 *)(r1 + 0) = r0\nexit"), "writes elsewhere"),
        (text("r0 = *(u64 *)(r1 + 64)\nexit"), "outside"),
        (text("r0 = *(u32 *)(r1 + 2)\nexit"), "askew"),
        (text("r0 = *(u64 *)(r10 - 520)\nexit"), "outside"),
        (text("r0 = r1\nexit"), "computes with an address"),
        (text("r1 *= 2\nr0 = 0\nexit"), "computes with an address"),
        (text("r0 = 0\ngoto -2\nexit"), "more than a million steps"),
        (text("r2 = 5\nr0 = *(u32 *)(r2 + 0)\nexit"), "a number for an address"),
        (text("r0 = 5"), "no end"),
    ];
    let other = text("w0 = 0\nexit");
    for (program, part) in refused {
        let sides = (Stated::Ebpf(&program), Stated::Ebpf(&other));
        let found = certificate_of(sides.0, sides.1, Endian::Little, [0; 32]);
        let Err(NoCertificate::Unknown(why)) = found else { panic!("{part}: {found:?}") };
        assert!(why.contains(part), "{why}: {part}");
    }
}
