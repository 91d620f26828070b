//! An ABI.

use filterc_abi::{self as tables, Abi, Endian, Pairs, Status};
use serde_json::{Value, json};

use super::page::{Page, commas};

const fn endian(abi: &Abi) -> &'static str {
    match abi.endian {
        Endian::Little => "little-endian",
        Endian::Big => "big-endian",
    }
}

/// Other ABIs with the same token.
fn twins(abi: &Abi) -> Vec<&'static str> {
    let is_twin = |other: &&Abi| other.audit_arch == abi.audit_arch && other.name != abi.name;
    tables::abis().iter().filter(is_twin).map(|other| other.name).collect()
}

/// The multiplexers of an ABI, sorted.
fn multiplexers(abi: &'static Abi) -> Vec<&'static str> {
    let mut names: Vec<&str> = abi.sub_calls().iter().map(|sub| sub.multiplexer).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// One ABI.
pub(crate) fn text(abi: &'static Abi, page: &mut Page) {
    let about = format!("{}-bit, {}, the kernel's arch/{}", abi.word, endian(abi), abi.kernel_arch);
    page.title(abi.name, &about);
    page.entry("arch", &format!("{} {:#010x}", abi.audit_arch_name, abi.audit_arch));
    if let Some(mark) = abi.mark {
        let state = if mark.set { "set" } else { "clear" };
        let twins = twins(abi).join(", ");
        let text = format!("bit {:#x} of nr is {state}; {twins} has the same token", mark.bit);
        page.entry("marked by", &text);
    }
    let filters =
        abi.filters_since.map_or("none: its kernel has no seccomp filters".to_owned(), |v| {
            format!("since kernel {v}")
        });
    page.entry("filters", &filters);
    let calls = abi.syscalls();
    let working = calls.iter().filter(|call| call.status != Status::Unimplemented).count();
    let base = match abi.nr_base {
        0 => String::new(),
        base => format!(", numbers from {}", super::call::nr(base)),
    };
    page.entry("calls", &format!("{} numbers, {working} implemented{base}", calls.len()));
    let pairs = match abi.pairs {
        Pairs::Whole => "in one register",
        Pairs::Any => "in the next two registers",
        Pairs::Even => "in the next two registers, the first with an even number",
    };
    page.entry("registers", &format!("{} bits; a 64-bit argument travels {pairs}", abi.register));
    let clone = abi.syscall("clone").map(|call| {
        let args = call.args.iter().map(|arg| arg.name.to_owned());
        commas(args).join(" ")
    });
    if let Some(clone) = clone.filter(|clone| !clone.is_empty()) {
        page.entry("clone", &clone);
    }
    let multiplexers = multiplexers(abi);
    if !multiplexers.is_empty() {
        let text = format!(
            "{}: {} calls can be made by them, their arguments out of sight",
            multiplexers.join(" and "),
            abi.sub_calls().len()
        );
        page.entry("multiplexed", &text);
    }
}

/// One ABI.
pub(crate) fn json(abi: &'static Abi) -> Value {
    let mark = abi.mark.map(|mark| json!({ "bit": mark.bit, "set": mark.set }));
    json!({
        "kind": "abi",
        "name": abi.name,
        "arch": { "name": abi.audit_arch_name, "value": abi.audit_arch },
        "endian": if abi.endian == Endian::Big { "big" } else { "little" },
        "word": abi.word,
        "register": abi.register,
        "base": abi.nr_base,
        "mark": mark,
        "filters_since": abi.filters_since.map(|version| version.to_string()),
        "clone_order": abi.clone_order.name(),
        "pairs": abi.pairs.name(),
        "kernel_arch": abi.kernel_arch,
        "calls": abi.syscalls().len(),
        "multiplexers": multiplexers(abi),
    })
}
