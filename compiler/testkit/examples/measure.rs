//! Prints what the programs of policies cost: `cargo run -p filterc-testkit --example measure`.
//! With `--trained`, they are made for the recordings on which they are measured.
//! Names are those of `subjects`; `docker`, `small` and `argheavy` are the neutral workloads.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a tool for the developers")]

use filterc::cost::longest_path;
use filterc::{Options, Source};
use filterc_testkit::{measure, neutral::Workload, subjects};

fn main() {
    let (flags, mut names): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let profile = flags.iter().any(|flag| flag == "--trained").then(measure::trained);
    if names.is_empty() {
        names = ["docker", "small", "argheavy", "three"].map(str::to_owned).to_vec();
    }
    println!("{:20} {:>6} {:>9} {:>6}", "policy", "insns", "executed", "worst");
    for name in names {
        let source = match name.as_str() {
            "docker" | "small" | "argheavy" => {
                Source::text(&name, Workload::load(&name).policy("x86_64", "kill_process"))
            }
            _ => subjects::source(&name),
        };
        let profile = profile.clone();
        let options = Options { prove: false, profile, ..Options::default() };
        let compiled = filterc::compile(&source, &options).expect("compiles");
        let program = compiled.program().verified();
        let (insns, worst) = (program.insns().len(), longest_path(program.insns()));
        println!("{name:20} {insns:6} {:9.2} {worst:6}", measure::executed(program));
    }
}
