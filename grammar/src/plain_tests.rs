//! Plain rules against the grammar.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use super::*;
use crate::actions::Tree;
use crate::grammar::EntryParser;
use crate::lexer::{Lexed, Mode, lex};
use crate::source::FileId;
use crate::{recovery, statements};

/// Compares the plain rules of a text with what the grammar makes of them; how many it has, and
/// how many others the grammar takes.
fn compare(grammar: &EntryParser, text: &str) -> (usize, usize) {
    let Lexed { tokens, .. } = lex(FileId(0), text, Mode::Policy);
    let (mut at, mut plain, mut other) = (0, 0, 0);
    while at < tokens.len() {
        let next = statements::end(text, &tokens, at);
        let chunk = tokens.get(at..next).unwrap();
        at = next;
        let mut cx = Context::new(FileId(0), text);
        let found = rule(&mut cx, chunk);
        assert!(cx.errors.is_empty(), "{text}");
        let tree = recovery::run(grammar, &mut cx, Token::StartStatement, chunk);
        match (found, tree) {
            (Some(rule), Ok(Tree::Statement(statement))) => {
                assert_eq!(rule, *statement, "{text}");
                assert!(cx.errors.is_empty(), "{text}");
                plain += 1;
            }
            (Some(_), tree) => panic!("{text}: {tree:?}"),
            (None, tree) => other += usize::from(tree.is_ok() && cx.errors.is_empty()),
        }
    }
    (plain, other)
}

#[test]
fn short_rules_are_what_the_grammar_says() {
    let grammar = EntryParser::new();
    let words = ["allow", "kill", "read", "syscall", ",", "if", "fd == 1", "&&", "(", ")"];
    let mut plain = 0;
    for code in 0..words.len().pow(5) {
        let word = |place: u32| words.get(code / words.len().pow(place) % words.len());
        let text: Vec<&str> = (0..5).filter_map(word).copied().collect();
        plain += compare(&grammar, &text.join(" ")).0;
    }
    assert!(plain > 1000, "{plain}");
}

/// A small generator with a fixed seed.
struct Rng(u64);

impl Rng {
    fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        usize::try_from(self.0 >> 33).unwrap() % below
    }

    fn pick(&mut self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len())]
    }
}

const OPERANDS: &[&str] = &["1", "0x1f", "O_RDONLY", "'c'", "kill", "any", "args"];

fn constant(rng: &mut Rng, depth: usize, out: &mut Vec<&'static str>) {
    match if depth == 0 { 0 } else { rng.below(8) } {
        0..=3 => out.push(rng.pick(OPERANDS)),
        4 => {
            out.push(rng.pick(&["-", "~"]));
            constant(rng, depth - 1, out);
        }
        5 => {
            out.push("(");
            constant(rng, depth - 1, out);
            out.push(")");
        }
        _ => {
            constant(rng, depth - 1, out);
            out.push(rng.pick(&["|", "^", "&", "<<", ">>", "+", "-", "*"]));
            constant(rng, depth - 1, out);
        }
    }
}

fn relation(rng: &mut Rng, out: &mut Vec<&'static str>) {
    match rng.below(8) {
        0 => {
            out.extend(["in", "{"]);
            constant(rng, 1, out);
            for _ in 0..rng.below(3) {
                out.push(rng.pick(&[",", ".."]));
                constant(rng, 1, out);
            }
            out.extend([rng.pick(&[",", ""]), "}"]);
        }
        1 => out.extend([rng.pick(&["==", "<"]), rng.pick(&["args", "fd"]), "[", "1", "]"]),
        2 => out.extend([rng.pick(&["==", "~"]), "\"s\""]),
        _ => {
            out.push(rng.pick(&["==", "!=", "<", "<=", ">", ">="]));
            constant(rng, 2, out);
        }
    }
}

fn predicate_text(rng: &mut Rng, depth: usize, out: &mut Vec<&'static str>) {
    match if depth == 0 { rng.below(4) } else { rng.below(9) } {
        0 => out.push(rng.pick(&["true", "false", "name", "kill"])),
        of @ 1..=3 => {
            match rng.below(4) {
                0 => out.extend(["args", "[", rng.pick(OPERANDS), "]"]),
                1 => out.push(rng.pick(&["a.function", "a.ustring", "fd"])),
                _ => out.push("fd"),
            }
            if of > 1 && rng.below(2) == 0 {
                out.push("&");
                constant(rng, 1, out);
            }
            if of < 3 || rng.below(2) == 0 {
                relation(rng, out);
            }
        }
        4 => {
            out.push(rng.pick(&["!", "not"]));
            predicate_text(rng, depth - 1, out);
        }
        5 => {
            out.extend(["(", "fd", "&"]);
            constant(rng, 1, out);
            out.push(")");
            relation(rng, out);
        }
        6 => {
            out.push("(");
            predicate_text(rng, depth - 1, out);
            out.push(")");
        }
        _ => {
            predicate_text(rng, depth - 1, out);
            out.push(rng.pick(&["&&", "||", "and", "or"]));
            predicate_text(rng, depth - 1, out);
        }
    }
}

const ACTIONS: &[&str] =
    &["allow", "kill", "log", "errno ( E | 1 )", "trap", "trap ( 1 )", "trace ( - 2 )", "notify"];
const CALLS: &[&str] = &[
    "read",
    "read",
    "read",
    "@io",
    "any",
    "syscall ( 3 )",
    "syscall ( ~ N )",
    // For the grammar.
    "syscall",
    "kill",
    "@io ( 6.6 )",
];

/// What puts something wrong into a text.
const SLIPS: &[&str] = &["(", ")", "&", "==", "if", ",", "{", "}", "!", "[", "in", "..", "fd", "1"];

#[test]
fn predicates_are_what_the_grammar_says() {
    let grammar = EntryParser::new();
    let mut rng = Rng(1);
    let (mut plain, mut others, mut wrong) = (0, 0, 0);
    for _ in 0..100_000 {
        let mut words = vec![rng.pick(ACTIONS), rng.pick(CALLS)];
        if rng.below(4) == 0 {
            words.extend([",", rng.pick(CALLS)]);
        }
        words.push("if");
        let depth = rng.below(5);
        predicate_text(&mut rng, depth, &mut words);
        if rng.below(3) == 0 {
            let at = 1 + rng.below(words.len() - 1);
            match rng.below(3) {
                0 => drop(words.remove(at)),
                1 => words.insert(at, rng.pick(SLIPS)),
                _ => words[at] = rng.pick(SLIPS),
            }
        }
        let (found, other) = compare(&grammar, &words.join(" "));
        plain += found;
        others += other;
        wrong += usize::from(found + other == 0);
    }
    assert!(plain > 30_000 && others > 5_000 && wrong > 10_000, "{plain} {others} {wrong}");
}

#[test]
fn deep_predicates_are_left_to_the_grammar() {
    let grammar = EntryParser::new();
    for depth in 1..2 * MAX_DEPTH {
        let (open, close) = ("(a && ".repeat(depth), ")".repeat(depth));
        let text = format!("allow read if {open}b{close}");
        assert_eq!(compare(&grammar, &text), if depth <= MAX_DEPTH { (1, 0) } else { (0, 1) });
        let text = format!("allow read if a == {}1", "-".repeat(depth));
        assert_eq!(compare(&grammar, &text), if depth <= MAX_DEPTH { (1, 0) } else { (0, 1) });
    }
}

#[test]
fn plain_rules_of_the_corpus() {
    let grammar = EntryParser::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus/policies");
    let mut plain = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "flt") {
            plain += compare(&grammar, &std::fs::read_to_string(&path).unwrap()).0;
        }
    }
    assert!(plain > 100, "{plain}");
}
