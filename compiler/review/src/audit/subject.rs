//! What is looked at.

use filterc_abi::{Abi, Endian, KernelVersion};
use filterc_cbpf::Verified;
use filterc_check::Side;

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The policy or the program.
    pub side: Side<'a>,
    /// The byte order of the machine.
    pub endian: Endian,
    /// The ABIs that it is written for, where that is known.
    pub abis: Option<&'a [&'static Abi]>,
    /// The oldest kernel that it is written for, where that is known.
    pub kernel: Option<KernelVersion>,
    /// The program that the kernel will run.
    pub program: Option<&'a Verified>,
}
