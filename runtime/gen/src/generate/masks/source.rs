//! Functions and macros of C source, as far as masks of arguments need them: found by the
//! kernel's coding style, not by parsing C.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::error::Error;
use crate::generate::constants::extract::without_comments;

/// A function, or the body of a system call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    /// Names of its parameters.
    pub(crate) params: Vec<String>,
    /// The text between its braces.
    pub(crate) body: String,
}

/// What the source holds.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// System calls by name; more than one where architectures define their own.
    pub(crate) calls: Vec<(String, Function)>,
    /// Functions by name; `None`: more than one has the name.
    pub(crate) functions: BTreeMap<String, Option<Function>>,
    /// Object-like macros by name; `None`: defined differently in several places.
    pub(crate) macros: BTreeMap<String, Option<String>>,
}

impl Source {
    /// Reads the `.c` and `.h` files under a folder.
    pub(crate) fn read(&mut self, folder: &Path) -> Result<(), Error> {
        let entries = fs::read_dir(folder).map_err(|error| Error::io(folder, &error))?;
        let mut paths: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let name = path.to_string_lossy();
            if path.is_dir() {
                self.read(&path)?;
            } else if name.ends_with(".c") || name.ends_with(".h") {
                let bytes = fs::read(&path).map_err(|error| Error::io(&path, &error))?;
                self.add(&String::from_utf8_lossy(&bytes));
            }
        }
        Ok(())
    }

    /// Adds the text of one file.
    pub(crate) fn add(&mut self, text: &str) {
        let text = without_comments(text).replace("\\\n", " ");
        for line in text.lines() {
            if let Some(definition) = line.trim_start().strip_prefix("#define ") {
                self.define(definition.trim());
            }
        }
        // A function's braces stand alone on lines of their own.
        let mut rest = text.as_str();
        while let Some((head, after)) = rest.split_once("\n{\n") {
            let Some((body, next)) = after.split_once("\n}") else { break };
            let start = head.rfind(['}', ';']).map_or(0, |at| at + 1);
            let head = head.get(start..).unwrap_or("");
            let lines: Vec<&str> = head.lines().filter(|line| !line.starts_with('#')).collect();
            self.function(&lines.join(" "), body);
            rest = next;
        }
    }

    fn define(&mut self, definition: &str) {
        let end = definition.find(|c: char| !is_word(c)).unwrap_or(definition.len());
        let (name, body) = definition.split_at(end);
        if body.starts_with('(') {
            return;
        }
        let body: String = body.split_whitespace().collect::<Vec<_>>().join(" ");
        let same = |other: &Option<String>| other.as_ref().is_some_and(|other| *other == body);
        match self.macros.get(name) {
            Some(other) if !same(other) => self.macros.insert(name.to_owned(), None),
            _ => self.macros.insert(name.to_owned(), Some(body)),
        };
    }

    fn function(&mut self, head: &str, body: &str) {
        let Some((before, params)) = head.split_once('(') else { return };
        let params = params.rsplit_once(')').map_or(params, |(params, _)| params);
        let name = last_word(before);
        let body = body.to_owned();
        if let Some((_, count)) = name.split_once("SYSCALL_DEFINE") {
            // Name of the call, then types and names in turn.
            let mut words = params.split(',').map(str::trim);
            let call = words.next().unwrap_or("").to_owned();
            let params = words.skip(1).step_by(2).map(str::to_owned).collect();
            if count.parse::<u8>().is_ok() && !name.starts_with("COMPAT") {
                self.calls.push((call, Function { params, body }));
            }
            return;
        }
        let params = params.split(',').map(|param| last_word(param).to_owned()).collect();
        let function = Function { params, body };
        let slot = self.functions.entry(name.to_owned());
        slot.and_modify(|other| *other = None).or_insert(Some(function));
    }
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn last_word(text: &str) -> &str {
    text.trim_end().rsplit(|c| !is_word(c)).next().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_and_calls_are_found() {
        let mut source = Source::default();
        source.add(
            "#define VALID (A | \\\n\tB)\n#define F(x) x\nstatic int own(struct s *p, unsigned int bits)\n{\n\
             \treturn bits & ~VALID;\n}\n\nSYSCALL_DEFINE2(call, int, fd,\n\t\tunsigned int, flags)\n{\n\
             \tif (x) {\n\t}\n\treturn own(p, flags);\n}\nCOMPAT_SYSCALL_DEFINE1(call, int, a)\n{\n\treturn 0;\n}\n",
        );
        let (name, call) = &source.calls[0];
        assert_eq!((name.as_str(), source.calls.len()), ("call", 1));
        assert_eq!(call.params, ["fd", "flags"]);
        assert!(call.body.contains("own(p, flags)"));
        assert_eq!(source.functions["own"].as_ref().unwrap().params, ["p", "bits"]);
        assert_eq!(source.macros["VALID"].as_deref(), Some("(A | B)"));
        assert!(!source.macros.contains_key("F"));
        source.add("#define VALID 3\n");
        assert_eq!(source.macros["VALID"], None);
    }
}
