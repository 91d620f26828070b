//! Definitions of system calls in the kernel's source: macros and plain functions.

use std::collections::{BTreeMap, BTreeSet};

use super::code::{Code, Define, invocations, is_word, parenthesised, split_commas};
use super::condition::Condition;
use super::tree::Tree;
use crate::error::Error;

/// Where the kernel defines `SYSCALL32_DEFINEn`.
const SHARED: &str = "include/linux/syscalls.h";

/// An argument as a definition spells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Param {
    /// Its C type, without what only the kernel's checkers read (`__user`).
    pub(crate) ctype: String,
    pub(crate) name: String,
    /// Whether it stands for two registers, a 64-bit value in the order of the machine's
    /// bytes (`compat_arg_u64_dual`, `SC_ARG64`).
    pub(crate) halves: bool,
}

/// A definition of a function that a table can name.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    /// The function: `sys_openat`, `compat_sys_ioctl`.
    pub(crate) symbol: String,
    pub(crate) params: Vec<Param>,
    pub(crate) path: String,
    /// The condition of the preprocessor that it stands under.
    pub(crate) condition: Condition,
}

/// All definitions of a tree.
pub(crate) struct Definitions {
    by_symbol: BTreeMap<String, Vec<Definition>>,
    /// Names in `COND_SYSCALL(name)`: weak, so that a kernel without the function links.
    conditional: BTreeSet<String>,
    /// Entry points that assembler defines, by path.
    labels: BTreeSet<(String, String)>,
    /// The `#define`s of the files that include a table of system calls, by path.
    tables: Vec<(String, Vec<Define>)>,
}

impl Definitions {
    /// Reads the definitions of a tree; `entries` are the functions that its tables name.
    pub(crate) fn read(tree: &Tree, entries: &BTreeSet<String>) -> Result<Self, Error> {
        let mut all = Self {
            by_symbol: BTreeMap::new(),
            conditional: BTreeSet::new(),
            labels: BTreeSet::new(),
            tables: Vec::new(),
        };
        let shared = Code::read(&tree.read(SHARED)?).defines;
        for path in tree.sources()? {
            let text = tree.read(&path)?;
            let in_arch = path.starts_with("arch/");
            if !text.contains("SYSCALL") && !in_arch {
                continue;
            }
            let code = Code::read(&text);
            let mut found = by_macro(&path, &code, &shared)?;
            if in_arch && path.ends_with(".c") {
                found.extend(plain(&path, &code, entries)?);
            }
            if path.ends_with(".S") {
                let labels = labels(&code).filter(|label| entries.contains(*label));
                all.labels.extend(labels.map(|label| (path.clone(), label.to_owned())));
            }
            for definition in found {
                all.by_symbol.entry(definition.symbol.clone()).or_default().push(definition);
            }
            all.conditional.extend(conditional(&code));
            if code.includes_table {
                all.tables.push((path, code.defines));
            }
        }
        Ok(all)
    }

    /// The definitions of a function.
    pub(crate) fn of(&self, symbol: &str) -> &[Definition] {
        self.by_symbol.get(symbol).map_or(&[], Vec::as_slice)
    }

    /// Whether the function is weak and may be missing.
    pub(crate) fn is_conditional(&self, symbol: &str) -> bool {
        self.conditional.contains(symbol)
    }

    /// The assembler file of an architecture that defines a function.
    pub(crate) fn assembler(&self, arch: &str, symbol: &str) -> Option<&str> {
        let folder = format!("arch/{arch}/");
        let here = |(path, label): &&(String, String)| label == symbol && path.starts_with(&folder);
        self.labels.iter().find(here).map(|(path, _)| path.as_str())
    }

    /// The `#define`s beside the tables under `arch/ARCH/`.
    pub(crate) fn beside_tables(&self, arch: &str) -> impl Iterator<Item = &Define> {
        let folder = format!("arch/{arch}/");
        let here = self.tables.iter().filter(move |(path, _)| path.starts_with(&folder));
        here.flat_map(|(_, defines)| defines)
    }
}

/// The functions that `COND_SYSCALL` and `COND_SYSCALL_COMPAT` name.
fn conditional(code: &Code) -> impl Iterator<Item = String> {
    invocations(code.text()).filter_map(|(start, name)| {
        let prefix = match name {
            "COND_SYSCALL" => "sys_",
            "COND_SYSCALL_COMPAT" => "compat_sys_",
            _ => return None,
        };
        let (inside, _) = code.text().get(start + name.len()..).and_then(parenthesised)?;
        Some(format!("{prefix}{}", inside.trim()))
    })
}

/// The labels of an assembler file: `name:`, `ENTRY(name)` and the like.
fn labels(code: &Code) -> impl Iterator<Item = &str> {
    code.text().lines().filter_map(|line| {
        let end = line.find(|c| !is_word(c))?;
        let (word, rest) = line.split_at(end);
        let is_entry = word.starts_with("ENTRY") || ["LEAF", "NESTED"].contains(&word);
        match rest.strip_prefix('(') {
            Some(inside) if is_entry => inside.split([',', ')']).next().map(str::trim),
            _ => rest.starts_with(':').then_some(word),
        }
    })
}

/// The plain functions with a body that a table names, or that are called like one.
fn plain(path: &str, code: &Code, entries: &BTreeSet<String>) -> Result<Vec<Definition>, Error> {
    let mut found = Vec::new();
    for (start, name) in invocations(code.text()) {
        if !(entries.contains(name) || name.starts_with("sys_")) {
            continue;
        }
        let list = code.text().get(start + name.len()..).map(str::trim_start);
        let Some((inside, rest)) = list.and_then(parenthesised) else { continue };
        if rest.trim_start().starts_with('{') {
            let params = plain_params(inside).map_err(|what| broken(path, name, &what))?;
            let condition = code.condition(start);
            let (symbol, path) = (name.to_owned(), path.to_owned());
            found.push(Definition { symbol, params, path, condition });
        }
    }
    Ok(found)
}

fn broken(path: &str, name: &str, what: &str) -> Error {
    Error::Failed(format!("{path}: {name}: {what}"))
}

/// The definitions by `…SYSCALL_DEFINEn(name, type, name, …)` of a file.
fn by_macro(path: &str, code: &Code, shared: &[Define]) -> Result<Vec<Definition>, Error> {
    let mut found = Vec::new();
    for (start, name) in invocations(code.text()) {
        let Some((kind, count)) = macro_name(name) else { continue };
        let list = code.text().get(start + name.len()..).map(str::trim_start);
        let Some((inside, _)) = list.and_then(parenthesised) else {
            return Err(broken(path, name, "no argument list"));
        };
        let (call, list) = inside.split_once(',').unwrap_or((inside, ""));
        let call = call.trim();
        let (params, registers) = macro_params(list).map_err(|what| broken(path, call, &what))?;
        if registers != count {
            return Err(broken(path, call, &format!("{registers} arguments in {name}")));
        }
        for (prefix, condition) in prefixes(kind, name, code.defines.iter().chain(shared)) {
            found.push(Definition {
                symbol: format!("{prefix}{call}"),
                params: params.clone(),
                path: path.to_owned(),
                condition: Condition::All(vec![code.condition(start), condition]),
            });
        }
    }
    Ok(found)
}

/// `COMPAT_SYSCALL_DEFINE3` → `COMPAT_SYSCALL`, 3
fn macro_name(name: &str) -> Option<(&str, usize)> {
    let (kind, count) = name.split_once("_DEFINE")?;
    let count: usize = count.parse().ok().filter(|&count| count <= 6)?;
    (kind.ends_with("SYSCALL") || kind.ends_with("SYSCALL32")).then_some((kind, count))
}

/// The prefixes of the functions that such a macro defines, with the condition of each. The
/// kernel's own two are known; others are read from `#define`s.
fn prefixes<'a>(
    kind: &str,
    name: &str,
    defines: impl Iterator<Item = &'a Define>,
) -> Vec<(&'a str, Condition)> {
    let known = |kind: &str| match kind {
        "SYSCALL" => Some("sys_"),
        "COMPAT_SYSCALL" => Some("compat_sys_"),
        _ => None,
    };
    if let Some(prefix) = known(kind) {
        return vec![(prefix, Condition::All(Vec::new()))];
    }
    defines
        .filter(|(macro_name, ..)| macro_name == name)
        .filter_map(|(_, body, condition)| {
            let (kind, _) = body.split_once("_DEFINE")?;
            Some((known(kind)?, condition.clone()))
        })
        .collect()
}

/// The arguments of a macro's list `type, name, type, name`, and how many registers they are.
fn macro_params(list: &str) -> Result<(Vec<Param>, usize), String> {
    let mut params = Vec::new();
    let mut registers = 0;
    let mut parts = split_commas(list).into_iter().filter(|part| !part.is_empty());
    while let Some(part) = parts.next() {
        let halves = ["compat_arg_u64_dual(", "SC_ARG64(", "arg_u32p("]
            .iter()
            .find_map(|name| part.strip_prefix(name)?.strip_suffix(')'));
        if let Some(name) = halves {
            let (ctype, name) = ("u64".to_owned(), name.trim().to_owned());
            params.push(Param { ctype, name, halves: true });
            registers += 2;
            continue;
        }
        let name = parts.next().ok_or_else(|| format!("{part} has no name"))?;
        let (ctype, name) = (clean_type(part), name.to_owned());
        params.push(Param { ctype, name, halves: false });
        registers += 1;
    }
    Ok((params, registers))
}

/// The arguments of a function's list `type name, type name`, without the registers that an
/// entry stub passes along.
pub(crate) fn plain_params(list: &str) -> Result<Vec<Param>, String> {
    let mut params = Vec::new();
    for part in split_commas(list) {
        if part.is_empty() || part == "void" || part.contains("pt_regs") {
            continue;
        }
        let start = part.rfind(|c| !is_word(c)).map_or(0, |at| at + 1);
        let (ctype, name) = part.split_at(start);
        if ctype.trim().is_empty() || name.is_empty() {
            return Err(format!("{part} has no name"));
        }
        let (ctype, name) = (clean_type(ctype), name.to_owned());
        params.push(Param { ctype, name, halves: false });
    }
    Ok(params)
}

/// A type as the tables spell it: `const char *const *`.
fn clean_type(text: &str) -> String {
    const NOISE: [&str; 5] = ["__user", "__force", "__kernel", "__iomem", "__maybe_unused"];
    let spaced = text.replace('*', " * ");
    let mut out = String::new();
    for word in spaced.split_whitespace().filter(|word| !NOISE.contains(word)) {
        if !out.is_empty() && !out.ends_with('*') {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

#[cfg(test)]
#[path = "define_tests.rs"]
mod tests;
