//! A place for processes that may do what they like.
#![expect(unsafe_code, reason = "namespaces and mounts")]

use std::ffi::CStr;

use libc::c_int;

use crate::sys;

/// The steps of the set-up, as numbers in shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SetUp {
    Unshare = 1,
    Ids = 2,
    Propagation = 3,
    Root = 4,
    Files = 5,
    Memory = 6,
    Session = 7,
}

/// What to call a step in a message.
pub(super) fn step_name(step: u64) -> &'static str {
    match step {
        1 => "unshare(CLONE_NEWUSER | …)",
        2 => "mapping the user and group id",
        3 => "making the mounts private",
        4 => "mounting and entering an empty root directory",
        5 => "closing all files",
        6 => "mapping memory at the fixed address",
        7 => "starting a session",
        _ => "starting its first process",
    }
}

type Done = Result<(), (SetUp, c_int)>;

fn check(step: SetUp, result: c_int) -> Done {
    if result < 0 { Err((step, sys::errno())) } else { Ok(()) }
}

/// Namespaces of their own for the calling process, and for the processes that it starts: in
/// them it is root, outside it has no privileges left.
pub(super) fn isolate() -> Done {
    // SAFETY: these take no addresses.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    let namespaces = libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWCGROUP;
    // SAFETY: takes no addresses.
    check(SetUp::Unshare, unsafe { libc::unshare(namespaces) })?;
    // The files of a process that is not dumpable are root's.
    let _only_needed_without_root = sys::prctl(libc::PR_SET_DUMPABLE, 1);
    write(c"/proc/self/setgroups", b"deny")?;
    write(c"/proc/self/uid_map", map(user, &mut [0; 24]))?;
    write(c"/proc/self/gid_map", map(group, &mut [0; 24]))
}

/// `0 ID 1`, without taking memory.
fn map(id: u32, text: &mut [u8; 24]) -> &[u8] {
    let mut at = text.len();
    let mut put = |byte: u8| {
        at = at.saturating_sub(1);
        if let Some(slot) = text.get_mut(at) {
            *slot = byte;
        }
    };
    b"1 ".iter().for_each(|byte| put(*byte));
    let mut rest = id;
    loop {
        let [digit, ..] = (rest % 10).to_le_bytes();
        put(b'0' + digit);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    b" 0".iter().for_each(|byte| put(*byte));
    text.get(at..).unwrap_or(&[])
}

fn write(path: &CStr, text: &[u8]) -> Done {
    // SAFETY: `path` ends in NUL, `text` is as long as it says.
    let written = unsafe {
        let fd = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        check(SetUp::Ids, fd)?;
        let written = libc::write(fd, text.as_ptr().cast(), text.len());
        libc::close(fd);
        written
    };
    check(SetUp::Ids, if written < 0 { -1 } else { 0 })
}

/// For the first process of the new namespaces: a session of its own (signals to a process group
/// cross namespaces), a keyring of its own, an empty root directory, and no open files.
pub(super) fn settle() -> Done {
    const JOIN_SESSION_KEYRING: c_int = 1;
    let none = std::ptr::null::<libc::c_char>();
    // SAFETY: all strings end in NUL; the other addresses may be null.
    unsafe {
        check(SetUp::Session, libc::setsid())?;
        // A kernel without keys has none to protect.
        libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, none);
        let private = libc::MS_REC | libc::MS_PRIVATE;
        let result = libc::mount(none, c"/".as_ptr(), none, private, none.cast());
        check(SetUp::Propagation, result)?;
        let (kind, place) = (c"tmpfs".as_ptr(), c"/tmp".as_ptr());
        check(SetUp::Root, libc::mount(kind, place, kind, 0, c"size=16m".as_ptr().cast()))?;
        enter(place)?;
        check(SetUp::Root, libc::mkdir(TRIAL.as_ptr(), 0o755))?;
        let close = libc::syscall(libc::SYS_close_range, 0, u32::MAX, 0);
        check(SetUp::Files, if close < 0 { -1 } else { 0 })
    }
}

/// Where a trial mounts its own root directory.
const TRIAL: &CStr = c"trial";

/// For the process of a trial: a root directory and IPC objects that no other trial has used. It
/// can be traced by its own children and parents, which no core file may come of: with a limit of
/// one byte, handlers of core files are not started either.
pub(super) fn refresh() -> Done {
    let _only_for_ptrace = sys::prctl(libc::PR_SET_DUMPABLE, 1);
    let none = libc::rlimit { rlim_cur: 1, rlim_max: 1 };
    // SAFETY: all strings end in NUL, and `none` is only read.
    unsafe {
        check(SetUp::Files, libc::setrlimit(libc::RLIMIT_CORE, &raw const none))?;
        check(SetUp::Unshare, libc::unshare(libc::CLONE_NEWNS | libc::CLONE_NEWIPC))?;
        let (kind, place) = (c"tmpfs".as_ptr(), TRIAL.as_ptr());
        check(SetUp::Root, libc::mount(kind, place, kind, 0, c"size=4m".as_ptr().cast()))?;
        enter(place)
    }
}

/// # Safety
/// The string ends in NUL.
unsafe fn enter(place: *const libc::c_char) -> Done {
    // SAFETY: the strings end in NUL.
    unsafe {
        check(SetUp::Root, libc::chdir(place))?;
        check(SetUp::Root, libc::chroot(c".".as_ptr()))?;
        check(SetUp::Root, libc::chdir(c"/".as_ptr()))
    }
}
