//! Connecting and binding the task's own socket, on the address that was judged.

use std::os::fd::{AsFd as _, OwnedFd};

use filterc_loader::task::{bind, connect};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, chdir, fchdir, pidfd_getfd, pidfd_open};

use super::entry::masked;
use super::outcome::{DONE, Failure, Outcome, low};
use crate::caller::Caller;
use crate::view::address::{AF_UNIX, AF_UNSPEC, Address, Unix};
use crate::view::path::{Manner, own_link};
use crate::view::task::Status;

/// `PIDFD_THREAD` (Linux 6.9).
const PIDFD_THREAD: PidfdFlags = PidfdFlags::from_bits_retain(0o200);

/// Performs one of these calls.
pub(super) fn perform(caller: &mut Caller<'_>) -> Result<Outcome, Failure> {
    let address = caller.address(1, 2)?.clone();
    let socket = descriptor(caller.tid, low(caller.arg(0)).cast_signed())?;
    let path = match address.unix() {
        Some(Unix::Path(path)) => Some(path.to_vec()),
        Some(Unix::Unnamed | Unix::Abstract(_)) | None => None,
    };
    match (caller.name, path) {
        ("connect", None) => {
            caller.as_task(|| errno(connect(socket.as_fd(), address.as_bytes())))??
        }
        // As version 4 to the kernel, though rules about families do not see it as such.
        ("bind", None) if address.family() == Some(AF_UNSPEC) => {
            return Err(Errno::AFNOSUPPORT.into());
        }
        ("bind", None) => caller.as_task(|| errno(bind(socket.as_fd(), address.as_bytes())))??,
        ("connect", Some(path)) => {
            let found = caller.other_path(&path, Manner::OBJECT)?.found?;
            let object = found.object.ok_or(Errno::NOENT)?;
            let address = unix(own_link(&object).as_bytes());
            caller.as_task(|| errno(connect(socket.as_fd(), address.as_bytes())))??;
        }
        (_, Some(path)) => bind_path(caller, &socket, &path)?,
        (_, None) => return Err(Errno::NOSYS.into()),
    }
    Ok(DONE)
}

/// Binds by a name in the folder that the path led to.
fn bind_path(caller: &Caller<'_>, socket: &OwnedFd, path: &[u8]) -> Result<(), Failure> {
    let found = caller.other_path(path, Manner::ENTRY)?.found?;
    let (folder, name) = found.entry.ok_or(Errno::ADDRINUSE)?;
    let address = unix(name.as_bytes());
    // This thread's working folder is its own.
    let result = masked(caller, || {
        fchdir(&folder)?;
        errno(bind(socket.as_fd(), address.as_bytes()))
    });
    // Where that fails a folder stays in use: no harm.
    let _left = chdir(c"/");
    Ok(result?)
}

fn unix(path: &[u8]) -> Address {
    Address::new([&AF_UNIX.to_ne_bytes(), path, b"\0"].concat())
}

/// A copy of a descriptor of a thread.
fn descriptor(tid: u32, fd: i32) -> Result<OwnedFd, Errno> {
    let pidfd = |number: u32, flags| {
        let pid = i32::try_from(number).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
        pidfd_open(pid, flags)
    };
    // Older kernels name processes only; nearly always their threads have the same descriptors.
    let pidfd = match pidfd(tid, PIDFD_THREAD) {
        Err(Errno::INVAL) => pidfd(Status::read(tid)?.pid, PidfdFlags::empty())?,
        other => other?,
    };
    pidfd_getfd(pidfd, fd, PidfdGetfdFlags::empty())
}

fn errno(result: std::io::Result<()>) -> Result<(), Errno> {
    result.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}
