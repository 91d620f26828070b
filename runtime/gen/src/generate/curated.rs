//! Reading the hand-written inputs: tab-separated rows, `#` comments, the evidence last.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A hand-written table.
#[derive(Debug)]
pub(crate) struct Sheet {
    path: PathBuf,
    rows: Vec<Row>,
}

/// A row of it, without the evidence.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    path: PathBuf,
    line: usize,
    columns: Vec<String>,
}

impl Sheet {
    /// The table in `curated/NAME.tsv` of the crate in `abi`, with that many columns before
    /// the evidence.
    pub(crate) fn read(abi: &Path, name: &str, columns: usize) -> Result<Self, Error> {
        let path = abi.join("curated").join(name).with_extension("tsv");
        let text = fs::read_to_string(&path).map_err(|error| Error::io(&path, &error))?;
        Self::parse(&path, &text, columns)
    }

    /// The same, empty where the file is not there.
    pub(crate) fn read_if_there(abi: &Path, name: &str, columns: usize) -> Result<Self, Error> {
        let path = abi.join("curated").join(name).with_extension("tsv");
        if path.exists() {
            Self::read(abi, name, columns)
        } else {
            Ok(Self { path, rows: Vec::new() })
        }
    }

    /// The table in a text; `path` is for messages.
    pub(crate) fn parse(path: &Path, text: &str, columns: usize) -> Result<Self, Error> {
        let mut rows = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut row = Row {
                path: path.to_owned(),
                line: index + 1,
                columns: line.split('\t').map(str::to_owned).collect(),
            };
            let evidence = row.columns.pop();
            if row.columns.len() != columns || evidence.is_none_or(|text| text.trim().is_empty()) {
                return Err(row.error(&format!("not {columns} columns and the evidence")));
            }
            if row.columns.iter().any(String::is_empty) {
                return Err(row.error("an empty column; write - for nothing"));
            }
            rows.push(row);
        }
        Ok(Self { path: path.to_owned(), rows })
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter()
    }

    pub(crate) fn into_rows(self) -> impl Iterator<Item = Row> {
        self.rows.into_iter()
    }

    /// An error about the table as a whole.
    pub(crate) fn error(&self, what: &str) -> Error {
        Error::Failed(format!("{}: {what}", self.path.display()))
    }
}

impl Row {
    /// A column; there are as many as the reader asked for.
    pub(crate) fn get(&self, index: usize) -> &str {
        self.columns.get(index).map_or("", String::as_str)
    }

    /// The words of a column that holds a list; `-` is an empty one.
    pub(crate) fn words(&self, index: usize) -> Vec<&str> {
        match self.get(index) {
            "-" => Vec::new(),
            text => text.split([' ', ',']).filter(|word| !word.is_empty()).collect(),
        }
    }

    /// An error about this row.
    pub(crate) fn error(&self, what: &str) -> Error {
        Error::Failed(format!("{}:{}: {what}", self.path.display(), self.line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Sheet, Error> {
        Sheet::parse(Path::new("sheet.tsv"), text, 2)
    }

    #[test]
    fn rows_have_their_columns_and_evidence() {
        let sheet = parse("# about\n\na\tb c\tbecause\n").unwrap();
        let row = sheet.rows().next().unwrap();
        assert_eq!((row.get(0), row.words(1)), ("a", vec!["b", "c"]));
        assert_eq!(row.error("x").to_string(), "sheet.tsv:3: x");
        for wrong in ["a\tb\n", "a\tb\t\n", "a\tb\tc\td\n", "a\t\tc\n"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
