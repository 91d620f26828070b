//! Stored audit records, shown and selected as a user does it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skipped"
)]

mod tool;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Output, Stdio};

use filterc_abi::SeccompData;
use filterc_audit::binary::{self, Item};
use filterc_audit::{Answer, Argument, Call, Event, Exit, Record, Stored, Task, json};
use tool::{Files, filterc, status, text};

/// One record of each sort.
const GOLDEN: &str = include_str!("../../../runtime/audit/tests/golden.txt");

fn lines() -> Vec<String> {
    let is_record = |line: &&str| line.starts_with("{\"time_ns\"");
    GOLDEN.lines().filter(is_record).map(|line| format!("{line}\n")).collect()
}

/// Those before the first that says that some are lost.
fn whole() -> Vec<String> {
    lines().into_iter().take_while(|line| !line.contains("\"event\":\"lost\"")).collect()
}

fn records(lines: &[String]) -> Vec<Record> {
    lines.iter().map(|line| json::read(line.as_bytes()).unwrap()).collect()
}

fn stored(bytes: &[u8]) -> Vec<Record> {
    let mut stored = Stored::new(bytes, false);
    let mut list = Vec::new();
    while let Some(item) = stored.next_item().unwrap() {
        let Item::Record(record) = item else { panic!("{item:?}") };
        list.push(record);
    }
    list
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn forms_that_are_read_again_lose_nothing() {
    let files = Files::new("audit-forms");
    let from = files.write("a.jsonl", &lines().concat());
    let (binary, back) = (files.path("a.bin"), files.path("b.jsonl"));
    // Records are lost in it, which is told whatever is written.
    let output = filterc(&["audit", "--format", "binary", "-o", &binary, &from]);
    assert_eq!(status(&output), 1, "{output:?}");
    let told = errors(&output);
    for part in [
        "[F0957] a call that no rule names and no table knows: number -1 of 0xc000003e",
        "a.jsonl: [F0956] record 16 had no room",
        "a.jsonl: [F0956] records 17 to 21 had no room",
        "6 records are not there",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    assert_eq!(stored(&fs::read(&binary).unwrap()), records(&lines()));
    assert_eq!(status(&filterc(&["audit", "--format", "json", "-o", &back, &binary])), 1);
    assert_eq!(fs::read_to_string(&back).unwrap(), lines().concat());
}

#[test]
fn predicates_select() {
    let files = Files::new("audit-select");
    let file = files.write("a.jsonl", &whole().concat());
    for (predicate, seqs) in [
        ("ret < 0 && comm == \"nginx\"", vec![0, 6]),
        ("ret == -EACCES", vec![0]),
        ("error == \"EACCES\"", vec![0]),
        ("filename ~ \"/etc/*\"", vec![0]),
        // Of calls without such an argument, and of those of which nothing was read, neither.
        ("filename != \"/etc/passwd\"", vec![1, 2, 4]),
        ("!(filename == \"/etc/passwd\") && nr == 257", vec![1, 2]),
        ("flags & O_CLOEXEC", vec![0, 1, 2]),
        ("dfd == AT_FDCWD && mode in { 0, 0644 }", vec![0, 1, 2]),
        ("argv == \"-c\"", vec![4]),
        ("argv ~ \"echo *\"", vec![4]),
        ("args[1] == 4096", vec![5]),
        ("call == \"mmap\" && (prot & 7) == PROT_READ | PROT_WRITE", vec![5]),
        ("uninstrumented == 1", vec![6]),
        ("event == \"create\" && child > 4712", vec![8, 9]),
        ("signal == SIGCHLD || signal == SIGSEGV", vec![11, 14]),
        ("status != 0", vec![13]),
        ("action == \"errno\" && line == 12 && rule == 3", vec![0, 1, 2]),
        ("action ~ \"errno(EAC*\"", vec![0, 1, 2]),
        ("abi == \"x86_64\" && ret > 0xffffffff", vec![5]),
        ("seq in { 3, 8..9 } && pid != tid", vec![3, 8, 9]),
        ("duration_ns >= 1000", vec![0, 1, 2]),
        ("exe ~ \"*nginx\" && false", vec![]),
        ("not true", vec![]),
    ] {
        let output = filterc(&["audit", "--format", "json", predicate, &file]);
        assert_eq!(status(&output), 0, "{predicate}: {}", errors(&output));
        let found: Vec<u64> = stored(&output.stdout).iter().map(|record| record.seq).collect();
        assert_eq!(found, seqs, "{predicate}");
        let output = filterc(&["audit", "--format=json", "--where", predicate, &file]);
        assert_eq!(stored(&output.stdout).len(), seqs.len());
    }
    // What is selected on purpose is not missing, and the file says so.
    let selected = files.path("selected.bin");
    let args = ["audit", "--format", "binary", "-o", &selected, "nr == 42 || child == 4713", &file];
    assert_eq!(status(&filterc(&args)), 0);
    let output = filterc(&["audit", &selected]);
    assert_eq!(status(&output), 0, "{output:?}");
    assert_eq!(
        text(&output),
        "4712 connect(3, {AF_INET, 127.0.0.1, port 443}, 16) = 0\n4712 <... new thread 4713>\n"
    );
}

#[test]
fn predicates_at_fault() {
    let files = Files::new("audit-fault");
    let file = files.write("a.jsonl", &whole().concat());
    for (predicate, part) in [
        ("filname == \"x\"", "F0950"),
        ("filname == \"x\"", "did you mean `filename`?"),
        ("pid == 1 && commm == \"x\"", "did you mean `comm`"),
        ("comm < \"x\"", "F0951"),
        ("comm == 3", "F0951"),
        ("pid ~ \"x\"", "F0951"),
        ("pid", "F0951"),
        ("ret.function == foo", "F0951"),
        ("comm & 3", "F0951"),
        ("status == 300", "F0952"),
        ("args[6] == 0", "F0952"),
        ("uid < -1", "F0952"),
        ("ret == -ENOSUCH", "F0204"),
        ("nr ==", "F0107"),
        ("", "F01"),
    ] {
        let output = filterc(&["audit", predicate, &file]);
        assert_eq!(status(&output), 1, "{predicate}: {output:?}");
        assert!(errors(&output).contains(part), "{predicate}: {}", errors(&output));
        assert!(output.stdout.is_empty());
        let output = filterc(&["audit", "--message-format", "json", "--where", predicate, &file]);
        let first: serde_json::Value =
            serde_json::from_str(errors(&output).lines().next().unwrap()).unwrap();
        assert_eq!(first["severity"], "error", "{predicate}");
    }
}

#[test]
fn usage() {
    let files = Files::new("audit-usage");
    let file = files.write("a.jsonl", &whole().concat());
    let text_file = files.write("text", "nothing of the kind\n");
    let empty = files.write("empty", "");
    for (args, part) in [
        (vec!["audit"], "required"),
        (vec!["audit", "none.jsonl"], "none.jsonl"),
        (vec!["audit", "true", "none.jsonl"], "none.jsonl"),
        (vec!["audit", "--follow", "true", &file, &file], "--follow is of one file"),
        (vec!["audit", "--follow", "--count", "--", &file], "cannot be used with"),
        (vec!["audit", "--count=call", "--format", "binary", &file], "--count has the forms"),
        (vec!["audit", "--arch", "nosuch", &file], "no such ABI"),
        (vec!["audit", "--format", "xml", &file], "invalid value"),
        (vec!["audit", &text_file], "F0953"),
        (vec!["audit", &empty], "F0953"),
        (vec!["audit", "-o", "/nowhere/x", &file], "/nowhere/x"),
    ] {
        let output = filterc(&args);
        assert_eq!(status(&output), 2, "{args:?}: {output:?}");
        assert!(errors(&output).contains(part), "{args:?}: {}", errors(&output));
    }
    // A full device.
    if fs::metadata("/dev/full").is_ok() {
        assert_eq!(status(&filterc(&["audit", "-o", "/dev/full", &file])), 2);
    }
}

#[test]
fn what_is_missing_or_damaged_is_told() {
    let files = Files::new("audit-gaps");
    let all = whole();
    let without: Vec<String> = all
        .iter()
        .enumerate()
        .filter(|(at, _)| !(3..6).contains(at))
        .map(|(_, it)| it.clone())
        .collect();
    let output = filterc(&["audit", &files.write("gap.jsonl", &without.concat())]);
    assert_eq!(status(&output), 1);
    assert!(errors(&output).contains("[F0955] records 3 to 5 are missing"), "{}", errors(&output));
    // All the same, what is there is shown.
    assert_eq!(text(&output).lines().count(), without.len());
    let twice = files.write("twice.jsonl", &[all.concat(), all.concat()].concat());
    assert!(
        errors(&filterc(&["audit", &twice])).contains("[F0958] record 0 comes where 16 was due")
    );
    // Two files are two recordings.
    let once = files.write("once.jsonl", &all.concat());
    assert_eq!(status(&filterc(&["audit", "true", &once, &once])), 0);
    let bad = files.write("bad.jsonl", &format!("{}{{\"seq\":1}}\n{}", all[0], all[1]));
    let output = filterc(&["audit", &bad]);
    assert_eq!(status(&output), 1);
    assert!(errors(&output).contains("line 2: [F0954]"), "{}", errors(&output));
    let mut bytes = binary::header(0).to_vec();
    for record in records(&all) {
        binary::encode(&record, &mut bytes).unwrap();
    }
    bytes[200] ^= 1;
    let path = files.path("bad.bin");
    fs::write(&path, &bytes).unwrap();
    let output = filterc(&["audit", &path]);
    assert_eq!((status(&output), text(&output).lines().count()), (1, all.len() - 1));
    let told = errors(&output);
    assert!(told.contains("[F0954]") && told.contains("[F0955] record 1 is missing"), "{told}");
}

#[test]
fn counts() {
    let files = Files::new("audit-counts");
    let file = files.write("a.jsonl", &whole().concat());
    let output = filterc(&["audit", "--count", "event == \"call\"", &file]);
    let first: Vec<String> = text(&output).lines().take(2).map(str::to_owned).collect();
    assert_eq!(status(&output), 0);
    assert_eq!(first[0], "     CALLS     ERRORS        SECONDS  CALL");
    assert_eq!(first[1], "         3          1    0.000003702  openat");
    for (by, key) in [("rule", "rule 3, line 12"), ("action", "errno(EACCES)"), ("error", "EACCES")]
    {
        let by_flag = format!("--count={by}");
        let output = filterc(&["audit", "--format", "json", &by_flag, "nr == 257", &file]);
        let text = text(&output);
        let row = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        assert!(row.into_iter().any(|row| row[by] == key), "{by}: {text}");
    }
}

#[test]
fn standard_input_and_a_reader_that_goes() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_filterc"))
        .args(["audit", "nr == 257", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(whole().concat().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((status(&output), text(&output).lines().count()), (0, 3));
    let files = Files::new("audit-pipe");
    let many: String = records(&whole()[..1])
        .iter()
        .cycle()
        .take(20_000)
        .enumerate()
        .map(|(seq, record)| {
            let mut line = Vec::new();
            json::write(&Record { seq: seq as u64, ..record.clone() }, &mut line);
            String::from_utf8(line).unwrap()
        })
        .collect();
    let file = files.write("many.jsonl", &many);
    let mut child = Command::new(env!("CARGO_BIN_EXE_filterc"))
        .args(["audit", &file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((status(&output), errors(&output)), (0, String::new()));
}

#[test]
fn a_file_that_grows_is_followed() {
    let files = Files::new("audit-follow");
    let all = whole();
    let path = files.write("a.jsonl", &all[0]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_filterc"))
        .args(["audit", "--follow", "--format", "json", &path])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut next = || {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        line
    };
    assert_eq!(next(), all[0]);
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    for line in &all[1..] {
        let (first, second) = line.split_at(line.len() / 2);
        file.write_all(first.as_bytes()).unwrap();
        file.write_all(second.as_bytes()).unwrap();
        assert_eq!(next(), *line);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Runs a script of Python on two files; `None` without Python, or the module.
fn python(module: &str, script: &str, args: &[&str]) -> Option<String> {
    let known = Command::new("python3").args(["-c", &format!("import {module}")]).output();
    if !known.is_ok_and(|output| output.status.success()) {
        println!("skipped: python3 has no `{module}`");
        return None;
    }
    let output = Command::new("python3").args(["-c", script]).args(args).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    Some(text(&output))
}

#[test]
fn sqlite_loads_the_statements() {
    let files = Files::new("audit-sql");
    let from = files.write("a.jsonl", &lines().concat());
    let path = files.path("a.sql");
    assert_eq!(status(&filterc(&["audit", "--format", "sql", "-o", &path, &from])), 1);
    let script = "import sqlite3, sys
db = sqlite3.connect(':memory:')
db.executescript(open(sys.argv[1], errors='surrogateescape').read())
rows = db.execute('select count(*), min(seq), sum(ret < 0), max(arguments), sum(lost) from audit')
print(rows.fetchall())
print(db.execute('select typeof(comm), hex(comm), hex(text) from audit where sequence is not null').fetchall())
print(db.execute('select ret, arg0, uninstrumented from audit where seq in (6, 7)').fetchall())
";
    let Some(told) = python("sqlite3", script, &[&path]) else { return };
    let told: Vec<&str> = told.lines().collect();
    assert!(told[0].starts_with("[(19, 0, 2, 'filename="), "{}", told[0]);
    assert!(told[1].starts_with("[('blob', 'E228A1273B2044524F50205441424C45'"), "{}", told[1]);
    assert_eq!(
        told[2],
        "[(-9223372036854775808, -1, 1), (9223372036854775807, -9223372036854775808, 0)]"
    );
}

#[cfg(feature = "parquet")]
#[test]
fn others_read_the_parquet_file() {
    let files = Files::new("audit-parquet");
    let from = files.write("a.jsonl", &lines().concat());
    let path = files.path("a.parquet");
    assert_eq!(status(&filterc(&["audit", "--format", "parquet", "-o", &path, &from])), 1);
    let bytes = fs::read(&path).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    let script = "import sys, pyarrow.parquet
table = pyarrow.parquet.read_table(sys.argv[1])
print(table.num_rows, len(table.schema.names))
print(table.column('ret').to_pylist()[:3], table.column('call').to_pylist()[3], table.column('thread').to_pylist()[8:11])
";
    let Some(told) = python("pyarrow", script, &[&path]) else { return };
    assert_eq!(told, "19 37\n[-13, 7, None] connect [True, False, None]\n");
}

const POLICY: &str = "arch x86_64
default errno(EACCES)
allow mmap, connect, execve
allow openat if flags & O_CLOEXEC
";

/// What else reads records reads these.
#[test]
fn records_are_learned_from_and_replayed() {
    let files = Files::new("audit-others");
    let calls: Vec<String> = lines()[..6].to_vec();
    let task = lines()[8].replace("\"seq\":8", "\"seq\":6");
    let json_lines = files.write("a.jsonl", &[calls.concat(), task].concat());
    let binary = files.path("a.bin");
    assert_eq!(status(&filterc(&["audit", "--format", "binary", "-o", &binary, &json_lines])), 0);
    let policy = files.write("p.flt", POLICY);
    let mut learned = Vec::new();
    for file in [&json_lines, &binary] {
        let output = filterc(&["learn", file]);
        assert_eq!(status(&output), 0, "{output:?}");
        learned.push(text(&output));
        let output = filterc(&["explain-denial", &policy, file]);
        assert!(text(&output).contains("openat(dfd = AT_FDCWD"), "{output:?}");
        let output = filterc(&[&policy, "--emit", "cost", "--profile", file, "-o", "-"]);
        assert_eq!(status(&output), 0, "{output:?}");
    }
    // Beside where it came from.
    let rules = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    assert_eq!(rules(&learned[0]), rules(&learned[1]));
    assert!(learned[0].contains("openat"), "{}", learned[0]);
}

/// Where records are missing, what is learned is not complete, and says so.
#[test]
fn what_is_missing_is_not_learned() {
    let files = Files::new("audit-incomplete");
    let some = [lines()[0].clone(), lines()[3].clone()].concat();
    let lost = [lines()[16].replace("\"seq\":16", "\"seq\":0"), lines()[1].clone()].concat();
    for (name, text) in [("gap.jsonl", some), ("lost.jsonl", lost)] {
        let file = files.write(name, &text);
        let output = filterc(&["learn", &file]);
        assert_eq!(status(&output), 1, "{output:?}");
        assert!(errors(&output).contains("F0719"), "{output:?}");
    }
}

/// Programs in the kernel tell of the calls of a command.
#[test]
fn a_watched_command_is_recorded() {
    let files = Files::new("audit-attach");
    let policy = "arch x86_64, i386\ndefault allow\nunknown allow\nforeign allow\n\
        errno(EACCES) mkdir, mkdirat\n";
    let policy = files.write("p.flt", policy);
    let _ = fs::remove_dir_all(files.path("new"));
    for (name, times) in [("log.bin", 1), ("log.jsonl", 2)] {
        let (log, new) = (files.path(name), files.path("new"));
        let mut args = vec!["attach", &policy, "--when", "both", "--audit", &log, "--for", "mkdir"];
        args.push(&new);
        let output = filterc(&args);
        if ["F0835", "F0836", "F0838"].iter().any(|code| errors(&output).contains(code)) {
            println!("skipped: {}", errors(&output));
            return;
        }
        assert_eq!((status(&output), text(&output)), (0, String::new()), "{output:?}");
        let shown = filterc(&["audit", "call ~ \"mkdir*\"", &log]);
        assert_eq!(status(&shown), 0, "{shown:?}");
        let line = text(&shown);
        // The second time it is there.
        let result = if times == 1 { "= 0 <" } else { "= -1 EEXIST (File exists) <" };
        assert!(line.contains(result) && line.contains("<errno(EACCES), line 5>"), "{line}");
        let [record] = &stored_file(&log)[..] else { panic!("one call") };
        assert_eq!(record.seq, 0);
        // After 2020.
        assert!(record.time > 1_577_836_800_000_000_000);
        let Event::Call(call) = &record.event else { panic!("{record:?}") };
        assert!(call.duration > 0 && !call.uninstrumented);
    }
    let bad = filterc(&["attach", &policy, "--audit", "/nowhere/log", "--for", "true"]);
    assert_eq!(status(&bad), 2);
}

fn stored_file(path: &str) -> Vec<Record> {
    stored(&fs::read(path).unwrap())
}

/// The seed's rule, and the policy's head.
const RULES: &str = "arch x86_64\ndefault allow\n\
    sequence net_then_crash within 3 calls per process {\n\
    recvfrom, read if ret > 0 && fd.socket\n signal SIGSEGV\n\
    } if ancestor.comm == \"inetd\" then log(\"possible exploit\"), kill_process\n";

/// What a server does that inetd has started: it reads, makes some calls, and crashes.
fn crash(read: Vec<Argument>, calls: u64) -> String {
    let task = |pid: u32, ppid: u32, comm: &str| Task {
        pid,
        tid: pid,
        ppid,
        comm: comm.as_bytes().to_vec(),
        ..Task::default()
    };
    let call = |nr: i32, read: Vec<Argument>| {
        let data = SeccompData { nr, arch: 0xc000_003e, args: [3; 6], ..SeccompData::default() };
        let answer = Answer { action: 0x7fff_0000, rule: None, line: 0 };
        let call = Call { data, read, answer, ret: Some(5), duration: 1, uninstrumented: false };
        Event::Call(Box::new(call))
    };
    let server = || task(20, 10, "server");
    let mut events = vec![(task(10, 1, "inetd"), Event::Exec), (server(), Event::Exec)];
    events.push((server(), call(0, read)));
    events.extend((0..calls).map(|_| (server(), call(1, Vec::new()))));
    events.push((server(), Event::Signal(11)));
    events.push((server(), Event::Exit(Exit::Signal(11, false))));
    let mut lines = Vec::new();
    for (seq, (task, event)) in (0..).zip(events) {
        json::write(&Record { time: seq, seq, task, event }, &mut lines);
    }
    String::from_utf8(lines).unwrap()
}

#[test]
fn sequences_are_found_in_records() {
    let files = Files::new("audit-rules");
    let rules = files.write("rules.flt", RULES);
    let of = |bytes: &[u8]| vec![Argument { index: 0, bytes: bytes.to_vec(), cut: false }];
    let found = |read: Vec<Argument>, calls: u64| {
        let from = files.write("a.jsonl", &crash(read, calls));
        let output = filterc(&["audit", "--rules", &rules, &from]);
        let shown = text(&output).matches("possible exploit").count();
        (status(&output), shown, errors(&output).contains("F0918"))
    };
    assert_eq!(found(of(b"socket:[77]"), 0), (1, 1, false));
    assert_eq!(found(of(b"socket:[77]"), 3), (1, 1, false));
    assert_eq!(found(of(b"socket:[77]"), 4), (0, 0, false));
    assert_eq!(found(of(b"/etc/hosts"), 0), (0, 0, false));
    assert_eq!(found(Vec::new(), 0), (0, 0, true));
}

#[test]
fn rules_without_sequences_are_refused() {
    let files = Files::new("audit-no-rules");
    let rules = files.write("rules.flt", "arch x86_64\ndefault allow\n");
    let from = files.write("a.jsonl", &crash(Vec::new(), 0));
    let output = filterc(&["audit", "--rules", &rules, &from]);
    assert_eq!(status(&output), 2, "{output:?}");
    assert!(errors(&output).contains("no `sequence`"), "{output:?}");
    let bad = files.write("bad.flt", "sequence s { }\n");
    assert_eq!(status(&filterc(&["audit", "--rules", &bad, &from])), 1);
}
