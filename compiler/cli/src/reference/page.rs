//! A page of text: headings, rows with aligned columns, and lists that are wrapped.

/// Columns of a page.
const WIDTH: usize = 80;

/// A page in the making.
#[derive(Debug)]
pub(crate) struct Page {
    out: String,
    bold: bool,
}

impl Page {
    pub(crate) const fn new(bold: bool) -> Self {
        Self { out: String::new(), bold }
    }

    /// The text, its unbreakable spaces as plain ones.
    pub(crate) fn finish(self) -> String {
        self.out.replace('\u{a0}', " ")
    }

    /// The line that begins a page.
    pub(crate) fn title(&mut self, name: &str, about: &str) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.emphasis(name);
        if !about.is_empty() {
            let room = WIDTH.saturating_sub(name.chars().count() + 2);
            self.out.push_str(": ");
            self.out.push_str(&wrap(about.split(' '), room, WIDTH - 2).join("\n  "));
        }
        self.out.push('\n');
    }

    /// A heading, with an empty line before it.
    pub(crate) fn heading(&mut self, text: &str) {
        self.out.push('\n');
        for line in wrap(text.split(' '), WIDTH, WIDTH - 2) {
            if !self.out.ends_with("\n\n") {
                self.out.push_str("  ");
            }
            self.emphasis(&line);
            self.out.push('\n');
        }
    }

    fn emphasis(&mut self, text: &str) {
        if self.bold {
            self.out.push_str(&format!("\x1b[1m{text}\x1b[0m"));
        } else {
            self.out.push_str(text);
        }
    }

    /// A line, indented and as long as it is.
    pub(crate) fn line(&mut self, indent: usize, text: &str) {
        let text = format!("{:indent$}{text}", "");
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    /// A label and what belongs to it, wrapped beside it.
    pub(crate) fn entry(&mut self, label: &str, text: &str) {
        const LABEL: usize = 12;
        self.beside(2, label, LABEL, text.split(' '));
    }

    /// Parts that must not be broken, wrapped beside a label of some width.
    pub(crate) fn beside<T: AsRef<str>>(
        &mut self,
        indent: usize,
        label: &str,
        width: usize,
        parts: impl IntoIterator<Item = T>,
    ) {
        let margin = indent + width + 2;
        let room = WIDTH.saturating_sub(margin);
        let mut start = format!("{:indent$}{label:width$}  ", "");
        for line in wrap(parts, room, room) {
            self.line(0, &format!("{start}{line}"));
            start = " ".repeat(margin);
        }
    }

    /// Rows of a name and numbers, which are aligned to the right.
    pub(crate) fn numbers(&mut self, rows: &[Vec<String>]) {
        let widths = widths(rows);
        for row in rows {
            let cells = row.iter().zip(&widths).enumerate();
            let cells: Vec<String> = cells
                .map(|(i, (cell, width))| match i {
                    0 => format!("{cell:width$}"),
                    _ => format!("{cell:>width$}"),
                })
                .collect();
            self.line(0, &cells.join("  "));
        }
    }

    /// Rows whose columns are aligned; the last column is wrapped.
    pub(crate) fn table(&mut self, indent: usize, rows: &[Vec<String>]) {
        let widths = widths(rows);
        for row in rows {
            let Some((last, first)) = row.split_last() else { continue };
            let cells = first.iter().zip(&widths);
            let cells: Vec<String> = cells.map(|(cell, width)| format!("{cell:width$}")).collect();
            let label = cells.join("  ");
            self.beside(indent, &label, label.chars().count(), last.split(' '));
        }
    }
}

/// Parts on lines, the first of which may have another width; at least one line.
fn wrap<T: AsRef<str>>(
    parts: impl IntoIterator<Item = T>,
    first: usize,
    further: usize,
) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for part in parts {
        let part = part.as_ref();
        let width = if lines.is_empty() { first } else { further };
        if !line.is_empty() && line.chars().count() + 1 + part.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(part);
    }
    lines.push(line);
    lines
}

/// The width of each column.
fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    (0..columns).map(width).collect()
}

/// Parts with commas between.
pub(crate) fn commas(parts: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut parts: Vec<String> = parts.into_iter().collect();
    let last = parts.len().saturating_sub(1);
    parts.iter_mut().take(last).for_each(|part| part.push(','));
    parts
}

#[cfg(test)]
mod tests {
    use super::{Page, commas};

    #[test]
    fn wraps_beside_the_label() {
        let mut page = Page::new(false);
        let word = "w".repeat(30);
        page.title("name", "what it is");
        page.heading("heading");
        page.beside(2, "label", 6, commas([word.clone(), word.clone(), word.clone()]));
        assert_eq!(
            page.finish(),
            format!("name: what it is\n\nheading\n  label   {word}, {word},\n          {word}\n")
        );
    }

    #[test]
    fn aligns_columns() {
        let mut page = Page::new(true);
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        page.title("t", "");
        page.table(2, &[row(["a", "bb", "c d"]), row(["aaa", "b", ""])]);
        assert_eq!(page.finish(), "\x1b[1mt\x1b[0m\n  a    bb  c d\n  aaa  b\n");
    }
}
