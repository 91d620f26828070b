//! `--target`, and programs of eBPF shown again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};
use std::{fs, str};

const POLICY: &str = "arch x86_64\nallow read\nerrno(EACCES) openat if dfd == AT_FDCWD\n";

fn filterc(folder: &Path, args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_filterc");
    Command::new(program).current_dir(folder).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

#[test]
fn a_program_is_written_and_shown_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("policy.flt"), POLICY).unwrap();
    let made = filterc(folder, &["policy.flt", "--target", "syscall", "-o", "policy.bpf"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let shown = filterc(folder, &["disasm", "--ebpf", "--plain", "policy.bpf"]);
    assert!(shown.status.success(), "{}", text(&shown.stderr));
    let shown = text(&shown.stdout);
    for part in ["r2 = *(u32 *)(r1 + 4)", "-100 goto", "exit"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // Assembled, it is the same program.
    let bytes = fs::read(folder.join("policy.bpf")).unwrap();
    let assembled = filterc_ebpf::assemble(shown).unwrap();
    assert_eq!(filterc_ebpf::encode(&assembled, filterc_abi::Endian::Little), bytes);
}

#[test]
fn object_files_are_shown_program_by_program() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("policy.flt"), POLICY).unwrap();
    let made = filterc(folder, &["policy.flt", "--target", "tp_btf", "-o", "policy.bpf.o"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let shown = filterc(folder, &["disasm", "policy.bpf.o"]);
    assert!(shown.status.success(), "{}", text(&shown.stderr));
    let emitted = filterc(folder, &["policy.flt", "--target", "tp_btf", "--emit", "asm"]);
    let programs = |output: &[u8]| text(output).matches("\n; ").count();
    assert!(text(&shown.stdout).contains("; exit: tp_btf/sys_exit"), "{}", text(&shown.stdout));
    assert_eq!(programs(&shown.stdout), programs(&emitted.stdout));
    fs::write(folder.join("broken.o"), b"\x7fELF, but no more").unwrap();
    let refused = filterc(folder, &["disasm", "broken.o"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stdout.is_empty());
}

#[test]
fn several_programs_are_no_one_piece() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("policy.flt"), POLICY).unwrap();
    let refused = filterc(folder, &["policy.flt", "--target", "tp_btf", "-o", "policy.bpf"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("has no form `bpf`"), "{}", text(&refused.stderr));
    assert!(!folder.join("policy.bpf").exists());
    let shown = filterc(folder, &["policy.flt", "--target", "tp_btf", "--emit", "asm"]);
    assert!(text(&shown.stdout).contains("; exit: tp_btf/sys_exit"), "{}", text(&shown.stderr));
    let unknown = filterc(folder, &["policy.flt", "--target", "tp"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("the targets are seccomp, syscall"));
    let certificate =
        filterc(folder, &["policy.flt", "--target", "syscall", "--certificate", "policy.cert"]);
    assert_eq!(certificate.status.code(), Some(0), "{}", text(&certificate.stderr));
    assert!(folder.join("policy.cert").exists());
}
