//! The prover of eBPF programs against brute force: programs by chance that see but four bits of
//! each of two arguments, at both ends of 32 and 64 bits, so that 256 calls are all that there
//! are. Both methods are held to it, the diagrams and the solver, in both byte orders, and so
//! are the lists of differences.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skipped"
)]

use std::collections::BTreeMap;

use filterc_abi::{Endian, SeccompData};
use filterc_check::{Budget, Count, Side, Verdict, Why, differences, equivalent};
use filterc_ebpf::{
    DisasmOptions, Fixed, Host, Insn, Target, Verified, disassemble, interpret, verify,
};
use filterc_testkit::ebpf_programs::{Knows, changed, program};
use filterc_testkit::rng::Rng;

/// The bits of the two arguments that programs see.
const MASKS: [[u64; 2]; 3] = [
    [1 | 1 << 31 | 1 << 32 | 1 << 63, 0xf],
    [0x8000_0003 | 1 << 40, 3 << 32 | 3 << 62],
    [0xf0 << 32, 1 | 1 << 15 | 1 << 16 | 1 << 31],
];

/// All numbers of which the bits are among those of a mask.
fn numbers(mask: u64) -> Vec<u64> {
    let mut all = vec![0_u64];
    for bit in (0..64).filter(|bit| mask >> bit & 1 == 1) {
        all.extend(all.clone().iter().map(|number| number | 1 << bit));
    }
    all
}

fn calls(masks: [u64; 2]) -> Vec<SeccompData> {
    let call = |a, b| SeccompData { args: [a, b, 0, 0, 0, 0], ..SeccompData::default() };
    let [a, b] = masks.map(numbers);
    a.iter().flat_map(|a| b.iter().map(|b| call(*a, *b))).collect()
}

fn value(program: &Verified, call: &SeccompData, endian: Endian) -> u32 {
    let mut host = Host::new(Fixed::default(), endian);
    let mut data = call.to_bytes(endian);
    let outcome = interpret(program.program(), &mut host, &mut data, 100_000).unwrap();
    u32::try_from(outcome.ret & 0xffff_ffff).unwrap()
}

fn shown(program: &Verified) -> String {
    disassemble(program.program().insns(), &DisasmOptions::default())
}

/// A program that the verifier takes; `like` something, or any.
fn some(rng: &mut Rng, knows: Knows, like: Option<&Verified>) -> Verified {
    for attempt in 0.. {
        let insns: Vec<Insn> = match like.filter(|_| attempt < 50) {
            // Not what makes the bits few: those are the first instructions.
            Some(like) => changed(&mut |bound| rng.below(bound), like.program().insns()),
            None => {
                let statements = 4 + rng.below(14);
                program(&mut |bound| rng.below(bound), knows, statements)
            }
        };
        let same_start = like.is_none_or(|like| insns[..11] == like.program().insns()[..11]);
        if !same_start && attempt < 50 {
            continue;
        }
        if let Ok(verified) = verify(&insns, &Target::SYSCALL) {
            return verified;
        }
    }
    unreachable!()
}

/// Pairs of programs, the bits that they see, and a byte order.
fn pairs(count: usize, seed: u64) -> impl Iterator<Item = (Verified, Verified, [u64; 2], Endian)> {
    let mut rng = Rng::new(seed);
    (0..count).map(move |i| {
        let masks = MASKS[i % MASKS.len()];
        let endian = if i / MASKS.len() % 2 == 0 { Endian::Little } else { Endian::Big };
        let one = some(&mut rng, Knows::Bits(masks), None);
        let like = (i % 4 != 0).then_some(&one);
        let other = some(&mut rng, Knows::Bits(masks), like);
        (one, other, masks, endian)
    })
}

fn judge(count: usize, budget: &Budget, seed: u64) {
    let (mut equal, mut different, mut outside) = (0, 0, 0);
    for (one, other, masks, endian) in pairs(count, seed) {
        let found = calls(masks)
            .into_iter()
            .find(|call| value(&one, call, endian) != value(&other, call, endian));
        let verdict = equivalent(Side::Ebpf(&one), Side::Ebpf(&other), endian, budget);
        let both = || format!("{found:x?} {endian:?}\n{}\n{}", shown(&one), shown(&other));
        match verdict {
            Verdict::Equal(_) if found.is_none() => equal += 1,
            Verdict::Differ(it) if found.is_some() => {
                let values = [&one, &other].map(|program| value(program, &it.call, endian));
                assert_eq!(values, [it.left, it.right], "{}", both());
                different += 1;
            }
            // A changed jump into a loop makes it one of which the terms see no end.
            Verdict::Unknown(why) if why.why != Why::Spurious => outside += 1,
            verdict => panic!("{verdict:x?}: {}", both()),
        }
    }
    println!("{equal} equal, {different} different, {outside} not judged");
    assert!(equal > count / 20 && different > count / 20 && outside < count / 100);
}

#[test]
fn diagrams_are_right() {
    judge(3000, &Budget::default(), 1);
}

#[test]
fn the_solver_is_right() {
    // Diagrams of so few nodes never do.
    judge(400, &Budget { nodes: 2, ..Budget::default() }, 2);
}

#[test]
fn differences_are_counted_right() {
    let mut listed = 0;
    for (one, other, masks, endian) in pairs(1000, 3) {
        let sides = (Side::Ebpf(&one), Side::Ebpf(&other));
        // A value that is calculated has no list.
        let Ok(found) = differences(sides.0, sides.1, endian, &Budget::default()) else { continue };
        listed += 1;
        let mut expected: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        for call in calls(masks) {
            let (a, b) = (value(&one, &call, endian), value(&other, &call, endian));
            if a != b {
                *expected.entry((a, b)).or_default() += 1;
            }
        }
        assert_eq!(found.len(), expected.len(), "{found:?}\n{}\n{}", shown(&one), shown(&other));
        for difference in &found {
            let pair = (difference.left, difference.right);
            // Each of them stands for the states of all bits that are not looked at.
            let free = 512 - masks[0].count_ones() - masks[1].count_ones();
            let count = Count::power_of_two(free).times(expected[&pair]);
            assert_eq!(difference.count, count, "{difference:?}");
        }
    }
    println!("{listed} listed");
    assert!(listed > 300);
}
