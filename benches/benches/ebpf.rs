//! The eBPF interpreter beside rbpf's, on the same programs and contexts: time for a decision.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "criterion's macros make public functions, and a bench that cannot start panics"
)]

use std::fmt::Write as _;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use filterc::{Source, compile_module};
use filterc_abi::Endian;
use filterc_ebpf::{Fixed, Host, Target, Verified, assemble, encode, interpret, verify};
use filterc_testkit::{corpus, neutral};

/// A policy as a program: the number of the call (the context's first word) is searched for in a
/// tree, and half of the calls look at an argument, on 64 bits or 32, or at its bits.
fn dispatch(calls: u32) -> String {
    let mut text = String::from("r2 = *(u32 *)(r1 + 0)\n");
    tree(&mut text, 0, calls);
    for call in (0..calls).step_by(2) {
        let (offset, label) = (16 + 8 * (call % 6), format!("a{call}"));
        let test = match call % 3 {
            0 => format!("r3 = *(u64 *)(r1 + {offset})\nif r3 == {call} goto allow"),
            1 => format!("r3 = *(u32 *)(r1 + {offset})\nif w3 s> 7 goto allow"),
            _ => format!("r3 = *(u32 *)(r1 + {offset})\nr3 &= 0x40\nif r3 == 0 goto allow"),
        };
        let _infallible = write!(text, "{label}: {test}\ngoto deny\n");
    }
    text.push_str("allow: r0 = 1\nexit\ndeny: r0 = 0\nexit\n");
    text
}

fn tree(text: &mut String, low: u32, high: u32) {
    if high - low == 1 {
        let target = if low.is_multiple_of(2) { format!("a{low}") } else { "allow".to_owned() };
        let _infallible = write!(text, "if w2 == {low} goto {target}\ngoto deny\n");
        return;
    }
    let middle = low.midpoint(high);
    let _infallible = writeln!(text, "if w2 >= {middle} goto t{middle}_{high}");
    tree(text, low, middle);
    let _infallible = writeln!(text, "t{middle}_{high}:");
    tree(text, middle, high);
}

/// Contexts of 64 bytes, as of system calls.
fn contexts(calls: u32) -> Vec<[u8; 64]> {
    let context = |index: u32| {
        let mut context = [0; 64];
        let number = index.wrapping_mul(2_654_435_761) % (calls + 8);
        for (place, word) in context.chunks_exact_mut(8).enumerate() {
            let value = if place == 0 { number } else { index.rotate_left(3) & 0xff };
            word.copy_from_slice(&u64::from(value).to_le_bytes());
        }
        context
    };
    (0..256).map(context).collect()
}

/// A program in our interpreter and in rbpf's, on the same contexts, after both have decided all of
/// them alike.
fn side_by_side(
    criterion: &mut Criterion,
    name: &str,
    (verified, endian): (&Verified, Endian),
    mut contexts: Vec<[u8; 64]>,
) {
    let bytes = encode(verified.program().insns(), endian);
    let mut host = Host::new(Fixed::default(), endian);
    let vm = rbpf::EbpfVmRaw::new(Some(&bytes)).unwrap();
    for context in &mut contexts {
        let ours = interpret(verified.program(), &mut host, context, u64::MAX).unwrap();
        assert_eq!(ours.ret, vm.execute_program(context).unwrap(), "the same decision");
    }
    let mut group = criterion.benchmark_group(format!("ebpf/{name}"));
    group.throughput(Throughput::Elements(contexts.len() as u64));
    group.bench_function("filterc", |bencher| {
        bencher.iter(|| {
            contexts.iter_mut().fold(0, |sum, context| {
                let outcome = interpret(verified.program(), &mut host, context, u64::MAX);
                sum ^ outcome.map_or(0, |outcome| outcome.ret)
            })
        });
    });
    group.bench_function("rbpf", |bencher| {
        bencher.iter(|| {
            contexts
                .iter_mut()
                .fold(0, |sum, context| sum ^ vm.execute_program(context).unwrap_or(0))
        });
    });
    group.finish();
}

/// A policy of the corpus as it is compiled to eBPF, and calls as programs make them.
fn policies(criterion: &mut Criterion) {
    let options = filterc::Options { prove: false, ..corpus::options() };
    for name in ["docker-default", "small"] {
        let path = corpus::folder("policies").join(format!("{name}.flt"));
        let compiled = compile_module(&Source::read(&path).unwrap(), &options).unwrap();
        let program = compiled.program();
        let streams = neutral::streams();
        let calls = streams.iter().step_by(streams.len().div_ceil(1024));
        let contexts = calls.map(|call| call.to_bytes(program.endian())).collect();
        side_by_side(criterion, name, (program.decide(), program.endian()), contexts);
    }
}

fn decisions(criterion: &mut Criterion) {
    for calls in [16, 300] {
        let insns = assemble(&dispatch(calls)).unwrap();
        let verified = verify(&insns, &Target::SYSCALL).unwrap();
        side_by_side(criterion, &calls.to_string(), (&verified, Endian::Little), contexts(calls));
    }
}

criterion_group!(benches, decisions, policies);
criterion_main!(benches);
