//! What can be wrong with an object file, as data.

use std::fmt;

use filterc_ebpf::ModuleError;
use filterc_ebpf::btf::BtfError;

/// Every code of this crate, sorted. A module that does not fit together has the code of
/// [`ModuleError`].
pub const CODES: &[&str] = &["F0830", "F0831", "F0833", "F0834"];

/// Why a file is no module, or a module no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectError {
    /// No relocatable ELF for BPF.
    NotObject {
        /// What it is not.
        why: &'static str,
    },
    /// A part of the file contradicts another, or ends early.
    Damaged {
        /// The part.
        what: String,
    },
    /// The file needs what neither its writer nor its reader here has.
    Unsupported {
        /// What.
        what: String,
    },
    /// The file is for machines of the other byte order.
    OtherByteOrder,
    /// The parts do not fit together.
    Module(ModuleError),
}

impl ObjectError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotObject { .. } => "F0830",
            Self::Damaged { .. } => "F0831",
            Self::Module(error) => error.code(),
            Self::Unsupported { .. } => "F0833",
            Self::OtherByteOrder => "F0834",
        }
    }

    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }

    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into() }
    }
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotObject { why } => write!(f, "no object file of eBPF: {why}"),
            Self::Damaged { what } => write!(f, "the object file is damaged: {what}"),
            Self::Unsupported { what } => write!(f, "object files with {what} are not supported"),
            Self::OtherByteOrder => {
                f.write_str("the object file is for machines of the other byte order")
            }
            Self::Module(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ObjectError {}

impl From<ModuleError> for ObjectError {
    fn from(error: ModuleError) -> Self {
        Self::Module(error)
    }
}

impl From<BtfError> for ObjectError {
    fn from(error: BtfError) -> Self {
        Self::damaged(error.to_string())
    }
}

impl From<object::Error> for ObjectError {
    fn from(error: object::Error) -> Self {
        Self::damaged(error.to_string())
    }
}
