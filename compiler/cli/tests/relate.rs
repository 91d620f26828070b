//! Policies held against each other, as a user does it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skipped"
)]

mod tool;

use std::fs;
use std::process::{Command, Stdio};

use tool::{Files, filterc, json, status, text};

const OLD: &str = "arch x86_64
default errno(EPERM)
allow read, write, exit_group, rt_sigreturn, socket, openat
errno(EACCES) mount
";

const NEW: &str = "arch x86_64
default errno(EPERM)
allow read, write, exit_group, rt_sigreturn, getpid
allow openat if (flags & O_ACCMODE) == O_RDONLY && !(flags & (O_CREAT | O_TRUNC))
allow socket if family in { AF_UNIX, AF_INET, AF_INET6 }
errno(ENOSYS) mount
";

#[test]
fn differences_are_told_in_words() {
    let files = Files::new("differences");
    let (old, new) = (files.write("old.flt", OLD), files.write("new.flt", NEW));
    let output = filterc(&["diff", &old, &new]);
    assert_eq!(status(&output), 1);
    let text = text(&output);
    for line in [
        "now allowed\n  errno(EPERM) -> allow\n    getpid on x86_64\n    such as getpid() on x86_64",
        "    if flags & (O_ACCMODE | O_CREAT | O_TRUNC)\n",
        "    if !(family in { AF_UNIX, AF_INET, AF_INET6 })\n",
        "the same action, with other data\n  errno(EACCES) -> errno(ENOSYS)\n    mount on x86_64",
        "      B: errno(EPERM), by the default\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let json = filterc(&["diff", &old, &new, "--json"]);
    assert_eq!(status(&json), 1);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["equal"], false);
    let changes = json["machines"][0]["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 4);
    let socket = changes.iter().find(|it| it["calls"]["call"] == "socket").unwrap();
    assert_eq!(socket["kind"], "refused");
    assert_eq!(socket["left"]["action"], "allow");
    assert_eq!(status(&filterc(&["diff", &old, &old])), 0);
    assert_eq!(status(&filterc(&["diff", &old, "/nowhere.flt"])), 2);
}

/// What is shown can be pasted: `eval` says of each side what the difference says.
#[test]
fn calls_that_are_shown_can_be_evaluated() {
    let files = Files::new("replayable");
    let (old, new) = (files.write("old.flt", OLD), files.write("new.flt", NEW));
    let program = files.path("new.bpf");
    assert_eq!(status(&filterc(&[&new, "-o", &program])), 0);
    let found = json(&filterc(&["diff", &old, &new, "--json"]));
    for change in found["machines"][0]["changes"].as_array().unwrap() {
        let call = change["witness"]["call"].as_str().unwrap();
        for (path, side) in [(&old, "left"), (&new, "right"), (&program, "right")] {
            let said = filterc(&["eval", path, call]);
            let expected = format!("{call} => {} by ", change[side]["action"].as_str().unwrap());
            assert!(text(&said).starts_with(&expected), "{expected}\n{}", text(&said));
        }
    }
    let wrong = filterc(&["eval", &old, "read(0) on i387"]);
    assert_eq!(status(&wrong), 1);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("F0757"));
    let foreign = text(&filterc(&["eval", &old, "read(0) on i386", "read(0) on 0x5"]));
    assert_eq!(foreign.matches("as foreign").count(), 2, "{foreign}");
}

/// The running kernel decides them as they are shown.
#[test]
fn calls_that_are_shown_are_decided_by_the_kernel() {
    let files = Files::new("replayed");
    let (old, new) = (files.write("old.flt", OLD), files.write("new.flt", NEW));
    let replay = json(&filterc(&["diff", &old, &new, "--json", "--replay"]));
    let replay = &replay["machines"][0]["replay"];
    if let Some(why) = replay["skipped"].as_str() {
        return println!("skipped: {why}");
    }
    assert_eq!(replay["seen"], 4, "{replay}");
    let equiv = filterc(&["equiv", &old, &new, "--replay"]);
    assert!(text(&equiv).ends_with("\n1 of the calls were so decided by this kernel, too\n"));
    let subset = filterc(&["subset", &old, &new, "--replay"]);
    assert!(text(&subset).contains("so decided by this kernel"), "{}", text(&subset));
}

#[test]
fn subsets_are_by_precedence() {
    let files = Files::new("subsets");
    let (old, new) = (files.write("old.flt", OLD), files.write("new.flt", NEW));
    let no = filterc(&["subset", &old, &new]);
    assert_eq!(status(&no), 1);
    assert!(text(&no).contains("getpid on x86_64"), "{}", text(&no));
    // The other way round it is weaker elsewhere.
    let no = filterc(&["subset", &new, &old]);
    assert_eq!(status(&no), 1);
    assert!(text(&no).contains("openat on x86_64"), "{}", text(&no));
    let strict = files.write("strict.flt", "arch x86_64\ndefault kill_process\nallow read\n");
    let yes = filterc(&["subset", &old, &strict]);
    assert_eq!((status(&yes), text(&yes).starts_with("yes: ")), (0, true));
}

#[test]
fn merged_policies_are_both_or_either() {
    let files = Files::new("merged");
    let (old, new) = (files.write("old.flt", OLD), files.write("new.flt", NEW));
    let (both, either) = (files.path("both.flt"), files.path("either.flt"));
    assert_eq!(status(&filterc(&["merge", "--intersect", &old, &new, "-o", &both])), 0);
    assert_eq!(status(&filterc(&["merge", "--union", &old, &new, "-o", &either])), 0);
    for side in [&old, &new] {
        assert_eq!(status(&filterc(&["subset", side, &both])), 0);
        assert_eq!(status(&filterc(&["subset", &either, side])), 0);
    }
    let text = fs::read_to_string(&both).unwrap();
    assert!(text.contains("allow socket if family in { AF_UNIX, AF_INET, AF_INET6 }"), "{text}");
    assert!(text.contains("allow exit_group, read, rt_sigreturn, write"), "{text}");
    // One of both must be said.
    assert_eq!(status(&filterc(&["merge", &old, &new])), 2);
    assert_eq!(status(&filterc(&["merge", "--union", "--intersect", &old, &new])), 2);
}

#[test]
fn programs_become_policies_again() {
    let files = Files::new("lifted");
    let new = files.write("new.flt", NEW);
    let (program, lifted) = (files.path("new.bpf"), files.path("lifted.flt"));
    assert_eq!(status(&filterc(&[&new, "-o", &program])), 0);
    assert_eq!(status(&filterc(&["lift", &program, "-o", &lifted])), 0);
    assert_eq!(status(&filterc(&["equiv", &lifted, &program])), 0);
    let text = fs::read_to_string(&lifted).unwrap();
    let readonly = "allow openat if !(flags & (O_ACCMODE | O_CREAT | O_TRUNC))";
    assert!(text.contains(readonly), "{text}");
    // Two filters, as the kernel runs them.
    let old = files.write("old.flt", OLD);
    let (first, stacked, both) =
        (files.path("old.bpf"), files.path("stacked.flt"), files.path("both.flt"));
    assert_eq!(status(&filterc(&[&old, "-o", &first])), 0);
    assert_eq!(status(&filterc(&["lift", &first, &program, "-o", &stacked])), 0);
    assert_eq!(status(&filterc(&["merge", "--intersect", &old, &new, "-o", &both])), 0);
    assert_eq!(status(&filterc(&["equiv", &stacked, &both])), 0);
    let garbage = files.write("garbage.bpf", "01234567");
    assert_eq!(status(&filterc(&["lift", &garbage])), 2);
}

#[test]
fn filters_of_a_live_process_become_a_policy() {
    let files = Files::new("live");
    let policy = "arch x86_64, aarch64, riscv64\ndefault allow\nforeign allow\nunknown allow\n\
                  errno(EPERM) ptrace, reboot\n";
    let policy = files.write("policy.flt", policy);
    let mut command = Command::new(env!("CARGO_BIN_EXE_filterc"));
    command.args(["run", &policy, "--", "/bin/sh", "-c", "echo here; read line"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = [0; 5];
    let stdout = child.stdout.as_mut().unwrap();
    let under = std::io::Read::read_exact(stdout, &mut said).is_ok();
    let pid = child.id().to_string();
    let lifted = files.path("lifted.flt");
    let output = filterc(&["lift", "--pid", &pid, "-o", &lifted]);
    drop(child.stdin.take());
    child.wait().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    if !under || ["F0861", "F0862", "F0865"].iter().any(|code| error.contains(code)) {
        println!("skipped: {error}");
        return;
    }
    assert_eq!(status(&output), 0, "{error}");
    assert_eq!(status(&filterc(&["equiv", &policy, &lifted])), 0);
    // It has ended by now, and a policy is of programs or of a process.
    let gone = filterc(&["lift", "--pid", &pid]);
    assert_eq!(status(&gone), 1);
    assert!(String::from_utf8_lossy(&gone.stderr).contains("F0860"), "{gone:?}");
    assert_eq!(status(&filterc(&["lift", "--pid", &pid, &policy])), 2);
    assert_eq!(status(&filterc(&["lift"])), 2);
}

#[test]
fn forms_and_colours_are_as_asked_for() {
    let files = Files::new("forms");
    let (old, new) = (files.write("old.flt", OLD), files.write("new.flt", NEW));
    let coloured = text(&filterc(&["diff", &old, &new, "--color", "always"]));
    assert!(coloured.contains("\u{1b}[1;31mnow allowed\u{1b}[0m"), "{coloured}");
    assert!(!text(&filterc(&["diff", &old, &new])).contains('\u{1b}'));
    let plain = text(&filterc(&["merge", "--union", &old, &new]));
    let object = json(&filterc(&["merge", "--union", &old, &new, "--json"]));
    assert_eq!(object["policy"], plain.as_str());
    assert_eq!(status(&filterc(&["audit-policy", "--json", &old])), 1);
    for command in ["equiv", "subset", "diff", "merge", "lift", "audit-policy", "eval", "import"] {
        let help = text(&filterc(&[command, "--help"]));
        assert!(help.contains("\nExit status: 0 "), "{command}: {help}");
    }
}
