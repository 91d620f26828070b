//! Where container runtimes do not agree on what a profile means: runc and crun, and what the
//! specification of profiles leaves open.

use std::collections::BTreeSet;

use filterc_abi::{Abi, Action};
use filterc_grammar::ast::{Call, CmpOp, Predicate, Relation, Rule, StatementKind};
use filterc_grammar::source::Span;

use crate::action;
use crate::arguments::{names, predicate};
use crate::guard::{self, guard};
use crate::oci::profile::{Entry, Verdict};
use crate::{Document, Note};

/// What calls get that the profile's author may not have known. Runtimes do not agree on this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Enosys {
    /// ENOSYS, if they are newer than the newest call that the profile names, or than the kernel
    /// that is given.
    #[default]
    ByAge,
    /// ENOSYS, if their number is above the largest that the profile names: runc's stub.
    ByNumber,
    /// The default: so crun.
    Never,
}

/// Conditions of an entry that crun looks at.
const CONDITIONS_OF_CRUN: usize = 6;

/// Tells what runtimes read differently in the default and in entries that count.
pub(super) fn differ(default: &Verdict, entries: &[&Entry], notes: &mut Vec<Note>) {
    let mut tell = |path: &str, text: &str| {
        let text = format!("runtimes differ: {text}");
        notes.push(Note { path: path.to_owned(), text });
    };
    let verdicts = std::iter::once(default).chain(entries.iter().map(|entry| &entry.verdict));
    for verdict in verdicts.filter(|it| it.errno.is_some() && !it.kind.has_data()) {
        tell(&verdict.path, "runc does not use this errno, crun refuses the profile for it");
    }
    for entry in entries {
        let indices: BTreeSet<u8> = entry.conditions.iter().map(|it| it.index).collect();
        if indices.len() < entry.conditions.len() {
            let text = "of conditions on one argument runc and crun ask that one holds, of all in the \
                        entry; the specification, that all do. Here one is enough";
            tell(&entry.path, text);
        }
        if entry.conditions.len() > CONDITIONS_OF_CRUN {
            tell(&entry.path, "crun looks at the first six conditions only; here all count");
        }
    }
}

/// Tells what becomes of calls that the author may not have known.
pub(super) fn enosys(enosys: Enosys, notes: &mut Vec<Note>) {
    let here = match enosys {
        Enosys::ByAge => "here the age of the call decides (--enosys age)",
        Enosys::ByNumber => "here as in runc (--enosys runc)",
        Enosys::Never => "here as in crun (--enosys never)",
    };
    let text = format!(
        "runtimes differ: to calls whose number is above all that the profile names runc answers \
         ENOSYS, crun with the default; {here}"
    );
    notes.push(Note { path: String::new(), text });
}

/// Writes runc's stub: what is above the largest number that is named on an ABI gets ENOSYS.
/// Numbers that no kernel has are unknown, and get it wherever they are.
pub(super) fn stub(named: &[&str], abis: &[&'static Abi], document: &mut Document) {
    let largest = |abi: &'static Abi| {
        named.iter().filter_map(|name| abi.syscall(name)).map(|call| call.nr).max()
    };
    let mut limits: Vec<(u32, Vec<&'static Abi>)> = Vec::new();
    for (abi, nr) in abis.iter().filter_map(|abi| Some((*abi, largest(abi)?))) {
        match limits.iter_mut().find(|(other, _)| *other == nr) {
            Some((_, abis)) => abis.push(abi),
            None => limits.push((nr, vec![abi])),
        }
    }
    if limits.is_empty() {
        return;
    }
    let above = |(nr, on): &(u32, Vec<&'static Abi>)| -> Predicate {
        let relation = Relation::Compare(CmpOp::Gt, names::integer((*nr).into()));
        let above = guard::test("nr", None, relation);
        predicate::and(guard(on, abis).into_iter().chain([above]).collect())
    };
    let when = predicate::or(limits.iter().map(above).collect());
    let enosys = abis.first().and_then(|abi| abi.constant("ENOSYS"));
    let number = enosys.and_then(|value| u16::try_from(value).ok()).unwrap_or_default();
    document.blank();
    document.comment("Above the largest number that the profile names, as in runc:");
    document.statement(StatementKind::Rule(Rule {
        action: action::with_errno(Action::Errno(number), names::named("ENOSYS")),
        calls: vec![Call::Any(Span::default())],
        predicate: Some(when),
    }));
}
