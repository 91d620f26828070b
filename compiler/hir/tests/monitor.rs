//! Questions of policies for monitors: what is asked, what is the same question, what is refused.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod read;

use std::net::{IpAddr, Ipv4Addr};

use filterc_abi::{Action, Endian, Facts, SeccompData, x86_64};
use filterc_hir::eval::eval_with;
use filterc_hir::expr::CmpOp;
use filterc_hir::questions::{Asked, Number, Pattern, Who};
use filterc_hir::types::{beside, put_answer};
use read::{codes, policy};

const FOR_MONITORS: &str = "# for monitors\ndefault errno(EPERM)\n";

fn asked(rules: &str) -> Vec<Asked> {
    let policy = policy(&format!("{FOR_MONITORS}{rules}\n"));
    policy.questions().iter().map(|question| question.asked.clone()).collect()
}

fn refused(rules: &str) -> Vec<&'static str> {
    let mut codes = codes(&format!("{FOR_MONITORS}{rules}\n"));
    codes.retain(|code| !code.starts_with("F03"));
    codes
}

fn exact(text: &str) -> Pattern {
    Pattern::Exact(text.as_bytes().to_vec())
}

#[test]
fn paths_have_the_folders_of_their_calls() {
    let path = |argument, folder, text| Asked::Path { argument, folder, pattern: exact(text) };
    assert_eq!(asked("allow openat if filename == \"/a\""), [path(1, Some(0), "/a")]);
    assert_eq!(asked("allow open if filename == \"/a\""), [path(0, None, "/a")]);
    assert_eq!(
        asked("allow renameat2 if oldname == \"/a\" and newname != \"/b\""),
        [path(1, Some(0), "/a"), path(3, Some(2), "/b")]
    );
    assert_eq!(
        asked("allow unlink if pathname ~ \"/tmp/*\""),
        [Asked::Path { argument: 0, folder: None, pattern: Pattern::Glob(b"/tmp/*".to_vec()) }]
    );
    let set = asked("allow open if filename in { \"/a\", \"/b\", \"/a\" }");
    assert_eq!(set, [path(0, None, "/a"), path(0, None, "/b")]);
}

#[test]
fn equal_questions_are_one() {
    let rules = "allow openat if filename == \"/a\"\nallow openat if filename != \"/a\" and flags == 0\n\
                 allow open if uid >= 1000\nallow creat if uid < 1000\nallow getpid if uid > 999";
    assert_eq!(asked(rules).len(), 2);
    let of_task = |op, value| Asked::Number { who: Who::Caller, number: Number::Uid, op, value };
    assert_eq!(
        asked("allow getpid if uid in { 0, 1000..1999 }"),
        [of_task(CmpOp::Eq, 0), of_task(CmpOp::Ge, 1000), of_task(CmpOp::Ge, 2000)]
    );
    // Not the opposite of one another: of many tasks, each may have another number.
    assert_eq!(
        asked("allow getpid if ancestor.uid < 5\nallow getuid if ancestor.uid >= 5").len(),
        2
    );
}

#[test]
fn addresses_words_and_tasks() {
    let v4 = |a, b, c, d| IpAddr::V4(Ipv4Addr::new(a, b, c, d));
    assert_eq!(
        asked("allow connect if addr.ip in { \"10.0.0.0/8\", \"127.0.0.1\" } and addr.port == 443"),
        [
            Asked::Ip {
                address: 1,
                length: 2,
                networks: vec![(v4(10, 0, 0, 0), 8), (v4(127, 0, 0, 1), 32)]
            },
            Asked::Port { address: 1, length: 2, ranges: vec![(443, 443)] }
        ]
    );
    assert_eq!(
        asked("allow bind if addr.family in { AF_INET, AF_INET6 } or addr.port > 1023"),
        [
            Asked::Family { address: 1, length: 2, ranges: vec![(2, 2), (10, 10)] },
            Asked::Port { address: 1, length: 2, ranges: vec![(1024, 65535)] }
        ]
    );
    let rules = "racy execve\nallow execve if argv[0] == \"sh\" and argv ~ \"*x\"";
    let word = |index, pattern| Asked::Word { argument: 1, index, pattern };
    assert_eq!(
        asked(rules),
        [word(Some(0), exact("sh")), word(None, Pattern::Glob(b"*x".to_vec()))]
    );
    assert_eq!(
        asked("allow getpid if exe == \"/bin/sh\" and parent.comm ~ \"ssh*\""),
        [
            Asked::Exe { who: Who::Caller, pattern: exact("/bin/sh") },
            Asked::Comm { who: Who::Parent, pattern: Pattern::Glob(b"ssh*".to_vec()) }
        ]
    );
    assert_eq!(
        asked("racy read, write\nallow read if fd.socket == 1\nallow write if fd.socket != 1"),
        [Asked::Socket { argument: 0 }]
    );
    assert_eq!(
        asked("racy mount\nallow mount if type.ustring == \"tmpfs\""),
        [Asked::Text { argument: 2, pattern: exact("tmpfs") }]
    );
}

#[test]
fn labels_are_paths_of_what_the_monitor_opens() {
    let labels = "label tmp = \"/tmp/**\", \"/var/tmp\"\nlabel etc = \"/etc/**\"\n";
    let path = |pattern| Asked::Path { argument: 1, folder: Some(0), pattern };
    assert_eq!(
        asked(&format!("{labels}allow openat if label & (tmp | etc)")),
        [
            path(Pattern::Glob(b"/tmp/*".to_vec())),
            path(exact("/var/tmp")),
            path(Pattern::Glob(b"/etc/*".to_vec()))
        ]
    );
    assert_eq!(refused(&format!("{labels}allow renameat if label & (tmp | etc)")), ["F0907"]);
    assert_eq!(refused(&format!("{labels}allow statx if label & (tmp | etc)")), ["F0907"]);
    assert_eq!(refused("label t = \"/tmp/*\"\nallow openat if label & t"), ["F0907"]);
}

/// Labels as a policy for security modules has them, against the questions that a monitor asks.
#[test]
fn tests_of_labels_mean_the_same_in_both() {
    let tests = ["label & a", "label & (a | b)", "(label & (a | b)) == (a | b)", "label == 0"]
        .into_iter()
        .chain(["label != 0", "label == a", "label != (a | b)", "(label & a) == 0"]);
    let nr = x86_64().syscall("openat").unwrap().nr.cast_signed();
    let call = SeccompData { nr, arch: x86_64().audit_arch, ..SeccompData::default() };
    for test in tests {
        let text = format!(
            "default kill\nlabel a = \"/a/**\"\nlabel b = \"/b\", \"/c\"\nlet none = label & (a | b)\n\
             allow openat if {test} or (none and not none)\n"
        );
        let [object, monitor] =
            ["# for objects", "# for monitors"].map(|target| policy(&format!("{target}\n{text}")));
        for label in 0..4_u64 {
            let facts = Facts { label, ..Facts::default() };
            let expected = eval_with(&object, &beside(&[], &facts, Endian::Little), &call);
            let mut all = beside(&[], &Facts::default(), Endian::Little);
            for (at, question) in monitor.questions().iter().enumerate() {
                let is_a = question.text.contains("/a/");
                let yes = label & if is_a { 1 } else { 2 } != 0;
                put_answer(&mut all, u16::try_from(at).unwrap(), yes);
            }
            assert_eq!(eval_with(&monitor, &all, &call), expected, "{test} {label}");
        }
    }
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let cases = [
        ("allow mount if data == \"/a\"", "F0900"),
        ("allow symlink if oldname == \"/a\"", "F0900"),
        ("allow open if filename == \"a\"", "F0901"),
        ("allow open if filename == \"/a/../b\"", "F0901"),
        ("allow getpid if comm == \"sixteen-bytes-xx\"", "F0901"),
        ("allow execve if filename == \"/bin/sh\"", "F0902"),
        ("log statx if filename ~ \"/etc/*\"", "F0902"),
        ("allow open if filename < \"/a\"", "F0904"),
        ("allow getpid if exe == 5", "F0904"),
        ("allow getpid if uid & 1", "F0904"),
        ("param p: uid\nallow getpid if uid == p", "F0904"),
        ("allow getpid if ancestor.uid in { 1..5 }", "F0904"),
        ("allow read if addr.port == 1", "F0905"),
        ("allow read if count.socket == 1", "F0905"),
        ("allow read if argv[0] == \"x\"", "F0905"),
        ("allow connect if addr.ip == \"10.0.0.1/8\"", "F0906"),
        ("allow connect if addr.ip == 5", "F0906"),
        ("racy syscall(5)\nallow read", "F0908"),
        ("allow any if addr.port == 1", "F0220"),
        ("allow getpid if uid == 4294967296", "F0210"),
        ("allow connect if addr.port == 65536", "F0210"),
        ("allow getpid if cpu == 1", "F0222"),
        ("allow open if ret < 0", "F0222"),
    ];
    for (rules, code) in cases {
        assert_eq!(refused(rules), [code], "{rules}");
    }
}

#[test]
fn what_is_read_must_not_be_raced() {
    let goes_on = "errno(EACCES) execve if filename ~ \"/tmp/*\"\nallow execve";
    assert_eq!(refused(goes_on), ["F0902"]);
    assert_eq!(refused(&format!("racy execve\n{goes_on}")), [""; 0]);
    assert_eq!(
        refused("group @run = execve, execveat\nracy @run\nallow execve if filename == \"/a\""),
        [""; 0]
    );
    // Only refusals differ.
    assert_eq!(refused("kill execve if filename ~ \"/tmp/*\"\nerrno(EACCES) execve"), [""; 0]);
    // What comes behind does not matter.
    let ends = "kill execve if filename ~ \"/tmp/*\"\nerrno(EACCES) execve\nallow any";
    assert_eq!(refused(ends), [""; 0]);
    // A task cannot change who it is from another thread in between unseen.
    assert_eq!(refused("allow execve if uid == 0"), [""; 0]);
    let policy = policy(&format!("{FOR_MONITORS}racy execve\nallow execve if argv[0] == \"a\"\n"));
    assert!(policy.abis()[0].is_racy(59) && !policy.abis()[0].is_racy(2));
}

#[test]
fn answers_decide() {
    let policy =
        policy(&format!("{FOR_MONITORS}allow openat if filename == \"/a\" and flags == 0\n"));
    let call = SeccompData { nr: 257, arch: x86_64().audit_arch, ..SeccompData::default() };
    let mut all = beside(&[], &Facts::default(), Endian::Little);
    assert_eq!(eval_with(&policy, &all, &call), Action::Errno(1));
    put_answer(&mut all, 0, true);
    assert_eq!(eval_with(&policy, &all, &call), Action::Allow);
    assert_eq!(policy.questions()[0].text, "filename == \"/a\"");
}
