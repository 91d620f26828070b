//! The loader in a running kernel, each case in a process of its own: this test binary again,
//! told by an environment variable which case it is. What the process prints is the result.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests say what they expect"
)]
#![expect(unsafe_code, reason = "to drop privileges and to make calls that filters answer")]

use std::ffi::CString;
use std::process::{Command, exit};
use std::sync::mpsc;
use std::{env, fmt, fs, thread};

use filterc_abi::Action;
use filterc_cbpf::{Verified, assemble, encode, verify};
use filterc_loader::{
    Exec, Flags, LoadError, action_available, install, install_bytes, install_program,
    set_no_new_privs,
};

const VARIABLE: &str = "FILTERC_LOADER_CASE";
const NONE: Flags = Flags {
    tsync: false,
    tsync_esrch: false,
    log: false,
    spec_allow: false,
    new_listener: false,
    wait_killable_recv: false,
    keep_privileges: false,
};

/// Runs a case of [`case`] and returns what it printed; `None`, with a message, where this
/// kernel has no seccomp.
fn run(case: &str) -> Option<String> {
    if let Err(error) = action_available(Action::Allow) {
        println!("skipped: {error}");
        return None;
    }
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "case", "--nocapture", "--test-threads=1"]).env(VARIABLE, case);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let result = text.lines().find_map(|line| line.split_once("result: "));
    let (_, result) = result.unwrap_or_else(|| panic!("{case}: {:?} {text}", output.status));
    Some(result.to_owned())
}

#[track_caller]
fn expect(case: &str, expected: &str) {
    if let Some(result) = run(case) {
        assert_eq!(result, expected, "{case}");
    }
}

fn filter(text: &str) -> Verified {
    verify(&assemble(text).unwrap()).unwrap()
}

fn allow() -> Verified {
    filter("ret allow")
}

/// Makes every later `getppid` of a filtered thread fail with this errno.
fn no_getppid(errno: u16) -> Verified {
    filter(&format!("ld [0]\njeq #{}, +0, +1\nret errno({errno})\nret allow", libc::SYS_getppid))
}

fn getppid() -> i32 {
    // SAFETY: takes no addresses.
    let result = unsafe { libc::syscall(libc::SYS_getppid) };
    if result < 0 { -std::io::Error::last_os_error().raw_os_error().unwrap() } else { 0 }
}

fn finish(result: impl fmt::Display) -> ! {
    println!("result: {result}");
    exit(0)
}

fn code<T>(result: Result<T, LoadError>) -> String {
    result.map_or_else(|error| error.code().to_owned(), |_| "ok".to_owned())
}

/// Not a test by itself: the other side of [`run`].
#[test]
fn case() {
    let Ok(case) = env::var(VARIABLE) else { return };
    match case.as_str() {
        "install" => {
            install(&no_getppid(7), &NONE).unwrap();
            finish(getppid())
        }
        "bytes" => {
            let filter = no_getppid(8);
            install_bytes(&encode(filter.insns(), filterc_abi::Endian::HOST), &NONE).unwrap();
            install_program(filter.insns(), &NONE).unwrap();
            finish(getppid())
        }
        "longest" => {
            install(&filter(".repeat 4095 ld [16]\nret allow"), &NONE).unwrap();
            finish(getppid())
        }
        "unprivileged" => {
            // SAFETY: takes no addresses.
            unsafe { libc::setresuid(65_534, 65_534, 65_534) };
            let refused = install(&allow(), &Flags { keep_privileges: true, ..NONE });
            let accepted = install(&no_getppid(9), &NONE);
            finish(format!("{} {} {}", code(refused), code(accepted), getppid()))
        }
        "no_new_privs" => {
            let status = || {
                let status = fs::read_to_string("/proc/thread-self/status").unwrap();
                let line = |name: &str| {
                    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
                    line.rsplit('\t').next().unwrap().to_owned()
                };
                format!("{}{}", line("NoNewPrivs:"), line("Seccomp:"))
            };
            let before = status();
            let kept = code(install(&allow(), &Flags { keep_privileges: true, ..NONE }));
            let between = status();
            set_no_new_privs().unwrap();
            finish(format!("{before} {kept} {between} {}", status()))
        }
        "listener" => {
            let flags = Flags { new_listener: true, wait_killable_recv: true, ..NONE };
            let installed = install(&allow(), &flags).unwrap();
            let listener = installed.listener.unwrap();
            let second = code(install(&allow(), &flags));
            let plain = install(&allow(), &NONE).unwrap().listener.is_none();
            drop(listener);
            finish(format!("{second} {plain} {}", code(install(&allow(), &flags))))
        }
        "chain" => {
            let long = filter(".repeat 4096 ret allow");
            let last = (0..100).map(|_| code(install(&long, &NONE))).position(|c| c != "ok");
            finish(format!("{} after {last:?}", code(install(&long, &NONE))))
        }
        "flags" => {
            let all = Flags { tsync: true, tsync_esrch: true, log: true, spec_allow: true, ..NONE };
            finish(format!("{} {}", code(install(&no_getppid(4), &all)), getppid()))
        }
        "tsync" | "tsync_diverged" | "tsync_esrch" => threads(&case),
        "exec" => exec_under_filter(false),
        "exec_refused" => exec_under_filter(true),
        _ => finish("unknown case"),
    }
}

/// A second thread, with a filter of its own or without, while the first one synchronises.
fn threads(case: &str) -> ! {
    let (started, wait_started) = mpsc::channel();
    let (go, wait_go) = mpsc::channel();
    let (answer, wait_answer) = mpsc::channel();
    let diverged = case != "tsync";
    thread::spawn(move || {
        if diverged {
            install(&allow(), &NONE).unwrap();
        }
        // SAFETY: takes no addresses.
        started.send(unsafe { libc::gettid() }).unwrap();
        let () = wait_go.recv().unwrap();
        answer.send(getppid()).unwrap();
    });
    let tid = wait_started.recv().unwrap();
    let flags = Flags { tsync: true, tsync_esrch: case == "tsync_esrch", ..NONE };
    let result = install(&no_getppid(5), &flags);
    go.send(()).unwrap();
    let other = wait_answer.recv().unwrap();
    let diverged = LoadError::ThreadDiverged { tid: Some(tid) };
    let same = result.as_ref().is_err_and(|error| *error == diverged);
    finish(format!("{} that thread: {same}, {} {other}", code(result), getppid()))
}

/// Allows only the very execve that was announced, down to the pointers.
fn exec_under_filter(refuse: bool) -> ! {
    let command = ["echo", "result: executed"].map(|word| CString::new(word).unwrap());
    let exec = Exec::prepare(&command).unwrap();
    let Some(call) = exec.seccomp_data() else { finish("executed") };
    let mut text = format!("ld [0]\njne #{}, allow\n", call.nr);
    let words = call.words(filterc_abi::Endian::HOST);
    for (word, offset) in words.iter().zip((0..64).step_by(4)) {
        text += &format!("ld [{offset}]\njne #{word}, refuse\n");
    }
    text += if refuse { "ret errno(EPERM)\n" } else { "" };
    text += "allow: ret allow\nrefuse: ret errno(EXDEV)";
    install(&filter(&text), &NONE).unwrap();
    finish(exec.exec())
}

#[test]
fn a_filter_is_in_force_after_install() {
    expect("install", "-7");
    expect("bytes", "-8");
    expect("longest", "0");
}

#[test]
fn privileges() {
    expect("unprivileged", "F0801 ok -9");
    // SAFETY: takes no addresses.
    if unsafe { libc::geteuid() } != 0 {
        println!("skipped: not root, so no filter without no_new_privs");
        return;
    }
    expect("no_new_privs", "00 ok 02 12");
}

#[test]
fn one_listener_at_a_time() {
    expect("listener", "F0805 true ok");
}

#[test]
fn the_budget_of_a_chain() {
    let Some(result) = run("chain") else { return };
    assert!(result.starts_with("F0803 after Some("), "{result}");
}

#[test]
fn flags_together() {
    expect("flags", "ok -4");
}

#[test]
fn all_threads_or_none() {
    expect("tsync", "ok that thread: false, -5 -5");
    expect("tsync_diverged", "F0804 that thread: true, 0 0");
    expect("tsync_esrch", "F0804 that thread: false, 0 0");
}

#[test]
fn the_announced_execve_is_the_one_made() {
    expect("exec", "executed");
    let Some(result) = run("exec_refused") else { return };
    assert!(result.contains("(os error 1)"), "{result}");
}
