//! What programs that decide by the labels of objects, and those who label objects, agree on.
//!
//! A module that does so has two maps beside those of [`crate::audit`], with a set of labels for
//! each key, one bit each. [`OBJECTS`] has the labels of an object itself; [`TREES`] those of all
//! that lies below a folder. An object has the labels of its own entry and those of the folders
//! above it, up to the root of its file system.
//!
//! Which objects those are, the policy says by patterns of their paths. An object file has them as
//! notes about the declaration of [`OBJECTS`] (`BTF_KIND_DECL_TAG`), one for each, so that a
//! loader needs nothing beside the file: `filterc:label:BIT:NAME:PATTERN`.

use filterc_abi::Endian;

use crate::audit;
use crate::map::{MapKind, MapSpec};

/// The map of objects, by its place.
pub const OBJECTS: usize = audit::MAPS.len();
/// The map of folders, by its place.
pub const TREES: usize = OBJECTS + 1;

/// Bytes of a key.
pub const KEY_SIZE: usize = 16;

/// Objects and folders that can have labels, at most.
const MAX_ENTRIES: u32 = 1 << 16;

const SPEC: MapSpec =
    MapSpec { kind: MapKind::Hash, key_size: 16, value_size: 8, max_entries: MAX_ENTRIES };

/// The maps, in the order of their places, each with its name.
pub const MAPS: [(&str, MapSpec); 2] = [("objects", SPEC), ("trees", SPEC)];

/// What tells an object from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The number of its inode (`i_ino`).
    pub inode: u64,
    /// The device of its file system as the kernel has it (`s_dev`): the minor number in the low
    /// 20 bits, the major one above.
    pub device: u32,
}

impl Key {
    /// The key in a map of a machine of that byte order.
    #[must_use]
    pub fn to_bytes(self, endian: Endian) -> [u8; KEY_SIZE] {
        let (inode, device) = match endian {
            Endian::Little => (self.inode.to_le_bytes(), self.device.to_le_bytes()),
            Endian::Big => (self.inode.to_be_bytes(), self.device.to_be_bytes()),
        };
        let mut bytes = [0; KEY_SIZE];
        // Four bytes of 0 fill it up.
        for (slot, byte) in bytes.iter_mut().zip(inode.into_iter().chain(device)) {
            *slot = byte;
        }
        bytes
    }
}

/// A pattern of the paths of objects that have a label.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LabelPattern {
    /// The label's bit in sets.
    pub bit: u8,
    /// Its name.
    pub label: String,
    /// The pattern, as the policy has it.
    pub pattern: String,
}

/// How notes of patterns begin.
const NOTE: &str = "filterc:label:";

impl LabelPattern {
    /// The note of an object file.
    #[must_use]
    pub fn to_note(&self) -> String {
        format!("{NOTE}{}:{}:{}", self.bit, self.label, self.pattern)
    }

    /// Whether a note is one of a pattern.
    #[must_use]
    pub fn is_note(note: &str) -> bool {
        note.starts_with(NOTE)
    }

    /// The pattern of a note.
    #[must_use]
    pub fn of_note(note: &str) -> Option<Self> {
        let (bit, rest) = note.strip_prefix(NOTE)?.split_once(':')?;
        let (label, pattern) = rest.split_once(':')?;
        let bit = bit.parse().ok().filter(|bit| *bit < 64)?;
        Some(Self { bit, label: label.to_owned(), pattern: pattern.to_owned() })
    }
}
