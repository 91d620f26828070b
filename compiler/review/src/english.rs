//! Conditions in plain words, for readers who do not know the language: beside the predicate, never
//! instead of it.

use filterc_grammar::ast::{
    BinOp, CmpOp, Constant, ConstantKind, Field, Item, Mask, Predicate, PredicateKind, Relation,
    Test,
};
use filterc_grammar::print;

/// A predicate in words.
#[must_use]
pub fn condition(predicate: &Predicate) -> String {
    said(predicate, Sense::As).text(false)
}

/// Whether something is said or denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sense {
    As,
    Not,
}

impl Sense {
    const fn opposite(self) -> Self {
        match self {
            Self::As => Self::Not,
            Self::Not => Self::As,
        }
    }
}

/// What is said, before commas.
enum Said {
    One(String),
    All(Vec<Self>),
    Any(Vec<Self>),
}

impl Said {
    /// In words; what is a part of something else has parentheses where it has parts of its own.
    fn text(&self, is_part: bool) -> String {
        let (parts, word) = match self {
            Self::One(text) => return text.clone(),
            Self::All(parts) => (parts, "and"),
            Self::Any(parts) => (parts, "or"),
        };
        let parts: Vec<String> = parts.iter().map(|part| part.text(true)).collect();
        let text = parts.join(&format!(" {word} "));
        if is_part { format!("({text})") } else { text }
    }
}

fn said(predicate: &Predicate, sense: Sense) -> Said {
    let parts =
        |parts: &[Predicate]| parts.iter().map(|part| said(part, sense)).collect::<Vec<_>>();
    match (&predicate.kind, sense) {
        (PredicateKind::Paren(inner), _) => said(inner, sense),
        (PredicateKind::Not(inner), _) => said(inner, sense.opposite()),
        // What denies a disjunction denies all its parts.
        (PredicateKind::And(all), Sense::As) | (PredicateKind::Or(all), Sense::Not) => {
            Said::All(parts(all))
        }
        (PredicateKind::Or(all), Sense::As) | (PredicateKind::And(all), Sense::Not) => {
            Said::Any(parts(all))
        }
        (PredicateKind::True, Sense::As) | (PredicateKind::False, Sense::Not) => {
            Said::One("always".to_owned())
        }
        (PredicateKind::False, Sense::As) | (PredicateKind::True, Sense::Not) => {
            Said::One("never".to_owned())
        }
        (PredicateKind::Test(test), _) => Said::One(tested(test, sense)),
        (PredicateKind::Let(_) | PredicateKind::Error, Sense::As) => {
            Said::One(print::predicate(predicate))
        }
        (PredicateKind::Let(_) | PredicateKind::Error, Sense::Not) => {
            Said::One(format!("not {}", print::predicate(predicate)))
        }
    }
}

fn tested(test: &Test, sense: Sense) -> String {
    if let Some(low) = test.mask.as_ref().and_then(low_bits) {
        let field = format!("the number in the low {low} bits of {}", name(&test.field));
        return compared_with(&field, test, sense);
    }
    if test.mask.is_none() {
        return compared_with(&name(&test.field), test, sense);
    }
    masked(test, sense)
}

/// How many low bits a mask leaves, if it leaves these and looks like a width.
fn low_bits(mask: &Mask) -> Option<u32> {
    let ConstantKind::Integer(bits) = mask.constant.kind else { return None };
    let width = bits.trailing_ones();
    let is_all = bits.checked_shr(width).unwrap_or_default() == 0;
    (is_all && [8, 16, 32].contains(&width)).then_some(width)
}

/// A test of some bits.
fn masked(test: &Test, sense: Sense) -> String {
    let field = name(&test.field);
    match (&test.mask, &test.relation) {
        (Some(mask), Relation::AnyBit) => any_bit(&field, mask, sense),
        (Some(mask), Relation::Compare(op @ (CmpOp::Eq | CmpOp::Ne), value)) => {
            let sense = if *op == CmpOp::Ne { sense.opposite() } else { sense };
            if is_zero(value) {
                return any_bit(&field, mask, sense.opposite());
            }
            let has = if sense == Sense::As { "has exactly" } else { "does not have exactly" };
            format!("{}, {field} {has} {}", among(mask), list(&bits(value), "and"))
        }
        (Some(mask), Relation::In(items)) => {
            let has = if sense == Sense::As { "has exactly" } else { "has neither exactly" };
            let word = if sense == Sense::As { "or" } else { "nor" };
            format!("{}, {field} {has} {}", among(mask), list(&values(items, true), word))
        }
        // Of the kernel's own forms; there are no plainer words.
        (
            _,
            Relation::AnyBit
            | Relation::Compare(..)
            | Relation::CompareField(..)
            | Relation::CompareString(..)
            | Relation::Glob(_)
            | Relation::Function(..)
            | Relation::Cpus(..),
        )
        | (None, Relation::In(_)) => as_written(test, sense),
    }
}

/// A test of a number.
fn compared_with(subject: &str, test: &Test, sense: Sense) -> String {
    match &test.relation {
        Relation::Compare(op, value) => {
            format!("{subject} {} {}", compared(*op, sense), constant(value))
        }
        Relation::CompareField(op, other) => {
            let words = match compared(*op, sense) {
                "is" => "is the same as",
                "is not" => "is not the same as",
                other => other,
            };
            format!("{subject} {words} {}", name(other))
        }
        Relation::In(items) => match sense {
            Sense::As => format!("{subject} is {}", list(&values(items, false), "or")),
            Sense::Not if items.len() > 1 => {
                format!("{subject} is neither {}", list(&values(items, false), "nor"))
            }
            Sense::Not => format!("{subject} is not {}", list(&values(items, false), "nor")),
        },
        Relation::AnyBit => {
            let words = if sense == Sense::As { "is not" } else { "is" };
            format!("{subject} {words} 0")
        }
        Relation::CompareString(..)
        | Relation::Glob(_)
        | Relation::Function(..)
        | Relation::Cpus(..) => as_written(test, sense),
    }
}

fn as_written(test: &Test, sense: Sense) -> String {
    let kind = PredicateKind::Test(Box::new(test.clone()));
    let text = print::predicate(&Predicate { kind, span: test.field.span });
    if sense == Sense::As { text } else { format!("not {text}") }
}

fn name(field: &Field) -> String {
    let index = field.index.as_ref().map(|index| format!("[{}]", print::constant(index)));
    format!("{}{}", field.name.text, index.unwrap_or_default())
}

fn compared(op: CmpOp, sense: Sense) -> &'static str {
    match (op, sense) {
        (CmpOp::Eq, Sense::As) | (CmpOp::Ne, Sense::Not) => "is",
        (CmpOp::Ne, Sense::As) | (CmpOp::Eq, Sense::Not) => "is not",
        (CmpOp::Lt, Sense::As) | (CmpOp::Ge, Sense::Not) => "is less than",
        (CmpOp::Le, Sense::As) | (CmpOp::Gt, Sense::Not) => "is at most",
        (CmpOp::Gt, Sense::As) | (CmpOp::Le, Sense::Not) => "is more than",
        (CmpOp::Ge, Sense::As) | (CmpOp::Lt, Sense::Not) => "is at least",
    }
}

/// Whether some bit of a mask is set.
fn any_bit(field: &str, mask: &Mask, sense: Sense) -> String {
    if let Some(others) = complement(&mask.constant) {
        let others = list(&bits(others), "and");
        return match sense {
            Sense::As => format!("{field} has a bit set other than {others}"),
            Sense::Not => format!("{field} has no bit set but {others}"),
        };
    }
    let names = bits(&mask.constant);
    let is_one = matches!(names.as_slice(), [one] if is_word(one));
    match (sense, is_one) {
        (Sense::As, true) => format!("{field} has {} set", list(&names, "or")),
        (Sense::Not, true) => format!("{field} does not have {} set", list(&names, "or")),
        (Sense::As, false) => format!("{field} has a bit of {} set", list(&names, "or")),
        (Sense::Not, false) => format!("{field} has no bit of {} set", list(&names, "or")),
    }
}

/// `Of A, B and C` before what is said of these bits alone.
fn among(mask: &Mask) -> String {
    match complement(&mask.constant) {
        Some(others) => format!("not counting {}", list(&bits(others), "and")),
        None => format!("of {}", list(&bits(&mask.constant), "and")),
    }
}

/// The parts of a set of bits.
fn bits(constant: &Constant) -> Vec<String> {
    match &constant.kind {
        ConstantKind::Paren(inner) => bits(inner),
        ConstantKind::Binary(first, rest) if rest.iter().all(|(op, _)| *op == BinOp::Or) => {
            let parts = std::iter::once(&**first).chain(rest.iter().map(|(_, part)| part));
            parts.flat_map(bits).collect()
        }
        ConstantKind::Integer(bits @ 10..) => vec![format!("{bits:#x}")],
        ConstantKind::Integer(_)
        | ConstantKind::Name(_)
        | ConstantKind::Complement(_)
        | ConstantKind::Negate(_)
        | ConstantKind::Binary(..)
        | ConstantKind::Error => vec![print::constant(constant)],
    }
}

/// What a complement leaves out.
fn complement(constant: &Constant) -> Option<&Constant> {
    match &constant.kind {
        ConstantKind::Complement(inner) => Some(inner),
        ConstantKind::Paren(inner) => complement(inner),
        ConstantKind::Integer(_)
        | ConstantKind::Name(_)
        | ConstantKind::Negate(_)
        | ConstantKind::Binary(..)
        | ConstantKind::Error => None,
    }
}

fn constant(constant: &Constant) -> String {
    let inner = if let ConstantKind::Paren(inner) = &constant.kind { inner } else { constant };
    print::constant(inner)
}

fn is_zero(constant: &Constant) -> bool {
    matches!(constant.kind, ConstantKind::Integer(0))
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// The members of a set; of bits, 0 is none of them.
fn values(items: &[Item], of_bits: bool) -> Vec<String> {
    let value = |item: &Item| match item {
        Item::One(value) if of_bits && is_zero(value) => "none".to_owned(),
        Item::One(value) if of_bits => {
            let parts = bits(value);
            if parts.len() > 1 { parts.join(" + ") } else { parts.concat() }
        }
        Item::One(value) => constant(value),
        Item::Range(first, last) => format!("{} to {}", constant(first), constant(last)),
        Item::Text(text) => format!("\"{}\"", text.text),
    };
    items.iter().map(value).collect()
}

/// `a, b and c`.
fn list(parts: &[String], word: &str) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [some @ .., last] => format!("{} {word} {last}", some.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use filterc_grammar::parser::parse_predicate;
    use filterc_grammar::source::FileId;

    use super::*;

    fn words(text: &str) -> String {
        let (predicate, errors) = parse_predicate(FileId::default(), text);
        assert!(errors.is_empty(), "{text}: {errors:?}");
        condition(&predicate)
    }

    #[test]
    fn predicates_in_words() {
        for (text, expected) in [
            ("fd == 3", "fd is 3"),
            ("!(fd == 3)", "fd is not 3"),
            ("fd < 3 && len >= 8", "fd is less than 3 and len is at least 8"),
            ("!(fd < 3 && len >= 8)", "fd is at least 3 or len is less than 8"),
            ("!(fd < 3 || len > 8)", "fd is at least 3 and len is at most 8"),
            ("a == 1 && (b == 2 || c != 3)", "a is 1 and (b is 2 or c is not 3)"),
            ("cmd in { F_GETFD, 5..7 }", "cmd is F_GETFD or 5 to 7"),
            ("!(cmd in { 1, 2, 3 })", "cmd is neither 1, 2 nor 3"),
            ("prot & PROT_EXEC", "prot has PROT_EXEC set"),
            ("!(prot & PROT_EXEC)", "prot does not have PROT_EXEC set"),
            ("!(flags & (A | B))", "flags has no bit of A or B set"),
            ("(flags & (A | B)) == 0", "flags has no bit of A or B set"),
            ("(flags & (A | B)) != 0", "flags has a bit of A or B set"),
            ("!(flags & ~(A | B))", "flags has no bit set but A and B"),
            ("flags & ~A", "flags has a bit set other than A"),
            ("pos & 0xff00", "pos has a bit of 0xff00 set"),
            ("(flags & (A | B)) == A", "of A and B, flags has exactly A"),
            ("(flags & (A | B)) != (A | B)", "of A and B, flags does not have exactly A and B"),
            ("flags & (A | B) in { 0, (A | B) }", "of A and B, flags has exactly none or A + B"),
            (
                "(prot & ~PROT_READ) == PROT_EXEC",
                "not counting PROT_READ, prot has exactly PROT_EXEC",
            ),
            ("(arg & 0xffffffff) == 1", "the number in the low 32 bits of arg is 1"),
            ("!(arg & 0xff)", "the number in the low 8 bits of arg is 0"),
            ("args[2] == args[3]", "args[2] is the same as args[3]"),
            ("args[2] > args[3]", "args[2] is more than args[3]"),
            ("true", "always"),
            ("!true", "never"),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }
}
