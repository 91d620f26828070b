//! The interpreter on recorded calls: time for each instruction (the throughput's element).

#![allow(missing_docs, reason = "criterion's macros make public functions")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use filterc_cbpf::{interpret_counted, interpret_words};
use filterc_testkit::{corpus, neutral};

fn interpret(criterion: &mut Criterion) {
    let calls = neutral::streams();
    let mut group = criterion.benchmark_group("interpret");
    for name in ["docker-default", "small", "argheavy"] {
        let compiled = corpus::policy(&corpus::folder("policies").join(format!("{name}.flt")));
        let program = compiled.program();
        let (filter, endian) = (program.verified(), program.endian());
        let words: Vec<_> = calls.iter().map(|call| call.words(endian)).collect();
        let steps =
            calls.iter().map(|call| u64::from(interpret_counted(filter, call, endian).steps));
        group.throughput(Throughput::Elements(steps.sum()));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                words.iter().fold(0_u32, |sum, words| sum ^ interpret_words(filter, words).ret)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, interpret);
criterion_main!(benches);
