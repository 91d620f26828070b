//! The constants that an argument takes, with their values on one ABI.

use filterc_abi::{self as tables, Abi, Constant, Set, SetKind};
use serde_json::{Value, json};

use super::View;
use super::page::{Page, commas};

/// How many constants of a long list are shown.
const SHOWN: usize = 40;

/// How numbers are best read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Small ones in decimal, larger ones in hexadecimal.
    Number,
    /// Bits: in hexadecimal.
    Bits,
    /// File permissions: in octal.
    Octal,
}

/// A number as text.
pub(crate) fn number(value: i128, style: Style) -> String {
    match style {
        _ if value < 0 => value.to_string(),
        Style::Octal => format!("0{value:o}"),
        Style::Bits if value > 9 => format!("{value:#x}"),
        Style::Number if value > 999 => format!("{value:#x}"),
        Style::Bits | Style::Number => value.to_string(),
    }
}

/// Names with their values on an ABI, by value; those that it lacks are left out.
fn on(abi: &'static Abi, names: &[&'static str]) -> Vec<(&'static str, Constant)> {
    let with_value = |name: &&'static str| Some((*name, abi.constant_info(name)?));
    let mut list: Vec<_> = names.iter().filter_map(with_value).collect();
    list.sort_by_key(|(name, constant)| (constant.value, *name));
    list
}

/// Parts such as `O_CREAT 0x40`.
fn parts(list: &[(&'static str, Constant)], style: Style, view: &View) -> Vec<String> {
    let shown = if view.whole { list.len() } else { SHOWN };
    let one = |(name, constant): &(&str, Constant)| {
        // One word, so that it is not broken.
        format!("{name}\u{a0}{}", number(constant.value, style))
    };
    let mut parts: Vec<String> = list.iter().take(shown).map(one).collect();
    if list.len() > shown {
        parts.push(format!("… {} more: --all shows them", list.len() - shown));
    }
    commas(parts)
}

/// The constants of a set, beside the name of the argument.
pub(crate) fn text(
    set: &'static Set,
    (label, width): (&str, usize),
    style: Style,
    view: &View,
    page: &mut Page,
) {
    let values = on(view.abi, set.values());
    let flags = on(view.abi, set.flags());
    let mut label = label;
    let mut row = |what: &str, list: &[(&'static str, Constant)], style| {
        if list.is_empty() {
            return;
        }
        let parts = parts(list, style, view);
        let what = (!what.is_empty()).then(|| what.to_owned());
        page.beside(2, label, width, what.into_iter().chain(parts));
        label = "";
    };
    match (set.kind, set.mask) {
        (SetKind::Flags, _) => row("flags", &flags, style),
        (SetKind::Enum, _) => row("one of", &values, Style::Number),
        (SetKind::Mixed, mask) => {
            let mask = mask.and_then(|name| Some((name, view.abi.constant(name)?)));
            let under = mask.map_or("one of".to_owned(), |(name, value)| {
                format!("under {name}\u{a0}{}, one of", number(value, style))
            });
            row(&under, &values, style);
            row(if values.is_empty() { "flags" } else { "and flags" }, &flags, style);
        }
    }
    if values.is_empty() && flags.is_empty() {
        page.beside(2, label, width, [format!("no constant on {}", view.abi.name)]);
    }
}

/// The constants of a set.
pub(crate) fn json(name: &str, view: &View) -> Value {
    let Some(set) = tables::set(name) else { return Value::Null };
    let list = |names: &[&'static str]| {
        on(view.abi, names)
            .into_iter()
            .map(|(name, constant)| json!({ "name": name, "value": value(constant.value) }))
            .collect::<Vec<_>>()
    };
    json!({
        "set": set.name,
        "kind": set.kind.name(),
        "mask": set.mask.and_then(|mask| {
            Some(json!({ "name": mask, "value": value(view.abi.constant(mask)?) }))
        }),
        "values": list(set.values()),
        "flags": list(set.flags()),
    })
}

/// A number of at most 64 bits.
pub(crate) fn value(number: i128) -> Value {
    match (i64::try_from(number), u64::try_from(number)) {
        (Ok(number), _) => json!(number),
        (Err(_), Ok(number)) => json!(number),
        (Err(_), Err(_)) => Value::Null,
    }
}
