//! Nothing panics, overflows or takes unreasonably long, whatever the text; formatting
//! keeps the tree and the comments.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod tree;

use filterc_grammar::parser::{self, MAX_NESTING};
use filterc_grammar::print;
use filterc_grammar::source::{FileId, MAX_SOURCE_LEN};

fn codes(text: &str) -> Vec<&'static str> {
    let parsed = parser::parse(FileId::default(), text);
    parsed.diagnostics.iter().map(|diagnostic| diagnostic.code.0).collect()
}

const MANY: usize = 1_000_000;

#[test]
fn long_is_not_deep() {
    for operand in ["a == 1", "a", "!a", "(a & 1)"] {
        for operator in ["&&", "||"] {
            let text = vec![operand; MANY / 4].join(operator);
            assert_eq!(codes(&format!("let x = {text}")), [""; 0], "{operand} {operator}");
            let (_, errors) = parser::parse_predicate(FileId::default(), &text);
            assert_eq!(errors, []);
        }
    }
    assert_eq!(codes(&format!("const x = {}", vec!["1"; MANY].join("|"))), [""; 0]);
    assert_eq!(codes(&format!("const x = {}", vec!["1"; MANY].join("|2*3-"))), [""; 0]);
    assert_eq!(codes(&format!("allow {}", vec!["a"; MANY].join(","))), [""; 0]);
    assert_eq!(codes(&format!("let x = a in {{ {} }}", vec!["1..2"; MANY].join(","))), [""; 0]);
    assert_eq!(codes(&"allow a ".repeat(MANY / 4)), [""; 0]);
    // Repetition that means nothing is no nesting.
    assert_eq!(codes(&format!("let x = {}a", "!".repeat(MANY))), [""; 0]);
    assert_eq!(codes(&format!("let x = {}a{}", "(".repeat(MANY), ")".repeat(MANY))), [""; 0]);
}

#[test]
fn deep_is_one_error() {
    for (before, middle, after) in [
        ("let x = ", "a == 1 && (", ""),
        ("let x = ", "!(", ""),
        ("const x = ", "-", "1"),
        ("const x = ", "~", "1"),
        ("const x = ", "1 + (", ""),
    ] {
        for count in [MAX_NESTING + 1, MANY] {
            let open = middle.ends_with('(');
            let inner = if before.starts_with("let") { "a" } else { "1" };
            let inner = if open { inner } else { after };
            let closing = if open { ")".repeat(count) } else { String::new() };
            let text = format!("{before}{}{inner}{closing}", middle.repeat(count));
            assert_eq!(codes(&text), ["F0111"], "{middle} × {count}");
            // The same, broken off.
            let errors = codes(&format!("{before}{}", middle.repeat(count)));
            assert!((1..=2).contains(&errors.len()), "{middle} × {count}: {errors:?}");
        }
    }
    let fits = format!("let x = {}a{}", "!(".repeat(MAX_NESTING / 2), ")".repeat(MAX_NESTING / 2));
    assert_eq!(codes(&fits), [""; 0]);
}

#[test]
fn unbalanced_and_broken_text_ends_soon() {
    for piece in [
        "(",
        ")",
        "{",
        "}",
        "[",
        "(]",
        "allow a if (",
        "allow a, 5 ",
        "allow a if ( x = 3 &&",
        "$",
        "\"",
        "'",
        "\0",
        "é",
        "const x = 3 3\n",
        "x\n",
        ", ",
        "allow (\n",
        "if ",
        "test \"\" { ",
        "a.function == ",
        "CPUS{",
        "in { 1 ",
        "allow ",
        "= ",
        "&& ",
        "sequence x { ",
        "require ",
    ] {
        let errors = codes(&piece.repeat(MANY / 20));
        assert!(errors.len() <= 101, "{piece}: {}", errors.len());
        let _ = parser::parse_predicate(FileId::default(), &piece.repeat(MANY / 20));
        let _ = parser::parse_constant(FileId::default(), &piece.repeat(MANY / 20));
        let _ = parser::parse_call(FileId::default(), &piece.repeat(MANY / 20));
    }
}

#[test]
fn one_error_for_each_mistake() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus/parse/ten-mistakes.flt");
    let text = std::fs::read_to_string(path).unwrap();
    let parsed = parser::parse(FileId::default(), &text);
    let lines = |at: u32| text[..at as usize].matches('\n').count() + 1;
    let found: Vec<_> =
        parsed.diagnostics.iter().map(|d| lines(d.primary.as_ref().unwrap().span.start)).collect();
    assert_eq!(found, (2..=11).collect::<Vec<_>>());
    // Nothing is lost: each statement has its node.
    assert_eq!(parsed.file.statements.len(), 12);
}

#[test]
fn size_is_limited() {
    assert_eq!(codes(&" ".repeat(MAX_SOURCE_LEN)), [""; 0]);
    assert_eq!(codes(&" ".repeat(MAX_SOURCE_LEN + 1)), ["F0111"]);
    let (_, errors) = parser::parse_constant(FileId::default(), &" ".repeat(MAX_SOURCE_LEN + 1));
    assert_eq!(errors[0].code.0, "F0111");
    assert_eq!(codes(&"$ ".repeat(500)).last(), Some(&"F0111"));
}

/// xorshift64*: the same texts on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % n
    }
}

const WORDS: &[&str] = &[
    "arch",
    "kernel",
    "default",
    "unknown",
    "foreign",
    "include",
    "const",
    "group",
    "let",
    "label",
    "require",
    "param",
    "test",
    "sequence",
    "event",
    "allow",
    "log",
    "notify",
    "trace",
    "trap",
    "errno",
    "kill_thread",
    "kill",
    "any",
    "syscall",
    "if",
    "in",
    "and",
    "or",
    "not",
    "true",
    "false",
    "x",
    "flags",
    "args",
    ".ustring",
    ".function",
    "@io",
    "0x1f",
    "6.6",
    "'a'",
    "'ab'",
    "\"s\"",
    "CPUS{0}",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "=",
    "=>",
    "..",
    "!",
    "&&",
    "||",
    "==",
    "!=",
    "<",
    "<=",
    "|",
    "^",
    "&",
    "<<",
    "+",
    "-",
    "*",
    "~",
    "# c\n",
    "#\n",
    "\n",
    "\n\n",
    "(E)",
    "x == 1",
    "x & 3",
    "in { 1, 2 }",
    "allow x",
    "if x",
    "\u{a0}",
    "é",
    "$",
    "{ x }",
];

#[test]
fn any_sequence_of_words() {
    let mut random = Random(0x5eed);
    for _ in 0..20_000 {
        let length = random.below(14);
        let mut text = String::new();
        for _ in 0..length {
            text.push_str(WORDS[random.below(WORDS.len())]);
            if random.below(8) > 0 {
                text.push(' ');
            }
        }
        check(&text);
        let _ = parser::parse_predicate(FileId::default(), &text);
        let _ = parser::parse_constant(FileId::default(), &text);
        let _ = parser::parse_call(FileId::default(), &text);
    }
}

/// Texts that mostly parse: files of the corpus with white space and comments thrown in.
#[test]
fn corpus_with_other_white_space() {
    let mut random = Random(0xc0ffee);
    let mut formatted = 0;
    for folder in ["parse", "fmt"] {
        let folder = format!("{}/../corpus/{folder}", env!("CARGO_MANIFEST_DIR"));
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "flt") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for _ in 0..50 {
                let gaps = ["", " ", "  ", "\n", "\n\n\n", " # c\n", "\n# own\n", "\t", "\r\n"];
                let changed: String = text
                    .split_inclusive(' ')
                    .map(|word| format!("{word}{}", gaps[random.below(12).saturating_sub(3)]))
                    .collect();
                formatted += usize::from(check(&changed));
            }
        }
    }
    assert!(formatted > 20, "{formatted}");
}

/// Formatting keeps everything; true if there was something to format.
fn check(text: &str) -> bool {
    let before = parser::parse(FileId::default(), text);
    let formatted = match print::format(text) {
        Ok(formatted) => formatted,
        Err(diagnostics) => {
            assert_eq!(diagnostics, before.diagnostics, "{text}");
            assert!(!diagnostics.is_empty());
            return false;
        }
    };
    let after = parser::parse(FileId::default(), &formatted);
    assert_eq!(after.diagnostics, [], "{text:?}\n{formatted}");
    assert_eq!(
        tree::without_spans(&after.file),
        tree::without_spans(&before.file),
        "{text:?}\n{formatted}"
    );
    assert_eq!(print::format(&formatted).as_ref(), Ok(&formatted), "{text:?}");
    assert_eq!(comments(&formatted), comments(text), "{text:?}\n{formatted}");
    // Through the tree alone.
    let printed = print::file(&before.file);
    let again = parser::parse(FileId::default(), &printed);
    assert_eq!(again.diagnostics, [], "{text:?}\n{printed}");
    assert_eq!(print::file(&again.file), printed, "{text:?}");
    true
}

/// The comments of a text whose strings have no `#`.
fn comments(text: &str) -> Vec<String> {
    let comment = |line: &str| line.find('#').map(|at| line[at..].trim_end().to_owned());
    text.lines().filter_map(comment).collect()
}
