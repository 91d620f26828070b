//! Calls and denials explained, and policies tested, as a user does it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skipped"
)]

mod tool;

use std::fs;
use std::process::Command;

use tool::{Files, filterc, json, status, text};

const POLICY: &str = "arch x86_64
default errno(EPERM)
allow read, write, exit_group
allow socket if family in { AF_UNIX, AF_INET }

test \"sockets\" {
    socket(AF_UNIX, _, _) => allow by line 4
    all socket if family == AF_NETLINK => errno(EPERM)
}
";

#[test]
fn a_call_is_explained_and_the_edit_shown() {
    let files = Files::new("explain-call");
    let policy = files.write("p.flt", POLICY);
    let output = filterc(&["explain-call", &policy, "socket(AF_NETLINK, SOCK_RAW, 0)"]);
    let text = text(&output);
    assert_eq!(status(&output), 1, "{text}");
    for part in [
        "socket(family = AF_NETLINK, type = SOCK_RAW, protocol = NETLINK_ROUTE) on x86_64",
        "refused: errno(EPERM), by the default",
        "rule 2 would allow it, but family is AF_NETLINK",
        "-allow socket if family in { AF_UNIX, AF_INET }\n\
         +allow socket if family in { AF_UNIX, AF_INET, AF_NETLINK }",
        "errno(EPERM) -> allow: socket on x86_64, if family == AF_NETLINK",
        "nr >= socket (41)",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert_eq!(status(&filterc(&["explain-call", &policy, "read(0, 0, 0)"])), 0);
    assert_eq!(status(&filterc(&["explain-call", &policy, "nosuch(0)"])), 2);
    assert_eq!(status(&filterc(&["explain-call", &files.path("none.flt"), "read()"])), 2);
    let broken = files.write("broken.flt", "allow nosuch\n");
    assert_eq!(status(&filterc(&["explain-call", &broken, "read()"])), 2);
}

#[test]
fn of_several_filters_the_strongest_wins() {
    let files = Files::new("explain-stack");
    let policy = files.write("p.flt", POLICY);
    let newer = files.write("n.flt", "arch x86_64\ndefault allow\nkill_process socket\n");
    let program = files.path("n.bpf");
    assert_eq!(status(&filterc(&[&newer, "-o", &program])), 0);
    for stacked in [&newer, &program] {
        let args = ["explain-call", &policy, "socket(AF_UNIX, 1, 0)", "--json", "--stack", stacked];
        let output = filterc(&args);
        let object = json(&output);
        assert_eq!(status(&output), 1);
        assert_eq!((&object["action"], &object["winner"]), (&"kill_process".into(), &1.into()));
        assert_eq!(object["filters"][0]["action"], "allow");
        assert!(object["filters"][1]["path"].as_array().is_some_and(|path| path.len() > 2));
    }
}

#[test]
fn denials_are_explained() {
    let files = Files::new("explain-denial");
    let policy = files.write("p.flt", POLICY);
    let log = files.write(
        "audit.log",
        "type=1326 audit(1.1:1): pid=7 comm=\"x\" arch=c000003e syscall=41 ip=0x1 code=0x50000\n\
         type=1326 audit(1.1:1): arch=c000003e\n",
    );
    let output = filterc(&["explain-denial", &policy, &log]);
    let text = text(&output);
    assert_eq!(status(&output), 1, "{text}");
    assert!(text.contains("refused: errno(EPERM) if !(family in { AF_UNIX, AF_INET })"), "{text}");
    assert!(text.contains("allowed if family in { AF_UNIX, AF_INET }, by rule 2"), "{text}");
    assert!(String::from_utf8_lossy(&output.stderr).contains(":2: [F0717]"));
    // The record has no arguments: only what allows all of them is certain to allow the call.
    let certain = "to allow it for certain, whatever the record lacks of it: add the rule \
                   `allow socket` behind all others";
    assert!(text.contains(certain), "{text}");
    let effect = "errno(EPERM) -> allow: socket on x86_64, if !(family in { AF_UNIX, AF_INET })";
    assert!(text.contains(effect), "{text}");
    // With its arguments, less does.
    let known = files.write("trace", "socket(AF_NETLINK, SOCK_RAW, 0) = -1 EPERM (x)\n");
    let narrow = json(&filterc(&["explain-denial", "--json", &policy, &known]));
    let edit = &narrow["denials"][0]["edit"];
    assert_eq!(edit["what"], "let rule 2 take AF_NETLINK as well", "{narrow}");
    assert_eq!(edit["changes"][0]["if"], "family == AF_NETLINK", "{narrow}");
    let object = json(&filterc(&["explain-denial", "--json", &policy, &log]));
    let patch = object["denials"][0]["edit"]["patch"].as_str().unwrap();
    assert!(patch.contains("\n+allow socket\n"), "{patch}");
    assert_eq!(object["denials"][0]["certain"], false);
    assert_eq!(object["denials"][0]["outcomes"].as_array().unwrap().len(), 2);
    let none = files.write("none.log", "hello\n");
    assert_eq!(status(&filterc(&["explain-denial", &policy, &none])), 2);
    let fine = files.write("fine.log", "read(0, \"x\", 1) = 1\n");
    assert_eq!(status(&filterc(&["explain-denial", &policy, &fine])), 0);
}

#[test]
fn tests_are_run_and_reported_in_all_forms() {
    let files = Files::new("test");
    let policy = files.write("p.flt", POLICY);
    let output = filterc(&["test", "--coverage", &policy]);
    assert_eq!(status(&output), 0, "{}", text(&output));
    assert!(text(&output).contains("no test touches rule 1"), "{}", text(&output));
    let failing = POLICY.replace("=> errno(EPERM)\n}", "=> allow # <&\n}");
    let failing = files.write("failing.flt", &failing);
    let output = filterc(&["test", "--format", "tap", &failing]);
    assert_eq!(status(&output), 1);
    let tap = text(&output);
    assert!(tap.starts_with("TAP version 13\n1..2\nok 1 - sockets: "), "{tap}");
    assert!(tap.contains("\nnot ok 2 - sockets: all socket if family == AF_NETLINK => allow\n"));
    let junit = text(&filterc(&["test", "--format", "junit", &failing]));
    assert!(junit.contains("tests=\"2\" failures=\"1\""), "{junit}");
    assert!(junit.contains("=&gt; allow\">") && junit.ends_with("</testsuites>\n"), "{junit}");
    let object = json(&filterc(&["test", "--format", "json", &failing]));
    assert_eq!((&object["passed"], &object["untouched"][0]), (&false.into(), &1.into()));
    assert_eq!(object["tests"][0]["claims"][1]["counterexample"]["args"][0], 16);
    assert_eq!(status(&filterc(&[&policy, "-o", &files.path("p.bpf")])), 0, "tests are no code");
    let without = files.write("without.flt", "arch x86_64\nallow read\n");
    assert_eq!(status(&filterc(&["test", &without])), 2);
    let broken = files.write("broken.flt", "test \"x\" { read(1) => nosuch }\nallow read\n");
    assert_eq!(status(&filterc(&["test", &broken])), 2);
}

#[test]
fn recorded_calls_are_replayed() {
    let files = Files::new("replay");
    let policy = files.write("p.flt", POLICY);
    let trace = files.write(
        "t",
        "read(0, \"x\", 1) = 1\nread(0, \"x\", 1) = 1\nsocket(AF_UNIX, SOCK_STREAM, 0) = 3\n",
    );
    let output = filterc(&["test", "--replay", &trace, &policy]);
    assert_eq!(status(&output), 0);
    assert!(text(&output).contains("2  rule 1, "), "{}", text(&output));
    let trace = files.write("t2", "socket(AF_NETLINK, SOCK_RAW, 0) = 3\nsocket(x, 1, 0) = 3\n");
    let output = filterc(&["test", "--format", "json", "--replay", &trace, &policy]);
    assert_eq!(status(&output), 1);
    let replay = &json(&output)["replay"];
    assert_eq!((&replay["open"], &replay["refused"][0]["calls"]), (&1.into(), &1.into()));
}

/// The running kernel denies a call under `strace`, and what that writes is explained.
#[test]
fn a_live_denial_is_read_from_strace() {
    let files = Files::new("strace");
    let policy = files.write("kill.flt", "default allow\nkill_process mkdir, mkdirat\n");
    let log = files.path("log");
    let made = files.path("made");
    let filterc_path = env!("CARGO_BIN_EXE_filterc");
    let run = Command::new("strace")
        .args(["-f", "-o", &log, filterc_path, "run", &policy, "--", "mkdir", &made])
        .output();
    let Ok(run) = run else { return println!("skipped: there is no strace") };
    if !fs::read_to_string(&log).unwrap_or_default().contains("SIGSYS") {
        return println!("skipped: nothing was traced: {}", String::from_utf8_lossy(&run.stderr));
    }
    let output = filterc(&["explain-denial", "--json", &policy, &log]);
    assert_eq!(status(&output), 1, "{output:?}");
    let object = json(&output);
    let denials = object["denials"].as_array().unwrap();
    assert_eq!(denials.len(), 1, "{object}");
    assert!(denials[0]["call"].as_str().unwrap().starts_with("mkdir"), "{object}");
    assert_eq!((&denials[0]["fits"], &denials[0]["certain"]), (&true.into(), &true.into()));
    assert_eq!(object["faults"].as_array().unwrap().len(), 0, "{object}");
}
