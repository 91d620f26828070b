//! Threads that change what they are judged by, and tasks that end while they are.
//!
//! `FILTERC_RACE_SECONDS` makes the race longer than two seconds.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod live;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use live::{OPEN, available, place, prepare, refuse, run};

#[test]
fn becomes_the_command() {
    live::become_command();
}

/// The C program for these tests; `None` without a compiler.
fn target(base: &Path) -> Option<String> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/racing/target.c");
    let exe = base.join("target");
    let built = Command::new("cc").args(["-O1", "-pthread", "-o"]).arg(&exe).arg(source).status();
    if built.is_ok_and(|status| status.success()) {
        return Some(exe.to_str().unwrap().to_owned());
    }
    println!("skipped: no C compiler");
    None
}

#[test]
fn nothing_is_let_through_however_it_is_raced() {
    let (_guard, base) = place();
    let Some(target) = target(&base).filter(|_| available()) else { return };
    for (folder, text) in [("open", "o"), ("secr", "s")] {
        fs::create_dir(base.join(folder)).unwrap();
        fs::write(base.join(folder).join("f"), text).unwrap();
    }
    symlink("open", base.join("link")).unwrap();
    let seconds = std::env::var("FILTERC_RACE_SECONDS").unwrap_or_else(|_| "2".into());
    // What is allowed by its path; all else is refused.
    let policy = format!(
        "default allow\nallow openat if filename == \"{base}/open/f\"\n\
         allow openat if filename ~ \"/lib*\" or filename ~ \"/usr/*\" or filename ~ \"/etc/*\"\n\
         errno(EACCES) openat",
        base = base.display()
    );
    // Whether files were opened and refused, and how many should not have been opened. A busy
    // machine may not run the threads that the race is between.
    let race = |policy: &str, seconds: &str| -> Vec<u32> {
        let output = run(policy, &["openat"], &[&target, seconds, "64"], &base).output;
        output.split_whitespace().map(|word| word.parse().unwrap()).collect()
    };
    let raced = (0..TRIES).any(|_| {
        let result = race(&policy, &seconds);
        assert_eq!(result[2], 0, "a refused file was opened");
        result[0] == 1 && result[1] == 1
    });
    assert!(raced, "no race was run");
    // The same race is lost by who lets the kernel look again: it would have been noticed.
    let racy = format!("racy openat\n{policy}");
    assert!((0..TRIES).any(|_| race(&racy, "1")[2] > 0), "the race cannot be lost");
}

/// How often a race is run until it is one.
const TRIES: u32 = 20;

#[test]
fn tasks_may_end_while_they_are_judged() {
    if !available() {
        return;
    }
    let (_guard, base) = place();
    // Readers and writers that are killed in the midst of it, as quickly as they are made.
    let script = "
        mkfifo p
        for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            sh -c 'while :; do : < f; : > g; done' & a=$!
            sh -c ': < p' & b=$!
            sh -c 'echo x; cat f f f f f f' >/dev/null & kill -9 $a $b
        done
        wait; echo end";
    fs::write(base.join("f"), "x").unwrap();
    let policy = format!("default allow\n{}", refuse("EPERM", OPEN_TWO, "filename", "/nowhere/*"));
    let result = run(&policy, OPEN, &["/bin/bash", "-c", script], &base);
    assert_eq!(result.output, "end\n");
}

/// Those that name their path `filename`.
const OPEN_TWO: &[&str] = &["open", "openat", "openat2"];

#[test]
fn a_signal_to_a_call_that_waits_is_delivered() {
    if !available() {
        return;
    }
    let (_guard, base) = place();
    let script = r#"
import os, signal, threading, time
os.mkfifo("p")
# A signal that the program handles: the call is performed all the same, once.
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
def later():
    time.sleep(0.2); os.kill(os.getpid(), signal.SIGUSR1); time.sleep(0.2)
    os.close(os.open("p", os.O_WRONLY))
threading.Thread(target=later).start()
os.close(os.open("p", os.O_RDONLY)); print("opened")
for i in range(200):
    fd = os.open("new%d" % i, os.O_CREAT | os.O_EXCL | os.O_WRONLY); os.close(fd)
print(len([n for n in os.listdir(".") if n.startswith("new")]))
"#;
    let policy = format!("default allow\n{}", refuse("EPERM", OPEN_TWO, "filename", "/nowhere/*"));
    let result = run(&policy, OPEN, &["python3", "-c", script], &base);
    let mut lines: Vec<&str> = result.output.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["200", "handled", "opened"], "{}", result.output);
}

#[test]
fn interrupted_again_and_again_a_call_is_performed_once() {
    let (_guard, base) = place();
    if !available() {
        return;
    }
    // A timer that fires all the time: with WAIT_KILLABLE_RECV no call is begun twice, so that no
    // file that is to be new is there already.
    let script = r#"
import os, signal
ticks = 0
def tick(*_):
    global ticks
    ticks += 1
signal.signal(signal.SIGALRM, tick)
signal.siginterrupt(signal.SIGALRM, False)
signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
for i in range(3000):
    fd = os.open("new%d" % i, os.O_CREAT | os.O_EXCL | os.O_WRONLY); os.close(fd)
    os.unlink("new%d" % i)
signal.setitimer(signal.ITIMER_REAL, 0)
print(ticks > 10)
"#;
    if !filterc_loader::flag_available("wait_killable_recv") {
        println!("skipped: no WAIT_KILLABLE_RECV");
        return;
    }
    let rules = refuse("EPERM", OPEN_TWO, "filename", "/nowhere/*");
    let unlinks = refuse("EPERM", &["unlink", "unlinkat"], "pathname", "/nowhere/*");
    let policy = format!("default allow\n{rules}{unlinks}");
    let asked = [OPEN, &["unlink", "unlinkat"]].concat();
    let result = run(&policy, &asked, &["python3", "-c", script], &base);
    assert_eq!(result.output, "True\n");
}

#[test]
fn storms_of_forks_and_execs_are_served() {
    if !available() {
        return;
    }
    let (_guard, base) = place();
    let script = "
        n=0; while [ $n -lt 300 ]; do (: > f$((n % 7))) & n=$((n + 1)); done; wait
        n=0; while [ $n -lt 100 ]; do /bin/true & n=$((n + 1)); done; wait
        ls f? | wc -l";
    let policy = format!("default allow\n{}", refuse("EPERM", OPEN_TWO, "filename", "/nowhere/*"));
    let result = run(&policy, OPEN, &["/bin/bash", "-c", script], &base);
    assert_eq!(result.output, "7\n");
}

#[test]
fn without_a_listener_calls_fail() {
    if !available() {
        return;
    }
    let (_guard, base) = place();
    fs::write(base.join("f"), "x").unwrap();
    let program = "import ctypes; libc = ctypes.CDLL(None, use_errno=True)\n\
                   input()\n\
                   print(libc.syscall(83, b'new', 0o700), ctypes.get_errno())";
    let waiting = prepare(&["mkdir"], &["python3", "-c", program], &base, None);
    let (status, output) = waiting.abandon();
    assert_eq!((status, output.as_str()), (0, "-1 38\n"));
    assert!(!base.join("new").exists());
}
