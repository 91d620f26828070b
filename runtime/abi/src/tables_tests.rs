//! The tables agree with each other. That every row of the text is there is tested in
//! `filterc-gen`, which has the text.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{ArgKind, Constant, Regs, SetKind, Status, abi, abis, set};

#[test]
fn there_are_tables() {
    assert!(abis().len() > 25 && crate::sets().len() > 100);
    assert!(crate::sets().is_sorted_by(|a, b| a.name < b.name));
    for abi in abis() {
        assert!(abi.syscalls().len() > 300, "{}", abi.name);
    }
}

#[test]
fn constants_are_within_their_types() {
    for abi in abis() {
        let names: Vec<&str> = abi.constant_names().collect();
        assert!(names.is_sorted_by(|a, b| a < b) && names.len() > 3000);
        for name in names {
            let Constant { value, width, signed } = abi.constant_info(name).unwrap();
            let bits = 1_i128 << width;
            let range = if signed { -bits / 2..bits / 2 } else { 0..bits };
            assert!(range.contains(&value), "{} {name}: {value}", abi.name);
            assert_eq!(abi.constant(name), Some(value));
        }
    }
}

#[test]
fn calls_are_sorted_and_found_again() {
    for abi in abis() {
        assert!(abi.syscalls().is_sorted_by(|a, b| a.nr < b.nr), "{}", abi.name);
        for call in abi.syscalls() {
            assert!(std::ptr::eq(abi.syscall(call.name).unwrap(), call));
            assert!(std::ptr::eq(abi.syscall_by_nr(call.nr).unwrap(), call));
            assert!(call.args.is_empty() || call.status != Status::Unimplemented);
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
                assert!(
                    matches!(arg.width, 8 | 16 | 32 | 64) && arg.width <= arg.declared,
                    "{what}"
                );
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
    for set in crate::sets() {
        assert!(set.values().is_sorted_by(|a, b| a < b), "{}", set.name);
        assert!(set.flags().is_sorted_by(|a, b| a < b), "{}", set.name);
        assert_eq!(set.is_empty(), set.members().next().is_none(), "{}", set.name);
        for name in set.members().chain(set.mask) {
            // Some constants exist only on ABIs that have no tables yet.
            let well_formed = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            assert!(well_formed, "{} {name}", set.name);
        }
        for member in set.members() {
            assert!(set.contains(member), "{} {member}", set.name);
            assert!(crate::sets_with(member).any(|other| other.name == set.name));
        }
        assert!(!set.contains("NO_SUCH_NAME"), "{}", set.name);
        assert!(set.mask.is_none() || set.kind == SetKind::Mixed, "{}", set.name);
        if let Some(mask) = set.mask {
            assert!(crate::x86_64().constant(mask).is_some(), "{}", set.name);
        }
    }
    assert!(crate::sets_with("NO_SUCH_NAME").next().is_none());
    assert!(crate::sets_with("O_CLOEXEC").count() > 1);
}

#[test]
fn lists_refer_to_what_there_is() {
    let is_call = |name: &str| {
        let direct = |abi: &'static Abi| abi.syscall(name).is_some();
        let carried = |abi: &'static Abi| abi.sub_calls().iter().any(|sub| sub.name == name);
        abis().iter().any(|abi| direct(abi) || carried(abi))
    };
    for group in crate::groups() {
        assert!(group.calls.is_sorted() && group.calls.iter().all(|c| is_call(c)), "{group:?}");
        assert!(std::ptr::eq(crate::group(group.name).unwrap(), group));
    }
    for family in crate::families() {
        assert!(family.calls.is_sorted() && family.others.is_sorted(), "{family:?}");
        assert!(family.calls.iter().chain(&family.others).all(|call| is_call(call)), "{family:?}");
    }
    for alias in crate::aliases() {
        assert!(is_call(alias.call), "{alias:?}");
        assert!(crate::aliases_named(alias.name).any(|other| std::ptr::eq(other, alias)));
    }
    for row in crate::all_dependents() {
        assert!(is_call(row.call) && set(row.set).is_some(), "{row:?}");
        assert!(crate::dependents(row.call, row.arg).any(|other| std::ptr::eq(other, row)));
    }
}

#[test]
fn names_are_kept_by_position() {
    assert!(CloneOrder::ALL.iter().enumerate().all(|(i, kind)| *kind as usize == i));
    assert!(Pairs::ALL.iter().enumerate().all(|(i, kind)| *kind as usize == i));
    assert!(Status::ALL.iter().enumerate().all(|(i, kind)| *kind as usize == i));
    assert!(ArgKind::ALL.iter().enumerate().all(|(i, kind)| *kind as usize == i));
    assert!(SetKind::ALL.iter().enumerate().all(|(i, kind)| *kind as usize == i));
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
    let kill = Constant { value: 0x8000_0000, width: 32, signed: false };
    assert_eq!(x86.constant_info("SECCOMP_RET_KILL_PROCESS"), Some(kill));
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
fn arguments_travel_as_each_kernel_has_it() {
    let arg = |on: &str, call: &str, name: &str| {
        let call = abi(on).unwrap().syscall(call).unwrap();
        call.arg(name).unwrap_or_else(|| panic!("{on} {}: {name}", call.name))
    };
    let regs = |on: &str, call: &str, name: &str| arg(on, call, name).regs;
    let pair = |lo, hi| Regs::Pair { lo, hi };
    // Even pairs, either byte order, and what keeps a register free.
    assert_eq!(regs("arm", "pread64", "pos"), pair(4, 5));
    assert_eq!(regs("mips", "pread64", "pos"), pair(5, 4));
    assert_eq!(regs("ppc", "pread64", "pos"), pair(5, 4));
    assert_eq!(regs("sh", "pread64", "pos"), pair(4, 5));
    assert_eq!(regs("sparc", "pread64", "pos"), pair(4, 3));
    assert_eq!(regs("s390", "fadvise64", "offset"), pair(2, 1));
    // High first whatever the byte order; low first likewise.
    assert_eq!(regs("mipsel", "_llseek", "offset"), pair(2, 1));
    assert_eq!(regs("ppc", "preadv", "pos"), pair(3, 4));
    // The seventh register is none of a filter's six.
    assert_eq!(regs("mips", "sync_file_range", "flags"), Regs::Invisible);
    assert_eq!(regs("arm", "arm_sync_file_range", "flags"), Regs::One(1));
    // csky's table is made with other functions than its lines name.
    assert_eq!(regs("csky", "sync_file_range", "flags"), Regs::One(1));
    assert_eq!(regs("csky", "fadvise64_64", "advice"), Regs::One(1));
    // Kconfig does not tell sparc's order of clone.
    assert_eq!(regs("sparc64", "clone", "tls"), Regs::One(3));
    assert_eq!(regs("s390x", "clone", "clone_flags"), Regs::One(1));
    // What a filter is shown there is not established.
    assert_eq!(regs("m68k", "read", "fd"), Regs::Invisible);
    // 64-bit registers of 32-bit ABIs: native entry points take all of them, others not.
    assert_eq!((arg("x32", "read", "count").width, arg("x32", "ioctl", "arg").width), (64, 32));
    assert_eq!(arg("i386", "mmap", "arg").kind, ArgKind::Pointer);
    assert_eq!(arg("s390x", "mmap", "arg").kind, ArgKind::Pointer);
    assert_eq!(arg("arm", "cacheflush", "end").kind, ArgKind::Address);
    assert_eq!(abi("arm").unwrap().syscall("cacheflush").unwrap().status, Status::Private);
    let uid = |on: &str| arg(on, "setuid", "uid").width;
    assert_eq!(["i386", "arm", "m68k", "sparc"].map(uid), [16; 4]);
    assert_eq!(["x86_64", "ppc", "mips", "parisc"].map(uid), [32; 4]);
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

#[test]
fn compilation_targets_have_their_abi() {
    use Endian::{Big, Little};
    for (arch, endian, width, name) in [
        ("x86_64", Little, 64, Some("x86_64")),
        ("x86_64", Little, 32, Some("x32")),
        ("x86", Little, 32, Some("i386")),
        ("aarch64", Little, 64, Some("aarch64")),
        ("aarch64", Big, 64, None),
        ("aarch64", Little, 32, None),
        ("powerpc64", Little, 64, Some("ppc64le")),
        ("powerpc64", Big, 64, Some("ppc64")),
        ("mips", Little, 32, Some("mipsel")),
        ("s390x", Big, 64, Some("s390x")),
        ("riscv64", Little, 64, Some("riscv64")),
        ("wasm32", Little, 32, None),
    ] {
        assert_eq!(crate::of_target(arch, endian, width).map(|abi| abi.name), name, "{arch}");
    }
    assert!(crate::host().is_some() || !cfg!(target_arch = "x86_64"));
}
