//! Seccomp profiles of containers: OCI's `linux.seccomp`, alone or in a `config.json`, with
//! what Docker's and Podman's profiles add (`archMap`, `includes`, `excludes`, old forms).
//!
//! What a profile means is what Docker, runc and libseccomp together make of it on one
//! machine; `live` says how rules combine. On purpose it differs in this:
//!
//! * A comparison is of the argument as the kernel uses it, so that nobody goes round it by
//!   the register's upper bits; [`Width`] says when it is the register.
//! * A call newer than the newest one that the profile names, or than the kernel that is
//!   given, gets ENOSYS. runc wants the same and knows numbers only, so that it misses what
//!   came late with a low number, and gives the default to numbers that no kernel has.
//! * A multiplexer gets the strictest of what a call with conditions can get: `multiplexer`.
//! * Rules whose order decides are refused.

mod actions;
mod arches;
mod live;
mod multiplexer;
mod profile;
mod rule;
mod rules;
mod runtimes;
mod select;
mod shape;
mod write;

use std::collections::BTreeSet;

use filterc_abi::{Abi, Action, KernelVersion};
use filterc_grammar::ast::ActionKind;
use filterc_grammar::diagnostic::Diagnostic;
use filterc_grammar::source::FileId;

pub use crate::arguments::conditions::Width;
pub use crate::oci::arches::{Covering, of_token};
pub use crate::oci::runtimes::Enosys;

use crate::action;
use crate::error::Kind;
use crate::json::node::{self, Node};
use crate::json::reader::Reader;
use crate::oci::actions::Written;
use crate::oci::live::Live;
use crate::oci::profile::{Entry, Profile, VerdictKind};
use crate::oci::rule::Rule;
use crate::oci::select::{LeftOut, Situation};
use crate::oci::write::{Header, Piece};
use crate::{Document, Imported, Note};

/// The capabilities that Docker gives a container that asks for nothing.
pub const DOCKER_CAPS: &[&str] = &[
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// The first kernel with seccomp filters: what a policy is for is not older.
const FIRST_FILTERS: KernelVersion = KernelVersion { major: 3, minor: 5 };

/// Above the rules that [`multiplexer::last`] adds.
const THROUGH_MULTIPLEXERS: &str = "Through a multiplexer the arguments are out of sight: there a \
    call gets the strictest of what it can get.";

/// What a profile leaves to the container and its host.
#[derive(Clone, Debug)]
pub struct Options {
    /// The host's own ABI.
    pub host: &'static Abi,
    /// Which of the ABIs are covered that the profile covers there.
    pub covering: Covering,
    /// The container's capabilities (`CAP_SYS_ADMIN`).
    pub caps: BTreeSet<String>,
    /// The host's kernel; without it every `minKernel` is met, and the policy's kernel is
    /// the one of the newest call that the profile names.
    pub kernel: Option<KernelVersion>,
    /// Which bits of arguments are compared.
    pub width: Width,
    /// What newer calls get.
    pub enosys: Enosys,
    /// How the text names the profile.
    pub source: String,
}

impl Options {
    /// For a container without capabilities on a host of that ABI.
    #[must_use]
    pub fn new(host: &'static Abi) -> Self {
        Self {
            host,
            covering: Covering::default(),
            caps: BTreeSet::new(),
            kernel: None,
            width: Width::default(),
            enosys: Enosys::default(),
            source: "a seccomp profile".to_owned(),
        }
    }
}

/// Imports a profile; `file` names its text in the diagnostics.
///
/// # Errors
/// Everything that is wrong with the text, each with its place, and everything in it that
/// a policy cannot say.
pub fn import(file: FileId, text: &str, options: &Options) -> Result<Imported, Vec<Diagnostic>> {
    let root = match node::parse(file, text) {
        Ok(root) => root,
        Err((span, kind)) => return Err(vec![kind.diagnostic("", span)]),
    };
    import_node(&root, options)
}

/// Imports a profile that has been found in a text.
pub(crate) fn import_node(root: &Node<'_>, options: &Options) -> Result<Imported, Vec<Diagnostic>> {
    let mut reader = Reader::default();
    let profile = shape::read(root, &mut reader);
    let imported = profile.and_then(|profile| policy(&profile, options, &mut reader));
    match imported {
        Some(imported) if reader.errors.is_empty() => Ok(imported),
        Some(_) | None => Err(reader.errors),
    }
}

fn policy(profile: &Profile, options: &Options, reader: &mut Reader) -> Option<Imported> {
    let mut notes = Vec::new();
    if !profile.for_the_loader.is_empty() {
        let text =
            format!("left to whoever loads the filter: {}", profile.for_the_loader.join(", "));
        notes.push(Note { path: String::new(), text });
    }
    let abis = arches::covered(profile, (options.host, options.covering), reader, &mut notes);
    let default = actions::written(&profile.default, &abis, &mut notes);
    if default.action == Action::Notify {
        let kind = Kind::AskedTooEarly("every call".to_owned());
        reader.error(&profile.default.path, profile.default.span, &kind);
    }
    let (counted, lacking) = counted(profile, options);
    let mut written = Vec::with_capacity(counted.len());
    for entry in &counted {
        refuse_early_notify(entry, reader);
        written.push((*entry, actions::written(&entry.verdict, &abis, &mut notes)));
    }
    let actions: Vec<_> = written.iter().map(|(entry, w)| (*entry, w.action)).collect();
    runtimes::differ(&profile.default, &counted, &mut notes);
    let mut live = live::live(&actions, default.action, &abis, options.width);
    notes.append(&mut live.notes);
    rules::refuse_conflicts(&live.rules, &abis, options.width, reader);
    if !reader.errors.is_empty() {
        return None;
    }
    let tree = |action| {
        let found = written.iter().map(|(_, written)| written).find(|w| w.action == action);
        found.unwrap_or(&default).clone()
    };
    let mut document = Document::default();
    let permissive = matches!(default.action, Action::Allow | Action::Log | Action::Trace(_));
    Header {
        source: &options.source,
        abis: &abis,
        caps: &options.caps,
        lacking: &lacking,
        kernel: match options.enosys {
            Enosys::ByAge => options.kernel.or(live.newest.map(|newest| newest.max(FIRST_FILTERS))),
            // Numbers decide, or nothing does.
            Enosys::ByNumber | Enosys::Never => None,
        },
        default: &default.tree,
        unknown_as_default: permissive || live.newest.is_none() || options.enosys == Enosys::Never,
        // libseccomp's answer to calls of other ABIs.
        foreign: action::plain(ActionKind::KillThread),
    }
    .write(&mut document);
    let mut pieces = pieces(&live, &default, &abis, options.width, tree, &mut notes);
    if let (Some(kernel), Enosys::ByAge) = (options.kernel, options.enosys) {
        pieces.extend(known_all_the_same(&live, &pieces, kernel, &default, &abis));
    }
    write::rules(write::joined(pieces), &mut document);
    let stub = !permissive && live.newest.is_some();
    if stub {
        runtimes::enosys(options.enosys, &mut notes);
    }
    if stub && options.enosys == Enosys::ByNumber {
        runtimes::stub(&live.named, &abis, &mut document);
    }
    Some(Imported { document, notes })
}

/// The entries that count, and the capabilities for lack of which others do not.
fn counted<'p>(profile: &'p Profile, options: &Options) -> (Vec<&'p Entry>, BTreeSet<String>) {
    let kernel = options.kernel.unwrap_or(KernelVersion::TABLE);
    let situation = Situation { host: options.host, caps: &options.caps, kernel };
    let mut lacking = BTreeSet::new();
    let admits = |entry: &&Entry| match situation.admits(entry) {
        Ok(()) => true,
        Err(LeftOut::Lacks(cap)) => {
            lacking.insert(cap);
            false
        }
        Err(LeftOut::Otherwise) => false,
    };
    (profile.entries.iter().filter(admits).collect(), lacking)
}

/// The call with which a runtime hands a supervisor its descriptor is made under the filter.
fn refuse_early_notify(entry: &Entry, reader: &mut Reader) {
    if entry.verdict.kind != VerdictKind::Notify {
        return;
    }
    for (name, span) in entry.names.iter().filter(|(name, _)| name == "write") {
        let kind = Kind::AskedTooEarly(format!("`{name}`"));
        reader.error(&entry.path, *span, &kind);
    }
}

fn pieces<'p>(
    live: &Live<'p>,
    default: &Written,
    abis: &[&'static Abi],
    width: Width,
    tree: impl Fn(Action) -> Written,
    notes: &mut Vec<Note>,
) -> Vec<Piece<'p>> {
    let extra = |written, name, predicate| Piece {
        written,
        names: vec![name],
        predicate,
        comments: Vec::new(),
        group: None,
        fixed: true,
    };
    let first = multiplexer::first(live, abis);
    let mut pieces: Vec<Piece<'p>> =
        first.iter().map(|(name, action)| extra(tree(*action), *name, None)).collect();
    for rule in in_one(&live.rules) {
        let moved =
            |name: &&str| rule.alternatives.is_empty() && first.iter().any(|(n, _)| n == name);
        let names: Vec<&'p str> = rule.names.iter().copied().filter(|n| !moved(n)).collect();
        let rule = Rule { names, ..rule };
        let asking = if rule.alternatives.is_empty() {
            vec![(rule.names.clone(), None)]
        } else {
            rules::asked(&rule, abis, width, notes)
        };
        let asking = asking.into_iter().filter(|(names, _)| !names.is_empty());
        pieces.extend(asking.map(|(names, predicate)| Piece {
            written: tree(rule.action),
            names,
            predicate,
            comments: rule.comments.clone(),
            group: rule.group.clone(),
            fixed: false,
        }));
    }
    let last = multiplexer::last(live, default.action, abis, notes);
    pieces.extend(last.into_iter().map(|it| Piece {
        comments: vec![THROUGH_MULTIPLEXERS.to_owned()],
        ..extra(tree(it.action), it.multiplexer, it.predicate)
    }));
    pieces
}

/// Calls newer than the policy's kernel that the profile names without effect: the policy
/// names them, too, or they would be unknown instead of getting the default.
fn known_all_the_same<'p>(
    live: &Live<'p>,
    pieces: &[Piece<'p>],
    kernel: KernelVersion,
    default: &Written,
    abis: &[&'static Abi],
) -> Option<Piece<'p>> {
    let is_newer = |name: &str| {
        let mut calls = abis.iter().filter_map(|abi| abi.syscall(name));
        calls.any(|call| !call.exists_in(kernel))
    };
    let mut names: Vec<&str> = Vec::new();
    for &name in live.named.iter().filter(|name| is_newer(name)) {
        if !names.contains(&name) && !pieces.iter().any(|piece| piece.names.contains(&name)) {
            names.push(name);
        }
    }
    (!names.is_empty()).then(|| Piece {
        written: default.clone(),
        names,
        predicate: None,
        comments: vec![format!("Newer than Linux {kernel}, but named by the profile:")],
        group: None,
        fixed: true,
    })
}

/// Rules with conditions on the same calls with the same action as one, at the place of
/// the first.
fn in_one<'p>(rules: &[Rule<'p>]) -> Vec<Rule<'p>> {
    let mut joined: Vec<Rule<'p>> = Vec::with_capacity(rules.len());
    for rule in rules {
        let alike = |other: &&mut Rule<'p>| {
            !rule.alternatives.is_empty()
                && !other.alternatives.is_empty()
                && other.action == rule.action
                && other.names == rule.names
        };
        match joined.iter_mut().find(alike) {
            Some(other) => {
                other.alternatives.extend(rule.alternatives.iter().cloned());
                let new = rule.comments.iter().filter(|text| !other.comments.contains(text));
                let new: Vec<String> = new.cloned().collect();
                other.comments.extend(new);
            }
            None => joined.push(rule.clone()),
        }
    }
    joined
}
