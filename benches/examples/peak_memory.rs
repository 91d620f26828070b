//! How much memory a proof takes: the whole process's peak, after each step.
//!
//! `cargo run --release -p filterc-benches --example peak_memory -- docker-default`; the names are
//! those of `filterc_testkit::subjects`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement stops where it cannot go on"
)]

use std::env;
use std::fs;

use filterc::{Compiled, Options, compile};
use filterc_certify::check;
use filterc_check::{Budget, Side, Verdict, certificate, equivalent};
use filterc_testkit::{corpus, subjects};

fn main() {
    let name = env::args().nth(1).unwrap_or_else(|| "docker-default".to_owned());
    let source = subjects::source(&name);
    report("started");
    let options = Options { prove: false, ..corpus::options() };
    let compiled: Compiled = compile(&source, &options).unwrap_or_else(|e| panic!("{e}"));
    report("compiled");
    for program in compiled.programs() {
        let (left, right) = (Side::Policy(compiled.policy()), Side::Program(program.verified()));
        let verdict = equivalent(left, right, program.endian(), &Budget::default());
        assert!(matches!(verdict, Verdict::Equal(_)), "{verdict:?}");
        report("proved");
        match certificate(compiled.policy(), program.bytes(), program.endian(), [0; 32]) {
            Ok(certificate) => {
                report("certified");
                check(&certificate, program.bytes()).unwrap();
                report("checked");
            }
            Err(why) => println!("no certificate: {why}"),
        }
    }
}

/// The peak of the resident set so far.
fn report(step: &str) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    println!("{step}: {peak}");
}
