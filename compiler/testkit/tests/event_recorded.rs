//! Event filters against what Linux 6.18 answered: recorded, so that no kernel is needed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;

use filterc_abi::{Facts, x86_64};
use filterc_grammar::source::FileId;
use filterc_hir::event::eval::Event;
use filterc_hir::event::kernel::{self, Accepted, Machine, NoSymbols, Rejection};
use filterc_hir::event::{Field, Filter, Part, Record, matches};
use filterc_testkit::corpus;
use filterc_testkit::events::{Content, bytes, latin1};
use serde_json::Value;

const TWO: Machine<'static> = Machine { nr_cpu_ids: 2, symbols: &NoSymbols };

fn rows(name: &str) -> Vec<Value> {
    let text = corpus::text(&corpus::folder("ftrace").join(name));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn record(row: &Value) -> Record {
    let name = row["event"].as_str().unwrap();
    Record::of_event(x86_64(), name).unwrap_or_else(|| panic!("{name}"))
}

/// What is read with the functions of the machine it was recorded on.
fn needs_symbols(row: &Value) -> bool {
    row["env"].as_array().is_some_and(|env| env.iter().any(|needed| needed == "kallsyms"))
}

/// How the parser's answer differs from the recorded one.
fn difference(row: &Value, answer: &Result<Accepted, Rejection>) -> Option<String> {
    let expected = if row["accepted"].as_bool().unwrap() {
        let clears = row["clears"].as_bool().unwrap_or_default();
        (if clears { "clears" } else { "accepted" }).to_owned()
    } else {
        let position = row["error_pos"].as_u64().unwrap_or_default();
        let message = row["error"].as_str().unwrap_or("nothing is logged");
        format!("{} {message} {position}", row["errno"].as_str().unwrap())
    };
    let found = match answer {
        Ok(Accepted::Clear) => "clears".to_owned(),
        Ok(Accepted::Filter { .. }) => "accepted".to_owned(),
        Err(Rejection { errno, message, position }) => {
            format!("{} {} {position}", errno.name(), message.text())
        }
    };
    (found != expected).then(|| format!("{}: {found}, not {expected}", row["filter"]))
}

#[test]
fn texts_are_accepted_or_rejected_as_recorded() {
    let mut differences = Vec::new();
    let mut compared = 0;
    for row in rows("accept.jsonl").iter().filter(|row| !needs_symbols(row)) {
        let text = latin1(row["filter"].as_str().unwrap());
        let answer = kernel::parse(&record(row), FileId::default(), &text, &TWO);
        differences.extend(difference(row, &answer));
        compared += 1;
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(compared > 850, "{compared}");
}

#[test]
fn a_wrong_answer_is_noticed() {
    let row = rows("accept.jsonl").into_iter().find(|row| row["errno"] == "EINVAL").unwrap();
    let text = latin1(row["filter"].as_str().unwrap());
    let answer = kernel::parse(&record(&row), FileId::default(), &text, &TWO);
    assert_eq!(difference(&row, &answer), None);
    let wrong = answer.map_err(|r| Rejection { position: r.position + 1, ..r });
    assert!(difference(&row, &wrong).is_some());
}

/// Whether the filter keeps the recorded event; `None` if the filter is not accepted.
fn kept(row: &Value, alter: impl Fn(&mut Content)) -> Option<bool> {
    let record = record(row);
    let text = latin1(row["filter"].as_str().unwrap());
    let accepted = kernel::parse(&record, FileId::default(), &text, &TWO).ok()?;
    let Accepted::Filter { predicate, .. } = accepted else { return None };
    let filter = Filter { record, predicate };
    let mut content = Content {
        event_id: row["event_id"].as_u64().unwrap() as u16,
        pid: row["pid"].as_u64().unwrap() as u32,
        nr: row["nr"].as_u64().unwrap() as u32,
        ret: row["ret"].as_i64().unwrap_or_default().cast_unsigned(),
        ..Content::default()
    };
    for (slot, arg) in content.args.iter_mut().zip(row["args"].as_array().unwrap()) {
        *slot = arg.as_u64().unwrap();
    }
    alter(&mut content);
    let memory = |address: u64| -> Option<Vec<u8>> {
        let hex = row["mem"].get(address.to_string())?.as_str()?;
        let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        Some(pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect())
    };
    Some(matches(
        &filter,
        &Event {
            record: &bytes(&filter.record, &content),
            endian: filter.record.endian,
            who: Facts::default(),
            cpu: row["cpu"].as_u64().unwrap() as u32,
            comm: &latin1(row["comm"].as_str().unwrap()),
            memory: &memory,
        },
    ))
}

#[test]
fn events_are_kept_or_dropped_as_recorded() {
    let rows = rows("match.jsonl");
    for row in &rows {
        assert_eq!(kept(row, |_| {}), row["matched"].as_bool(), "{row}");
    }
    assert!(rows.len() > 1000);
    // The comparison is no empty one: with other arguments it fails.
    let altered = |row: &&Value| {
        kept(row, |content| content.args.iter_mut().for_each(|arg| *arg ^= 1))
            != row["matched"].as_bool()
    };
    assert!(rows.iter().filter(altered).count() > 50);
}

/// `unsigned` and `unsigned int` are one type, and so are `**` and `* *`.
fn plain(field: &str) -> String {
    let field = field.replace("unsigned int ", "unsigned ").replace("* *", "**");
    field
        .replace("unsigned ", "unsigned int ")
        .replace("int long ", "long ")
        .replace("int char ", "char ")
}

#[test]
fn records_are_as_the_kernel_describes_them() {
    let text = corpus::text(&corpus::folder("ftrace").join("formats.txt"));
    let mut seen = BTreeSet::new();
    let mut differ = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (event, fields) = line.split_once('\t').unwrap_or((line, ""));
        seen.insert(event.to_owned());
        let record = Record::of_event(x86_64(), event).unwrap_or_else(|| panic!("{event}"));
        let common =
            |field: &&Field| matches!(field.part, Part::Arg(_) | Part::Text(_) | Part::Ret);
        let shown = record.fields.iter().filter(common).map(|field| {
            let Field { name, ctype, offset, size, signed, .. } = field;
            plain(&format!("{ctype} {name} {offset} {size} {}", u8::from(*signed)))
        });
        let fields = fields.split('\t').filter(|field| !field.is_empty()).map(plain);
        if !shown.eq(fields) {
            differ.insert(event.to_owned());
        }
    }
    // What newer kernels changed, by `runtime/abi/curated/tracefs.tsv`.
    let expected = ["sys_enter_bpf", "sys_enter_getcpu"].map(str::to_owned);
    assert_eq!(differ, BTreeSet::from(expected));
    assert_eq!(seen.len(), 720);
}
