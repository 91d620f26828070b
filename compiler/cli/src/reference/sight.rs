//! What a filter can see of a call's arguments, and what it cannot.

use filterc_abi::{self as tables, Abi, Arg, ArgKind, InMemory, Regs, SubCall, Syscall};

use super::page::Page;
use super::{View, grouped, names};

/// Where an argument is.
pub(crate) fn registers(regs: Regs) -> String {
    match regs {
        Regs::One(reg) => format!("args[{reg}]"),
        Regs::Pair { lo, hi } => format!("args[{lo}] low, args[{hi}] high"),
        Regs::Invisible => "not visible".to_owned(),
    }
}

/// The rows of a call about what is in memory, on the ABIs in question.
pub(crate) fn in_memory(call: &str, view: &View) -> Vec<&'static InMemory> {
    let here = |row: &&InMemory| {
        let on = |abi: &&&Abi| row.abis.is_empty() || row.abis.contains(&abi.name);
        row.call == call && view.abis.iter().any(|abi| on(&abi))
    };
    tables::all_in_memory().iter().filter(here).collect()
}

/// A way round a call: a multiplexer with this value under this mask of its first argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Carrier {
    pub(crate) multiplexer: &'static str,
    pub(crate) mask: u32,
    pub(crate) value: u32,
}

/// The ways round a call, each with its ABIs.
pub(crate) fn carriers(call: &str, view: &View) -> Vec<(Carrier, Vec<&'static Abi>)> {
    let carrier = |abi: &&'static Abi| {
        let sub = abi.sub_calls().iter().find(|sub| sub.name == call)?;
        let SubCall { multiplexer, mask, value, .. } = *sub;
        Some((Carrier { multiplexer, mask, value }, *abi))
    };
    grouped(view.abis.iter().filter_map(carrier))
}

/// What a filter sees of the arguments of which it does not see all.
pub(crate) fn text(name: &str, variants: &[&'static Syscall], view: &View, page: &mut Page) {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let memory = in_memory(name, view);
    for arg in variants.iter().flat_map(|call| call.args) {
        let sight = sight(arg, &memory);
        let row = sight.map(|text| vec![arg.name.to_owned(), text]);
        rows.extend(row.filter(|row| !rows.contains(row)));
    }
    for row in &memory {
        let mut text = format!("its address: {}", row.note);
        if !row.fields.is_empty() {
            text.push_str(&format!("; not seen: {}", row.fields.join(", ")));
        }
        if !row.abis.is_empty() {
            text.push_str(&format!(" (on {})", row.abis.join(" ")));
        }
        rows.push(vec![row.arg.to_owned(), text]);
    }
    for (Carrier { multiplexer, mask, value }, abis) in carriers(name, view) {
        let low = if mask == u32::MAX { "" } else { " in its low bits" };
        let on = names(&abis, &view.abis);
        let text =
            format!("makes this call too, by number {value}{low}, arguments in memory: {on}");
        rows.push(vec![multiplexer.to_owned(), text]);
    }
    if rows.is_empty() {
        return;
    }
    page.heading("what a filter sees");
    page.table(2, &rows);
}

/// What a filter sees of an argument, if that is not all of it.
fn sight(arg: &Arg, memory: &[&InMemory]) -> Option<String> {
    let Arg { ctype, declared, width, .. } = arg;
    if arg.regs == Regs::Invisible {
        return Some("nothing, where it is the seventh register or later".to_owned());
    }
    if arg.kind == ArgKind::Pointer {
        let is_told = memory.iter().any(|row| row.arg == arg.name);
        let text = "its address: what lies there can change after the filter has run";
        return (!is_told).then(|| text.to_owned());
    }
    (width < declared)
        .then(|| format!("{width} of the {declared} bits of {ctype}: the kernel uses no more"))
}
