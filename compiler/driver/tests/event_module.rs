//! Event statements to modules: which programs there are, the lines that they carry, and what is
//! refused by which code.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use filterc::emit::emit_programs;
use filterc::event_module::{self, EventOptions, Monitored};
use filterc::{EventModule, Format, Options, Source, compile_events};
use filterc_abi::x86_64;
use filterc_ebpf::{Hook, consistent};
use filterc_grammar::source::{SourceMap, Span};
use filterc_hir::event::filter::{CmpOp, Matcher, MatcherKind, Text};
use filterc_hir::event::{Filter, Operand, Predicate, Record, Test, TestKind};

const ALL_TASKS: EventOptions =
    EventOptions { monitored: Monitored::Everybody, event_id: None, counted: None };

fn compile(text: &str, how: &EventOptions) -> Result<EventModule, Vec<&'static str>> {
    let options = Options { default_abi: Some(x86_64()), ..Options::default() };
    compile_events(&Source::text("events.flt", text), &options, how)
        .map_err(|diagnostics| diagnostics.list.iter().map(|found| found.code.0).collect())
}

const TWO: &str = "const LOW = 3\n\
    # What is opened.\n\
    event syscalls:sys_enter_openat if filename.ustring ~ \"/etc/*\"\n    && flags & 0x40\n\
    event syscalls:sys_exit_read if ret < LOW\n";

#[test]
fn every_statement_is_a_program() {
    let compiled = compile(TWO, &EventOptions::default()).unwrap();
    let module = &compiled.module;
    consistent(module).unwrap();
    let sections: Vec<_> = module.units.iter().map(|unit| unit.hook.section()).collect();
    assert_eq!(
        sections,
        [
            "tracepoint/syscalls/sys_enter_openat",
            "tracepoint/syscalls/sys_exit_read",
            "tp_btf/sched_process_fork",
        ]
    );
    let maps: Vec<_> = module.maps.iter().map(|map| map.name.as_str()).collect();
    assert_eq!(maps, ["tasks", "texts"]);
    let all = compile(TWO, &ALL_TASKS).unwrap().module;
    assert_eq!(all.maps.len(), 1, "nobody is watched");
    assert!(all.units.iter().all(|unit| matches!(unit.hook, Hook::Tracepoint { .. })));
}

#[test]
fn programs_carry_the_lines_of_their_tests() {
    let compiled = compile(TWO, &ALL_TASKS).unwrap();
    let lines = |unit: usize| {
        let lines = compiled.module.units[unit].lines.iter();
        lines.map(|line| (line.slot, line.line)).collect::<Vec<_>>()
    };
    let [first, second] = [lines(0), lines(1)];
    let numbers: Vec<_> = first.iter().map(|(_, line)| *line).collect();
    assert_eq!(numbers, [1, 3, 4], "{first:?}");
    assert!(first.is_sorted() && second.last().is_some_and(|(_, line)| *line == 5), "{second:?}");
}

#[test]
fn modules_have_forms() {
    let tasks = compile(TWO, &EventOptions::default()).unwrap();
    let form = |compiled: &EventModule, format| {
        emit_programs(&compiled.module, compiled.endian, format).map(|bytes| bytes.len())
    };
    assert!(form(&tasks, Format::Obj).is_some() && form(&tasks, Format::Asm).is_some());
    assert_eq!(form(&tasks, Format::Bpf), None, "several programs, with maps");
    let one = "event syscalls:sys_enter_openat if dfd.s32 == -100\n";
    assert_eq!(form(&compile(one, &EventOptions::default()).unwrap(), Format::Bpf), None);
    let bytes = form(&compile(one, &ALL_TASKS).unwrap(), Format::Bpf);
    assert!(bytes.is_some_and(|bytes| bytes % 8 == 0));
    assert_eq!(form(&tasks, Format::Cost), None);
}

#[test]
fn what_no_program_can_do_is_refused() {
    let event = |predicate: &str| {
        compile(&format!("event syscalls:sys_enter_openat if {predicate}\n"), &ALL_TASKS)
    };
    assert_eq!(event("common_flags == 1").unwrap_err(), ["F0266"]);
    assert_eq!(event("common_preempt_count & 1 || common_flags == 1").unwrap_err(), ["F0266"]);
    assert_eq!(event("common_type == 700").unwrap_err(), ["F0267"]);
    let long = "abcdefgh".repeat(8);
    assert_eq!(event(&format!("filename.ustring ~ \"*{long}*\"")).unwrap_err(), ["F0268"]);
    assert!(event(&format!("filename.ustring ~ \"*{}*\"", &long[..48])).is_ok());
    assert!(event(&format!("filename.ustring ~ \"{long}*\"")).is_ok());
    assert_eq!(compile("arch x86_64\nallow read\n", &ALL_TASKS).unwrap_err(), ["F0421"]);
    let known = EventOptions { event_id: Some(700), ..ALL_TASKS };
    assert!(compile("event syscalls:sys_enter_read if common_type == 700\n", &known).is_ok());
}

/// Filters that no text can ask for.
#[test]
fn limits_of_programs_are_told() {
    let record = Record::of_event(x86_64(), "sys_enter_openat").unwrap();
    let refused = |predicate: Predicate| {
        let filter = Filter { record: record.clone(), predicate };
        let result = event_module::programs(&SourceMap::default(), &[filter], &ALL_TASKS);
        result.unwrap_err()[0].code.0
    };
    let test = |kind| Predicate::Test(Box::new(Test { span: Span::default(), kind }));
    let field = |name: &str| record.field(name).unwrap();
    let texts = (0..25_u16).map(|number| {
        let mut pointer = field("filename");
        pointer.offset += 8 * number;
        let matcher = Matcher { kind: MatcherKind::Exact, pattern: b"x".to_vec() };
        test(TestKind::Text { source: Text::User(pointer), matcher, negated: false })
    });
    assert_eq!(refused(Predicate::Or(texts.collect())), "F0269");
    let numbers = (0..20_000_u64).map(|value| {
        let operand = Operand::whole(field("flags"));
        let mask = operand.mask();
        test(TestKind::Compare { operand, mask, op: CmpOp::Eq, value: value << 33 })
    });
    assert_eq!(refused(Predicate::Or(numbers.collect())), "F0420");
}
