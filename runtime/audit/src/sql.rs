//! Statements of SQL that make a table of records: of the dialect that SQLite, DuckDB and
//! PostgreSQL share, but for bytes that are no text, which SQLite writes `X'…'`.

use crate::columns::{COLUMNS, Cell, Type, row};
use crate::record::Record;
use crate::words;

/// The table's name.
pub const TABLE: &str = "audit";

/// The statement that makes the table.
#[must_use]
pub fn create() -> String {
    let columns = COLUMNS.iter().map(|(name, ty, always)| {
        let ty = match ty {
            Type::Integer => "BIGINT",
            Type::Text => "TEXT",
            Type::Bool => "BOOLEAN",
        };
        // Names of columns can be words of the language.
        format!("  \"{name}\" {ty}{}", if *always { " NOT NULL" } else { "" })
    });
    let columns: Vec<String> = columns.collect();
    format!("CREATE TABLE {TABLE} (\n{}\n);\n", columns.join(",\n"))
}

/// The statement that adds a record.
pub fn insert(record: &Record, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("INSERT INTO {TABLE} VALUES (").as_bytes());
    for (at, cell) in row(record).iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        match cell {
            Cell::Null => out.extend_from_slice(b"NULL"),
            // The least number cannot be written as the negation of one.
            Cell::Integer(i64::MIN) => out.extend_from_slice(b"(-9223372036854775807-1)"),
            Cell::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Cell::Bool(yes) => out.extend_from_slice(if *yes { b"TRUE" } else { b"FALSE" }),
            Cell::Text(bytes) => text(bytes, out),
        }
    }
    out.extend_from_slice(b");\n");
}

/// A literal. A text with a NUL would end there, and one that is not UTF-8 is none.
fn text(bytes: &[u8], out: &mut Vec<u8>) {
    if std::str::from_utf8(bytes).is_err() || bytes.contains(&0) {
        out.extend_from_slice(format!("X'{}'", words::hex(bytes)).as_bytes());
        return;
    }
    out.push(b'\'');
    for byte in bytes {
        if *byte == b'\'' {
            out.push(b'\'');
        }
        out.push(*byte);
    }
    out.push(b'\'');
}
