//! The prover against brute force, on programs whose words have four bits: every load is cut to
//! its low nibble, so that 256 calls are all that there are. Both methods are held to it, the
//! diagrams and the solver, on random programs with everything that the machine can do, and on
//! all programs of one operation and one test; and so are the lists of differences.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and says what it skipped"
)]

use filterc_abi::{Endian, SeccompData};
use filterc_cbpf::{Insn, Verified, code, interpret, verify};
use filterc_check::{Budget, Count, Side, Verdict, differences, equivalent};

/// Marsaglia's xorshift: the same programs in every run.
struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32 % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u32) as usize]
    }
}

const OPERATIONS: [u16; 9] = [
    code::ADD,
    code::SUB,
    code::MUL,
    code::DIV,
    code::OR,
    code::AND,
    code::LSH,
    code::RSH,
    code::XOR,
];

const JUMPS: [u16; 4] = [code::JEQ, code::JGT, code::JGE, code::JSET];

/// Offsets of the low words of the first two arguments, little endian.
const WORDS: [u32; 2] = [16, 24];

fn instruction(rng: &mut Rng, left: u32, program: &mut Vec<Insn>) {
    let constant = rng.pick(&[0, 1, 2, 3, 7, 8, 15, 16, 31, u32::MAX]);
    let source = rng.pick(&[code::K, code::X]);
    match rng.below(16) {
        0..=2 => {
            program.push(Insn::stmt(code::LD | code::W | code::ABS, rng.pick(&WORDS)));
            program.push(Insn::stmt(code::ALU | code::AND | code::K, 15));
        }
        3 => program.push(Insn::stmt(code::MISC | code::TAX, 0)),
        4 => program.push(Insn::stmt(code::MISC | code::TXA, 0)),
        5 => program.push(Insn::stmt(code::ALU | code::NEG, 0)),
        6 => program.push(Insn::stmt(code::ST, rng.below(2))),
        7 => program.push(Insn::stmt(code::LD | code::MEM, rng.below(2))),
        8 => program.push(Insn::stmt(code::LDX | code::MEM, rng.below(2))),
        9 => program.push(Insn::stmt(code::STX, rng.below(2))),
        10 => {
            let length =
                rng.pick(&[code::LD | code::W | code::LEN, code::LDX | code::W | code::LEN]);
            let immediate = rng.pick(&[code::LD | code::IMM, code::LDX | code::IMM]);
            let which = rng.pick(&[length, immediate, immediate]);
            program.push(Insn::stmt(which, constant));
        }
        11 => program.push(Insn::stmt(code::JMP | code::JA, rng.below(left.min(3) + 1))),
        12 | 13 => {
            let operation = rng.pick(&OPERATIONS);
            program.push(Insn::stmt(code::ALU | operation | source, constant));
        }
        _ => {
            let reach = left.min(6);
            let (jt, jf) = (rng.below(reach + 1) as u8, rng.below(reach + 1) as u8);
            let k = rng.below(17);
            program.push(Insn::jump(code::JMP | rng.pick(&JUMPS) | source, k, jt, jf));
        }
    }
}

/// A random program that the kernel would take.
fn program(rng: &mut Rng) -> Verified {
    loop {
        let mut program = Vec::new();
        // Scratch memory must be stored before it is read.
        program.push(Insn::stmt(code::ST, 0));
        program.push(Insn::stmt(code::ST, 1));
        let length = 4 + rng.below(16);
        for i in 0..length {
            instruction(rng, length - i, &mut program);
        }
        for _ in 0..7 {
            let ret = rng.pick(&[code::K, code::K, code::K, code::A]);
            program.push(Insn::stmt(code::RET | ret, rng.below(3)));
        }
        if let Ok(verified) = verify(&program) {
            return verified;
        }
    }
}

/// A small change, or another program altogether.
fn relative(rng: &mut Rng, of: &Verified) -> Verified {
    let tries = if rng.below(4) == 0 { 0 } else { 50 };
    for _ in 0..tries {
        let mut insns = of.insns().to_vec();
        let at = rng.below(insns.len() as u32) as usize;
        match rng.below(4) {
            0 => insns[at].k = insns[at].k.wrapping_add(rng.pick(&[1, u32::MAX, 8])),
            1 => insns[at].jt = insns[at].jt.wrapping_add(1),
            2 => insns.swap(at, at.saturating_sub(1)),
            _ => insns[at].code ^= rng.pick(&[0x10, 0x20, 0x40, 0x08]),
        }
        // A load that is not cut any more would have more than four bits.
        let cut = insns.iter().zip(insns.iter().skip(1)).all(|(load, next)| {
            load.code != code::LD | code::W | code::ABS
                || (WORDS.contains(&load.k)
                    && next.code == code::ALU | code::AND | code::K
                    && next.k <= 15)
        });
        if let Some(verified) = verify(&insns).ok().filter(|_| cut) {
            return verified;
        }
    }
    program(rng)
}

fn calls() -> Vec<SeccompData> {
    let call = |a: u64, b: u64| SeccompData { args: [a, b, 0, 0, 0, 0], ..SeccompData::default() };
    (0..16).flat_map(|a| (0..16).map(move |b| call(a, b))).collect()
}

fn judge(count: usize, budget: &Budget, seed: u64) {
    let mut rng = Rng(seed);
    let calls = calls();
    let (mut equal, mut different) = (0, 0);
    for _ in 0..count {
        let one = program(&mut rng);
        let other = relative(&mut rng, &one);
        let same = calls.iter().all(|call| {
            interpret(&one, call, Endian::Little) == interpret(&other, call, Endian::Little)
        });
        let verdict =
            equivalent(Side::Program(&one), Side::Program(&other), Endian::Little, budget);
        match verdict {
            Verdict::Equal(_) => {
                assert!(same, "{:?}\n{:?}", one.insns(), other.insns());
                equal += 1;
            }
            Verdict::Differ(found) => {
                assert!(!same, "{found:?}: {:?}\n{:?}", one.insns(), other.insns());
                different += 1;
            }
            Verdict::Unknown(why) => panic!("{why:?}: {:?}\n{:?}", one.insns(), other.insns()),
        }
    }
    println!("{equal} equal, {different} different");
    assert!(equal > count / 25 && different > count / 25);
}

/// All programs `A = one word; A = A operation operand; does A test operand hold?` over four
/// bits, where an operand is the other word or a constant.
fn all_small_programs() -> Vec<Verified> {
    let load = |word: u32| {
        let cut = Insn::stmt(code::ALU | code::AND | code::K, 15);
        [Insn::stmt(code::LD | code::W | code::ABS, word), cut]
    };
    let mut operations = vec![(code::NEG, code::K, 0)];
    let mut tests = Vec::new();
    for k in 0..16 {
        operations.extend(OPERATIONS.map(|operation| (operation, code::K, k)));
        tests.extend(JUMPS.map(|jump| (jump, code::K, k)));
    }
    operations.extend(OPERATIONS.map(|operation| (operation, code::X, 0)));
    tests.extend(JUMPS.map(|jump| (jump, code::X, 0)));
    let mut programs = Vec::new();
    for (operation, from, k) in operations {
        for (jump, with, limit) in &tests {
            let mut insns = load(WORDS[1]).to_vec();
            insns.push(Insn::stmt(code::MISC | code::TAX, 0));
            insns.extend(load(WORDS[0]));
            insns.push(Insn::stmt(code::ALU | operation | from, k));
            insns.push(Insn::jump(code::JMP | jump | with, *limit, 0, 1));
            insns.extend([1, 2].map(|value| Insn::stmt(code::RET | code::K, value)));
            // The kernel takes no division by the constant 0.
            programs.extend(verify(&insns));
        }
    }
    programs
}

#[test]
fn all_small_programs_are_judged_right() {
    let calls = calls();
    let programs = all_small_programs();
    let table = |program: &Verified| -> Vec<u32> {
        calls.iter().map(|call| interpret(program, call, Endian::Little)).collect()
    };
    let tables: Vec<Vec<u32>> = programs.iter().map(table).collect();
    // Programs of one table stand together: each against the next, and one some way off.
    let mut order: Vec<usize> = (0..programs.len()).collect();
    order.sort_by(|a, b| tables[*a].cmp(&tables[*b]));
    let solver = Budget { nodes: 2, ..Budget::default() };
    let (mut equal, mut different) = (0, 0);
    for (i, &one) in order.iter().enumerate() {
        for (step, budget) in [(1, &Budget::default()), (1, &solver), (97, &Budget::default())] {
            // The solver takes its time.
            if budget == &solver && i % 16 != 0 {
                continue;
            }
            let other = order[(i + step) % order.len()];
            let (left, right) = (&programs[one], &programs[other]);
            let (a, b) = (Side::Program(left), Side::Program(right));
            let same = tables[one] == tables[other];
            match equivalent(a, b, Endian::Little, budget) {
                Verdict::Equal(_) if same => equal += 1,
                Verdict::Differ(_) if !same => different += 1,
                verdict => panic!("{verdict:?}: {:?}\n{:?}", left.insns(), right.insns()),
            }
        }
    }
    println!("{} programs: {equal} pairs equal, {different} different", programs.len());
    assert!(programs.len() > 9000 && equal > 5000 && different > 5000);
}

#[test]
fn differences_are_counted_right() {
    let mut rng = Rng(0x2468_ace0_1357_9bdf);
    let (calls, budget) = (calls(), Budget::default());
    let mut listed = 0;
    for _ in 0..1500 {
        let one = program(&mut rng);
        let other = relative(&mut rng, &one);
        let sides = (Side::Program(&one), Side::Program(&other));
        // A value that is calculated has no list.
        let Ok(found) = differences(sides.0, sides.1, Endian::Little, &budget) else { continue };
        listed += 1;
        let values = |call: &SeccompData| {
            let [a, b] = [&one, &other].map(|program| interpret(program, call, Endian::Little));
            (a, b)
        };
        let mut expected = std::collections::BTreeMap::new();
        for (a, b) in calls.iter().map(values).filter(|(a, b)| a != b) {
            *expected.entry((a, b)).or_insert(0_u64) += 1;
        }
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for difference in &found {
            let pair = (difference.left, difference.right);
            // Each of the 256 stands for the states of the 504 bits that are not looked at.
            let count = Count::power_of_two(504).times(expected[&pair]);
            assert_eq!(difference.count, count, "{difference:?}");
            assert_eq!(values(&difference.witness), pair);
            for call in &calls {
                let words = call.words(Endian::Little);
                let within = difference.cubes.iter().any(|cube| {
                    let mut given = cube.words.iter().zip(&words);
                    given.all(|((mask, value), word)| word & mask == *value)
                });
                assert!(!difference.complete || within == (values(call) == pair), "{call:?}");
            }
        }
    }
    assert!(listed > 700, "{listed}");
}

#[test]
fn diagrams_are_right() {
    judge(8_000, &Budget::default(), 0x1234_5678_9abc_def1);
}

#[test]
fn the_solver_is_right() {
    // Diagrams of so few nodes never do.
    judge(1_000, &Budget { nodes: 2, ..Budget::default() }, 0x0fed_cba9_8765_4321);
}

#[test]
fn joined_paths_are_right() {
    // So few states that a program is run with all its paths at once, on diagrams and circuits.
    let few = Budget { states: 1, ..Budget::default() };
    judge(2_000, &few, 0x1357_9bdf_0246_8ace);
    judge(500, &Budget { nodes: 2, ..few }, 0xfdb9_7531_eca8_6420);
}
