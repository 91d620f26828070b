//! Our programs beside those that other compilers make of the same policies: none of ours is
//! larger, and none runs more instructions for the recorded calls. Counted, not timed.
//!
//! The peers are Debian's libseccomp, as a list and as a tree, and rust-vmm's seccompiler. See
//! `filterc_testkit::peers` for how they are told a policy; that they decide as we do where
//! they have been told is held here, too.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skipped"
)]

use std::collections::BTreeSet;

use filterc::{Options, Source, compile};
use filterc_abi::{Action, Endian, SeccompData};
use filterc_cbpf::{Verified, interpret, verify};
use filterc_hir::eval::eval;
use filterc_hir::policy::Policy;
use filterc_ir::{self as ir, Objective};
use filterc_testkit::libseccomp::{Level, Libseccomp};
use filterc_testkit::neutral::{self, Workload};
use filterc_testkit::peers::{Flat, seccompiler};
use filterc_testkit::{boundary, corpus, measure};

const ENDIAN: Endian = Endian::Little;

/// The policies of the corpus that are for x86_64, as if they were for nothing else, and the
/// neutral workloads.
fn subjects() -> Vec<(String, Source)> {
    let corpus = corpus::files("policies", "flt").into_iter().map(|path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, Source::read(&path).unwrap())
    });
    let neutral = neutral::NAMES.into_iter().map(|name| {
        let text = Workload::load(name).policy("x86_64", "kill_process");
        (format!("neutral {name}"), Source::text(name, text))
    });
    corpus.chain(neutral).collect()
}

/// The policy's part for x86_64, and a program for it alone; `None` if it has none.
fn compiled(source: &Source) -> Option<(Policy, Verified)> {
    let options = Options { prove: false, ..corpus::options() };
    let all = compile(source, &options).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    let policy = all.policy();
    let part = policy.abi(filterc_abi::x86_64())?;
    if policy.abis().len() == 1 {
        return Some((policy.clone(), all.program().verified().clone()));
    }
    let (foreign, rules) = (policy.foreign_action(), policy.rules().to_vec());
    let policy = Policy::new(vec![part.clone()], foreign, rules);
    let objective = Objective::default();
    let dag = ir::build(&policy, ENDIAN).unwrap();
    let dag = ir::passes::run(dag, options.opt_level.number(), &objective, &mut |_, _| ());
    let object = filterc_codegen::cbpf::emit(&dag, &objective).unwrap();
    Some((policy, verify(&object.insns).unwrap()))
}

/// What a peer makes of a policy, and the numbers that it was not told about.
struct Made {
    program: Verified,
    left_out: BTreeSet<u32>,
}

/// What each peer makes of a policy, or why it makes nothing.
fn peers(
    flat: &Flat,
    libseccomp: &Result<Libseccomp, String>,
) -> Vec<(&'static str, Result<Made, String>)> {
    let of_libseccomp = |level| {
        let libseccomp = libseccomp.as_ref().map_err(String::clone)?;
        let program = libseccomp.compile(&flat.libseccomp()?, level);
        Ok(Made { program, left_out: BTreeSet::new() })
    };
    let of_seccompiler = || {
        let rules = seccompiler::Rules::of(flat)?;
        let program = seccompiler::verified(&rules.compile()?)?;
        Ok(Made { program, left_out: rules.left_out().clone() })
    };
    vec![
        ("libseccomp, list", of_libseccomp(Level::List)),
        ("libseccomp, tree", of_libseccomp(Level::Tree)),
        ("seccompiler", of_seccompiler()),
    ]
}

/// The peer decides as the policy does, for the numbers that it was told about.
fn assert_same(policy: &Policy, flat: &Flat, theirs: &Made, what: &str) {
    let arch = filterc_abi::x86_64().audit_arch;
    let calls = boundary::calls(policy, 64);
    let told = |nr: u32| flat.numbers.contains(&nr) && !theirs.left_out.contains(&nr);
    for call in calls.iter().filter(|call| call.arch == arch && told(call.nr.cast_unsigned())) {
        let (want, got) = (eval(policy, call).to_ret(), interpret(&theirs.program, call, ENDIAN));
        assert_eq!(got, want, "{what}: {call:x?}");
    }
}

#[test]
fn no_program_is_larger_or_slower_than_a_peers() {
    let libseccomp = Libseccomp::build();
    let mut worse = Vec::new();
    for (name, source) in subjects() {
        let Some((policy, ours)) = compiled(&source) else {
            println!("skipped: {name}: it is not for x86_64");
            continue;
        };
        let flat = match Flat::of(&policy) {
            Ok(flat) => flat,
            Err(reason) => {
                println!("skipped: {name}: no peer can be told {reason}");
                continue;
            }
        };
        let cost = |program: &Verified| (program.insns().len(), measure::executed(program));
        let own = cost(&ours);
        println!("{name}: {} instructions, {:.2} run", own.0, own.1);
        for (peer, made) in peers(&flat, &libseccomp) {
            match made {
                Ok(theirs) => {
                    assert_same(&policy, &flat, &theirs, &format!("{peer}: {name}"));
                    let its = cost(&theirs.program);
                    println!("    {peer}: {} instructions, {:.2} run", its.0, its.1);
                    if own.0 > its.0 || own.1 > its.1 + 1e-9 {
                        worse.push(format!("{name}: {own:?}, {peer} {its:?}"));
                    }
                }
                Err(reason) => println!("    skipped: {peer}: {reason}"),
            }
        }
    }
    assert!(worse.is_empty(), "{worse:#?}");
}

/// libseccomp 2.5.4 does not come back from these two rules for one call.
#[test]
fn two_rules_that_a_peer_never_finishes() {
    let text = "arch x86_64\nkernel 6.18\ndefault errno(EPERM)\n\
         allow write if args[1] <= 1024 && args[2] <= 0x7fffffff\n\
         allow write if args[1] <= 1024 && args[2] == 0xffffffff\n";
    let compiled = compile(&Source::text("two.flt", text), &corpus::options());
    let compiled = compiled.unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    let program = compiled.program();
    // Proved, and so decided, for every call; here are those at the edges.
    assert!(program.proof().is_some());
    let values = [0, 1024, 1025, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 32];
    for (a1, a2) in values.iter().flat_map(|a1| values.iter().map(move |a2| (*a1, *a2))) {
        let call = SeccompData {
            nr: 1,
            arch: filterc_abi::x86_64().audit_arch,
            args: [0, a1, a2, 0, 0, 0],
            ..SeccompData::default()
        };
        let allowed = a1 <= 1024 && (a2 <= 0x7fff_ffff || a2 == 0xffff_ffff);
        let expected = if allowed { Action::Allow } else { Action::Errno(1) };
        assert_eq!(interpret(program.verified(), &call, ENDIAN), expected.to_ret(), "{call:x?}");
    }
}
