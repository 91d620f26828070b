//! Drawings and pseudo filter code as users ask for them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod tool;

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;
use tool::{Files, filterc, status, text};

const POLICY: &str = "arch x86_64\ndefault errno(EPERM)\nallow read, write, exit_group\n\
    allow dup if fildes < 3\nkill_process ptrace\n";

/// The same in the form of container runtimes.
const OCI: &str = r#"{ "defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"],
  "syscalls": [{ "names": ["read", "write"], "action": "SCMP_ACT_ALLOW" }] }"#;

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_name_of_the_output_says_what_it_is() {
    let files = Files::new("graph-names");
    let policy = files.write("p.flt", POLICY);
    for (name, begins) in [("p.svg", "<svg "), ("p.dot", "digraph "), ("p.gv", "digraph ")] {
        let out = files.path(name);
        assert_eq!(status(&filterc(&["graph", &policy, "-o", &out])), 0);
        assert!(fs::read_to_string(&out).unwrap().starts_with(begins), "{name}");
    }
    let out = files.path("p.json");
    assert_eq!(status(&filterc(&["graph", &policy, "-o", &out])), 0);
    let graph: Value = serde_json::from_str(&fs::read_to_string(&out).unwrap()).unwrap();
    let texts: Vec<&str> =
        graph["nodes"].as_array().unwrap().iter().map(|it| it["text"].as_str().unwrap()).collect();
    assert!(texts.contains(&"dup") && texts.contains(&"errno(EPERM)"), "{texts:?}");
    let output = filterc(&["graph", &policy, "-o", &files.path("p.txt")]);
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("--format"), "{output:?}");
    let output = filterc(&["graph", &policy, "--format", "dot"]);
    assert!(text(&output).starts_with("digraph "));
    assert!(text(&filterc(&["graph", &policy])).starts_with("<svg "));
}

#[test]
fn anything_that_decides_can_be_drawn() {
    let files = Files::new("graph-inputs");
    let policy = files.write("p.flt", POLICY);
    let program = files.path("p.bpf");
    assert_eq!(status(&filterc(&[&policy, "-o", &program])), 0);
    let oci = files.write("p.json", OCI);
    for input in [&policy, &program, &oci] {
        let output = filterc(&["graph", input, "--format", "json"]);
        assert_eq!(status(&output), 0, "{output:?}");
        let graph: Value = serde_json::from_str(&text(&output)).unwrap();
        assert_eq!(graph["abis"][0], "x86_64", "{input}");
    }
    // What a policy and its program decide is the same drawing, but for its title.
    let drawing = |input: &str| {
        let output = text(&filterc(&["graph", input, "--format", "json"]));
        let mut graph: Value = serde_json::from_str(&output).unwrap();
        graph["title"] = Value::Null;
        graph
    };
    assert_eq!(drawing(&policy), drawing(&program));
    let mut child = Command::new(env!("CARGO_BIN_EXE_filterc"))
        .args(["graph", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(POLICY.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(text(&output).contains("standard input"), "{output:?}");
}

#[test]
fn a_profile_weighs() {
    let files = Files::new("graph-profile");
    let policy = files.write("p.flt", POLICY);
    let call = "{\"arch\":\"x86_64\",\"nr\":32,\"args\":[\"0x1\",\"0x0\",\"0x0\",\"0x0\",\"0x0\",\"0x0\"]}\n";
    let profile = files.write("calls.jsonl", &call.repeat(9));
    let output = filterc(&["graph", &policy, "--profile", &profile, "--format", "json"]);
    assert_eq!(status(&output), 0, "{output:?}");
    let graph: Value = serde_json::from_str(&text(&output)).unwrap();
    assert_eq!(graph["shares"], "profile");
    let nodes = graph["nodes"].as_array().unwrap();
    let dup = nodes.iter().find(|node| node["text"] == "dup").unwrap();
    assert!(dup["share"].as_f64().unwrap() > 0.9, "{dup}");
}

#[test]
fn what_is_wrong_is_said() {
    let files = Files::new("graph-wrong");
    let policy = files.write("p.flt", POLICY);
    let output = filterc(&["graph", &policy, "--call", "nosuchcall"]);
    assert_eq!((status(&output), stderr(&output).contains("F0727")), (1, true), "{output:?}");
    let broken = files.write("broken.flt", "arch x86_64\nallow nosuchcall\n");
    let output = filterc(&["graph", &broken]);
    assert_eq!((status(&output), stderr(&output).contains("F0201")), (2, true), "{output:?}");
    let open = files.write(
        "open.flt",
        "arch x86_64\ndefault errno(EPERM)\nparam own: fd\nallow read if fd == own\n",
    );
    let output = filterc(&["graph", &open]);
    assert_eq!(status(&output), 1, "{output:?}");
    assert!(stderr(&output).contains("--param own=VALUE"), "{output:?}");
    let output = filterc(&["graph", &open, "--param", "own=7"]);
    assert!(text(&output).contains("fd == 7"), "{output:?}");
    assert_eq!(status(&filterc(&["graph", &files.path("missing.flt")])), 2);
}

#[test]
fn pseudo_filter_code_is_a_form_of_programs() {
    let files = Files::new("graph-pfc");
    let policy = files.write("p.flt", POLICY);
    let output = filterc(&[&policy, "--emit", "pfc"]);
    assert_eq!(status(&output), 0);
    let pfc = text(&output);
    assert!(pfc.contains("# filter for syscall \"dup\" (32)\n  if ($syscall == 32)\n"), "{pfc}");
    let policy = files
        .write("fields.flt", "arch x86_64\ndefault errno(EPERM)\nallow dup2 if oldfd != newfd\n");
    let output = filterc(&[&policy, "--emit", "pfc"]);
    assert_eq!((status(&output), stderr(&output).contains("F0728")), (1, true), "{output:?}");
}
