//! Objects by descriptors of this process.

use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;

/// `f_type` of `/proc`.
pub(super) const PROC_SUPER_MAGIC: i64 = 0x9fa0;

pub(super) fn open_path<P: rustix::path::Arg>(
    at: BorrowedFd<'_>,
    path: P,
    flags: OFlags,
) -> Result<OwnedFd, Errno> {
    openat(at, path, OFlags::PATH | OFlags::CLOEXEC | flags, Mode::empty())
}

/// The path by which this process reaches the object of a descriptor of its own.
#[must_use]
pub fn own_link(fd: &impl AsFd) -> String {
    format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd())
}
