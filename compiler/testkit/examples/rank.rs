//! Makes `ranking.tsv` and `arguments.tsv` of `compiler/driver/data` from logs that `record.sh`
//! there has written: `cargo run -p filterc-testkit --example rank -- FOLDER/*.log`.
//!
//! Each log counts the same, however long it is: a program that reads one file a thousand times
//! says no more about programs than one that reads it once.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    reason = "a tool for the developers"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use filterc_testkit::corpus;

/// A call is represented by that many others at most.
const SAMPLES: u32 = 16;

/// Calls below that share of all are not worth any.
const RARE: f64 = 200e-6;

const RANKING: &str = "\
# How often programs make which system calls: the name on x86_64, and how many of a million.
#
# Source: measured by this project, on an x86_64 machine with Linux 6.18 and glibc 2.36, by
# record.sh in this folder, which runs the programs below under strace; every program counts the
# same. Made by `cargo run -p filterc-testkit --example rank`; what a call of that name is called
# on other ABIs stands in moved.tsv.
#
";

const ARGUMENTS: &str = "\
# What arguments programs give to system calls: the name on x86_64, how many of 16 calls, and
# the argument registers in hexadecimal, from the first on; `p` is an address.
#
# Source: that of ranking.tsv. The calls of a name, in the order of their arguments, are cut into
# 16 parts that weigh the same; one call from the middle of each part stands here.
#
";

/// The calls of one name, by their arguments, with their weight.
type Calls = BTreeMap<Vec<Register>, f64>;

/// The value of a register; addresses differ from run to run, so they are one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Register {
    Value(u64),
    Address,
}

fn main() {
    let mut calls: BTreeMap<String, Calls> = BTreeMap::new();
    let logs: Vec<String> = std::env::args().skip(1).collect();
    let mut programs = Vec::new();
    for log in &logs {
        let text = fs::read(log).unwrap_or_else(|error| panic!("{log}: {error}"));
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().filter_map(call).collect();
        for (name, registers) in &lines {
            let weight = 1.0 / (lines.len() * logs.len()) as f64;
            let of_name = calls.entry((*name).to_owned()).or_default();
            *of_name.entry(registers.clone()).or_default() += weight;
        }
        let stem = Path::new(log).file_stem().expect("a file has a name");
        programs.push(stem.to_string_lossy().into_owned());
    }
    let folder = corpus::root().join("compiler/driver/data");
    let write = |name: &str, text: String| {
        fs::write(folder.join(name), text).unwrap_or_else(|error| panic!("{name}: {error}"));
    };
    write("ranking.tsv", ranking(&programs, &calls));
    write("arguments.tsv", arguments(&calls));
    println!("{} programs, {} calls", programs.len(), calls.len());
}

/// `1234 openat(0xffffff9c, 0x7f0012345678, 0, 0) = 0x3`; also what is cut after the arguments.
/// Calls that are gone on with have been seen before.
fn call(line: &str) -> Option<(&str, Vec<Register>)> {
    let (_, rest) = line.split_once(' ')?;
    let (name, rest) = rest.trim_start().split_once('(')?;
    let x86_64 = filterc_abi::x86_64();
    x86_64.syscall(name)?;
    let end = rest.find([')', '<']).unwrap_or(rest.len());
    let (inside, _) = rest.split_at(end);
    let registers = inside.split(',').map(str::trim).filter(|text| !text.is_empty());
    Some((name, registers.filter_map(register).collect()))
}

fn register(text: &str) -> Option<Register> {
    let digits = text.trim_start_matches("0x");
    let value = u64::from_str_radix(digits, 16).ok()?;
    let is_address = (1 << 32..1 << 47).contains(&value);
    Some(if is_address { Register::Address } else { Register::Value(value) })
}

fn total(calls: &Calls) -> f64 {
    calls.values().sum()
}

fn ranking(programs: &[String], calls: &BTreeMap<String, Calls>) -> String {
    let mut text = RANKING.to_owned();
    let mut line = String::from("# Programs:");
    for program in programs {
        if line.len() + program.len() > 95 {
            let _ = writeln!(text, "{line}");
            line = "#  ".to_owned();
        }
        let _ = write!(line, " {program}");
    }
    let _ = writeln!(text, "{line}");
    let mut shares: Vec<_> = calls.iter().map(|(name, calls)| (name, total(calls))).collect();
    shares.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    for (name, share) in shares {
        let _ = writeln!(text, "{name}\t{:.1}", share * 1e6);
    }
    text
}

fn arguments(calls: &BTreeMap<String, Calls>) -> String {
    let mut text = ARGUMENTS.to_owned();
    for (name, calls) in calls {
        let all = total(calls);
        if all < RARE || calls.keys().all(Vec::is_empty) {
            continue;
        }
        let mut counts: BTreeMap<&[Register], u32> = BTreeMap::new();
        let (mut before, mut part) = (0.0, 0);
        for (registers, weight) in calls {
            before += weight;
            // The middle of the part is among these calls.
            while part < SAMPLES && (f64::from(part) + 0.5) / f64::from(SAMPLES) * all <= before {
                *counts.entry(registers).or_default() += 1;
                part += 1;
            }
        }
        for (registers, count) in counts {
            let _ = write!(text, "{name}\t{count}");
            for register in registers {
                let _ = match register {
                    Register::Value(value) => write!(text, "\t{value:x}"),
                    Register::Address => write!(text, "\tp"),
                };
            }
            text.push('\n');
        }
    }
    text
}
