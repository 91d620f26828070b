//! Which names a header gives, and where from: read from what the preprocessor prints.
//!
//! The input is the output of `-E -dD`: the program's text with line markers, and each
//! `#define` and `#undef` where it takes effect.

use std::collections::{BTreeMap, BTreeSet};

/// The names that a program sees at the end of a header.
#[derive(Debug, Default)]
pub(crate) struct Names {
    macros: BTreeMap<String, Macro>,
    enumerators: BTreeMap<String, String>,
    /// Macros that one file defined and another undefined or defined again: name, and the
    /// path of the file whose definition was lost.
    lost: BTreeSet<(String, String)>,
}

#[derive(Debug)]
struct Macro {
    /// The path of the file that defines it.
    file: String,
    body: String,
    has_arguments: bool,
}

/// The function-like macros that put an ioctl request together.
const REQUEST_MAKERS: [&str; 8] =
    ["_IO", "_IOC", "_IOR", "_IOR_BAD", "_IOW", "_IOWR", "_IOWR_BAD", "_IOW_BAD"];

impl Names {
    /// Reads the preprocessor's output.
    pub(crate) fn read(text: &str) -> Self {
        let mut names = Self::default();
        let mut file = String::new();
        let mut code = Code::default();
        for line in text.lines() {
            let Some(directive) = line.strip_prefix('#') else {
                code.line(line, &file, &mut names.enumerators);
                continue;
            };
            let directive = directive.trim_start();
            if let Some(definition) = directive.strip_prefix("define ") {
                names.define(definition, &file);
            } else if let Some(name) = directive.strip_prefix("undef ") {
                let other = names.macros.remove(name.trim());
                names.lose(name.trim(), other, &file);
            } else if let Some(path) = marker(directive) {
                path.clone_into(&mut file);
            }
        }
        names
    }

    fn define(&mut self, definition: &str, file: &str) {
        let end = definition.find(|c: char| !is_word(c)).unwrap_or(definition.len());
        let (name, body) = definition.split_at(end);
        // Predefined, or given on the command line.
        if file.is_empty() || file.starts_with('<') {
            return;
        }
        let found = Macro {
            file: file.to_owned(),
            body: body.to_owned(),
            has_arguments: body.starts_with('('),
        };
        let other = self.macros.insert(name.to_owned(), found);
        self.lose(name, other, file);
    }

    /// The names that may be constants, each with the path of the file that defines it;
    /// sorted, each once.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = (&str, &str)> {
        let macros = self
            .macros
            .iter()
            .filter(|(_, found)| !found.has_arguments && !found.body.trim().is_empty());
        let mut all: BTreeMap<&str, &str> = BTreeMap::new();
        all.extend(macros.map(|(name, found)| (name.as_str(), found.file.as_str())));
        // `enum { A, #define A A`: both say the same.
        all.extend(self.enumerators.iter().map(|(name, file)| (name.as_str(), file.as_str())));
        all.into_iter()
    }

    fn lose(&mut self, name: &str, other: Option<Macro>, file: &str) {
        if let Some(other) = other.filter(|other| other.file != file) {
            self.lost.insert((name.to_owned(), other.file));
        }
    }

    /// Macros that one file defined and another undefined or defined again, each with the
    /// path of the file whose definition was lost.
    pub(crate) fn lost(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lost.iter().map(|(name, file)| (name.as_str(), file.as_str()))
    }

    /// Whether a name is a macro that is made as an ioctl request, directly or through
    /// other macros.
    pub(crate) fn is_request(&self, name: &str) -> bool {
        self.reaches_maker(name, &mut BTreeSet::new())
    }

    fn reaches_maker<'n>(&'n self, name: &'n str, seen: &mut BTreeSet<&'n str>) -> bool {
        let Some(found) = self.macros.get(name) else { return false };
        seen.insert(name)
            && !name.starts_with("_IO")
            && words(&found.body)
                .any(|word| REQUEST_MAKERS.contains(&word) || self.reaches_maker(word, seen))
    }
}

/// The path in a line marker, which is like `1 "/a/b.h" 1 3`.
fn marker(directive: &str) -> Option<&str> {
    let (number, rest) = directive.split_once(" \"")?;
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let (path, _) = rest.rsplit_once('"')?;
    is_number.then_some(path)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The words of C text: identifiers, keywords and numbers.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !is_word(c)).filter(|word| !word.is_empty())
}

/// Finds enumerations in code.
#[derive(Default)]
struct Code {
    /// Saw `enum`, perhaps a name, and nothing else yet.
    announced: bool,
    /// Brackets open inside the enumeration, its own brace included; 0 outside.
    depth: usize,
    /// The next word is the name of an enumerator.
    expects_name: bool,
    /// Parentheses open outside of enumerations.
    outer: usize,
    /// They are those of an attribute.
    in_attribute: bool,
}

impl Code {
    fn line(&mut self, line: &str, file: &str, found: &mut BTreeMap<String, String>) {
        let mut rest = line;
        while let Some(c) = rest.chars().next() {
            if is_word(c) {
                let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                rest = after;
                self.word(word, file, found);
            } else {
                rest = rest.get(c.len_utf8()..).unwrap_or("");
                self.sign(c);
            }
        }
    }

    fn word(&mut self, word: &str, file: &str, found: &mut BTreeMap<String, String>) {
        if self.depth == 0 {
            // `enum NAME`, with attributes in between.
            self.announced |= word == "enum";
            self.in_attribute |= word == "__attribute__";
        } else if self.expects_name {
            found.insert(word.to_owned(), file.to_owned());
            self.expects_name = false;
        }
    }

    fn sign(&mut self, c: char) {
        match c {
            '{' | '(' | '[' if self.depth > 0 => self.depth += 1,
            '{' if self.announced => {
                self.depth = 1;
                self.expects_name = true;
            }
            '}' | ')' | ']' if self.depth > 0 => {
                self.depth -= 1;
                self.announced = false;
            }
            ',' if self.depth == 1 => self.expects_name = true,
            _ if self.depth > 0 => {}
            '(' => self.outer += 1,
            ')' => {
                self.outer = self.outer.saturating_sub(1);
                if self.outer == 0 {
                    // The arguments of a function: what follows is its body.
                    self.announced &= self.in_attribute;
                    self.in_attribute = false;
                }
            }
            ';' | '}' | '*' | ',' | '=' => self.announced = false,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# 1 "<built-in>"
#define __x86__ 1
# 1 "/h/own.h" 1
#define OWN_H
#define ONE 1
#define TWO (ONE + 1)
#define CALL(x) (x)
#define GONE 3
#undef GONE
#define REQ _IOR('x', 1, int)
#define WRAP(nr) _IO('w', nr)
#define REQ2 WRAP(2)
#define ALIAS REQ2
#define SIZE _IOC_SIZE(7)
# 1 "/h/more.h" 1 3
enum first {
 A = 1, B = F(2, C),
#define D D
 D,
};
enum { E };
enum first f(enum first, int);
static inline enum first g(int a, enum first b) { return h, b; }
struct s { enum first x; int y[3]; };
# 7 "/h/own.h" 2
enum __attribute__((x)) second { G = sizeof(struct { int h; }), I } j;
"#;

    #[test]
    fn names_come_with_their_files() {
        let names = Names::read(TEXT);
        let found: Vec<String> =
            names.candidates().map(|(name, file)| format!("{name}@{file}")).collect();
        let own = ["ALIAS", "G", "I", "ONE", "REQ", "REQ2", "SIZE", "TWO"];
        let more = ["A", "B", "D", "E"];
        let mut expected: Vec<String> = own.iter().map(|n| format!("{n}@/h/own.h")).collect();
        expected.extend(more.iter().map(|n| format!("{n}@/h/more.h")));
        expected.sort_by(|a, b| a.split('@').next().cmp(&b.split('@').next()));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_definition_of_another_file_is_lost() {
        let names = Names::read(
            "# 1 \"/a.h\"\n#define A 1\n#define B 1\n#undef B\n#define C 1\n\
             # 1 \"/b.h\"\n#define A 2\n#undef C\n",
        );
        assert_eq!(names.lost().collect::<Vec<_>>(), [("A", "/a.h"), ("C", "/a.h")]);
        assert_eq!(names.candidates().collect::<Vec<_>>(), [("A", "/b.h")]);
    }

    #[test]
    fn requests_are_made_by_the_macros_for_requests() {
        let names = Names::read(TEXT);
        let requests: Vec<&str> =
            names.candidates().map(|(name, _)| name).filter(|n| names.is_request(n)).collect();
        assert_eq!(requests, ["ALIAS", "REQ", "REQ2"]);
    }
}
