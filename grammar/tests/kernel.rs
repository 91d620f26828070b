//! The kernel's event-filter language is part of ours: what Linux 6.18 accepted parses.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test says what it expects by panicking"
)]

use filterc_grammar::ast::{ConstantKind, PredicateKind, Relation};
use filterc_grammar::parser::parse_predicate;
use filterc_grammar::print;
use filterc_grammar::source::FileId;

/// The kernel's strings; each character is a byte, and all of them are Latin-1.
fn records() -> Vec<(String, bool, bool)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus/ftrace/accept.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let record = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let filter = record["filter"].as_str().unwrap().to_owned();
        let clears = record["clears"].as_bool().unwrap_or_default();
        (filter, record["accepted"].as_bool().unwrap(), clears)
    };
    text.lines().map(record).collect()
}

#[test]
fn everything_the_kernel_accepts_parses() {
    let mut accepted = 0;
    for (filter, ok, clears) in records() {
        let (predicate, errors) = parse_predicate(FileId::default(), &filter);
        // `0` is no filter: it tells the kernel to remove the one there is.
        if !ok || clears {
            continue;
        }
        accepted += 1;
        assert_eq!(errors, [], "{filter:?}");
        let printed = print::predicate(&predicate);
        let (again, errors) = parse_predicate(FileId::default(), &printed);
        assert_eq!(errors, [], "{filter:?} printed as {printed:?}");
        assert_eq!(print::predicate(&again), printed);
    }
    assert!(accepted > 300, "{accepted}");
}

#[test]
fn clearing_a_filter_is_no_predicate() {
    let cleared = records().into_iter().filter(|(_, _, clears)| *clears);
    for (filter, ..) in cleared {
        let (_, errors) = parse_predicate(FileId::default(), &filter);
        assert_eq!(errors.len(), 1, "{filter:?}: {errors:?}");
    }
}

fn kind(text: &str) -> PredicateKind {
    let (predicate, errors) = parse_predicate(FileId::default(), text);
    assert_eq!(errors, [], "{text}");
    predicate.kind
}

fn count(text: &str) -> usize {
    match kind(text) {
        PredicateKind::Or(all) | PredicateKind::And(all) => all.len(),
        PredicateKind::Not(_)
        | PredicateKind::Paren(_)
        | PredicateKind::True
        | PredicateKind::False
        | PredicateKind::Let(_)
        | PredicateKind::Test(_)
        | PredicateKind::Error => 1,
    }
}

#[test]
fn operators_at_the_end_are_ignored_exactly_where_the_kernel_does() {
    for (text, terms) in [
        ("a == 1 &&", 1),
        ("a == 1 ||", 1),
        ("a == 1 && !", 1),
        ("a == 1 || ! !", 1),
        ("(a == 1 || b == 1) &&", 1),
        ("a == 1 && b == 1 ||", 2),
        ("a == 1 || b == 1 ||", 2),
        ("a == 1 && b == 1 &&", 2),
    ] {
        assert_eq!(count(text), terms, "{text}");
    }
    for text in [
        "a == 1 || b == 1 &&",
        "a == 1 || b == 1 && !",
        "a == 1 !",
        "(a == 1 &&)",
        "&& a == 1",
        "&&",
        "!",
        "",
        "a == 1 && &&",
        "a == 1 && ! &&",
        "a == 1 and",
    ] {
        let (_, errors) = parse_predicate(FileId::default(), text);
        assert!(!errors.is_empty(), "{text}");
    }
}

#[test]
fn single_quotes_hold_strings_and_characters() {
    let relation = |text: &str| {
        let PredicateKind::Test(test) = kind(text) else { panic!("{text}") };
        test.relation
    };
    assert!(matches!(relation("f.ustring == 'x'"), Relation::CompareString(_, s) if s.text == "x"));
    assert!(matches!(relation("f ~ 'x'"), Relation::Glob(s) if s.text == "x"));
    assert!(matches!(relation("f == 'xy'"), Relation::CompareString(_, s) if s.text == "xy"));
    assert!(matches!(relation("f == \"x\""), Relation::CompareString(..)));
    assert!(matches!(relation("f == 'x'"),
        Relation::Compare(_, c) if c.kind == ConstantKind::Integer(0x78)));
}
