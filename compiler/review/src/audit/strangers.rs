//! Calls that a policy does not know: of other ABIs, and with numbers that no call has.

use filterc_abi::{self as abi, Abi, SeccompData};
use filterc_check::Part;

use crate::audit::finding::{Finding, Level, names};
use crate::audit::view::{Fate, OfAbi, View, errno, fate, only, passes};
use crate::audit::walk::{Search, Want, value};

pub(crate) const FOREIGN: &str = "F0380";
pub(crate) const SAME_TOKEN: &str = "F0381";
pub(crate) const UNKNOWN: &str = "F0382";
pub(crate) const NOT_ENOSYS: &str = "F0385";

pub(crate) fn look(view: &View<'_>, found: &mut Vec<Finding>) {
    foreign(view, found);
    for of_abi in &view.abis {
        same_token(of_abi, view, found);
        unknown(of_abi, found);
    }
}

/// Tokens of other ABIs.
fn foreign(view: &View<'_>, found: &mut Vec<Finding>) {
    let own = |token: u32| view.abis.iter().any(|of_abi| of_abi.abi.audit_arch == token);
    let open = |part: &&Part| {
        !(part.arch.0 == part.arch.1 && own(part.arch.0)) && fate(&part.decision) != Fate::Shut
    };
    let parts: Vec<&Part> = view.parts.iter().filter(open).collect();
    let Some(any) = parts.first() else { return };
    let holds =
        |part: &Part, abi: &Abi| part.arch.0 <= abi.audit_arch && abi.audit_arch <= part.arch.1;
    let reached = |abi: &&'static Abi| {
        abi.endian == view.endian
            && !own(abi.audit_arch)
            && parts.iter().any(|part| holds(part, abi))
    };
    // What a machine of the policy's can really make comes first.
    let folder = |abi: &&'static Abi| {
        view.abis.iter().any(|of_abi| of_abi.abi.kernel_arch == abi.kernel_arch)
    };
    let all: Vec<&'static Abi> = abi::abis().iter().filter(reached).collect();
    let near: Vec<&'static Abi> = all.iter().copied().filter(folder).collect();
    let shown = if near.is_empty() { &all } else { &near };
    let list: Vec<&str> = shown.iter().map(|abi| abi.name).collect();
    let (part, token) = shown
        .first()
        .and_then(|abi| Some((*parts.iter().find(|part| holds(part, abi))?, abi.audit_arch)))
        .unwrap_or((*any, any.arch.0));
    let message = match list.as_slice() {
        [] => "calls under architectures that nobody knows are let through".to_owned(),
        list => format!(
            "calls of other ABIs are let through, where the same numbers are other calls: {}",
            names(list)
        ),
    };
    found.push(Finding {
        code: FOREIGN,
        level: if near.is_empty() { Level::Warning } else { Level::Error },
        abis: list,
        calls: Vec::new(),
        message,
        help: Some("refuse what is not of the policy's ABIs: `foreign kill`"),
        witness: witness(view, part, token),
    });
}

fn witness(view: &View<'_>, part: &Part, token: u32) -> Option<(SeccompData, u32)> {
    let mut words = Search::new(&part.decision).find(&Want { fixed: &[], is: &passes })?;
    let said = part.decision.at(|word| words.get(usize::from(word)).copied().unwrap_or_default());
    let said = value(said);
    let [number, arch, ..] = &mut words;
    (*number, *arch) = (part.nr.0, token);
    Some((SeccompData::of_words(&words, view.endian), said))
}

/// Numbers of another ABI with the same token.
fn same_token(of_abi: &OfAbi<'_>, view: &View<'_>, found: &mut Vec<Finding>) {
    let own = of_abi.abi;
    let twins = abi::abis().iter().filter(|abi| abi.audit_arch == own.audit_arch);
    for twin in twins.filter(|abi| !view.has(abi)) {
        let Some(mark) = twin.mark.filter(|mark| mark.set) else { continue };
        let (low, high) = (mark.bit, 2 * mark.bit - 1);
        let open = |part: &&Part| {
            part.arch.0 <= own.audit_arch
                && own.audit_arch <= part.arch.1
                && part.nr.0 <= high
                && low <= part.nr.1
                && fate(&part.decision) != Fate::Shut
        };
        let Some(part) = view.parts.iter().find(open) else { continue };
        let nr = part.nr.0.max(low);
        found.push(Finding {
            code: SAME_TOKEN,
            level: Level::Error,
            abis: vec![own.name],
            calls: Vec::new(),
            message: format!(
                "calls of `{}`, whose numbers begin at {low:#x} under the same token, are let \
                 through: a rule that refuses a call does not refuse it there",
                twin.name
            ),
            help: Some("refuse numbers with that bit; filterc does by itself"),
            witness: of_abi.example(nr, &part.decision, &passes),
        });
    }
}

/// Numbers that no call has.
fn unknown(of_abi: &OfAbi<'_>, found: &mut Vec<Finding>) {
    let open = of_abi.unknown.iter().find(|(_, _, decision)| fate(decision) != Fate::Shut);
    if let Some((first, _, decision)) = open {
        found.push(Finding {
            code: UNKNOWN,
            level: Level::Warning,
            abis: vec![of_abi.abi.name],
            calls: Vec::new(),
            message: "numbers that no call has yet are let through, whatever later kernels make \
                      of them"
                .to_owned(),
            help: Some("answer them with ENOSYS: `unknown errno(ENOSYS)`"),
            witness: of_abi.example(*first, decision, &passes),
        });
    }
    let Some((nr, decision)) = of_abi.new_numbers() else { return };
    let answer = only(decision).filter(|value| !of_abi.is_enosys(*value));
    let Some(errno) = answer.and_then(errno) else { return };
    found.push(Finding {
        code: NOT_ENOSYS,
        level: Level::Note,
        abis: vec![of_abi.abi.name],
        calls: Vec::new(),
        message: format!(
            "numbers that no call has yet get {}: libraries that try a new call first do without it \
             only if the kernel says ENOSYS",
            of_abi.errno_name(errno)
        ),
        help: Some("answer them with ENOSYS: `unknown errno(ENOSYS)`"),
        witness: of_abi.example(nr, decision, &|_| true),
    });
}
