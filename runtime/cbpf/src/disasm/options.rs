//! How to disassemble.

use filterc_abi::{Abi, Endian};

/// How to disassemble.
#[derive(Clone, Copy, Debug)]
pub struct DisasmOptions {
    /// Instructions and labels only, without comments and without names.
    pub plain: bool,
    /// Byte order of the data: which of an argument's words is the low one.
    pub endian: Endian,
    /// The ABI to take names from where the program itself has not tested `arch`.
    pub abi: Option<&'static Abi>,
}

impl Default for DisasmOptions {
    /// Rich, for the machine that runs this code.
    fn default() -> Self {
        Self { plain: false, endian: Endian::HOST, abi: filterc_abi::host() }
    }
}
