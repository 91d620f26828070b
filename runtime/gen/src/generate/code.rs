//! C source as this generator reads it: without comments, each place with the conditions of
//! the preprocessor that it stands under, and argument lists taken apart.

use super::condition::Condition;

/// `#define NAME BODY`: the name, the body, the condition that it stands under.
pub(crate) type Define = (String, String, Condition);

/// C source without comments and directives.
pub(crate) struct Code {
    text: String,
    /// Where in `text` another condition begins to hold, ascending.
    marks: Vec<(usize, Condition)>,
    /// Those of macros without arguments.
    pub(crate) defines: Vec<Define>,
    /// Whether it includes a table of system calls.
    pub(crate) includes_table: bool,
}

/// The branches of one `#if`.
struct Branches {
    /// The conditions of those that came before.
    before: Vec<Condition>,
    now: Condition,
}

impl Branches {
    fn enter(&mut self, condition: Condition) {
        let last = std::mem::replace(&mut self.now, condition);
        self.before.push(last);
    }

    fn condition(&self) -> Condition {
        let refused = self.before.iter().cloned().map(Condition::negated);
        Condition::All(refused.chain([self.now.clone()]).collect())
    }
}

impl Code {
    /// Reads a file's text.
    pub(crate) fn read(source: &str) -> Self {
        let mut code = Self {
            text: String::new(),
            marks: Vec::new(),
            defines: Vec::new(),
            includes_table: false,
        };
        let mut open: Vec<Branches> = Vec::new();
        let stripped = without_comments(source);
        for line in stripped.lines() {
            let Some(directive) = line.trim_start().strip_prefix('#') else {
                code.text.push_str(line);
                code.text.push('\n');
                continue;
            };
            let directive = directive.trim_start();
            let (word, rest) = match directive.find(|c: char| !c.is_ascii_alphabetic()) {
                Some(end) => directive.split_at(end),
                None => (directive, ""),
            };
            let rest = rest.trim();
            match (word, open.last_mut()) {
                ("if", _) => open.push(branches(Condition::parse(rest))),
                ("ifdef", _) => open.push(branches(Condition::Defined(rest.to_owned()))),
                ("ifndef", _) => {
                    open.push(branches(Condition::Defined(rest.to_owned()).negated()));
                }
                ("elif", Some(last)) => last.enter(Condition::parse(rest)),
                ("else", Some(last)) => last.enter(Condition::All(Vec::new())),
                ("endif", _) => drop(open.pop()),
                ("include", _) => {
                    code.includes_table |= rest.starts_with("<asm/syscall_table");
                }
                ("define", _) => {
                    if let Some((name, body)) = rest.split_once(char::is_whitespace)
                        && !name.contains('(')
                    {
                        let define = (name.to_owned(), body.trim().to_owned(), all(&open));
                        code.defines.push(define);
                    }
                }
                _ => {}
            }
            code.marks.push((code.text.len(), all(&open)));
        }
        code
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The condition of a place in the text.
    pub(crate) fn condition(&self, at: usize) -> Condition {
        let after = self.marks.partition_point(|(from, _)| *from <= at);
        let mark = after.checked_sub(1).and_then(|last| self.marks.get(last));
        mark.map_or(Condition::All(Vec::new()), |(_, condition)| condition.clone())
    }
}

fn branches(now: Condition) -> Branches {
    Branches { before: Vec::new(), now }
}

fn all(open: &[Branches]) -> Condition {
    Condition::All(open.iter().map(Branches::condition).collect())
}

/// The text with a space for each comment, continued lines joined, strings kept.
fn without_comments(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source.chars().peekable();
    let mut quote = None;
    while let Some(c) = rest.next() {
        match (c, quote) {
            ('\\', _) if rest.next_if_eq(&'\n').is_some() => {}
            ('\\', Some(_)) => {
                out.push(c);
                out.extend(rest.next());
            }
            (_, Some(end)) => {
                // An apostrophe in assembler text is no quote that ends.
                if c == end || c == '\n' {
                    quote = None;
                }
                out.push(c);
            }
            ('/', None) if rest.next_if_eq(&'*').is_some() => {
                let mut before = ' ';
                for c in rest.by_ref() {
                    if before == '*' && c == '/' {
                        break;
                    }
                    before = c;
                }
                out.push(' ');
            }
            ('/', None) if rest.peek() == Some(&'/') => {
                while rest.next_if(|c| *c != '\n').is_some() {}
            }
            ('"' | '\'', None) => {
                quote = Some(c);
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

/// What stands between the parenthesis that `text` begins with and its counterpart, and what
/// follows.
pub(crate) fn parenthesised(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some((text.get(1..at)?, text.get(at + 1..)?));
        }
    }
    None
}

/// The parts between commas that stand in no inner parentheses, trimmed.
pub(crate) fn split_commas(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let parts = text.split(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(str::trim).collect()
}

/// Whether a character can be part of a C identifier.
pub(crate) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Byte positions where an identifier begins that is followed by `(`, with the identifier.
pub(crate) fn invocations(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices('(').filter_map(|(paren, _)| {
        let before = text.get(..paren)?.trim_end();
        let start = before.rfind(|c| !is_word(c)).map_or(0, |at| at + 1);
        let name = before.get(start..)?;
        let first = name.chars().next()?;
        (!first.is_ascii_digit()).then_some((start, name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_conditions_stay() {
        let code = Code::read(
            "one /* # */ // two\n#ifdef CONFIG_A\nthree \"/*\"\n# elif defined(CONFIG_B)\nfour\n\
             #else\nfive\n#endif\n#define NAME BO\\\nDY\n#define F(x) x\nsix\n",
        );
        assert_eq!(code.text(), "one   \nthree \"/*\"\nfour\nfive\nsix\n");
        let at = |word: &str| code.condition(code.text().find(word).unwrap());
        let holds = |word: &str, symbol: &str| at(word).holds(&|name| Some(name == symbol));
        assert_eq!(["one", "six"].map(|word| holds(word, "")), [Some(true), Some(true)]);
        let of = |symbol| ["three", "four", "five"].map(|word| holds(word, symbol).unwrap());
        assert_eq!(of("CONFIG_A"), [true, false, false]);
        assert_eq!(of("CONFIG_B"), [false, true, false]);
        assert_eq!(of(""), [false, false, true]);
        assert_eq!(code.defines.len(), 1);
        assert_eq!((code.defines[0].0.as_str(), code.defines[0].1.as_str()), ("NAME", "BODY"));
    }

    #[test]
    fn lists_are_taken_apart() {
        let (inside, rest) = parenthesised("(a, f(b, c)) {").unwrap();
        assert_eq!((split_commas(inside), rest), (vec!["a", "f(b, c)"], " {"));
        assert!(parenthesised("(a").is_none());
        let found: Vec<&str> = invocations("x = f (y) + (g(1))").map(|(_, name)| name).collect();
        assert_eq!(found, ["f", "g"]);
    }
}
