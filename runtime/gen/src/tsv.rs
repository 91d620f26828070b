//! Files of tab-separated rows: the tables, and the hand-written files they come from.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The rows of a file, without comments and empty lines.
#[derive(Debug)]
pub(crate) struct Sheet {
    path: PathBuf,
    rows: Vec<Row>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    line: usize,
    columns: Vec<String>,
}

impl Sheet {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|error| Error::io(path, &error))?;
        Ok(Self { path: path.to_owned(), rows: rows(&text) })
    }

    /// The rows, in the order of the file.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// An error about a row.
    pub(crate) fn error(&self, row: &Row, what: &str) -> Error {
        Error::Failed(format!("{}:{}: {what}", self.path.display(), row.line))
    }
}

fn rows(text: &str) -> Vec<Row> {
    let columns = |line: &str| line.split('\t').map(str::to_owned).collect();
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| Row { line: index + 1, columns: columns(line) })
        .collect()
}

impl Row {
    /// Its line's number in the file, from 1.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// How many columns it has.
    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }

    /// A column; empty where there is none.
    pub(crate) fn column(&self, index: usize) -> &str {
        self.columns.get(index).map_or("", String::as_str)
    }

    /// The words of a column; `-` and `*` stand for none.
    pub(crate) fn words(&self, index: usize) -> impl Iterator<Item = &str> {
        self.column(index).split([' ', ',']).filter(|word| !matches!(*word, "" | "-" | "*"))
    }

    /// The last column.
    pub(crate) fn evidence(&self) -> &str {
        self.columns.last().map_or("", String::as_str)
    }
}
