//! Groups, families, aliases, arguments in memory, multiplexers and versions, as a user of
//! the crate asks for them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

use filterc_abi::{Family, abi, abis, alias, aliases_named, families, group, groups};

fn in_group(name: &str, call: &str) -> bool {
    group(name).unwrap().calls.contains(&call)
}

fn family(name: &str) -> &'static Family {
    families().iter().find(|family| family.name == name).unwrap()
}

fn since(name: &str, call: &str) -> String {
    abi(name).unwrap().syscall(call).unwrap().since.unwrap().to_string()
}

#[test]
fn every_call_is_in_a_group() {
    let grouped: BTreeSet<&str> = groups().iter().flat_map(|group| &group.calls).copied().collect();
    for abi in abis() {
        for call in abi.syscalls() {
            assert!(grouped.contains(call.name), "{}", call.name);
        }
    }
}

#[test]
fn groups_are_what_they_say() {
    for (name, call) in [
        ("basic-io", "read"),
        ("file-system", "openat"),
        ("privileged", "mount"),
        ("obsolete", "create_module"),
        ("default", "rt_sigreturn"),
        ("system-service", "futex_wait"),
        ("aio", "io_uring_setup"),
    ] {
        assert!(in_group(name, call), "{call} is not in {name}");
    }
    // No filter sees what io_uring does, and a service does not look into others.
    for call in ["io_uring_setup", "ptrace", "process_vm_writev", "mount", "init_module", "bpf"] {
        assert!(!in_group("system-service", call), "{call}");
    }
    // What leads nowhere on one ABI only is not obsolete.
    assert!(!in_group("obsolete", "get_mempolicy"));
    assert!(!in_group("default", "execve"));
}

#[test]
fn families_tell_names_from_mechanisms() {
    let open = family("open");
    assert_eq!(open.calls, ["creat", "open", "openat", "openat2"]);
    assert_eq!(open.others, ["io_uring_setup", "open_by_handle_at"]);
    assert!(family("exec").others.is_empty());
    for family in families() {
        assert!(family.calls.iter().all(|call| !family.others.contains(call)), "{family:?}");
        assert!(family.calls.is_sorted() && family.others.is_sorted(), "{family:?}");
    }
}

#[test]
fn aliases_lead_to_calls() {
    assert_eq!(alias("pread").unwrap().call, "pread64");
    let calls: Vec<&str> = aliases_named("fstatat").map(|alias| alias.call).collect();
    assert_eq!(calls, ["fstatat64", "newfstatat"]);
    assert!(alias("read").is_none());
}

#[test]
fn arguments_in_memory_depend_on_the_abi() {
    let prot = |name: &str| {
        abi(name).unwrap().in_memory("mmap").is_some_and(|row| row.fields.contains(&"prot"))
    };
    assert!(prot("s390x") && prot("i386"));
    assert!(!prot("x86_64") && !prot("arm"));
    for abi in abis().iter().filter(|abi| abi.syscall("openat2").is_some()) {
        assert!(abi.in_memory("openat2").unwrap().fields.contains(&"resolve"), "{}", abi.name);
    }
}

#[test]
fn multiplexers() {
    let mask = |name: &str, call: &str| {
        let calls = abi(name).unwrap().sub_calls();
        calls.iter().find(|sub| sub.name == call).map(|sub| (sub.mask, sub.value))
    };
    assert_eq!(mask("i386", "socket"), Some((u32::MAX, 1)));
    assert_eq!(mask("ppc64le", "shmat"), Some((0xffff, 21)));
    assert_eq!(mask("s390x", "shmat"), Some((u32::MAX, 21)), "s390 refuses a version");
    for name in ["x86_64", "aarch64", "arm", "mips64", "mips64n32", "parisc", "alpha", "xtensa"] {
        assert!(abi(name).unwrap().sub_calls().is_empty(), "{name}");
    }
}

#[test]
fn versions() {
    assert_eq!(since("x86_64", "membarrier"), "4.3");
    assert_eq!(since("aarch64", "openat"), "3.7", "no older than its ABI");
    assert_eq!([since("x86_64", "clone3"), since("sparc64", "clone3")], ["5.3", "7.0"]);
    assert_eq!([since("s390x", "socket"), since("x86_64", "socket")], ["4.3", "2.0"]);
    assert_eq!([since("ppc", "semget"), since("arm", "semget")], ["5.1", "2.0"]);
}
