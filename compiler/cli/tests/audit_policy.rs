//! Reviews of policies and programs, as a user asks for them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod tool;

use std::fs;

use serde_json::Value;

use tool::{filterc, folder, text};

const POLICY: &str = "arch x86_64
default errno(EPERM)
errno(EPERM) openat if args[2] == O_WRONLY
allow read, write, exit_group, rt_sigreturn, openat, openat2, io_uring_setup, clone
errno(EPERM) clone3
";

#[test]
fn a_policy_and_its_program_are_reviewed() {
    let policy = folder("audit policy").join("open.flt");
    fs::write(&policy, POLICY).unwrap();
    let policy = policy.display().to_string();
    let output = filterc(&["audit-policy", &policy]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let shown = text(&output);
    for part in ["error[F0315]", "warning[F0311]", "warning[F0314]", "open.flt:3:1", "clone3"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let program = folder("audit policy").join("open.bpf").display().to_string();
    assert!(filterc(&[&policy, "-o", &program]).status.success());
    let output = filterc(&["audit-policy", &program, "--format", "json", "--fail-on", "never"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let value: Value = serde_json::from_str(&text(&output)).unwrap();
    let findings = value["findings"].as_array().unwrap();
    let of = |code: &str| findings.iter().find(|finding| finding["code"] == code).unwrap();
    assert_eq!(of("F0315")["calls"][0], "openat");
    assert!(of("F0315")["why"].as_str().unwrap().contains("instructions"));
    assert!(of("F0314")["message"].as_str().unwrap().contains("glibc 2.41"));
    assert_eq!(of("F0386")["witness"]["arch"], 0xc000_003e_u32);
    let old = ["audit-policy", &program, "--libc", "glibc-2.33", "--fail-on", "never"];
    assert!(!text(&filterc(&old)).contains("F0314"));
}

#[test]
fn sarif_has_what_the_standard_asks_for() {
    let policy = folder("audit policy").join("sarif.flt");
    fs::write(&policy, POLICY).unwrap();
    let policy = policy.display().to_string();
    let output = filterc(&["audit-policy", &policy, "--format", "sarif", "--fail-on", "error"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let value: Value = serde_json::from_str(&text(&output)).unwrap();
    assert_eq!(value["version"], "2.1.0");
    let run = &value["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(run["tool"]["driver"]["name"], "filterc");
    let results = run["results"].as_array().unwrap();
    assert!(!results.is_empty());
    for result in results {
        let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules.get(rule).unwrap()["id"], result["ruleId"]);
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().unwrap();
        assert!(uri.contains("audit%20policy/") && uri.ends_with("sarif.flt"), "{uri}");
        if let Some(line) = place["region"]["startLine"].as_u64() {
            assert!((1..=5).contains(&line), "{line}");
        }
    }
    for rule in rules {
        assert!(!rule["shortDescription"]["text"].as_str().unwrap().is_empty(), "{rule}");
        assert!(rule["help"]["markdown"].as_str().unwrap().starts_with("# F0"), "{rule}");
    }
}

#[test]
fn bad_input_is_of_status_2() {
    let bad = folder("audit policy").join("bad.flt");
    fs::write(&bad, "arch x86_64\nallow opennat\n").unwrap();
    let bad = bad.display().to_string();
    let output = filterc(&["audit-policy", &bad]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("opennat"), "{output:?}");
    for args in [
        &["audit-policy", "/nonexistent.flt"][..],
        &["audit-policy", &bad, "--libc", "uclibc-1"],
        &["audit-policy", &bad, "--format", "xml"],
    ] {
        assert_eq!(filterc(args).status.code(), Some(2), "{args:?}");
    }
}
