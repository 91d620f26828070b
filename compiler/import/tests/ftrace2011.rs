//! Rule sets of 2011: what becomes of them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects by panicking"
)]

use filterc_abi::x86_64;
use filterc_grammar::parser::parse;
use filterc_grammar::source::FileId;
use filterc_import::ftrace2011::{Form, Join, Options, import};

fn imported(text: &str, join: Join, form: Form) -> String {
    let options = Options { abi: x86_64(), join, form };
    let imported = import(FileId::default(), text, &options).unwrap();
    let text = imported.document.to_text();
    assert!(parse(FileId::default(), &text).diagnostics.is_empty(), "{text}");
    text.lines().skip(2).collect::<Vec<_>>().join("\n")
}

const RULES: &str = "\
# the rules of the proposal
sys_read: fd == 0
sys_write: fd == 1 || fd == 2
sys_exit: 1

60: 1
open: flags == 32768 || \\
      flags == 0
sys_newstat: 1
";

#[test]
fn a_policy() {
    let text = imported(RULES, Join::All, Form::Policy);
    let expected = "\
arch x86_64
default kill_process
unknown default

allow read if fd == 0
allow write if fd == 1 || fd == 2
allow open if flags == 32768 || flags == 0
allow stat
allow exit";
    assert_eq!(text, expected);
}

#[test]
fn event_filters() {
    let text = imported(RULES, Join::All, Form::Events);
    let expected = "\
event syscalls:sys_enter_read if fd == 0
event syscalls:sys_enter_write if fd == 1 || fd == 2
event syscalls:sys_enter_open if flags == 32768 || flags == 0
event syscalls:sys_enter_newstat
event syscalls:sys_enter_exit";
    assert_eq!(text, expected);
}

#[test]
fn rules_of_one_call_are_joined_as_trees() {
    let rules = "read: fd == 0\nread: count == 1 || count == 2\n";
    let rule = |join| imported(rules, join, Form::Policy).lines().last().unwrap().to_owned();
    // As text, `(fd == 0) && count == 1 || count == 2` would let more pass than either.
    assert_eq!(rule(Join::All), "allow read if fd == 0 && (count == 1 || count == 2)");
    assert_eq!(rule(Join::Any), "allow read if fd == 0 || (count == 1 || count == 2)");
    let rules = "read: 1\nread: fd == 0\n";
    let rule = |join| imported(rules, join, Form::Policy).lines().last().unwrap().to_owned();
    assert_eq!(rule(Join::All), "allow read if fd == 0");
    assert_eq!(rule(Join::Any), "allow read");
}

#[test]
fn places_are_those_of_the_file() {
    let text = "# é\nread: fd == \\\n  0 && nosuch == 1\nwrite: fd ==\n";
    let options = Options { abi: x86_64(), join: Join::All, form: Form::Policy };
    let found = import(FileId::default(), text, &options).unwrap_err();
    let shown = |n: usize| {
        let span = found[n].primary.as_ref().unwrap().span;
        (found[n].code.0, &text[span.start as usize..span.end as usize])
    };
    assert_eq!(shown(0), ("F0733", "nosuch"));
    assert!(found[1].code.0.starts_with("F01"), "{:?}", found[1]);
    assert_eq!(found.len(), 2);
}

#[test]
fn damaged_rule_sets_do_not_panic() {
    let options = Options { abi: x86_64(), join: Join::All, form: Form::Policy };
    for at in 0..RULES.len() {
        for with in ["", ":", "\\", "\n", "\u{e9}", "(", "\0", "#"] {
            let text = format!("{}{with}{}", &RULES[..at], &RULES[(at + 1).min(RULES.len())..]);
            let _ = import(FileId::default(), &text, &options);
        }
    }
}
