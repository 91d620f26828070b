//! Settings of a unit file.

use filterc_grammar::source::{FileId, Span};

use crate::scan::{self, Word, words};

/// `NAME=WORD WORD …`
pub(super) struct Setting<'t> {
    pub(super) name: &'t str,
    pub(super) span: Span,
    pub(super) words: Vec<Word<'t>>,
}

/// The settings of a text. A `\` at the end of a line joins it to the next; comments between
/// joined lines do not count. Sections are not told apart: these settings have one meaning in all
/// that have them.
pub(super) fn settings(file: FileId, text: &str) -> Vec<Setting<'_>> {
    let mut settings: Vec<Setting<'_>> = Vec::new();
    let mut joined = false;
    for (start, line) in scan::lines(text) {
        let is_comment = line.trim_start().starts_with(['#', ';']);
        if is_comment {
            continue;
        }
        let (content, continues) = match line.trim_end().strip_suffix('\\') {
            Some(content) => (content, true),
            None => (line, false),
        };
        if joined {
            if let Some(setting) = settings.last_mut() {
                setting.words.extend(words(file, content, start));
            }
        } else if let Some((name, value)) = content.split_once('=') {
            let value_start = start + name.len() + 1;
            settings.push(Setting {
                name: name.trim(),
                span: scan::span(file, start, start + content.trim_end().len()),
                words: words(file, value, value_start),
            });
        } else {
            // A section, or nothing.
            joined = false;
            continue;
        }
        joined = continues;
    }
    settings
}
