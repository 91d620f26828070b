//! Groups that need no definition: what they stand for, asked of the reference semantics and
//! compared with the tables.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod read;

use filterc_abi::{Abi, Action, KernelVersion, SeccompData, Status, Syscall, abi, abis};
use filterc_hir::eval::eval;
use read::{checked, codes, lines, policy};

const ALLOW: Action = Action::Allow;

fn version(text: &str) -> KernelVersion {
    text.parse().unwrap()
}

/// Names of the calls of an ABI that a policy allows with all arguments 0, which is no part of
/// a multiplexer.
fn allowed(text: &str, abi: &'static Abi) -> Vec<&'static str> {
    let policy = policy(text);
    let is_allowed = |call: &&'static Syscall| {
        let nr = call.nr.cast_signed();
        let data = SeccompData { nr, arch: abi.audit_arch, ..SeccompData::default() };
        eval(&policy, &data) == ALLOW
    };
    abi.syscalls().iter().filter(is_allowed).map(|call| call.name).collect()
}

fn names(abi: &'static Abi, is_member: impl Fn(&&'static Syscall) -> bool) -> Vec<&'static str> {
    abi.syscalls().iter().filter(is_member).map(|call| call.name).collect()
}

#[test]
fn a_group_of_the_tables_is_its_calls_that_the_kernel_has() {
    for group in filterc_abi::groups() {
        for abi in abis() {
            for kernel in [KernelVersion::TABLE, version("5.4"), version("4.19")] {
                let expected =
                    names(abi, |call| group.calls.contains(&call.name) && call.exists_in(kernel));
                let text = format!("arch {} kernel {kernel} allow @{}", abi.name, group.name);
                if expected.is_empty() {
                    assert_eq!(codes(&text), ["F0219"], "{text}");
                } else {
                    assert_eq!(allowed(&text, abi), expected, "{text}");
                }
            }
        }
    }
}

#[test]
fn a_group_covers_the_parts_of_a_multiplexer() {
    let i386 = abi("i386").unwrap();
    let group = |name: &str| filterc_abi::groups().iter().find(|g| g.calls.contains(&name));
    let Some(group) = group("socket") else {
        println!("skipped: no group has `socket` yet");
        return;
    };
    let policy = policy(&format!("arch i386 allow @{}", group.name));
    let call = i386.syscall("socketcall").unwrap();
    let data = |part| SeccompData {
        nr: call.nr.cast_signed(),
        arch: i386.audit_arch,
        args: [part, 0, 0, 0, 0, 0],
        ..SeccompData::default()
    };
    assert_eq!(eval(&policy, &data(1)), ALLOW, "socketcall(SYS_SOCKET)");
}

#[test]
fn known_is_what_the_kernel_implements() {
    for abi in abis() {
        for kernel in [KernelVersion::TABLE, version("5.10")] {
            let text = format!("arch {} kernel {kernel} allow @known", abi.name);
            let is_known = |call: &&'static Syscall| {
                call.status != Status::Unimplemented && call.exists_in(kernel)
            };
            let expected = names(abi, is_known);
            if expected.is_empty() {
                // The ABI is younger than the kernel.
                assert_eq!(codes(&text), ["F0219"], "{text}");
            } else {
                assert_eq!(allowed(&text, abi), expected, "{text}");
            }
        }
    }
}

#[test]
fn since_is_that_version_and_later_ones() {
    for abi in abis() {
        let since = version("5.1");
        let text = format!("arch {} allow @since(5.1)", abi.name);
        let came = names(abi, |call| call.since.is_some_and(|version| version >= since));
        assert!(came.contains(&"openat2"), "{}", abi.name);
        assert_eq!(allowed(&text, abi), came, "{text}");
        // Only calls that the policy's kernel has.
        let text = format!("arch {} kernel 6.6 allow @since(5.1)", abi.name);
        let until = version("6.6");
        let came = names(abi, |call| {
            call.since.is_some_and(|version| version >= since && version <= until)
        });
        assert_eq!(allowed(&text, abi), came, "{text}");
    }
    // `semget` is new on i386, its part of `ipc` is not.
    let i386 = abi("i386").unwrap();
    assert!(allowed("arch i386 allow @since(5.1)", i386).contains(&"semget"));
    assert!(!allowed("arch i386 allow @since(5.1)", i386).contains(&"ipc"));
}

#[test]
fn a_group_of_the_policy_wins() {
    let x86 = filterc_abi::x86_64();
    let text =
        "arch x86_64 group @basic-io = openat, @known2 group @known2 = close allow @basic-io";
    assert_eq!(allowed(text, x86), ["close", "openat"]);
    assert_eq!(codes(text), ["F0340"]);
    // Nothing is hidden where the calls are the same.
    let group = filterc_abi::group("basic-io").unwrap();
    let calls = group.calls.iter().filter(|call| x86.syscall(call).is_some());
    let calls = calls.copied().collect::<Vec<_>>().join(", ");
    let same = format!("arch x86_64 group @basic-io = {calls} allow @basic-io");
    assert_eq!(codes(&same), [""; 0]);
    // Its own name inside its definition is itself, not the other one.
    assert_eq!(codes("group @basic-io = @basic-io, openat allow @basic-io"), ["F0209"]);
    assert_eq!(codes("group @since = read allow @since"), ["F0340"]);
    assert_eq!(codes("group @since = read allow @since(6.6)"), ["F0340", "F0245"]);
}

#[test]
fn groups_stand_inside_groups_and_lists() {
    let x86 = filterc_abi::x86_64();
    let text = "arch x86_64 group @mine = @basic-io, getpid allow @mine, @basic-io, read";
    let mut expected = allowed("arch x86_64 allow @basic-io", x86);
    expected.push("getpid");
    let mut found = allowed(text, x86);
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(codes(text), [""; 0]);
}

#[test]
fn a_number_newer_than_the_policy_stays_unknown() {
    // `preadv2` came with 4.6; the group names it, but not for an older kernel.
    let text = "arch x86_64 kernel 4.5 unknown errno(ENOTTY) allow @basic-io";
    let policy = policy(text);
    let x86 = filterc_abi::x86_64();
    let call = x86.syscall("preadv2").unwrap();
    let nr = call.nr.cast_signed();
    let data = SeccompData { nr, arch: x86.audit_arch, ..SeccompData::default() };
    assert_eq!(eval(&policy, &data), Action::Errno(25));
}

#[test]
fn mistakes_are_told() {
    assert_eq!(codes("allow @since"), ["F0245"]);
    assert_eq!(codes("allow @basic-io(6.6)"), ["F0245"]);
    assert_eq!(codes("allow @known(6.6)"), ["F0245"]);
    assert_eq!(codes("allow @since(99.0)"), ["F0224"]);
    assert_eq!(codes("kernel 6.6 allow @since(6.7)"), ["F0219"]);
    for (text, guess) in [
        ("allow @basic-oi", "did you mean `@basic-io`"),
        ("allow @knwon", "did you mean `@known`"),
        ("allow @sinec(6.6)", "did you mean `@since`"),
    ] {
        let said = lines(text, &checked(text).diagnostics[0]);
        let is_guessed = said.iter().any(|line| line.starts_with(guess));
        assert!(said[0].starts_with("F0202") && is_guessed, "{said:?}");
    }
}
