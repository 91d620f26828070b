//! The forms: what is written is read, whatever is in it, and what is damaged is told.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use std::io::Read;

use common::{openat, records, task};
use filterc_audit::binary::{self, Damage, Item};
use filterc_audit::{Event, Form, Gap, Gaps, Record, Stored, columns, json, sql, strace, table};

fn stream(form: Form, records: &[Record]) -> Vec<u8> {
    let mut out = Vec::new();
    if form == Form::Binary {
        out.extend(binary::header(0));
    }
    for record in records {
        match form {
            Form::Binary => binary::encode(record, &mut out).unwrap(),
            Form::Json => json::write(record, &mut out),
        }
    }
    out
}

fn read(bytes: &[u8]) -> Vec<Item> {
    let mut stored = Stored::new(bytes, false);
    std::iter::from_fn(|| stored.next_item().unwrap()).collect()
}

fn good(items: &[Item]) -> Vec<&Record> {
    let mut list = Vec::new();
    for item in items {
        if let Item::Record(record) = item {
            list.push(record);
        }
    }
    list
}

fn damages(items: &[Item]) -> Vec<&Damage> {
    let mut list = Vec::new();
    for item in items {
        if let Item::Damage(damage) = item {
            list.push(damage);
        }
    }
    list
}

#[test]
fn all_comes_back() {
    for form in [Form::Binary, Form::Json] {
        let bytes = stream(form, &records());
        let items = read(&bytes);
        assert_eq!(good(&items), records().iter().collect::<Vec<_>>(), "{form:?}");
        assert_eq!(items.len(), records().len());
    }
    // One stream after another, and nothing.
    let twice = [stream(Form::Binary, &records()), stream(Form::Binary, &records())].concat();
    assert_eq!(good(&read(&twice)).len(), 2 * records().len());
    assert!(read(b"").is_empty() && read(b"\n \n").is_empty());
}

#[test]
fn huge_texts() {
    let event = Event::Call(Box::new(openat(&vec![0xfe; 3 << 20], None)));
    let record = Record { time: 0, seq: 0, task: task(), event };
    for form in [Form::Binary, Form::Json] {
        let bytes = stream(form, std::slice::from_ref(&record));
        assert_eq!(good(&read(&bytes)), [&record]);
    }
    let event = Event::Call(Box::new(openat(&vec![0xfe; 17 << 20], None)));
    let (record, mut out) = (Record { event, ..record }, vec![1]);
    assert_eq!(binary::encode(&record, &mut out), Err(binary::TooLong));
    assert_eq!(out, [1]);
}

/// Gives a byte at a time.
struct Slow<'b>(&'b [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
        self.0 = rest;
        out[0] = *first;
        Ok(1)
    }
}

#[test]
fn readers_do_not_depend_on_what_is_read_at_once() {
    for form in [Form::Binary, Form::Json] {
        let bytes = stream(form, &records());
        let mut stored = Stored::new(Slow(&bytes), false);
        for record in records() {
            assert_eq!(stored.next_item().unwrap(), Some(Item::Record(record)));
        }
        assert_eq!(stored.next_item().unwrap(), None);
    }
}

#[test]
fn a_stream_that_grows_is_read_as_it_does() {
    use std::io::{Seek as _, SeekFrom, Write as _};
    for form in [Form::Binary, Form::Json] {
        let bytes = stream(form, &records());
        let mut file = tempfile::tempfile().unwrap();
        let mut stored = Stored::new(file.try_clone().unwrap(), true);
        let mut seen = Vec::new();
        let mut at = 0;
        for chunk in bytes.chunks(7) {
            // Both have one position.
            let reading = file.stream_position().unwrap();
            file.seek(SeekFrom::Start(at)).unwrap();
            file.write_all(chunk).unwrap();
            at += chunk.len() as u64;
            file.seek(SeekFrom::Start(reading)).unwrap();
            while let Some(Item::Record(record)) = stored.next_item().unwrap() {
                seen.push(record);
            }
        }
        assert_eq!(seen, records());
    }
}

#[test]
fn a_byte_that_is_damaged_costs_its_record_alone() {
    let all = records();
    let bytes = stream(Form::Binary, &all);
    for at in binary::HEADER_SIZE..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x41;
        let items = read(&bytes);
        let good = good(&items);
        assert_eq!(good.len(), all.len() - 1, "{at}");
        assert!(good.iter().all(|record| all.contains(record)));
        let [damage] = damages(&items)[..] else { panic!("{at}: one part is damaged") };
        let range = damage.at..damage.at + damage.length;
        assert!(range.contains(&(at as u64)), "{at}: {damage:?}");
    }
}

#[test]
fn a_stream_that_was_cut_or_begins_in_the_middle() {
    let all = records();
    let bytes = stream(Form::Binary, &all);
    let mut before = 0;
    for cut in binary::HEADER_SIZE..bytes.len() {
        let items = read(&bytes[..cut]);
        let whole = good(&items).len();
        assert!(whole == before || whole == before + 1);
        before = whole;
        assert!(damages(&items).len() <= 1);
        let told: u64 = damages(&items).iter().map(|damage| damage.length).sum();
        assert_eq!(stream(Form::Binary, &all[..whole]).len() as u64 + told, cut as u64);
    }
    for from in 1..bytes.len() {
        let items = read(&bytes[from..]);
        assert!(good(&items).iter().all(|record| all.contains(record)), "{from}");
        assert_eq!(good(&items).last().copied(), all.last().filter(|_| !good(&items).is_empty()));
    }
    let header = binary::header(0);
    assert_eq!(damages(&read(&header[..9])).len(), 1);
}

#[test]
fn lines_that_are_no_records() {
    let lines = stream(Form::Json, &records()[..1]);
    let text = String::from_utf8(lines).unwrap();
    for (change, reason) in [
        (("\"seq\":0", "\"seq\":-1"), "`seq` is no number of its size"),
        (("\"seq\":0", "\"seq\":1.5"), "`seq` is no number of its size"),
        (("\"seq\":0,", ""), "there is no `seq`"),
        (("\"event\":\"call\"", "\"event\":\"cal\""), "`cal` is no event that is known"),
        (("\"pid\":4711", "\"pid\":4294967296"), "`pid` is no number of its size"),
        (("\"abi\":\"x86_64\"", "\"abi\":\"i386\""), "`abi` is not that of `arch` and `nr`"),
        (("\"args\":[", "\"args\":[1,"), "`args` is a list of six numbers"),
        (("\"comm\":\"nginx\"", "\"comm\":\"\",\"comm_hex\":\"abc\""), "`comm_hex` is not bytes"),
        (("\"cut\":false", "\"cut\":0"), "`cut` is `true` or `false`"),
        (("{\"time_ns\"", "{\"time_ns\"::"), "no JSON object"),
    ] {
        let bad = text.replacen(change.0, change.1, 1);
        assert_ne!(bad, text, "{change:?}");
        let items = read(format!("{text}\n{bad}{text}").as_bytes());
        assert_eq!(good(&items).len(), 2);
        let [damage] = damages(&items)[..] else { panic!("{change:?}") };
        assert_eq!(damage.at, 3);
        assert!(damage.reason.contains(reason), "{change:?}: {}", damage.reason);
    }
}

#[test]
fn a_later_version_is_refused() {
    let mut header = binary::header(0);
    header[8] = 9;
    // Also its checksum is that of a header.
    let mut stored = Stored::new(&header[..], false);
    assert!(matches!(stored.next_item(), Ok(Some(Item::Damage(_)))));
    let later = *b"\x89FLTAUD\n\x02\x00\x00\x00";
    let sum = crc(&later).to_le_bytes();
    let header = [&later[..], &sum].concat();
    let mut stored = Stored::new(&header[..], false);
    assert!(stored.next_item().unwrap_err().to_string().contains("version 2"));
}

/// By the definition, bit for bit.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[test]
fn what_is_missing_is_told() {
    let told = |keep: &dyn Fn(usize) -> bool| {
        let (mut gaps, mut told) = (Gaps::default(), Vec::new());
        for (at, record) in records().iter().enumerate() {
            if keep(at) {
                gaps.see(record, |gap| told.push(gap));
            }
        }
        (gaps.is_whole(), told)
    };
    let lost = [Gap::Lost { first: 16, count: 1 }, Gap::Lost { first: 17, count: 5 }];
    assert_eq!(told(&|_| true), (false, lost.to_vec()));
    let (whole, list) = told(&|at| !(2..5).contains(&at) && at != 17);
    assert!(!whole);
    let missing =
        [Gap::Missing { first: 2, count: 3 }, lost[0], Gap::Missing { first: 17, count: 5 }];
    assert_eq!(list, missing);
    let (mut gaps, mut told) = (Gaps::default(), Vec::new());
    for record in [&records()[0], &records()[1], &records()[0]] {
        gaps.see(record, |gap| told.push(gap));
    }
    assert_eq!(told, [Gap::Back { due: 2, found: 0 }]);
}

#[test]
fn every_record_is_a_row() {
    for record in records() {
        let row = columns::row(&record);
        assert_eq!(row.len(), columns::COLUMNS.len(), "{record:?}");
        for ((name, ty, always), cell) in columns::COLUMNS.iter().zip(&row) {
            let fits = match cell {
                columns::Cell::Null => !always,
                columns::Cell::Integer(_) => *ty == columns::Type::Integer,
                columns::Cell::Text(_) => *ty == columns::Type::Text,
                columns::Cell::Bool(_) => *ty == columns::Type::Bool,
            };
            assert!(fits, "{name}: {cell:?}");
        }
    }
}

/// What each form looks like.
#[test]
fn golden() {
    let mut out = String::new();
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    out.push_str(&lossy(&stream(Form::Json, &records())));
    for record in records() {
        out.push_str(&strace::line(&record));
    }
    out.push_str(table::HEAD);
    for record in records() {
        out.push_str(&table::line(&record));
    }
    out.push_str(&sql::create());
    for record in records() {
        let mut line = Vec::new();
        sql::insert(&record, &mut line);
        out.push_str(&lossy(&line));
    }
    for record in records() {
        let mut frame = Vec::new();
        binary::encode(&record, &mut frame).unwrap();
        out.push_str(&filterc_audit::words::hex(&frame));
        out.push('\n');
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden.txt");
    if std::env::var_os("INSTA_UPDATE").is_some_and(|it| it == "always") {
        std::fs::write(path, &out).unwrap();
    }
    assert_eq!(out, std::fs::read_to_string(path).unwrap());
}
