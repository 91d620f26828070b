//! Every policy of the corpus: all engines agree with the reference on its boundary calls.

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

use std::collections::BTreeSet;

use filterc::{Compiled, Options, Source, compile};
use filterc_abi::{Arg, Regs, SeccompData};
use filterc_testkit::{agree, boundary, corpus, neutral};

/// Random combinations for each number that has tests of arguments, of all ABIs together.
const COMBINATIONS: usize = 2000;

/// The same for each ABI, however many there are.
const AT_LEAST: usize = 400;

fn calls(compiled: &Compiled) -> Vec<SeccompData> {
    let policy = compiled.policy();
    boundary::calls(policy, (COMBINATIONS / policy.abis().len()).max(AT_LEAST))
}

#[test]
fn engines_agree_on_every_corpus_policy() {
    for compiled in corpus::policies() {
        let calls = calls(&compiled);
        println!("{}: {} calls", compiled.name(), calls.len());
        agree::assert_agreement(&compiled, &calls);
    }
}

/// The call without the bits of its registers that the kernel ignores.
fn as_the_kernel_sees(mut call: SeccompData) -> SeccompData {
    let definition = filterc_abi::x86_64().syscall_by_nr(call.nr.cast_unsigned());
    for arg in definition.iter().flat_map(|definition| definition.args) {
        if let Regs::One(register) = arg.regs {
            call.args[usize::from(register)] &= u64::MAX >> (64 - arg.width);
        }
    }
    call
}

#[test]
fn policies_mean_what_the_neutral_workloads_say() {
    for (policy, workload) in
        [("docker-default", "docker"), ("small", "small"), ("argheavy", "argheavy")]
    {
        let path = corpus::folder("policies").join(format!("{policy}.flt"));
        let compiled = corpus::policy(&path);
        let workload = neutral::Workload::load(workload);
        let streams = neutral::streams();
        assert!(streams.len() > 3000, "the recorded streams are all there");
        // Unknown numbers are the policies' own business, so boundary calls are those of
        // the numbers that the workload names.
        let named = workload.numbers();
        let mut calls = calls(&compiled);
        calls.retain(|call| {
            call.arch == workload.audit_arch && named.contains(&call.nr.cast_unsigned())
        });
        // Docker's profile compares whole registers, bits that the kernel ignores included; the
        // policy says the same of what the kernel sees.
        let asked = |call: &SeccompData| match policy {
            "docker-default" => as_the_kernel_sees(*call),
            _ => *call,
        };
        for call in streams.iter().chain(&calls) {
            let expected = workload.decide(&asked(call));
            let actual = filterc_hir::eval::eval(compiled.policy(), call).to_ret();
            assert_eq!(actual, expected, "{}: {call:x?}", workload.name);
        }
        let all: Vec<_> = streams.into_iter().chain(calls).collect();
        agree::assert_agreement(&compiled, &all);
    }
}

#[test]
fn boundary_calls_decide_every_rule_of_the_corpus() {
    use filterc_hir::eval::{Reason, decide};
    for compiled in corpus::policies() {
        let calls = calls(&compiled);
        let mut decided = vec![false; compiled.policy().rules().len()];
        for call in &calls {
            if let Reason::Rule(rule) = decide(compiled.policy(), call).reason {
                decided[rule.0 as usize] = true;
            }
        }
        let missed: Vec<_> = (0..decided.len()).filter(|&rule| !decided[rule]).collect();
        assert!(missed.is_empty(), "{}: no call decided by rules {missed:?}", compiled.name());
    }
}

/// The policy for every ABI, for one after the other: all that have filters.
#[test]
fn engines_agree_on_every_abi_alone() {
    let path = corpus::folder("policies").join("everywhere.flt");
    let source = Source::read(&path).unwrap();
    let filtered = corpus::filtered_abis();
    let mut lengths = Vec::new();
    for abi in filtered.clone() {
        let options = Options { abis: Some(vec![abi]), ..corpus::options() };
        let compiled = compile(&source, &options).unwrap_or_else(|e| panic!("{}: {e}", abi.name));
        assert_eq!(compiled.program().abi_names(), [abi.name]);
        assert_eq!(compiled.program().endian(), abi.endian);
        agree::assert_agreement(&compiled, &boundary::calls(compiled.policy(), AT_LEAST));
        lengths.push(format!("{} {}", abi.name, compiled.program().insns().len()));
    }
    println!("{}", lengths.join(", "));
    // And the policy itself lists them all.
    let listed = corpus::policy(&path);
    for abi in filtered {
        assert!(listed.policy().abi(abi).is_some(), "{} is missing in everywhere.flt", abi.name);
    }
}

/// A length of 64 bits behind one argument, on every ABI that has it in two registers: aligned
/// or not, low word first or high word first.
#[test]
fn engines_agree_on_lengths_in_two_registers() {
    let mut pairs = BTreeSet::new();
    for abi in corpus::filtered_abis() {
        let Some(call) = abi.syscall("ftruncate64") else { continue };
        let Arg { name, regs: Regs::Pair { lo, hi }, .. } = call.args[1] else { continue };
        let text = format!(
            "arch {}\ndefault allow\n\
             errno(EINVAL) ftruncate64, truncate64 if {name} < 0 || {name} == 0x1_0000_0001\n\
             errno(EFBIG) ftruncate64, truncate64 if {name} >= 1 << 40\n",
            abi.name
        );
        let compiled = compile(&Source::text("length.flt", text), &corpus::options());
        let compiled = compiled.unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
        agree::assert_agreement(&compiled, &boundary::calls(compiled.policy(), COMBINATIONS));
        pairs.insert((lo, hi));
    }
    println!("lengths in registers {pairs:?}");
    assert!(pairs.len() >= 4, "{pairs:?}");
}

/// The language reference names the ABIs that there are.
#[test]
fn the_reference_names_every_abi() {
    let text = corpus::text(&corpus::root().join("grammar/README.md"));
    let (_, section) = text.split_once("### ABIs").unwrap();
    let (table, _) = section.split_once("An ABI whose kernel has no filters").unwrap();
    let mut named: Vec<&str> = table.split('`').skip(1).step_by(2).collect();
    named.retain(|word| *word != "arch");
    named.sort_unstable();
    let filtered = filterc_abi::abis().iter().filter(|abi| abi.filters_since.is_some());
    assert_eq!(named, filtered.map(|abi| abi.name).collect::<Vec<_>>());
}

#[test]
fn exemplary_policies_give_no_warnings() {
    for name in ["addresses", "docker-default", "gs", "ls", "strict", "web-worker"] {
        let compiled = corpus::policy(&corpus::folder("policies").join(format!("{name}.flt")));
        let codes: Vec<_> = compiled.warnings().iter().map(|warning| warning.code.0).collect();
        assert!(codes.is_empty(), "{name}: {codes:?}");
    }
}

#[test]
fn every_rule_of_the_corpus_is_shown_to_decide() {
    use filterc::lints::facts;
    use filterc_check::rules::Answer;
    use filterc_hir::eval::{Reason, decide};
    use filterc_hir::policy::RuleId;
    for compiled in corpus::policies() {
        let policy = compiled.policy();
        let facts = facts(policy);
        for (rule, of) in (0..).map(RuleId).zip(&facts.rules) {
            let Answer::Yes(witness) = of.decides else {
                panic!("{}: {rule:?} {of:?}", compiled.name());
            };
            let call = facts.call(witness);
            assert_eq!(decide(policy, &call).reason, Reason::Rule(rule), "{}", compiled.name());
        }
    }
}

#[test]
fn the_corpus_has_the_warnings_that_it_is_known_for() {
    let mut told = Vec::new();
    for compiled in corpus::policies() {
        let name = std::path::Path::new(compiled.name()).file_stem().unwrap().to_owned();
        let own = compiled.warnings().iter().filter(|w| filterc::lints::CODES.contains(&w.code.0));
        told.extend(own.map(|warning| (name.to_string_lossy().into_owned(), warning.code.0)));
    }
    // The workload's own redundancy.
    let known = [("argheavy", "F0324")].map(|(name, code)| (name.to_owned(), code));
    assert_eq!(told, known);
}
