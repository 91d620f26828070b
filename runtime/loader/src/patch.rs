//! Programs whose policy has parameters: the values are put in before the program is loaded,
//! and what comes of it is verified again.

use filterc_abi::Endian;
use filterc_cbpf::{Insn, Table, Verified, decode};

use crate::error::LoadError;

/// A program that lacks values: as `filterc --emit rust` writes it. Nothing installs it as it
/// is, since it would decide by chance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpatched {
    /// The instructions.
    pub insns: &'static [Insn],
    /// The parameters, and where they go.
    pub table: Table,
}

impl Unpatched {
    /// The program with a value for each parameter, ready for [`install`](crate::install()).
    ///
    /// # Errors
    /// A parameter has no value, or one that does not fit; a value is for no parameter; or the
    /// table is not the program's.
    pub fn patch(&self, values: &[(&str, i128)]) -> Result<Verified, LoadError> {
        Ok(self.table.patch(self.insns, values)?)
    }
}

/// [`Unpatched::patch`] for a program that comes as bytes, in the byte order of this machine.
///
/// # Errors
/// The bytes are no program; then as there.
pub fn patch(bytes: &[u8], table: &Table, values: &[(&str, i128)]) -> Result<Verified, LoadError> {
    Ok(table.patch(&decode(bytes, Endian::HOST)?, values)?)
}
