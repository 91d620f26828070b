//! Texts of event filters, good and bad, made by rule and by accident; always the same ones.

use filterc_hir::event::{Part, Record};

use crate::rng::Rng;

/// Names that every event has.
const GENERIC: [&str; 12] = [
    "cpu",
    "CPU",
    "comm",
    "COMM",
    "common_cpu",
    "stacktrace",
    "common_pid",
    "common_type",
    "common_flags",
    "common_preempt_count",
    "__syscall_nr",
    "STACKTRACE",
];

const NUMBERS: [&str; 30] = [
    "0",
    "1",
    "2",
    "3",
    "7",
    "-1",
    "-0",
    "010",
    "08",
    "0x",
    "0x10",
    "0XfF",
    "255",
    "256",
    "65535",
    "65536",
    "0x7fffffff",
    "0x80000000",
    "0xffffffff",
    "0xffffff9c",
    "4294967296",
    "0x100000001",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615",
    "0xffffffffffffffff",
    "18446744073709551616",
    "0x00000000000000000000f",
    "0x000000000000000000000f",
];

const PATTERNS: [&str; 33] = [
    "", "*", "**", "***", "a", "ab", "a*", "*b", "*a*", "a*b", "?", "a?", "[a-c]b", "[!a]*", "[a",
    "[]a]", "\\*", "a\\", "!a*", "!*", "!", "1*", "!1*", "9", "*!", "run", "*run", "*run*", "v*n",
    "a]b", "**a", "[a-]*", "^a",
];

const CPULISTS: [&str; 20] = [
    "0",
    "1",
    "0-1",
    "N",
    "0-N",
    "all",
    "ALL",
    "5",
    "",
    ",",
    "0,1",
    "0 1",
    "1-0",
    "0-1:1/2",
    "x",
    "0\n1",
    "0-1:2/1",
    "(",
    "all:1/2",
    "4294967296",
];

const JUNK: [&str; 34] = [
    "(",
    ")",
    "!",
    "&&",
    "||",
    "&",
    "|",
    "=",
    "==",
    "~",
    "<",
    ">",
    "<=",
    "\"",
    "'",
    "{",
    "}",
    "CPUS",
    "CPUS{",
    ".ustring",
    ".function",
    ".",
    ",",
    ";",
    "#",
    "1",
    "x",
    "-",
    "\\",
    "\n",
    "\u{0}",
    "\u{a0}",
    "\u{e9}",
    "\u{d7}",
];

/// One text for an event. Some are what the kernel's language has, some nearly so, some not.
pub fn text(record: &Record, rng: &mut Rng) -> Vec<u8> {
    let mut text = String::new();
    match rng.below(20) {
        0 => (0..rng.below(9)).for_each(|_| text.push_str(one(rng, &JUNK))),
        1..7 => test(record, rng, &mut text),
        _ => predicate(record, rng, 3, &mut text),
    }
    if rng.below(12) == 0 {
        // An operator that nothing follows.
        space(rng, &mut text);
        text.push_str(one(rng, &["&&", "||", "&& !", "|| ! !", "!"]));
    }
    let mut bytes = crate::events::latin1(&text);
    if rng.below(3) == 0 {
        (0..=rng.below(3)).for_each(|_| mutate(rng, &mut bytes));
    }
    bytes
}

/// A text that is one predicate of the language, though perhaps of the wrong types.
pub fn predicate(record: &Record, rng: &mut Rng, depth: usize, text: &mut String) {
    let parts = 1 + rng.below(3) * usize::from(depth > 0);
    for part in 0..parts {
        if part > 0 {
            space(rng, text);
            text.push_str(one(rng, &["&&", "||"]));
        }
        space(rng, text);
        while rng.below(4) == 0 {
            text.push('!');
            space(rng, text);
        }
        if depth > 0 && rng.below(3) == 0 {
            text.push('(');
            predicate(record, rng, depth - 1, text);
            text.push(')');
        } else {
            test(record, rng, text);
        }
    }
    space(rng, text);
}

fn test(record: &Record, rng: &mut Rng, text: &mut String) {
    // One in three is of a pool that all events have, the others of the event's own.
    let own: Vec<_> = record.fields.iter().filter(|field| is_own(field.part)).collect();
    let field = if rng.below(3) > 0 { rng.pick(&own) } else { None };
    let name = field.map_or_else(|| one(rng, &GENERIC), |field| field.name.as_str());
    let is_text = field.is_some_and(|field| matches!(field.part, Part::Text(_)))
        || name.eq_ignore_ascii_case("comm");
    text.push_str(if rng.below(60) == 0 { "nosuch" } else { name });
    if rng.below(3) == 0 && is_text || rng.below(30) == 0 {
        text.push_str(".ustring");
    }
    if rng.below(60) == 0 {
        text.push_str(".function");
    }
    space(rng, text);
    let slip = rng.below(12) == 0;
    let string = is_text != slip;
    let ops: &[&str] =
        if string { &["==", "!=", "~", "~"] } else { &["==", "!=", "<", "<=", ">", ">=", "&"] };
    text.push_str(if rng.below(25) == 0 {
        one(rng, &["=", "=~", "<", "&", "~", "!"])
    } else {
        one(rng, ops)
    });
    space(rng, text);
    if rng.below(14) == 0 {
        text.push_str("CPUS{");
        text.push_str(one(rng, &CPULISTS));
        text.push('}');
    } else if string {
        let quote = one(rng, &["\"", "\"", "'"]);
        text.push_str(quote);
        text.push_str(one(rng, &PATTERNS));
        if rng.below(300) == 0 {
            text.push_str(&"y".repeat(250 + rng.below(8)));
        }
        text.push_str(quote);
    } else if rng.below(6) == 0 {
        text.push_str(&rng.next().to_string());
    } else {
        text.push_str(one(rng, &NUMBERS));
    }
}

/// A predicate with forms that the kernel does not have.
pub fn addition(record: &Record, rng: &mut Rng) -> String {
    const VALUES: [&str; 14] = [
        "0",
        "1",
        "3",
        "7",
        "0x80",
        "0x7fffffff",
        "0x80000000",
        "0xffffffff",
        "O_CREAT",
        "S_IFMT",
        "O_RDWR|O_CLOEXEC",
        "~1",
        "0b101",
        "1 << 12",
    ];
    let fields: Vec<&str> = record
        .fields
        .iter()
        .filter(|field| field.size >= 4 && field.ctype != "const char *")
        .map(|field| field.name.as_str())
        .collect();
    let field = one(rng, &fields);
    let view = one(rng, &["", "", ".u32", ".s32", ".u16", ".s16", ".u8", ".s8"]);
    let field = format!("{field}{view}");
    let op = one(rng, &["==", "!=", "<", "<=", ">", ">="]);
    let a = one(rng, &VALUES);
    let b = one(rng, &VALUES);
    match rng.below(6) {
        0 => format!("{field} {op} {a}"),
        1 => format!("({field} & {a}) {op} {b}"),
        2 => format!("{field} in {{ {a}, {b} }}"),
        3 => format!("{field} & {a} in {{ {b}..{a}, 0 }}"),
        4 => format!("not ({field} {op} {a}) and {field} & {b}"),
        _ => format!("{field} {op} -1 or {field} == {a}"),
    }
}

const fn is_own(part: Part) -> bool {
    matches!(part, Part::Arg(_) | Part::Text(_) | Part::Ret)
}

fn space(rng: &mut Rng, text: &mut String) {
    match rng.below(12) {
        0..7 => text.push(' '),
        7 => text.push_str(one(rng, &["  ", "\t", "\n", "\u{b}", "\u{a0}", " \u{c} "])),
        _ => {}
    }
}

fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let at = rng.below(bytes.len() + 1);
    match rng.below(5) {
        0 if at < bytes.len() => {
            bytes.remove(at);
        }
        1 if at < bytes.len() => {
            let byte = u8::try_from(rng.below(256)).unwrap_or_default();
            bytes.splice(at..=at, [byte]);
        }
        2 => {
            let end = (at + rng.below(8)).min(bytes.len());
            let part: Vec<u8> = bytes.get(at..end).unwrap_or_default().to_vec();
            let to = rng.below(bytes.len() + 1);
            bytes.splice(to..to, part);
        }
        3 => bytes.truncate(at),
        _ => {
            bytes.splice(at..at, crate::events::latin1(one(rng, &JUNK)));
        }
    }
}

fn one<'a>(rng: &mut Rng, of: &[&'a str]) -> &'a str {
    rng.pick(of).copied().unwrap_or_default()
}
