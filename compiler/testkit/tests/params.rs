//! Policies with parameters: all engines agree for many values, the proof holds for all of them,
//! faults of the table are refuted, and a patched program is the policy with constants.

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

use filterc::{Compiled, CompiledProgram, Options, Source, compile};
use filterc_abi::{Endian, SeccompData};
use filterc_cbpf::{Insn, Site, Template, code, encode, interpret};
use filterc_certify::sides::emptied;
use filterc_certify::value::Part;
use filterc_certify::{Certificate, cbpf, sha256};
use filterc_check::{
    Budget, Counterexample, NoCertificate, Side, Stated, Verdict, certificate, certificate_of,
    differences, equivalent,
};
use filterc_codegen as codegen;
use filterc_hir::eval::{eval, eval_with};
use filterc_hir::policy::Policy;
use filterc_ir as ir;
use filterc_loader::probe::{self, Call, Decision, ProbeError};
use filterc_testkit::{agree, boundary, corpus, mutants, params};

fn policies() -> Vec<Compiled> {
    corpus::files("params", "flt").iter().map(|path| corpus::policy(path)).collect()
}

fn judge(policy: &Policy, template: &Template, endian: Endian) -> Verdict {
    let (left, right) = (Side::Policy(policy), Side::Template(template));
    equivalent(left, right, endian, &Budget::default())
}

#[test]
fn engines_agree_for_many_values() {
    for compiled in policies() {
        assert!(compiled.programs().all(CompiledProgram::is_unpatched));
        let tried = agree::assert_agreement_of_params(&compiled);
        println!("{}: {tried} calls", compiled.name());
    }
}

#[test]
fn every_pass_is_proved_for_all_values_at_every_level() {
    let (mut proofs, objective) = (0, ir::Objective::default());
    for compiled in policies() {
        for endian in compiled.programs().map(CompiledProgram::endian) {
            for level in 0..=2 {
                let mut prove = |stage: &str, dag: &ir::Dag| {
                    let dag = ir::passes::run(dag.clone(), 0, &objective, &mut |_, _| ());
                    let object = codegen::cbpf::emit(&dag, &objective).unwrap();
                    let template = Template::new(&object.insns, &object.sites).unwrap();
                    let verdict = judge(compiled.policy(), &template, endian);
                    let proved = matches!(verdict, Verdict::Equal(_));
                    assert!(proved, "{} -O{level}, {stage}: {verdict:?}", compiled.name());
                    proofs += 1;
                };
                let dag = ir::build(compiled.policy(), endian).unwrap();
                prove("build", &dag);
                let _ = ir::passes::run(dag, level, &objective, &mut |pass, dag| prove(pass, dag));
            }
        }
    }
    println!("{proofs} proofs");
}

/// A counterexample is one: both sides, run anew, say what it says.
fn assert_real(policy: &Policy, template: &Template, endian: Endian, found: &Counterexample) {
    let policy = policy.of_order(endian);
    let expected = eval_with(&policy, &found.params, &found.call).to_ret();
    assert_eq!(expected, eval(&policy.bound(&found.params), &found.call).to_ret());
    let actual = interpret(&template.patch(&found.params).unwrap(), &found.call, endian);
    assert_ne!(expected, actual, "{found:x?}");
    assert_eq!((expected, actual), (found.left, found.right), "{found:x?}");
}

/// Tables with one fault.
fn faults(program: &[Insn], sites: &[Site]) -> Vec<(String, Vec<Insn>, Vec<Site>)> {
    let mut faults = Vec::new();
    for (at, site) in sites.iter().enumerate() {
        let mut change = |what: &str, to: Site| {
            let mut changed = sites.to_vec();
            changed[at] = to;
            faults.push((format!("{site:?}: {what}"), program.to_vec(), changed));
        };
        change("wrong half", Site { high: !site.high, ..*site });
        change("next parameter", Site { param: site.param + 1, ..*site });
        if site.param > 0 {
            change("parameter before", Site { param: site.param - 1, ..*site });
        }
        for bit in [0, 7, 15, 31] {
            change("a bit less or more", Site { mask: site.mask ^ 1 << bit, ..*site });
        }
        for pc in 0..program.len() {
            if program[pc].code == program[site.pc].code {
                change("wrong place", Site { pc, ..*site });
            }
        }
        for k in [0, 1, u32::MAX] {
            let (mut constant, mut without) = (program.to_vec(), sites.to_vec());
            constant[site.pc].k = k;
            without.remove(at);
            faults.push((format!("{site:?}: constant {k:#x}"), constant, without));
        }
    }
    faults
}

#[test]
fn faults_of_a_table_are_refuted_by_a_real_call() {
    let (mut equal, mut different) = (0, 0);
    for compiled in policies() {
        for program in compiled.programs() {
            let (sites, endian) = (&program.table().sites, program.endian());
            let all = faults(program.insns(), sites);
            let stride = all.len().div_ceil(250).max(1);
            for (what, insns, sites) in all.iter().step_by(stride) {
                let Ok(template) = Template::new(insns, sites) else { continue };
                match judge(compiled.policy(), &template, endian) {
                    Verdict::Differ(found) => {
                        assert_real(compiled.policy(), &template, endian, &found);
                        different += 1;
                    }
                    Verdict::Equal(_) => {
                        assert_same(&compiled, &template, endian, what);
                        equal += 1;
                    }
                    verdict @ Verdict::Unknown(_) => panic!("{what}: {verdict:?}"),
                }
            }
        }
    }
    println!("faults of tables: {different} refuted, {equal} proved to be none");
    // Some sites are asked twice on one way, or moved to themselves.
    assert!(different > 500 && equal * 4 < different, "{different}, {equal}");
}

/// What is said to be equal is so for some values and calls.
fn assert_same(compiled: &Compiled, template: &Template, endian: Endian, what: &str) {
    let policy = compiled.policy().of_order(endian);
    for values in params::sets(&policy).iter().step_by(5) {
        let bound = policy.bound(&params::bits(values));
        let patched = template.patch(&params::bits(values)).unwrap();
        for call in boundary::calls(&bound, 8).iter().step_by(11) {
            let (expected, actual) = (eval(&bound, call), interpret(&patched, call, endian));
            assert_eq!(expected.to_ret(), actual, "{what}, {values:?}: {call:x?}");
        }
    }
}

#[test]
fn mutants_of_templates_are_judged_rightly() {
    let (mut equal, mut different) = (0, 0);
    for compiled in policies() {
        for program in compiled.programs() {
            let (sites, endian) = (&program.table().sites, program.endian());
            let all: Vec<_> = mutants::of(program.insns()).collect();
            let stride = all.len().div_ceil(300).max(1);
            for (what, mutant) in all.iter().step_by(stride) {
                let Ok(template) = Template::new(mutant.insns(), sites) else { continue };
                match judge(compiled.policy(), &template, endian) {
                    Verdict::Differ(found) => {
                        assert_real(compiled.policy(), &template, endian, &found);
                        different += 1;
                    }
                    Verdict::Equal(_) => {
                        assert_same(&compiled, &template, endian, what);
                        equal += 1;
                    }
                    verdict @ Verdict::Unknown(_) => panic!("{what}: {verdict:?}"),
                }
            }
        }
    }
    println!("mutants: {different} refuted, {equal} proved equal");
    assert!(different > 1000);
}

/// The policy's text with `const` definitions in place of its parameters.
fn with_constants(text: &str, policy: &Policy, values: &[i128]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (param, value) in policy.params().iter().zip(values) {
        let start = format!("param {}:", param.name);
        let line = lines.iter_mut().find(|line| line.starts_with(&start)).unwrap();
        *line = format!("const {} = {value}", param.name);
    }
    lines.join("\n")
}

#[test]
fn a_patched_program_is_the_policy_with_constants() {
    let (mut same, mut refused) = (0, 0);
    for (compiled, path) in policies().iter().zip(corpus::files("params", "flt")) {
        for values in params::sets(compiled.policy()) {
            let names = compiled.policy().params().iter().map(|param| param.name.clone());
            let params: Vec<(String, i128)> = names.zip(values.iter().copied()).collect();
            let source = Source::read(&path).unwrap();
            let options = Options { params, ..corpus::options() };
            let patched = compile(&source, &options).unwrap_or_else(|e| panic!("{e}"));
            let text = with_constants(&corpus::text(&path), compiled.policy(), &values);
            // A constant with which a test is always or never true is refused, a value is not.
            let Ok(constant) = compile(&Source::text("constant.flt", text), &corpus::options())
            else {
                refused += 1;
                continue;
            };
            for (a, b) in patched.programs().zip(constant.programs()) {
                assert!(!a.is_unpatched() && a.proof().is_some());
                let sides = (Side::Program(a.verified()), Side::Program(b.verified()));
                let verdict = equivalent(sides.0, sides.1, a.endian(), &Budget::default());
                assert!(matches!(verdict, Verdict::Equal(_)), "{values:?}: {verdict:?}");
                same += 1;
            }
            let (left, right) = (patched.policy(), constant.policy());
            for call in boundary::calls(right, 10) {
                assert_eq!(eval(left, &call), eval(right, &call), "{values:?}: {call:x?}");
            }
        }
    }
    println!("{same} programs are those of constants; {refused} sets make no policy of constants");
    assert!(same > 30, "{same}");
}

#[test]
fn differences_and_certificates_know_parameters() {
    let compile = |text: &str| {
        compile(&Source::text("test.flt", text), &corpus::options())
            .unwrap_or_else(|e| panic!("{e}"))
    };
    let one = compile("arch x86_64\nparam p: fd\nallow close if fd == p\n");
    let other = compile("arch x86_64\nparam p: fd\nallow close if fd == p || fd == 7\n");
    let (left, right) = (Side::Policy(one.policy()), Side::Policy(other.policy()));
    let found = differences(left, right, Endian::Little, &Budget::default()).unwrap();
    assert_eq!(found.len(), 1);
    let difference = &found[0];
    assert_eq!((difference.nr, difference.witness.args[0] & 0xffff_ffff), ((3, 3), 7));
    assert_ne!(difference.params[0] & 0xffff_ffff, 7);
    // One descriptor of 2³², and all values but one.
    let pairs = filterc_check::Count::power_of_two(448 + 64 - 64).times((1 << 32) - 1);
    assert_eq!(difference.count, pairs);
    let program = one.program();
    // Without its sites, it compares with 0.
    let made = certificate(one.policy(), program.bytes(), program.endian(), [0; 32]);
    assert_eq!(made, Err(NoCertificate::Different));
    let made = filterc::certificate::certificate(&one, program).unwrap();
    assert!(filterc::certificate::certificate(&other, program).is_err());
    // It holds for the program as it stands, and for those that it is patched to.
    let template = params::template(program);
    for value in [0, 7, 0x8000_0001] {
        let patched = template.patch(&[value]).unwrap();
        let bytes = encode(patched.insns(), Endian::Little);
        let accepted = filterc_certify::check(&made, &bytes).unwrap();
        assert_eq!(accepted.params, [(0xffff_ffff, value)]);
    }
}

/// With other sites; only then what is judged is they.
fn with_sites(made: &[u8], sites: &[Site], program: &[u8]) -> Vec<u8> {
    let read = Certificate::read(made).unwrap();
    let site = |site: &Site| {
        let part = Part { word: 16 + 2 * site.param + u8::from(site.high), mask: site.mask };
        cbpf::Site { pc: u32::try_from(site.pc).unwrap(), part }
    };
    let sites: Vec<cbpf::Site> = sites.iter().map(site).collect();
    let [policy, filter] = read.sides;
    let (empty, _) = emptied(program, read.big_endian, &sites).unwrap_or_default();
    let filter = filterc_certify::Side { digest: sha256::of(&empty), ..filter };
    Certificate { sites, sides: [policy, filter], ..read }.write()
}

#[test]
fn certificates_hold_for_all_values_at_every_level() {
    let (mut made, mut leaves, objective) = (0, 0, ir::Objective::default());
    for compiled in policies() {
        for endian in compiled.programs().map(CompiledProgram::endian) {
            for level in 0..=2 {
                let dag = ir::build(compiled.policy(), endian).unwrap();
                let dag = ir::passes::run(dag, level, &objective, &mut |_, _| ());
                let object = codegen::cbpf::emit(&dag, &objective).unwrap();
                let bytes = encode(&object.insns, endian);
                let policy = Stated::Policy(compiled.policy());
                let filter = Stated::Cbpf(&bytes, &object.sites);
                let certificate = certificate_of(policy, filter, endian, [0; 32]);
                let of = || format!("{} -O{level}", compiled.name());
                let certificate = certificate.unwrap_or_else(|why| panic!("{}: {why}", of()));
                leaves += filterc_certify::check(&certificate, &bytes).unwrap().leaves;
                made += 1;
                // A program with values is the same; one that takes them from elsewhere is not.
                let template = Template::new(&object.insns, &object.sites).unwrap();
                for values in params::sets(compiled.policy()).iter().take(6) {
                    let values = params::bits(values);
                    let patched = encode(template.patch(&values).unwrap().insns(), endian);
                    let accepted = filterc_certify::check(&certificate, &patched).unwrap();
                    for (value, (mask, found)) in values.iter().zip(accepted.params) {
                        assert_eq!(found, value & mask, "{}", of());
                    }
                }
            }
        }
    }
    println!("{made} certificates, {leaves} leaves");
}

#[test]
fn certificates_with_faults_in_their_sites_are_refused() {
    let (mut refused, mut equal) = (0, 0);
    for compiled in policies() {
        for program in compiled.programs() {
            let (table, endian) = (program.table(), program.endian());
            let made = filterc::certificate::certificate(&compiled, program).unwrap();
            let all = faults(program.insns(), &table.sites);
            for (what, insns, sites) in all.iter().step_by(all.len().div_ceil(120).max(1)) {
                let bytes = encode(insns, endian);
                let changed = with_sites(&made, sites, &bytes);
                if filterc_certify::check(&changed, &bytes).is_err() {
                    refused += 1;
                    continue;
                }
                let template = Template::new(insns, sites).unwrap();
                let verdict = judge(compiled.policy(), &template, endian);
                assert!(matches!(verdict, Verdict::Equal(_)), "{}: {what}", compiled.name());
                equal += 1;
            }
        }
    }
    println!("{refused} refused, {equal} accepted that are equal");
    assert!(refused > 10 * equal && refused > 300);
}

#[test]
fn a_program_with_two_values_for_a_parameter_is_refused() {
    let text = "arch x86_64\nparam p: fd\nallow close if fd == p\nallow dup3 if newfd == p\n";
    let compiled = compile(&Source::text("test.flt", text), &corpus::options()).unwrap();
    let program = compiled.program();
    let made = filterc::certificate::certificate(&compiled, program).unwrap();
    let mut insns = program.insns().to_vec();
    assert_eq!(program.table().sites.len(), 2);
    let check = |insns: &[Insn]| filterc_certify::check(&made, &encode(insns, Endian::Little));
    for (site, accepted) in program.table().sites.iter().zip([false, true]) {
        insns[site.pc].k = 5;
        assert_eq!(check(&insns).is_ok(), accepted);
    }
    assert_eq!(check(&insns).unwrap().params, [(0xffff_ffff, 5)]);
    // Anything else of the program is not a parameter's.
    insns[program.table().sites[0].pc].jt ^= 1;
    assert!(check(&insns).is_err());
}

#[test]
fn values_may_make_a_test_constant() {
    let text = "arch i386\nparam p: s32\nallow nice if increment < p\n\
                allow close if (fd & 0xf0) == p\n";
    let compiled = compile(&Source::text("test.flt", text), &corpus::options()).unwrap();
    let call = |nr, arg: u64| SeccompData {
        nr,
        arch: 0x4000_0003,
        args: [arg, 0, 0, 0, 0, 0],
        ..SeccompData::default()
    };
    let template = params::template(compiled.program());
    let allows = |value: i128, call: &SeccompData| {
        let patched = template.patch(&params::bits(&[value])).unwrap();
        interpret(&patched, call, Endian::Little) == 0x7fff_0000
    };
    let nice = call(34, 0xffff_ffff_8000_0000);
    // Nothing is less than the least.
    assert!(!allows(-0x8000_0000, &nice) && allows(-0x7fff_ffff, &nice));
    // No value under the mask has bits outside it.
    assert!(allows(0x30, &call(6, 0xf3f)) && !allows(0x31, &call(6, 0xf3f)));
}

#[test]
fn the_kernel_agrees_on_patched_programs() {
    let mut asked = 0;
    for compiled in policies() {
        let program = compiled.program_for(Endian::HOST);
        if program.endian() != Endian::HOST {
            continue;
        }
        let names: Vec<&str> =
            compiled.policy().params().iter().map(|param| param.name.as_str()).collect();
        for values in params::sets(compiled.policy()).iter().step_by(4) {
            let given: Vec<_> = names.iter().copied().zip(values.iter().copied()).collect();
            // As a loader does: from bytes.
            let patched = filterc_loader::patch(program.bytes(), program.table(), &given).unwrap();
            let policy = compiled.policy().bound(&params::bits(values));
            let calls: Vec<Call> =
                boundary::calls(&policy, 60).iter().filter_map(Call::of).collect();
            let stride = calls.len().div_ceil(6000).max(1);
            let calls: Vec<Call> = calls.into_iter().step_by(stride).collect();
            let decisions = match probe::decisions(&patched, &calls) {
                Ok(decisions) => decisions,
                Err(ProbeError::Unavailable(reason)) => {
                    println!("skipped: {reason}");
                    return;
                }
                Err(error) => panic!("{error}"),
            };
            for (call, decision) in calls.iter().zip(decisions) {
                let data = call.seccomp_data();
                let expected = Decision::Ret(eval(&policy, &data).to_ret());
                let exempt = decision == Decision::Exempt;
                assert!(exempt || decision == expected, "{values:?}: {data:x?}: {decision:x?}");
                asked += 1;
            }
        }
    }
    println!("{asked} real calls");
}

#[test]
fn no_instruction_is_chosen_by_the_value_of_a_placeholder() {
    for compiled in policies() {
        for program in compiled.programs() {
            for site in program.table().sites.iter() {
                let Insn { code, k, .. } = program.insns()[site.pc];
                // A test of bits would take the constant for a mask.
                assert!(k == 0 && code != code::JMP | code::JSET | code::K, "{site:?}");
            }
        }
    }
}
