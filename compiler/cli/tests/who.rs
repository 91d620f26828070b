//! A command watched by the running kernel, and rules that ask who calls.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skipped"
)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, Command, Stdio};

use filterc::{EventOptions, Monitored, Options, Source, Target, compile_events, compile_module};
use filterc_abi::{Action, Endian, x86_64};
use filterc_ebpf::Hook;
use filterc_ebpf::audit::{self, Record};
use filterc_loader::bpf::{Loaded, Process, RingReader};

/// A shell that waits for a line, then calls `umask` with the masks 0101 to 0112.
fn shell() -> Child {
    let script: String = (1..=10).map(|n| format!("umask {}; ", octal(n))).collect();
    Command::new("/bin/sh")
        .args(["-c", &format!("read go; {script} exit 0")])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn octal(n: u32) -> String {
    format!("{:o}", 0o100 + n)
}

/// The id of a process's group in the hierarchy of version 2: the inode of its folder.
fn cgroup(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let is_second = |line: &&str| line.split(' ').nth(2) == Some("cgroup2");
    let root = mounts.lines().find(is_second)?.split(' ').nth(1)?;
    Some(fs::metadata(format!("{root}{path}")).ok()?.ino())
}

/// Rules that each ask something of a call with another mask, and whether it holds.
fn rules(pid: u32) -> Vec<(String, bool)> {
    let own = fs::metadata(format!("/proc/{pid}")).unwrap();
    let (uid, gid) = (own.uid(), own.gid());
    let mut rules = vec![
        (format!("pid == {pid} && tid == {pid} && pid == tid"), true),
        (format!("pid == {}", pid + 1), false),
        (format!("uid == {uid} && gid == {gid}"), true),
        (format!("uid == {} || gid == {}", uid + 1, gid + 1), false),
        ("comm == \"sh\" && comm ~ \"s?\" && comm ~ \"*h\"".to_owned(), true),
        ("comm == \"s\" || comm == \"sh-\" || comm ~ \"?\" || comm != \"sh\"".to_owned(), false),
        ("cpu >= 0 && cpu < 4096".to_owned(), true),
        ("cpu < 0 || cpu >= 4096".to_owned(), false),
    ];
    match cgroup(pid) {
        Some(id) => {
            rules.push((format!("cgroup == {id}"), true));
            rules.push((format!("cgroup != {id}"), false));
        }
        None => println!("skipped: no hierarchy of version 2, so no id of a group"),
    }
    rules
}

/// The programs; `None` where the kernel has none.
fn loaded(target: Target, policy: &str) -> Option<Loaded> {
    let options = Options { target, default_abi: Some(x86_64()), ..Options::default() };
    let compiled = compile_module(&Source::text("who.flt", policy), &options);
    let compiled = compiled.unwrap_or_else(|errors| panic!("{errors}"));
    assert!(compiled.program().proof().is_some());
    match Loaded::load(compiled.program().module()) {
        Ok(loaded) => Some(loaded),
        Err(error) if matches!(error.code(), "F0835" | "F0836" | "F0838") => {
            println!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn who(target: Target) {
    if !cfg!(target_arch = "x86_64") {
        println!("skipped: the registers of this machine are not known");
        return;
    }
    let mut child = shell();
    let rules = rules(child.id());
    let mut policy = "arch x86_64\ndefault allow\nunknown allow\nforeign allow\n".to_owned();
    for (n, (predicate, _)) in (1..).zip(&rules) {
        policy += &format!("errno({n}) umask if mask == 0{} && ({predicate})\n", octal(n));
    }
    let told = loaded(target, &policy).map(|loaded| {
        let mut reader = RingReader::new(loaded.map("records").unwrap()).unwrap();
        let links = loaded.attach().unwrap_or_else(|error| panic!("{error}"));
        loaded.watch(&Process::open(child.id()).unwrap(), audit::ENTER).unwrap();
        child.stdin.take().unwrap().write_all(b"go\n").unwrap();
        child.wait().unwrap();
        drop(links);
        let read = reader.consume();
        read.iter().map(|bytes| Record::from_bytes(bytes, Endian::HOST).unwrap()).collect()
    });
    let Some(told): Option<Vec<Record>> = told else {
        child.kill().unwrap();
        child.wait().unwrap();
        return;
    };
    let masks = |n: u32| u64::from(0o100 + n);
    for (n, (predicate, holds)) in (1..).zip(&rules) {
        let of = told.iter().filter(|record| record.call.args[0] == masks(n));
        let actions: Vec<u32> = of.map(|record| record.action).collect();
        let errno = Action::Errno(u16::try_from(n).unwrap()).to_ret();
        // Some shells put the old mask back before they set a new one.
        assert_eq!(!actions.is_empty(), *holds, "{predicate}: {told:x?}");
        assert!(actions.iter().all(|action| *action == errno), "{predicate}: {told:x?}");
    }
}

#[test]
fn the_kernels_types_tell_who_calls() {
    who(Target::TracepointBtf);
}

#[test]
fn raw_tracepoints_tell_who_calls() {
    who(Target::RawTracepoint);
}

/// An event filter's program, run on request in this process: what the helpers say of us.
#[test]
fn event_filters_know_who_calls() {
    let pid = std::process::id();
    let own = fs::metadata("/proc/thread-self").unwrap();
    let (uid, gid) = (own.uid(), own.gid());
    let mut cases = vec![
        (format!("pid == {pid} && pid in {{ {pid}..{} }}", pid + 1), true),
        (format!("pid < {pid} || pid > {pid} || pid & {}", u32::MAX - pid), false),
        (format!("uid == {uid} && gid == {gid}"), true),
        (format!("uid != {uid} || gid == {}", gid + 1), false),
        ("pid == tid".to_owned(), false),
    ];
    match cgroup(pid) {
        Some(id) => cases.push((format!("cgroup == {id}"), true)),
        None => println!("skipped: no hierarchy of version 2, so no id of a group"),
    }
    for (predicate, holds) in cases {
        let text = format!("event syscalls:sys_enter_read if {predicate}\n");
        let event_options =
            EventOptions { monitored: Monitored::Everybody, event_id: None, counted: None };
        let options = Options { default_abi: Some(x86_64()), ..Options::default() };
        let compiled = compile_events(&Source::text("who.flt", &text), &options, &event_options);
        let mut module = compiled.unwrap_or_else(|errors| panic!("{errors}")).module;
        for unit in &mut module.units {
            unit.hook = Hook::Syscall;
        }
        let loaded = match Loaded::load(&module) {
            Ok(loaded) => loaded,
            Err(error) if matches!(error.code(), "F0835" | "F0836" | "F0838") => {
                return println!("skipped: {error}");
            }
            Err(error) => panic!("{error}"),
        };
        let (_, _, program) = loaded.programs().next().unwrap();
        let said = program.test_run(&mut [0; 64]).unwrap();
        assert_eq!(said, u32::from(holds), "{predicate}");
    }
}

/// A machine may refuse programs at hooks of security modules to everybody; that is told.
#[test]
fn hooks_that_a_kernel_keeps_to_itself_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("objects.flt");
    let text = "arch x86_64\ndefault allow\nunknown allow\nlabel tmp_t = \"/tmp/**\"\n\
                errno(EACCES) any if label & tmp_t && uid != 0\n";
    fs::write(&policy, text).unwrap();
    let object = folder.path().join("objects.bpf.o");
    let filterc =
        |args: &[&str]| Command::new(env!("CARGO_BIN_EXE_filterc")).args(args).output().unwrap();
    let (policy, object) = (policy.to_str().unwrap(), object.to_str().unwrap());
    let made = filterc(&[policy, "--target", "lsm", "-o", object]);
    assert!(made.status.success(), "{made:?}");
    let attached = filterc(&["attach", policy, "--target", "lsm", "--for", "true"]);
    let said = String::from_utf8_lossy(&attached.stderr);
    assert!(attached.status.code() == Some(2) && said.contains("labels"), "{attached:?}");
    for args in [vec!["load", policy, "--target", "lsm"], vec!["load", object]] {
        let output = filterc(&args);
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            println!("accepted: {}", String::from_utf8_lossy(&output.stdout));
            continue;
        }
        // No policy is at fault.
        let code = ["F0835", "F0836", "F0838", "F0841"].iter().find(|code| said.contains(*code));
        assert!(code.is_some_and(|code| said.contains(code)), "{said}");
        assert!(said.contains("lsm/file_open"), "{said}");
        println!("skipped: {said}");
    }
}
