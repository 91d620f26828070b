//! `converted_len` against the running kernel, which tells how long it takes filters to be by
//! what still fits: a thread's filters, the newest one's converted instructions and of each older
//! one these and 4, are 32768 at most. A process fills its chain to that, with random programs
//! in it, and the last filter fits if and only if nothing was counted wrong by one.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    dead_code,
    reason = "tests say what they expect"
)]

mod sample;

use std::process::{Command, exit};
use std::{env, iter};

use filterc_abi::Action;
use filterc_cbpf::converted::{CHAINED, MAX_INSNS_PER_PATH};
use filterc_cbpf::{Insn, Verified, code, converted_len, verify};
use filterc_loader::{Flags, LoadError, action_available, install};
use sample::{Random, any_program};

const VARIABLE: &str = "FILTERC_CONVERTED_CASE";
/// Processes, and random programs in each.
const PROCESSES: u64 = 24;
const PROGRAMS: usize = 16;

const ALLOW: Insn = Insn::stmt(code::RET | code::K, 0x7fff_0000);

/// A program that allows everything, with others in it that are jumped over: the kernel converts
/// and counts them all the same.
fn over(inside: &[Insn]) -> Option<Verified> {
    let ja = Insn::stmt(code::JMP | code::JA, u32::try_from(inside.len()).unwrap());
    let insns: Vec<Insn> = iter::once(ja).chain(inside.iter().copied()).chain([ALLOW]).collect();
    verify(&insns).ok()
}

/// Filters for a whole chain, the last of which is `beyond` instructions beyond the limit.
fn chain(seed: u64, beyond: usize) -> Vec<Verified> {
    let mut random = Random::new(seed);
    let random = iter::repeat_with(|| any_program(&mut random));
    let mut chain: Vec<_> = random.filter_map(|program| over(&program)).take(PROGRAMS).collect();
    let used: usize = chain.iter().map(|filter| converted_len(filter) + CHAINED).sum();
    let load = Insn::stmt(code::LD | code::W | code::ABS, 0);
    let filler = |loads: usize| over(&vec![load; loads]).unwrap();
    let least = converted_len(&filler(0));
    let mut left = MAX_INSNS_PER_PATH + beyond - used;
    while left > 2 * 4000 {
        let full = filler(4000 - least - CHAINED);
        left -= converted_len(&full) + CHAINED;
        chain.push(full);
    }
    // The last but one takes half, so that neither is too long.
    let half = filler(left / 2 - least - CHAINED);
    left -= converted_len(&half) + CHAINED;
    chain.push(half);
    chain.push(filler(left - least));
    chain
}

/// Not a test by itself: installs a chain, and says what came of the last filter.
#[test]
fn case() {
    let Ok(case) = env::var(VARIABLE) else { return };
    let (seed, beyond) = case.split_once(' ').unwrap();
    let chain = chain(seed.parse().unwrap(), beyond.parse().unwrap());
    let (last, others) = chain.split_last().unwrap();
    for filter in others {
        install(filter, &Flags::default()).unwrap();
    }
    let result = match install(last, &Flags::default()) {
        Ok(_) => "fits".to_owned(),
        Err(LoadError::ChainFull) => "full".to_owned(),
        Err(error) => error.to_string(),
    };
    println!("result: {result}");
    exit(0)
}

fn run(seed: u64, beyond: usize) -> String {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "case", "--nocapture", "--test-threads=1"]);
    let output = command.env(VARIABLE, format!("{seed} {beyond}")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let result = text.lines().find_map(|line| line.split_once("result: "));
    result.unwrap_or_else(|| panic!("{seed}: {:?} {text}", output.status)).1.to_owned()
}

#[test]
fn the_kernel_counts_the_same() {
    if let Err(error) = action_available(Action::Allow) {
        println!("skipped: {error}");
        return;
    }
    let hardened = std::fs::read_to_string("/proc/sys/net/core/bpf_jit_harden");
    if hardened.is_ok_and(|level| level.trim() == "2") {
        println!("skipped: constants are blinded, which makes filters longer");
        return;
    }
    for seed in 0..PROCESSES {
        assert_eq!(run(seed, 0), "fits", "{seed}");
        assert_eq!(run(seed, 1), "full", "{seed}");
    }
}
