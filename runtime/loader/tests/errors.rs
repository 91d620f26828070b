//! Every error of the loader: its code, its cause, what to do; and the commands that do not
//! start. No kernel is asked to install anything.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests say what they expect")]

use std::collections::BTreeSet;
use std::ffi::{CString, OsStr};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use filterc_abi::Action;
use filterc_loader::{CODES, Exec, Flags, LoadError, action_available, install_bytes};

#[test]
fn every_errno_has_its_cause() {
    let table = [
        (libc::EACCES, "F0801", "no_new_privs"),
        (libc::EINVAL, "F0802", "CONFIG_SECCOMP_FILTER"),
        (libc::ENOMEM, "F0803", "32768"),
        (libc::ESRCH, "F0804", "before the other threads start"),
        (libc::EBUSY, "F0805", "close that listener"),
        (libc::EFAULT, "F0806", "report it"),
        (libc::EOPNOTSUPP, "F0807", "newer kernel"),
        (524, "F0807", "newer kernel"),
        (libc::ENOSYS, "F0808", "Linux 3.17"),
        (libc::EMFILE, "F0812", "RLIMIT_NOFILE"),
        (libc::ENFILE, "F0812", "RLIMIT_NOFILE"),
        (libc::EIO, "F0813", "errno 5"),
    ];
    for (errno, code, fix) in table {
        let error = LoadError::from_errno(errno);
        assert_eq!(error.code(), code, "{errno}");
        assert!(error.to_string().contains(fix), "{error}");
    }
}

#[test]
fn every_code_is_listed_once() {
    let others = [
        LoadError::ThreadDiverged { tid: Some(4711) },
        LoadError::FlagUnsupported { flag: "wait_killable_recv" },
        LoadError::FlagConflict { reason: "reason" },
        LoadError::NoNewPrivs { errno: 22 },
        LoadError::CommandNotFound { command: "nothing".into() },
        LoadError::CommandNotExecutable { path: "/nothing".into(), errno: 2 },
    ];
    let expected = [
        ("F0804", "4711"),
        ("F0809", "Linux 5.19"),
        ("F0810", "reason"),
        ("F0811", "errno 22"),
        ("F0814", "PATH"),
        ("F0815", "/nothing"),
    ];
    for (error, (code, text)) in others.iter().zip(expected) {
        assert_eq!(error.code(), code);
        assert!(error.to_string().contains(text), "{error}");
    }
    let known = (0..600).map(|errno| LoadError::from_errno(errno).code());
    let known: BTreeSet<_> = known.chain(others.iter().map(LoadError::code)).collect();
    assert!(CODES.iter().copied().eq(known));
}

#[test]
fn flags_that_do_not_go_together() {
    let none = Flags::default();
    assert_eq!(none.bits(), Ok(0));
    let conflicts = [
        Flags { tsync: true, new_listener: true, ..none },
        Flags { wait_killable_recv: true, ..none },
    ];
    for flags in conflicts {
        assert_eq!(flags.bits().unwrap_err().code(), "F0810", "{flags:?}");
    }
    let all = Flags {
        tsync: true,
        tsync_esrch: true,
        log: true,
        spec_allow: true,
        new_listener: true,
        wait_killable_recv: true,
        keep_privileges: true,
    };
    assert_eq!(all.bits(), Ok(0x3f));
    assert_eq!(Flags { tsync: true, ..none }.bits(), Ok(1));
    assert_eq!(Flags { log: true, ..none }.bits(), Ok(2));
    assert_eq!(Flags { spec_allow: true, ..none }.bits(), Ok(4));
    assert_eq!(Flags { new_listener: true, ..none }.bits(), Ok(8));
    assert_eq!(Flags { tsync: true, tsync_esrch: true, ..none }.bits(), Ok(0x11));
}

#[test]
fn bytes_that_are_no_filter_reach_no_kernel() {
    let install = |bytes: &[u8]| install_bytes(bytes, &Flags::default()).unwrap_err().code();
    assert_eq!(install(&[]), "F0501");
    assert_eq!(install(&[6, 0, 0]), "F0514");
    assert_eq!(install(&[0; 8]), "F0508");
}

#[test]
fn actions_of_the_kernel() {
    for action in [Action::Allow, Action::KillThread, Action::Errno(1), Action::Trap(2)] {
        match action_available(action) {
            Ok(available) => assert!(available, "{action}"),
            Err(error) => println!("skipped: {error}"),
        }
    }
}

fn prepare(command: &[&str], path: &str) -> Result<Exec, LoadError> {
    let command: Vec<CString> = command.iter().map(|word| CString::new(*word).unwrap()).collect();
    Exec::prepare_in(&command, OsStr::new(path), vec![])
}

#[test]
fn commands_are_found_as_by_execvp() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("commands");
    let (first, second) = (root.join("first"), root.join("second"));
    for (directory, mode) in [(&first, 0o644), (&second, 0o755)] {
        fs::create_dir_all(directory).unwrap();
        fs::create_dir_all(directory.join("folder")).unwrap();
        fs::write(directory.join("tool"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(directory.join("tool"), Permissions::from_mode(mode)).unwrap();
    }
    let both = format!("{}:{}", first.display(), second.display());
    let tool = prepare(&["tool", "argument"], &both).unwrap();
    assert_eq!(tool.path(), second.join("tool"));
    if let Some(call) = tool.seccomp_data() {
        assert_eq!(i64::from(call.nr), libc::SYS_execve);
        assert!(call.instruction_pointer != 0 && call.args[..3].iter().all(|arg| *arg != 0));
    }
    let code = |command: &str| prepare(&[command], &both).unwrap_err().code();
    assert_eq!(code("nothing"), "F0814");
    assert_eq!(code(""), "F0814");
    assert_eq!(code("folder"), "F0814");
    assert_eq!(prepare(&[], &both).unwrap_err().code(), "F0814");
    assert_eq!(code("/nothing/there"), "F0815");
    assert_eq!(code(first.join("tool").to_str().unwrap()), "F0815");
    assert_eq!(code(first.to_str().unwrap()), "F0815");
    let only_first = prepare(&["tool"], first.to_str().unwrap());
    let path = first.join("tool");
    let expected = LoadError::CommandNotExecutable { path, errno: libc::EACCES };
    assert_eq!(only_first.unwrap_err(), expected);
}
