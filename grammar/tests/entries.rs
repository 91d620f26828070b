//! The entries other than whole files, and printing of trees that no text gave.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may panic")]

use filterc_grammar::ast::{
    Argument, BinOp, Call, CmpOp, Constant, ConstantKind, Field, Mask, Name, Predicate,
    PredicateKind, Relation, StatementKind, Str, Test,
};
use filterc_grammar::parser::{parse, parse_call, parse_constant, parse_predicate};
use filterc_grammar::print;
use filterc_grammar::source::{FileId, Span};

const FILE: FileId = FileId(7);

fn written(args: &[Argument]) -> Vec<String> {
    let one = |arg: &Argument| match arg {
        Argument::Any => "_".to_owned(),
        Argument::Constant(constant) => print::constant(constant),
        Argument::Text(text) => format!("\"{}\"", text.text),
    };
    args.iter().map(one).collect()
}

#[test]
fn calls_by_number() {
    for (text, number, args) in [
        ("syscall(999)(1, _)", "999", &["1", "_"][..]),
        ("syscall(-1)", "-1", &[]),
        ("syscall (0x10 | X) ( )", "16 | X", &[]),
    ] {
        let (example, errors) = parse_call(FILE, text);
        assert_eq!(errors, [], "{text}");
        let Call::Number(constant, _) = &example.call else { panic!("{text}") };
        assert_eq!(print::constant(constant), number);
        assert_eq!(written(&example.args), args);
    }
    for text in ["syscall", "syscall()", "syscall(1, 2)", "syscall(1)(", "syscall(1)(2)(3)"] {
        assert_eq!(parse_call(FILE, text).1.len(), 1, "{text}");
    }
}

#[test]
fn an_include_that_names_no_file_is_one_error() {
    for text in ["include base.flt", "include base.flt\nallow read", "include", "include 3"] {
        let parsed = parse(FILE, text);
        assert_eq!(parsed.diagnostics.len(), 1, "{text}: {:?}", parsed.diagnostics);
        let first = &parsed.file.statements[0].kind;
        assert!(matches!(first, StatementKind::Error), "{text}: {first:?}");
    }
}

#[test]
fn calls() {
    let (example, errors) = parse_call(FILE, "openat(AT_FDCWD, _, O_RDWR|O_CREAT)");
    assert_eq!(errors, []);
    assert!(matches!(&example.call, Call::Name(name) if name.text == "openat"));
    assert_eq!(example.span, Span { file: FILE, start: 0, end: 35 });
    assert_eq!(written(&example.args), ["AT_FDCWD", "_", "O_RDWR | O_CREAT"]);
    let (example, errors) = parse_call(FILE, "open(\"/etc/hosts\", 'r')");
    assert_eq!(errors, []);
    assert_eq!(written(&example.args), ["\"/etc/hosts\"", "114"]);
    assert_eq!(parse_call(FILE, " kill ( ) ").0.args, []);
    for text in ["", "read", "read(", "read(1", "read(1,)", "read(1) x", "(1)", "read(a == 1)"] {
        let (_, errors) = parse_call(FILE, text);
        assert_eq!(errors.len(), 1, "{text}: {errors:?}");
        assert_eq!(errors[0].primary.as_ref().unwrap().span.file, FILE);
    }
}

/// The constant with all its grouping shown.
fn grouped(c: &Constant) -> String {
    match &c.kind {
        ConstantKind::Integer(value) => value.to_string(),
        ConstantKind::Name(name) => name.clone(),
        ConstantKind::Complement(inner) => format!("~{}", grouped(inner)),
        ConstantKind::Negate(inner) => format!("-{}", grouped(inner)),
        ConstantKind::Paren(inner) => grouped(inner),
        ConstantKind::Binary(first, rest) => {
            let rest = rest.iter().map(|(op, c)| format!(" {} {}", op.as_str(), grouped(c)));
            format!("({}{})", grouped(first), rest.collect::<String>())
        }
        ConstantKind::Error => "?".to_owned(),
    }
}

#[test]
fn constants_bind_as_in_c() {
    for (text, expected) in [
        ("1", "1"),
        ("0x1f", "31"),
        ("'a'", "97"),
        ("a | b ^ c & d << e + f * g", "(a | (b ^ (c & (d << (e + (f * g))))))"),
        ("a * b + c << d & e ^ f | g", "((((((a * b) + c) << d) & e) ^ f) | g)"),
        ("a - b + c - d", "(a - b + c - d)"),
        ("a << b >> c", "(a << b >> c)"),
        ("-a - -b", "(-a - -b)"),
        ("~a & ~(b | c)", "(~a & ~(b | c))"),
        ("a & b | c & d", "((a & b) | (c & d))"),
        ("- 9223372036854775808", "-9223372036854775808"),
    ] {
        let (constant, errors) = parse_constant(FILE, text);
        assert_eq!(errors, [], "{text}");
        assert_eq!(grouped(&constant), expected, "{text}");
        let (again, _) = parse_constant(FILE, &print::constant(&constant));
        assert_eq!(grouped(&again), expected, "{text}");
    }
    for text in ["", "a b", "a ==", "(", "1 +", "~", "\"s\"", "a && b"] {
        assert_eq!(parse_constant(FILE, text).1.len(), 1, "{text}");
    }
}

fn constant(kind: ConstantKind) -> Constant {
    Constant { kind, span: Span::default() }
}

fn name(text: &str) -> Constant {
    constant(ConstantKind::Name(text.to_owned()))
}

fn binary(a: Constant, op: BinOp, b: Constant) -> Constant {
    constant(ConstantKind::Binary(Box::new(a), vec![(op, b)]))
}

fn predicate(kind: PredicateKind) -> Predicate {
    Predicate { kind, span: Span::default() }
}

fn test(relation: Relation, mask: Option<Mask>) -> Predicate {
    let span = Span::default();
    let name = Name { text: "f".to_owned(), span };
    let field = Field { name, index: None, ustring: false, function: false, span };
    predicate(PredicateKind::Test(Box::new(Test { field, mask, relation })))
}

/// An importer builds trees without parentheses; printing puts them where they are needed.
#[test]
fn parentheses_are_added_where_needed() {
    let or = binary(name("a"), BinOp::Or, name("b"));
    let sum = binary(name("c"), BinOp::Add, or.clone());
    assert_eq!(print::constant(&sum), "c + (a | b)");
    let complement = constant(ConstantKind::Complement(Box::new(or.clone())));
    assert_eq!(print::constant(&complement), "~(a | b)");
    let difference = binary(name("x"), BinOp::Sub, binary(name("y"), BinOp::Sub, name("z")));
    assert_eq!(print::constant(&difference), "x - (y - z)");

    let one = || test(Relation::Compare(CmpOp::Eq, name("a")), None);
    let either = || predicate(PredicateKind::Or(vec![one(), predicate(PredicateKind::True)]));
    let both = predicate(PredicateKind::And(vec![either(), one()]));
    assert_eq!(print::predicate(&both), "(f == a || true) && f == a");
    let not = predicate(PredicateKind::Not(Box::new(either())));
    assert_eq!(print::predicate(&not), "!(f == a || true)");
    let mask = |parenthesised| Some(Mask { constant: or.clone(), parenthesised });
    let masked = test(Relation::Compare(CmpOp::Ne, name("c")), mask(true));
    assert_eq!(print::predicate(&masked), "(f & a | b) != c");
    assert_eq!(print::predicate(&test(Relation::AnyBit, mask(false))), "f & a | b");
    let text = Str { text: "a\"b".to_owned(), span: Span::default() };
    assert_eq!(print::predicate(&test(Relation::Glob(text), None)), "f ~ 'a\"b'");
    let symbol = Name { text: "do".to_owned(), span: Span::default() };
    let function = test(Relation::Function(CmpOp::Eq, symbol), None);
    let closed = predicate(PredicateKind::Paren(Box::new(function)));
    assert_eq!(print::predicate(&closed), "(f == do )");
}

#[test]
fn what_is_written_is_what_is_printed() {
    for text in [
        "fd == 3 && !(flags & A | B) || (mode & 7) != 4",
        "a in { 1, 2..3, X, 65535, 0x10000 } && b & 0xf in { -1 } && args[2] < args[0 + 1]",
        "a.ustring == \"x\" || b.function == do_it || c & CPUS{0-1} || d == CPUS{,}",
        "!!a && ((true)) && e.f ~ \"*\" && not_a_word",
    ] {
        let (predicate, errors) = parse_predicate(FILE, text);
        assert_eq!(errors, [], "{text}");
        assert_eq!(print::predicate(&predicate), text.replace("((true))", "(true)"));
    }
}
