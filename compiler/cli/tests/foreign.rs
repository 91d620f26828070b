//! Policies of other tools, imported and held against each other as a user does it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn corpus(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/import");
    root.join(name).display().to_string()
}

fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("foreign");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

fn with_input(args: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_filterc"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A child that does not read has its reasons.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn filterc(args: &[&str]) -> Output {
    with_input(args, "")
}

/// What it writes, if it succeeds.
fn text(args: &[&str]) -> String {
    let output = filterc(args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{output:?}"))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Files of each form, with what importing and reading them needs.
const FILES: &[(&str, &str, &[&str], &[&str])] = &[
    ("oci", "oci/web.json", &["--cap", "docker"], &["cap=docker"]),
    ("kubernetes", "kubernetes/profiles.yaml", &["--profile-name", "web"], &["profile=web"]),
    ("minijail", "minijail/web.policy", &["--kill", "process"], &["kill=process"]),
    ("kafel", "kafel/server.kafel", &[], &[]),
    ("seccompiler", "seccompiler/threads.json", &["--thread", "main"], &["thread=main"]),
    ("systemd", "systemd/allow.service", &[], &[]),
    ("lxc", "lxc/allow.conf", &["--raw"], &["raw"]),
];

#[test]
fn what_is_imported_is_what_is_compared() {
    for (format, file, import, reading) in FILES {
        let file = corpus(file);
        let imported = scratch(&format!("{format}.flt"));
        let imported = imported.display().to_string();
        let args = ["import", format, &file, "--arch", "x86_64", "-o", &imported];
        text(&[&args[..], import].concat());
        // Without a word about the form of A.
        let mut args = vec!["equiv", &file, &imported];
        for option in *reading {
            args.extend(["--left-is", option]);
        }
        args.extend(["--left-is", "arch=x86_64"]);
        assert!(text(&args).starts_with("equal: "), "{format}");
        // Said at length, and from standard input.
        let mut args = vec!["equiv", "-", imported.as_str(), "--reading", "arch=x86_64"];
        let from = format!("from={format}");
        args.extend(["--left-is", &from]);
        for option in *reading {
            args.extend(["--reading", option]);
        }
        if *format != "minijail" && *format != "kafel" {
            let output = with_input(&args, &std::fs::read_to_string(&file).unwrap());
            assert_eq!(status(&output), 0, "{format}: {}", stderr(&output));
        }
    }
}

#[test]
fn lists_of_bionic_are_one_policy() {
    let lists: Vec<String> = ["SYSCALLS", "ALLOWLIST", "BLOCKLIST", "PRIORITY"]
        .iter()
        .map(|name| corpus(&format!("bionic/{name}.TXT")))
        .collect();
    let lists: Vec<&str> = lists.iter().map(String::as_str).collect();
    let both = ["--arch", "aarch64", "--secondary"];
    let policy = text(&[&["import", "bionic"][..], &lists, &both].concat());
    assert!(policy.contains("arch aarch64, arm") && policy.contains("allow getuid if arch"));
    assert!(!policy.contains("swapon"), "{policy}");
}

#[test]
fn what_a_form_leaves_open_is_asked_for() {
    let threads = corpus("seccompiler/threads.json");
    let several = filterc(&["diff", &threads, &threads]);
    assert_eq!(status(&several), 2);
    assert!(stderr(&several).contains("F0751"), "{}", stderr(&several));
    let sides = ["--left-is", "thread=main", "--right-is", "filter=idle", "--arch", "x86_64"];
    let differ = filterc(&[&["diff", &threads, &threads][..], &sides].concat());
    assert_eq!(status(&differ), 1, "{}", stderr(&differ));
    for (options, what) in [
        (["--reading", "colour=red"], "there are from=FORMAT"),
        (["--left-is", "kernel=tomorrow"], "a version is written"),
        (["--right-is", "from=nothing"], "no such format"),
        (["--reading", "compiler"], "write OPTION=VALUE"),
    ] {
        let main = ["--reading", "thread=main"];
        let output = filterc(&[&["equiv", &threads, &threads][..], &main, &options].concat());
        assert_eq!(status(&output), 2, "{options:?}");
        assert!(stderr(&output).contains(what), "{}", stderr(&output));
    }
}

#[test]
fn what_can_be_two_forms_is_told() {
    let policy = scratch("two.flt").display().to_string();
    std::fs::write(&policy, "arch x86_64\ndefault kill_thread\nallow read\n").unwrap();
    let text = "read: 1\n";
    let output = with_input(&["equiv", "-", &policy], text);
    assert_eq!(status(&output), 2);
    let told = stderr(&output);
    assert!(told.contains("minijail or ftrace-2011") && told.contains("--from"), "{told}");
    let options = ["--left-is", "from=minijail", "--left-is", "arch=x86_64"];
    let output = with_input(&[&["subset", "-", &policy][..], &options].concat(), text);
    assert!(status(&output) < 2, "{}", stderr(&output));
    // What is of no form is shown as a policy, which tells what is wrong with it.
    let output = with_input(&["equiv", "-", &policy], "what is this?\n");
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("F01"), "{}", stderr(&output));
}

#[test]
fn faults_are_shown_where_they_are() {
    let path = scratch("outer.policy");
    std::fs::write(&path, "@include ./inner.policy\nread: 1\n").unwrap();
    std::fs::write(scratch("inner.policy"), "close: 1\nno_such_call: 1\n").unwrap();
    let path = path.display().to_string();
    let output = filterc(&["import", "minijail", &path, "--arch", "x86_64"]);
    assert_eq!(status(&output), 1);
    let told = stderr(&output);
    assert!(told.contains("F0741") && told.contains("inner.policy:2:1"), "{told}");
    assert!(told.contains("included from"), "{told}");
    assert!(output.stdout.is_empty());
    // In a comparison that is status 2: 1 is an answer.
    assert_eq!(status(&filterc(&["equiv", &path, &path])), 2);
    let json = filterc(&["import", "minijail", &path, "--message-format", "json"]);
    assert!(stderr(&json).starts_with('{'), "{}", stderr(&json));
}

#[test]
fn runtimes_can_be_chosen() {
    let web = corpus("oci/web.json");
    let import =
        |enosys: &str| text(&["import", "oci", &web, "--arch", "x86_64", "--enosys", enosys]);
    assert!(import("runc").contains("errno(ENOSYS) any"));
    assert!(import("never").contains("unknown default"));
    let options = ["--reading", "arch=x86_64", "--left-is", "enosys=runc"];
    let differ = filterc(&[&["diff", &web, &web][..], &options].concat());
    assert_eq!(status(&differ), 1, "{}", stderr(&differ));
}
