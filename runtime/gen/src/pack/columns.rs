//! Reading tab-separated lines, with an error that names the place.

use std::str::{FromStr, Split};

use crate::error::Error;

/// One line of a table.
pub(super) struct Columns<'a> {
    table: &'a str,
    line: usize,
    columns: Split<'a, char>,
}

/// All rows of a table; lines that begin with `#` are none.
pub(super) fn rows<'a, T>(
    table: &'a str,
    text: &'a str,
    read: impl Fn(&mut Columns<'a>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let mut rows = Vec::new();
    for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.starts_with('#')) {
        let mut columns = Columns { table, line, columns: text.split('\t') };
        rows.push(read(&mut columns)?);
        if columns.columns.next().is_some() {
            return Err(columns.wrong("a column too many"));
        }
    }
    Ok(rows)
}

impl<'a> Columns<'a> {
    /// What is wrong with the line.
    pub(super) fn wrong(&self, what: &str) -> Error {
        Error::Failed(format!("{}.tsv:{}: {what}", self.table, self.line))
    }

    pub(super) fn text(&mut self, what: &str) -> Result<&'a str, Error> {
        self.columns.next().ok_or_else(|| self.wrong(&format!("no {what}")))
    }

    /// All columns that are left.
    pub(super) fn rest(&mut self) -> Vec<&'a str> {
        self.columns.by_ref().collect()
    }

    /// Words with a space between.
    pub(super) fn words(&mut self, what: &str) -> Result<Vec<&'a str>, Error> {
        Ok(self.text(what)?.split(' ').filter(|word| !word.is_empty()).collect())
    }

    pub(super) fn number<T: FromStr>(&mut self, what: &str) -> Result<T, Error> {
        let text = self.text(what)?;
        text.parse().map_err(|_| self.wrong(&format!("{what} `{text}`")))
    }

    pub(super) fn hex(&mut self, what: &str) -> Result<u32, Error> {
        let text = self.text(what)?;
        self.hex_in(text, what)
    }

    pub(super) fn hex_in(&self, text: &str, what: &str) -> Result<u32, Error> {
        let digits = text.strip_prefix("0x").unwrap_or_default();
        u32::from_str_radix(digits, 16).map_err(|_| self.wrong(&format!("{what} `{text}`")))
    }

    /// `None` for `-`.
    pub(super) fn optional(&mut self, what: &str) -> Result<Option<&'a str>, Error> {
        Ok(Some(self.text(what)?).filter(|text| *text != "-"))
    }

    /// A value or `-`.
    pub(super) fn optional_number<T: FromStr>(&mut self, what: &str) -> Result<Option<T>, Error> {
        let Some(text) = self.optional(what)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.wrong(&format!("{what} `{text}`")))
    }

    /// Which of the names it is.
    pub(super) fn one_of(
        &mut self,
        names: impl IntoIterator<Item = &'static str>,
        what: &str,
    ) -> Result<usize, Error> {
        let text = self.text(what)?;
        self.position(text, names, what)
    }

    /// Which of the names a text is.
    pub(super) fn position(
        &self,
        text: &str,
        names: impl IntoIterator<Item = &'static str>,
        what: &str,
    ) -> Result<usize, Error> {
        let found = names.into_iter().position(|name| name == text);
        found.ok_or_else(|| self.wrong(&format!("{what} `{text}`")))
    }
}
