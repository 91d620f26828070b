//! Every row of the committed tables parses, and the tables agree with each other.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{ArgKind, KernelVersion, Regs, SetKind, Status, abi, abis, set};

/// Name and value of the MANIFEST's lines that are not comments.
fn manifest() -> BTreeMap<&'static str, &'static str> {
    include_str!("../tables/MANIFEST")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once('\t').unwrap())
        .collect()
}

fn count(name: &str) -> usize {
    manifest()[name].parse().unwrap()
}

#[test]
fn every_row_parses() {
    for (abi, text) in abis().iter().zip(TEXTS) {
        assert_eq!(abi.syscalls().len(), text.lines().count(), "{}", abi.name);
        assert_eq!(abi.syscalls().len(), count(&format!("syscalls/{}", abi.name)));
    }
    assert_eq!(abis().len(), TEXTS.len());
    assert_eq!(forms().ids().count(), count("forms"));
    assert!(forms().ids().is_sorted());
    let sets = crate::sets();
    assert_eq!((sets.len(), SETS.lines().count()), (count("sets"), count("sets")));
    assert!(sets.is_sorted_by_key(|set| set.name));
    let sub_calls: usize = abis().iter().map(|abi| abi.sub_calls().len()).sum();
    assert_eq!((sub_calls, SUB_CALLS.lines().count()), (count("subcalls"), count("subcalls")));
    let version: KernelVersion = manifest()["kernel"].parse().unwrap();
    assert_eq!(version, KernelVersion::TABLE);
}

#[test]
fn every_form_is_used() {
    let used: BTreeSet<&str> =
        TEXTS.iter().flat_map(|t| t.lines()).map(|l| l.split('\t').nth(3).unwrap()).collect();
    for id in forms().ids() {
        assert!(used.contains(id), "{id}");
    }
}

#[test]
fn every_constant_parses() {
    let lines: Vec<&str> = consts::TEXT.lines().collect();
    assert_eq!(lines.len(), count("consts"));
    assert!(consts::TEXT.ends_with('\n'));
    assert!(lines.is_sorted_by(|a, b| a.split('\t').next() < b.split('\t').next()));
    for line in lines {
        let name = line.split('\t').next().unwrap();
        let mut values = abis().iter().filter_map(|abi| abi.constant(name));
        assert!(values.all(|v| v >= i64::MIN.into() && v <= u64::MAX.into()), "{line}");
    }
    for abi in abis() {
        let names: Vec<&str> = abi.constant_names().collect();
        assert!(names.is_sorted() && names.len() > 3000);
        assert!(names.iter().all(|name| abi.constant(name).is_some()));
    }
}

#[test]
fn calls_are_sorted_and_found_again() {
    for abi in abis() {
        assert!(abi.syscalls().is_sorted_by(|a, b| a.nr < b.nr), "{}", abi.name);
        for call in abi.syscalls() {
            assert!(std::ptr::eq(abi.syscall(call.name).unwrap(), call));
            assert!(std::ptr::eq(abi.syscall_by_nr(call.nr).unwrap(), call));
            assert!(call.args.is_empty() || call.status == Status::Implemented);
        }
        assert!(abi.syscall("").is_none() && abi.syscall("zzz").is_none());
        assert!(abi.syscall_by_nr(99_999).is_none());
    }
}

#[test]
fn numbers_from_424_on_are_the_same_everywhere() {
    let mut numbers = BTreeMap::new();
    for abi in abis() {
        for call in abi.syscalls() {
            // alpha's numbers had run ahead by 110.
            let base = abi.nr_base + if abi.name == "alpha" { 110 } else { 0 };
            let Some(nr) = call.nr.checked_sub(base).filter(|nr| (424..512).contains(nr)) else {
                continue;
            };
            assert_eq!(*numbers.entry(call.name).or_insert(nr), nr, "{}", call.name);
        }
    }
    assert!(numbers.len() > 40);
}

#[test]
fn arguments_fit_their_registers() {
    for abi in abis() {
        for call in abi.syscalls() {
            let mut names = BTreeSet::new();
            for arg in call.args {
                let what = format!("{} {} {}", abi.name, call.name, arg.name);
                assert!(names.insert(arg.name), "{what}");
                assert!(matches!(arg.width, 16 | 32 | 64) && arg.width <= arg.declared, "{what}");
                if let Some(name) = arg.set {
                    assert!(set(name).is_some(), "{what}");
                }
                match arg.regs {
                    Regs::One(_) => assert!(arg.width <= abi.register, "{what}"),
                    Regs::Pair { lo, hi } => {
                        assert!(lo != hi && abi.word == 32 && arg.width == 64, "{what}");
                    }
                    Regs::Invisible => {}
                }
                if arg.kind == ArgKind::Pointer {
                    let wide = [abi.word, abi.register].contains(&arg.width);
                    assert!(wide && !arg.signed, "{what}");
                }
            }
        }
    }
}

#[test]
fn sets_name_constants() {
    for line in SETS.lines() {
        let set = rows::set(line).unwrap();
        assert!(set.values().is_sorted_by(|a, b| a < b), "{}", set.name);
        assert!(set.flags().is_sorted_by(|a, b| a < b), "{}", set.name);
        for name in set.members().chain(set.mask) {
            // Some constants exist only on ABIs that have no tables yet.
            let well_formed = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            assert!(well_formed, "{} {name}", set.name);
        }
        assert!(set.mask.is_none() || set.kind == SetKind::Mixed, "{}", set.name);
        if let Some(mask) = set.mask {
            assert!(crate::x86_64().constant(mask).is_some(), "{}", set.name);
        }
    }
}

#[test]
fn facts_known_by_heart() {
    let x86 = crate::x86_64();
    let openat = x86.syscall("openat").unwrap();
    assert_eq!(openat.nr, 257);
    let types: Vec<_> = openat.args.iter().map(|a| (a.name, a.width, a.signed, a.regs)).collect();
    assert_eq!(
        types,
        [
            ("dfd", 32, true, Regs::One(0)),
            ("filename", 64, false, Regs::One(1)),
            ("flags", 32, true, Regs::One(2)),
            ("mode", 16, false, Regs::One(3)),
        ]
    );
    assert_eq!(openat.arg("mode").unwrap().ctype, "umode_t");
    assert!(openat.arg("nothing").is_none());
    // Declared `unsigned long`, but the kernel looks at 32 bits.
    // Declared long, used as 32 bits: a deny rule at 64 could be gone round.
    for (call, arg) in [
        ("ptrace", "pid"),
        ("preadv", "vlen"),
        ("pwritev2", "vlen"),
        ("process_madvise", "vlen"),
        ("process_vm_readv", "liovcnt"),
        ("process_vm_writev", "liovcnt"),
        ("vmsplice", "nr_segs"),
    ] {
        assert_eq!(x86.syscall(call).unwrap().arg(arg).unwrap().width, 32, "{call}: {arg}");
    }
    assert_eq!(x86.syscall("mmap").unwrap().arg("prot").unwrap().width, 32);
    assert_eq!(x86.syscall("mprotect").unwrap().arg("prot").unwrap().width, 64);
    // The orders of clone differ.
    let i386 = abi("i386").unwrap();
    let tls = |abi: &'static Abi| abi.syscall("clone").unwrap().arg("tls").unwrap().regs;
    assert_eq!((tls(x86), tls(i386)), (Regs::One(4), Regs::One(3)));
    let offset = |name: &str, arg: &str| i386.syscall(name).unwrap().arg(arg).unwrap().regs;
    assert_eq!(offset("pread64", "pos"), Regs::Pair { lo: 3, hi: 4 });
    assert_eq!(offset("_llseek", "offset"), Regs::Pair { lo: 2, hi: 1 });
    assert_eq!(x86.constant("AT_FDCWD"), Some(-100));
    assert_eq!(abi("aarch64").unwrap().constant("O_DIRECTORY"), Some(0o40_000));
    assert_eq!(x86.constant("O_DIRECTORY"), Some(0o200_000));
    assert_eq!(abi("aarch64").unwrap().constant("ARCH_GET_FS"), None);
    assert_eq!(x86.constant("NO_SUCH_NAME"), None);
    assert_eq!(i386.sub_calls().len(), 32);
    assert!(x86.sub_calls().is_empty());
    let since = |name: &str| i386.syscall(name).unwrap().since.unwrap().to_string();
    assert_eq!([since("socket"), since("futex_time64"), since("semget")], ["4.3", "5.1", "5.1"]);
    assert!(!x86.syscall("clone3").unwrap().exists_in("5.2".parse().unwrap()));
    assert!(x86.syscall("clone3").unwrap().exists_in("5.3".parse().unwrap()));
}

#[test]
fn constants_known_by_heart() {
    // Each the trap of somebody who took one architecture's headers for another's.
    for (name, abis, value) in [
        ("O_TMPFILE", "x86_64 i386 riscv64 s390x sh csky xtensa", 0x41_0000),
        ("O_TMPFILE", "aarch64 arm m68k ppc ppc64 ppc64le", 0x40_4000),
        ("O_TMPFILE", "parisc parisc64", 0x80_1000),
        ("O_TMPFILE", "sparc sparc64", 0x201_0000),
        ("O_TMPFILE", "alpha", 0x100_8000),
        ("SOCK_STREAM", "mips mipsel mips64 mips64n32 mipsel64 mipsel64n32", 2),
        ("SOCK_DGRAM", "mips mipsel mips64 mips64n32 mipsel64 mipsel64n32", 1),
        ("SOCK_STREAM", "x86_64 parisc alpha sparc xtensa csky", 1),
        ("SOCK_NONBLOCK", "mips mipsel64n32", 0x80),
        ("SOCK_NONBLOCK", "sparc sparc64", 0x4000),
        ("SOCK_NONBLOCK", "parisc parisc64 alpha", 0x4000_0000),
        ("SOL_SOCKET", "mips mipsel64 sparc parisc alpha", 0xffff),
        ("POSIX_FADV_DONTNEED", "s390x", 6),
        ("POSIX_FADV_DONTNEED", "s390 x86_64", 4),
        ("EDEADLOCK", "ppc ppc64 ppc64le", 58),
        ("ENOSYS", "parisc parisc64", 251),
        ("EAGAIN", "alpha", 35),
        ("SIG_BLOCK", "mips sparc alpha", 1),
        ("MAP_ANONYMOUS", "xtensa mips", 0x800),
        ("MAP_ANONYMOUS", "csky sh s390 ppc", 0x20),
        ("F_WRLCK", "sparc parisc alpha", 2),
        ("TIOCSTI", "sparc sparc64", 0x8001_7472),
        ("TIOCSTI", "mips", 0x5472),
        ("TIOCSTI", "alpha ppc", 0x5412),
        // 64-bit members lie at multiples of 2, 4 or 8.
        ("SNDRV_CTL_IOCTL_ELEM_READ", "m68k", 3_267_515_666),
        ("SNDRV_CTL_IOCTL_ELEM_READ", "i386 csky sh sheb", 3_267_646_738),
        ("SNDRV_CTL_IOCTL_ELEM_READ", "arm riscv32 xtensa", 3_267_908_882),
    ] {
        for name_of_abi in abis.split(' ') {
            let found = abi(name_of_abi).unwrap().constant(name);
            assert_eq!(found, Some(value), "{name} on {name_of_abi}");
        }
    }
}

#[test]
fn every_member_of_a_set_is_a_constant_somewhere() {
    for set in crate::sets() {
        for name in set.members().chain(set.mask) {
            assert!(abis().iter().any(|abi| abi.constant(name).is_some()), "{}: {name}", set.name);
        }
    }
}

#[test]
fn every_dependent_set_is_of_an_argument() {
    let text = include_str!("../tables/dependents.tsv");
    assert_eq!(dependents().len(), text.lines().count());
    for row in dependents() {
        assert!(set(row.set).is_some(), "{} {}", row.call, row.set);
        let has = |abi: &'static Abi| {
            let call = abi.syscall(row.call);
            call.is_some_and(|call| call.arg(row.arg).is_some() && call.arg(row.on).is_some())
        };
        assert!(abis().iter().any(has), "{} {} {}", row.call, row.arg, row.on);
        for name in &row.values {
            assert!(abis().iter().any(|abi| abi.constant(name).is_some()), "{name}");
        }
    }
}

#[test]
fn abis_are_sorted_and_found() {
    assert!(abis().is_sorted_by(|a, b| a.name < b.name));
    assert!(WITHOUT_TABLES.is_sorted_by(|a, b| a.0 < b.0));
    assert!(WITHOUT_TABLES.iter().all(|(name, _)| abi(name).is_none()));
    for abi in abis() {
        assert_eq!(abi.constant(abi.audit_arch_name), Some(abi.audit_arch.into()));
        let found = crate::abi_of_call(abi.audit_arch, abi.nr_base).unwrap();
        assert_eq!(found.name, abi.name);
    }
}
