//! eBPF on the command line: object files, what the kernel says of them, and tasks that are
//! watched. Only processes and control groups of our own are.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skipped"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use filterc_abi::Endian;
use filterc_ebpf::{Function, Hook, Line, Module, Unit, assemble};
use filterc_testkit::corpus::folder;
use serde_json::Value;

/// Tells directories that are made, on both ABIs of the machine.
const POLICY: &str = "arch x86_64, i386\ndefault allow\nunknown allow\nforeign allow\n\
    errno(EACCES) mkdir, mkdirat\n";

fn tool(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_filterc"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn filterc(args: &[&str]) -> Output {
    tool(args).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A fresh folder for a test's own files, with the policy.
fn scratch(name: &str) -> (PathBuf, PathBuf) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ebpf-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let policy = folder.join("policy.flt");
    fs::write(&policy, POLICY).unwrap();
    (folder, policy)
}

/// Whether programs can be loaded here at all; whoever cannot is told why, with a code.
fn may_load(output: &Output) -> bool {
    if output.status.success() {
        return true;
    }
    let text = stderr(output);
    let known = ["F0835", "F0836", "F0838"].iter().any(|code| text.contains(code));
    assert!(known && output.status.code() == Some(1), "{text}");
    println!("skipped: {}", text.lines().last().unwrap_or_default());
    false
}

#[test]
fn object_files_are_made_and_loaded() {
    let (folder, policy) = scratch("object");
    let object = folder.join("policy.bpf.o");
    let made = filterc(&[path(&policy), "-o", path(&object)]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let (module, endian) = filterc_object::read(&fs::read(&object).unwrap()).unwrap();
    assert_eq!(endian, Endian::Little);
    let hooks: Vec<String> = module.units.iter().map(|unit| unit.hook.section()).collect();
    assert_eq!(hooks, ["tp_btf/sys_enter", "tp_btf/sys_exit", "tp_btf/sched_process_fork"]);
    assert!(module.units[0].lines.iter().any(|line| line.text.starts_with("errno(EACCES)")));
    // The form by name is the same as by extension.
    let named = filterc(&[path(&policy), "--emit", "obj", "--target", "tp_btf", "-o", "-"]);
    assert_eq!(named.stdout, fs::read(&object).unwrap());
    let wrong = filterc(&[path(&policy), "--emit", "obj", "--target", "seccomp", "-o", "-"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("has no form `obj`"));

    let loaded = filterc(&["load", path(&object)]);
    if !may_load(&loaded) {
        return;
    }
    let text = stdout(&loaded);
    assert!(text.starts_with("enter: accepted at tp_btf/sys_enter, "), "{text}");
    assert!(text.contains("; processed "), "{text}");
    for target in ["syscall", "raw_tracepoint", "tp_btf"] {
        let loaded = filterc(&["load", path(&policy), "--target", target, "--json", "--log"]);
        assert_eq!(loaded.status.code(), Some(0), "{}", stderr(&loaded));
        for line in stdout(&loaded).lines() {
            let object: Value = serde_json::from_str(line).unwrap();
            assert!(object["slots"].as_u64().unwrap() > 10, "{line}");
            assert!(object["log"].as_str().unwrap().contains("R10=fp0"), "{line}");
        }
    }
    let wrong = filterc(&["load", path(&policy), "--target", "seccomp"]);
    assert_eq!(wrong.status.code(), Some(2));
}

fn object(folder: &Path, hook: Hook, text: &str, lines: Vec<Line>, endian: Endian) -> PathBuf {
    let name = "main".to_owned();
    let functions = vec![Function { name: name.clone(), slot: 0 }];
    let unit =
        Unit { name, hook, insns: assemble(text).unwrap(), functions, lines, fields: Vec::new() };
    let module =
        Module { license: "GPL".into(), maps: Vec::new(), units: vec![unit], labels: Vec::new() };
    let path = folder.join("main.bpf.o");
    fs::write(&path, filterc_object::write(&module, endian).unwrap()).unwrap();
    path
}

fn coded(output: &Output, code: &str) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(&format!("error[{code}]: ")), "{code}: {text}");
}

#[test]
fn files_that_are_not_loaded_have_a_code() {
    let (folder, policy) = scratch("files");
    // The beginning of a program for this machine.
    let native = folder.join("native");
    fs::write(&native, &fs::read(env!("CARGO_BIN_EXE_filterc")).unwrap()[..4096]).unwrap();
    coded(&filterc(&["load", path(&native)]), "F0830");
    let made = filterc(&[path(&policy), "--emit", "obj", "-o", "-"]).stdout;
    let cut = folder.join("cut.o");
    fs::write(&cut, &made[..made.len() - 100]).unwrap();
    let output = filterc(&["load", path(&cut)]);
    assert!(["F0830", "F0831"].iter().any(|code| stderr(&output).contains(code)));
    let other = object(&folder, Hook::Syscall, "r0 = 0\nexit", Vec::new(), Endian::Big);
    coded(&filterc(&["load", path(&other)]), "F0834");
    let missing = filterc(&["load", path(&folder.join("nothing"))]);
    assert_eq!(missing.status.code(), Some(2));
    for code in ["F0830", "F0837", "F0847"] {
        assert!(stdout(&filterc(&["explain", code])).starts_with(&format!("# {code}: ")));
    }
}

#[test]
fn refusals_quote_the_policy() {
    let (folder, policy) = scratch("refusals");
    if !may_load(&filterc(&["load", path(&policy)])) {
        return;
    }
    let line = |slot, line, text: &str| Line {
        slot,
        file: "team/policy.flt".to_owned(),
        line,
        column: 1,
        text: text.to_owned(),
    };
    let text = "r1 = *(u64 *)(r1 + 0)\nif r1 == 0 goto no\nr0 = *(u8 *)(r1 + 4)\nno: r0 = 0\nexit";
    let lines = vec![line(0, 4, "allow read"), line(2, 5, "allow write if fd == 1")];
    let bad = object(&folder, Hook::Syscall, text, lines, Endian::Little);
    let output = filterc(&["load", path(&bad)]);
    coded(&output, "F0837");
    let text = stderr(&output);
    for part in [
        "reason: R1 invalid mem access 'scalar'",
        "at: team/policy.flt:5:1, instruction 2: r0 = *(u8 *)(r1 + 4)",
        "    5 | allow write if fd == 1",
        "team/policy.flt:4: allow read",
        "suggestion: ",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let log = filterc(&["load", path(&bad), "--log"]);
    assert!(stdout(&log).contains("; allow write if fd == 1"), "{}", stdout(&log));
    let json = filterc(&["load", path(&bad), "--message-format", "json"]);
    let object_of: Value = serde_json::from_slice(&json.stderr).unwrap();
    assert_eq!(object_of["code"], "F0837");
    assert_eq!(object_of["at"]["line"]["line"], 5);
    assert_eq!(object_of["path"][0]["text"], "allow read");

    // Security modules: loaded, or refused with a reason and nothing else.
    let lsm = Hook::Lsm("file_open".to_owned());
    let lsm = object(&folder, lsm, "r0 = 0\nexit", Vec::new(), Endian::Little);
    let output = filterc(&["load", path(&lsm)]);
    if !output.status.success() {
        assert!(["F0836", "F0841"].iter().any(|code| stderr(&output).contains(code)));
        assert_eq!(output.status.code(), Some(1));
        println!("{}", stderr(&output).trim());
    }
}

#[test]
fn a_command_is_watched() {
    let (folder, policy) = scratch("for");
    let made = folder.join("made");
    let args = ["attach", path(&policy), "--json", "--when", "both", "--for", "mkdir", "-p"];
    let output = filterc(&[&args[..], &[path(&made)]].concat());
    if !may_load(&output) {
        return;
    }
    // It is told, and nothing is prevented.
    assert!(made.is_dir());
    let text = stdout(&output);
    let records: Vec<Value> = text.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert!(!records.is_empty());
    for record in &records {
        assert!(record["call"].as_str().unwrap().starts_with("mkdir"), "{record}");
        assert_eq!(record["action"], "errno(EACCES)");
    }
    assert!(records.iter().any(|record| record["moment"] == "exit" && record["ret"] == 0));
    // All calls, as text, from an object file; the command's status is told.
    let object = folder.join("policy.bpf.o");
    assert!(filterc(&[path(&policy), "-o", path(&object)]).status.success());
    let output = filterc(&["attach", path(&object), "--all", "--for", "sh", "-c", "exit 7"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains(" execve(filename=0x"), "{}", stdout(&output));
    assert!(stdout(&output).contains("): allow\n"));
    assert!(stderr(&output).contains("ended with the status 7"), "{}", stderr(&output));
    let none = filterc(&["attach", path(&object), "--for", "no-such-command-anywhere"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(stderr(&none).contains("F0814"));
}

/// A shell that makes directories in a folder when it gets a line, and then ends.
fn shell(folder: &Path) -> Child {
    Command::new("/bin/sh")
        .args(["-c", "read go; mkdir one; (mkdir two); read end"])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Attaches with these arguments, has the shell go on when the tool says that it watches, and
/// ends the tool by a signal once both directories were told.
fn watched(args: &[&str], shell: &mut Child, signal: &str) -> Option<String> {
    watched_after(args, shell, signal, |_| ())
}

/// The same, and something is done with the shell before it goes on.
fn watched_after(
    args: &[&str],
    shell: &mut Child,
    signal: &str,
    before: impl FnOnce(&Child),
) -> Option<String> {
    let mut attached = tool(args).spawn().unwrap();
    let mut input = shell.stdin.take().unwrap();
    let mut notes = BufReader::new(attached.stderr.take().unwrap()).lines();
    let mut said: Vec<String> = Vec::new();
    for line in notes.by_ref().map_while(Result::ok) {
        said.push(line);
        if said.last().is_some_and(|line| line.contains("watched")) {
            break;
        }
    }
    if !said.last().is_some_and(|line| line.contains("watched")) {
        drop(input);
        shell.wait().unwrap();
        let status = attached.wait().unwrap();
        let stderr = said.join("\n").into_bytes();
        assert!(!may_load(&Output { status, stdout: Vec::new(), stderr }), "it ended too early");
        return None;
    }
    let mut lines = BufReader::new(attached.stdout.take().unwrap()).lines();
    let mut seen = String::new();
    before(shell);
    input.write_all(b"go\n").unwrap();
    while seen.matches("mkdir").count() < 2 {
        seen.push_str(&lines.next().unwrap().unwrap());
        seen.push('\n');
    }
    let kill = ["-s", signal, &attached.id().to_string()].map(str::to_owned);
    assert!(Command::new("kill").args(kill).status().unwrap().success());
    let status = attached.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{status:?}");
    drop(input);
    shell.wait().unwrap();
    Some(seen)
}

#[test]
fn processes_are_watched_until_a_signal_comes() {
    let (folder, policy) = scratch("pid");
    for signal in ["TERM", "INT"] {
        let _ = (fs::remove_dir(folder.join("one")), fs::remove_dir(folder.join("two")));
        let mut shell = shell(&folder);
        let id = shell.id().to_string();
        let args = ["attach", path(&policy), "--pid", &id];
        let Some(seen) = watched(&args, &mut shell, signal) else { return };
        assert_eq!(seen.lines().count(), 2, "{seen}");
        assert!(seen.lines().all(|line| line.ends_with("errno(EACCES)")), "{seen}");
    }
    coded(&filterc(&["attach", path(&policy), "--pid", "4194305"]), "F0847");
    let output = filterc(&["attach", path(&policy), "--target", "syscall", "--pid", "1"]);
    coded(&output, "F0846");
    // Who is to be watched has to be said.
    assert_eq!(filterc(&["attach", path(&policy)]).status.code(), Some(2));
}

#[test]
fn control_groups_are_watched() {
    let (folder, policy) = scratch("cgroup");
    let roots = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"];
    let root = roots.iter().find(|root| Path::new(root).join("cgroup.procs").exists());
    let Some(root) = root else { return println!("skipped: no control groups are mounted") };
    let group = Path::new(root).join(format!("filterc-test-{}", std::process::id()));
    if let Err(error) = fs::create_dir(&group) {
        return println!("skipped: no control group can be made: {error}");
    }
    let mut shell = shell(&folder);
    let moved = fs::write(group.join("cgroup.procs"), shell.id().to_string());
    if let Err(error) = moved {
        println!("skipped: a process cannot be moved: {error}");
        drop(shell.stdin.take());
        shell.wait().unwrap();
    } else {
        let args = ["attach", path(&policy), "--cgroup", path(&group)];
        if let Some(seen) = watched(&args, &mut shell, "TERM") {
            assert_eq!(seen.lines().count(), 2, "{seen}");
        }
        joined(&folder, &policy, &group);
    }
    fs::remove_dir(&group).unwrap();
    let missing = filterc(&["attach", path(&policy), "--cgroup", path(&group)]);
    assert!(missing.status.code() == Some(2) || !may_load(&missing));
}

/// A shell that comes into the group, or into one below it, when the programs are there already.
fn joined(folder: &Path, policy: &Path, group: &Path) {
    let below = group.join("below");
    fs::create_dir(&below).unwrap();
    for place in [group, &below] {
        let _ = (fs::remove_dir(folder.join("one")), fs::remove_dir(folder.join("two")));
        let (mut shell, mut stranger) = (shell(folder), shell(folder));
        let args = ["attach", path(policy), "--cgroup", path(group)];
        let enters = |shell: &Child| {
            fs::write(place.join("cgroup.procs"), shell.id().to_string()).unwrap();
            drop(stranger.stdin.take());
            stranger.wait().unwrap();
        };
        if let Some(seen) = watched_after(&args, &mut shell, "TERM", enters) {
            assert_eq!(seen.lines().count(), 2, "{seen}");
        }
    }
    fs::remove_dir(&below).unwrap();
}

/// Programs of event filters stand at their tracepoints while a command runs, and tell how many
/// of its events they have kept.
#[test]
fn event_filters_are_attached() {
    let (folder, _) = scratch("events");
    let policy = folder.join("events.flt");
    let text = "event syscalls:sys_enter_mkdir if pathname.ustring ~ \"one*\"\n\
        event syscalls:sys_exit_mkdir if ret < 0\nevent syscalls:sys_enter_umask if mask == 1\n";
    fs::write(&policy, text).unwrap();
    let script = format!("cd {} && mkdir one1 && mkdir one2 && (mkdir two)", folder.display());
    let command = ["--for", "sh", "-c", &script];
    let args = ["attach", path(&policy), "--target", "tracepoint", "--json"];
    let output = filterc(&[&args[..], &command[..]].concat());
    if !may_load(&output) {
        return;
    }
    let counts: Vec<Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = |number: usize| {
        let of = &counts[number];
        (of["event"].as_str().unwrap(), of["kept"].as_u64(), of["dropped"].as_u64())
    };
    assert_eq!(counts.len(), 3, "{counts:?}");
    assert_eq!(count(0), ("syscalls:sys_enter_mkdir", Some(2), Some(1)));
    assert_eq!(count(1), ("syscalls:sys_exit_mkdir", Some(0), Some(3)));
    assert_eq!(count(2).0, "syscalls:sys_enter_umask");
    // The same from the command line, as text, with a command that finds the folders there.
    let args = ["event", "sys_exit_mkdir", "ret == -17", "--attach"];
    let output = filterc(&[&args[..], &command[..]].concat());
    assert_eq!(stdout(&output), "syscalls:sys_exit_mkdir: 1 kept, 0 dropped\n");
    assert!(stderr(&output).contains("ended with the status 1"), "{}", stderr(&output));
    // The programs of an object file do not count by themselves.
    let object = folder.join("events.bpf.o");
    let compiled = filterc(&[path(&policy), "--target", "tracepoint", "-o", path(&object)]);
    assert!(compiled.status.success(), "{}", stderr(&compiled));
    let again = format!("rmdir {0}/one1 {0}/one2 {0}/two; {script}", folder.display());
    let from_file = ["attach", path(&object), "--json", "--for", "sh", "-c", &again];
    let output = filterc(&from_file);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let same: Vec<Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(same[..2], counts[..2]);
    // Whose events, and what with them, has to be said.
    let everybody =
        ["attach", path(&policy), "--target", "tracepoint", "--all-tasks", "--for", "true"];
    let nobody = ["event", "sys_exit_mkdir", "ret == 0", "--pid", "1"];
    for wrong in [&args[..], &nobody, &everybody] {
        assert_eq!(filterc(wrong).status.code(), Some(2));
    }
    let removed = filterc(&["event", "sys_exit_mkdir", "0", "--attach", "--for", "true"]);
    assert_eq!(removed.status.code(), Some(2));
    let nobody = filterc(&["event", "sys_exit_mkdir", "ret == 1", "--attach", "--pid", "4194305"]);
    coded(&nobody, "F0847");
}

/// The function `decide` of object files is held against policies, filters and other objects.
#[test]
fn object_files_are_compared() {
    let (folder, policy) = scratch("equiv");
    let [filter, other] = ["policy.bpf", "other.flt"].map(|name| folder.join(name));
    assert!(filterc(&[path(&policy), "-o", path(&filter)]).status.success());
    let text = fs::read_to_string(&policy).unwrap();
    fs::write(&other, format!("{text}\nerrno(EPERM) getppid\n")).unwrap();
    let mut before = filter.clone();
    for target in ["syscall", "raw_tracepoint", "tp_btf"] {
        let object = folder.join(format!("{target}.bpf.o"));
        let args = [path(&policy), "--target", target, "-o", path(&object)];
        assert!(filterc(&args).status.success());
        for side in [&policy, &filter, &before] {
            let output = filterc(&["equiv", path(side), path(&object)]);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
            assert!(stdout(&output).starts_with("equal: "), "{}", stdout(&output));
        }
        let output = filterc(&["equiv", path(&object), path(&other), "--json"]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let found: Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert_eq!(found["call"].as_str().unwrap().split('(').next(), Some("getppid"), "{found}");
        assert!(found["left_why"].as_str().unwrap().contains("of `decide`"), "{found}");
        let output = filterc(&["subset", path(&object), path(&other)]);
        assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
        let wrong = filterc(&["equiv", path(&object), path(&policy), "--endian", "big"]);
        assert_eq!(wrong.status.code(), Some(2));
        assert!(stderr(&wrong).contains("other byte order"), "{}", stderr(&wrong));
        before = object;
    }
    // Programs without the function, and what is none at all.
    let events = folder.join("events.flt");
    fs::write(&events, "event syscalls:sys_enter_read if fd == 1\n").unwrap();
    let object = folder.join("events.bpf.o");
    let args = [path(&events), "--target", "tracepoint", "-o", path(&object)];
    assert!(filterc(&args).status.success());
    let output = filterc(&["equiv", path(&policy), path(&object)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("no program in it has a function `decide`"));
    let mut bytes = fs::read(&before).unwrap();
    bytes.truncate(bytes.len() / 2);
    fs::write(&object, bytes).unwrap();
    assert_eq!(filterc(&["equiv", path(&policy), path(&object)]).status.code(), Some(2));
}

/// `.function` in a file: where the running kernel's functions are.
#[test]
fn event_statements_know_the_kernels_functions() {
    let (folder, _) = scratch("function");
    let policy = folder.join("function.flt");
    let write = |name: &str| {
        let text = format!("event syscalls:sys_enter_read if buf.function == {name} \n");
        fs::write(&policy, text).unwrap();
    };
    let args = [path(&policy), "--target", "tracepoint", "--emit", "asm"];
    write("vfs_read");
    let output = filterc(&args);
    let kernel = fs::read_to_string("/proc/kallsyms").unwrap_or_default();
    let known = kernel.lines().any(|line| {
        let mut words = line.split(' ');
        words.next().is_some_and(|address| address.contains(|digit| digit != '0'))
            && words.nth(1) == Some("vfs_read")
    });
    if known {
        assert!(output.status.success(), "{}", stderr(&output));
    } else {
        println!("skipped: the kernel's addresses are hidden");
        assert_eq!(output.status.code(), Some(1));
    }
    write("no_such_function");
    assert_eq!(filterc(&args).status.code(), Some(1));
}

#[test]
fn policies_of_the_corpus_are_accepted() {
    let (mut accepted, mut others) = (0, 0);
    for entry in fs::read_dir(folder("policies")).unwrap() {
        let policy = entry.unwrap().path();
        if policy.extension().is_none_or(|extension| extension != "flt") {
            continue;
        }
        let output = filterc(&["load", path(&policy), "--target", "syscall"]);
        match output.status.code() {
            Some(0) => accepted += 1,
            // For other machines, with parameters, or not to be loaded here at all.
            _ => {
                assert!(!stderr(&output).contains("F0837"), "{}", stderr(&output));
                others += 1;
            }
        }
    }
    println!("{accepted} policies accepted, {others} not for this machine");
}

/// An object file is for the kernel at hand: of its machine, and with its structures.
#[test]
fn kernels_that_programs_do_not_fit_are_told_apart() {
    let (folder, policy) = scratch("machines");
    let object = folder.join("other.bpf.o");
    let made = |machine: &str, target: &str| {
        let args = ["--arch", "arm", "--machine", machine, "--target", target, "-o", path(&object)];
        let output = filterc(&[&[path(&policy)], &args[..]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
    };
    made("aarch64", "raw_tracepoint");
    // The policy of a kernel that has neither.
    let none = folder.join("none.btf");
    fs::write(&none, filterc_ebpf::btf::Builder::new(Endian::HOST).finish()).unwrap();
    let output = filterc(&["load", path(&object), "--btf", path(&none)]);
    coded(&output, "F0867");
    assert!(stderr(&output).contains("`pt_regs.orig_x0`"), "{}", stderr(&output));
    let output = filterc(&["load", path(&object), "--btf", path(&policy)]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    if cfg!(target_arch = "x86_64") && Path::new("/sys/kernel/btf/vmlinux").exists() {
        coded(&filterc(&["load", path(&object)]), "F0867");
        made("arm", "tp_btf");
        let output = filterc(&["load", path(&object)]);
        coded(&output, "F0867");
        let text = stderr(&output);
        assert!(text.contains("`task_struct.thread_info.abi_syscall`"), "{text}");
    }
    let unknown = filterc(&[path(&policy), "--machine", "vax", "--target", "tp_btf"]);
    assert!(stderr(&unknown).contains("the machines are aarch64, arm,"), "{}", stderr(&unknown));
}

/// An object file has the patterns of labels; without a loader that fills their maps, its programs
/// are not attached, as they are not where they come from a policy.
#[test]
fn programs_at_hooks_are_made_and_not_attached() {
    let (folder, _) = scratch("labels");
    let policy = folder.join("labels.flt");
    let text = "arch x86_64\ndefault allow\nunknown allow\nforeign allow\n\
                label secret = \"/etc/shadow\"\nerrno(EACCES) openat if label & secret\n";
    fs::write(&policy, text).unwrap();
    let object = folder.join("labels.bpf.o");
    let made = filterc(&[path(&policy), "--target", "lsm", "-o", path(&object)]);
    assert!(made.status.success(), "{}", stderr(&made));
    let (module, _) = filterc_object::read(&fs::read(&object).unwrap()).unwrap();
    let notes: Vec<String> =
        module.labels.iter().map(filterc_ebpf::LabelPattern::to_note).collect();
    assert_eq!(notes, ["filterc:label:0:secret:/etc/shadow"]);
    for args in [&[path(&object)][..], &[path(&policy), "--target", "lsm"]] {
        let output = filterc(&[&["attach"], args, &["--for", "true"]].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("does not have"), "{}", stderr(&output));
    }
}
