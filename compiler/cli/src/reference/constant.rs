//! A constant: its value on each ABI, and the arguments that take it.

use filterc_abi::{self as tables, Abi, Constant};
use serde_json::{Map, Value, json};

use super::page::{Page, commas};
use super::values::{Style, number, value};
use super::{View, grouped, names};

/// The constant on the ABIs that have it.
fn on(name: &str, view: &View) -> Vec<(&'static Abi, Constant)> {
    view.abis.iter().filter_map(|abi| Some((*abi, abi.constant_info(name)?))).collect()
}

/// The arguments that take a constant, as `openat: flags`, sorted.
fn takers(name: &str, view: &View) -> Vec<String> {
    let sets: Vec<&str> = tables::sets_with(name).map(|set| set.name).collect();
    let masks = tables::sets().iter().filter(|set| set.mask == Some(name)).map(|set| set.name);
    let sets: Vec<&str> = sets.into_iter().chain(masks).collect();
    let mut takers: Vec<String> = Vec::new();
    for call in view.abis.iter().flat_map(|abi| abi.syscalls()) {
        let takes = |arg: &&tables::Arg| arg.set.is_some_and(|set| sets.contains(&set));
        takers.extend(
            call.args.iter().filter(takes).map(|arg| format!("{}: {}", call.name, arg.name)),
        );
    }
    for row in tables::all_dependents().iter().filter(|row| sets.contains(&row.set)) {
        takers.push(format!("{}: {}", row.call, row.arg));
    }
    takers.sort_unstable();
    takers.dedup();
    takers
}

/// One constant.
pub(crate) fn text(name: &str, view: &View, page: &mut Page) {
    let here = on(name, view);
    page.title(name, "");
    if here.is_empty() {
        page.line(2, "none of these ABIs has it");
        return;
    }
    let mut rows = grouped(here.iter().map(|(abi, constant)| (*constant, *abi)));
    rows.sort_by_key(|(_, abis)| std::cmp::Reverse(abis.len()));
    page.heading("value");
    let row = |(constant, abis): &(Constant, Vec<&'static Abi>)| {
        let sign = if constant.signed { 's' } else { 'u' };
        let decimal = number(constant.value, Style::Number);
        let hexadecimal = format!("{:#x}", bits(*constant));
        vec![decimal, hexadecimal, format!("{sign}{}", constant.width), names(abis, &view.abis)]
    };
    let mut rows: Vec<Vec<String>> = rows.iter().map(row).collect();
    for row in &mut rows {
        if row.first() == row.get(1) {
            row.remove(0);
        }
    }
    page.table(2, &rows);
    let takers = takers(name, view);
    if !takers.is_empty() {
        page.heading("taken by");
        let parts = takers.into_iter().map(|taker| taker.replace(' ', "\u{a0}"));
        page.beside(0, "", 0, commas(parts));
    }
}

/// The bits of a constant at its width.
fn bits(constant: Constant) -> i128 {
    constant.value & ((1 << constant.width) - 1)
}

/// One constant.
pub(crate) fn json(name: &str, view: &View) -> Value {
    let mut abis = Map::new();
    for (abi, constant) in on(name, view) {
        let Constant { value: number, width, signed } = constant;
        let object = json!({ "value": value(number), "width": width, "signed": signed });
        abis.insert(abi.name.to_owned(), object);
    }
    json!({
        "kind": "constant",
        "name": name,
        "abis": abis,
        "sets": tables::sets_with(name).map(|set| set.name).collect::<Vec<_>>(),
        "taken_by": takers(name, view),
    })
}
