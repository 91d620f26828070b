//! Compiles one policy over and over: what a profiler is run on. Prints the least time of each
//! step in microseconds.
//!
//! ```text
//! compile_loop docker 1000
//! valgrind --tool=callgrind --toggle-collect='*compile_observed*' compile_loop docker 1
//! ```
//!
//! Besides the neutral workloads there are `CALLSxCONDITIONSxLISTS`, the policies of the bench
//! `scaling`: `40x100x4`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring tool")]

use std::env;
use std::time::{Duration, Instant};

use filterc::{Options, Source, compile_observed};
use filterc_testkit::corpus;
use filterc_testkit::neutral::Workload;
use filterc_testkit::scaling::Shape;

fn source(name: &str) -> Source {
    let numbers: Vec<usize> = name.split('x').filter_map(|number| number.parse().ok()).collect();
    match *numbers.as_slice() {
        [calls, conditions, lists] => Shape { calls, conditions, lists }.source(),
        _ => Source::text(name, Workload::load(name).policy("x86_64", "kill_process")),
    }
}

fn main() {
    let mut arguments = env::args().skip(1);
    let name = arguments.next().unwrap();
    let times: usize = arguments.next().map_or(1, |text| text.parse().unwrap());
    let (source, options) = (source(&name), Options { prove: false, ..corpus::options() });
    let mut least: Vec<(String, Duration)> = Vec::new();
    let mut whole = Duration::MAX;
    for _ in 0..times {
        let started = Instant::now();
        let (mut last, mut step) = (started, 0);
        let compiled = compile_observed(&source, &options, &mut |done| {
            let now = Instant::now();
            let taken = now - last;
            match least.get_mut(step) {
                Some((_, least)) => *least = taken.min(*least),
                None => least.push((done.to_owned(), taken)),
            }
            (last, step) = (now, step + 1);
        });
        whole = whole.min(started.elapsed());
        drop(compiled);
    }
    for (step, least) in least {
        println!("{step:<12} {:>9.1}", least.as_secs_f64() * 1e6);
    }
    println!("{:<12} {:>9.1}", "whole", whole.as_secs_f64() * 1e6);
}
