//! Programs that other compilers make become policies: what libseccomp and seccompiler make of the
//! neutral workloads and of the corpus, and programs in the manner of kafel and minijail. The text
//! is typed, and proved to be the program.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and says what it skipped"
)]

mod shapes;

use filterc::{Options, Source, analyse};
use filterc_abi::Endian;
use filterc_cbpf::Verified;
use filterc_check::{Budget, Side, Verdict, equivalent, outcomes, precedence};
use filterc_grammar::diagnostic::Severity;
use filterc_relate::{Inexpressible, Said, policy};
use filterc_testkit::corpus;
use filterc_testkit::libseccomp::{Level, Libseccomp, abi};
use filterc_testkit::neutral::{self, Workload};
use filterc_testkit::peers::{Flat, seccompiler};

const ENDIAN: Endian = Endian::Little;

/// The policy that filters are together; of equal actions the data of the later one counts.
fn lifted(programs: &[&Verified], what: &str) -> String {
    let sides: Vec<Side<'_>> = programs.iter().map(|program| Side::Program(program)).collect();
    let parts = outcomes(&sides, ENDIAN, &Budget::default()).unwrap();
    let said = [Said { endian: ENDIAN, parts: &parts }];
    let strongest =
        |values: &[u32]| values.iter().copied().rev().min_by_key(|it| precedence(*it)).unwrap();
    policy(&said, &strongest).unwrap_or_else(|why| panic!("{what}: {why}"))
}

/// The policy that a program is, proved to be that; nothing about numbers is warned of.
fn proved(program: &Verified, what: &str) -> String {
    let text = lifted(&[program], what);
    let analysis = analyse(&Source::text("lifted", &*text), &Options::default());
    let about_numbers = ["F0307", "F0325", "F0326"];
    for diagnostic in &analysis.diagnostics {
        let fine = diagnostic.severity != Severity::Error;
        assert!(
            fine && !about_numbers.contains(&diagnostic.code.0),
            "{what}: {diagnostic:?}\n{text}"
        );
    }
    let result = analysis.policy.unwrap();
    let verdict =
        equivalent(Side::Policy(&result), Side::Program(program), ENDIAN, &Budget::default());
    assert!(matches!(verdict, Verdict::Equal(_)), "{what}: {verdict:?}\n{text}");
    text
}

fn libseccomp() -> Option<Libseccomp> {
    Libseccomp::build().inspect_err(|reason| println!("skipped: {reason}")).ok()
}

/// The corpus's policies for x86_64, as peers are told them.
fn corpus_rules() -> Vec<(String, Flat)> {
    let of = |compiled: filterc::Compiled| {
        let flat = Flat::of(compiled.policy()).inspect_err(|reason| {
            println!("skipped: {}: no peer can be told {reason}", compiled.name());
        });
        Some((compiled.name().to_owned(), flat.ok()?))
    };
    corpus::policies().into_iter().filter_map(of).collect()
}

#[test]
fn programs_of_libseccomp() {
    let Some(libseccomp) = libseccomp() else { return };
    let common = libseccomp.names().into_iter().filter(|nr| *nr <= 450).collect();
    let mut programs: Vec<(String, String)> = Vec::new();
    for name in neutral::NAMES {
        for (arches, list) in [
            ("x86_64", &[abi::X86_64][..]),
            ("x86_64, x32", &[abi::X86_64, abi::X32]),
            ("all of x86", &[abi::X86_64, abi::X86, abi::X32]),
        ] {
            // Calls that the library has no name for it adds on one ABI only.
            let workload = Workload::load(name).only(&common);
            programs.push((format!("{name} on {arches}"), workload.lines(list, 0)));
        }
    }
    for (name, flat) in corpus_rules() {
        match flat.libseccomp() {
            Ok(lines) => programs.push((name, lines)),
            Err(reason) => println!("skipped: {name}: {reason}"),
        }
    }
    assert!(programs.len() > 12);
    for (name, lines) in programs {
        let texts = [Level::List, Level::Tree]
            .map(|level| proved(&libseccomp.compile(&lines, level), &name));
        // One meaning has one text, however it was compiled.
        assert_eq!(texts[0], texts[1], "{name}");
        println!("# {name}: {} bytes, {} lines", texts[0].len(), texts[0].lines().count());
    }
}

#[test]
fn programs_of_seccompiler() {
    let mut count = 0;
    for (name, flat) in corpus_rules() {
        let rules = seccompiler::Rules::of(&flat).and_then(|rules| rules.compile());
        match rules.and_then(|program| seccompiler::verified(&program)) {
            Ok(program) => {
                proved(&program, &name);
                count += 1;
            }
            Err(reason) => println!("skipped: {name}: {reason}"),
        }
    }
    assert!(count > 4, "{count}");
}

#[test]
fn programs_in_the_manner_of_kafel_and_minijail() {
    for (name, program) in shapes::all() {
        let text = proved(&program, &name);
        println!("# {name}\n{text}");
    }
}

/// Calls of all architectures are decided by number, unknown ones included: nothing says that.
#[test]
fn programs_that_never_look_at_the_architecture_are_refused() {
    let program = shapes::without_architecture();
    let parts = outcomes(&[Side::Program(&program)], ENDIAN, &Budget::default()).unwrap();
    let said = [Said { endian: ENDIAN, parts: &parts }];
    let why = policy(&said, &|values| values[0]).unwrap_err();
    assert!(matches!(why, Inexpressible::Architectures(_)), "{why}");
}

#[test]
fn a_list_of_libseccomp_reads_as_a_person_would_write_it() {
    let Some(libseccomp) = libseccomp() else { return };
    let lines = Workload::load("docker").lines(&[abi::X86_64], 0);
    let text = proved(&libseccomp.compile(&lines, Level::Tree), "docker");
    println!("{text}");
    for line in [
        "arch x86_64\n",
        "default errno(EPERM)\nunknown default\nforeign kill_thread\n",
        "kill_thread syscall(0x80000000..0xbfffffff)\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(text.contains("@basic-io"), "{text}");
}

#[test]
fn filters_on_each_other_are_the_strongest_of_both() {
    let all = shapes::all();
    let [(_, first), (_, second)] = [&all[0], &all[1]];
    let text = lifted(&[first, second], "stacked");
    let analysis = analyse(&Source::text("lifted", &*text), &Options::default());
    let policy = analysis.policy.unwrap();
    let sides = [Side::Program(first), Side::Program(second), Side::Policy(&policy)];
    for part in outcomes(&sides, ENDIAN, &Budget::default()).unwrap() {
        for values in &part.decision.values {
            let [a, b] = [values[0], values[1]];
            let strongest = if precedence(a) < precedence(b) { a } else { b };
            assert_eq!(values[2], strongest, "{part:?}");
        }
    }
}
