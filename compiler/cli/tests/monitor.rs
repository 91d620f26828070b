//! Policies for monitors on the command line: their filter, and where rules decide.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod tool;

use serde_json::Value;
use tool::{Files, filterc, status, text};

const POLICY: &str = "arch x86_64\ndefault errno(EPERM)\nallow read, exit_group, rt_sigreturn\n\
    allow openat if flags == 0\nallow openat if filename ~ \"/tmp/*\"\n";

#[test]
fn the_filter_asks_by_the_gate() {
    let files = Files::new("monitor-gate");
    let policy = files.write("policy.flt", POLICY);
    let shown = |more: &[&str]| {
        let args = [&[policy.as_str(), "--target", "monitor", "--emit", "asm"], more].concat();
        let output = filterc(&args);
        assert_eq!(status(&output), 0, "{output:?}");
        text(&output)
    };
    let (notify, trace) = (shown(&[]), shown(&["--gate", "trace"]));
    assert!(notify.contains("0x7fc00000") || notify.contains("notify"), "{notify}");
    assert!(trace.contains("0x7ff00000") || trace.contains("trace"), "{trace}");
    assert_ne!(notify, trace);
    // A filter alone cannot keep such a policy, and has no monitor to ask.
    let refused = filterc(&[&policy, "--emit", "asm"]);
    assert_eq!(status(&refused), 1);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("F0222"), "{refused:?}");
    let refused = filterc(&[&policy, "--emit", "asm", "--gate", "trace"]);
    assert_eq!(status(&refused), 2);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--gate is for"), "{refused:?}");
    let unknown = filterc(&[&policy, "--target", "monitor", "--gate", "trap"]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("the gates are notify, trace"));
}

#[test]
fn stages_are_shown() {
    let files = Files::new("monitor-stages");
    let policy = files.write("policy.flt", POLICY);
    let output = filterc(&["check", "--stages", &policy]);
    assert_eq!(status(&output), 0, "{output:?}");
    let expected = "    3  kernel   allow read, exit_group, rt_sigreturn\n\
                    \u{20}   4  kernel   allow openat if flags == 0\n\
                    \u{20}   5  monitor  allow openat if filename ~ \"/tmp/*\"\n\
                    \u{20}               asks filename ~ \"/tmp/*\"\n";
    assert_eq!(text(&output), expected);
    let output = filterc(&["check", "--stages", "--json", &policy]);
    let read: Value = serde_json::from_str(&text(&output)).unwrap();
    assert_eq!(read["rules"][2]["where"], "monitor");
    assert_eq!(read["rules"][2]["calls"][0]["asks"][0], "filename ~ \"/tmp/*\"");
    assert_eq!(read["rules"][0]["calls"][0]["call"], "read");
    let checked = filterc(&["check", "--target", "monitor", &policy]);
    assert_eq!((status(&checked), text(&checked)), (0, String::new()));
    let refused = filterc(&["check", "--stages", "--target", "lsm", &policy]);
    assert_eq!(status(&refused), 2, "{refused:?}");
    let raced = files.write("raced.flt", "arch x86_64\nallow execve if filename == \"/bin/sh\"\n");
    let raced = filterc(&["check", "--target", "monitor", &raced]);
    assert_eq!(status(&raced), 1);
    assert!(String::from_utf8_lossy(&raced.stderr).contains("F0902"), "{raced:?}");
}
