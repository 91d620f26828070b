//! The eBPF programs of every policy of the corpus: proved, run by the live kernel, and no worse
//! than what the kernel makes of the filter.

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

use filterc::{CompiledModule, Goal, OptLevel, Options, Source, Target, compile_module};
use filterc_abi::{Abi, Endian, SeccompData};
use filterc_cbpf::converted::converted;
use filterc_cbpf::{code, converted_len, interpret_traced};
use filterc_ebpf::{Fixed, Host, interpret};
use filterc_hir::eval::eval;
use filterc_loader::bpf::{Loaded, Log, Program, ProgramKind, ProgramSpec};
use filterc_testkit::{boundary, corpus, params};

/// Calls for each policy: two million take some ten seconds.
const MAX_CALLS: usize = 60_000;

/// A policy, with a value for each of its parameters.
struct Subject {
    source: Source,
    options: Options,
    /// Its ABIs on x86_64.
    here: Vec<&'static Abi>,
}

fn subjects(options: &Options) -> impl Iterator<Item = Subject> {
    corpus::files("policies", "flt").into_iter().map(|path| {
        let compiled = corpus::policy(&path);
        let names = compiled.policy().params().iter().map(|param| param.name.clone());
        let values = params::sets(compiled.policy()).into_iter().next().unwrap_or_default();
        let params = names.zip(values).collect();
        let abis = compiled.policy().abis().iter().map(|part| part.abi());
        let here = abis.filter(|abi| abi.kernel_arch == "x86").collect();
        Subject {
            source: Source::read(&path).unwrap(),
            options: Options { params, ..options.clone() },
            here,
        }
    })
}

fn module(subject: &Subject, target: Target) -> CompiledModule {
    let options = Options { target, ..subject.options.clone() };
    compile_module(&subject.source, &options).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn the_kernel_runs_them_and_agrees() {
    for subject in subjects(&corpus::options()) {
        let compiled = module(&subject, Target::Syscall);
        for program in compiled.programs() {
            assert!(program.proof().is_some(), "{}", compiled.name());
            let unit = &program.module().units[0];
            let (kind, name, log) = (ProgramKind::Syscall, &*unit.name, Log::Refusals);
            let spec = ProgramSpec { kind, name, license: c"GPL", log, maps: &[] };
            let loaded = match Program::load(&unit.insns, &spec) {
                Ok(loaded) => loaded,
                Err(refusal) if refusal.error.is_unavailable() => {
                    println!("skipped: {refusal}");
                    return;
                }
                Err(refusal) => panic!("{}: {refusal}", compiled.name()),
            };
            // What is for another machine is accepted, but would find the words elsewhere.
            if program.endian() != Endian::HOST {
                continue;
            }
            let policy = compiled.policy().of_order(Endian::HOST);
            let calls = boundary::calls(&policy, 200);
            let stride = calls.len().div_ceil(MAX_CALLS).max(1);
            let mut count = 0;
            for call in calls.iter().step_by(stride) {
                let mut context = call.to_bytes(Endian::HOST);
                let ret = loaded.test_run(&mut context).unwrap();
                assert_eq!(ret, eval(&policy, call).to_ret(), "{}: {call:x?}", compiled.name());
                count += 1;
            }
            println!("{}: {count} calls", compiled.name());
        }
    }
}

#[test]
fn they_are_proved_at_every_level_and_for_every_goal() {
    let levels = [OptLevel::O0, OptLevel::O1, OptLevel::O2].map(|level| (level, Goal::Balanced));
    let goals = [Goal::Size, Goal::Speed].map(|goal| (OptLevel::O2, goal));
    for (opt_level, goal) in levels.into_iter().chain(goals) {
        for subject in subjects(&Options { opt_level, goal, ..corpus::options() }) {
            let compiled = module(&subject, Target::Syscall);
            let proved = compiled.programs().all(|program| program.proof().is_some());
            assert!(proved, "{} {opt_level:?} {goal:?}", compiled.name());
        }
    }
}

#[test]
fn the_kernel_takes_the_programs_of_all_targets() {
    let (mut count, mut others) = (0, 0);
    for target in [Target::Syscall, Target::RawTracepoint, Target::TracepointBtf] {
        for subject in subjects(&Options { prove: false, ..corpus::options() }) {
            // A program is for the kernel of one machine, and this one's is told from others'.
            let is_other = target != Target::Syscall && subject.here.is_empty();
            let is_here = target == Target::Syscall || subject.here.is_empty();
            let abis = if is_here { None } else { Some(subject.here) };
            let options = Options { target, abis, ..subject.options };
            let compiled = match compile_module(&subject.source, &options) {
                Ok(compiled) => compiled,
                Err(errors) if errors.list.iter().any(|error| error.code.0 == "F0261") => continue,
                Err(errors) => panic!("{errors}"),
            };
            for program in compiled.programs() {
                match Loaded::load(program.module()) {
                    Ok(_) if !is_other => count += 1,
                    Err(error) if is_other && error.code() == "F0867" => others += 1,
                    Ok(_) => panic!("{} {target:?} is of another machine", compiled.name()),
                    Err(error) if matches!(error.code(), "F0835" | "F0836" | "F0838") => {
                        println!("skipped: {error}");
                        return;
                    }
                    Err(error) => panic!("{} {target:?}: {error}", compiled.name()),
                }
            }
        }
    }
    assert!(count > 35 && others > 1, "{count} {others}");
}

/// The kernel follows long chains of rules once, as ours does.
#[test]
fn the_kernel_takes_long_chains_of_rules() {
    let rule = |i: u32| {
        let (flags, mode) = (i * 2 + 10, i + 7);
        format!("errno({}) open if flags == {flags} && mode != {mode}\n", i % 3000 + 2)
    };
    let text = format!("arch x86_64\n{}", (0..2000).map(rule).collect::<String>());
    let opt_level = OptLevel::O0;
    let options = Options { target: Target::Syscall, prove: false, opt_level, ..corpus::options() };
    let compiled = compile_module(&Source::text("chain.flt", text), &options);
    let module = compiled.map(|compiled| compiled.program().module().clone());
    match Loaded::load(&module.unwrap()) {
        Ok(_) => (),
        Err(error) if matches!(error.code(), "F0835" | "F0836" | "F0838") => {
            println!("skipped: {error}");
        }
        Err(error) => panic!("{}", error.code()),
    }
}

/// Instructions that a call runs.
fn steps(program: &filterc::ModuleProgram, call: &SeccompData) -> u64 {
    let mut host = Host::new(Fixed::default(), program.endian());
    let mut context = call.to_bytes(program.endian());
    interpret(program.decide().program(), &mut host, &mut context, u64::MAX).unwrap().steps
}

/// Instructions that a call runs of what the kernel makes of a filter.
fn converted_steps(filter: &filterc::CompiledProgram, call: &SeccompData) -> u64 {
    let insns = filter.insns();
    let pcs = interpret_traced(filter.verified(), call, filter.endian()).pcs;
    let run = pcs.iter().zip(pcs.iter().skip(1).chain([&usize::MAX])).map(|(pc, next)| {
        let (insn, all) = (insns[*pc], converted(&insns[*pc]));
        let is_branch = insn.code & 7 == code::JMP && insn.code & 0xf0 != code::JA;
        // The jump for those that it does not hold for comes second, and is the last one.
        let has_two = is_branch && insn.jt != 0 && insn.jf != 0;
        let holds = *next == pc + 1 + usize::from(insn.jt);
        if has_two && holds { all - 1 } else { all }
    });
    3 + run.sum::<usize>() as u64
}

/// The kernel turns a filter into its own instructions; what is made of the policy at once is
/// neither longer, nor do its calls run more of it.
#[test]
fn they_are_no_worse_than_filters_that_the_kernel_converts() {
    let options = Options { bitmap: false, prove: false, ..corpus::options() };
    for subject in subjects(&options) {
        let module = module(&subject, Target::Syscall);
        let filter = filterc::compile(&subject.source, &subject.options).unwrap();
        for (program, filter) in module.programs().zip(filter.programs()) {
            let (ours, theirs) = (program.insns().len(), converted_len(filter.verified()));
            let calls = boundary::calls(&module.policy().of_order(program.endian()), 20);
            let (mut run, mut run_converted) = (0, 0);
            for call in calls.iter().step_by(calls.len().div_ceil(20_000)) {
                run += steps(program, call);
                run_converted += converted_steps(filter, call);
            }
            let name = format!("{} {:?}", module.name(), program.endian());
            let part = run as f64 / run_converted as f64;
            println!("{name}: {ours} slots, converted {theirs}; run {part:.3} of converted");
            assert!(ours <= theirs, "{name}: {ours} slots, converted {theirs}");
            assert!(run <= run_converted, "{name}: {run} steps, converted {run_converted}");
        }
    }
}
