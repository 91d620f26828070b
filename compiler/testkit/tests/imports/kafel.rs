//! A second reading of kafel's policies: an interpreter that goes over the words for each call.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use filterc_abi::{Abi, Regs, SeccompData};
use filterc_grammar::source::FileId;
use filterc_import::kafel::import;
use filterc_import::{Target, Width};
use filterc_testkit::corpus;

use super::{ALLOW, Beside, ERRNO, KILL_PROCESS, KILL_THREAD, LOG, NOTIFY, TRACE, TRAP};
use super::{bits, check, corpora, holds, host, known, own};

/// The words of a file with all that it includes.
fn words(path: &Path, folders: &[PathBuf]) -> Vec<String> {
    let text = corpus::text(path);
    let mut plain = String::new();
    for (at, part) in text.split("/*").enumerate() {
        plain.push_str(if at == 0 { part } else { part.split_once("*/").unwrap().1 });
    }
    let mut found = Vec::new();
    for line in plain.lines() {
        let line = line.split("//").next().unwrap().trim();
        if let Some(names) = line.strip_prefix("#include") {
            for name in names.split('"').skip(1).step_by(2) {
                found.extend(words(&Beside::find(folders, name).unwrap(), folders));
            }
            continue;
        }
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let two = rest.get(..2).filter(|it| ["==", "!=", "<=", ">=", "||", "&&"].contains(it));
            let len = match two {
                Some(_) => 2,
                None if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                None => 1,
            };
            if !first.is_whitespace() {
                found.push(rest[..len].to_owned());
            }
            rest = &rest[len..];
        }
    }
    found
}

fn number(text: &str) -> Option<u64> {
    let radix = |digits, radix| u64::from_str_radix(digits, radix).ok();
    match text {
        text if text.starts_with("0x") => radix(&text[2..], 16),
        text if text.starts_with("0b") => radix(&text[2..], 2),
        text if text.starts_with('0') && text.len() > 1 => radix(&text[1..], 8),
        text => text.parse().ok().or_else(|| text.parse::<i64>().ok().map(i64::cast_unsigned)),
    }
}

struct Machine<'m> {
    words: &'m [String],
    at: usize,
    constants: BTreeMap<String, u64>,
    /// What each policy says to the call, if it says something.
    policies: BTreeMap<String, Option<u32>>,
    abi: &'static Abi,
    call: &'m SeccompData,
    /// The names that the rule at hand gives to arguments.
    names: Option<Vec<String>>,
}

/// A term: a number, or bits of an argument.
#[derive(Clone, Copy)]
enum Term {
    Number(u64),
    /// Register, bits that count, bits that are set.
    Argument(usize, u64, u64),
}

impl Machine<'_> {
    fn peek(&self) -> &str {
        self.words.get(self.at).map_or("", String::as_str)
    }

    fn next(&mut self) -> String {
        self.at += 1;
        self.words[self.at - 1].clone()
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.peek() == word;
        self.at += usize::from(found);
        found
    }

    fn number(&mut self) -> u64 {
        let word = self.next();
        self.constants.get(&word).copied().or_else(|| number(&word)).unwrap()
    }

    fn run(mut self) -> u32 {
        let (mut main, mut default) = (None, KILL_THREAD);
        while self.at < self.words.len() {
            match self.peek() {
                "#" => {
                    self.at += 2;
                    let name = self.next();
                    let value = self.number();
                    self.constants.insert(name, value);
                }
                "POLICY" => {
                    self.at += 1;
                    let name = self.next();
                    assert!(self.eat("{"));
                    let mut said = None;
                    while !self.eat("}") {
                        let here = self.block();
                        said = said.or(here);
                        self.eat(",");
                    }
                    self.policies.insert(name, said);
                }
                "DEFAULT" => {
                    self.at += 1;
                    default = self.action();
                }
                _ => {
                    let here = self.block();
                    main = main.or(here);
                    self.eat(",");
                }
            }
        }
        main.unwrap_or(default)
    }

    fn action(&mut self) -> u32 {
        let name = self.next();
        let mut data = || {
            assert!(self.eat("("));
            let number = self.number() as u32;
            assert!(self.eat(")"));
            number
        };
        match name.as_str() {
            "ALLOW" => ALLOW,
            "LOG" => LOG,
            "KILL" | "KILL_THREAD" | "DENY" => KILL_THREAD,
            "KILL_PROCESS" => KILL_PROCESS,
            "USER_NOTIF" => NOTIFY,
            "ERRNO" => ERRNO | data().min(4095),
            "TRAP" => TRAP | data(),
            "TRACE" => TRACE | data(),
            other => panic!("{other}"),
        }
    }

    fn block(&mut self) -> Option<u32> {
        if self.eat("USE") {
            let name = self.next();
            return self.policies[&name];
        }
        let action = self.action();
        assert!(self.eat("{"));
        let mut said = None;
        while !self.eat("}") {
            if self.item() {
                said = said.or(Some(action));
            }
            self.eat(",");
        }
        said
    }

    fn item(&mut self) -> bool {
        let name = self.next();
        let mut matches = if name == "SYSCALL" {
            assert!(self.eat("["));
            let number = self.number();
            assert!(self.eat("]"));
            number as u32 == self.call.nr.cast_unsigned()
        } else {
            match self.constants.get(&name) {
                Some(number) => *number as u32 == self.call.nr.cast_unsigned(),
                None => known(self.abi, self.call).is_some_and(|known| {
                    known.name == name || known.entry == format!("sys_{name}")
                }),
            }
        };
        self.names = None;
        if self.eat("(") {
            let mut names = Vec::new();
            while !self.eat(")") {
                names.push(self.next());
                self.eat(",");
            }
            self.names = Some(names);
        }
        if self.eat("ON") {
            let mut on = vec![self.next()];
            if on[0] == "{" {
                while !self.eat("}") {
                    on.push(self.next());
                }
            }
            matches &= on
                .iter()
                .any(|it| it.replace("x86", "i386").replace("i386_64", "x86_64") == self.abi.name);
        }
        if self.eat("{") && !self.eat("}") {
            // Names are those of this call: elsewhere there is nothing to evaluate.
            if matches {
                matches = self.any();
                assert!(self.eat("}"));
            } else {
                while !self.eat("}") {
                    self.at += 1;
                }
            }
        }
        matches
    }

    fn any(&mut self) -> bool {
        let mut holds = self.all();
        while self.eat("||") || self.eat(",") {
            holds |= self.all();
        }
        holds
    }

    fn all(&mut self) -> bool {
        let mut holds = self.primary();
        while self.eat("&&") {
            holds &= self.primary();
        }
        holds
    }

    fn primary(&mut self) -> bool {
        if self.eat("!") {
            return !self.primary();
        }
        let start = self.at;
        if self.eat("(") {
            // Perhaps it is a term.
            let (mut depth, mut at, mut formula) = (1, self.at, false);
            while depth > 0 {
                match self.words[at].as_str() {
                    "(" => depth += 1,
                    ")" => depth -= 1,
                    "==" | "!=" | "<" | ">" | "<=" | ">=" => formula = true,
                    _ => {}
                }
                at += 1;
            }
            if formula {
                let holds = self.any();
                assert!(self.eat(")"));
                return holds;
            }
            self.at = start;
        }
        let left = self.term();
        let op = self.next();
        let right = self.term();
        self.compare(&op, left, right)
    }

    fn compare(&self, op: &str, left: Term, right: Term) -> bool {
        let known = known(self.abi, self.call);
        let turned = match op {
            "<" => ">",
            "<=" => ">=",
            ">" => "<",
            ">=" => "<=",
            other => other,
        };
        match (left, right) {
            (Term::Number(left), Term::Number(right)) => holds(op, left, right),
            (Term::Number(_), Term::Argument(..)) => self.compare(turned, right, left),
            (Term::Argument(index, and, or), Term::Number(number)) => {
                let whole = and == u64::MAX && or == 0;
                let like = if whole { op } else { "mask" };
                let equal = op == "==" || op == "!=";
                // A mask is about the bits that it has.
                let about = if whole { number } else { and & !or };
                let second = if whole { 0 } else { number & about };
                let mut seen =
                    bits(self.abi, known, index, like, (about, second), Width::Effective);
                if !whole && !equal {
                    seen = width(self.abi, known.map_or(&[][..], |it| it.args), index);
                }
                let is = self.call.args[index];
                if whole {
                    holds(op, is & seen, number & seen)
                } else {
                    holds(op, is & seen & and | or, number)
                }
            }
            (Term::Argument(left, ..), Term::Argument(right, ..)) => {
                let args = known.map_or(&[][..], |it| it.args);
                let value = |index| self.call.args[index] & width(self.abi, args, index);
                holds(op, value(left), value(right))
            }
        }
    }

    fn term(&mut self) -> Term {
        let mut term = self.conjunct();
        while self.eat("|") {
            term = match (term, self.conjunct()) {
                (Term::Number(a), Term::Number(b)) => Term::Number(a | b),
                (Term::Argument(at, and, or), Term::Number(bits))
                | (Term::Number(bits), Term::Argument(at, and, or)) => {
                    Term::Argument(at, and, or | bits)
                }
                _ => panic!("two arguments"),
            };
        }
        term
    }

    fn conjunct(&mut self) -> Term {
        let mut term = self.operand();
        while self.eat("&") {
            term = match (term, self.operand()) {
                (Term::Number(a), Term::Number(b)) => Term::Number(a & b),
                (Term::Argument(at, and, or), Term::Number(bits))
                | (Term::Number(bits), Term::Argument(at, and, or)) => {
                    Term::Argument(at, and & bits, or & bits)
                }
                _ => panic!("two arguments"),
            };
        }
        term
    }

    fn operand(&mut self) -> Term {
        if self.eat("(") {
            let term = self.term();
            assert!(self.eat(")"));
            return term;
        }
        let word = self.next();
        if let Some(value) = self.constants.get(&word).copied().or_else(|| number(&word)) {
            return Term::Number(value);
        }
        let own = self.names.as_ref().and_then(|names| names.iter().position(|it| *it == word));
        let args = known(self.abi, self.call).map_or(&[][..], |known| known.args);
        let arg = args.iter().find(|arg| arg.name == word).map(|arg| arg.regs);
        let at = match (own, arg) {
            (Some(at), _) => at,
            (None, Some(Regs::One(at))) => at.into(),
            // In a policy that nothing uses.
            (None, _) => return Term::Number(0),
        };
        Term::Argument(at, u64::MAX, 0)
    }
}

/// The bits of an argument.
fn width(abi: &'static Abi, args: &[filterc_abi::Arg], index: usize) -> u64 {
    let arg = args.iter().find(|arg| arg.regs == Regs::One(index as u8));
    u64::MAX >> (64 - arg.map_or(abi.word, |arg| arg.width))
}

pub(super) fn compare(path: &Path, abi: &'static Abi) -> Result<(), &'static str> {
    let folders = vec![path.parent().unwrap().to_path_buf()];
    let name = path.display().to_string();
    let imported =
        import(FileId(0), &corpus::text(path), &Target::new(abi), &mut Beside::new(path))
            .map_err(|list| list[0].code.0)?;
    let words = words(path, &folders);
    let decide = |abi, call: &SeccompData| {
        let (constants, policies) = (BTreeMap::new(), BTreeMap::new());
        let machine = Machine { words: &words, at: 0, constants, policies, abi, call, names: None };
        Some(machine.run())
    };
    check(&name, &imported, &decide, KILL_THREAD);
    Ok(())
}

#[test]
fn policies_mean_what_they_say() {
    for path in own("kafel", "kafel") {
        for abi in ["x86_64", "riscv64"] {
            let told = compare(&path, host(abi));
            // What is there on one machine alone is told.
            assert!(told.is_ok() || abi == "riscv64", "{}: {told:?}", path.display());
        }
    }
}

#[test]
fn real_policies_mean_what_they_say_or_are_told() {
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    let paths = corpora("kafel", &["policy"]);
    for path in &paths {
        let code = compare(path, host("x86_64")).err().unwrap_or("imported");
        *told.entry(code).or_default() += 1;
    }
    println!("{told:?}");
    // Two arguments in one term, a comparison of two widths, the number −1; circles of files.
    let expected = [("F0748", 4), ("F0749", 8), ("imported", 21)];
    assert!(paths.is_empty() || told == expected.into(), "{told:?}");
}

#[test]
fn policies_of_nsjail_mean_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    for path in corpora("nsjail", &["cfg"]) {
        let lines = corpus::text(&path);
        let quoted = lines.lines().filter_map(|line| line.strip_prefix("seccomp_string:"));
        let policy: Vec<&str> = quoted.filter_map(|line| line.split('"').nth(1)).collect();
        if policy.is_empty() {
            continue;
        }
        let copy = folder.path().join(path.file_name().unwrap());
        std::fs::write(&copy, policy.join("\n")).unwrap();
        compare(&copy, host("x86_64")).unwrap();
    }
}
