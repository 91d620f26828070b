//! `filterc::build`, as cargo runs it: in a process of its own, with cargo's variables. The
//! test starts itself again as that process.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};
use std::{env, fs};

/// Names the policy, in the process that plays the build script.
const POLICY: &str = "FILTERC_TEST_POLICY";

/// The build script; without the variable, nothing.
#[test]
fn build_script() {
    if let Some(policy) = env::var_os(POLICY) {
        filterc::build::compile_policy(policy);
    }
}

fn run_build_script(policy: &Path, out: &Path) -> Output {
    run_for_target(policy, out, ["aarch64", "little", "64"])
}

fn run_for_target(policy: &Path, out: &Path, [arch, endian, width]: [&str; 3]) -> Output {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "build_script", "--nocapture"])
        .env(POLICY, policy)
        .env("OUT_DIR", out)
        .env("CARGO_CFG_TARGET_ARCH", arch)
        .env("CARGO_CFG_TARGET_ENDIAN", endian)
        .env("CARGO_CFG_TARGET_POINTER_WIDTH", width)
        .output()
        .unwrap()
}

#[test]
fn the_program_is_that_of_the_target() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("both.flt");
    fs::write(&policy, "arch x86_64, ppc64, s390x\nallow read\n").unwrap();
    let run = |target: [&str; 3]| {
        let output = run_for_target(&policy, folder.path(), target);
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let rust = fs::read_to_string(folder.path().join("both.rs")).unwrap_or_default();
        (output.status.success(), said, rust)
    };
    let (done, said, rust) = run(["powerpc64", "big", "64"]);
    assert!(done && rust.contains("for ppc64, s390x"), "{said}{rust}");
    let (done, said, rust) = run(["x86_64", "little", "64"]);
    assert!(done && rust.contains("for x86_64") && !said.contains("warning"), "{said}{rust}");
    // A program for the byte order, but for other ABIs, is told of.
    let (done, said, rust) = run(["powerpc64", "little", "64"]);
    assert!(done && rust.contains("for x86_64") && said.contains("ppc64le"), "{said}");
    // None for the byte order is no program.
    fs::write(&policy, "arch x86_64\nallow read\n").unwrap();
    let (done, said, _) = run(["s390x", "big", "64"]);
    assert!(!done && said.contains("byte order"), "{said}");
}

#[test]
fn writes_both_forms_and_names_what_it_read() {
    let folder = tempfile::tempdir().unwrap();
    let (policy, base) = (folder.path().join("worker.flt"), folder.path().join("base.flt"));
    fs::write(&policy, "include \"base.flt\"\nconst UNUSED = 1\nallow read\n").unwrap();
    fs::write(&base, "allow write\n").unwrap();
    let output = run_build_script(&policy, folder.path());
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    for file in [&policy, &base] {
        assert!(told.contains(&format!("cargo::rerun-if-changed={}\n", file.display())), "{told}");
    }
    assert!(told.contains("cargo::warning=F0302"), "{told}");
    let bytes = fs::read(folder.path().join("worker.bpf")).unwrap();
    let rust = fs::read_to_string(folder.path().join("worker.rs")).unwrap();
    assert!(rust.contains(&format!("WORKER: [filterc_loader::Insn; {}]", bytes.len() / 8)));
    // Without `arch`, the policy is for cargo's target, not for this machine.
    assert!(rust.contains("for aarch64"), "{rust}");
}

#[test]
fn a_policy_with_parameters_becomes_a_constant_that_wants_them() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("worker.flt");
    fs::write(&policy, "allow read\n").unwrap();
    let run = || {
        let output = run_build_script(&policy, folder.path());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read_to_string(folder.path().join("worker.rs")).unwrap()
    };
    assert!(!run().contains("Unpatched") && folder.path().join("worker.bpf").exists());
    fs::write(&policy, "param log_fd: fd\nallow write if fd == log_fd\n").unwrap();
    let rust = run();
    assert!(rust.contains("pub const WORKER: filterc_loader::Unpatched"), "{rust}");
    assert!(rust.contains("\"log_fd\"") && rust.contains("filterc_loader::Site"), "{rust}");
    // Nobody is to embed what decides by chance, or what an earlier build left.
    assert!(!folder.path().join("worker.bpf").exists());
}

#[test]
fn a_mistake_fails_the_build_with_its_diagnostic() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("worker.flt");
    fs::write(&policy, "include \"base.flt\"\n").unwrap();
    fs::write(folder.path().join("base.flt"), "allow raed\n").unwrap();
    let output = run_build_script(&policy, folder.path());
    let (told, error) = (output.stdout, String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains("error[F0201]") && error.contains("`read`"), "{error}");
    assert!(error.contains("included from"), "{error}");
    // When the include is mended, cargo must try again.
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains("base.flt\n"), "{told}");
    assert!(!folder.path().join("worker.bpf").exists());
}
