//! `run --via notify`: commands behave as without it, but for what the policy says.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests, which say what they skipped"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A folder with a policy that hides files named `secret*` in it.
struct Place {
    _guard: tempfile::TempDir,
    base: PathBuf,
}

impl Place {
    /// `None` where there are no notifications.
    fn new() -> Option<Self> {
        let notify = filterc_loader::action_available(filterc_abi::Action::Notify);
        let here = filterc_abi::host().is_some_and(|abi| abi.name == "x86_64");
        if !here || !notify.unwrap_or(false) {
            println!("skipped: no user notifications on this machine");
            return None;
        }
        let guard = tempfile::tempdir().unwrap();
        let base = guard.path().canonicalize().unwrap();
        let policy = format!(
            "arch x86_64, i386\ndefault allow\n\
             errno(EPERM) open, openat, openat2 if filename ~ \"{base}/secret*\"\n\
             errno(EPERM) creat if pathname ~ \"{base}/secret*\"\n\
             errno(ENOSYS) open_by_handle_at, io_uring_setup\n",
            base = base.display()
        );
        fs::write(base.join("policy.flt"), policy).unwrap();
        fs::write(base.join("secret"), "hidden\n").unwrap();
        Some(Self { _guard: guard, base })
    }

    fn command(&self, options: &[&str], command: &[&str]) -> Command {
        let mut run = Command::new(env!("CARGO_BIN_EXE_filterc"));
        run.args(["run", "--via", "notify"])
            .args(options)
            .arg("policy.flt")
            .arg("--")
            .args(command);
        run.current_dir(&self.base);
        run
    }

    fn output(&self, command: &[&str]) -> Output {
        self.command(&[], command).output().unwrap()
    }

    fn shell(&self, script: &str) -> String {
        let output = self.output(&["/bin/sh", "-c", script]);
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn a_command_ends_as_it_would() {
    let Some(place) = Place::new() else { return };
    assert_eq!(place.output(&["/bin/sh", "-c", "exit 7"]).status.code(), Some(7));
    assert_eq!(place.output(&["true"]).status.code(), Some(0));
    let killed = place.output(&["/bin/sh", "-c", "kill -USR1 $$"]);
    assert_eq!(killed.status.signal(), Some(10));
    let missing = place.output(&["./policy.flt"]);
    assert_eq!(missing.status.code(), Some(2));
    let format = place.base.join("garbage");
    fs::write(&format, "\0\0").unwrap();
    fs::set_permissions(&format, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let output = place.output(&["./garbage"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("garbage: Exec format error"));
}

#[test]
fn what_is_hidden_stays_hidden_and_all_else_works() {
    let Some(place) = Place::new() else { return };
    let script = "cat secret 2>&1; ln -s secret l; cat l 2>&1; echo a > new; cat new; cat < new";
    let refused = |path: &str| format!("cat: {path}: Operation not permitted\n");
    assert_eq!(place.shell(script), format!("{}{}a\na\n", refused("secret"), refused("l")));
    let program = "import sys, json, tempfile, subprocess\n\
                   print(subprocess.run(['echo', 'x'], capture_output=True).stdout)\n\
                   tempfile.TemporaryFile().write(b'x')\n\
                   try: open('secret')\n\
                   except PermissionError as error: print(error.errno)";
    let output = place.output(&["python3", "-c", program]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "b'x\\n'\n1\n");
}

#[test]
fn input_and_job_control_are_the_commands() {
    let Some(place) = Place::new() else { return };
    let mut child =
        place.command(&[], &["cat"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"through\n").unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"through\n");
    // The command is in the group of the one in front, as a job's processes are.
    let script = "read -r stat < /proc/$$/stat; set -- $stat; echo $5; echo $PPID >/dev/null";
    let group = place.shell(script);
    let own = fs::read_to_string("/proc/self/stat").unwrap();
    assert_eq!(group.trim(), own.split(' ').nth(4).unwrap());
}

#[test]
fn make_makes() {
    let Some(place) = Place::new() else { return };
    let makefile = "all: a.o b.o c.o d.o\n\techo linked > all\n\
                    %.o: %.c\n\tcp $< $@\n%.c:\n\techo $@ > $@\n";
    fs::write(place.base.join("Makefile"), makefile).unwrap();
    let output = place.output(&["make", "-s", "-j2"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_to_string(place.base.join("d.o")).unwrap(), "d.c\n");
    assert!(place.base.join("all").exists());
}

/// Waits for a line of a child.
fn line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line.trim().to_owned()
}

fn kill(pid: u32, signal: &str) {
    let status = Command::new("kill").args(["-s", signal]).arg(pid.to_string()).status().unwrap();
    assert!(status.success());
}

#[test]
fn signals_reach_the_command() {
    let Some(place) = Place::new() else { return };
    let script = "trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    let mut child =
        place.command(&[], &["/bin/sh", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    assert_eq!(line(&mut child), "ready");
    kill(child.id(), "TERM");
    assert_eq!(line(&mut child), "got");
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

/// The children of a process.
fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().map(|word| word.parse().unwrap()).collect()
}

/// Waits until it holds.
fn until(what: &str, holds: impl Fn() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.starts_with(" Z"))
}

/// A command with children of its own, and its supervisor, which is killed.
fn without_supervisor(place: &Place, options: &[&str]) -> (Child, Vec<u32>) {
    // The last line is said by who is asked about it.
    let script = "sleep 60 & (sleep 60 & echo $! > grandchild); echo $! > child; echo ready
                  while [ ! -e go ]; do sleep 0.05; done; cat policy.flt 2>&1 | head -c 200; exit 5";
    let mut child = place.command(options, &["/bin/sh", "-c", script]);
    child.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    assert_eq!(line(&mut child), "ready");
    let number = |name: &str| -> u32 {
        fs::read_to_string(place.base.join(name)).unwrap().trim().parse().unwrap()
    };
    let supervisor = children(child.id())[0];
    let command = children(supervisor)[0];
    let all = vec![command, number("child"), number("grandchild")];
    assert!(all.iter().all(|pid| alive(*pid)));
    // `sleep` opens libraries before it sleeps.
    let call = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
    let sleeps = |pid| ["230 ", "35 "].iter().any(|nr| call(pid).starts_with(nr));
    until("they sleep", || all[1..].iter().all(sleeps));
    kill(supervisor, "KILL");
    (child, all)
}

#[test]
fn when_the_supervisor_is_killed_so_is_everything() {
    let Some(place) = Place::new() else { return };
    let (child, all) = without_supervisor(&place, &[]);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("F0922"));
    until("all are killed", || all.iter().all(|pid| !alive(*pid)));
}

#[test]
fn or_calls_fail_where_that_was_asked_for() {
    let Some(place) = Place::new() else { return };
    let (child, all) = without_supervisor(&place, &["--on-monitor-death", "errno"]);
    // The command's own processes cannot be started any more, but it goes on: `[` needs none.
    fs::write(place.base.join("go"), "").unwrap();
    assert!(alive(all[1]) && alive(all[2]));
    // They have its output open as well.
    for pid in &all[1..] {
        kill(*pid, "KILL");
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!said.contains("default allow"), "{said}");
}

#[test]
fn what_outlives_the_command_is_served() {
    let Some(place) = Place::new() else { return };
    let script = "(sleep 0.5; cat secret 2>late; echo made >> late) >/dev/null 2>&1 & echo now";
    assert_eq!(place.shell(script), "now\n");
    let late = place.base.join("late");
    let text = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    until("the rest is served", || text(&late).ends_with("made\n"));
    assert!(text(&late).contains("Operation not permitted"));
}

#[test]
fn calls_that_are_decided_leave_records() {
    let Some(place) = Place::new() else { return };
    let mut run = place.command(&["--audit", "records.jsonl"], &["cat", "secret"]);
    assert!(!run.output().unwrap().status.success());
    // The supervisor writes them when it ends, which is after the command.
    let text = || fs::read_to_string(place.base.join("records.jsonl")).unwrap_or_default();
    until("the refused call is recorded", || text().contains("secret"));
    let output = place.command(&["--audit", "-"], &["true"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// What `run --via notify` says under a policy of its own.
fn said_under(place: &Place, outer: &str) -> String {
    fs::write(place.base.join("outer.flt"), format!("arch x86_64\ndefault allow\n{outer}\n"))
        .unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_filterc"));
    run.args(["run", "outer.flt", "--", env!("CARGO_BIN_EXE_filterc")]);
    run.args(["run", "--via", "notify", "policy.flt", "--", "cat", "secret"]);
    let output = run.current_dir(&place.base).output().unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn what_a_supervisor_lacks_is_said() {
    let Some(place) = Place::new() else { return };
    let unavailable = "errno(EOPNOTSUPP) seccomp if op == SECCOMP_GET_ACTION_AVAIL";
    assert!(said_under(&place, unavailable).contains("F0920"));
    let crowded = said_under(&place, "errno(EAGAIN) fork, clone, clone3");
    assert!(crowded.contains("F0921"), "{crowded}");
    let forbidden = said_under(&place, "errno(EPERM) unshare");
    assert!(forbidden.contains("F0923"), "{forbidden}");
}

#[test]
fn automatically_a_supervisor_is_there_only_where_it_is_asked() {
    let Some(place) = Place::new() else { return };
    let plain = place.base.join("plain.flt");
    fs::write(&plain, "arch x86_64\ndefault allow\nerrno(EPERM) getppid\n").unwrap();
    let parent = |policy: &str| {
        let mut run = Command::new(env!("CARGO_BIN_EXE_filterc"));
        run.args(["run", policy, "--", "/bin/sh", "-c", "cat secret 2>/dev/null; echo $PPID"]);
        let output = run.current_dir(&place.base).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    // The shell asks for its parent, and is refused: it prints what -1 is. The other has one.
    assert!(parent("plain.flt").starts_with("hidden\n"));
    assert!(!parent("policy.flt").starts_with("hidden\n"));
}
