//! What is learned from recorded calls lets all of them through, and little else.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at what it does not expect"
)]

use std::fs;
use std::path::Path;

use filterc::{Options, Source, compile};
use filterc_abi::{Action, x86_64};
use filterc_cbpf::interpret;
use filterc_check::{Budget, Side, weaker};
use filterc_review::learn::{Detail, INCOMPLETE, Run, learn, update};
use filterc_review::records::read;

fn run(name: &str, text: &str) -> Run {
    Run { name: name.to_owned(), reading: read(text, x86_64()) }
}

fn streams() -> Vec<Run> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/streams");
    let text = |name| fs::read_to_string(folder.join(format!("{name}.jsonl"))).unwrap();
    ["cargo", "git", "python"].map(|name| run(name, &text(name))).into()
}

fn compiled(text: &str) -> filterc::Compiled {
    compile(&Source::text("learned.flt", text), &Options::default()).unwrap()
}

#[test]
fn everything_that_was_seen_is_let_through() {
    let runs = streams();
    let mut policies = Vec::new();
    for detail in [Detail::Exact, Detail::Arguments, Detail::Calls] {
        let learned = learn(&runs, detail, "errno(EPERM)").unwrap();
        let compiled = compiled(&learned.text);
        let program = compiled.program();
        let mut seen = 0;
        for record in runs.iter().flat_map(|run| &run.reading.records) {
            let call = record.seen.with_zeros();
            let value = interpret(program.verified(), &call, program.endian());
            assert_eq!(Action::from_ret(value), Action::Allow, "{call:?}");
            seen += record.count;
        }
        assert_eq!(seen, learned.seen);
        assert!(learned.missing.is_empty() && learned.rules > 30);
        policies.push(compiled);
    }
    // Each keeps to less than the one before, for all calls.
    for pair in policies.windows(2) {
        let [narrow, wide] = pair else { continue };
        let [narrow, wide] = [narrow, wide].map(|it| Side::Policy(it.policy()));
        let endian = filterc_abi::Endian::Little;
        assert!(weaker(wide, narrow, endian, &Budget::default()).unwrap().is_empty());
        assert!(!weaker(narrow, wide, endian, &Budget::default()).unwrap().is_empty());
    }
}

#[test]
fn arguments_are_generalised_by_the_rules() {
    let trace = "openat(AT_FDCWD, \"/a\", O_RDONLY|O_CLOEXEC) = 3\n\
                 openat(AT_FDCWD, \"/b\", O_WRONLY|O_CREAT, 0644) = 3\n\
                 read(3, \"\", 100) = 0\nwrite(1, \"x\", 1) = 1\nwrite(2, \"x\", 1) = 1\n\
                 mprotect(0x7f0000000000, 4096, PROT_READ) = 0\n\
                 socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0) = 4\n";
    let learned = learn(&[run("t", trace)], Detail::Arguments, "kill").unwrap();
    for part in [
        "# 2 times: t:1, 2\nallow openat",
        "dfd == AT_FDCWD",
        "(flags & O_ACCMODE) in { O_RDONLY, O_WRONLY }",
        "O_CLOEXEC",
        "allow read\n",
        "allow write if fd in { 1, 2 }",
        "allow mprotect if !(prot & ~PROT_READ)",
        "family == AF_UNIX",
        "default kill",
    ] {
        assert!(learned.text.contains(part), "{part}: {}", learned.text);
    }
    assert!(!learned.text.contains("O_TRUNC"), "{}", learned.text);
}

#[test]
fn lost_records_are_never_passed_over() {
    let log = "audit: backlog limit exceeded\n\
               type=1326 audit(1.0:1): auid=0 uid=0 gid=0 ses=1 pid=7 comm=\"a\" exe=\"/a\" sig=31 \
               arch=c000003e syscall=41 compat=0 ip=0x1 code=0x0\n\
               read(0, \"\", 1) = 0\nopennat(AT_FDCWD, \"/a\", O_RDONLY) = 3\n";
    let learned =
        learn(&[run("log\nallow ptrace", log)], Detail::Arguments, "errno(EPERM)").unwrap();
    // What the tool tells of it has the page F0725.
    assert_eq!(INCOMPLETE, "F0725");
    assert_eq!(learned.missing.len(), 2, "{:?}", learned.missing);
    assert!(learned.text.contains("NOT COMPLETE"), "{}", learned.text);
    assert!(learned.text.contains("allow socket\n") && learned.text.contains("not in the records"));
    assert!(!learned.text.contains("\nallow ptrace"), "a name is no rule: {}", learned.text);
    assert!(learn(&[run("empty", "nothing here\n")], Detail::Calls, "kill").is_err());
    assert!(learn(&streams(), Detail::Calls, "nonsense(").is_err());
}

#[test]
fn policies_are_added_to_where_they_refuse() {
    let text = "# mine\narch x86_64\ndefault errno(EPERM)\n\n# files\nallow read, write, exit_group\n\
                errno(EACCES) socket\n";
    let source = Source::text("mine.flt", text);
    let policy = compiled(text);
    let program = policy.program();
    let passes = |seen: &filterc_review::seen::Seen| {
        let value = interpret(program.verified(), &seen.with_zeros(), program.endian());
        Action::from_ret(value) == Action::Allow
    };
    let trace = "read(3, \"\", 100) = 0\nsocket(AF_UNIX, SOCK_STREAM, 0) = 4\nclose(4) = 0\n";
    let runs = [run("t", trace)];
    let (options, detail) = (Options::default(), Detail::Arguments);
    let learned = update(&source, &options, &runs, detail, &passes).unwrap().unwrap();
    assert_eq!((learned.rules, learned.seen), (2, 2));
    assert!(learned.text.starts_with("# mine\narch x86_64\ndefault errno(EPERM)\n\n# Learned"));
    assert!(learned.text.ends_with(text.split_once("\n\n").unwrap().1), "{}", learned.text);
    let new = compiled(&learned.text);
    for record in &runs[0].reading.records {
        let call = record.seen.with_zeros();
        let value = interpret(new.program().verified(), &call, program.endian());
        assert_eq!(Action::from_ret(value), Action::Allow, "{call:?}");
    }
    let again = Source::text("new.flt", learned.text);
    let all = |_: &filterc_review::seen::Seen| true;
    assert_eq!(update(&again, &options, &runs, detail, &all).unwrap(), None);
}
