//! Performing a call in a task's place: what was looked at is what is used, and no other thread of
//! the task can put anything else in its place.
//!
//! The act has the task's rights ([`crate::rights`]) and umask, and is done on the descriptors that
//! the walk of the path opened. What the kernel says to it is what the task is told.
//!
//! What is not the same as if the task had done it itself: a terminal that is opened never becomes
//! the task's controlling one; a socket is bound by a path under the path's last component alone;
//! peers of a socket are told the monitor's process id; limits of file sizes are the monitor's; and
//! what a task has forbidden itself beyond system calls (Landlock) is not known here.

use rustix::io::Errno;

use crate::caller::Caller;

mod entry;
mod object;
mod open;
mod outcome;
mod socket;

pub use outcome::{Failure, Outcome};

/// Performs a call that [`filterc_hir::questions::performed`] names. The thread has its own root,
/// working folder and umask ([`filterc_loader::task::own_fs`]).
///
/// # Errors
/// What the kernel says.
pub fn perform(caller: &mut Caller<'_>) -> Result<Outcome, Failure> {
    match caller.name {
        "open" | "creat" => open::open(caller, 0, None),
        "openat" | "openat2" => open::open(caller, 1, Some(0)),
        "unlink" | "rmdir" | "unlinkat" | "mkdir" | "mkdirat" | "rename" | "renameat"
        | "renameat2" | "link" | "linkat" | "symlink" | "symlinkat" => entry::perform(caller),
        "chmod" | "fchmodat" | "fchmodat2" | "chown" | "chown32" | "lchown" | "lchown32"
        | "fchownat" | "truncate" | "truncate64" => object::perform(caller),
        "connect" | "bind" => socket::perform(caller),
        _ => Err(Errno::NOSYS.into()),
    }
}
