//! Pseudo filter code means what the policy means: a reader of its own, which knows nothing of how it
//! was written, gives it back its meaning, and both are asked about boundary calls.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;

use filterc::emit::{self, Format, NoPfc, emit};
use filterc::{Options, Source, compile};
use filterc_abi::SeccompData;
use filterc_abi::seccomp::ret;
use filterc_hir::eval::decide;
use filterc_testkit::boundary;
use filterc_testkit::corpus;

/// A line without its indentation.
#[derive(Debug)]
enum Step {
    If(Test),
    Else,
    Action(u32),
}

/// `place [& mask] operator value`.
#[derive(Debug)]
struct Test {
    place: String,
    mask: u32,
    operator: String,
    value: u32,
}

/// The lines that are no comments, each with its level.
fn read(text: &str) -> Vec<(usize, Step)> {
    let mut steps = Vec::new();
    for line in text.lines() {
        let body = line.trim_start_matches(' ');
        let level = (line.len() - body.len()) / 2;
        let step = if body.starts_with('#') {
            continue;
        } else if body == "else" {
            Step::Else
        } else if let Some(test) = body.strip_prefix("if (").and_then(|it| it.strip_suffix(')')) {
            Step::If(read_test(test))
        } else {
            let name = body.strip_prefix("action ").and_then(|it| it.strip_suffix(';'));
            Step::Action(read_action(name.unwrap_or_else(|| panic!("{line}"))))
        };
        steps.push((level, step));
    }
    steps
}

fn number(text: &str) -> u32 {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).unwrap(),
        None => text.parse().unwrap(),
    }
}

fn read_test(text: &str) -> Test {
    let words: Vec<&str> = text.split(' ').collect();
    let (mask, rest) = match words.get(1) {
        Some(&"&") => (number(words[2]), &words[3..]),
        _ => (u32::MAX, &words[1..]),
    };
    assert_eq!(rest.len(), 2, "{text}");
    Test { place: words[0].to_owned(), mask, operator: rest[0].to_owned(), value: number(rest[1]) }
}

fn read_action(name: &str) -> u32 {
    let (name, data) = match name.split_once('(') {
        Some((name, data)) => (name, number(data.strip_suffix(')').unwrap())),
        None => (name, 0),
    };
    let action = match name {
        "ALLOW" => ret::ALLOW,
        "LOG" => ret::LOG,
        "NOTIFY" => ret::USER_NOTIF,
        "TRACE" => ret::TRACE,
        "TRAP" => ret::TRAP,
        "ERRNO" => ret::ERRNO,
        "KILL" => ret::KILL_THREAD,
        "KILL_PROCESS" => ret::KILL_PROCESS,
        other => panic!("no such action: {other}"),
    };
    action | data
}

fn holds(test: &Test, call: &SeccompData) -> bool {
    let value = match test.place.as_str() {
        "$arch" => call.arch,
        "$syscall" => call.nr.cast_unsigned(),
        place => {
            let (arg, half) = place.strip_prefix("$a").unwrap().split_once('.').unwrap();
            let whole = call.args[arg.parse::<usize>().unwrap()];
            let part = if half == "hi32" { whole >> 32 } else { whole & 0xffff_ffff };
            u32::try_from(part).unwrap()
        }
    } & test.mask;
    match test.operator.as_str() {
        "==" => value == test.value,
        ">=" => value >= test.value,
        "<=" => value <= test.value,
        other => panic!("no such operator: {other}"),
    }
}

/// Runs the lines from the first on: what belongs to a test that does not hold is passed over.
fn run(steps: &[(usize, Step)], call: &SeccompData) -> u32 {
    // For each level, whether the last test there held.
    let mut held: Vec<bool> = vec![false; 600];
    let mut at = 0;
    while let Some((level, step)) = steps.get(at) {
        at += 1;
        let enter = match step {
            Step::Action(value) => return *value,
            Step::If(test) => {
                held[*level] = holds(test, call);
                held[*level]
            }
            Step::Else => !held[*level],
        };
        if !enter {
            while steps.get(at).is_some_and(|(deeper, _)| deeper > level) {
                at += 1;
            }
        }
    }
    panic!("{call:?} comes to no action");
}

#[test]
fn it_means_what_the_policy_means() {
    let (mut written, mut asked) = (0, 0);
    for compiled in corpus::policies() {
        for program in compiled.programs() {
            let text = match emit::pfc(&compiled, program) {
                Ok(text) => text,
                // Arguments that are compared, and what else the form cannot say.
                Err(NoPfc::NoWords { .. }) => continue,
                Err(why) => panic!("{}: {why}", compiled.name()),
            };
            written += 1;
            let steps = read(&text);
            let policy = compiled.policy().of_order(program.endian());
            for call in boundary::calls(&policy, 24) {
                asked += 1;
                let expected = decide(&policy, &call).action.to_ret();
                assert_eq!(run(&steps, &call), expected, "{}: {call:?}", compiled.name());
            }
        }
    }
    assert!(written >= 8 && asked > 50_000, "{written} texts, {asked} calls");
}

fn made(rules: &str) -> Result<String, NoPfc> {
    let text = format!("arch x86_64\ndefault errno(EPERM)\n{rules}");
    let compiled = compile(&Source::text("p.flt", text), &Options::default()).unwrap();
    emit::pfc(&compiled, compiled.program())
}

/// The whole text of a small policy, as users of libseccomp know it.
#[test]
fn it_looks_as_it_should() {
    let rules = "foreign kill_thread\nunknown errno(EPERM)\nallow read if fd == 3\n\
                 allow personality if personality in { 0, 8 }\nallow close_range if fd > 2\n";
    let text = made(rules).unwrap();
    let expected = "#\n# pseudo filter code start\n#\n# filter for arch x86_64 (3221225534)\n\
        if ($arch == 3221225534)\n  # filter for syscall \"read\" (0)\n  if ($syscall == 0)\n    \
        if ($a0.lo32 == 3)\n      action ALLOW;\n  # filter for syscall \"personality\" (135)\n  \
        if ($syscall == 135)\n    if ($a0.lo32 == 0)\n      action ALLOW;\n    \
        if ($a0.lo32 == 8)\n      action ALLOW;\n  # filter for syscall \"close_range\" (436)\n  \
        if ($syscall == 436)\n    if ($a0.lo32 >= 3)\n      action ALLOW;\n";
    assert!(text.starts_with(expected), "{text}");
    let end = "  # default action\n  action ERRNO(1);\n# invalid architecture action\n\
        action KILL;\n#\n# pseudo filter code end\n#\n";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn what_it_has_no_words_for_is_named() {
    for (rules, what) in [
        ("allow dup2 if oldfd != newfd\n", "compared with each other"),
        ("allow read if instruction_pointer < 4096\n", "instruction_pointer"),
        ("trap(7) read\n", "trap(7)"),
        ("param own: fd\nallow read if fd == own\n", "parameters"),
    ] {
        let Ok(compiled) = compile(
            &Source::text("p.flt", format!("arch x86_64\ndefault errno(EPERM)\n{rules}")),
            &Options::default(),
        ) else {
            panic!("{rules}");
        };
        let why = emit::pfc(&compiled, compiled.program()).unwrap_err();
        assert_eq!(why.code(), "F0728");
        assert!(why.to_string().contains(what), "{why}");
        assert_eq!(emit(&compiled, compiled.program(), Format::Pfc, "p"), None);
    }
}

/// Conditions that are shared grow with each way to them: F0729 is their limit.
#[test]
fn what_is_too_long_is_refused() {
    let calls: BTreeSet<&str> =
        filterc_abi::x86_64().syscalls().iter().map(|call| call.name).collect();
    let bits: Vec<String> =
        (0..6).map(|arg| format!("args[{arg}] & 0x5555555555 in {{ 1, 5, 17, 21 }}")).collect();
    let all: Vec<&str> = calls.into_iter().filter(|name| !name.contains("clone")).collect();
    let rules = format!("allow {} if {}\n", all.join(", "), bits.join(" || "));
    match made(&rules) {
        Err(why @ NoPfc::TooLong { .. }) => assert_eq!(why.code(), "F0729"),
        other => panic!("{:?}", other.map(|text| text.lines().count())),
    }
}
