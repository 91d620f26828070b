//! Kernel file systems without a place in the tree of directories.
#![expect(unsafe_code, reason = "fsopen, fsconfig, fsmount")]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use crate::sys;

/// A read-only instance of that file system that is mounted nowhere: the descriptor is its root
/// directory, and it is gone when that is closed. No other process sees it.
///
/// # Errors
/// What `fsopen`, `fsconfig` and `fsmount` say: EPERM without `CAP_SYS_ADMIN`, ENODEV for a file
/// system that the kernel lacks.
pub fn detached(file_system: &CStr) -> io::Result<OwnedFd> {
    const CREATE: libc::c_uint = 6;
    const READ_ONLY: libc::c_uint = 1;
    const CLOEXEC: libc::c_uint = 1;
    let null = std::ptr::null::<libc::c_char>();
    // SAFETY: the name ends in NUL; CREATE takes no key and no value.
    unsafe {
        let context = libc::syscall(libc::SYS_fsopen, file_system.as_ptr(), CLOEXEC);
        let context = sys::own(checked(context)?);
        let fd = context.as_raw_fd();
        checked(libc::syscall(libc::SYS_fsconfig, fd, CREATE, null, null, 0))?;
        let root = libc::syscall(libc::SYS_fsmount, fd, CLOEXEC, READ_ONLY);
        Ok(sys::own(checked(root)?))
    }
}

fn checked(result: libc::c_long) -> io::Result<i32> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    i32::try_from(result).map_err(io::Error::other)
}
