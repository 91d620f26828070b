//! The whole way, on a toy kernel of our own with three ABIs.

use std::fs;

use super::*;

/// Files of the toy kernel. What each is there to show stands in the test below.
const KERNEL: [(&str, &str); 11] = [
    ("Makefile", "VERSION = 7\nPATCHLEVEL = 0\nSUBLEVEL = 1\n"),
    ("arch/Kconfig", "config CLONE_BACKWARDS\n\tbool\nconfig HAVE_ARCH_SECCOMP_FILTER\n\tbool\n"),
    (
        "arch/toy/Kconfig",
        "config TOY32\n\tdef_bool y\n\tselect CLONE_BACKWARDS\n\nconfig TOY\n\tdef_bool y\n\
         \tselect HAVE_ARCH_SECCOMP_FILTER\n",
    ),
    (
        "arch/toy/kernel/syscall.tbl",
        "0\tcommon\tclone\tsys_clone\n1\tcommon\topen\tsys_open\n2\t32\tpread64\tsys_pread64\tcompat_sys_toy_pread64\n\
         2\t64\tpread64\tsys_pread64\n3\tcommon\tgone\tsys_gone\n4\tcommon\tnothing\tsys_ni_syscall\n\
         5\tcommon\tfork\ttoy_fork\n6\t32\ttrick\tsys_trick\n",
    ),
    ("arch/toy/kernel/entry.S", "ENTRY(toy_fork)\n\tb sys_fork\n"),
    (
        "arch/toy/kernel/table.c",
        "#define sys_trick sys_real\n#include <asm/syscall_table_32.h>\n\
         asmlinkage long sys_real(int how, struct pt_regs *regs)\n{\n}\n",
    ),
    (
        "arch/toy/kernel/compat.c",
        "COMPAT_SYSCALL_DEFINE6(toy_pread64, unsigned int, fd, char __user *, buf,\n\
         \tsize_t, count, u32, pad, compat_arg_u64_dual(pos))\n{\n}\n",
    ),
    (
        "kernel/fork.c",
        "SYSCALL_DEFINE0(fork)\n{\n}\n#ifdef CONFIG_CLONE_BACKWARDS\n\
         SYSCALL_DEFINE5(clone, unsigned long, clone_flags, unsigned long, newsp,\n\
         int __user *, parent_tidptr, unsigned long, tls, int __user *, child_tidptr)\n#else\n\
         SYSCALL_DEFINE5(clone, unsigned long, clone_flags, unsigned long, newsp,\n\
         int __user *, parent_tidptr, int __user *, child_tidptr, unsigned long, tls)\n#endif\n{}\n\
         COND_SYSCALL(gone);\n",
    ),
    (
        "fs/open.c",
        "SYSCALL_DEFINE3(open, const char __user *, name, int, flags, umode_t, mode)\n{}\n\
         SYSCALL_DEFINE4(pread64, unsigned int, fd, char __user *, buf, size_t, count,\n\
         loff_t, pos)\n{}\n",
    ),
    ("include/linux/syscalls.h", ""),
    (
        "include/uapi/linux/audit.h",
        "#define EM_TOY 90\n#define WIDE 0x80000000\n#define AUDIT_ARCH_TOY (EM_TOY)\n\
         #define AUDIT_ARCH_TOY64 (EM_TOY|WIDE)\n",
    ),
];

/// Curated files of the toy.
const CURATED: [(&str, &str); 11] = [
    (
        "abis",
        "toy\tAUDIT_ARCH_TOY\tbig\t32\t32\t0x100\t-\t7.0\teven\t0\ttoy\te\n\
         toy64\tAUDIT_ARCH_TOY64\tbig\t64\t64\t0\t-\t7.0\t-\t0\ttoy\te\n",
    ),
    (
        "views",
        "toy\tnew\ttoy\tarch/toy/kernel/syscall.tbl\tcommon,32\tnative\t32\tTOY,TOY32,!TOY64\te\n\
         toy\tnew\ttoy\tarch/toy/kernel/syscall.tbl\tcommon,32\tcompat\t64\tTOY,TOY64,TOY32\te\n\
         toy64\tnew\ttoy\tarch/toy/kernel/syscall.tbl\tcommon,64\tnative\t64\tTOY,TOY64,!TOY32\te\n",
    ),
    ("stubs", "toy\ttoy_fork\t=sys_fork\te\n"),
    (
        "types",
        "int\t*\ts32\te\nunsigned int\t*\tu32\te\nunsigned long\t*\tulong\te\nsize_t\t*\tulong\te\n\
         loff_t\t*\ts64\te\numode_t\t*\tu16\te\nu32\t*\tu32\te\n",
    ),
    ("parameters", "compat_sys_toy_pread64\tpad\t-\te\n"),
    (
        "private",
        "toy\t0x10001\tflush\ttoy_private\tarch/toy/kernel/nr.h\t__TOY_NR_flush\t(int how)\te\n",
    ),
    (
        "kinds",
        "arg\t*.clone_flags *.flags *.how\tflags\te\narg\t*.newsp *.tls\taddress\te\narg\t*.fd\tfd\te\n\
         type\tsize_t\tsize\te\ntype\tloff_t\toffset\te\ntype\tumode_t\tmode\te\n",
    ),
    ("agree", ""),
    ("variants", "clone\tthe order\n"),
    ("widths", "clone.clone_flags\t*\tu32\te\n"),
    ("bindings", "open_flags\topen.flags\te\n"),
];

/// The files that a run makes of the toy, and what it said if it made none.
fn generate_toy(change: impl Fn(&str, &str) -> String) -> Result<Files, String> {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    for name in
        ["block", "drivers/char", "drivers/pci", "init", "io_uring", "ipc", "mm", "net", "security"]
    {
        fs::create_dir_all(folder.path().join("linux").join(name)).unwrap();
    }
    for (path, text) in KERNEL {
        write(&format!("linux/{path}"), &change(path, text));
    }
    write("linux/arch/toy/kernel/nr.h", "#define __TOY_NR_flush (__TOY_NR_BASE+1)\n");
    write("linux/include/uapi/linux/elf-em.h", "");
    for (name, text) in CURATED {
        write(&format!("abi/curated/{name}.tsv"), &change(name, text));
    }
    let tree = || Tree::open(&folder.path().join("linux")).unwrap();
    generate(&folder.path().join("abi"), tree(), tree()).map_err(|error| error.to_string())
}

fn as_it_is(_: &str, text: &str) -> String {
    text.to_owned()
}

#[test]
fn the_toy_kernels_tables() {
    let files = generate_toy(as_it_is).unwrap();
    let file = |name: &str| files[Path::new(name)].as_str();
    assert_eq!(
        file("abis.tsv"),
        "toy\tAUDIT_ARCH_TOY\t0x0000005a\tbig\t32\t32\t0x100\t-\t7.0\tbackwards\teven\ttoy\n\
         toy64\tAUDIT_ARCH_TOY64\t0x8000005a\tbig\t64\t64\t0x0\t-\t7.0\tdefault\t-\ttoy\n"
    );
    // `gone` is only weak, `trick` has another name beside the table, `flush` is private.
    assert_eq!(
        file("syscalls/toy.tsv"),
        "256\tclone\tsys_clone\tclone/1\tok\t-\n257\topen\tsys_open\topen/1\tok\t-\n\
         258\tpread64\tsys_pread64\tpread64/1\tok\t-\n259\tgone\tsys_ni_syscall\t-\tni\t-\n\
         260\tnothing\tsys_ni_syscall\t-\tni\t-\n261\tfork\ttoy_fork\tfork/1\tok\t-\n\
         262\ttrick\tsys_real\ttrick/1\tok\t-\n65537\tflush\ttoy_private\tflush/1\tprivate\t-\n"
    );
    let forms: Vec<&str> = file("forms.tsv").lines().collect();
    assert!(forms.is_sorted());
    let form = |id: &str| {
        let line = forms.iter().find(|line| line.split('\t').next() == Some(id)).unwrap();
        line.split('\t').skip(1).collect::<Vec<_>>()
    };
    assert_eq!(
        form("pread64/1"),
        [
            "fd:unsigned int:u32:u32:fd:0",
            "buf:char *:p32:p32:pointer:1",
            "count:size_t:u32:u32:size:2",
            "pos:loff_t:s64:s64:offset:5,4"
        ]
    );
    assert_eq!(form("pread64/2")[3], "pos:loff_t:s64:s64:offset:3");
    assert_eq!(form("open/1")[1], "flags:int:s32:s32:flags:1:open_flags");
    assert_eq!(form("open/1")[2], "mode:umode_t:u16:u16:mode:2");
    assert_eq!(form("clone/2")[0], "clone_flags:unsigned long:u64:u32:flags:0");
    assert_eq!(form("clone/1")[3], "tls:unsigned long:u32:u32:address:3");
    assert_eq!(form("fork/1"), [""; 0]);
    assert_eq!(form("trick/1"), ["how:int:s32:s32:flags:0"]);
}

#[test]
fn two_runs_make_the_same() {
    assert_eq!(generate_toy(as_it_is).unwrap(), generate_toy(as_it_is).unwrap());
}

/// What a run says about the toy with one text in place of another, in one file.
fn said(file: &str, from: &str, to: &str) -> String {
    let change = |name: &str, text: &str| {
        if name == file { text.replace(from, to) } else { text.to_owned() }
    };
    generate_toy(change).unwrap_err()
}

#[test]
fn what_nobody_decided_fails_the_run() {
    let untyped = said("fs/open.c", "umode_t, mode", "what_t, mode");
    assert!(untyped.contains("sys_open: what_t mode: a type that types.tsv lacks"), "{untyped}");
    let undefined = said("fs/open.c", "SYSCALL_DEFINE3(open,", "SYSCALL_DEFINE3(opened,");
    assert_eq!(undefined, "toy: nothing defines sys_open");
    let stub = said("stubs", "toy_fork", "other_fork");
    assert_eq!(stub, "toy: arch/toy/kernel/entry.S defines toy_fork; stubs.tsv has to tell");
    let kind = said("kinds", "*.fd", "*.other");
    assert_eq!(kind, "kinds.tsv has no rule for\npread64.fd (unsigned int)");
    let names = said("variants", "clone\tthe order\n", "");
    assert!(
        names.starts_with("clone(clone_flags, newsp, parent_tidptr, child_tidptr, tls) on toy64")
    );
    let compat =
        said("arch/toy/kernel/compat.c", "size_t, count, u32, pad", "u32, pad, size_t, count");
    assert!(compat.contains("toy: pread64.count: u32:2 in sys_pread64, u32:3 in"), "{compat}");
    let unfiltered = said("abis", "7.0\teven", "-\teven");
    assert!(unfiltered.contains("HAVE_ARCH_SECCOMP_FILTER says otherwise"), "{unfiltered}");
}

#[test]
fn a_curated_row_about_nothing_fails_the_run() {
    for (file, from, to, words) in [
        ("parameters", "pad\t-", "gap\t-", "no table leads to compat_sys_toy_pread64 with gap"),
        ("widths", "clone.clone_flags", "clone.flags", "no ABI has clone.flags"),
        ("bindings", "open.flags", "opens.flags", "no ABI has opens.flags"),
        ("variants", "clone\t", "clone open\t", "open has one list of names"),
        ("private", "0x10001", "0x10002", "the header does not define it so"),
        ("views", "toy64\tnew", "toy65\tnew", "no such ABI"),
    ] {
        let said = said(file, from, to);
        assert!(said.contains(words), "{file}: {said}");
    }
}
