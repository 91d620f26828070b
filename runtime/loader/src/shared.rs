//! Memory that a child writes and its parent reads: it outlives the child however that ends,
//! and needs no system call.
#![expect(unsafe_code, reason = "mmap")]

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

/// A shared array of words, zero at first.
#[derive(Debug)]
pub(crate) struct Shared {
    words: NonNull<AtomicU64>,
    length: usize,
}

// SAFETY: all that can be done to the words is atomic, and the mapping goes only with its owner.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// Maps at least one word.
    pub(crate) fn new(length: usize) -> io::Result<Self> {
        let length = length.max(1);
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing of ours.
        let address = unsafe {
            libc::mmap(std::ptr::null_mut(), Self::bytes(length), protection, flags, -1, 0)
        };
        match NonNull::new(address) {
            Some(words) if address != libc::MAP_FAILED => Ok(Self { words: words.cast(), length }),
            _ => Err(io::Error::last_os_error()),
        }
    }

    const fn bytes(length: usize) -> usize {
        length.saturating_mul(size_of::<AtomicU64>())
    }

    /// The words.
    pub(crate) fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is page-aligned, zeroed, `length` words long, and lives as long as
        // `self`; other processes write it atomically.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr(), self.length) }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: this is the mapping made in `new`, and no borrow of it is left. A failure
        // would leave memory mapped, which is harmless.
        unsafe { libc::munmap(self.words.as_ptr().cast(), Self::bytes(self.length)) };
    }
}
