//! The filters of live processes, read as they were installed, and what stands in the way.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    unsafe_code,
    reason = "a test fails by panicking, and says what it skipped"
)]

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use filterc_cbpf::{Insn, Verified, assemble, verify};
use filterc_loader::live::{CODES, LiveError, filters};
use filterc_loader::{Flags, install, set_no_new_privs};

fn program(text: &str) -> Verified {
    verify(&assemble(text).unwrap()).unwrap()
}

/// A shell under filters that says that it is there and then waits for its input to end.
fn shell(filters: Vec<Verified>) -> Child {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "echo here; read line; exit 7"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let before = move || {
        set_no_new_privs().map_err(|_| std::io::Error::other("no_new_privs"))?;
        for filter in &filters {
            install(filter, &Flags::default()).map_err(|_| std::io::Error::other("install"))?;
        }
        Ok(())
    };
    // SAFETY: what runs in the child are system calls.
    unsafe { command.pre_exec(before) };
    let mut child = command.spawn().unwrap();
    let mut said = [0; 5];
    child.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
    child
}

fn tid(child: &Child) -> i32 {
    i32::try_from(child.id()).unwrap()
}

/// The process goes on as if nothing had been.
fn ends_well(mut child: Child) {
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

#[test]
fn filters_are_read_oldest_first() {
    let first = program("ld [0]\njeq #999, no\nret allow\nno: ret errno(5)\n");
    let second = program("ld [4]\njeq #1, no\nret allow\nno: ret kill_process\n");
    let child = shell(vec![first.clone(), second.clone()]);
    match filters(tid(&child)) {
        Ok(found) => {
            let insns = |it: &Verified| -> Vec<Insn> { it.insns().to_vec() };
            assert_eq!(found, [insns(&first), insns(&second)]);
            // The second reading finds the same: the first let it go.
            assert_eq!(filters(tid(&child)), Ok(found));
        }
        Err(
            error @ (LiveError::NoPrivilege | LiveError::NotTraceable | LiveError::Unsupported),
        ) => {
            println!("skipped: {error}");
        }
        Err(error) => panic!("{error}"),
    }
    ends_well(child);
}

#[test]
fn processes_without_filters_say_so() {
    let child = shell(Vec::new());
    match filters(tid(&child)) {
        Err(LiveError::NoFilters) => {}
        Err(
            error @ (LiveError::NoPrivilege | LiveError::NotTraceable | LiveError::Unsupported),
        ) => {
            println!("skipped: {error}");
        }
        other => panic!("{other:?}"),
    }
    ends_well(child);
}

#[test]
fn who_is_not_there_or_has_a_tracer_is_not_read() {
    let mut gone = Command::new("/bin/true").spawn().unwrap();
    gone.wait().unwrap();
    assert_eq!(filters(tid(&gone)), Err(LiveError::NoProcess));
    // A thread cannot trace its own process.
    let own = i32::try_from(std::process::id()).unwrap();
    assert_eq!(filters(own), Err(LiveError::NotTraceable));
}

#[test]
fn each_error_has_a_code() {
    let all = [
        (LiveError::NoProcess, "F0860"),
        (LiveError::NotTraceable, "F0861"),
        (LiveError::NoPrivilege, "F0862"),
        (LiveError::NoFilters, "F0863"),
        (LiveError::DoesNotStop, "F0864"),
        (LiveError::Unsupported, "F0865"),
        (LiveError::Unexpected { errno: 124 }, "F0866"),
    ];
    for (error, code) in all {
        assert_eq!(error.code(), code);
        assert!(error.to_string().len() > 20);
    }
    assert!(all.iter().map(|(_, code)| *code).eq(CODES.iter().copied()));
}
