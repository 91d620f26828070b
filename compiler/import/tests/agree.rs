//! Imported policies against a second reading of the profiles ([`evaluator`]), on the calls
//! at which the policies can change their minds, and the proofs of their programs.
//!
//! The profiles are our own, generated ones, and, with `FILTERC_CORPORA=FOLDER`, all JSON
//! files under that folder which are profiles.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skipped"
)]

mod evaluator;
mod profiles;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use filterc::{Options as CompileOptions, Source, compile};
use filterc_abi::{self as abi, Abi, KernelVersion};
use filterc_grammar::source::FileId;
use filterc_hir::eval::eval;
use filterc_import::oci::{self, Covering, DOCKER_CAPS, Enosys, Options, Width};
use filterc_testkit::{boundary, corpus};
use serde_json::Value;

use evaluator::Evaluator;

/// The machines that real profiles are imported for.
const HOSTS: [&str; 3] = ["x86_64", "aarch64", "s390x"];

fn options(host: &str) -> Options {
    Options::new(abi::abi(host).expect("it has tables"))
}

/// Options that decide differently, for each machine.
fn variants(host: &'static Abi) -> Vec<Options> {
    let plain = Options::new(host);
    let docker: BTreeSet<String> = DOCKER_CAPS.iter().map(|&cap| cap.to_owned()).collect();
    let admin: BTreeSet<String> = ["CAP_SYS_ADMIN", "CAP_BPF"].map(str::to_owned).into();
    vec![
        Options { caps: admin, width: Width::Registers, ..plain.clone() },
        Options {
            caps: docker,
            kernel: Some(KernelVersion { major: 4, minor: 7 }),
            covering: Covering::Host,
            ..plain.clone()
        },
        Options { enosys: Enosys::ByNumber, ..plain.clone() },
        Options { enosys: Enosys::Never, covering: Covering::Host, ..plain.clone() },
        plain,
    ]
}

/// Imports a profile, has it compiled with its proof, and compares decisions. Returns the
/// number of calls compared.
fn check(name: &str, text: &str, options: &Options, per_number: usize) -> usize {
    let imported = oci::import(FileId(0), text, options).unwrap_or_else(|list| {
        panic!("{name}: {list:#?}");
    });
    let policy = imported.document.to_text();
    let compiled = compile(&Source::text(name, policy.clone()), &CompileOptions::default())
        .unwrap_or_else(|diagnostics| panic!("{name}: {diagnostics}\n{policy}"));
    assert!(compiled.programs().all(|program| program.proof().is_some()), "{name}");
    let json: Value = serde_json::from_str(text).unwrap();
    let mut evaluator = Evaluator::new(&json, options.host);
    evaluator.caps.clone_from(&options.caps);
    evaluator.kernel = options.kernel;
    evaluator.enosys = options.enosys;
    evaluator.host_only = options.covering == Covering::Host;
    evaluator.raw = options.width == Width::Registers;
    let calls = boundary::calls(compiled.policy(), per_number);
    for call in &calls {
        let (ours, theirs) = (eval(compiled.policy(), call).to_ret(), evaluator.decide(call));
        assert_eq!(
            ours, theirs,
            "{name} on {}: {ours:#x}, not {theirs:#x}, for {call:x?}\n{policy}",
            options.host.name
        );
    }
    calls.len()
}

#[test]
fn our_profiles_mean_what_they_say() {
    for path in corpus::files("import/oci", "json") {
        let (name, text) = (path.display().to_string(), corpus::text(&path));
        for host in ["x86_64", "i386", "aarch64", "s390x", "mips64n32"] {
            for options in variants(options(host).host) {
                check(&name, &text, &options, 64);
            }
        }
    }
}

#[test]
fn generated_profiles_mean_what_they_say() {
    let mut imported = 0;
    for seed in 0..150 {
        let profile = profiles::generate(seed);
        let text = profile.to_string();
        let host =
            ["x86_64", "aarch64", "s390x", "i386", "riscv64"][usize::try_from(seed % 5).unwrap()];
        for options in variants(options(host).host) {
            // Some contradict themselves, which is for another test.
            if oci::import(FileId(0), &text, &options).is_ok() {
                check(&format!("profile {seed} {text}"), &text, &options, 24);
                imported += 1;
            }
        }
    }
    assert!(imported > 250, "only {imported} of 750 could be imported");
}

fn json_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            json_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
}

#[test]
fn real_profiles_mean_what_they_say() {
    let Some(folder) = env::var_os("FILTERC_CORPORA") else {
        println!("skipped: no FILTERC_CORPORA");
        return;
    };
    let mut files = Vec::new();
    json_files(Path::new(&folder), &mut files);
    let (mut profiles, mut calls) = (0, 0);
    for path in files {
        let text = corpus::text(&path);
        let is_profile = |json: &Value| json["defaultAction"].is_string();
        if !serde_json::from_str(&text).is_ok_and(|json: Value| is_profile(&json)) {
            continue;
        }
        profiles += 1;
        for host in HOSTS {
            for options in variants(options(host).host) {
                calls += check(&path.display().to_string(), &text, &options, 200);
            }
        }
    }
    println!("{profiles} profiles, {calls} calls");
    assert!(profiles > 0, "no profiles in {}", folder.display());
}
