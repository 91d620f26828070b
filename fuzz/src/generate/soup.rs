//! Text made of the language's own words in any order, and corpus files with a few
//! characters changed: what an editor holds while somebody types.

use arbitrary::{Result, Unstructured};
use filterc_testkit::corpus;

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
    "kill_process",
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
    "x86_64",
    "i386",
    "openat",
    "read",
    "mmap",
    "flags",
    "dfd",
    "args",
    "nr",
    "O_CREAT",
    "AT_FDCWD",
    "EPERM",
    "@io",
    "CPUS{0-1}",
    ".ustring",
    ".function",
    "within",
    "calls",
    "per",
    "process",
    "then",
    "signal",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ",",
    "=",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "&",
    "|",
    "^",
    "~",
    "!",
    "&&",
    "||",
    "<<",
    ">>",
    "+",
    "-",
    "*",
    "..",
    ":",
    ".",
    "0",
    "1",
    "0x1f",
    "017",
    "0b11",
    "08",
    "0x",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "1_000",
    "'a'",
    "'",
    "\"",
    "\"x\"",
    "#",
    "# comment\n",
    "\n",
    " ",
    "\t",
    "\u{a0}",
    "\u{feff}",
    "é",
    "\0",
    "=>",
    "_",
    "->",
    "%",
    "$",
];

/// Words in any order.
///
/// # Errors
/// The bytes were used up.
pub fn words(u: &mut Unstructured<'_>) -> Result<String> {
    let mut text = String::new();
    for _ in 0..u.int_in_range(0..=200)? {
        text.push_str(u.choose(WORDS)?);
        if u.ratio(3, 4)? {
            text.push(' ');
        }
    }
    Ok(text)
}

/// A corpus policy with some pieces removed, doubled or replaced.
///
/// # Errors
/// The bytes were used up.
pub fn mutated_policy(u: &mut Unstructured<'_>) -> Result<String> {
    let files = corpus::files("policies", "flt");
    let mut text: Vec<char> = corpus::text(u.choose(&files)?).chars().collect();
    // A long text would make every change a change in the same list of names.
    text.truncate(3000);
    for _ in 0..u.int_in_range(1..=8)? {
        let at = u.int_in_range(0..=text.len())?;
        let to = text.len().min(at + u.int_in_range(0..=12)?);
        match u.int_in_range(0..=3)? {
            0 => drop(text.drain(at..to)),
            1 => {
                let piece: Vec<char> = text.get(at..to).unwrap_or_default().to_vec();
                text.splice(at..at, piece);
            }
            2 => drop(text.splice(at..to, u.choose(WORDS)?.chars())),
            _ => text.truncate(at.max(text.len() / 2)),
        }
    }
    Ok(text.into_iter().collect())
}
