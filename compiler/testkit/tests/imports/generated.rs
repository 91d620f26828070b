//! Generated policies of other forms against the second readings. What an importer tells of them is
//! for other tests; most can be imported.

use filterc_abi::SeccompData;
use filterc_grammar::source::FileId;
use filterc_import::minijail::Dialect;
use filterc_import::{NoIncludes, Target, lxc, minijail, seccompiler, systemd};
use filterc_testkit::foreign;
use filterc_testkit::rng::Rng;

use super::{KILL_THREAD, WIDTHS, check, host};

const SEEDS: u64 = 100;

fn rng(seed: u64) -> Rng {
    // The first numbers of neighbouring seeds are alike.
    let mut rng = Rng::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (0..8).for_each(|_| _ = rng.next());
    rng
}

/// That enough of what was made could be imported.
fn enough(format: &str, imported: u64) {
    println!("{format}: {imported} of {}", 2 * SEEDS);
    assert!(imported > SEEDS, "{format}: {imported}");
}

#[test]
fn minijails() {
    let mut imported = 0;
    for seed in 0..SEEDS {
        let text = foreign::minijail(&mut rng(seed));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("generated.policy");
        std::fs::write(&path, &text).unwrap();
        for abi in ["x86_64", "aarch64"] {
            let options = minijail::Options::new(Target::new(host(abi)));
            match minijail::import(FileId(0), &text, &options, &mut NoIncludes) {
                Ok(_) => imported += 1,
                Err(_) => continue,
            }
            super::minijail::compare(&path, host(abi), Dialect::Either);
        }
    }
    enough("minijail", imported);
}

#[test]
fn kafels() {
    let mut imported = 0;
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..SEEDS {
        let path = folder.path().join(format!("{seed}.kafel"));
        std::fs::write(&path, foreign::kafel(&mut rng(seed))).unwrap();
        for abi in ["x86_64", "riscv64"] {
            imported += u64::from(super::kafel::compare(&path, host(abi)).is_ok());
        }
    }
    enough("kafel", imported);
}

#[test]
fn seccompilers() {
    let mut imported = 0;
    for seed in 0..SEEDS {
        let text = foreign::seccompiler(&mut rng(seed));
        for abi in ["x86_64", "riscv64"] {
            let options = seccompiler::Options { target: Target::new(host(abi)), filter: None };
            if seccompiler::import(FileId(0), &text, &options).is_ok() {
                super::seccompiler::compare(&text, &text, host(abi));
                imported += 1;
            }
        }
    }
    enough("seccompiler", imported);
}

#[test]
fn lxcs_and_units() {
    let (mut policies, mut units) = (0, 0);
    for seed in 0..SEEDS {
        let text = foreign::lxc(&mut rng(seed));
        for (abi, width) in [("x86_64", WIDTHS[0]), ("aarch64", WIDTHS[1])] {
            let target = Target { width, ..Target::new(host(abi)) };
            if let Ok(found) = lxc::import(FileId(0), &text, &target) {
                let decide =
                    |abi, call: &SeccompData| Some(super::lxc::decide(&text, abi, call, width));
                check(&text, &found, &decide, KILL_THREAD);
                policies += 1;
            }
        }
        let text = foreign::systemd(&mut rng(seed));
        for abi in ["x86_64", "aarch64"] {
            let options = systemd::Options { target: Target::new(host(abi)), sets: None };
            let Ok(found) = systemd::import(FileId(0), &text, &options) else { continue };
            let decide =
                |abi, call: &SeccompData| Some(super::systemd::decide(&text, &None, abi, call));
            check(&text, &found, &decide, KILL_THREAD);
            units += 1;
        }
    }
    println!("lxc: {policies}, systemd: {units}");
    assert!(policies > SEEDS / 2 && units > SEEDS, "{policies}, {units}");
}
