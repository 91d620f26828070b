//! A policy learned from a trace of `ls`, under which `ls` then runs.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says why it is skipped"
)]

mod tool;

use std::fs;
use std::process::Command;

use tool::{filterc, folder};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_strace_saw_of_ls_is_enough_for_ls() {
    let (trace, policy) = (folder("learn").join("ls.strace"), folder("learn").join("ls.flt"));
    let mut strace = Command::new("strace");
    let strace = strace.arg("-f").arg("-o").arg(&trace).args(["ls", "/"]).output();
    if !strace.is_ok_and(|output| output.status.success()) {
        println!("skipped: strace is not there, or may not trace");
        return;
    }
    let (trace, policy) = (trace.display().to_string(), policy.display().to_string());
    let learned = filterc(&["learn", &trace, "-o", &policy]);
    assert!(learned.status.success(), "{learned:?}");
    let ran = filterc(&["run", &policy, "--", "ls", "/"]);
    if ran.status.code() == Some(2) && text(&ran.stderr).contains("not permitted") {
        println!("skipped: filters cannot be installed here");
        return;
    }
    assert!(ran.status.success(), "{ran:?}");
    assert!(text(&ran.stdout).contains("etc"), "{ran:?}");
    // What it was not seen to do is refused.
    let ran = filterc(&["run", &policy, "--", "ls", "-l", "/proc/self/fd/"]);
    let write = filterc(&["run", &policy, "--", "sh", "-c", "echo > /tmp/learn.$$"]);
    assert!(!write.status.success(), "{write:?} {ran:?}");
}

#[test]
fn additions_are_shown_and_lost_records_are_told() {
    let policy = folder("learn").join("mine.flt");
    fs::write(
        &policy,
        "arch x86_64\ndefault errno(EPERM)\nallow read, write, exit_group, rt_sigreturn\n",
    )
    .unwrap();
    let trace = folder("learn").join("log");
    fs::write(
        &trace,
        "audit: backlog limit exceeded\nread(0, \"\", 1) = 0\nsocket(AF_UNIX, SOCK_STREAM, 0) = 3\n",
    )
    .unwrap();
    let (policy, trace) = (policy.display().to_string(), trace.display().to_string());
    let arch = ["--arch", "x86_64"];
    let update = filterc(&[&["learn", "--update", &policy, &trace][..], &arch[..]].concat());
    assert_eq!(update.status.code(), Some(1), "{update:?}");
    let shown = text(&update.stdout);
    for part in ["+allow socket", "family == AF_UNIX", "NOT COMPLETE", "errno(EPERM) -> allow"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("+allow read"), "{shown}");
    assert!(text(&update.stderr).contains("F0725"), "{update:?}");
    let empty = folder("learn").join("empty");
    fs::write(&empty, "").unwrap();
    let empty = filterc(&["learn", &empty.display().to_string()]);
    assert_eq!(empty.status.code(), Some(2), "{empty:?}");
    let json = filterc(&[&["learn", "--json", &trace][..], &arch[..]].concat());
    let value: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&value["complete"], &value["rules"]), (&false.into(), &2.into()));
}
