//! Types of programs and maps (BTF), as the kernel keeps them.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::error::{Action, BpfError, refused};
use super::sys;

/// Types that the kernel has checked.
#[derive(Debug)]
pub struct Btf(OwnedFd);

impl Btf {
    /// Hands types to the kernel: the bytes of a `.BTF` section.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn load(bytes: &[u8]) -> Result<Self, BpfError> {
        sys::btf_load(bytes).map(Self).map_err(refused(Action::TakeTypes))
    }
}

impl AsFd for Btf {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
