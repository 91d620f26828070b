//! Policy text to verified bytes, whole and by stage, beside a peer's compile of the same rules.
//!
//! The peer (seccompiler) starts from its API, not from text, and emits one linear list: its
//! time is a lower bound for what it does, its length is printed with ours.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench stops where it cannot go on"
)]

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use filterc::{Source, compile};
use filterc_grammar::parser;
use filterc_grammar::source::FileId;
use filterc_testkit::corpus;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use serde_json::Value;

fn whole(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compile");
    let pairs = [("docker-default", "docker"), ("small", "small"), ("argheavy", "argheavy")];
    for (name, workload) in pairs {
        let path = corpus::folder("policies").join(format!("{name}.flt"));
        let source = Source::read(&path).unwrap();
        let options = corpus::options();
        let ours = compile(&source, &options).unwrap().program().insns().len();
        group.bench_function(format!("{name}/filterc"), |bencher| {
            bencher.iter(|| compile(black_box(&source), &options).unwrap());
        });
        let text = corpus::text(&corpus::folder("workloads").join(format!("{workload}.json")));
        let workload: Value = serde_json::from_str(&text).unwrap();
        let rules = peer_rules(&workload);
        println!("{name}: filterc {ours} instructions, seccompiler {}", peer(&rules).len());
        group.bench_function(format!("{name}/seccompiler"), |bencher| {
            bencher.iter(|| peer(black_box(&rules)));
        });
    }
    group.finish();
}

fn stages(criterion: &mut Criterion) {
    let path = corpus::folder("policies").join("docker-default.flt");
    let source = Source::read(&path).unwrap();
    let compiled = corpus::policy(&path);
    let endian = compiled.program().endian();
    let mut group = criterion.benchmark_group("docker-default");
    group.bench_function("parse", |bencher| {
        bencher.iter(|| parser::parse(FileId::default(), black_box(source.contents())));
    });
    group.bench_function("analyse", |bencher| {
        bencher.iter(|| filterc::analyse(black_box(&source), &corpus::options()));
    });
    group.bench_function("lints", |bencher| {
        bencher.iter(|| filterc::lints::facts(black_box(compiled.policy())));
    });
    let build = || filterc_ir::build(compiled.policy(), endian).unwrap();
    group.bench_function("build", |bencher| bencher.iter(build));
    group.bench_function("passes", |bencher| {
        bencher.iter_with_setup(build, |dag| {
            filterc_ir::passes::run(dag, 2, &filterc_ir::Objective::default(), &mut |_, _| ())
        });
    });
    group.bench_function("emit", |bencher| {
        bencher.iter(|| {
            filterc_codegen::cbpf::emit(compiled.program().dag(), &filterc_ir::Objective::default())
                .unwrap()
        });
    });
    group.finish();
}

type PeerRules = BTreeMap<i64, Vec<SeccompRule>>;

fn peer(rules: &PeerRules) -> BpfProgram {
    let (default, matched) = (SeccompAction::Errno(1), SeccompAction::Allow);
    let filter = SeccompFilter::new(rules.clone(), default, matched, TargetArch::x86_64);
    filter.unwrap().try_into().unwrap()
}

/// The workload's rules that allow: the peer knows one action for all of them.
fn peer_rules(workload: &Value) -> PeerRules {
    let mut rules = PeerRules::new();
    for entry in workload["syscalls"].as_array().unwrap() {
        if entry["action"]["kind"] != "allow" {
            continue;
        }
        let any_of = entry["any_of"].as_array().unwrap();
        let alternatives = any_of.iter().map(|conditions| {
            let conditions = conditions.as_array().unwrap().iter().map(condition).collect();
            SeccompRule::new(conditions).unwrap()
        });
        rules.insert(entry["nr"].as_i64().unwrap(), alternatives.collect());
    }
    rules
}

fn condition(condition: &Value) -> SeccompCondition {
    let number = |key: &str| condition[key].as_u64().unwrap();
    let operator = match condition["op"].as_str().unwrap() {
        "eq" => SeccompCmpOp::Eq,
        "ne" => SeccompCmpOp::Ne,
        "lt" => SeccompCmpOp::Lt,
        "le" => SeccompCmpOp::Le,
        "gt" => SeccompCmpOp::Gt,
        "ge" => SeccompCmpOp::Ge,
        _ => SeccompCmpOp::MaskedEq(number("mask")),
    };
    let index = u8::try_from(number("arg")).unwrap();
    SeccompCondition::new(index, SeccompCmpArgLen::Qword, operator, number("value")).unwrap()
}

criterion_group!(benches, whole, stages);
criterion_main!(benches);
