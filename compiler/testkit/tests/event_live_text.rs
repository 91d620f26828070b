//! The running kernel reads more than 100,000 texts of event filters as we do: accepted or not,
//! errno, message and position.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skipped"
)]

use filterc::event::{self, Request};
use filterc_abi::x86_64;
use filterc_grammar::source::FileId;
use filterc_hir::event::Record;
use filterc_hir::event::check::Context;
use filterc_hir::event::kernel::{self, Machine, Message, NoSymbols, Rejection};
use filterc_testkit::rng::Rng;
use filterc_testkit::tracing::{Answer, Instance, kallsyms};
use filterc_testkit::{event_text, events};

const TEXTS: usize = 120_000;

const EVENTS: [&str; 10] = [
    "sys_enter_openat",
    "sys_enter_mmap",
    "sys_exit_lseek",
    "sys_enter_renameat2",
    "sys_enter_perf_event_open",
    "sys_enter_kcmp",
    "sys_enter_getpid",
    "sys_exit_openat",
    "sys_enter_prctl",
    "sys_enter_execve",
];

/// What the kernel will say; `None` for what it must not be asked.
fn expected(record: &Record, text: &[u8], machine: &Machine<'_>) -> Option<Answer> {
    Some(match kernel::parse(record, FileId::default(), text, machine) {
        Ok(_) => Answer::Accepted,
        Err(Rejection { message: Message::Undefined, .. }) => return None,
        Err(Rejection { errno, message, position }) => {
            Answer::Rejected { errno: errno.number(), message: message.text().to_owned(), position }
        }
    })
}

fn nr_cpu_ids() -> u32 {
    let possible = std::fs::read_to_string("/sys/devices/system/cpu/possible").unwrap();
    let last = possible.trim().rsplit(['-', ',']).next().unwrap();
    last.parse::<u32>().unwrap() + 1
}

#[test]
fn the_kernel_reads_texts_as_we_do() {
    let instance = match Instance::create("text") {
        Ok(instance) => instance,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let machine = Machine { nr_cpu_ids: nr_cpu_ids(), symbols: &NoSymbols };
    let mut rng = Rng::new(1);
    let (mut accepted, mut withheld) = (0, 0);
    let mut differences = Vec::new();
    for round in 0..TEXTS {
        let event = EVENTS[round % EVENTS.len()];
        let record = Record::of_event(x86_64(), event).unwrap();
        let text = event_text::text(&record, &mut rng);
        // Symbols have a test of their own: looking them up takes the kernel a millisecond.
        let Some(expected) = expected(&record, &text, &machine) else {
            withheld += 1;
            continue;
        };
        // A write of nothing does not reach the filter.
        if text.is_empty() {
            continue;
        }
        let found = instance.filter(event, &text).unwrap();
        accepted += usize::from(found == Answer::Accepted);
        if found != expected {
            let text: String = text.iter().map(|byte| char::from(*byte)).collect();
            differences.push(format!("{event}: {text:?}: {found:?}, not {expected:?}"));
        }
        if differences.len() > 20 {
            break;
        }
    }
    println!("{TEXTS} texts, {accepted} accepted, {withheld} withheld");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(accepted > TEXTS / 8, "{accepted}");
}

#[test]
fn the_kernel_knows_functions_as_we_do() {
    let (instance, symbols) = match (Instance::create("symbols"), kallsyms()) {
        (Ok(instance), Ok(symbols)) => (instance, symbols),
        (Err(reason), _) | (_, Err(reason)) => return println!("skipped: {reason}"),
    };
    let machine = Machine { nr_cpu_ids: nr_cpu_ids(), symbols: &symbols };
    let record = Record::of_event(x86_64(), "sys_enter_openat").unwrap();
    for text in [
        "flags.function == schedule",
        "(flags.function == schedule )",
        "(flags.function == schedule)",
        "flags.function == schedule&&dfd & 1",
        "flags.function == 0xffff",
        "flags.function==0x",
        "flags.function==1x",
        "flags.function < schedule",
        "flags.function & schedule",
        "flags.function != \"schedule\"",
        "flags.function == ",
        "flags.function ==",
        "filename.ustring.function == schedule",
        "filename.function.ustring == schedule",
        "common_pid.function == schedule",
        "cpu.function == schedule",
        "flags.function == 0x000000000000000000000001",
        "flags .function == schedule",
    ] {
        let expected = expected(&record, text.as_bytes(), &machine).unwrap();
        let found = instance.filter("sys_enter_openat", text.as_bytes()).unwrap();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn the_kernel_takes_our_additions_in_its_own_words() {
    let instance = match Instance::create("words") {
        Ok(instance) => instance,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let machine = Machine { nr_cpu_ids: nr_cpu_ids(), symbols: &NoSymbols };
    let context = Context { abi: x86_64(), defines: &[], machine: &machine };
    let mut rng = Rng::new(6);
    let mut taken = 0;
    for round in 0..6_000 {
        let event = EVENTS[round % EVENTS.len()];
        let record = Record::of_event(x86_64(), event).unwrap();
        let text = event_text::addition(&record, &mut rng);
        let read = event::read("filter", text.as_bytes(), &record, &context);
        let Ok(Request::Filter(filter)) = read else { continue };
        let Ok(words) = filter.kernel_text() else { continue };
        let shown = String::from_utf8_lossy(&words).into_owned();
        assert_eq!(instance.filter(event, &words).unwrap(), Answer::Accepted, "{text}: {shown}");
        taken += 1;
    }
    assert!(taken > 2_000, "{taken}");
}

#[test]
fn the_kernel_describes_records_as_the_tables_do() {
    let instance = match Instance::create("format") {
        Ok(instance) => instance,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let (mut compared, mut differ) = (0, Vec::new());
    for event in filterc_hir::event::layout::events(x86_64()) {
        // A kernel lacks the events of calls that it was built without.
        let Ok(text) = instance.read(&format!("events/syscalls/{event}/format")) else { continue };
        let text = String::from_utf8(text).unwrap();
        let live = Record::of_format(x86_64(), &text).map(plain);
        compared += 1;
        if live != Record::of_event(x86_64(), &event).map(plain) {
            differ.push(event);
        }
    }
    // What kernels changed, by `runtime/abi/curated/tracefs.tsv`.
    differ.retain(|event| !["sys_enter_bpf", "sys_enter_getcpu"].contains(&event.as_str()));
    assert_eq!(differ, [""; 0]);
    assert!(compared > 600, "{compared}");
}

/// The record without the spelling of its types.
fn plain(mut record: Record) -> Record {
    record.fields.iter_mut().for_each(|field| field.ctype.clear());
    record
}

#[test]
fn a_wrong_rule_would_be_noticed() {
    // Rules that one could believe in, and texts of the sample that tell them from the true ones.
    let record = Record::of_event(x86_64(), "sys_enter_openat").unwrap();
    let machine = Machine { nr_cpu_ids: 2, symbols: &NoSymbols };
    let mut rng = Rng::new(1);
    let (mut octal, mut latin1, mut dangling) = (0, 0, 0);
    for _ in 0..20_000 {
        let text = event_text::text(&record, &mut rng);
        let Some(answer) = expected(&record, &text, &machine) else { continue };
        let other = |from: &[u8], to: &[u8]| {
            let at = text.windows(from.len()).position(|part| part == from)?;
            let mut changed = text.clone();
            changed.splice(at..at + from.len(), to.iter().copied());
            expected(&record, &changed, &machine)
        };
        octal += usize::from(other(b"08", b"8").is_some_and(|other| other != answer));
        latin1 += usize::from(other(b"\xa0", b"_").is_some_and(|other| other != answer));
        dangling += usize::from(other(b"||", b"").is_some_and(|other| other != answer));
    }
    assert!(octal > 10 && latin1 > 10 && dangling > 10, "{octal} {latin1} {dangling}");
    assert_eq!(events::latin1("\u{e9}"), [0xe9]);
}
