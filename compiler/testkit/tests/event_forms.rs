//! One filter in several forms: as the kernel reads a text, as the language reads it, printed,
//! and with our additions put into the kernel's own words.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

use filterc::event::{self, Request};
use filterc_abi::{Facts, x86_64};
use filterc_grammar::diagnostic::Severity;
use filterc_grammar::parser::parse_predicate;
use filterc_grammar::source::{FileId, Span};
use filterc_hir::event::check::{self, Context};
use filterc_hir::event::eval::Event;
use filterc_hir::event::kernel::{self, Accepted, Machine, NoSymbols};
use filterc_hir::event::lower::{self, Unsayable};
use filterc_hir::event::{Filter, Predicate, Record, matches, print};
use filterc_testkit::event_text;
use filterc_testkit::events::{Content, bytes};
use filterc_testkit::rng::Rng;

const TWO: Machine<'static> = Machine { nr_cpu_ids: 2, symbols: &NoSymbols };

const EVENTS: [&str; 6] = [
    "sys_enter_openat",
    "sys_exit_lseek",
    "sys_enter_kcmp",
    "sys_enter_perf_event_open",
    "sys_enter_renameat2",
    "sys_enter_getpid",
];

/// The predicate without places, and without lists in lists of their own sort.
fn plain(predicate: Predicate) -> Predicate {
    match predicate {
        Predicate::And(parts) => list(parts, true),
        Predicate::Or(parts) => list(parts, false),
        Predicate::Not(inner) => plain(*inner).negate(),
        Predicate::Test(mut test) => {
            test.span = Span::default();
            Predicate::Test(test)
        }
        Predicate::True | Predicate::False => predicate,
    }
}

fn list(parts: Vec<Predicate>, is_and: bool) -> Predicate {
    let mut flat = Vec::new();
    for part in parts.into_iter().map(plain) {
        match part {
            Predicate::And(inner) if is_and => flat.extend(inner),
            Predicate::Or(inner) if !is_and => flat.extend(inner),
            Predicate::True
            | Predicate::False
            | Predicate::Not(_)
            | Predicate::And(_)
            | Predicate::Or(_)
            | Predicate::Test(_) => flat.push(part),
        }
    }
    if is_and { Predicate::And(flat) } else { Predicate::Or(flat) }
}

fn by_kernel(record: &Record, text: &[u8]) -> Option<Predicate> {
    match kernel::parse(record, FileId::default(), text, &TWO) {
        Ok(Accepted::Filter { predicate, .. }) => Some(predicate),
        Ok(Accepted::Clear) | Err(_) => None,
    }
}

fn by_language(record: &Record, text: &str) -> Result<Predicate, Vec<String>> {
    let context = Context { abi: x86_64(), defines: &[], machine: &TWO };
    let (tree, errors) = parse_predicate(FileId::default(), text);
    let checked = check::predicate(record, &tree, &context);
    let errors = errors.iter().chain(&checked.diagnostics);
    let errors: Vec<String> = errors
        .filter(|found| found.severity == Severity::Error)
        .map(|found| format!("{} {}", found.code.0, found.message))
        .collect();
    match checked.result {
        Some(filter) if errors.is_empty() => Ok(filter.predicate),
        Some(_) | None => Err(errors),
    }
}

#[test]
fn what_the_kernel_reads_the_language_reads_alike() {
    let mut rng = Rng::new(3);
    let (mut both, mut kernel_only) = (0, 0);
    for round in 0..40_000 {
        let record = Record::of_event(x86_64(), EVENTS[round % EVENTS.len()]).unwrap();
        let bytes = event_text::text(&record, &mut rng);
        let Some(kernel) = by_kernel(&record, &bytes) else { continue };
        // Texts of the language are UTF-8.
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        if text.contains('\0') || !text.is_ascii() {
            continue;
        }
        match by_language(&record, &text) {
            Ok(language) => {
                assert_eq!(plain(language), plain(kernel), "{text:?}");
                both += 1;
            }
            // One character in single quotes is a number to the language.
            Err(_) if text.contains('\'') => kernel_only += 1,
            Err(errors) => panic!("{text:?}: {errors:?}"),
        }
    }
    println!("{both} read by both, {kernel_only} by the kernel alone");
    assert!(both > 8_000 && kernel_only < both / 20);
}

#[test]
fn printed_filters_are_the_kernels_again() {
    let mut rng = Rng::new(4);
    let mut printed = 0;
    for round in 0..40_000 {
        let record = Record::of_event(x86_64(), EVENTS[round % EVENTS.len()]).unwrap();
        let text = event_text::text(&record, &mut rng);
        let Some(predicate) = by_kernel(&record, &text) else { continue };
        let again = print::predicate(&predicate);
        let read = by_kernel(&record, &again);
        let shown = String::from_utf8_lossy(&again).into_owned();
        assert_eq!(read.map(plain), Some(plain(predicate)), "{shown}");
        printed += 1;
    }
    assert!(printed > 10_000, "{printed}");
}

fn content(rng: &mut Rng) -> Content {
    let word = |rng: &mut Rng| match rng.below(5) {
        0 => rng.next(),
        1 => rng.next() & 0xff,
        2 => u64::MAX << rng.below(64),
        3 => 1 << rng.below(64),
        _ => rng.next() & 0xffff_ffff | u64::from(rng.below(2) == 0) << 63,
    };
    let low = |word: u64| u32::try_from(word & 0xffff_ffff).unwrap();
    Content {
        event_id: 7,
        flags: 0,
        pid: low(word(rng)),
        nr: low(word(rng)),
        args: [(); 6].map(|()| word(rng)),
        ret: word(rng),
    }
}

fn keeps(record: &Record, predicate: &Predicate, content: &Content) -> bool {
    let filter = Filter { record: record.clone(), predicate: predicate.clone() };
    let event = Event {
        record: &bytes(record, content),
        endian: record.endian,
        cpu: 1,
        who: Facts::default(),
        comm: b"test",
        memory: &|_| None,
    };
    matches(&filter, &event)
}

#[test]
fn additions_mean_the_same_in_the_kernels_words() {
    let mut rng = Rng::new(5);
    let (mut lowered, mut evaluated, mut kept) = (0, 0, 0);
    for round in 0..20_000 {
        let record = Record::of_event(x86_64(), EVENTS[round % EVENTS.len()]).unwrap();
        let text = event_text::addition(&record, &mut rng);
        let Ok(predicate) = by_language(&record, &text) else { continue };
        let filter = Filter { record: record.clone(), predicate };
        let words = match lower::kernel_text(&filter) {
            Ok(words) => words,
            Err(Unsayable::TooLong { .. }) => continue,
            Err(unsayable) => panic!("{text}: {unsayable:?}"),
        };
        let shown = String::from_utf8_lossy(&words).into_owned();
        let read = by_kernel(&record, &words).unwrap_or_else(|| panic!("{text}: {shown}"));
        lowered += 1;
        for _ in 0..12 {
            let content = content(&mut rng);
            let (ours, theirs) =
                (keeps(&record, &filter.predicate, &content), keeps(&record, &read, &content));
            assert_eq!(ours, theirs, "{text}: {shown}: {content:x?}");
            evaluated += 1;
            kept += usize::from(ours);
        }
    }
    println!("{lowered} filters lowered, {evaluated} evaluations, {kept} kept");
    assert!(lowered > 5_000 && kept > evaluated / 10 && kept < evaluated * 9 / 10);
}

#[test]
fn every_pattern_of_eight_bits_is_compared_right() {
    // All constants and all values of a small view, with all ways to compare.
    let record = Record::of_event(x86_64(), "sys_enter_kcmp").unwrap();
    for view in ["u8", "s8"] {
        for op in ["==", "!=", "<", "<=", ">", ">="] {
            for constant in (0..=255_u64).step_by(5) {
                let number = if view == "s8" {
                    i64::try_from(constant).unwrap() - 128
                } else {
                    i64::try_from(constant).unwrap()
                };
                let text = format!("pid1.{view} {op} {number}");
                let predicate = by_language(&record, &text).unwrap();
                let filter = Filter { record: record.clone(), predicate };
                let words = lower::kernel_text(&filter).unwrap();
                let read = by_kernel(&record, &words).unwrap();
                for value in 0..=255_u64 {
                    let content = Content { args: [value | 0xab00; 6], ..Content::default() };
                    let signed = i64::try_from(value).unwrap();
                    let signed = if view == "s8" && signed > 127 { signed - 256 } else { signed };
                    let expected = match op {
                        "==" => signed == number,
                        "!=" => signed != number,
                        "<" => signed < number,
                        "<=" => signed <= number,
                        ">" => signed > number,
                        _ => signed >= number,
                    };
                    assert_eq!(keeps(&record, &filter.predicate, &content), expected, "{text}");
                    assert_eq!(keeps(&record, &read, &content), expected, "{text}");
                }
            }
        }
    }
}

#[test]
fn what_the_kernel_cannot_be_told() {
    let record = Record::of_event(x86_64(), "sys_enter_openat").unwrap();
    let code = |text: &str| {
        let predicate = by_language(&record, text).unwrap();
        let filter = Filter { record: record.clone(), predicate };
        lower::kernel_text(&filter).map(|_| "").unwrap_or_else(|error| error.diagnostic().code.0)
    };
    for text in ["dfd == flags", "filename.u64 == 0", "cpu.u8 & 1", "args[1] != 0"] {
        assert_eq!(code(text), "F0280", "{text}");
    }
    let long: Vec<String> = (0..400).map(|n| format!("dfd == {}", n * 3)).collect();
    assert_eq!(code(&long.join(" || ")), "F0281");
    assert_eq!(code("dfd.s32 == AT_FDCWD && flags & O_CREAT"), "");
}

#[test]
fn texts_are_read_by_the_kernels_rules_first() {
    let record = Record::of_event(x86_64(), "sys_enter_openat").unwrap();
    let context = Context { abi: x86_64(), defines: &[], machine: &TWO };
    let read = |text: &[u8]| event::read("filter", text, &record, &context);
    let words = |text: &[u8]| match read(text) {
        Ok(Request::Filter(filter)) => filter.kernel_text().unwrap(),
        Ok(Request::Clear) => b"0".to_vec(),
        Err(diagnostics) => panic!("{diagnostics}"),
    };
    // What the kernel reads stays as it is, less what it ignores.
    assert_eq!(words(b"dfd\xa0== 010 &&"), b"dfd\xa0== 010 ");
    assert_eq!(words(b" dfd==1\0junk"), b" dfd==1");
    assert_eq!(words(b"comm == 'x'"), b"comm == 'x'");
    assert_eq!(words(b" 0\n"), b"0");
    assert_eq!(words(b"dfd == 1 or dfd == 2"), b"dfd == 1 || dfd == 2");
    let said = |text: &[u8]| read(text).unwrap_err().to_string();
    assert!(
        said(b"dfd == -1").contains("the kernel: EINVAL, \"Illegal integer value\" at position 8")
    );
    assert!(said(b"dfd & 1 || dfd & 2 &&").contains("has no defined meaning"));
    // Additions are of the language, whose texts are UTF-8.
    assert!(said(b"comm == \"\xe9\" or dfd == 1").contains("F0279"));
}
