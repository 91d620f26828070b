//! `bpf(2)` and what goes with it, one safe function for each use.
#![expect(unsafe_code, reason = "system calls that take addresses, and mmap")]

use std::ffi::CStr;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use libc::{c_int, c_long, c_void};

use crate::sys::{errno, own};

/// `union bpf_attr`, field by field at the offsets of `linux/bpf.h`. What is not set is 0,
/// which is what the kernel asks of fields that a command does not use.
pub(super) struct Attr([u8; SIZE]);

/// Longest variant that is used here: `BPF_PROG_LOAD` of Linux 6.14.
const SIZE: usize = 152;

impl Attr {
    pub(super) const fn new() -> Self {
        Self([0; SIZE])
    }

    fn bytes(mut self, offset: usize, bytes: &[u8]) -> Self {
        if let Some(field) = self.0.get_mut(offset..offset + bytes.len()) {
            field.copy_from_slice(bytes);
        }
        self
    }

    pub(super) fn u32(self, offset: usize, value: u32) -> Self {
        self.bytes(offset, &value.to_ne_bytes())
    }

    pub(super) fn u64(self, offset: usize, value: u64) -> Self {
        self.bytes(offset, &value.to_ne_bytes())
    }

    pub(super) fn fd(self, offset: usize, fd: BorrowedFd<'_>) -> Self {
        self.bytes(offset, &fd.as_raw_fd().to_ne_bytes())
    }

    /// A name of up to 15 bytes; what is longer is cut.
    pub(super) fn name(self, offset: usize, name: &str) -> Self {
        let name = name.as_bytes();
        self.bytes(offset, name.get(..15).unwrap_or(name))
    }

    /// What the kernel has written into a field.
    pub(super) fn read_u32(&self, offset: usize) -> u32 {
        let field = self.0.get(offset..).and_then(|rest| rest.first_chunk());
        field.map_or(0, |bytes| u32::from_ne_bytes(*bytes))
    }
}

/// Commands of `bpf(2)`.
#[derive(Clone, Copy)]
pub(super) enum Command {
    MapCreate = 0,
    MapLookup = 1,
    MapUpdate = 2,
    MapDelete = 3,
    MapNextKey = 4,
    ProgLoad = 5,
    ProgTestRun = 10,
    RawTracepointOpen = 17,
    BtfLoad = 18,
    LinkCreate = 28,
}

/// # Safety
/// Every address in `attr` is one that the command may read or write, as far as the lengths in
/// `attr`, or the sizes of the map that it names, say.
unsafe fn bpf(command: Command, attr: &mut Attr) -> Result<c_long, c_int> {
    let (attr, size) = (attr.0.as_mut_ptr(), SIZE);
    // SAFETY: `attr` points at `size` bytes; the addresses in it are the caller's promise.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command as c_int, attr, size) };
    if result < 0 { Err(errno()) } else { Ok(result) }
}

fn new_fd(result: c_long) -> Result<OwnedFd, c_int> {
    Ok(own(RawFd::try_from(result).map_err(|_| libc::EBADF)?))
}

fn at<T>(slice: &[T]) -> u64 {
    slice.as_ptr().expose_provenance() as u64
}

fn at_mut<T>(slice: &mut [T]) -> u64 {
    slice.as_mut_ptr().expose_provenance() as u64
}

fn length<T>(slice: &[T]) -> u32 {
    u32::try_from(slice.len()).unwrap_or(u32::MAX)
}

/// `BPF_MAP_CREATE`: an attribute without addresses.
pub(super) fn map_create(mut attr: Attr) -> Result<OwnedFd, c_int> {
    // SAFETY: the command takes no addresses.
    new_fd(unsafe { bpf(Command::MapCreate, &mut attr) }?)
}

/// `BPF_MAP_LOOKUP_ELEM`. The caller has checked the lengths against the map's.
pub(super) fn map_lookup(map: BorrowedFd<'_>, key: &[u8], value: &mut [u8]) -> Result<(), c_int> {
    let mut attr = Attr::new().fd(0, map).u64(8, at(key)).u64(16, at_mut(value));
    // SAFETY: key and value are as long as the map's.
    unsafe { bpf(Command::MapLookup, &mut attr) }.map(|_| ())
}

/// `BPF_MAP_UPDATE_ELEM`. The caller has checked the lengths against the map's.
pub(super) fn map_update(
    map: BorrowedFd<'_>,
    key: &[u8],
    value: &[u8],
    flags: u64,
) -> Result<(), c_int> {
    let mut attr = Attr::new().fd(0, map).u64(8, at(key)).u64(16, at(value)).u64(24, flags);
    // SAFETY: key and value are as long as the map's, and only read.
    unsafe { bpf(Command::MapUpdate, &mut attr) }.map(|_| ())
}

/// `BPF_MAP_DELETE_ELEM`. The caller has checked the length against the map's.
pub(super) fn map_delete(map: BorrowedFd<'_>, key: &[u8]) -> Result<(), c_int> {
    let mut attr = Attr::new().fd(0, map).u64(8, at(key));
    // SAFETY: the key is as long as the map's, and only read.
    unsafe { bpf(Command::MapDelete, &mut attr) }.map(|_| ())
}

/// `BPF_MAP_GET_NEXT_KEY`: the first key without `key`. The caller has checked the lengths.
pub(super) fn map_next_key(
    map: BorrowedFd<'_>,
    key: Option<&[u8]>,
    next: &mut [u8],
) -> Result<(), c_int> {
    let key = key.map_or(0, at);
    let mut attr = Attr::new().fd(0, map).u64(8, key).u64(16, at_mut(next));
    // SAFETY: both keys are as long as the map's; null is allowed.
    unsafe { bpf(Command::MapNextKey, &mut attr) }.map(|_| ())
}

/// What `BPF_PROG_LOAD` reads from memory.
pub(super) struct ProgramText<'a> {
    pub(super) insns: &'a [u8],
    pub(super) license: &'a CStr,
    pub(super) descriptors: &'a [RawFd],
    /// The types that the numbers of functions below are from.
    pub(super) btf: Option<BorrowedFd<'a>>,
    /// `struct bpf_func_info`, word by word.
    pub(super) functions: &'a [u32],
    /// `struct bpf_line_info`, word by word.
    pub(super) lines: &'a [u32],
}

/// `BPF_PROG_LOAD`: a descriptor, or the errno; and how long the verifier's log would be.
pub(super) fn prog_load(
    attr: Attr,
    text: &ProgramText<'_>,
    log: &mut [u8],
    log_level: u32,
) -> (Result<OwnedFd, c_int>, u32) {
    const FUNCTION: u32 = 8;
    const LINE: u32 = 16;
    let ProgramText { insns, license, descriptors, btf, functions, lines } = *text;
    let license = license.to_bytes_with_nul();
    let mut attr = attr.u32(4, length(insns) / 8).u64(8, at(insns)).u64(16, at(license));
    if log_level != 0 {
        attr = attr.u32(24, log_level);
        if !log.is_empty() {
            attr = attr.u32(28, length(log)).u64(32, at_mut(log));
        }
    }
    if !descriptors.is_empty() {
        attr = attr.u64(120, at(descriptors));
    }
    if let Some(btf) = btf {
        let count = |words: &[u32], size: u32| length(words) / (size / 4);
        attr = attr.fd(72, btf).u32(76, FUNCTION).u64(80, at(functions));
        attr = attr.u32(88, count(functions, FUNCTION)).u32(92, LINE).u64(96, at(lines));
        attr = attr.u32(104, count(lines, LINE));
    }
    // SAFETY: the kernel reads as many instructions, functions and lines as said, the licence up to its NUL, and
    // those descriptors that an instruction names by its place; `check_places` has seen that
    // they are there. It writes into the log's length.
    let result = unsafe { bpf(Command::ProgLoad, &mut attr) };
    (result.and_then(new_fd), attr.read_u32(140))
}

/// `BPF_PROG_TEST_RUN` with a context that comes back: what the program returns.
pub(super) fn test_run(program: BorrowedFd<'_>, context: &mut [u8]) -> Result<u32, c_int> {
    let mut attr = Attr::new().fd(0, program);
    if !context.is_empty() {
        attr = attr.u32(40, length(context)).u64(48, at_mut(context));
    }
    // SAFETY: the kernel reads and writes the context's length.
    unsafe { bpf(Command::ProgTestRun, &mut attr) }.map(|_| attr.read_u32(4))
}

/// `BPF_RAW_TRACEPOINT_OPEN`; without a name for programs that know their place themselves.
pub(super) fn raw_tracepoint(
    program: BorrowedFd<'_>,
    name: Option<&CStr>,
) -> Result<OwnedFd, c_int> {
    let name = name.map_or(0, |name| at(name.to_bytes_with_nul()));
    let mut attr = Attr::new().u64(0, name).fd(8, program);
    // SAFETY: the kernel reads the name up to its NUL; null is allowed.
    new_fd(unsafe { bpf(Command::RawTracepointOpen, &mut attr) }?)
}

/// `BPF_LINK_CREATE` on a perf event.
pub(super) fn link_create(
    program: BorrowedFd<'_>,
    target: BorrowedFd<'_>,
    attach_type: u32,
) -> Result<OwnedFd, c_int> {
    let mut attr = Attr::new().fd(0, program).fd(4, target).u32(8, attach_type);
    // SAFETY: the command takes no addresses.
    new_fd(unsafe { bpf(Command::LinkCreate, &mut attr) }?)
}

/// `BPF_BTF_LOAD`.
pub(super) fn btf_load(btf: &[u8]) -> Result<OwnedFd, c_int> {
    let mut attr = Attr::new().u64(0, at(btf)).u32(16, length(btf));
    // SAFETY: the kernel reads as many bytes as said.
    new_fd(unsafe { bpf(Command::BtfLoad, &mut attr) }?)
}

/// `perf_event_open` on a tracepoint, for all tasks on the first processor: enough for a
/// program, which the kernel keeps with the tracepoint and not with the event. The event itself
/// is not enabled: what the program keeps is then nobody's work that did not ask for it.
pub(super) fn open_tracepoint(id: u64) -> Result<OwnedFd, c_int> {
    const TYPE_TRACEPOINT: u32 = 2;
    const FD_CLOEXEC: libc::c_ulong = 8;
    const ATTR_SIZE: u32 = 64;
    // The first of the flags, which are fields of single bits.
    const DISABLED: u64 = if cfg!(target_endian = "little") { 1 } else { 1 << 63 };
    let mut attr = [0_u64; ATTR_SIZE as usize / 8];
    let [kind_and_size, config, _, _, _, flags, ..] = &mut attr;
    let [a, b, c, d] = TYPE_TRACEPOINT.to_ne_bytes();
    let [e, f, g, h] = ATTR_SIZE.to_ne_bytes();
    *kind_and_size = u64::from_ne_bytes([a, b, c, d, e, f, g, h]);
    *config = id;
    *flags = DISABLED;
    let (any_task, processor, group): (c_int, c_int, c_int) = (-1, 0, -1);
    // SAFETY: the attribute has the size that it says (`PERF_ATTR_SIZE_VER0`), and is read.
    let result = unsafe {
        let attr = attr.as_ptr();
        libc::syscall(libc::SYS_perf_event_open, attr, any_task, processor, group, FD_CLOEXEC)
    };
    if result < 0 { Err(errno()) } else { new_fd(result) }
}

/// `pidfd_open`: a process; or a thread, which kernels before 6.9 know only if it is the first of
/// its process.
pub(super) fn pidfd_open(id: u32, thread: bool) -> Result<OwnedFd, c_int> {
    const THREAD: libc::c_uint = libc::O_EXCL.cast_unsigned();
    let id = libc::pid_t::try_from(id).map_err(|_| libc::ESRCH)?;
    match crate::sys::pidfd_open(id, if thread { THREAD } else { 0 }) {
        Err(libc::EINVAL) if thread => crate::sys::pidfd_open(id, 0),
        result => result,
    }
}

/// What the kernel says its machine is.
pub(super) fn machine() -> String {
    // SAFETY: the structure has numbers alone.
    let mut names: libc::utsname = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel fills the structure, which outlives the call.
    if unsafe { libc::uname(&raw mut names) } != 0 {
        return String::new();
    }
    let bytes = names.machine.iter().map_while(|byte| match byte.cast_unsigned() {
        0 => None,
        byte => Some(char::from(byte)),
    });
    bytes.collect()
}

/// Pages of a ring buffer in our memory.
pub(super) struct Shared {
    start: NonNull<c_void>,
    length: usize,
}

impl Shared {
    /// Maps a part of a ring buffer's memory.
    pub(super) fn map(
        fd: BorrowedFd<'_>,
        offset: usize,
        length: usize,
        writable: bool,
    ) -> Result<Self, c_int> {
        let protection = libc::PROT_READ | if writable { libc::PROT_WRITE } else { 0 };
        let offset = libc::off_t::try_from(offset).map_err(|_| libc::EINVAL)?;
        let (null, shared, fd) = (std::ptr::null_mut(), libc::MAP_SHARED, fd.as_raw_fd());
        // SAFETY: the kernel chooses the place, so nothing that is in use changes.
        let start = unsafe { libc::mmap(null, length, protection, shared, fd, offset) };
        match NonNull::new(start).filter(|_| start != libc::MAP_FAILED) {
            Some(start) => Ok(Self { start, length }),
            None => Err(errno()),
        }
    }

    /// The number of that offset, which the kernel may change at any time.
    pub(super) fn u64_at(&self, offset: usize) -> Option<u64> {
        let address = self.inside(offset, 8)?.cast::<AtomicU64>();
        // SAFETY: `inside` has seen that the number is aligned and inside the mapping, which
        // is there as long as `self`.
        Some(unsafe { address.as_ref() }.load(Ordering::Acquire))
    }

    /// The same of four bytes.
    pub(super) fn u32_at(&self, offset: usize) -> Option<u32> {
        let address = self.inside(offset, 4)?.cast::<AtomicU32>();
        // SAFETY: as above.
        Some(unsafe { address.as_ref() }.load(Ordering::Acquire))
    }

    /// Changes a number that the kernel reads; the mapping must be writable.
    pub(super) fn set_u64(&self, offset: usize, value: u64) -> Option<()> {
        let address = self.inside(offset, 8)?.cast::<AtomicU64>();
        // SAFETY: as above; only the writable mapping of the consumer is ever written.
        unsafe { address.as_ref() }.store(value, Ordering::Release);
        Some(())
    }

    /// Bytes that the kernel does not change any more.
    pub(super) fn copy(&self, offset: usize, length: usize) -> Option<Vec<u8>> {
        if offset.checked_add(length)? > self.length {
            return None;
        }
        // SAFETY: the bytes are inside the mapping; the caller has read the record's header,
        // and a finished record does not change before it is consumed.
        let bytes = unsafe {
            std::slice::from_raw_parts(self.start.cast::<u8>().add(offset).as_ptr(), length)
        };
        Some(bytes.to_vec())
    }

    fn inside(&self, offset: usize, size: usize) -> Option<NonNull<u8>> {
        let fits = offset.is_multiple_of(size) && offset.checked_add(size)? <= self.length;
        // SAFETY: the result is inside the mapping.
        fits.then(|| unsafe { self.start.cast::<u8>().add(offset) })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and nobody borrows from it any more.
        unsafe { libc::munmap(self.start.as_ptr(), self.length) };
    }
}

/// Bytes of a page.
pub(super) fn page_size() -> usize {
    // SAFETY: takes no addresses.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}
