//! Faults in arguments.

use std::fs;

use super::{committed, finds, line};

/// Plants a fault into the arguments of a call, and expects a finding about it.
fn of(abi: &str, call: &str, from: &str, to: &str, finding: &str) {
    let path = committed().join(format!("tables/syscalls/{abi}.tsv"));
    let table = fs::read_to_string(path).unwrap();
    let row = table.lines().find(|row| row.split('\t').nth(1) == Some(call)).unwrap();
    let form = row.split('\t').nth(3).unwrap();
    let change = |line: &str| {
        assert!(line.contains(from), "{line}");
        line.replacen(from, to, 1)
    };
    finds("tables/forms.tsv", line(form, change), &format!("{call}.{finding}"));
}

#[test]
fn widths() {
    let openat = |from, to, finding| of("x86_64", "openat", from, to, finding);
    openat("\tdfd:int:s32:s32", "\tdfd:int:s32:s24", "dfd: 24 bits");
    openat("\tdfd:int:s32:s32", "\tdfd:int:s32:s64", "dfd: 64 bits of 32");
    openat(":p64:p64:pointer:1", ":p64:p32:pointer:1", "filename: a pointer that is no word");
    openat(":p64:p64:pointer:1", ":p64:s64:pointer:1", "filename: a pointer that is no word");
    of("i386", "openat", ":p32:p32:pointer:1", ":p64:p64:pointer:1", "filename: a pointer");
}

#[test]
fn registers() {
    let openat = |from, to, finding| of("x86_64", "openat", from, to, finding);
    openat(":pointer:1", ":pointer:0", "filename: a register that another has");
    openat(":pointer:1", ":pointer:6", "filename: register 6");
    openat("\tfilename:", "\tdfd:", "dfd: stands twice");
    of("i386", "pread64", ":3,4", ":3", "pos: 64 bits in one register");
    of("i386", "pread64", ":s64:s64:", ":s64:s32:", "pos: 32 bits in two registers");
    of("i386", "pread64", ":3,4", ":4,3", "pos: the pair 4, 3");
    of("i386", "pread64", ":3,4", ":3,5", "pos: the pair 3, 5");
    of("i386", "pread64", ":3,4", ":5,6", "pos: registers 5, 6");
    of("ppc", "pread64", ":5,4", ":4,5", "pos: the pair 4, 5");
    of("ppc", "preadv", ":3,4", ":4,3", "pos: the pair 4, 3");
    of("i386", "_llseek", ":2,1", ":1,2", "offset: the pair 1, 2");
    of("arm", "pread64", ":4,5", ":3,4", "pos: the pair 3, 4");
    of("x86_64", "pread64", ":offset:3", ":offset:3,4", "pos: a pair on a 64-bit ABI");
}

#[test]
fn an_invisible_argument_where_a_register_is_free() {
    let table = fs::read_to_string(committed().join("tables/syscalls/x86_64.tsv")).unwrap();
    let row = table.lines().find(|row| row.split('\t').nth(1) == Some("fchmod")).unwrap();
    let form = row.split('\t').nth(3).unwrap();
    let change = |line: &str| line.replacen(":fd:0", ":fd:-", 1);
    finds("tables/forms.tsv", line(form, change), "fchmod: an argument beyond the sixth");
}

#[test]
fn kinds_and_sets() {
    let openat = |from, to, finding| of("x86_64", "openat", from, to, finding);
    openat(":fd:0", ":file:0", "dfd: no kind file");
    openat(":open_flags", ":no_set", "flags: no set no_set");
    openat(":flags:2", ":enum:2", "flags: enum with the set open_flags");
    of("x86_64", "fcntl", ":enum:1", ":flags:1", "cmd: flags with the set fcntl_cmd");
}
