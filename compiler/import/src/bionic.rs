//! The lists of bionic, Android's C library, of which the filter of an application is made: calls of
//! `SYSCALLS.TXT`, less those of blocklists, and those of allowlists.
//!
//! ```text
//! getuid:getuid32()   lp32
//! readahead(int, off64_t, size_t) all
//! ```
//!
//! * A line names a function, perhaps behind `:` the call that it is, and the architectures on which it
//!   counts. The types of arguments decide nothing.
//! * What is listed is allowed, all else traps, and so do calls of other ABIs.
//! * A call on a blocklist that the base does not have is an error, as is a name that the ABI lacks.
//! * `SECCOMP_PRIORITY.TXT` says which calls are asked for first, which decides nothing.

use std::collections::BTreeMap;

use filterc_abi::{self as abi, Abi, Action};
use filterc_grammar::diagnostic::Diagnostic;
use filterc_grammar::source::{FileId, Span};

use crate::fault::Fault;
use crate::plan::expr::Expr;
use crate::plan::{Callee, Multiplexers, Plan, Rule};
use crate::scan::{self, Word, words};
use crate::{Imported, Note, Target, hosts};

/// What a list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The calls of the library: `SYSCALLS.TXT`.
    Base,
    /// Calls that are added.
    Allow,
    /// Calls that are taken away.
    Block,
    /// An order.
    Priority,
}

impl Role {
    /// The role of a file of that name, as bionic's own tool has it.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        if name.contains("blocklist") || name.contains("blacklist") {
            Self::Block
        } else if name.ends_with("priority.txt") {
            Self::Priority
        } else if name.contains("allowlist") || name.contains("whitelist") {
            Self::Allow
        } else {
            Self::Base
        }
    }
}

/// A list.
#[derive(Clone, Copy, Debug)]
pub struct List<'t> {
    /// What names it in the diagnostics.
    pub file: FileId,
    /// Its text.
    pub text: &'t str,
    /// What it is for.
    pub role: Role,
}

/// What an import is told beside the lists.
#[derive(Clone, Debug)]
pub struct Options {
    /// The machine.
    pub target: Target,
    /// Whether 32-bit programs are covered on a 64-bit machine.
    pub secondary: bool,
}

/// The ABIs that the lists know, by bionic's names.
const ARCHES: &[(&str, &str, u8)] = &[
    ("arm", "arm", 32),
    ("arm64", "aarch64", 64),
    ("riscv64", "riscv64", 64),
    ("x86", "i386", 32),
    ("x86_64", "x86_64", 64),
];

/// A line.
struct Line<'t> {
    call: &'t str,
    span: Span,
    on: Vec<&'static str>,
}

/// Imports lists.
///
/// # Errors
/// Everything that is wrong with them, each with its place.
pub fn import(lists: &[List<'_>], options: &Options) -> Result<Imported, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let mut read: Vec<(Role, Vec<Line<'_>>)> = Vec::new();
    for list in lists.iter().filter(|list| list.role != Role::Priority) {
        let lines = scan::lines(list.text).filter_map(|(start, line)| {
            self::line(list.file, start, line)
                .map_err(|(span, fault)| errors.push(fault.at(span)))
                .ok()
                .flatten()
        });
        read.push((list.role, lines.collect()));
    }
    let host = options.target.abi;
    let secondary = match host.name {
        "aarch64" => Some("arm"),
        "x86_64" => Some("i386"),
        _ => None,
    };
    let secondary = secondary.filter(|_| options.secondary).and_then(abi::abi);
    let abis: Vec<&'static Abi> = std::iter::once(host).chain(secondary).collect();
    let file = lists.first().map_or(FileId(0), |list| list.file);
    let start = Span { file, start: 0, end: 0 };
    if !ARCHES.iter().any(|(_, name, _)| *name == host.name) {
        errors.push(Fault::UnknownArchitecture(host.name.to_owned()).at(start));
    }
    let mut order: Vec<&str> = Vec::new();
    let mut allowed: BTreeMap<&str, (Span, Vec<&'static Abi>)> = BTreeMap::new();
    for abi in &abis {
        for (call, span) in calls(&read, abi, &mut errors) {
            let (_, on) = allowed.entry(call).or_insert_with(|| {
                order.push(call);
                (span, Vec::new())
            });
            on.push(abi);
        }
    }
    if order.is_empty() && errors.is_empty() {
        errors.push(Fault::Nothing("call for this architecture").at(start));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let rules = order.into_iter().filter_map(|call| {
        let (span, on) = allowed.get(call)?.clone();
        let (callee, action) = (Callee::Name(call.to_owned()), Action::Allow);
        Some(Rule { span, on, callee, when: Expr::True, action })
    });
    let ordered = lists.iter().any(|list| list.role == Role::Priority);
    let note = ordered.then(|| Note {
        path: String::new(),
        text: "the list of priorities decides nothing".to_owned(),
    });
    let plan = Plan {
        abis,
        default: Action::Trap(0),
        foreign: Action::Trap(0),
        width: options.target.width,
        multiplexers: Multiplexers::Apart,
        rules: rules.collect(),
        comments: vec![format!("Imported from {}, lists of bionic.", options.target.source)],
        notes: note.into_iter().collect(),
    };
    Ok(plan.imported())
}

/// The calls that are allowed on an ABI.
fn calls(
    read: &[(Role, Vec<Line<'_>>)],
    abi: &'static Abi,
    errors: &mut Vec<Diagnostic>,
) -> Vec<(&'static str, Span)> {
    let of_role = |role: Role| {
        let lists = read.iter().filter(move |(other, _)| *other == role);
        lists.flat_map(|(_, lines)| lines).filter(|line| line.on.contains(&abi.name))
    };
    let mut base: Vec<(&str, Span)> = of_role(Role::Base).map(|it| (it.call, it.span)).collect();
    for line in of_role(Role::Block) {
        if !of_role(Role::Base).any(|other| other.call == line.call) {
            let what = format!("taking away `{}`", line.call);
            let why = format!("the base does not have it on {}", abi.name);
            errors.push(Fault::Untranslatable(what, why).at(line.span));
        }
        base.retain(|(call, _)| *call != line.call);
    }
    base.extend(of_role(Role::Allow).map(|line| (line.call, line.span)));
    let mut found: Vec<(&'static str, Span)> = Vec::new();
    for (name, span) in base {
        let Some(call) = hosts::call(abi, name) else {
            let fault = Fault::UnknownCall(name.to_owned(), vec![abi.name]);
            errors.push(fault.at(span));
            continue;
        };
        if !found.iter().any(|(other, _)| *other == call.name) {
            found.push((call.name, span));
        }
    }
    found
}

/// A line; nothing for an empty one or a comment.
fn line(file: FileId, start: usize, text: &str) -> Result<Option<Line<'_>>, (Span, Fault)> {
    let content = text.split('#').next().unwrap_or_default();
    if content.trim().is_empty() {
        return Ok(None);
    }
    let lead = content.len() - content.trim_start().len();
    let span = scan::span(file, start + lead, start + content.trim_end().len());
    let unexpected =
        |expected, found: &str| (span, Fault::Unexpected { expected, found: format!("`{found}`") });
    const FORM: &str = "`function:call(arguments) architectures`";
    let (head, rest) = content.split_once('(').ok_or_else(|| unexpected(FORM, content.trim()))?;
    // Arguments may be pointers to functions, with parentheses of their own.
    let close = rest.rfind(')').ok_or_else(|| unexpected("`)`", rest.trim()))?;
    let mut names = head.trim().split(':');
    let function = names.next().unwrap_or_default();
    let call = names.next().unwrap_or_else(|| function.split('|').next().unwrap_or_default());
    let call = call.strip_prefix("__ARM_NR_").unwrap_or(call).trim();
    if call.is_empty() || !call.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(unexpected("the name of a call", call));
    }
    let begin = start + head.len() + 1 + close + 1;
    let arches = rest.get(close + 1..).unwrap_or_default();
    let mut on = Vec::new();
    for word in words(file, arches, begin) {
        on.extend(of_word(word)?);
    }
    if on.is_empty() {
        return Err(unexpected("a list of architectures", "nothing"));
    }
    Ok(Some(Line { call, span, on }))
}

/// The ABIs of `arm,x86`, `lp32` or `all`.
fn of_word(word: Word<'_>) -> Result<Vec<&'static str>, (Span, Fault)> {
    let mut on = Vec::new();
    for name in word.text.split(',').filter(|name| !name.is_empty()) {
        let is_it = |(bionic, _, bits): &&(&str, &str, u8)| match name {
            "all" => true,
            "lp32" => *bits == 32,
            "lp64" => *bits == 64,
            name => *bionic == name,
        };
        let before = on.len();
        on.extend(ARCHES.iter().filter(is_it).map(|(_, abi, _)| *abi));
        if on.len() == before {
            return Err((word.span, Fault::UnknownArchitecture(name.to_owned())));
        }
    }
    Ok(on)
}
