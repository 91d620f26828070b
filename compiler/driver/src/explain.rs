//! The pages behind the codes: what a diagnostic means, how it comes about, how to mend it.

/// `(code, page)`, sorted by code; the page is Markdown and begins with `# CODE: title`.
pub const PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// The page of a code, in any case (`f0101`).
#[must_use]
pub fn page(code: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)).map(|(_, page)| *page)
}

/// The title of a page, without the code.
#[must_use]
pub fn title(page: &'static str) -> &'static str {
    let line = page.lines().next().unwrap_or_default();
    line.split_once(": ").map_or(line, |(_, title)| title)
}
