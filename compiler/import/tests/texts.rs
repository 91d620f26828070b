//! The policies that our profiles become, as texts. A profile under `corpus/import/oci` has
//! one text for each machine in [`HOSTS`] under `expected` beside it; `FILTERC_BLESS=1` writes
//! them anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{env, fs};

use filterc_abi as abi;
use filterc_grammar::source::FileId;
use filterc_grammar::{parser, print};
use filterc_import::Imported;
use filterc_import::oci::{self, DOCKER_CAPS, Options, Width};
use filterc_testkit::corpus;

/// The machines, with what else is different there.
const HOSTS: [(&str, &str); 4] =
    [("x86_64", ""), ("x86_64", "raw"), ("aarch64", "docker"), ("s390x", "admin")];

fn options(host: &str, variant: &str, source: &str) -> Options {
    let mut options = Options::new(abi::abi(host).unwrap());
    options.source = source.to_owned();
    match variant {
        "raw" => options.width = Width::Registers,
        "docker" => options.caps = DOCKER_CAPS.iter().map(|&cap| cap.to_owned()).collect(),
        "admin" => options.caps = ["CAP_SYS_ADMIN".to_owned()].into(),
        _ => (),
    }
    options
}

fn import(text: &str, host: &str) -> Imported {
    oci::import(FileId(0), text, &options(host, "", "test.json"))
        .unwrap_or_else(|list| panic!("{list:#?}"))
}

#[test]
fn profiles_become_these_policies() {
    let mut wrong = Vec::new();
    for path in corpus::files("import/oci", "json") {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        for (host, variant) in HOSTS {
            let options = options(host, variant, &format!("{stem}.json"));
            let imported = oci::import(FileId(0), &corpus::text(&path), &options)
                .unwrap_or_else(|list| panic!("{stem}: {list:#?}"));
            let text = imported.document.to_text();
            assert_eq!(print::format(&text).as_ref(), Ok(&text), "{stem} is formatted");
            let dash = if variant.is_empty() { "" } else { "-" };
            let expected =
                path.with_file_name("expected").join(format!("{stem}.{host}{dash}{variant}.flt"));
            if env::var_os("FILTERC_BLESS").is_some() {
                fs::write(&expected, &text).unwrap();
            } else if fs::read_to_string(&expected).ok().as_ref() != Some(&text) {
                wrong.push(format!("{}:\n{text}", expected.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "not as expected (FILTERC_BLESS=1):\n{}", wrong.join("\n"));
}

#[test]
fn the_tree_is_the_text() {
    for path in corpus::files("import/oci", "json") {
        let imported = import(&corpus::text(&path), "x86_64");
        let parsed = parser::parse(FileId(0), &imported.document.to_text());
        assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
        assert_eq!(print::file(&parsed.file), print::file(&imported.document.file()));
    }
}

#[test]
fn what_has_no_effect_is_told() {
    let notes = |name: &str, host: &str| {
        let path = corpus::folder("import/oci").join(name);
        let imported = import(&corpus::text(&path), host);
        let notes = imported.notes.iter().map(ToString::to_string);
        notes.filter(|note| !note.contains("runtimes differ")).collect::<Vec<_>>()
    };
    assert_eq!(
        notes("order.json", "x86_64"),
        [
            "syscalls[1]: without effect on write: syscalls[0] decides",
            "syscalls[2]: without effect on fcntl: syscalls[3] decides",
        ]
    );
    assert_eq!(
        notes("config.json", "x86_64"),
        [
            "left to whoever loads the filter: SECCOMP_FILTER_FLAG_LOG, listenerPath",
            "linux.seccomp.syscalls[6].action: its errno is not used: this action has none",
            "linux.seccomp.syscalls[7].action: the kernel cuts the errno 30000 to 4095",
        ]
    );
    assert_eq!(
        notes("web.json", "x86_64"),
        ["syscalls: 1 name skipped, which is no call on x86_64, i386, x32: no_such_call"]
    );
    let arguments = notes("arguments.json", "x86_64");
    assert_eq!(
        arguments[0],
        "architectures: a machine of x86_64 never meets aarch64, s390x: left out"
    );
    let dup = "syscalls[7].args[0]: compares a register on i386, x86_64: no argument fits this";
    assert!(arguments.iter().any(|note| note == dup), "{arguments:#?}");
    let never = "syscalls[9]: never holds for sync on x86_64, i386";
    assert!(arguments.iter().any(|note| note == never), "{arguments:#?}");
    let deny = notes("deny.json", "x86_64");
    assert!(deny.iter().any(|note| note.contains("out of sight in socketcall")), "{deny:#?}");
}

/// The whole register only where that is asked for.
#[test]
fn arguments_are_compared_as_the_kernel_uses_them() {
    let text = r#"{ "defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
        { "names": ["socket"], "action": "SCMP_ACT_ALLOW",
          "args": [{ "index": 0, "value": 16, "op": "SCMP_CMP_LT" }] },
        { "names": ["socket"], "action": "SCMP_ACT_ALLOW",
          "args": [{ "index": 0, "value": 16, "op": "SCMP_CMP_GT" }] }] }"#;
    let rules = |text: &str| {
        let rules: Vec<&str> = text.lines().filter(|line| line.starts_with("allow")).collect();
        rules.join("\n")
    };
    let ours = rules(&import(text, "x86_64").document.to_text());
    assert!(ours.starts_with("allow socket if family != "), "{ours}");
    let raw = oci::import(FileId(0), text, &options("x86_64", "raw", "test.json")).unwrap();
    assert_eq!(rules(&raw.document.to_text()), "allow socket if args[0] != 16");
}

#[test]
fn where_runtimes_differ_is_told() {
    let told = |profile: &str, word: &str| {
        let imported = import(profile, "x86_64");
        let notes: Vec<String> = imported.notes.iter().map(ToString::to_string).collect();
        let found = notes.iter().filter(|note| note.contains("runtimes differ"));
        let found: Vec<&String> = found.filter(|note| note.contains(word)).collect();
        assert_eq!(found.len(), 1, "{notes:#?}");
        found[0].clone()
    };
    let plain = r#"{ "defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
        { "names": ["read"], "action": "SCMP_ACT_ALLOW" }] }"#;
    told(plain, "crun with the default");
    let unused = plain.replace("_ALLOW\"", "_ALLOW\", \"errnoRet\": 1");
    let note = told(&unused, "crun refuses");
    assert!(note.starts_with("syscalls[0].action: "), "{note}");
    let args = |count: usize| {
        let each = |at| format!(r#"{{ "index": 0, "value": {at}, "op": "SCMP_CMP_EQ" }}"#);
        let all: Vec<String> = (0..count).map(each).collect();
        plain.replace("_ALLOW\"", &format!("_ALLOW\", \"args\": [{}]", all.join(", ")))
    };
    told(&args(2), "one is enough");
    told(&args(7), "first six");
}
