//! Symbolic links: where they lead for a task.

use std::ffi::CStr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fstat, fstatfs, openat2, readlinkat};
use rustix::io::Errno;

use super::by_descriptor::{PROC_SUPER_MAGIC, open_path, own_link};
use crate::view::task::Status;

/// Where a link leads.
pub(super) enum Target {
    /// On by this path.
    Text(Vec<u8>),
    /// To this object, by no path.
    Object(OwnedFd),
}

/// `f_flags` of a mount on which links are not followed (`ST_NOSYMFOLLOW`).
const NOSYMFOLLOW: i64 = 0x2000;
/// A folder in which only owners remove.
const STICKY: u32 = 0o1000;
/// A folder in which everybody makes entries.
const WORLD_WRITABLE: u32 = 0o002;
/// The root of a `/proc`.
const PROC_ROOT_INO: u64 = 1;

/// Where a link in a folder leads a task.
pub(super) fn target(
    tid: u32,
    folder: &OwnedFd,
    link: &OwnedFd,
    name: &CStr,
) -> Result<Target, Errno> {
    let mount = fstatfs(link)?;
    if mount.f_flags & NOSYMFOLLOW != 0 {
        return Err(Errno::LOOP);
    }
    if mount.f_type == PROC_SUPER_MAGIC {
        if fstat(folder)?.st_ino == PROC_ROOT_INO {
            match name.to_bytes() {
                b"self" => return own(tid, folder, false).map(Target::Text),
                b"thread-self" => return own(tid, folder, true).map(Target::Text),
                _ => {}
            }
        }
        let resolve = ResolveFlags::NO_MAGICLINKS;
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        // Whatever else is said of where it leads: it is not because of what it is.
        if openat2(folder, name, flags, Mode::empty(), resolve).err() == Some(Errno::LOOP) {
            return open_path(folder.as_fd(), name, OFlags::empty()).map(Target::Object);
        }
    }
    protected(tid, folder, link)?;
    Ok(Target::Text(readlinkat(link, c"", Vec::new())?.into_bytes()))
}

/// `fs.protected_symlinks`: in a folder like `/tmp` a link is followed by its owner, or if it is
/// the folder's owner's. That is not asked of somebody who only reads it, so it is asked here.
fn protected(tid: u32, folder: &OwnedFd, link: &OwnedFd) -> Result<(), Errno> {
    let above = fstat(folder)?;
    if above.st_mode & (STICKY | WORLD_WRITABLE) != STICKY | WORLD_WRITABLE {
        return Ok(());
    }
    let owner = fstat(link)?.st_uid;
    let [_, _, _, user] = Status::read(tid)?.uids;
    if owner == user || owner == above.st_uid || !is_protected() {
        return Ok(());
    }
    Err(Errno::ACCESS)
}

fn is_protected() -> bool {
    std::fs::read("/proc/sys/fs/protected_symlinks").map_or(true, |text| text != b"0\n")
}

/// What `self` leads to on this `/proc`, which may be one of another namespace of processes.
fn own(tid: u32, root: &OwnedFd, thread: bool) -> Result<Vec<u8>, Errno> {
    let status = Status::read(tid)?;
    let numbers = status.pids.iter().zip(&status.tids);
    for (level, (pid, tid)) in numbers.enumerate() {
        // What that /proc has under the number is the task if it has its numbers from there on.
        let theirs = format!("{pid}/task/{tid}/status");
        let theirs = rustix::fs::openat(root, theirs, OFlags::CLOEXEC, Mode::empty())
            .ok()
            .and_then(|file| std::fs::read(own_link(&file)).ok())
            .and_then(|text| super::super::task::parse(&text));
        if theirs.is_some_and(|theirs| Some(theirs.tids.as_slice()) == status.tids.get(level..)) {
            let text = if thread { format!("{pid}/task/{tid}") } else { pid.to_string() };
            return Ok(text.into_bytes());
        }
    }
    Err(Errno::NOENT)
}

/// What this process calls an object. Sockets, pipes and the like have names that are no paths
/// (`pipe:[123]`).
pub(super) fn name(object: &OwnedFd) -> Result<Vec<u8>, Errno> {
    Ok(readlinkat(CWD, own_link(object), Vec::with_capacity(128))?.into_bytes())
}

/// Whether an entry of a folder is one of this process, on a `/proc`, though the task is of
/// another: the kernel lets a process into its own, whoever it acts for.
pub(super) fn is_of_monitor(tid: u32, here: &OwnedFd, entry: &CStr) -> Result<bool, Errno> {
    if fstatfs(here)?.f_type != PROC_SUPER_MAGIC {
        return Ok(false);
    }
    let is_thread = |number: u32| Path::new("/proc/self/task").join(number.to_string()).exists();
    let is_own = |part: &[u8]| {
        let number = std::str::from_utf8(part).ok().and_then(|it| it.parse().ok());
        number.is_some_and(is_thread)
    };
    let folder = name(here)?;
    Ok(!is_thread(tid) && folder.split(|byte| *byte == b'/').chain([entry.to_bytes()]).any(is_own))
}
