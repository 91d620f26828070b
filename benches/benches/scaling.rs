//! Compile time by the size of the policy, at one, two and four times: the throughput's element
//! is a condition, so where time grows linearly each row of a group has the same throughput.
//!
//! In `conditions` and `calls` a few residuals are shared by many calls, so that the programs
//! fit in 4096 instructions. In `too long` all conditions are different: what is measured is how
//! soon that is refused.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::panic, reason = "a bench stops where it cannot go on")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use filterc::{Options, compile};
use filterc_testkit::corpus;
use filterc_testkit::scaling::Shape;

fn group(criterion: &mut Criterion, name: &str, shapes: [Shape; 3], fits: bool) {
    let options = Options { prove: false, ..corpus::options() };
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10);
    for shape in shapes {
        let source = shape.source();
        match (compile(&source, &options), fits) {
            (Ok(_), true) | (Err(_), false) => {}
            (Ok(_), false) => panic!("{name}: it fits"),
            (Err(diagnostics), true) => panic!("{diagnostics}"),
        }
        group.throughput(Throughput::Elements(shape.all_conditions() as u64));
        let id = BenchmarkId::from_parameter(shape.all_conditions());
        group.bench_function(id, |bencher| {
            bencher.iter(|| compile(black_box(&source), &options).is_ok());
        });
    }
    group.finish();
}

fn benches(criterion: &mut Criterion) {
    let times = |shape: fn(usize) -> Shape| [shape(1), shape(2), shape(4)];
    let few = |times| Shape { calls: 10 * times, conditions: 100, lists: 4 };
    group(criterion, "conditions", times(few), true);
    let many = |times| Shape { calls: 100 * times, conditions: 40, lists: 10 };
    group(criterion, "calls", times(many), true);
    let all = |times| Shape { calls: 100 * times, conditions: 40, lists: 100 * times };
    group(criterion, "too long", times(all), false);
}

criterion_group!(all, benches);
criterion_main!(all);
