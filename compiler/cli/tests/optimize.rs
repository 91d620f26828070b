//! What is asked of the optimizer on the command line: levels and goals, profiles, the times of
//! steps.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, and says what it skipped"
)]

use std::fs;
use std::process::{Command, Output, Stdio};

use filterc_testkit::corpus::root;
use serde_json::Value;

const DOCKER: &str = "corpus/policies/docker-default.flt";
const ARGHEAVY: &str = "corpus/policies/argheavy.flt";
const STREAM: &str = "corpus/streams/git.jsonl";

fn filterc(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_filterc"));
    command.args(args).args(["--arch", "x86_64", "--no-prove"]);
    command.current_dir(root()).stdin(Stdio::null()).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn cost(args: &[&str]) -> Value {
    cost_of(DOCKER, args)
}

fn cost_of(policy: &str, args: &[&str]) -> Value {
    let output = filterc(&[&[policy, "--emit", "cost-json"], args].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_last_of_a_kind_counts() {
    let objective = |args| cost(args)["objective"].clone();
    assert_eq!(objective(&["-O", "speed", "-O", "size"]), objective(&["-Osize"]));
    assert_ne!(objective(&["-Osize"]), objective(&[]));
    assert_eq!(cost(&["-O2", "-Osize", "-O1"])["insns"], cost(&["-O1", "-Osize"])["insns"]);
    assert_eq!(cost(&["-O0", "-O2"])["insns"], cost(&[])["insns"]);
    let insns = |args| cost_of(ARGHEAVY, args)["insns"].as_u64();
    assert!(insns(&["-O0"]) > insns(&["-O2"]));
}

/// Each goal makes less of what it is for than any other goal.
#[test]
fn goals_are_met() {
    let [size, speed, install] = ["-Osize", "-Ospeed", "-Oinstall"].map(|goal| cost(&[goal]));
    let emulated = |cost: &Value| cost["abis"][0]["install"].as_u64();
    assert!(size["insns"].as_u64() <= speed["insns"].as_u64());
    assert!(size["insns"].as_u64() <= install["insns"].as_u64());
    assert!(emulated(&install) < emulated(&size) && emulated(&install) < emulated(&speed));
    let path = |cost: &Value| cost["expected_path"].as_f64();
    let old = ["-Osize", "-Ospeed"].map(|goal| cost(&[goal, "--no-bitmap"]));
    assert!(path(&old[1]) <= path(&old[0]));
}

#[test]
fn profiles_are_read_or_refused() {
    assert_ne!(cost(&["--profile", STREAM])["expected_path"], cost(&[])["expected_path"]);
    let output = filterc(&[DOCKER, "--profile", "nosuchfile", "--emit", "hex"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p");
    let profile = file.to_str().unwrap();
    for (text, status, code) in [
        ("read(3, 0, 0) = 0\n", 1, "F0720"),
        ("{\"nr\":\n", 1, "F0721"),
        ("{\"nr\":0}\n{\"call\":\"raed\"}\n", 0, "F0722"),
        ("{\"nr\":0,\"count\":0}\n", 1, "F0723"),
        ("{\"nr\":0,\"abi\":\"s390x\"}\n", 0, "F0724"),
    ] {
        fs::write(&file, text).unwrap();
        let output = filterc(&[DOCKER, "--profile", profile, "--emit", "hex"]);
        assert_eq!(output.status.code(), Some(status), "{text}");
        assert!(stderr(&output).contains(code), "{text}: {}", stderr(&output));
    }
}

#[test]
fn wrong_levels_are_refused() {
    for level in ["-O3", "-Ofast", "-O"] {
        assert_eq!(filterc(&[level, "0x", DOCKER]).status.code(), Some(2), "{level}");
    }
}

#[test]
fn steps_are_timed_when_asked() {
    let timed = stderr(&filterc(&[DOCKER, "--time-passes", "--emit", "hex"]));
    for step in ["parse", "check", "lints", "build", "words", "emit", "verify", "total"] {
        assert!(timed.lines().any(|line| line.starts_with(&format!("{step} "))), "{timed}");
    }
    assert!(!stderr(&filterc(&[DOCKER, "--emit", "hex"])).contains("total"));
}
