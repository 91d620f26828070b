//! `doc` and `list`: every `corpus/cli/*.args` beside what the tool prints for it, and that
//! what they print is what the tables say.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and says what it skipped"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::{Command, Output};

use filterc_abi::{Status, abis};
use filterc_testkit::corpus::text;
use serde_json::Value;

fn filterc(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_filterc")).args(args).env("NO_COLOR", "1").output().unwrap()
}

fn stdout(args: &[&str]) -> String {
    let output = filterc(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The objects that a command prints, one a line.
fn objects(args: &[&str]) -> Vec<Value> {
    stdout(args).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn prints_what_is_shown() {
    insta::glob!("../../../corpus/cli", "*.args", |path| {
        let args = text(path);
        let output = filterc(&args.split_whitespace().collect::<Vec<_>>());
        let mut shown = String::from_utf8(output.stdout).unwrap();
        for line in String::from_utf8(output.stderr).unwrap().lines() {
            writeln!(shown, "! {line}").unwrap();
        }
        write!(shown, "exit status {}", output.status.code().unwrap()).unwrap();
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false,
            snapshot_path => "../../../corpus/cli/expected" }, {
            insta::assert_snapshot!(shown);
        });
    });
}

/// The names of all calls of all ABIs.
fn all_calls() -> Vec<&'static str> {
    let calls: BTreeSet<&str> =
        abis().iter().flat_map(|abi| abi.syscalls()).map(|call| call.name).collect();
    calls.into_iter().collect()
}

#[test]
fn every_call_has_a_page() {
    let names = all_calls();
    let page = stdout(&[&["doc"], names.as_slice()].concat());
    for name in &names {
        let titled = page.lines().any(|l| l == *name || l.starts_with(&format!("{name}: ")));
        assert!(titled, "{name}");
    }
    // Lists are wrapped; only a table with long C types may be wider.
    let wide = page.lines().filter(|line| line.chars().count() > 80).count();
    assert!(wide * 50 < page.lines().count(), "{wide} lines are wide");
    assert!(!page.contains('\u{a0}') && page.lines().all(|line| line.trim_end() == line));
}

#[test]
fn every_call_as_json_is_its_row() {
    let names = all_calls();
    let objects = objects(&[&["doc", "--json"], names.as_slice()].concat());
    assert_eq!(objects.len(), names.len());
    for (object, name) in objects.iter().zip(names) {
        assert_eq!(object["name"], name);
        for abi in abis() {
            let row = &object["abis"][abi.name];
            let Some(call) = abi.syscall(name) else {
                assert!(row.is_null(), "{name} on {}", abi.name);
                continue;
            };
            assert_eq!(row["nr"], call.nr);
            let args = row["args"].as_array().unwrap();
            assert_eq!(args.len(), call.args.len());
            for (shown, arg) in args.iter().zip(call.args) {
                assert_eq!(shown["name"], arg.name);
                assert_eq!(
                    (&shown["width"], &shown["signed"]),
                    (&arg.width.into(), &arg.signed.into())
                );
            }
        }
    }
}

#[test]
fn constants_have_the_values_of_each_abi() {
    let names: Vec<&str> = filterc_abi::x86_64().constant_names().step_by(60).collect();
    for object in objects(&[&["doc", "--json"], names.as_slice()].concat()) {
        let name = object["name"].as_str().unwrap();
        assert_eq!(object["kind"], "constant", "{name}");
        for abi in abis() {
            let shown = &object["abis"][abi.name]["value"];
            let shown = shown.as_i64().map(i128::from).or(shown.as_u64().map(i128::from));
            assert_eq!(shown, abi.constant(name), "{name} on {}", abi.name);
        }
        let sets = object["sets"].as_array().unwrap().len();
        assert_eq!(sets, filterc_abi::sets_with(name).count(), "{name}");
    }
    let page = stdout(&[&["doc"], names.as_slice()].concat());
    assert!(names.iter().all(|name| page.lines().any(|line| line == *name)));
}

#[test]
fn every_abi_and_group_has_a_page() {
    let names: Vec<&str> = abis().iter().map(|abi| abi.name).collect();
    let without = filterc_abi::abis_without_tables().iter().map(|(name, _)| *name);
    let names: Vec<&str> = names.into_iter().chain(without).collect();
    assert_eq!(objects(&[&["doc", "--json"], names.as_slice()].concat()).len(), names.len());
    let page = stdout(&[&["doc"], names.as_slice()].concat());
    assert!(names.iter().all(|name| page.contains(&format!("{name}: "))));
    let groups: Vec<String> =
        filterc_abi::groups().iter().map(|group| format!("@{}", group.name)).collect();
    let mut args: Vec<&str> = vec!["doc", "--json", "@known", "@since(6.6)"];
    args.extend(groups.iter().map(String::as_str));
    assert_eq!(objects(&args).len(), groups.len() + 2);
    let listed = stdout(&["list", "--groups"]);
    assert!(groups.iter().all(|name| listed.contains(name.as_str())) && listed.contains("@since("));
    assert_eq!(objects(&["list", "--groups", "--json"]).len(), groups.len() + 2);
}

#[test]
fn lists_are_sorted_and_whole() {
    let all = stdout(&["list"]);
    assert!(all.lines().eq(all_calls()));
    let x86 = filterc_abi::x86_64();
    let numbers = stdout(&["list", "--arch", "x86_64"]);
    let mut lines = numbers.lines();
    assert_eq!(lines.next().unwrap().trim(), "x86_64");
    let mut count = 0;
    for line in lines {
        let mut words = line.split_whitespace();
        let call = x86.syscall(words.next().unwrap()).unwrap();
        let shown = words.next().unwrap();
        let nr = shown.trim_matches(['(', ')']);
        assert_eq!(nr, call.nr.to_string());
        assert_eq!(shown.starts_with('('), call.status == Status::Unimplemented, "{line}");
        count += 1;
    }
    assert_eq!(count, x86.syscalls().len());
    let known = stdout(&["list", "@known", "--arch", "x86_64"]);
    assert!(!known.contains('(') && known.lines().count() < numbers.lines().count());
}

#[test]
fn since_is_a_group_and_an_option() {
    let group = objects(&["list", "@since(6.6)", "--arch", "x86_64", "--json"]);
    let option = objects(&["list", "--since", "6.6", "--arch", "x86_64", "--json"]);
    assert_eq!(group, option);
    assert!(!group.is_empty());
    for object in group {
        let since = object["abis"]["x86_64"]["since"].as_str().unwrap();
        assert!(since.parse::<filterc_abi::KernelVersion>().unwrap() >= "6.6".parse().unwrap());
    }
}

#[test]
fn mistakes_have_a_status() {
    for (args, status) in [
        (&["doc", "nosuchthing"] as &[&str], 1),
        (&["doc", "@nosuchgroup"], 1),
        (&["doc", "@since"], 1),
        (&["doc", "@since(99.0)"], 1),
        (&["doc", "12345", "--arch", "x86_64"], 1),
        (&["doc", "0xzz", "--arch", "x86_64"], 1),
        (&["doc", "3"], 2),
        (&["doc", "openat", "--arch", "vax"], 2),
        (&["doc"], 2),
        (&["list", "@nosuchgroup"], 1),
        (&["list", "--since", "6"], 2),
        (&["list", "--since", "99.0"], 2),
        (&["list", "--groups", "@known"], 2),
    ] {
        assert_eq!(filterc(args).status.code(), Some(status), "{args:?}");
    }
    // What is known is shown, whatever else is not.
    let output = filterc(&["doc", "nosuchthing", "close"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("close\n"));
    assert!(stdout(&["doc", "close", "--color", "always"]).starts_with("\x1b[1mclose\x1b[0m\n"));
}
