//! `filterc run --via ptrace`, live: what programs do under it is what they do alone, but for the
//! calls that are refused. Programs are made with `cc` from `ptrace/target.c`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests say what they expect, and why they do not run"
)]

mod tool;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use tool::{Files, status, text};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ptrace");

/// How a command is started.
const WAYS: [&[&str]; 2] = [&["--via", "ptrace"], &["--via", "ptrace", "--no-seccomp"]];

const ALLOW: &str = "arch x86_64, i386, aarch64\ndefault allow\nunknown errno(ENOSYS)\n";

/// The program of cases; `None`, with a message, where it cannot be made.
fn target() -> Option<&'static str> {
    static TARGET: OnceLock<Result<String, String>> = OnceLock::new();
    made(&TARGET, "target")
}

/// The server of the seed's rule.
fn inetd() -> Option<&'static str> {
    static TARGET: OnceLock<Result<String, String>> = OnceLock::new();
    made(&TARGET, "inetd")
}

fn made(program: &'static OnceLock<Result<String, String>>, name: &str) -> Option<&'static str> {
    let made = program.get_or_init(|| {
        if !cfg!(target_arch = "x86_64") {
            return Err("calls are counted by the tables of x86-64".to_owned());
        }
        let target = tool::folder("ptrace").join(name).display().to_string();
        let source = format!("{SOURCES}/{name}.c");
        let cc = Command::new("cc").args(["-O1", "-pthread", "-o", &target, &source]).output();
        match cc {
            Ok(output) if output.status.success() => Ok(target),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => Err(format!("no C compiler: {error}")),
        }
    });
    match made {
        Ok(target) => Some(target),
        Err(why) => {
            println!("skipped: {why}");
            None
        }
    }
}

/// What a command printed, and what it ended with (a signal as a shell tells it).
fn outcome(output: &Output) -> (String, i32) {
    use std::os::unix::process::ExitStatusExt as _;
    let code = output.status.code();
    (text(output), code.unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0)))
}

/// Runs a command, in a folder of the test's.
fn run(folder: &Path, words: &[&str]) -> Output {
    let [program, arguments @ ..] = words else { panic!("no command") };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

/// Runs it under a policy.
fn watched(folder: &Path, way: &[&str], policy: &str, words: &[&str]) -> Output {
    let head = [env!("CARGO_BIN_EXE_filterc"), "run"];
    run(folder, &[&head, way, &[policy, "--"], words].concat())
}

/// A folder, and a policy in it.
fn policy(test: &str, rules: &str) -> (std::path::PathBuf, String) {
    let files = Files::new(&format!("ptrace-{test}"));
    let path = files.write("policy.flt", &format!("{ALLOW}{rules}"));
    (tool::folder(&format!("ptrace-{test}")), path)
}

#[test]
fn what_programs_do_is_the_same() {
    let Some(target) = target() else { return };
    let (folder, policy) = policy("same", "");
    let cases: [&[&str]; 9] = [
        &["exec-from-thread"],
        &["vfork"],
        &["interrupted"],
        &["stops"],
        &["asks"],
        &["forks", "300"],
        &["execs", "50"],
        &["no such case"],
        &["killed"],
    ];
    for case in cases {
        let words = [&[target], case].concat();
        let alone = outcome(&run(&folder, &words));
        for way in WAYS {
            assert_eq!(outcome(&watched(&folder, way, &policy, &words)), alone, "{way:?} {case:?}");
        }
    }
}

#[test]
fn signals_and_statuses_reach_the_outside() {
    let (folder, policy) = policy("statuses", "");
    for (script, expected) in [
        ("exit 7", 7),
        ("kill -SEGV $$", 139),
        ("kill -KILL $$", 137),
        ("cat /dev/null && false", 1),
        ("(sleep 0.2; kill -CONT $$) & kill -STOP $$; exit 4", 4),
    ] {
        for way in WAYS {
            let output = watched(&folder, way, &policy, &["sh", "-c", script]);
            assert_eq!(outcome(&output).1, expected, "{way:?} {script} {output:?}");
        }
    }
}

#[test]
fn answers_are_those_of_the_filter() {
    let Some(target) = target() else { return };
    let rules = "errno(EACCES) mkdir, mkdirat\nerrno(EACCES) io_uring_setup\ntrap(77) getpgid\n";
    let (folder, policy) = policy("answers", rules);
    for case in ["threads", "i386", "trap", "asks"] {
        let words = [target, case];
        let filtered = outcome(&watched(&folder, &[], &policy, &words));
        for way in WAYS {
            assert_eq!(
                outcome(&watched(&folder, way, &policy, &words)),
                filtered,
                "{way:?} {case}"
            );
        }
    }
    // A signal that is blocked kills; without a filter there is only SIGKILL.
    for (way, status) in WAYS.into_iter().zip([159, 137]) {
        let output = watched(&folder, way, &policy, &[target, "trap-blocked"]);
        assert_eq!(outcome(&output), (String::new(), status), "{way:?}");
    }
    assert!(!folder.join("refused-folder").exists());
}

#[test]
fn what_kills_does() {
    let Some(target) = target() else { return };
    let (folder, policy) = policy("kills", "kill_process getpgid\n");
    for (way, signal) in WAYS.into_iter().zip([31, 9]) {
        let output = watched(&folder, way, &policy, &[target, "killed"]);
        assert_eq!(outcome(&output), (format!("child: signal {signal}\n"), 0), "{way:?}");
    }
}

#[test]
fn ways_round_are_closed() {
    let Some(target) = target() else { return };
    let (folder, policy) = policy("ways", "errno(EACCES) mkdir, mkdirat\n");
    for (case, gate, plain) in [
        ("untraced", "clone: EPERM\n", "clone: EPERM\n"),
        // Its child is not watched, but filtered.
        ("untraced3", "child: status 13\n", "clone3: ENOSYS\n"),
        ("io-uring", "io_uring_setup: EPERM\n", "io_uring_setup: EPERM\n"),
        ("listener", "listener: EBUSY\n", "listener: EBUSY\n"),
        ("traceme", "ptrace: EPERM\n", "ptrace: EPERM\n"),
    ] {
        for (way, expected) in WAYS.into_iter().zip([gate, plain]) {
            let output = watched(&folder, way, &policy, &[target, case]);
            assert_eq!(outcome(&output).0, expected, "{way:?} {case}");
            let message = String::from_utf8_lossy(&output.stderr);
            assert_eq!(message.contains("F0974"), case == "traceme", "{message}");
        }
    }
    assert!(!folder.join("refused-folder").exists());
}

#[test]
fn rings_are_there_for_a_policy_that_names_them() {
    let Some(target) = target() else { return };
    let (folder, policy) = policy("rings", "allow io_uring_setup\n");
    let alone = outcome(&run(&folder, &[target, "io-uring"]));
    for way in WAYS {
        assert_eq!(outcome(&watched(&folder, way, &policy, &[target, "io-uring"])), alone);
    }
}

#[test]
fn a_shell_at_a_terminal_controls_its_jobs() {
    let (folder, policy) = policy("terminal", "");
    let script = format!("{SOURCES}/terminal.py");
    let python = Command::new("python3").args(["-c", "import pty"]).output();
    if !python.is_ok_and(|output| output.status.success()) {
        println!("skipped: no python3");
        return;
    }
    let alone = outcome(&run(&folder, &["python3", &script]));
    assert_eq!(alone.1, 0, "{}", alone.0);
    for way in WAYS {
        let head: [&[&str]; 4] =
            [&["python3", &script, env!("CARGO_BIN_EXE_filterc"), "run"], way, &[&policy], &["--"]];
        assert_eq!(outcome(&run(&folder, &head.concat())), alone, "{way:?}");
    }
}

#[test]
fn a_build_is_the_same() {
    if target().is_none()
        || !Command::new("make").arg("-v").output().is_ok_and(|it| it.status.success())
    {
        println!("skipped: no make, or no C compiler");
        return;
    }
    let (folder, policy) = policy("build", "");
    let names: Vec<_> = (0..12).map(|i| format!("part{i}")).collect();
    for name in &names {
        let source = format!("int {name}(int n) {{ return n * 3 + {}; }}\n", name.len());
        fs::write(folder.join(format!("{name}.c")), source).unwrap();
    }
    let declared: String = names.iter().map(|name| format!("int {name}(int);\n")).collect();
    let called: String = names.iter().map(|name| format!("n = {name}(n);")).collect();
    let main = format!("{declared}int main(void) {{ int n = 1; {called} return n & 127; }}\n");
    fs::write(folder.join("main.c"), main).unwrap();
    let objects: String = names.iter().map(|name| format!(" {name}.o")).collect();
    let makefile = format!(
        "program: main.o{objects}\n\tcc -o $@ $^\n%.o: %.c\n\tcc -c -o $@ $<\n\
         clean:\n\trm -f *.o program\n.PHONY: clean\n"
    );
    fs::write(folder.join("Makefile"), makefile).unwrap();
    let build = || fs::read(folder.join("program")).unwrap();
    let make = ["make", "-j2", "program"];
    assert!(run(&folder, &["make", "clean"]).status.success());
    assert!(run(&folder, &make).status.success());
    let alone = build();
    for way in WAYS {
        assert!(run(&folder, &["make", "clean"]).status.success());
        let output = watched(&folder, way, &policy, &make);
        assert_eq!(status(&output), 0, "{way:?} {output:?}");
        assert!(build() == alone, "{way:?}");
    }
}

#[test]
fn tests_of_python_hold() {
    let (folder, policy) = policy("python", "");
    let tests = ["test.test_fork1", "test.test_popen", "test.test_wait3", "test.test_wait4"];
    let words = [&["python3", "-m", "unittest", "-q"], &tests[..]].concat();
    if !Command::new("python3")
        .args(&words[1..])
        .current_dir(&folder)
        .output()
        .is_ok_and(|output| output.status.success())
    {
        println!("skipped: these tests of Python are not there, or fail alone");
        return;
    }
    for way in WAYS {
        let output = watched(&folder, way, &policy, &words);
        assert_eq!(status(&output), 0, "{way:?} {output:?}");
    }
}

#[test]
fn nothing_is_held_open_by_who_watches() {
    // The reader sees the end although a process goes on that is still watched.
    let (folder, policy) = policy("open", "");
    let script = "sleep 5 </dev/null >/dev/null 2>&1 & echo $!";
    for way in WAYS {
        let output = watched(&folder, way, &policy, &["sh", "-c", script]);
        let sleeper = text(&output).trim().to_owned();
        assert!(Path::new(&format!("/proc/{sleeper}")).exists(), "{way:?} {output:?}");
        assert!(run(&folder, &["kill", &sleeper]).status.success());
    }
}

#[test]
fn whoever_is_watched_dies_with_who_watches() {
    let (folder, policy) = policy("dies", "");
    // TracerPid, on the line of that name.
    let script =
        "t=$(awk '/^TracerPid/ { print $2 }' /proc/$$/status); kill -9 $t; sleep 5; echo alive";
    for way in WAYS {
        let output = watched(&folder, way, &policy, &["sh", "-c", script]);
        assert_eq!(outcome(&output), (String::new(), 137), "{way:?}");
    }
}

#[test]
fn wrong_uses_are_told() {
    let (folder, policy) = policy("wrong", "");
    let output = watched(&folder, &["--no-seccomp"], &policy, &["true"]);
    assert_eq!(status(&output), 2, "{output:?}");
    let denied = Files::new("ptrace-denied").write("p.flt", "arch x86_64\ndefault errno(EPERM)\n");
    for way in WAYS {
        let output = watched(&folder, way, &denied, &["true"]);
        assert_eq!(status(&output), 1, "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("execve"), "{output:?}");
        let output = watched(&folder, way, &policy, &["/no/such/file"]);
        assert_eq!(status(&output), 2, "{output:?}");
    }
}

/// The seed's own rule: whoever inetd has started, is sent data and crashes within some calls.
#[test]
fn data_and_a_crash_are_a_sequence() {
    let Some(inetd) = inetd() else { return };
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../../corpus/sequences/net-then-crash.flt");
    let (folder, _) = policy("sequence", "");
    let of = |way: &[&str], name: &str, calls: &str| {
        let records = folder.join("a.bin").display().to_string();
        let way = [way, &["--audit", &records]].concat();
        let output = watched(&folder, &way, rules, &[inetd, name, calls]);
        let told = String::from_utf8_lossy(&output.stderr).contains("F0979");
        // The supervisor ends after the command, and with it the file: the last record is the end of
        // the first process.
        let mut shown = String::new();
        for _ in 0..100 {
            shown = text(&run(&folder, &[env!("CARGO_BIN_EXE_filterc"), "audit", &records]));
            if shown.contains("exited with 0") {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let logged = shown.contains("possible exploit");
        (text(&output).trim().to_owned(), told, logged)
    };
    for way in [&WAYS[..], &[&[]]].concat() {
        // Killed before the signal is delivered.
        assert_eq!(of(way, "inetd", "0"), ("9".to_owned(), true, true), "{way:?}");
        assert_eq!(of(way, "inetd", "3"), ("9".to_owned(), true, true), "{way:?}");
        assert_eq!(of(way, "inetd", "4"), ("11".to_owned(), false, false), "{way:?}");
        assert_eq!(of(way, "other", "0"), ("11".to_owned(), false, false), "{way:?}");
    }
}

/// What is under way in a process is seen in threads that it makes later.
#[test]
fn new_threads_are_followed() {
    let Some(target) = target() else { return };
    let rules = "sequence evade within 50 calls per process { getppid getpgid } then log\n";
    let (folder, policy) = policy("thread", rules);
    for way in WAYS {
        let output = watched(&folder, way, &policy, &[target, "sequence-in-thread"]);
        let told = String::from_utf8_lossy(&output.stderr).contains("F0979");
        assert!(told, "{way:?} {output:?}");
    }
}
