//! One program for several ABIs: what they have in common stands there once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and says what it skipped"
)]

use filterc_abi::Endian;
use filterc_hir::policy::{AbiPolicy, Policy};
use filterc_testkit::corpus;

/// Instructions of the program for some of a policy's ABIs.
fn len(policy: &Policy, parts: &[AbiPolicy], endian: Endian) -> usize {
    let part = Policy::new(parts.to_vec(), policy.foreign_action(), policy.rules().to_vec());
    let dag = filterc_ir::build(&part, endian).unwrap();
    let dag = filterc_ir::passes::run(dag, 2, &filterc_ir::Objective::default(), &mut |_, _| ());
    filterc_codegen::cbpf::emit(&dag, &filterc_ir::Objective::default()).unwrap().insns.len()
}

/// The policy, and how long its program may be, in hundredths of all single ones together.
const AT_MOST: [(&str, usize); 5] =
    [("x86-family", 75), ("arm-family", 90), ("mips", 80), ("pairs", 55), ("everywhere", 60)];

#[test]
fn abis_share_what_they_have_in_common() {
    for (name, at_most) in AT_MOST {
        let compiled = corpus::policy(&corpus::folder("policies").join(format!("{name}.flt")));
        let policy = compiled.policy();
        for program in compiled.programs() {
            let parts = policy.abis().iter().filter(|part| part.abi().endian == program.endian());
            let parts: Vec<AbiPolicy> = parts.cloned().collect();
            let single: Vec<usize> = parts
                .iter()
                .map(|part| len(policy, std::slice::from_ref(part), program.endian()))
                .collect();
            let sum: usize = single.iter().sum();
            let together = len(policy, &parts, program.endian());
            let abis = program.abi_names().join("+");
            println!("{name} {abis}: {together} instructions instead of {sum} {single:?}");
            assert!(together * 100 <= sum * at_most, "{name} {abis}: {together} of {sum}");
        }
    }
}

/// What x86_64 and x32 ask of the arguments is the same, but for pointers to structures that
/// x32 lays out in its own way: together they ask hardly more than one of them.
#[test]
fn x32_asks_nothing_new_of_the_arguments() {
    let compiled = corpus::policy(&corpus::folder("policies").join("x86-family.flt"));
    let policy = compiled.policy();
    let asked = |names: &[&str]| {
        let part = |name: &&str| policy.abi(filterc_abi::abi(name).unwrap()).unwrap().clone();
        let parts = names.iter().map(part).collect();
        let part = Policy::new(parts, policy.foreign_action(), policy.rules().to_vec());
        let dag = filterc_ir::build(&part, Endian::Little).unwrap();
        let dag =
            filterc_ir::passes::run(dag, 2, &filterc_ir::Objective::default(), &mut |_, _| ());
        let text = filterc_ir::print::print(&dag);
        text.lines().filter(|line| line.contains("= branch") && !line.contains("word0 ")).count()
    };
    let (one, two, three) =
        (asked(&["x86_64"]), asked(&["x86_64", "x32"]), asked(&["x86_64", "x32", "i386"]));
    println!("questions about arguments: x86_64 {one}, with x32 {two}, with i386 {three}");
    assert!(one > 40 && two <= one + 2, "{one}, {two}");
    // 32 bits of a register are the low word of 64: only pairs are new.
    assert!(three <= one + one / 2, "{one}, {three}");
}
