//! The interpreter on recorded calls: time for each instruction and for each decision (the
//! throughput's element), beside a plain loop over the instructions as they are encoded.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::unwrap_used, reason = "a bench stops where it cannot go on")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use filterc::{Source, compile};
use filterc_cbpf::insn::code::{ABS, ALU, AND, IMM, JA, JEQ, JGE, JGT, JMP, JSET, LD, RET, W};
use filterc_cbpf::{Insn, interpret, interpret_counted, interpret_words};
use filterc_testkit::corpus;
use filterc_testkit::neutral::{self, Workload};

/// What a C programmer would write: one switch over the codes, no form but the encoded one.
/// It knows the instructions of the workloads only; 0 for others.
fn switch(insns: &[Insn], words: &[u32; 16]) -> u32 {
    const LOAD: u16 = LD | W | ABS;
    const LOAD_IMM: u16 = LD | IMM;
    const JUMP: u16 = JMP | JA;
    const JUMP_EQ: u16 = JMP | JEQ;
    const JUMP_GT: u16 = JMP | JGT;
    const JUMP_GE: u16 = JMP | JGE;
    const JUMP_SET: u16 = JMP | JSET;
    const MASK: u16 = ALU | AND;
    let (mut a, mut pc) = (0_u32, 0_usize);
    while let Some(insn) = insns.get(pc) {
        let k = insn.k;
        let jump = |holds: bool| usize::from(if holds { insn.jt } else { insn.jf });
        pc += 1;
        match insn.code {
            LOAD => a = words.get(k as usize / 4).copied().unwrap_or_default(),
            LOAD_IMM => a = k,
            MASK => a &= k,
            JUMP => pc += k as usize,
            JUMP_EQ => pc += jump(a == k),
            JUMP_GT => pc += jump(a > k),
            JUMP_GE => pc += jump(a >= k),
            JUMP_SET => pc += jump(a & k != 0),
            RET => return k,
            _ => return 0,
        }
    }
    0
}

fn benches(criterion: &mut Criterion) {
    let calls = neutral::streams();
    for name in neutral::NAMES {
        let text = Workload::load(name).policy("x86_64", "kill_process");
        let compiled = compile(&Source::text(name, text), &corpus::options()).unwrap();
        let program = compiled.program();
        let (filter, endian) = (program.verified(), program.endian());
        let words: Vec<_> = calls.iter().map(|call| call.words(endian)).collect();
        for (call, words) in calls.iter().zip(&words) {
            assert_eq!(switch(filter.insns(), words), interpret(filter, call, endian));
        }
        let steps =
            calls.iter().map(|call| u64::from(interpret_counted(filter, call, endian).steps));
        let mut group = criterion.benchmark_group("instruction");
        group.throughput(Throughput::Elements(steps.sum()));
        group.bench_function(format!("{name}/filterc"), |bencher| {
            let run = |sum: u32, words| sum ^ interpret_words(filter, words).ret;
            bencher.iter(|| words.iter().fold(0, run));
        });
        group.bench_function(format!("{name}/switch"), |bencher| {
            let insns = black_box(filter.insns());
            bencher.iter(|| words.iter().fold(0_u32, |sum, words| sum ^ switch(insns, words)));
        });
        group.finish();
        let mut group = criterion.benchmark_group("decision");
        group.throughput(Throughput::Elements(calls.len() as u64));
        group.bench_function(name, |bencher| {
            let run = |sum: u32, call| sum ^ interpret(filter, call, endian);
            bencher.iter(|| calls.iter().fold(0, run));
        });
        group.finish();
    }
}

criterion_group!(all, benches);
criterion_main!(all);
