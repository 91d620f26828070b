//! Faults in constants and sets.

use super::{finds, line, with_column};

#[test]
fn constants() {
    let consts = "tables/consts.tsv";
    finds(consts, line("AF_INET", |_| "AF_INET\tu32\t-1".to_owned()), "-1 on aarch64 does not fit");
    finds(
        consts,
        line("AF_INET", |_| "AF_INET\ts8\t128".to_owned()),
        "128 on aarch64 does not fit",
    );
    finds(consts, line("AF_INET", |_| "AF_INET\tu31\t2".to_owned()), "AF_INET: a type of 31 bits");
    finds(consts, line("AF_INET", |_| "AF_INET\ts32\t-".to_owned()), "AF_INET is on no ABI");
    let vax = |_: &str| "AF_INET\ts32\t2\t5=vax".to_owned();
    finds(consts, line("AF_INET", vax), "AF_INET: no ABI vax");
}

#[test]
fn tokens() {
    let token = |text: &str| text.replace("0xc00000b7", "0xc00000b8");
    finds("tables/abis.tsv", token, "aarch64: AUDIT_ARCH_AARCH64 is not the token");
    let name = line("i386", with_column(1, "AUDIT_ARCH_I486"));
    finds("tables/abis.tsv", name, "i386: AUDIT_ARCH_I486 is not the token");
}

#[test]
fn sets() {
    let sets = "tables/sets.tsv";
    finds(sets, line("prot", with_column(4, "")), "prot: flags with other members, or none");
    finds(sets, line("seek", with_column(3, "")), "seek: enum with other members, or none");
    finds(sets, line("zero", with_column(4, "O_CREAT")), "zero: flags with other members");
    finds(sets, line("prot", with_column(1, "union")), "prot: union with other members");
    finds(sets, line("prot", with_column(3, "SEEK_SET")), "prot: flags with other members");
    finds(sets, line("prot", with_column(2, "O_ACCMODE")), "prot: flags with a mask");
    finds(sets, line("prot", with_column(4, "PROT_X")), "prot: PROT_X is no constant");
    finds(sets, line("open_flags", with_column(2, "O_X")), "open_flags: O_X is no constant");
    let under = line("open_flags", with_column(4, "O_CREAT O_WRONLY"));
    finds(sets, under, "open_flags: O_WRONLY lies under O_ACCMODE on aarch64");
    let twice = line("open_flags", with_column(4, "O_CREAT O_WRONLY"));
    finds(sets, twice, "open_flags: O_WRONLY is a value and a flag");
}
