//! The filters of a live process, as the kernel gives them to a tracer.
#![expect(unsafe_code, reason = "ptrace and waitpid")]

use std::fmt;
use std::time::Duration;

use filterc_cbpf::Insn;

use crate::sys;

/// `PTRACE_SECCOMP_GET_FILTER`, which not every libc has.
const GET_FILTER: libc::c_uint = 0x420c;

/// How often, and how far apart, a process is asked whether it has stopped: two seconds in all.
const TRIES: u32 = 400;
const PAUSE: Duration = Duration::from_millis(5);

/// Every code of this module, sorted.
pub const CODES: &[&str] = &["F0860", "F0861", "F0862", "F0863", "F0864", "F0865", "F0866"];

/// Why the filters of a process were not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveError {
    /// ESRCH: there is no such process, or it has ended meanwhile.
    NoProcess,
    /// EPERM: it may not be traced by this one, or is already.
    NotTraceable,
    /// EACCES: reading filters needs CAP_SYS_ADMIN, and a reader without filters of its own.
    NoPrivilege,
    /// The process has no filters.
    NoFilters,
    /// It did not stop within two seconds.
    DoesNotStop,
    /// The kernel does not give filters out.
    Unsupported,
    /// Another answer.
    Unexpected {
        /// The answer.
        errno: i32,
    },
}

impl LiveError {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoProcess => "F0860",
            Self::NotTraceable => "F0861",
            Self::NoPrivilege => "F0862",
            Self::NoFilters => "F0863",
            Self::DoesNotStop => "F0864",
            Self::Unsupported => "F0865",
            Self::Unexpected { .. } => "F0866",
        }
    }

    const fn of(errno: i32) -> Self {
        match errno {
            libc::ESRCH => Self::NoProcess,
            libc::EPERM => Self::NotTraceable,
            libc::EACCES => Self::NoPrivilege,
            libc::EINVAL => Self::NoFilters,
            libc::EIO => Self::Unsupported,
            _ => Self::Unexpected { errno },
        }
    }
}

impl fmt::Display for LiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProcess => f.write_str("there is no such process, or it has ended"),
            Self::NotTraceable => f.write_str(
                "the process may not be traced: it is another user's, has a tracer, or is this one",
            ),
            Self::NoPrivilege => f.write_str(
                "filters are given only to a reader with CAP_SYS_ADMIN that has none itself",
            ),
            Self::NoFilters => f.write_str("the process has no seccomp filters"),
            Self::DoesNotStop => f.write_str("the process did not stop within two seconds"),
            Self::Unsupported => {
                f.write_str("this kernel gives no filters out: it lacks CONFIG_CHECKPOINT_RESTORE")
            }
            Self::Unexpected { errno } => write!(f, "the kernel answered with error {errno}"),
        }
    }
}

impl std::error::Error for LiveError {}

/// The filters of a thread (a process's number is that of its first thread), oldest first. It is
/// stopped while they are read, and goes on as before: no signal is lost.
///
/// # Errors
/// They were not read.
pub fn filters(tid: i32) -> Result<Vec<Vec<Insn>>, LiveError> {
    let tracee = Tracee::stop(tid)?;
    let mut filters = Vec::new();
    loop {
        match tracee.filter(filters.len()) {
            Ok(filter) => filters.push(filter),
            // There are no more.
            Err(libc::ENOENT) if !filters.is_empty() => return Ok(filters),
            Err(libc::ENOENT) => return Err(LiveError::NoFilters),
            Err(errno) => return Err(LiveError::of(errno)),
        }
    }
}

/// A thread that is traced, and let go when this is dropped.
struct Tracee {
    tid: i32,
    /// The signal that it had been about to get.
    signal: i32,
}

impl Tracee {
    fn stop(tid: i32) -> Result<Self, LiveError> {
        request(libc::PTRACE_SEIZE, tid, 0, std::ptr::null_mut()).map_err(LiveError::of)?;
        let mut tracee = Self { tid, signal: 0 };
        request(libc::PTRACE_INTERRUPT, tid, 0, std::ptr::null_mut()).map_err(LiveError::of)?;
        for _ in 0..TRIES {
            if let Some(status) = wait(tid).map_err(LiveError::of)? {
                if !libc::WIFSTOPPED(status) {
                    return Err(LiveError::NoProcess);
                }
                // In a stop of ours there is no signal to hand on; in one of a signal there is.
                if status >> 16 == 0 {
                    tracee.signal = libc::WSTOPSIG(status);
                }
                return Ok(tracee);
            }
            std::thread::sleep(PAUSE);
        }
        Err(LiveError::DoesNotStop)
    }

    /// One of its filters; 0 is the oldest.
    fn filter(&self, index: usize) -> Result<Vec<Insn>, i32> {
        let length = request(GET_FILTER, self.tid, index, std::ptr::null_mut())?;
        let mut insns = vec![
            libc::sock_filter { code: 0, jt: 0, jf: 0, k: 0 };
            usize::try_from(length).unwrap_or(0)
        ];
        request(GET_FILTER, self.tid, index, insns.as_mut_ptr().cast())?;
        let insn = |it: &libc::sock_filter| Insn { code: it.code, jt: it.jt, jf: it.jf, k: it.k };
        Ok(insns.iter().map(insn).collect())
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        // One that has not stopped is let go when this process ends. It may be gone; then there is
        // nothing to do.
        let signal = usize::try_from(self.signal).unwrap_or(0);
        let data = std::ptr::without_provenance_mut(signal);
        let _gone = request(libc::PTRACE_DETACH, self.tid, 0, data);
    }
}

fn request(
    request: libc::c_uint,
    tid: i32,
    address: usize,
    data: *mut libc::c_void,
) -> Result<libc::c_long, i32> {
    let address: *mut libc::c_void = std::ptr::without_provenance_mut(address);
    // SAFETY: of the requests that are made here only GET_FILTER writes anything: a filter, to
    // `data`, which is null or has room for all of it, for filters never change.
    let result = unsafe { libc::ptrace(request, tid, address, data) };
    if result < 0 { Err(sys::errno()) } else { Ok(result) }
}

/// Whether a thread's state has changed, and to what.
fn wait(tid: i32) -> Result<Option<i32>, i32> {
    let mut status = 0;
    // SAFETY: the status is written to an integer of ours.
    match unsafe { libc::waitpid(tid, &raw mut status, libc::WNOHANG | libc::__WALL) } {
        0 => Ok(None),
        result if result < 0 => Err(sys::errno()),
        _ => Ok(Some(status)),
    }
}
