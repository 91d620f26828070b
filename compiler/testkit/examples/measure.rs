//! Prints what the programs of policies cost: `cargo run -p filterc-testkit --example measure`.
//! Names are those of `subjects`; `docker`, `small` and `argheavy` are the neutral workloads.
//! With `--trained`, programs are made for the recorded streams.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a tool for the developers")]

use filterc::{Options, Source};
use filterc_ir::{Objective, passes};
use filterc_testkit::{measure, neutral::Workload, subjects};

fn main() {
    let (flags, mut names): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|arg| arg.starts_with("--"));
    if names.is_empty() {
        names = ["docker", "small", "argheavy", "three"].map(str::to_owned).to_vec();
    }
    let objective = if flags.iter().any(|flag| flag == "--trained") {
        measure::trained()
    } else {
        Objective::default()
    };
    println!("{:20} {:>6} {:>9} {:>6}", "policy", "insns", "executed", "worst");
    for name in names {
        let source = match name.as_str() {
            "docker" | "small" | "argheavy" => {
                Source::text(&name, Workload::load(&name).policy("x86_64", "kill_process"))
            }
            _ => subjects::source(&name),
        };
        let policy = filterc::analyse(&source, &Options::default()).policy.expect("a policy");
        let endian = policy.abis().first().expect("an ABI").abi().endian;
        let dag = filterc_ir::build(&policy, endian).expect("builds");
        let dag = passes::run(dag, 2, &objective, &mut |_, _| ());
        let object = filterc_codegen::cbpf::emit(&dag, &objective).expect("fits");
        let program = filterc_cbpf::verify(&object.insns).expect("verifies");
        let (insns, worst) = (program.insns().len(), measure::longest_path(&program));
        println!("{name:20} {insns:6} {:9.2} {worst:6}", measure::executed(&program));
    }
}
