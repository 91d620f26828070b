//! A command with a supervisor that answers its calls.
//!
//! There are three processes. The one that was started stays in front: it waits as the command would
//! have been waited for, hands on the signals that it is sent, and ends as the command ends. Its
//! child is the supervisor, in a process group of its own, where no terminal reaches it. The
//! supervisor's child is the command, in the group of the one in front, so that it has the terminal
//! as if it had been started alone. As its ancestor the supervisor may look at the command and at
//! all that the command starts, also where the module Yama lets only ancestors look.
//!
//! The listener is fetched out of the command, which makes no system call of its own between the
//! installation of the filter and `execve`: the filter may forbid any.
//!
//! What outlives the command is served on. Where the supervisor ends before all of them do, the
//! kernel makes calls that would be asked about fail with ENOSYS; with [`OnDeath::Kill`] the process
//! in front then kills everything below it, and where that is gone as well, the command itself is
//! killed by the kernel. Who may kill both (the same user) and install filters can then put a
//! listener of its own in the supervisor's place: a policy against programs that would try should
//! refuse `seccomp`, or `kill` of others.
#![expect(unsafe_code, reason = "fork, prctl, waitpid, signals")]

use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fs, thread};

use filterc_cbpf::Verified;
use libc::{c_int, pid_t};

use crate::exec::Exec;
use crate::flags::Flags;
use crate::install::install;
use crate::shared::Shared;
use crate::{sys, wait};

mod front;

pub use front::{End, Front, OnDeath, die_by};

/// Which process this is.
#[derive(Debug)]
pub enum Side {
    /// The one that was there.
    Front(Front),
    /// The supervisor. It has nothing of standard input and output.
    Supervisor(Supervisor),
}

/// The supervisor's side.
#[derive(Debug)]
pub struct Supervisor {
    command: pid_t,
    pidfd: OwnedFd,
    shared: Shared,
    words: fs::File,
    front: OwnedFd,
}

/// The words that the command and the supervisor share: a descriptor's number and 1, or with the
/// highest bit the digits of the error's code; whether the command may go on; the errno of
/// `execve`.
const LISTENER: usize = 0;
const GO: usize = 1;
const EXEC: usize = 2;
const FAILED: u64 = 1 << 63;
/// Rounds that the command waits: some ten seconds.
const ROUNDS: u32 = 1 << 29;
/// What the command ends with where it cannot be started, as of shells.
const NOT_STARTED: c_int = 126;

/// What the supervisor tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
enum Word {
    Started = 1,
    Exited,
    Signal,
    Stopped,
    NotExecuted,
    NotInstalled,
}

/// Makes both processes. The command waits until [`Supervisor::listener`] has been called.
///
/// # Errors
/// What the kernel says; `Unsupported` where this process has several threads, of which a new
/// process would have one alone, and the locks of the others.
pub fn start(exec: &Exec, filter: &Verified, flags: &Flags, on_death: OnDeath) -> io::Result<Side> {
    if fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "the process has several threads"));
    }
    let shared = Shared::new(EXEC + 1)?;
    let [read, write] = sys::pipe()?;
    let [front, life] = sys::pipe()?;
    // What the supervisor leaves behind comes to this process.
    sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1).map_err(io::Error::from_raw_os_error)?;
    // SAFETY: this process has one thread, so that the new one is whole.
    let supervisor = sys::checked(unsafe { libc::fork() })?;
    if supervisor != 0 {
        sys::unseen()?;
        return Ok(Side::Front(Front::new(supervisor, fs::File::from(read), life, on_death)));
    }
    drop((read, life));
    sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1).map_err(io::Error::from_raw_os_error)?;
    // SAFETY: no arguments.
    let own = unsafe { libc::getpid() };
    // SAFETY: as above.
    let command = sys::checked(unsafe { libc::fork() })?;
    if command == 0 {
        become_command(exec, filter, flags, on_death, own, shared.words());
    }
    leave();
    sys::unseen()?;
    let pidfd = sys::pidfd_open(command, 0).map_err(io::Error::from_raw_os_error)?;
    Ok(Side::Supervisor(Supervisor { command, pidfd, shared, words: write.into(), front }))
}

/// Becomes the command.
fn become_command(
    exec: &Exec,
    filter: &Verified,
    flags: &Flags,
    on_death: OnDeath,
    parent: pid_t,
    words: &[AtomicU64],
) -> ! {
    let set = |at: usize, value| {
        if let Some(word) = words.get(at) {
            word.store(value, Ordering::Release);
        }
    };
    // Of the supervisor: then there is nobody to start it either.
    let mut orphaned = false;
    if on_death == OnDeath::Kill {
        let kill = libc::SIGKILL.cast_unsigned().into();
        let bound = sys::prctl(libc::PR_SET_PDEATHSIG, kill);
        // SAFETY: no arguments.
        orphaned = bound.is_err() || unsafe { libc::getppid() } != parent;
    }
    // SAFETY: Rust programs ignore SIGPIPE; a command should begin as if from a shell.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    if !orphaned {
        match install(filter, flags) {
            Err(error) => {
                let digits = error.code().trim_start_matches('F').parse().unwrap_or(0);
                set(LISTENER, FAILED | digits);
            }
            Ok(installed) => {
                let listener = installed.listener.as_ref().map_or(-1, |fd| fd.as_raw_fd());
                set(LISTENER, u64::try_from(listener).map_or(FAILED, |fd| fd + 1));
                // Without a system call.
                let go = words.get(GO);
                let told = |word: &AtomicU64| word.load(Ordering::Acquire) != 0;
                if go.is_some_and(|go| (0..ROUNDS).any(|_| told(go) || pause())) {
                    let error = exec.exec();
                    let errno = error.raw_os_error().unwrap_or(0).cast_unsigned();
                    set(EXEC, errno.into());
                }
            }
        }
    }
    // SAFETY: it does not return; nothing of the parent's is run.
    unsafe { libc::_exit(NOT_STARTED) }
}

fn pause() -> bool {
    std::hint::spin_loop();
    false
}

/// Lets go of the terminal's signals, and of what the command alone should have.
fn leave() {
    // SAFETY: numbers; the standard descriptors are nobody's own, and stay open. Where one of these
    // fails, the supervisor shares more with the command than it needs: no harm.
    unsafe {
        libc::setpgid(0, 0);
        for signal in [libc::SIGTTOU, libc::SIGTTIN, libc::SIGTSTP, libc::SIGHUP] {
            libc::signal(signal, libc::SIG_IGN);
        }
        if let Ok(null) = fs::File::options().read(true).write(true).open("/dev/null") {
            libc::dup2(null.as_raw_fd(), libc::STDIN_FILENO);
            libc::dup2(null.as_raw_fd(), libc::STDOUT_FILENO);
        }
    }
}

impl Supervisor {
    /// Waits for the command's filter, fetches the listener, and lets the command go on. The front
    /// learns of what fails.
    ///
    /// # Errors
    /// There is no command.
    pub fn listener(&mut self) -> io::Result<OwnedFd> {
        let word = |at: usize| self.shared.words().get(at).map_or(0, |w| w.load(Ordering::Acquire));
        let number = loop {
            let number = word(LISTENER);
            if number & FAILED != 0 {
                let digits = u32::try_from(number & !FAILED).unwrap_or(0);
                self.tell(Word::NotInstalled, digits)?;
                return Err(io::Error::other("the filter was refused"));
            }
            if number != 0 {
                break number - 1;
            }
            if wait::ready(&[self.pidfd.as_fd()], Duration::from_micros(0))? == [true] {
                return Err(io::Error::other("the command has ended"));
            }
            thread::sleep(Duration::from_micros(50));
        };
        let fd = c_int::try_from(number).unwrap_or(-1);
        // SAFETY: the call takes numbers.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_getfd, self.pidfd.as_raw_fd(), fd, 0) };
        let fd = c_int::try_from(fd).unwrap_or(-1);
        if fd < 0 {
            let error = io::Error::last_os_error();
            self.kill();
            return Err(error);
        }
        let listener = sys::own(fd);
        self.tell(Word::Started, self.command.cast_unsigned())?;
        if let Some(go) = self.shared.words().get(GO) {
            go.store(1, Ordering::Release);
        }
        Ok(listener)
    }

    /// Kills the command.
    pub fn kill(&self) {
        // SAFETY: numbers, and no information. Where that fails, it has ended.
        unsafe {
            let none = std::ptr::null::<libc::siginfo_t>();
            let fd = self.pidfd.as_raw_fd();
            libc::syscall(libc::SYS_pidfd_send_signal, fd, libc::SIGKILL, none, 0)
        };
    }

    /// Waits for children, whoever they are, until none is left, and tells the front of the command.
    ///
    /// # Errors
    /// What `waitpid` says.
    pub fn reap(&self) -> io::Result<()> {
        loop {
            let mut status = 0;
            // SAFETY: the kernel writes one int.
            let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WUNTRACED) };
            if pid < 0 {
                let error = io::Error::last_os_error();
                match error.raw_os_error() {
                    Some(libc::ECHILD) => return Ok(()),
                    Some(libc::EINTR) => continue,
                    Some(_) | None => return Err(error),
                }
            }
            if pid == self.command {
                self.told_of(status);
            }
        }
    }

    fn told_of(&self, status: c_int) {
        let exec = self.shared.words().get(EXEC).map_or(0, |word| word.load(Ordering::Acquire));
        let (word, value) = if libc::WIFSTOPPED(status) {
            (Word::Stopped, libc::WSTOPSIG(status).cast_unsigned())
        } else if libc::WIFSIGNALED(status) {
            (Word::Signal, libc::WTERMSIG(status).cast_unsigned())
        } else if exec != 0 {
            (Word::NotExecuted, u32::try_from(exec).unwrap_or(0))
        } else {
            (Word::Exited, libc::WEXITSTATUS(status).cast_unsigned())
        };
        // Where that fails, nobody is in front.
        let _gone = self.tell(word, value);
    }

    fn tell(&self, word: Word, value: u32) -> io::Result<()> {
        let [a, b, c, d] = (word as u32).to_ne_bytes();
        let [e, f, g, h] = value.to_ne_bytes();
        // One write: it is whole or not there.
        (&self.words).write_all(&[a, b, c, d, e, f, g, h])
    }

    /// Waits until the process in front has ended; then lets go of standard error, which whoever
    /// started it may wait for the end of. The command does not outlive a front that was killed.
    ///
    /// # Errors
    /// What `poll` says.
    pub fn wait_for_front(&self) -> io::Result<()> {
        while !wait::hung_up(self.front.as_fd(), Duration::from_secs(3600))? {}
        self.kill();
        if let Ok(null) = fs::File::options().write(true).open("/dev/null") {
            // SAFETY: standard error is nobody's own, and stays open.
            unsafe { libc::dup2(null.as_raw_fd(), libc::STDERR_FILENO) };
        }
        Ok(())
    }
}
