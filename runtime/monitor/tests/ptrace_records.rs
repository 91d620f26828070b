//! Records of a supervisor by ptrace, live. Without the test harness, whose threads the process
//! that is split must not have.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests say what they expect, and why they do not run"
)]

use std::ffi::CString;
use std::process::{Command, Stdio};

use filterc_abi::{Action, SeccompData};
use filterc_audit::{Event, Exit, Record, Sink, Task};
use filterc_cbpf::{assemble, verify};
use filterc_loader::Exec;
use filterc_loader::beside::{Side, split};
use filterc_monitor::ptrace::{Decide, Guard, Notice, Settings, Supervisor, Verdict, Watch};

const VARIABLE: &str = "FILTERC_PTRACE_RECORDS";

/// Refuses `mkdir`, which is 83 on x86-64.
struct Few;

impl Decide for Few {
    fn decide(&mut self, _tid: u32, call: &SeccompData) -> Verdict {
        let refused = Verdict { rule: Some(4), line: 9, ..Verdict::of(Action::Errno(13)) };
        if call.nr == 83 { refused } else { Verdict::of(Action::Allow) }
    }

    fn task(&mut self, tid: u32) -> Task {
        Task { pid: tid, tid, ..Task::default() }
    }

    fn forget(&mut self, _tid: u32) {}
}

impl Watch for Few {
    fn notice(&mut self, tid: u32, notice: &Notice) {
        eprintln!("notice {tid} {notice:?}");
    }

    fn command_ended(&mut self) {}
}

#[derive(Default)]
struct Kept(Vec<Record>);

impl Sink for Kept {
    fn take(&mut self, record: &Record) -> bool {
        self.0.push(record.clone());
        true
    }
}

fn main() {
    if !cfg!(target_arch = "x86_64") {
        println!("skipped: numbers of calls are those of x86-64");
        return;
    }
    if std::env::var_os(VARIABLE).is_some() {
        return supervised();
    }
    let own = std::env::current_exe().unwrap();
    let output = Command::new(own).env(VARIABLE, "1").stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    // The watcher's standard error is the last to be closed.
    let told = String::from_utf8_lossy(&output.stderr);
    for line in ["refused: ok", "lives: ok", "signals: ok", "numbers: ok", "results: ok"] {
        assert!(told.contains(line), "{line}: {told}");
        println!("test {line}");
    }
}

/// The command, and in the other process what was recorded of it.
fn supervised() {
    let script = "mkdir /nowhere/at-all 2>/dev/null; (kill -USR1 $$); exit 6";
    let script = format!("trap : USR1; {script}");
    let words = ["/bin/sh", "-c", &script].map(|word| CString::new(word).unwrap());
    let exec = Exec::prepare(&words).unwrap();
    match split().unwrap() {
        Side::Watched(watched) => {
            watched.wait().unwrap();
            let error = exec.exec();
            eprintln!("{error}");
        }
        Side::Watcher(watcher) => {
            let guard = verify(&assemble("ret #0x7fff0000\n").unwrap()).unwrap();
            let settings = Settings { gate: None, guard: Guard::new(guard), near: false };
            let mut kept = Kept::default();
            let root = watcher.pid();
            let supervisor = Supervisor::seize(root, settings, Few, Few, Some(&mut kept)).unwrap();
            watcher.ready().unwrap();
            supervisor.run().unwrap();
            tell(&kept.0, root.cast_unsigned());
        }
    }
}

/// What is expected of the records, found or not.
fn tell(records: &[Record], root: u32) {
    let say = |what: &str, holds: bool| {
        eprintln!("{what}: {}", if holds { "ok" } else { "missing" });
    };
    let calls = || {
        records.iter().filter_map(|record| {
            if let Event::Call(call) = &record.event { Some(&**call) } else { None }
        })
    };
    let refused = |call: &&filterc_audit::Call| {
        call.data.nr == 83
            && call.ret == Some(-13)
            && call.answer.rule == Some(4)
            && call.answer.line == 9
            && call.answer.action == Action::Errno(13).to_ret()
    };
    say("refused", calls().filter(refused).count() == 1);
    let of_root = |event: &Event| records.iter().any(|r| r.task.tid == root && r.event == *event);
    let children: Vec<u32> = records
        .iter()
        .filter_map(|record| {
            if let Event::Create { child, thread: false } = record.event {
                Some(child)
            } else {
                None
            }
        })
        .collect();
    let ended = |tid: u32| {
        let exit = |record: &&Record| {
            record.task.tid == tid && matches!(record.event, Event::Exit(Exit::Status(_)))
        };
        records.iter().filter(exit).count() == 1
    };
    let lives = children.len() == 2
        && children.iter().all(|child| ended(*child))
        && of_root(&Event::Exec)
        && of_root(&Event::Exit(Exit::Status(6)));
    say("lives", lives);
    say("signals", of_root(&Event::Signal(10)) && of_root(&Event::Signal(17)));
    let numbered = (0..).zip(records).all(|(seq, record)| record.seq == seq && record.time > 0);
    say("numbers", numbered);
    // Of three processes, each made one call that never returned.
    let without = calls().filter(|call| call.ret.is_none()).count();
    say("results", calls().count() > 50 && without == 3);
}
