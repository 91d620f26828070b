//! A process that watches this one.
//!
//! Whoever starts a command wants to see it as it is: its process id, its stops, its exit status.
//! So the process that becomes the command is the one that was started, and the watcher is another,
//! neither its parent nor its child, in a session of its own, where no terminal reaches it.
#![expect(unsafe_code, reason = "fork and setsid")]

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, RawFd};
use std::{env, fs};

use crate::sys;

/// Which of the two this is.
#[derive(Debug)]
pub enum Side {
    /// The process that was there.
    Watched(Watched),
    /// The new one.
    Watcher(Watcher),
}

/// The end of the process that is watched.
#[derive(Debug)]
pub struct Watched {
    word: File,
}

/// The end of the process that watches.
#[derive(Debug)]
pub struct Watcher {
    pid: i32,
    word: File,
}

/// Makes the watcher. Nothing of this process is known to have changed where that fails.
///
/// # Errors
/// What the kernel says; `Unsupported` where this process has several threads, of which a new
/// process would have one alone, and the locks of the others.
pub fn split() -> io::Result<Side> {
    if fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "the process has several threads"));
    }
    let [read, write] = sys::pipe()?.map(File::from);
    // Where the module Yama lets only ancestors trace. Elsewhere there is no such option.
    let _unknown = sys::prctl(libc::PR_SET_PTRACER, libc::PR_SET_PTRACER_ANY);
    // SAFETY: a system call without arguments.
    let pid = unsafe { libc::getpid() };
    // SAFETY: this process has one thread, so that the new one is whole.
    let between = sys::checked(unsafe { libc::fork() })?;
    if between != 0 {
        drop(write);
        let mut status = 0;
        // SAFETY: the kernel writes one int. Its own child was made by a process that is gone: it
        // is no child of this one.
        unsafe { libc::waitpid(between, &raw mut status, 0) };
        return Ok(Side::Watched(Watched { word: read }));
    }
    drop(read);
    // SAFETY: as above. The process between ends without anything that is run at exits. A watcher
    // that cannot be made is one that never says its word.
    unsafe {
        libc::setsid();
        if libc::fork() != 0 {
            libc::_exit(0);
        }
    }
    leave();
    sys::unseen()?;
    Ok(Side::Watcher(Watcher { pid, word: write }))
}

/// Lets go of what the watcher shares with the command and would keep in use: its folder, and the
/// descriptors that the command inherits, but for standard error. What filterc opened itself is
/// closed on exec, and remains.
fn leave() {
    // There is nothing to do where one of these fails: a folder in use is no harm.
    let _folder = env::set_current_dir("/");
    let descriptors: Vec<RawFd> = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd > libc::STDERR_FILENO)
        .collect();
    for fd in descriptors {
        // SAFETY: a descriptor that is not closed on exec was inherited: nothing here owns it.
        unsafe {
            if libc::fcntl(fd, libc::F_GETFD) == 0 {
                libc::close(fd);
            }
        }
    }
    if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        replace(&null, libc::STDIN_FILENO);
        replace(&null, libc::STDOUT_FILENO);
    }
}

/// Lets go of standard error too, which whoever started the command may wait for the end of.
pub fn leave_stderr() {
    if let Ok(null) = File::options().write(true).open("/dev/null") {
        replace(&null, libc::STDERR_FILENO);
    }
}

fn replace(file: &File, fd: RawFd) {
    // SAFETY: the standard descriptors are nobody's own, and stay open.
    unsafe { libc::dup2(file.as_raw_fd(), fd) };
}

impl Watched {
    /// Waits for the watcher's word. `Err` holds what it says where it cannot watch; nothing where
    /// it is gone.
    ///
    /// # Errors
    /// What the watcher says.
    pub fn wait(mut self) -> Result<(), String> {
        let mut word = String::new();
        let read = self.word.read_to_string(&mut word);
        // From now on nobody else may.
        let _unknown = sys::prctl(libc::PR_SET_PTRACER, 0);
        match (read, word.strip_prefix('+')) {
            (Ok(_), Some("")) => Ok(()),
            _ => Err(word),
        }
    }
}

impl Watcher {
    /// The process that it is to watch.
    #[must_use]
    pub const fn pid(&self) -> i32 {
        self.pid
    }

    /// Lets that process go on.
    ///
    /// # Errors
    /// It has ended.
    pub fn ready(mut self) -> io::Result<()> {
        self.word.write_all(b"+")
    }

    /// Tells it why it cannot be watched.
    pub fn refuse(mut self, why: &str) {
        // It has ended where this fails.
        let _gone = self.word.write_all(why.as_bytes());
    }
}

/// Has this thread run on one processor alone, from now on. A task that is woken where its waker
/// runs need not wait for another processor to hear of it, which costs most of a stop.
///
/// # Errors
/// The processor is not one that this thread may use.
pub fn run_on(cpu: usize) -> io::Result<()> {
    if cpu >= usize::try_from(libc::CPU_SETSIZE).unwrap_or(0) {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    // SAFETY: all bits 0 are a set; its size is what the kernel is told to read. The processor is
    // one that the set has a bit for.
    sys::checked(unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    })
    .map(drop)
}
