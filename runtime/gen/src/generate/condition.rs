//! Conditions of the preprocessor, as far as they decide between definitions.

use std::iter::Peekable;
use std::str::Chars;

/// A condition over `CONFIG_` symbols and other macros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Whether a macro is defined.
    Defined(String),
    /// What this reader does not understand: may hold or not.
    Unknown,
    /// The opposite.
    Not(Box<Condition>),
    /// All of them.
    All(Vec<Condition>),
    /// At least one of them.
    Any(Vec<Condition>),
}

impl Condition {
    /// The condition of `#if`, `#elif` or of a `select … if` (`words` without `CONFIG_`).
    pub(crate) fn parse(text: &str) -> Self {
        let mut parser = Parser { rest: text.chars().peekable() };
        let condition = parser.any();
        parser.skip();
        if parser.rest.peek().is_some() { Self::Unknown } else { condition }
    }

    pub(crate) fn negated(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// Whether it holds, where `known` tells which macros are defined: `None` for those
    /// that nothing is known about, and then perhaps for the whole.
    pub(crate) fn holds(&self, known: &dyn Fn(&str) -> Option<bool>) -> Option<bool> {
        let fold = |parts: &[Self], decisive: bool| {
            let mut result = Some(!decisive);
            for part in parts {
                match part.holds(known) {
                    Some(value) if value == decisive => return Some(decisive),
                    Some(_) => {}
                    None => result = None,
                }
            }
            result
        };
        match self {
            Self::Defined(name) => known(name),
            Self::Unknown => None,
            Self::Not(inner) => inner.holds(known).map(|value| !value),
            Self::All(parts) => fold(parts, false),
            Self::Any(parts) => fold(parts, true),
        }
    }
}

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
}

impl Parser<'_> {
    fn skip(&mut self) {
        while self.rest.next_if(|c| c.is_whitespace()).is_some() {}
    }

    fn eat(&mut self, c: char) -> bool {
        self.skip();
        self.rest.next_if_eq(&c).is_some()
    }

    /// `a || b`
    fn any(&mut self) -> Condition {
        let mut parts = vec![self.all()];
        while self.eat('|') {
            self.eat('|');
            parts.push(self.all());
        }
        one_or(parts, Condition::Any)
    }

    /// `a && b`
    fn all(&mut self) -> Condition {
        let mut parts = vec![self.unary()];
        while self.eat('&') {
            self.eat('&');
            parts.push(self.unary());
        }
        one_or(parts, Condition::All)
    }

    fn unary(&mut self) -> Condition {
        if self.eat('!') {
            return self.unary().negated();
        }
        if self.eat('(') {
            let inner = self.any();
            return if self.eat(')') { inner } else { Condition::Unknown };
        }
        let word = self.word();
        match word.as_str() {
            "defined" | "IS_ENABLED" | "IS_BUILTIN" | "IS_REACHABLE" => {
                let open = self.eat('(');
                let name = self.word();
                let closed = !open || self.eat(')');
                if closed && !name.is_empty() {
                    Condition::Defined(name)
                } else {
                    Condition::Unknown
                }
            }
            // A number, or a macro's value: `0` is how code is taken out.
            "0" => Condition::Any(Vec::new()),
            "1" => Condition::All(Vec::new()),
            _ => Condition::Unknown,
        }
    }

    fn word(&mut self) -> String {
        self.skip();
        let mut word = String::new();
        while let Some(c) = self.rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
            word.push(c);
        }
        word
    }
}

fn one_or(mut parts: Vec<Condition>, many: fn(Vec<Condition>) -> Condition) -> Condition {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => Condition::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> Option<bool> {
        Condition::parse(text).holds(&|name| match name {
            "CONFIG_YES" => Some(true),
            "CONFIG_NO" => Some(false),
            _ => None,
        })
    }

    #[test]
    fn three_values() {
        assert_eq!(holds("defined(CONFIG_YES)"), Some(true));
        assert_eq!(holds("defined CONFIG_YES && !defined(CONFIG_NO)"), Some(true));
        assert_eq!(holds("defined(CONFIG_NO) && WHO_KNOWS > 3"), None);
        assert_eq!(holds("defined(CONFIG_NO) && IS_ENABLED(CONFIG_WHAT)"), Some(false));
        assert_eq!(holds("defined(CONFIG_YES) || defined(WHAT)"), Some(true));
        assert_eq!(holds("!(defined(CONFIG_NO) || defined(WHAT))"), None);
        assert_eq!((holds("0"), holds("1"), holds("defined(")), (Some(false), Some(true), None));
    }
}
