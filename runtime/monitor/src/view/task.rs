//! What is known of tasks, by `/proc` of this process: numbers are those of its own namespaces.

use std::fs;
use std::os::unix::ffi::OsStringExt as _;

use filterc_audit::Task;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

/// What a task's `status` says, as far as it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The process.
    pub pid: u32,
    /// Its parent; 0 where there is none, or none to be seen.
    pub ppid: u32,
    /// The user: real, effective, saved, and the one whose rights it uses files with.
    pub uids: [u32; 4],
    /// The group: the same.
    pub gids: [u32; 4],
    /// Further groups.
    pub groups: Vec<u32>,
    /// The effective capabilities.
    pub capabilities: u64,
    /// The bits that new files do not get.
    pub umask: u32,
    /// The thread's numbers, in this process's namespace first and in the task's own last.
    pub tids: Vec<u32>,
    /// The process's numbers, the same way.
    pub pids: Vec<u32>,
}

impl Status {
    /// The status of a thread.
    ///
    /// # Errors
    /// [`Errno::SRCH`] where there is none with that number.
    pub fn read(tid: u32) -> Result<Self, Errno> {
        parse(&small_file(&format!("/proc/{tid}/status"))?).ok_or(Errno::SRCH)
    }
}

pub(crate) fn parse(text: &[u8]) -> Option<Status> {
    let mut status = Status::default();
    for line in text.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at(colon);
        // Names that are read have values of digits; `Name` alone can have anything.
        let Ok(value) = std::str::from_utf8(value.get(1..)?) else { continue };
        let mut numbers = value.split_ascii_whitespace().map_while(|word| word.parse().ok());
        let mut four =
            || Some([numbers.next()?, numbers.next()?, numbers.next()?, numbers.next()?]);
        match name {
            b"Umask" => status.umask = u32::from_str_radix(value.trim(), 8).ok()?,
            b"Tgid" => status.pid = value.trim().parse().ok()?,
            b"PPid" => status.ppid = value.trim().parse().ok()?,
            b"Uid" => status.uids = four()?,
            b"Gid" => status.gids = four()?,
            b"Groups" => status.groups = numbers.collect(),
            b"NSpid" => status.tids = numbers.collect(),
            b"NStgid" => status.pids = numbers.collect(),
            b"CapEff" => status.capabilities = u64::from_str_radix(value.trim(), 16).ok()?,
            _ => {}
        }
    }
    (status.pid != 0).then_some(status)
}

/// The command name of a thread.
///
/// # Errors
/// [`Errno::SRCH`] where there is none with that number.
pub fn comm(tid: u32) -> Result<Vec<u8>, Errno> {
    let mut comm = small_file(&format!("/proc/{tid}/comm"))?;
    if comm.last() == Some(&b'\n') {
        comm.pop();
    }
    Ok(comm)
}

/// The path of a task's program, as the kernel prints it; empty for a kernel thread.
///
/// # Errors
/// [`Errno::SRCH`] where there is no such task; [`Errno::ACCESS`] and the like where it may not be
/// looked at.
pub fn exe(tid: u32) -> Result<Vec<u8>, Errno> {
    match fs::read_link(format!("/proc/{tid}/exe")) {
        Ok(path) => Ok(path.into_os_string().into_vec()),
        // A kernel thread, or none at all.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            small_file(&format!("/proc/{tid}/comm")).map(|_| Vec::new())
        }
        Err(error) => Err(errno(&error)),
    }
}

/// The path of a task's control group in the hierarchy of version 2; empty where there is none.
///
/// # Errors
/// [`Errno::SRCH`] where there is no such task.
pub fn cgroup(tid: u32) -> Result<Vec<u8>, Errno> {
    let text = small_file(&format!("/proc/{tid}/cgroup"))?;
    let own = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"0::"));
    Ok(own.unwrap_or_default().to_vec())
}

/// The device number of a process's terminal, and 0 where it has none.
///
/// # Errors
/// [`Errno::SRCH`] where there is no such task.
pub fn terminal(tid: u32) -> Result<u32, Errno> {
    let text = small_file(&format!("/proc/{tid}/stat"))?;
    // The command name is in parentheses, and may have any byte.
    let behind = text.iter().rposition(|byte| *byte == b')').ok_or(Errno::SRCH)?;
    let rest = std::str::from_utf8(text.get(behind + 1..).unwrap_or_default());
    // state, parent, group, session, terminal
    let word = rest.ok().and_then(|rest| rest.split_ascii_whitespace().nth(4));
    word.and_then(|word| word.parse::<i32>().ok()).map(i32::cast_unsigned).ok_or(Errno::SRCH)
}

/// Asks something about the parent of a task, whose number is the argument; `None` where it has
/// none. While the task lives and its parent stays the same, so does the parent's number: that is
/// looked at again afterwards.
///
/// # Errors
/// [`Errno::SRCH`] where there is no such task; what `ask` says of a parent that lives.
pub fn of_parent<T>(
    tid: u32,
    mut ask: impl FnMut(u32) -> Result<T, Errno>,
) -> Result<Option<T>, Errno> {
    loop {
        let ppid = Status::read(tid)?.ppid;
        if ppid == 0 {
            return Ok(None);
        }
        let answer = ask(ppid);
        if Status::read(tid)?.ppid == ppid {
            return answer.map(Some);
        }
    }
}

/// Whether something holds of some process above a task. One that ends meanwhile is not taken for
/// another: then all are asked again.
///
/// # Errors
/// As [`of_parent`].
pub fn of_some_ancestor(
    tid: u32,
    mut ask: impl FnMut(u32) -> Result<bool, Errno>,
) -> Result<bool, Errno> {
    loop {
        let above = ancestors(tid)?;
        let answer = above.iter().try_fold(false, |found, pid| Ok(found || ask(*pid)?));
        if ancestors(tid)? == above {
            return answer;
        }
    }
}

/// The processes above a task, its parent first.
fn ancestors(tid: u32) -> Result<Vec<u32>, Errno> {
    let mut all = Vec::new();
    let mut ppid = Status::read(tid)?.ppid;
    while ppid != 0 && !all.contains(&ppid) {
        all.push(ppid);
        // Who has just ended: the chain is looked at twice, and will be found to be another.
        ppid = Status::read(ppid).map_or(0, |status| status.ppid);
    }
    Ok(all)
}

/// A file of `/proc`, as most of them are made anew for each read: nearly always in one.
fn small_file(path: &str) -> Result<Vec<u8>, Errno> {
    let gone = |errno| if errno == Errno::NOENT { Errno::SRCH } else { errno };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = openat(CWD, path, flags, Mode::empty()).map_err(gone)?;
    let (mut text, mut length) = (vec![0; SMALL], 0);
    loop {
        let rest = text.get_mut(length..).unwrap_or_default();
        let room = rest.len();
        let count = rustix::io::read(&file, rest).map_err(gone)?;
        length += count;
        if count < room {
            text.truncate(length);
            return Ok(text);
        }
        text.resize(text.len() + SMALL, 0);
    }
}

/// Room for a file of `/proc`: they come in one piece where it fits.
const SMALL: usize = 4096;

fn errno(error: &std::io::Error) -> Errno {
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) | None => Errno::SRCH,
        Some(other) => other,
    }
}

/// What records say of a task, as it is now; what cannot be found out any more is left empty.
#[must_use]
pub fn described(tid: u32) -> Task {
    let status = Status::read(tid).unwrap_or_default();
    let [uid, ..] = status.uids;
    Task {
        pid: status.pid,
        tid,
        ppid: status.ppid,
        uid,
        comm: comm(tid).unwrap_or_default(),
        exe: exe(tid).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_status_is_read_whatever_the_name_is() {
        let text = b"Name:\tUid: 7\xff\nUmask:\t0022\nTgid:\t12\nPPid:\t3\nUid:\t1\t2\t3\t4\n\
            Gid:\t5\t6\t7\t8\nGroups:\t9 10 \nNStgid:\t12\t1\nNSpid:\t13\t2\nCapEff:\t00000000a80425fb\n";
        let status = parse(text).unwrap();
        assert_eq!((status.pid, status.ppid, status.umask), (12, 3, 0o022));
        assert_eq!((status.uids, status.gids), ([1, 2, 3, 4], [5, 6, 7, 8]));
        assert_eq!((status.groups, status.capabilities), (vec![9, 10], 0xa804_25fb));
        assert_eq!((status.pids, status.tids), (vec![12, 1], vec![13, 2]));
        assert_eq!(parse(b"Uid:\t1\t2\n"), None);
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn this_process_is_known() {
        let own = std::process::id();
        let status = Status::read(own).unwrap();
        assert_eq!(status.pid, own);
        assert_eq!(status.ppid, std::os::unix::process::parent_id());
        assert_eq!(exe(own).unwrap(), std::env::current_exe().unwrap().into_os_string().into_vec());
        assert!(!comm(own).unwrap().is_empty());
        assert!(cgroup(own).unwrap().is_empty() || cgroup(own).unwrap().starts_with(b"/"));
        let parent = of_parent(own, Ok).unwrap().unwrap();
        assert_eq!(parent, status.ppid);
        assert_eq!(of_some_ancestor(own, |pid| Ok(pid == parent)), Ok(true));
        assert_eq!(of_some_ancestor(own, |pid| Ok(pid == own)), Ok(false));
    }

    #[test]
    fn nobody_has_no_facts() {
        // Larger than the kernel's largest number of a task.
        let nobody = 0x4000_0001;
        assert_eq!(Status::read(nobody), Err(Errno::SRCH));
        assert_eq!(comm(nobody), Err(Errno::SRCH));
        assert_eq!(exe(nobody), Err(Errno::SRCH));
        assert_eq!(cgroup(nobody), Err(Errno::SRCH));
    }
}
