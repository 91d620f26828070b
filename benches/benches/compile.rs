//! Policy text to verified bytes, whole and by stage, without the proof (which has a bench of its
//! own). The policies are the neutral workloads, written as text.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::unwrap_used, reason = "a bench stops where it cannot go on")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use filterc::{Options, Source, compile, lints};
use filterc_cbpf as cbpf;
use filterc_codegen as codegen;
use filterc_grammar::parser;
use filterc_grammar::source::FileId;
use filterc_hir as hir;
use filterc_ir::{self as ir, Objective};
use filterc_testkit::corpus;
use filterc_testkit::neutral::{self, Workload};

/// The same text for every workload: raw registers, nothing treated apart.
fn text(name: &str) -> Source {
    let text = Workload::load(name).policy("x86_64", "kill_process");
    Source::text(format!("{name}.flt"), text)
}

/// Without the proof, whose cost has a bench of its own.
fn options() -> Options {
    Options { prove: false, ..corpus::options() }
}

fn whole(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compile");
    for name in neutral::NAMES {
        let (source, options) = (text(name), options());
        group.bench_function(name, |bencher| {
            bencher.iter(|| compile(black_box(&source), &options).unwrap());
        });
    }
    group.finish();
}

fn stages(criterion: &mut Criterion) {
    for name in neutral::NAMES {
        let (source, options) = (text(name), options());
        let compiled = compile(&source, &options).unwrap();
        let (policy, program) = (compiled.policy(), compiled.program());
        let (endian, objective) = (program.endian(), Objective::default());
        let mut group = criterion.benchmark_group(name);
        group.bench_function("parse", |bencher| {
            bencher.iter(|| parser::parse(FileId::default(), black_box(source.contents())));
        });
        let statements = compiled.statements();
        let hir_options = hir::Options {
            default_abi: options.default_abi,
            abis: options.abis.clone(),
            defines: &options.defines,
            ..hir::Options::default()
        };
        group.bench_function("check", |bencher| {
            bencher.iter(|| hir::check::check(black_box(statements), &hir_options));
        });
        group.bench_function("lints", |bencher| {
            bencher.iter(|| lints::facts(black_box(policy)));
        });
        let build = || ir::build(policy, endian).unwrap();
        group.bench_function("build", |bencher| bencher.iter(build));
        group.bench_function("passes", |bencher| {
            let run = |dag| ir::passes::run(dag, 2, &objective, &mut |_, _| ());
            bencher.iter_batched(build, run, BatchSize::SmallInput);
        });
        group.bench_function("emit", |bencher| {
            bencher.iter(|| codegen::cbpf::emit(black_box(program.dag()), &objective).unwrap());
        });
        let insns = program.insns();
        group.bench_function("verify", |bencher| {
            bencher.iter(|| {
                let bytes = cbpf::encode(black_box(insns), endian);
                cbpf::verify(&cbpf::decode(&bytes, endian).unwrap()).unwrap()
            });
        });
        group.finish();
    }
}

criterion_group!(benches, whole, stages);
criterion_main!(benches);
