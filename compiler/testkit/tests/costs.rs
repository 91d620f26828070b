//! What the corpus costs, as a committed table: a change of a pass shows there what it does to
//! every policy. And that the cost model counts what really runs.

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

use std::fmt::Write as _;
use std::path::Path;

use filterc::cost::{Cost, cost};
use filterc::{Compiled, CompiledProgram, OptLevel, Options, Profile, Source, compile};
use filterc_abi::Endian;
use filterc_cbpf::{converted_len, interpret_counted};
use filterc_testkit::neutral::{Workload, recordings};
use filterc_testkit::{corpus, measure};

const NEUTRAL: &[&str] = &["docker", "small", "argheavy"];
const LEVELS: &[OptLevel] = &[OptLevel::O0, OptLevel::O1, OptLevel::O2];

fn compiled(source: &Source, options: &Options) -> Compiled {
    let options = Options { prove: false, ..options.clone() };
    compile(source, &options).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

fn neutral(name: &str) -> Source {
    Source::text(name, Workload::load(name).policy("x86_64", "kill_process"))
}

/// All policies by name, the neutral workloads first.
fn subjects() -> Vec<(String, Source)> {
    let stem = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    let files = corpus::files("policies", "flt");
    let neutral = NEUTRAL.iter().map(|name| (format!("neutral/{name}"), neutral(name)));
    neutral.chain(files.iter().map(|path| (stem(path), Source::read(path).unwrap()))).collect()
}

fn executed(program: &CompiledProgram) -> String {
    let is_of_streams = program.abi_names().contains(&"x86_64");
    let mean = || format!("{:.2}", measure::executed(program.verified()));
    if is_of_streams { mean() } else { "–".to_owned() }
}

/// Columns: instructions at each level; at the highest, after the kernel's conversion, executed by a
/// call of the recordings (no profile), expected by the cost model, the longest path, calls in
/// the bitmap of those that are always allowed, and instructions emulated at install.
#[test]
fn what_the_corpus_costs() {
    let mut table = format!(
        "{:24} {:>5} {:>5} {:>5} {:>9} {:>8} {:>8} {:>5} {:>11} {:>8}\n",
        "policy",
        "O0",
        "O1",
        "O2",
        "converted",
        "executed",
        "expected",
        "worst",
        "bitmap",
        "install"
    );
    for (name, source) in subjects() {
        let levels: Vec<Compiled> = LEVELS
            .iter()
            .map(|level| compiled(&source, &Options { opt_level: *level, ..corpus::options() }))
            .collect();
        for (index, program) in levels[2].programs().enumerate() {
            let order = match program.endian() {
                _ if levels[2].programs().count() == 1 => "",
                Endian::Little => " (le)",
                Endian::Big => " (be)",
            };
            let insns = |level: usize| levels[level].programs().nth(index).unwrap().insns().len();
            let cost = cost(&levels[2], program);
            let sum = |of: &dyn Fn(&filterc::cost::AbiCost) -> usize| -> usize {
                cost.abis.iter().map(of).sum()
            };
            let bitmap = format!("{}/{}", sum(&|abi| abi.cached), sum(&|abi| abi.allowed));
            writeln!(
                table,
                "{:24} {:5} {:5} {:5} {:9} {:>8} {:8.2} {:5} {bitmap:>11} {:8}",
                format!("{name}{order}"),
                insns(0),
                insns(1),
                insns(2),
                cost.converted,
                executed(program),
                cost.expected_path,
                cost.worst_path,
                sum(&|abi| abi.install),
            )
            .unwrap();
        }
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false,
        snapshot_path => "../../../corpus/costs" }, {
        insta::assert_snapshot!("costs", table);
    });
}

/// What is promised of the neutral workloads, whatever else the objective weighs: instructions,
/// instructions run without a profile and with one, and the longest path.
#[test]
fn the_neutral_workloads_keep_their_bounds() {
    let bounds = [
        ("docker", 92, 7.0, 6.5, 22),
        ("small", 20, 7.8, 7.2, 10),
        ("argheavy", 720, 16.5, 15.5, 60),
    ];
    for (name, insns, run, run_trained, worst) in bounds {
        let plain = compiled(&neutral(name), &corpus::options());
        let program = plain.program();
        assert!(program.insns().len() <= insns, "{name}: {} instructions", program.insns().len());
        assert!(measure::executed(program.verified()) <= run, "{name}");
        let longest = filterc::cost::longest_path(program.insns());
        assert!(longest <= worst, "{name}: {longest}");
        let trained = Options { profile: Some(measure::trained()), ..corpus::options() };
        let trained = compiled(&neutral(name), &trained);
        let ran = measure::executed(trained.program().verified());
        assert!(ran <= run_trained, "{name}: {ran} with a profile");
    }
}

/// The whole is the sum of its parts.
#[test]
fn rules_add_up() {
    for (name, source) in subjects() {
        let compiled = compiled(&source, &corpus::options());
        for program in compiled.programs() {
            let Cost { insns, converted, expected_path, rules, abis, dispatch, .. } =
                cost(&compiled, program);
            assert_eq!(insns, rules.iter().map(|rule| rule.insns).sum::<usize>(), "{name}");
            let of_rules = rules.iter().map(|rule| rule.converted).sum::<usize>();
            assert_eq!(converted, of_rules + 3, "{name}");
            assert_eq!(converted, converted_len(program.verified()), "{name}");
            let executed: f64 = rules.iter().map(|rule| rule.executed).sum();
            assert!((executed - expected_path).abs() < 1e-9, "{name}");
            let ordered = dispatch.entropy <= dispatch.entropy_of_runs + 1e-6;
            assert!(ordered && dispatch.tests >= dispatch.entropy - 1e-6, "{name}: {dispatch:?}");
            for abi in abis {
                assert!(abi.cached <= abi.allowed && abi.allowed <= abi.calls, "{name}: {abi:?}");
                assert!(abi.install >= abi.emulated as usize, "{name}: {abi:?}");
            }
        }
    }
}

/// Under a recording as the profile, the expected path is what its calls run: exactly but for
/// the sixteenth that is the ranking's, and for the calls that stand for many.
#[test]
fn expected_is_what_runs() {
    for name in NEUTRAL {
        for (recording, calls) in recordings() {
            let path = corpus::folder("streams").join(format!("{recording}.jsonl"));
            let (profile, warnings) = Profile::read(&recording, &corpus::text(&path)).unwrap();
            assert!(warnings.list.is_empty(), "{warnings}");
            let options = Options { profile: Some(profile), ..corpus::options() };
            let compiled = compiled(&neutral(name), &options);
            let program = compiled.program();
            let steps = |call| interpret_counted(program.verified(), call, Endian::Little).steps;
            let ran: f64 = calls.iter().map(|call| f64::from(steps(call))).sum();
            let ran = ran / calls.len() as f64;
            let expected = cost(&compiled, program).expected_path;
            println!("{name} {recording}: {expected:.2} expected, {ran:.2} ran");
            assert!((expected - ran).abs() < 0.06 * ran + 0.3, "{name} {recording}");
        }
    }
}
