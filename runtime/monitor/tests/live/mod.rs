//! Commands under a supervisor: this test program again, which puts itself under a filter that asks
//! about some calls, and becomes the command.

use std::env;
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use filterc_abi::seccomp::ret;
use filterc_audit::{Event, Record, Sink};
use filterc_cbpf::{Insn, verify};
use filterc_grammar::parser;
use filterc_grammar::source::FileId;
use filterc_hir::check::{Options, check};
use filterc_hir::{Sight, policy::Policy};
use filterc_loader::notify::Listener;
use filterc_loader::{Flags, install};
use filterc_monitor::notify::{Ended, Supervision, supervise};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

/// Parts the words of a command.
const PART: &str = "\x1f";
/// The command of the child.
const COMMAND: &str = "FILTERC_TEST_COMMAND";
/// The numbers that it is asked about.
const ASKED: &str = "FILTERC_TEST_ASKED";
/// The user that it becomes first.
const USER: &str = "FILTERC_TEST_USER";

/// What became of a command.
#[derive(Debug)]
#[allow(dead_code, reason = "not every test file looks at all of it")]
pub(crate) struct Outcome {
    /// Its status, as of shells.
    pub status: i32,
    /// What it wrote.
    pub output: String,
    /// What was recorded.
    pub records: Vec<Record>,
    /// What the supervisor says.
    pub ended: Ended,
}

impl Outcome {
    /// The actions of the calls that were recorded.
    #[allow(dead_code, reason = "not every test file looks at them")]
    pub(crate) fn actions(&self) -> Vec<u32> {
        let action = |record: &Record| match &record.event {
            Event::Call(call) => Some(call.answer.action),
            _ => None,
        };
        self.records.iter().filter_map(action).collect()
    }
}

/// In the child: becomes the command. In any other process: nothing.
pub(crate) fn become_command() {
    let Ok(command) = env::var(COMMAND) else { return };
    let words: Vec<&str> = command.split(PART).collect();
    let asked: Vec<u32> = env::var(ASKED)
        .unwrap()
        .split(',')
        .filter(|word| !word.is_empty())
        .map(|word| word.parse().unwrap())
        .collect();
    let mut flags = Flags { new_listener: true, wait_killable_recv: true, ..Flags::default() };
    let filter = verify(&gate(&asked)).unwrap();
    // It is no more root then, and may not install a filter without it.
    if let Ok(user) = env::var(USER) {
        let user = user.parse().unwrap();
        rustix::thread::set_thread_groups(&[]).unwrap();
        rustix::thread::set_thread_gid(rustix::process::Gid::from_raw(user)).unwrap();
        rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(user)).unwrap();
    }
    let installed = install(&filter, &flags).or_else(|_| {
        flags.wait_killable_recv = false;
        install(&filter, &flags)
    });
    let listener = installed.unwrap().listener.unwrap();
    let tid = rustix::thread::gettid().as_raw_nonzero();
    let mut out = std::io::stdout();
    writeln!(out, "@{} {tid} {}", std::process::id(), listener.as_raw_fd()).unwrap();
    out.flush().unwrap();
    let mut byte = [0];
    // Without a buffer: the rest is the command's.
    let _ = rustix::io::read(std::io::stdin(), &mut byte).unwrap();
    let error = Command::new(words[0]).args(&words[1..]).env_remove(COMMAND).exec();
    panic!("{}: {error}", words[0]);
}

/// A filter that asks about these calls, and lets all others through.
fn gate(asked: &[u32]) -> Vec<Insn> {
    let mut program = vec![
        Insn::stmt(0x20, 4),
        Insn::jump(0x15, filterc_abi::x86_64().audit_arch, 1, 0),
        Insn::stmt(0x06, ret::ALLOW),
        Insn::stmt(0x20, 0),
    ];
    for nr in asked {
        program.push(Insn::jump(0x15, *nr, 0, 1));
        program.push(Insn::stmt(0x06, ret::USER_NOTIF));
    }
    program.push(Insn::stmt(0x06, ret::ALLOW));
    program
}

/// A policy for a supervisor.
pub(crate) fn policy(text: &str) -> Policy {
    let text = format!("arch x86_64\n{text}\n");
    let parsed = parser::parse(FileId(0), &text);
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    let options = Options { sight: Sight::Monitor, ..Options::default() };
    let checked = check(&parsed.file.statements, &options);
    checked.policy.unwrap_or_else(|| panic!("{text}\n{:#?}", checked.diagnostics))
}

/// Takes all records.
#[derive(Default)]
struct All(Vec<Record>);

impl Sink for All {
    fn take(&mut self, record: &Record) -> bool {
        self.0.push(record.clone());
        true
    }
}

/// A command that waits to be begun.
pub(crate) struct Waiting {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    listener: Listener,
}

/// The command, and what it is asked about; it becomes a user first.
pub(crate) fn prepare(
    asked: &[&str],
    command: &[&str],
    folder: &Path,
    user: Option<u32>,
) -> Waiting {
    let nr = |name: &&str| filterc_abi::x86_64().syscall(name).unwrap().nr.to_string();
    let asked: Vec<String> = asked.iter().map(nr).collect();
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "becomes_the_command", "--nocapture", "--quiet"]);
    child.env(COMMAND, command.join(PART)).env(ASKED, asked.join(",")).current_dir(folder);
    if let Some(user) = user {
        child.env(USER, user.to_string());
    }
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut line = Vec::new();
    let numbers = loop {
        let mut byte = [0];
        assert_eq!(output.read(&mut byte).unwrap(), 1, "the child ended early");
        if byte == *b"\n" {
            let text = String::from_utf8(std::mem::take(&mut line)).unwrap();
            if let Some((_, numbers)) = text.split_once('@') {
                break numbers.to_owned();
            }
        } else {
            line.push(byte[0]);
        }
    };
    let numbers: Vec<i32> = numbers.split(' ').map(|word| word.parse().unwrap()).collect();
    let pidfd = pidfd_open(Pid::from_raw(numbers[0]).unwrap(), PidfdFlags::empty()).unwrap();
    let listener = pidfd_getfd(pidfd, numbers[2], PidfdGetfdFlags::empty()).unwrap();
    Waiting { child, input, output, listener: Listener::new(listener).unwrap() }
}

impl Waiting {
    /// Lets it go on with nobody to answer it; its status and what it writes.
    #[allow(dead_code, reason = "not every test file leaves a command alone")]
    pub(crate) fn abandon(mut self) -> (i32, String) {
        // The first byte lets it begin.
        self.input.write_all(b"\n").unwrap();
        drop(self.listener);
        self.input.write_all(b"\n").unwrap();
        drop(self.input);
        let mut output = String::new();
        self.output.read_to_string(&mut output).unwrap();
        (self.child.wait().unwrap().code().unwrap(), output)
    }

    /// Runs it to its end under a policy; `meanwhile` happens beside it.
    pub(crate) fn run(mut self, text: &str, meanwhile: impl FnOnce(u32) + Send) -> Outcome {
        let policy = policy(text);
        let mut sink = All::default();
        let what = Supervision { policy: &policy, params: &[], lines: &[] };
        drop(self.input);
        let (listener, sinks, id) = (self.listener, &mut sink, self.child.id());
        let (ended, output) = std::thread::scope(|scope| {
            let supervisor = scope.spawn(move || supervise(what, listener, Some(sinks)));
            scope.spawn(move || meanwhile(id));
            let mut output = String::new();
            self.output.read_to_string(&mut output).unwrap();
            (supervisor.join().unwrap().unwrap(), output)
        });
        let status = self.child.wait().unwrap();
        let status = status.code().unwrap_or_else(|| 128 + status.signal().unwrap());
        Outcome { status, output, records: sink.0, ended }
    }
}

/// Rules that refuse calls on paths.
pub(crate) fn refuse(errno: &str, calls: &[&str], argument: &str, pattern: &str) -> String {
    let rule = |call: &&str| format!("errno({errno}) {call} if {argument} ~ \"{pattern}\"\n");
    calls.iter().map(rule).collect()
}

/// Runs a command in a folder.
pub(crate) fn run(policy: &str, asked: &[&str], command: &[&str], folder: &Path) -> Outcome {
    prepare(asked, command, folder, None).run(policy, |_| {})
}

/// Calls that open.
pub(crate) const OPEN: &[&str] = &["open", "openat", "openat2", "creat"];

/// A folder for a test; its own path has no links.
pub(crate) fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    (folder, path)
}

/// Whether filters with a listener can be had here.
pub(crate) fn available() -> bool {
    let notify = filterc_loader::action_available(filterc_abi::Action::Notify);
    let here = filterc_abi::host().is_some_and(|abi| abi.name == "x86_64");
    if !here || !notify.unwrap_or(false) {
        println!("skipped: no user notifications on this machine");
        return false;
    }
    true
}
