//! The process in front: it stands for the command to whoever started it.

#![allow(unsafe_code, reason = "waitpid, signals, prctl")]

use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::time::Duration;
use std::{fs, thread};

use libc::{c_int, pid_t};

use crate::{sys, wait};

/// What becomes of the command when the supervisor ends too early.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDeath {
    /// It and everything that it started are killed.
    #[default]
    Kill,
    /// Calls that would be asked about fail with ENOSYS.
    Errno,
}

/// How a supervision ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The command ended by itself.
    Exited(i32),
    /// By this signal.
    Signal(i32),
    /// It could not be executed: the errno.
    NotExecuted(i32),
    /// Its filter was refused: the digits of [`crate::LoadError::code`].
    NotInstalled(u32),
    /// There was no supervisor any more. With [`OnDeath::Kill`] everything that the command started
    /// has been killed.
    Unsupervised,
}

/// The side of the process that was there.
#[derive(Debug)]
pub struct Front {
    supervisor: pid_t,
    words: fs::File,
    /// While this is open, this process lives.
    _life: OwnedFd,
    on_death: OnDeath,
}

/// Signals that are handed on to the command where they were sent to this process alone. Those of
/// a terminal come to both.
const HANDED_ON: [c_int; 6] =
    [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGUSR1, libc::SIGUSR2];

impl Front {
    pub(super) const fn new(
        supervisor: pid_t,
        words: fs::File,
        life: OwnedFd,
        on_death: OnDeath,
    ) -> Self {
        Self { supervisor, words, _life: life, on_death }
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// What `signalfd` and `poll` say.
    pub fn wait(mut self) -> io::Result<End> {
        let signals = signals()?;
        let mut command: Option<(pid_t, OwnedFd)> = None;
        loop {
            let fds = [self.words.as_fd(), signals.as_fd()];
            let ready = wait::ready(&fds, Duration::from_secs(3600))?;
            if ready.last() == Some(&true) {
                hand_on(&signals, command.as_ref().map(|(_, pidfd)| pidfd));
            }
            if ready.first() != Some(&true) {
                continue;
            }
            let Some((word, value)) = self.word() else {
                return Ok(self.unsupervised(command.map(|(pid, _)| pid)));
            };
            let number = value.cast_signed();
            match word {
                1 => command = sys::pidfd_open(number, 0).ok().map(|fd| (number, fd)),
                2 => return Ok(End::Exited(number)),
                3 => return Ok(End::Signal(number)),
                5 => return Ok(End::NotExecuted(number)),
                6 => return Ok(End::NotInstalled(value)),
                _ => {
                    if let Some((pid, pidfd)) = &command {
                        stop_with(*pid, pidfd);
                    }
                }
            }
        }
    }

    fn word(&mut self) -> Option<(u32, u32)> {
        let mut bytes = [0; 8];
        self.words.read_exact(&mut bytes).ok()?;
        let [a, b, c, d, e, f, g, h] = bytes;
        Some((u32::from_ne_bytes([a, b, c, d]), u32::from_ne_bytes([e, f, g, h])))
    }

    /// The supervisor is gone: what it was above of is now this process's to wait for.
    fn unsupervised(&self, command: Option<pid_t>) -> End {
        let mut status = 0;
        // SAFETY: the kernel writes one int.
        unsafe { libc::waitpid(self.supervisor, &raw mut status, 0) };
        match (self.on_death, command) {
            (OnDeath::Errno, Some(command)) => {
                // SAFETY: as above.
                let waited = unsafe { libc::waitpid(command, &raw mut status, 0) };
                if waited != command {
                    End::Unsupervised
                } else if libc::WIFSIGNALED(status) {
                    End::Signal(libc::WTERMSIG(status))
                } else {
                    End::Exited(libc::WEXITSTATUS(status))
                }
            }
            (OnDeath::Kill | OnDeath::Errno, _) => {
                kill_all_below();
                End::Unsupervised
            }
        }
    }
}

/// Kills what is below this process until nothing is left: also what is made meanwhile.
fn kill_all_below() {
    loop {
        for pid in below() {
            // SAFETY: numbers. A process below this one keeps its number until this one, or one
            // below it that is killed as well, has waited for it.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
        let mut status = 0;
        // SAFETY: the kernel writes one int.
        while unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) } > 0 {}
        // SAFETY: as above.
        if unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) } < 0 {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// All processes below this one.
fn below() -> Vec<pid_t> {
    let parents: Vec<(pid_t, pid_t)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
            Some((pid, parent(pid)?))
        })
        .collect();
    // SAFETY: no arguments.
    let mut found = vec![unsafe { libc::getpid() }];
    let mut next = 0;
    while let Some(above) = found.get(next).copied() {
        let children = parents.iter().filter(|(_, parent)| *parent == above);
        found.extend(children.map(|(pid, _)| *pid));
        next += 1;
    }
    found.split_off(1)
}

fn stat(pid: pid_t) -> Option<Vec<String>> {
    let text = String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/stat")).ok()?).into_owned();
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn parent(pid: pid_t) -> Option<pid_t> {
    stat(pid)?.get(1)?.parse().ok()
}

/// Stops with the command, as a job would, and goes on with it. A job that a terminal or a shell
/// stops and continues is stopped and continued as a whole: then nothing is to be done.
fn stop_with(pid: pid_t, pidfd: &OwnedFd) {
    let stopped = || stat(pid).is_some_and(|stat| stat.first().is_some_and(|state| state == "T"));
    if stopped() {
        // SAFETY: numbers.
        unsafe { libc::raise(libc::SIGSTOP) };
        send(pidfd, libc::SIGCONT);
    }
}

/// Blocks the signals that are handed on, and makes them something to wait for.
fn signals() -> io::Result<OwnedFd> {
    // SAFETY: sets of signals are plain data; all functions get addresses of whole ones.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in HANDED_ON {
            libc::sigaddset(&raw mut set, signal);
        }
        sys::checked(libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()))?;
        let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
        sys::checked(libc::signalfd(-1, &raw const set, flags)).map(sys::own)
    }
}

fn hand_on(signals: &OwnedFd, command: Option<&OwnedFd>) {
    loop {
        let mut info = std::mem::MaybeUninit::<libc::signalfd_siginfo>::zeroed();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the kernel writes up to the structure's size, and all bits are numbers.
        let (read, info) = unsafe {
            let read = libc::read(signals.as_raw_fd(), info.as_mut_ptr().cast(), size);
            (read, info.assume_init())
        };
        if usize::try_from(read) != Ok(size) {
            return;
        }
        // Sent by somebody, not by a terminal, which sends it to the command as well.
        if info.ssi_code <= 0
            && let Some(command) = command
        {
            send(command, info.ssi_signo.cast_signed());
        }
    }
}

fn send(pidfd: &OwnedFd, signal: c_int) {
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: numbers, and no information. Where that fails, it has ended.
    unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, none, 0) };
}

/// Ends this process by a signal, as the command ended, without a core of its own. Returns where it
/// is one that ends nothing.
pub fn die_by(signal: i32) {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: sets of signals and limits are plain data; all functions get addresses of whole ones.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
        libc::sigprocmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
    }
}
