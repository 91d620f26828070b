//! Faults in groups, families, aliases, arguments in memory, dependent sets, sub-calls.

use super::{finds, line, with_column};

#[test]
fn groups() {
    let groups = "tables/groups.tsv";
    finds(groups, line("clock", with_column(2, "adjtimez")), "clock: no ABI has adjtimez");
    finds(groups, line("clock", with_column(2, "")), "clock: empty");
    finds(groups, line("clock", with_column(1, "")), "clock: not described");
    let nowhere = |text: &str| text.replace(" perf_event_open", "");
    finds(groups, nowhere, "perf_event_open is in no group");
    let new = line("257", with_column(1, "openat9"));
    finds("tables/syscalls/x86_64.tsv", new, "openat9 is in no group");
}

#[test]
fn families() {
    let families = "tables/families.tsv";
    finds(families, line("dup", with_column(2, "dup9")), "dup: no ABI has dup9");
    finds(families, line("dup", with_column(3, "dup9")), "dup: no ABI has dup9");
    finds(families, line("exec", with_column(2, "execve")), "exec: one call is no family");
    finds(families, line("dup", with_column(2, "-")), "dup: no calls");
    finds(families, line("dup", with_column(3, "dup")), "dup: a call among the others too");
    finds(families, line("dup", with_column(1, "")), "dup: not described");
}

#[test]
fn aliases() {
    let aliases = "tables/aliases.tsv";
    finds(aliases, line("pread", with_column(1, "pread65")), "pread: no ABI has pread65");
    finds(aliases, line("pread", with_column(0, "pread64")), "pread64 is the call's own name");
    finds(aliases, line("pread", with_column(2, "")), "pread: nobody uses it");
}

#[test]
fn memory() {
    let memory = "tables/memory.tsv";
    finds(memory, line("openat2", with_column(0, "openat9")), "openat9: no ABI has it");
    finds(memory, line("openat2", with_column(2, "why")), "openat2: no argument why on aarch64");
    let visible = line("openat2", with_column(3, "dfd flags"));
    finds(memory, visible, "openat2: dfd is an argument on aarch64");
    finds(memory, line("openat2", with_column(3, "")), "openat2: no fields");
    finds(memory, line("openat2", with_column(4, "")), "openat2: no note");
    finds(memory, line("mmap", with_column(1, "i386 vax")), "mmap: vax has no such call");
    finds(memory, line("mmap", with_column(1, "*")), "mmap: no argument arg on x86_64");
}

#[test]
fn dependents() {
    let row = |text: &'static str| move |_: &str| format!("{text}\n");
    let dependents = "tables/dependents.tsv";
    let good = "fcntl\targ\tcmd\tF_SETFL\topen_flags";
    let bad = |column, text, finding| finds(dependents, row_with(good, column, text), finding);
    bad(0, "fcntl9", "fcntl9: no ABI has the argument arg");
    bad(1, "arg9", "fcntl: no ABI has the argument arg9");
    bad(2, "cmd9", "fcntl: no ABI has the argument cmd9");
    bad(2, "arg", "fcntl: depends on itself");
    bad(3, "", "fcntl: on no value");
    bad(3, "F_NOTHING", "fcntl: F_NOTHING is no constant");
    bad(4, "no_set", "fcntl: no set no_set");
    finds(dependents, row("fcntl\targ\tcmd"), "dependents.tsv: line 1 does not parse");
}

/// A text of one row, with one column changed.
fn row_with(good: &str, column: usize, text: &str) -> impl FnOnce(&str) -> String {
    let row = with_column(column, text)(good);
    move |_| format!("{row}\n")
}

#[test]
fn sub_calls() {
    let file = "tables/subcalls.tsv";
    let first = |change: &'static dyn Fn(&str) -> String| line("i386\taccept", change);
    finds(file, first(&|line| with_column(1, "accepted")(line)), "accepted: no ABI has it");
    finds(file, first(&|line| with_column(2, "mux")(line)), "i386 has no mux");
    finds(file, first(&|line| with_column(0, "x86_64")(line)), "x86_64 has no socketcall");
    finds(file, first(&|line| with_column(3, "0x3")(line)), "the number is not under the mask");
    finds(file, first(&|line| with_column(4, "four")(line)), "the number is not under the mask");
    finds(file, first(&|line| with_column(4, "2")(line)), "i386 accept: another has its number");
}
