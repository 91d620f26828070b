//! A command watched by the running kernel: what is told of its calls and its children's, and
//! that nothing is told of anybody else's.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and says what it skipped"
)]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use filterc::{Options, Source, Target, compile_module};
use filterc_abi::{Action, Endian, x86_64};
use filterc_ebpf::audit::{self, Moment, Record};
use filterc_loader::bpf::{Loaded, Process, RingReader};

/// What is watched for. Calls of 32 bits go by their own numbers.
const POLICY: &str = "arch x86_64, i386\ndefault allow\nunknown allow\nforeign kill_process\n\
    errno(EACCES) chdir\nerrno(EPERM) umask if mask == 077\nlog sched_yield\n";

/// What is denied.
const FILTER: &str = "arch x86_64, i386\ndefault allow\nunknown allow\nerrno(EACCES) chdir\n";

const I386: u32 = 0x4000_0003;

/// A program that makes one call of 32 bits, `umask(0o77)`, and ends.
fn compat_program(path: &Path) {
    // mov eax, 60; mov ebx, 0o77; int 0x80; mov eax, 1; xor ebx, ebx; int 0x80
    let code = [
        0xb8, 60, 0, 0, 0, 0xbb, 0o77, 0, 0, 0, 0xcd, 0x80, 0xb8, 1, 0, 0, 0, 0x31, 0xdb, 0xcd,
        0x80,
    ];
    let (base, start) = (0x40_0000_u64, 64 + 56_u64);
    let size = start + code.len() as u64;
    let mut elf = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    elf.extend([2_u16, 62].map(u16::to_le_bytes).concat());
    elf.extend(1_u32.to_le_bytes());
    elf.extend([base + start, 64, 0].map(u64::to_le_bytes).concat());
    elf.extend(0_u32.to_le_bytes());
    elf.extend([64_u16, 56, 1, 0, 0, 0].map(u16::to_le_bytes).concat());
    elf.extend([1_u32, 5].map(u32::to_le_bytes).concat());
    elf.extend([0, base, base, size, size, 0x1000].map(u64::to_le_bytes).concat());
    elf.extend(code);
    fs::write(path, elf).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A shell that waits for a line, under the filter.
fn shell(folder: &Path, script: &str) -> Child {
    let filter = folder.join("filter.flt");
    fs::write(&filter, FILTER).unwrap();
    Command::new(env!("CARGO_BIN_EXE_filterc"))
        .args(["run", filter.to_str().unwrap(), "--", "/bin/sh", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn go_on(child: &mut Child) {
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    child.wait().unwrap();
}

fn loaded(target: Target) -> Option<Loaded> {
    let options = Options { target, default_abi: Some(x86_64()), ..Options::default() };
    let compiled = compile_module(&Source::text("watch.flt", POLICY), &options);
    let compiled = compiled.unwrap_or_else(|errors| panic!("{errors}"));
    assert!(compiled.program().proof().is_some());
    match Loaded::load(compiled.program().module()) {
        Ok(loaded) => Some(loaded),
        Err(error) if matches!(error.code(), "F0835" | "F0836" | "F0838") => {
            println!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn watch(target: Target) {
    if !cfg!(target_arch = "x86_64") {
        println!("skipped: the registers of this machine are not known");
        return;
    }
    let Some(loaded) = loaded(target) else { return };
    let folder = tempfile::tempdir().unwrap();
    let compat = folder.path().join("compat");
    compat_program(&compat);
    let script = format!(
        "read go; umask 077; umask 022; cd /; (cd /; umask 077); {}; exit 0",
        compat.display()
    );
    let (mut watched, mut stranger) =
        (shell(folder.path(), &script), shell(folder.path(), &script));
    let records = loaded.map("records").unwrap();
    let mut reader = RingReader::new(records).unwrap();
    let links = loaded.attach().unwrap_or_else(|error| panic!("{error}"));
    let flags = audit::ENTER | audit::EXIT;
    loaded.watch(&Process::open(watched.id()).unwrap(), flags).unwrap();
    go_on(&mut watched);
    go_on(&mut stranger);
    drop(links);
    let read = reader.consume();
    let read: Vec<Record> =
        read.iter().map(|bytes| Record::from_bytes(bytes, Endian::HOST).unwrap()).collect();
    let lost = loaded.map("lost").unwrap().lookup(&0_u32.to_ne_bytes()).unwrap().unwrap();
    assert_eq!(lost, [0; 8]);
    check(&read, watched.id());
}

fn check(read: &[Record], shell: u32) {
    let tgids: BTreeSet<u32> = read.iter().map(|record| record.tgid).collect();
    // The shell, and two children of it.
    assert_eq!(tgids.len(), 3, "{tgids:?} {read:x?}");
    assert!(tgids.contains(&shell));
    assert!(read.is_sorted_by_key(|record| record.time));
    let of = |is_own: bool, moment, arch, nr| {
        let is_it = move |record: &&Record| {
            let call = &record.call;
            ((record.tgid == shell) == is_own && record.moment == moment)
                && (call.arch, call.nr) == (arch, nr)
        };
        read.iter().filter(is_it).collect::<Vec<_>>()
    };
    const NATIVE: u32 = 0xc000_003e;
    let (umask, chdir) = (95, 80);
    for is_own in [true, false] {
        let entered = of(is_own, Moment::Enter, NATIVE, umask);
        let left = of(is_own, Moment::Exit, NATIVE, umask);
        // Some shells put the old mask back before they set a new one.
        assert!(!left.is_empty() && entered.len() == left.len(), "{is_own} {read:x?}");
        for record in entered.into_iter().chain(left.iter().copied()) {
            assert_eq!((record.action, record.call.args[0]), (Action::Errno(1).to_ret(), 0o77));
            assert_ne!(record.call.instruction_pointer, 0);
        }
        assert!(left.iter().all(|record| record.ret >= 0), "it was told, not denied");
        // What the filter denied does not begin, but it ends.
        assert!(of(is_own, Moment::Enter, NATIVE, chdir).is_empty());
        let denied = of(is_own, Moment::Exit, NATIVE, chdir);
        assert_eq!(denied.len(), 1, "{is_own} {read:x?}");
        assert_eq!((denied[0].ret, denied[0].action), (-13, Action::Errno(13).to_ret()));
    }
    for (moment, ret) in [(Moment::Enter, 0), (Moment::Exit, 0o22)] {
        let compat = of(false, moment, I386, 60);
        assert_eq!(compat.len(), 1, "{read:x?}");
        assert_eq!((compat[0].ret, compat[0].action), (ret, Action::Errno(1).to_ret()));
        assert_eq!(compat[0].call.args[0], 0o77);
    }
    // Nothing else is worth telling: the policy allows it.
    let told = |record: &Record| record.action != Action::Allow.to_ret();
    assert!(read.iter().all(told), "{read:x?}");
}

#[test]
fn a_command_is_watched_with_the_kernels_types() {
    watch(Target::TracepointBtf);
}

#[test]
fn a_command_is_watched_at_raw_tracepoints() {
    watch(Target::RawTracepoint);
}
