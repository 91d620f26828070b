//! Untrusted computations: a child that may read from one pipe, write to another, compute and end.
//!
//! There is no `execve`, no program file and no loader of programs: the child is a copy of this
//! process, and what it runs is a function of it. From the moment that the function begins, the
//! kernel's strict mode (`read`, `write`, `exit`, `rt_sigreturn`; any other call kills) or a filter
//! is in force. What the function works on may be as hostile as it likes; the kernel that it can
//! reach is four calls wide.
//!
//! The function has a copy of all memory of this process. It has nobody to tell but the pipe, whose
//! other end is this process.
#![expect(unsafe_code, reason = "fork, pipes, and a function that must not return to its caller")]

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd as _, RawFd};
use std::panic;

use filterc_cbpf::Verified;
use libc::{c_int, c_ulong};

use crate::ptrace::Ended;
use crate::sys::{self, RawProgram};

/// What the function is confined by.
#[derive(Clone, Copy, Debug)]
pub enum Confinement<'f> {
    /// The kernel's strict mode; whoever makes another call gets SIGKILL.
    Kernel,
    /// A filter. It should allow `read`, `write`, `exit` and `rt_sigreturn`.
    Filter(&'f Verified),
}

/// What the child ends with when its function panics, as Rust's programs do.
const PANICKED: c_int = 101;

/// What it ends with when it could not be confined: its function has not begun.
const NOT_CONFINED: c_int = 126;

/// The pipes, as the function sees them: what this process writes is read here.
#[derive(Debug)]
pub struct Ends(());

/// A child at work, as its parent sees it: what is read here it has written. It is killed when this
/// is dropped.
#[derive(Debug)]
pub struct Confined {
    pid: libc::pid_t,
    to: Option<File>,
    from: File,
    ended: Option<Ended>,
}

impl Confined {
    /// Starts a function in a child. `heap` bytes of memory are ready for it; it gets no more, and
    /// dies when it asks for more. What it returns is the child's exit status.
    ///
    /// # Errors
    /// What `pipe2` and `fork` say; `Unsupported` where this process has several threads, of which
    /// a child would have one, and the locks of the others.
    pub fn start(
        confinement: Confinement<'_>,
        heap: usize,
        work: impl FnOnce(&mut Ends) -> u8,
    ) -> io::Result<Self> {
        if fs::read_dir("/proc/self/task")?.count() != 1 {
            let why = "the process has several threads";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        let ([theirs, to], [from, thine]) = (pipe()?, pipe()?);
        // SAFETY: this process has one thread, so that the child is whole.
        let pid = unsafe { libc::fork() };
        if pid < 0 {
            return Err(io::Error::last_os_error());
        }
        if pid == 0 {
            let status = child(confinement, heap, [&theirs, &thine], work);
            end(status);
        }
        Ok(Self { pid, to: Some(to), from, ended: None })
    }

    /// Says that nothing more comes: the function's reads end.
    pub fn finish(&mut self) {
        self.to = None;
    }

    /// Waits until the child has ended. What it has written can still be read.
    ///
    /// # Errors
    /// What `waitpid` says.
    pub fn wait(&mut self) -> io::Result<Ended> {
        self.finish();
        if let Some(ended) = self.ended {
            return Ok(ended);
        }
        let mut status = 0;
        // SAFETY: the kernel writes one int.
        while unsafe { libc::waitpid(self.pid, &raw mut status, 0) } < 0 {
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        Ok(*self.ended.insert(Ended::of_status(status)))
    }
}

impl Read for Confined {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.from.read(into)
    }
}

impl Write for Confined {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        if self.ended.is_none() {
            // SAFETY: a child that has not been waited for keeps its number.
            unsafe { libc::kill(self.pid, libc::SIGKILL) };
            let _gone = self.wait();
        }
    }
}

impl Read for Ends {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // SAFETY: the kernel writes at most so many bytes.
        let read = unsafe { libc::read(libc::STDIN_FILENO, into.as_mut_ptr().cast(), into.len()) };
        usize::try_from(read).map_err(|_| io::Error::last_os_error())
    }
}

impl Write for Ends {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // SAFETY: the kernel reads so many bytes.
        let written =
            unsafe { libc::write(libc::STDOUT_FILENO, bytes.as_ptr().cast(), bytes.len()) };
        usize::try_from(written).map_err(|_| io::Error::last_os_error())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The child's whole life; what it ends with.
fn child(
    confinement: Confinement<'_>,
    heap: usize,
    pipes: [&File; 2],
    work: impl FnOnce(&mut Ends) -> u8,
) -> c_int {
    let program = match confinement {
        Confinement::Kernel => None,
        Confinement::Filter(filter) => match RawProgram::new(filter.insns()) {
            None => return NOT_CONFINED,
            program => program,
        },
    };
    // A parent that is gone reads nothing; the child of one that went before this is asked for has
    // pipes without other ends.
    let _old = sys::prctl(libc::PR_SET_PDEATHSIG, c_ulong::from(libc::SIGKILL.cast_unsigned()));
    if !keep_only(pipes) {
        return NOT_CONFINED;
    }
    reserve(heap);
    // Unwinding, and telling where a panic was, take other calls; and there is nobody to tell.
    panic::set_hook(Box::new(|_| end(PANICKED)));
    let confined = match &program {
        None => sys::prctl(libc::PR_SET_SECCOMP, c_ulong::from(libc::SECCOMP_MODE_STRICT)),
        Some(program) => {
            sys::set_no_new_privs().and_then(|()| sys::set_mode_filter(program, 0).map(drop))
        }
    };
    if confined.is_err() {
        return NOT_CONFINED;
    }
    c_int::from(work(&mut Ends(())))
}

/// Ends the thread, which is the process's only one. Nothing of the copy is dropped.
fn end(status: c_int) -> ! {
    loop {
        // SAFETY: a system call that does not return.
        unsafe { libc::syscall(libc::SYS_exit, status) };
    }
}

/// Leaves the process two descriptors: the pipes, as standard input and output.
fn keep_only(pipes: [&File; 2]) -> bool {
    let [read, write] = pipes.map(|pipe| pipe.as_raw_fd());
    // SAFETY: the descriptors are moved out of the way of 0 and 1 first. All that owned others is
    // never used or dropped in this process.
    unsafe {
        let (read, write) = (above(read), above(write));
        read >= 0
            && write >= 0
            && libc::dup2(read, 0) == 0
            && libc::dup2(write, 1) == 1
            && close_from(2)
    }
}

/// A copy of a descriptor that is neither 0 nor 1.
fn above(fd: RawFd) -> RawFd {
    // SAFETY: a system call without addresses.
    unsafe { libc::fcntl(fd, libc::F_DUPFD, 3) }
}

/// # Safety
/// Nobody uses a descriptor from that one on.
unsafe fn close_from(first: libc::c_uint) -> bool {
    // SAFETY: a system call without addresses.
    if unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) } == 0 {
        return true;
    }
    // Before Linux 5.9. The folder's own descriptor is among those that are listed, and closed.
    let Ok(listed) = fs::read_dir("/proc/self/fd") else { return false };
    let fds: Vec<RawFd> =
        listed.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    for fd in fds.into_iter().filter(|fd| fd.cast_unsigned() >= first) {
        // SAFETY: the caller's promise.
        unsafe { libc::close(fd) };
    }
    true
}

/// Has memory ready, which later needs no system call: it is taken, and given back to the C
/// library, which is told to keep it and to use it for whatever size.
fn reserve(heap: usize) {
    #[cfg(target_env = "gnu")]
    // SAFETY: settings of the allocator; both take any number.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, c_int::MAX);
        libc::mallopt(libc::M_MMAP_THRESHOLD, c_int::MAX);
    }
    drop(std::hint::black_box(vec![1_u8; heap]));
}

fn pipe() -> io::Result<[File; 2]> {
    let mut ends = [0; 2];
    // SAFETY: the kernel writes two descriptors.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(ends.map(|fd| File::from(sys::own(fd))))
}
