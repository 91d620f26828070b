//! Faults in the hand-written files, and in what is made from them.

use std::fs;

use super::{Copy, committed, finds, line, with_column, without_evidence};

#[test]
fn evidence() {
    for entry in fs::read_dir(committed().join("curated")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_none_or(|extension| extension != "tsv") {
            continue;
        }
        let rows = fs::read_to_string(&path).unwrap();
        let Some(row) = rows.lines().find(|row| row.contains('\t') && !row.starts_with('#')) else {
            continue;
        };
        let copy = Copy::new();
        copy.edit(&format!("curated/{name}"), |text| text.replacen(row, &without_evidence(row), 1));
        let found = copy.findings();
        let told = |line: &String| line.starts_with("curated/") && line.ends_with("no evidence");
        assert!(found.iter().any(told), "{name}: {found:#?}");
    }
}

#[test]
fn bindings() {
    let row = |text: &'static str| move |_: &str| format!("{text}\n");
    let file = "curated/bindings.tsv";
    finds(file, row("no_set\topenat.flags\tx"), "line 1: no set no_set");
    finds(file, row("prot\tmmap.prot mmap.tort\tx"), "line 1: no ABI has mmap.tort");
    finds(file, row("prot\tmmap.prot nmap.prot\tx"), "line 1: no ABI has nmap.prot");
    finds(file, row("prot\tmmap\tx"), "line 1: no ABI has mmap");
}

#[test]
fn widths() {
    let row = |text: &'static str| move |_: &str| format!("{text}\n");
    let file = "curated/widths.tsv";
    finds(file, row("mmap.tort\t*\tu32\tx"), "line 1: no ABI has mmap.tort");
    finds(file, row("mprotect.prot\t*\tu32\tx"), "line 1: mprotect.prot has 64 bits on aarch64");
    finds(
        file,
        row("mprotect.prot\tx86_64\tu32\tx"),
        "line 1: mprotect.prot has 64 bits on x86_64",
    );
    finds(file, row("mmap.prot\t*\tp32\tx"), "line 1: no type");
    finds(file, row("mmap.prot\t*\tu31\tx"), "line 1: no type");
    finds(file, row("mmap.prot\tvax\tu32\tx"), "line 1: no ABI vax");
    finds("curated/widths64.tsv", row("mmap.tort\tx"), "line 1: no ABI has mmap.tort");
}

#[test]
fn tables_that_are_not_what_the_files_say() {
    let clock = line("clock", with_column(1, "Something else"));
    finds("tables/groups.tsv", clock, "groups.tsv: is not what the curated files say");
    let dup = line("dup", with_column(1, "Something else"));
    finds("tables/families.tsv", dup, "families.tsv: is not what the curated files say");
    let pread = line("pread", with_column(2, "somebody else"));
    finds("curated/aliases.tsv", pread, "aliases.tsv: is not what the curated files say");
    let unknown = line("clock", with_column(2, "adjtimez"));
    finds("curated/groups.tsv", unknown, "adjtimez: no ABI has that call");
    let circle = line("clock", with_column(2, "@clock"));
    finds("curated/groups.tsv", circle, "@clock: no such group, or in a circle");
}

#[test]
fn versions() {
    let calls = "tables/syscalls/x86_64.tsv";
    finds(calls, line("257", with_column(5, "2.4")), "openat: not the version of since.tsv");
    finds(calls, line("257", with_column(5, "99.0")), "openat: 99.0 is not yet");
    finds(calls, line("435", with_column(5, "-")), "clone3: no first kernel");
    // The other ABIs have it since 6.7 too.
    let early = |text: &str| text.replace("futex_wake\t*\t6.7", "futex_wake\t*\t4.0");
    let copy = Copy::new();
    copy.edit("curated/since.tsv", early);
    crate::generate::lists::write(copy.0.path()).unwrap();
    let found = copy.findings();
    assert!(found[0].contains("futex_wake: 4.0 is before"), "{found:#?}");
    let since = "curated/since.tsv";
    finds(since, |text| format!("{text}zzz\t*\t1.0\tx\n"), "no ABI has zzz");
    finds(since, |text| format!("{text}zzz\tx32\t1.0\tx\n"), "zzz: not on x32");
}
