//! Trees as text, for comparing.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use filterc_grammar::ast::File;

/// The tree in the shape of `{:#?}`, a span as the text under it.
pub(crate) fn dump(text: &str, file: &File) -> String {
    spans(file, |start, end| {
        let under = text.get(start..end).unwrap_or_default();
        let words: Vec<_> = under.split_whitespace().collect();
        format!("⟨{}⟩", words.join(" "))
    })
}

/// The tree without positions.
pub(crate) fn without_spans(file: &File) -> String {
    spans(file, |_, _| "_".to_owned())
}

/// Replaces each `Span { … }` of the debug form, which has a field on each line.
fn spans(file: &File, print: impl Fn(usize, usize) -> String) -> String {
    let dumped = format!("{file:#?}");
    let mut out = String::with_capacity(dumped.len());
    let mut rest = dumped.as_str();
    while let Some((before, span)) = rest.split_once("Span {") {
        out.push_str(before);
        let number = |name: &str| {
            let (_, value) = span.split_once(name).unwrap_or_default();
            value.split(',').next().unwrap_or_default().trim().parse().unwrap_or_default()
        };
        out.push_str(&print(number("start:"), number("end:")));
        rest = span.split_once('}').unwrap_or_default().1;
    }
    out + rest
}
