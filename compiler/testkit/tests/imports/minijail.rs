//! A second reading of minijail's policies: text by text, at the time of the call.

use std::path::{Path, PathBuf};

use filterc_abi::{Abi, SeccompData};
use filterc_grammar::source::FileId;
use filterc_import::minijail::{Dialect, Options, import};
use filterc_import::{Target, Width};
use filterc_testkit::corpus;

use super::{ALLOW, Beside, ERRNO, KILL_PROCESS, KILL_THREAD, LOG, NOTIFY, TRACE, TRAP};
use super::{WIDTHS, bits, check, corpora, holds, host, known, own};

/// `CALLS` and `FILTER` of all lines, of included files in their places.
fn lines(path: &Path, folders: &[PathBuf], found: &mut Vec<(String, String)>) {
    let text = corpus::text(path);
    let uncommented: Vec<&str> =
        text.lines().map(|line| line.split('#').next().unwrap().trim_end()).collect();
    for line in uncommented.join("\n").replace("\\\n", " ").lines() {
        let line = line.trim();
        if let Some(included) = line.strip_prefix("@include ") {
            lines(&Beside::find(folders, included.trim()).unwrap(), folders, found);
        } else if let Some((calls, filter)) = line.split_once(':') {
            found.push((calls.trim().to_owned(), filter.trim().to_owned()));
        } else if !line.is_empty() {
            found.push((line.to_owned(), String::new()));
        }
    }
}

struct Reading {
    lines: Vec<(String, String)>,
    width: Width,
    dialect: Dialect,
}

impl Reading {
    fn decide(&self, abi: &'static Abi, call: &SeccompData) -> u32 {
        let directive = |name: &str| self.lines.iter().find(|(line, _)| line.starts_with(name));
        let default = match directive("@default") {
            Some((line, _)) => self.action(abi, line.split_whitespace().nth(1).unwrap()),
            None if directive("@denylist").is_some() => ALLOW,
            None => KILL_THREAD,
        };
        let Some(known) = known(abi, call) else { return default };
        let minijails = match abi.name {
            "aarch64" => "arm64",
            "i386" => "x86",
            name => name,
        };
        for (calls, filter) in &self.lines {
            let here = split(calls.trim_matches(['{', '}']), ',').into_iter().any(|name| {
                let (name, arches) = name.split_once('[').unwrap_or((&name, "arch="));
                let arches = arches.trim_end_matches(']').strip_prefix("arch=").unwrap();
                let on = arches.is_empty() || arches.split(',').any(|arch| arch == minijails);
                name.trim() == known.name && on
            });
            if !here {
                continue;
            }
            let inner = filter.strip_prefix('{').map(|it| it.trim_end_matches('}'));
            for single in inner.map_or(vec![filter.clone()], |list| split(list, ',')) {
                if let Some(decided) = self.single(single.trim(), abi, call) {
                    return decided;
                }
            }
        }
        default
    }

    fn single(&self, filter: &str, abi: &'static Abi, call: &SeccompData) -> Option<u32> {
        if !filter.starts_with("arg") {
            return Some(self.action(abi, filter));
        }
        let (condition, action) = filter.split_once(';').unwrap_or((filter, "allow"));
        let atom = |atom: &str| self.atom(atom.trim(), abi, call);
        let met = condition.split("||").any(|clause| clause.split("&&").all(atom));
        let has_action = filter.contains(';');
        match self.dialect {
            Dialect::Library if has_action => {
                Some(if met { ALLOW } else { self.action(abi, action.trim()) })
            }
            Dialect::Library | Dialect::Either | Dialect::Tool => {
                met.then(|| self.action(abi, action.trim()))
            }
        }
    }

    fn atom(&self, atom: &str, abi: &'static Abi, call: &SeccompData) -> bool {
        let index = atom.as_bytes()[3] - b'0';
        let rest = atom[4..].trim();
        let ops = ["==", "!=", "<=", ">=", "<", ">", "&", "in"];
        let op = ops.iter().find(|op| rest.starts_with(**op)).unwrap();
        let word = u64::MAX >> (64 - abi.word);
        let value = value(&rest[op.len()..], abi) & word;
        let is = call.args[usize::from(index)];
        let seen =
            |op: &str, value| bits(abi, known(abi, call), index.into(), op, (value, 0), self.width);
        match *op {
            "&" => is & value & seen("mask", value) != 0,
            // Above the word there is nothing to be set.
            "in" => is & !value & seen("mask", !value | !word) == 0,
            op => {
                let seen = seen(op, value);
                holds(op, is & seen, value & seen)
            }
        }
    }

    fn action(&self, abi: &'static Abi, text: &str) -> u32 {
        match text {
            "1" | "allow" => ALLOW,
            "kill" | "kill-thread" => KILL_THREAD,
            "kill-process" => KILL_PROCESS,
            "trap" => TRAP,
            "trace" => TRACE,
            "log" => LOG,
            "user-notify" => NOTIFY,
            other => ERRNO | value(other.strip_prefix("return").unwrap(), abi) as u32,
        }
    }
}

/// Splits at a sign that is in no brackets.
fn split(text: &str, at: char) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for c in text.chars() {
        match c {
            '[' | '(' => depth += 1,
            ']' | ')' => depth -= 1,
            _ => {}
        }
        if c == at && depth == 0 {
            parts.push(String::new());
        } else {
            parts.last_mut().unwrap().push(c);
        }
    }
    parts
}

fn value(text: &str, abi: &'static Abi) -> u64 {
    split(text, '|').iter().fold(0, |sum, term| {
        let term = term.trim();
        let (negated, term) = term.strip_prefix('~').map_or((false, term), |term| (true, term));
        let one = match term.strip_prefix('(') {
            Some(inner) => value(inner.trim_end_matches(')'), abi),
            None => match term.strip_prefix("0x") {
                Some(digits) => u64::from_str_radix(digits, 16).unwrap(),
                None if term.starts_with('0') => u64::from_str_radix(term, 8).unwrap(),
                None => match term.parse::<i64>() {
                    Ok(number) => number.cast_unsigned(),
                    Err(_) => (abi.constant(term).unwrap() as i64).cast_unsigned(),
                },
            },
        };
        sum | if negated { !one } else { one }
    })
}

pub(super) fn compare(path: &Path, abi: &'static Abi, dialect: Dialect) -> usize {
    let folders = vec![path.parent().unwrap().to_path_buf()];
    let mut found = Vec::new();
    lines(path, &folders, &mut found);
    let mut calls = 0;
    for width in WIDTHS {
        let mut options = Options::new(Target { width, ..Target::new(abi) });
        options.dialect = dialect;
        let imported = import(FileId(0), &corpus::text(path), &options, &mut Beside::new(path))
            .unwrap_or_else(|list| panic!("{}: {list:#?}", path.display()));
        let reading = Reading { lines: found.clone(), width, dialect };
        let decide = |abi, call: &SeccompData| Some(reading.decide(abi, call));
        calls += check(&path.display().to_string(), &imported, &decide, KILL_THREAD);
    }
    calls
}

#[test]
fn policies_mean_what_they_say() {
    for path in own("minijail", "policy") {
        for abi in ["x86_64", "aarch64", "riscv64", "s390x", "mips64"] {
            compare(&path, host(abi), Dialect::Either);
        }
    }
}

#[test]
fn words_of_32_bits_and_multiplexers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.policy");
    let text = "socket: arg0 == 1 && arg1 in 0x80001\nbind: 1\nsemop: arg2 < 4\n\
                kill: arg0 == -1 || arg1 & 6\nmmap2: arg2 in ~4 || arg0 >= 0x80000000\n";
    let with_own = text.replace("semop", "socketcall: 1\nclose");
    // A multiplexer without a line gets the default, whatever it carries is allowed.
    for (abi, text) in [("arm", text), ("i386", with_own.as_str()), ("i386", "bind: 1\nread: 1\n")]
    {
        std::fs::write(&path, text).unwrap();
        compare(&path, host(abi), Dialect::Either);
    }
}

#[test]
fn the_two_compilers_disagree() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.policy");
    std::fs::write(&path, "read: 1\nopenat: arg2 == 0 || arg2 == 2; return EACCES\n").unwrap();
    let text = corpus::text(&path);
    let options = Options::new(Target::new(host("x86_64")));
    let refused = import(FileId(0), &text, &options, &mut Beside::new(&path)).unwrap_err();
    assert_eq!(refused[0].code.0, "F0750");
    for dialect in [Dialect::Library, Dialect::Tool] {
        compare(&path, host("x86_64"), dialect);
    }
}

#[test]
fn real_policies_mean_what_they_say() {
    let (mut policies, mut calls) = (0, 0);
    let paths: Vec<PathBuf> =
        ["crosvm", "minijail"].iter().flat_map(|name| corpora(name, &["policy"])).collect();
    for path in &paths {
        let folders = vec![path.parent().unwrap().to_path_buf()];
        let includes = |line: &str| line.strip_prefix("@include ").map(str::to_owned);
        let text = corpus::text(path);
        let missing =
            text.lines().filter_map(includes).find(|it| Beside::find(&folders, it).is_none());
        let name = path.display().to_string();
        if let Some(missing) = missing {
            println!("skipped: {name} includes {missing}, which is not there");
            continue;
        }
        // Faulty ones and circles, for tests of the reader.
        if name.contains("/invalid_") || name.ends_with("nested.policy") {
            let options = Options::new(Target::new(host("x86_64")));
            assert!(import(FileId(0), &text, &options, &mut Beside::new(path)).is_err(), "{name}");
            continue;
        }
        let abi = ["aarch64", "riscv64"].into_iter().find(|abi| name.contains(abi));
        calls += compare(path, host(abi.unwrap_or("x86_64")), Dialect::Either);
        policies += 1;
    }
    println!("{policies} policies, {calls} calls");
    assert!(paths.is_empty() || policies > 60, "only {policies}");
}
