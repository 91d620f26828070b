//! Faults in order, counts, numbers and forms.

use super::{finds, line, with_column};

#[test]
fn order() {
    let swap = |text: &str| {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.swap(0, 1);
        lines.join("\n") + "\n"
    };
    for file in ["abis", "aliases", "consts", "families", "forms", "groups", "memory", "sets"] {
        finds(&format!("tables/{file}.tsv"), swap, "is not sorted after");
    }
    finds("tables/subcalls.tsv", swap, "is not sorted after");
    let twice =
        |text: &str| text.lines().take(1).chain(text.lines()).collect::<Vec<_>>().join("\n");
    finds("tables/memory.tsv", |text| twice(text) + "\n", "is not sorted after");
    finds("tables/forms.tsv", |text| text.trim_end().to_owned(), "the last line has no end");
    let groups = line("clock", |line| format!("{line} adjtimex"));
    finds("tables/groups.tsv", groups, "clock: column 3 is not sorted");
    let others = line("accept", with_column(3, "write read"));
    finds("tables/families.tsv", others, "accept: column 4 is not sorted");
    let flags = line("prot", |line| format!("{line} PROT_EXEC"));
    finds("tables/sets.tsv", flags, "prot: column 5 is not sorted");
}

#[test]
fn counts() {
    for name in ["forms", "consts", "sets", "groups", "syscalls/x86_64"] {
        finds("tables/MANIFEST", line(name, with_column(1, "3")), &format!("{name} has"));
        let cut = line(name, |line| format!("# {line}"));
        finds("tables/MANIFEST", cut, &format!("does not count {name}"));
    }
    finds("tables/MANIFEST", line("kernel", |line| format!("# {line}")), "names no kernel");
}

#[test]
fn rows_that_do_not_parse() {
    let calls = "tables/syscalls/x86_64.tsv";
    finds("tables/abis.tsv", |text| text.replacen("little", "middle", 1), "does not parse");
    finds("tables/abis.tsv", line("arm", with_column(10, "odd")), "does not parse");
    finds(calls, line("257", with_column(4, "maybe")), "line 258 does not parse");
    finds(calls, line("257", with_column(5, "new")), "line 258 does not parse");
    finds(calls, line("257", |line| format!("{line}\t")), "line 258 does not parse");
    finds("tables/consts.tsv", line("O_CREAT", with_column(2, "many")), "does not parse");
    finds("tables/groups.tsv", line("clock", |line| format!("{line}\tx")), "does not parse");
    finds("tables/families.tsv", line("accept", |line| format!("{line}\tx")), "does not parse");
    finds("tables/sets.tsv", line("prot", |line| format!("{line}\tx")), "does not parse");
}

/// The text with the line of a call changed.
fn call(name: &'static str, change: impl Fn(&str) -> String) -> impl FnOnce(&str) -> String {
    move |text| {
        let here = |line: &str| line.split('\t').nth(1) == Some(name);
        let lines =
            text.lines().map(|line| if here(line) { change(line) } else { line.to_owned() });
        lines.map(|line| line + "\n").collect()
    }
}

fn next_number(line: &str) -> String {
    let (nr, rest) = line.split_once('\t').unwrap();
    format!("{}\t{rest}", nr.parse::<u32>().unwrap() + 1)
}

#[test]
fn numbers() {
    let calls = "tables/syscalls/x86_64.tsv";
    finds(calls, line("257", with_column(0, "256")), "256 openat is not above 256");
    finds(calls, line("257", with_column(1, "open")), "open stands twice");
    finds(calls, |_| String::new(), "no calls");
    let x32 = line("1073741824", with_column(0, "0"));
    finds("tables/syscalls/x32.tsv", x32, "read: 0 is below the base");
    for abi in ["alpha", "i386", "mips64n32", "x32"] {
        finds(
            &format!("tables/syscalls/{abi}.tsv"),
            call("mseal", next_number),
            "mseal is 463 above",
        );
        let other = call("mseal", with_column(1, "mseal9"));
        finds(&format!("tables/syscalls/{abi}.tsv"), other, "462 is mseal9, but mseal elsewhere");
    }
}

#[test]
fn forms() {
    let calls = "tables/syscalls/x86_64.tsv";
    finds(calls, line("257", with_column(3, "openat/999")), "openat: no form openat/999");
    finds(calls, line("257", with_column(3, "-")), "openat: no form");
    finds(calls, line("257", with_column(4, "ni")), "openat: a form, but it leads nowhere");
    let unused = |text: &str| format!("{text}zzz/1\tfd:int:s32:s32:fd:0\n");
    finds("tables/forms.tsv", unused, "zzz/1 is not used");
}
