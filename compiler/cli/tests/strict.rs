//! `filterc run --strict`, live: programs that may read, write and end.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests say what they expect, and why they do not run"
)]

mod tool;

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use tool::{filterc, status};

const SIGSYS: i32 = 31;

/// Makes a program; `None`, with a message, where that cannot be done.
fn made(name: &str, options: &[&str]) -> Option<String> {
    let folder = tool::folder("strict");
    let source = format!("{}/tests/strict/{name}.c", env!("CARGO_MANIFEST_DIR"));
    let program = folder.join(name).display().to_string();
    let cc = Command::new("cc").args(options).args(["-O1", "-o", &program, &source]).output();
    if cfg!(target_arch = "x86_64") && cc.is_ok_and(|output| output.status.success()) {
        return Some(program);
    }
    println!("skipped: no x86-64, or no C compiler with static libraries");
    None
}

/// What a command writes when it reads a text, and its status or signal.
fn run(options: &[&str], command: &[&str], text: &str) -> (String, Option<i32>, Option<i32>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_filterc"))
        .arg("run")
        .args(options)
        .arg("--")
        .args(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // One that has died reads nothing.
    let _broken = child.stdin.take().unwrap().write_all(text.as_bytes());
    let output = child.wait_with_output().unwrap();
    (tool::text(&output), output.status.code(), output.status.signal())
}

#[test]
fn a_program_without_a_library_reads_writes_and_ends() {
    let Some(bare) = made("bare", &["-nostdlib", "-static"]) else { return };
    assert_eq!(run(&["--strict"], &[&bare], "hello\n"), ("HELLO\n".into(), Some(7), None));
    assert_eq!(run(&["--strict"], &[&bare], "open\n"), ("OPEN\n".into(), None, Some(SIGSYS)));
}

#[test]
fn a_static_program_gets_memory_and_nothing_else() {
    let Some(program) = made("static", &["-static"]) else { return };
    let strict = ["--strict=static"];
    assert_eq!(run(&strict, &[&program], "hello\n"), ("got hello\n".into(), Some(5), None));
    for arguments in [&["open"][..], &["start", "a program"]] {
        let command = [&[program.as_str()], arguments].concat();
        assert_eq!(run(&strict, &command, "hello\n"), (String::new(), None, Some(SIGSYS)));
    }
    // Its first call is not one of the five.
    assert_eq!(run(&["--strict"], &[&program], "").2, Some(SIGSYS));
}

#[test]
fn others_are_told_beforehand() {
    let output = filterc(&["run", "--strict", "--", "cat"]);
    assert_eq!(status(&output), 1, "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("F0978"), "{output:?}");
    let output = filterc(&["run", "--strict", "policy.flt", "--", "cat"]);
    assert_eq!(status(&output), 2, "{output:?}");
    assert_eq!(status(&filterc(&["run", "--", "cat"])), 2);
}
