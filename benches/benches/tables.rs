//! Lookups in the packed tables, beside a sorted array and a hash map of the same names made
//! in the same run; and the first lookup of a process, which has to read the tables first.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench stops where it cannot go on")]

use std::collections::HashMap;
use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use filterc_abi as abi;

/// In the environment of a child: what it times, once.
const COLD: &str = "FILTERC_BENCH_COLD";

fn constants(criterion: &mut Criterion) {
    let abi = abi::x86_64();
    let names: Vec<&str> = abi.constant_names().collect();
    let sorted: Vec<(&str, i128)> =
        names.iter().map(|name| (*name, abi.constant(name).unwrap())).collect();
    let map: HashMap<&str, i128> = sorted.iter().copied().collect();
    // Far from each other, so that the caches do not do all the work.
    let wanted: Vec<&str> = names.iter().copied().step_by(97).collect();
    let mut group = criterion.benchmark_group("constant");
    group.throughput(Throughput::Elements(wanted.len() as u64));
    group.bench_function("packed", |bencher| {
        bencher
            .iter(|| wanted.iter().filter(|name| abi.constant(black_box(name)).is_some()).count());
    });
    group.bench_function("sorted array", |bencher| {
        let find = |name: &str| sorted.binary_search_by(|(other, _)| (*other).cmp(name)).is_ok();
        bencher.iter(|| wanted.iter().filter(|name| find(black_box(name))).count());
    });
    group.bench_function("hash map", |bencher| {
        bencher.iter(|| wanted.iter().filter(|name| map.contains_key(black_box(**name))).count());
    });
    group.finish();
}

fn calls(criterion: &mut Criterion) {
    let abi = abi::x86_64();
    let calls: Vec<(&str, u32)> = abi.syscalls().iter().map(|call| (call.name, call.nr)).collect();
    let mut group = criterion.benchmark_group("call");
    group.throughput(Throughput::Elements(calls.len() as u64));
    group.bench_function("by name", |bencher| {
        bencher.iter(|| calls.iter().filter(|(n, _)| abi.syscall(black_box(n)).is_some()).count());
    });
    group.bench_function("by number", |bencher| {
        let found = |nr: u32| abi.syscall_by_nr(black_box(nr)).is_some();
        bencher.iter(|| calls.iter().filter(|(_, nr)| found(*nr)).count());
    });
    group.finish();
}

/// What a child does: the first lookup of its life, timed.
fn child(what: &str) {
    let start = Instant::now();
    let found = match what {
        "constant" => abi::x86_64().constant("O_CREAT").is_some(),
        "call" => abi::x86_64().syscall("openat").is_some(),
        "set" => abi::set("open_flags").is_some_and(|set| set.contains("O_CREAT")),
        _ => false,
    };
    let elapsed = start.elapsed();
    assert!(found, "{what}");
    println!("{}", elapsed.as_nanos());
}

fn cold(criterion: &mut Criterion) {
    let itself = std::env::current_exe().unwrap();
    let mut group = criterion.benchmark_group("cold");
    group.sample_size(20);
    for what in ["constant", "call", "set"] {
        group.bench_function(what, |bencher| {
            bencher.iter_custom(|iterations| {
                let once = |_| {
                    let output = Command::new(&itself).env(COLD, what).output().unwrap();
                    let nanoseconds = String::from_utf8(output.stdout).unwrap();
                    Duration::from_nanos(nanoseconds.trim().parse().unwrap())
                };
                (0..iterations.min(50)).map(once).sum::<Duration>()
                    * u32::try_from(iterations.div_ceil(50)).unwrap()
            });
        });
    }
    group.finish();
}

fn main() {
    if let Ok(what) = std::env::var(COLD) {
        return child(&what);
    }
    let mut criterion = Criterion::default().configure_from_args();
    constants(&mut criterion);
    calls(&mut criterion);
    cold(&mut criterion);
    criterion.final_summary();
}
