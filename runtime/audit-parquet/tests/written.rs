//! Files are read back by the reader of the library, over several row groups; the tool's tests have
//! another reader read them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::io::{self, Write};

use filterc_audit::columns::{COLUMNS, Cell, row};
use filterc_audit::{Event, Exit, Record, Task};
use filterc_audit_parquet::Writer;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;

/// More than one group has.
const COUNT: u64 = 70_000;

fn record(seq: u64) -> Record {
    let comm = if seq == 7 { b"\xff\0x".to_vec() } else { b"nginx".to_vec() };
    let event = match seq % 4 {
        0 => Event::Exec,
        1 => Event::Exit(Exit::Status(3)),
        2 => Event::Create { child: u32::MAX, thread: true },
        _ => Event::Lost(u64::MAX),
    };
    let task = Task { pid: 1, tid: 2, ppid: 3, uid: u32::MAX, comm, exe: Vec::new() };
    Record { time: u64::MAX, seq, task, event }
}

fn same(cell: &Cell, field: &Field) -> bool {
    match (cell, field) {
        (Cell::Null, Field::Null) => true,
        (Cell::Integer(number), Field::Long(other)) => number == other,
        (Cell::Bool(yes), Field::Bool(other)) => yes == other,
        (Cell::Text(bytes), Field::Str(text)) => String::from_utf8_lossy(bytes) == *text,
        _ => false,
    }
}

#[test]
fn all_comes_back() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut writer = Writer::new(file.reopen().unwrap()).unwrap();
    for seq in 0..COUNT {
        writer.add(&record(seq)).unwrap();
    }
    writer.finish().unwrap();
    let reader = SerializedFileReader::new(File::open(file.path()).unwrap()).unwrap();
    assert_eq!(reader.num_row_groups(), 2);
    let mut seq = 0;
    for read in reader.get_row_iter(None).unwrap() {
        let (read, cells) = (read.unwrap(), row(&record(seq)));
        for (((name, ..), cell), (column, field)) in
            COLUMNS.iter().zip(&cells).zip(read.get_column_iter())
        {
            assert_eq!(name, column);
            assert!(same(cell, field), "{seq} {name}: {cell:?} {field:?}");
        }
        seq += 1;
    }
    assert_eq!(seq, COUNT);
}

#[test]
fn a_file_without_records_is_one() {
    let file = tempfile::NamedTempFile::new().unwrap();
    Writer::new(file.reopen().unwrap()).unwrap().finish().unwrap();
    let reader = SerializedFileReader::new(File::open(file.path()).unwrap()).unwrap();
    assert_eq!(reader.get_row_iter(None).unwrap().count(), 0);
}

struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn errors_of_the_output_are_told() {
    let result = Writer::new(Full).and_then(|mut writer| {
        writer.add(&record(0))?;
        writer.finish()
    });
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::StorageFull);
}
