//! The listener of user notifications (`seccomp_unotify(2)`): calls of other tasks, each of which
//! waits for its answer.
#![expect(unsafe_code, reason = "ioctl with addresses")]

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};

use filterc_abi::SeccompData;
use libc::{c_int, seccomp_notif, seccomp_notif_addfd, seccomp_notif_resp, seccomp_notif_sizes};

/// What calls are announced on.
#[derive(Debug)]
pub struct Listener {
    fd: OwnedFd,
    /// Words of eight bytes that hold the structure of this kernel, which may be longer than ours.
    request: usize,
    response: usize,
}

/// A call that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Its name in answers.
    pub id: u64,
    /// The thread, as this process numbers it; 0 where it cannot see it.
    pub tid: u32,
    /// The registers.
    pub data: SeccompData,
}

/// How a descriptor is put into the task that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddFd {
    /// With this number; `None`: the lowest that is free.
    pub at: Option<u32>,
    /// Whether `execve` closes it.
    pub close_on_exec: bool,
    /// Whether its number is the call's result, in one act.
    pub send: bool,
}

/// `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP`: who waits and who answers take turns on one processor.
const SYNC_WAKE_UP: libc::c_ulong = 1;

impl Listener {
    /// The listener that a filter was installed with.
    ///
    /// # Errors
    /// What `seccomp(SECCOMP_GET_NOTIF_SIZES)` says.
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        let mut sizes =
            seccomp_notif_sizes { seccomp_notif: 0, seccomp_notif_resp: 0, seccomp_data: 0 };
        let operation = libc::SECCOMP_GET_NOTIF_SIZES;
        // SAFETY: the kernel writes three 16-bit numbers.
        if unsafe { libc::syscall(libc::SYS_seccomp, operation, 0, &raw mut sizes) } < 0 {
            return Err(io::Error::last_os_error());
        }
        let words =
            |theirs: u16, ours: usize| usize::from(theirs).max(ours).div_ceil(size_of::<u64>());
        let request = words(sizes.seccomp_notif, size_of::<seccomp_notif>());
        let response = words(sizes.seccomp_notif_resp, size_of::<seccomp_notif_resp>());
        Ok(Self { fd, request, response })
    }

    /// Waits for the next call.
    ///
    /// # Errors
    /// `ENOENT`: the task was killed or interrupted meanwhile, or none is left; `EINTR`.
    pub fn receive(&self) -> io::Result<Notification> {
        // The kernel insists on zeroes.
        let mut buffer = vec![0_u64; self.request];
        // SAFETY: the buffer is as long as the kernel says that its structure is.
        unsafe { self.ioctl(libc::SECCOMP_IOCTL_NOTIF_RECV, buffer.as_mut_ptr())? };
        // SAFETY: it is as long as ours, too, aligned as u64 is, and all bits are numbers.
        let notif = unsafe { buffer.as_ptr().cast::<seccomp_notif>().read() };
        let data = notif.data;
        Ok(Notification {
            id: notif.id,
            tid: notif.pid,
            data: SeccompData {
                nr: data.nr,
                arch: data.arch,
                instruction_pointer: data.instruction_pointer,
                args: data.args,
            },
        })
    }

    /// Whether the call still waits: what was read of its task's memory before was read of that
    /// task, and not of one that got its number later.
    #[must_use]
    pub fn is_valid(&self, id: u64) -> bool {
        let mut id = id;
        // SAFETY: the kernel reads eight bytes.
        unsafe { self.ioctl(libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw mut id) }.is_ok()
    }

    /// The call returns this, and is not executed.
    ///
    /// # Errors
    /// `ENOENT`: it waits no more.
    pub fn answer(&self, id: u64, result: Result<i64, u16>) -> io::Result<()> {
        let (val, error) = match result {
            Ok(value) => (value, 0),
            Err(errno) => (0, -c_int::from(errno)),
        };
        self.send(seccomp_notif_resp { id, val, error, flags: 0 })
    }

    /// The kernel executes the call, with what is in the registers and in memory *now*: other
    /// threads may have changed what was looked at.
    ///
    /// # Errors
    /// `ENOENT`: it waits no more.
    pub fn let_continue(&self, id: u64) -> io::Result<()> {
        let flags = u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).unwrap_or(1);
        self.send(seccomp_notif_resp { id, val: 0, error: 0, flags })
    }

    fn send(&self, response: seccomp_notif_resp) -> io::Result<()> {
        let mut buffer = vec![0_u64; self.response];
        // SAFETY: the buffer is as long as ours, and as long as the kernel's.
        unsafe {
            buffer.as_mut_ptr().cast::<seccomp_notif_resp>().write(response);
            self.ioctl(libc::SECCOMP_IOCTL_NOTIF_SEND, buffer.as_mut_ptr())?;
        }
        Ok(())
    }

    /// Puts a copy of a descriptor into the task; its number there.
    ///
    /// # Errors
    /// `ENOENT`: it waits no more; `EMFILE`: it has no number left; `EBADF` for a number that it
    /// may not have; `EINVAL` where the kernel cannot do both in one act.
    pub fn add_fd(&self, id: u64, fd: BorrowedFd<'_>, how: AddFd) -> io::Result<RawFd> {
        let setfd = if how.at.is_some() { libc::SECCOMP_ADDFD_FLAG_SETFD } else { 0 };
        let send = if how.send { libc::SECCOMP_ADDFD_FLAG_SEND } else { 0 };
        let mut request = seccomp_notif_addfd {
            id,
            flags: u32::try_from(setfd | send).unwrap_or_default(),
            srcfd: fd.as_raw_fd().cast_unsigned(),
            newfd: how.at.unwrap_or_default(),
            newfd_flags: if how.close_on_exec { libc::O_CLOEXEC.cast_unsigned() } else { 0 },
        };
        // SAFETY: the kernel reads a structure of the size that is part of the request's number.
        unsafe { self.ioctl(libc::SECCOMP_IOCTL_NOTIF_ADDFD, &raw mut request) }
    }

    /// Tells the kernel that who waits and who answers take turns (Linux 6.6).
    ///
    /// # Errors
    /// `EINVAL` where it does not know.
    pub fn take_turns(&self) -> io::Result<()> {
        // SAFETY: this request takes a number.
        let result = unsafe {
            libc::ioctl(self.fd.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP)
        };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// # Safety
    /// `argument` is what the request asks for.
    unsafe fn ioctl<T>(&self, request: libc::Ioctl, argument: *mut T) -> io::Result<c_int> {
        // SAFETY: passed on from the caller.
        let result = unsafe { libc::ioctl(self.fd.as_raw_fd(), request, argument) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
    }
}

impl AsFd for Listener {
    /// Readable when a call waits; hung up when no task is left under the filter.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
