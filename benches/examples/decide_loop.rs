//! Decides the recorded calls by one policy's eBPF program over and over, in our interpreter or in
//! rbpf's: what a profiler is run on.
//!
//! ```text
//! valgrind --tool=callgrind decide_loop docker-default filterc 100
//! ```
//!
//! The difference of two numbers of rounds is the cost of the rounds between them. Prints what the
//! returned values come to, so that nobody leaves the work out, and the instructions of a round.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring tool")]

use std::env;

use filterc::{Source, compile_module};
use filterc_ebpf::{Fixed, Host, encode, interpret};
use filterc_testkit::{corpus, neutral};

fn main() {
    let mut arguments = env::args().skip(1);
    let (name, engine) = (arguments.next().unwrap(), arguments.next().unwrap());
    let rounds: usize = arguments.next().map_or(1, |text| text.parse().unwrap());
    let options = filterc::Options { prove: false, ..corpus::options() };
    let path = corpus::folder("policies").join(format!("{name}.flt"));
    let compiled = compile_module(&Source::read(&path).unwrap(), &options).unwrap();
    let program = compiled.program();
    let streams = neutral::streams();
    let calls = streams.iter().step_by(streams.len().div_ceil(1024));
    let mut contexts: Vec<[u8; 64]> = calls.map(|call| call.to_bytes(program.endian())).collect();
    let (mut sum, mut steps) = (0_u64, 0);
    if engine == "filterc" {
        let mut host = Host::new(Fixed::default(), program.endian());
        for _ in 0..rounds {
            for context in &mut contexts {
                let outcome =
                    interpret(program.decide().program(), &mut host, context, u64::MAX).unwrap();
                sum = sum.rotate_left(1) ^ outcome.ret;
                steps += outcome.steps;
            }
        }
    } else {
        let bytes = encode(program.decide().program().insns(), program.endian());
        let vm = rbpf::EbpfVmRaw::new(Some(&bytes)).unwrap();
        for _ in 0..rounds {
            for context in &mut contexts {
                sum = sum.rotate_left(1) ^ vm.execute_program(context).unwrap();
            }
        }
    }
    println!("{name}: {} calls, {sum:#x}, {steps} steps", contexts.len());
}
