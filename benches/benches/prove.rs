//! Proof, certificate, and the check of a certificate, for policies and what they are compiled
//! to; libseccomp's list against its tree; and libseccomp's own compile of the same policies as
//! a yardstick, printed in the same run.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench stops where it cannot go on"
)]

use std::fs;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use filterc::{Compiled, Options, Source, compile};
use filterc_abi::Endian;
use filterc_certify::check;
use filterc_check::{Budget, Side, Verdict, certificate, equivalent};
use filterc_testkit::libseccomp::{Level, Libseccomp};
use filterc_testkit::{corpus, subjects};

const ENDIAN: Endian = Endian::Little;

fn compiled(source: &Source) -> Compiled {
    // The proof is what is measured.
    let options = Options { prove: false, ..corpus::options() };
    compile(source, &options).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

fn assert_equal(left: Side<'_>, right: Side<'_>) {
    let verdict = equivalent(left, right, ENDIAN, &Budget::default());
    assert!(matches!(verdict, Verdict::Equal(_)), "{verdict:?}");
}

fn assert_proved(compiled: &Compiled) {
    let program = compiled.program_for(ENDIAN).verified();
    assert_equal(Side::Policy(compiled.policy()), Side::Program(program));
}

/// The peak of this process's memory so far, in KiB: with tables, compiler and criterion, so more
/// than a proof takes.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

/// Policies against what we compile them to.
fn policies(criterion: &mut Criterion) {
    for name in ["docker-default", "three", "small", "argheavy", "web-worker", "50x1x6", "50x3x3"] {
        let compiled = compiled(&subjects::source(name));
        let program = compiled.program_for(ENDIAN);
        assert_proved(&compiled);
        println!(
            "{name}: {} instructions; until here at most {} KiB of memory",
            program.insns().len(),
            peak_kib()
        );
        let mut group = criterion.benchmark_group(name);
        group.sample_size(30);
        group.bench_function("prove", |bencher| {
            bencher.iter(|| assert_proved(black_box(&compiled)));
        });
        let certify = || certificate(compiled.policy(), program.bytes(), ENDIAN, [0; 32]);
        let certificate = match certify() {
            Ok(certificate) => certificate,
            Err(why) => {
                println!("{name}: no certificate: {why}");
                continue;
            }
        };
        group.bench_function("certify", |bencher| bencher.iter(certify));
        group.bench_function("check", |bencher| {
            bencher.iter(|| check(black_box(&certificate), program.bytes()).unwrap());
        });
        let leaves = check(&certificate, program.bytes()).unwrap().leaves;
        println!("{name}: a certificate of {} bytes, {leaves} leaves", certificate.len());
    }
}

/// 50 calls of 8 rules of 6 comparisons: as one, the policy against the same policy in other
/// words, for no loadable program holds it; and in ten parts, each against its program.
fn beyond_what_loads(criterion: &mut Criterion) {
    let workload = subjects::synthetic("50x8x6").unwrap();
    let analysed = |text: String| {
        let source = Source::text("50x8x6", text);
        filterc::analyse(&source, &corpus::options()).policy.unwrap()
    };
    let policy = analysed(workload.policy("x86_64", "errno(EPERM)"));
    let inverted = analysed(workload.inverted_policy("x86_64", "errno(EPERM)"));
    let mut group = criterion.benchmark_group("50x8x6");
    group.sample_size(10);
    group.bench_function("policy = inverted policy", |bencher| {
        bencher.iter(|| assert_equal(Side::Policy(&policy), Side::Policy(&inverted)));
    });
    let parts = workload.parts(5).into_iter();
    let text = parts.map(|part| part.policy("x86_64", "errno(EPERM)"));
    let parts: Vec<Compiled> = text.map(|t| compiled(&Source::text("50x8x6", t))).collect();
    let lengths = parts.iter().map(|part| part.program().insns().len());
    println!("50x8x6: {} instructions in {} programs", lengths.sum::<usize>(), parts.len());
    group.bench_function("policies = programs, in parts", |bencher| {
        bencher.iter(|| parts.iter().for_each(assert_proved));
    });
}

/// libseccomp's two forms of a policy; and how long it takes to make them.
fn peers(criterion: &mut Criterion) {
    let libseccomp = match Libseccomp::build() {
        Ok(libseccomp) => libseccomp,
        Err(reason) => {
            println!("skipped: {reason}");
            return;
        }
    };
    let mut group = criterion.benchmark_group("libseccomp");
    group.sample_size(30);
    for name in ["docker-default", "three", "small", "argheavy", "50x1x6", "50x3x3"] {
        let lines = subjects::lines(name, &libseccomp).unwrap();
        let [list, tree] =
            [Level::List, Level::Tree].map(|level| libseccomp.compile(&lines, level));
        for (level, program) in [(Level::List, &list), (Level::Tree, &tree)] {
            let times = libseccomp.times(&lines, level, 15);
            let (least, median) = (times.first().unwrap(), times.get(times.len() / 2).unwrap());
            println!(
                "{name}: libseccomp makes a {level:?} of {} instructions in {median:.3?} (least {least:.3?})",
                program.insns().len()
            );
        }
        group.bench_function(format!("{name}, list = tree"), |bencher| {
            bencher.iter(|| assert_equal(Side::Program(&list), Side::Program(&tree)));
        });
    }
}

criterion_group!(benches, policies, beyond_what_loads, peers);
criterion_main!(benches);
