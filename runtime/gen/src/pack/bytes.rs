//! Bytes in the making, and ids for what occurs more than once.

use std::collections::BTreeMap;

use crate::error::Error;

/// A number that the layout has no room for.
fn too_many(what: &str) -> Error {
    Error::Failed(format!("too many {what} for the layout of the packed tables"))
}

/// A number as a u8.
pub(super) fn small(number: usize, what: &str) -> Result<u8, Error> {
    u8::try_from(number).map_err(|_| too_many(what))
}

/// A number as a u16 that is not [`filterc_abi::layout::NONE`].
pub(super) fn id(number: usize, what: &str) -> Result<u16, Error> {
    u16::try_from(number)
        .ok()
        .filter(|id| *id != filterc_abi::layout::NONE)
        .ok_or_else(|| too_many(what))
}

/// Bytes in the making.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl Bytes {
    pub(super) fn u8(&mut self, number: u8) {
        self.0.push(number);
    }

    pub(super) fn u16(&mut self, number: u16) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn u32(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn varint(&mut self, mut number: u128) {
        loop {
            // Seven bits.
            let low = (number & 0x7f).to_le_bytes().first().copied().unwrap_or_default();
            number >>= 7;
            if number == 0 {
                return self.u8(low);
            }
            self.u8(low | 0x80);
        }
    }

    pub(super) fn size(&mut self, size: usize) {
        self.varint(size as u128);
    }

    /// A number with its sign in the lowest bit.
    pub(super) fn signed(&mut self, number: i128) {
        let twice = number.unsigned_abs() << 1;
        self.varint(if number < 0 { twice - 1 } else { twice });
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Parts behind each other, and before them where each begins, and where the last ends.
    pub(super) fn indexed(&mut self, parts: &[Vec<u8>]) -> Result<(), Error> {
        let mut offset = 0_usize;
        let ends = parts.iter().map(|part| {
            offset += part.len();
            offset
        });
        for end in [0].into_iter().chain(ends.collect::<Vec<_>>()) {
            self.u32(u32::try_from(end).map_err(|_| too_many("bytes"))?);
        }
        parts.iter().for_each(|part| self.bytes(part));
        Ok(())
    }
}

/// Ids for sorted keys. Those that are asked for while it is open are collected; sealed, it
/// gives their positions.
#[derive(Debug)]
pub(super) struct Sorted<K> {
    ids: BTreeMap<K, u16>,
    sealed: bool,
    what: &'static str,
}

impl<K: Ord + Copy> Sorted<K> {
    pub(super) fn new(what: &'static str) -> Self {
        Self { ids: BTreeMap::new(), sealed: false, what }
    }

    /// The id of a key; 0 while open.
    pub(super) fn id(&mut self, key: K) -> Result<u16, Error> {
        match self.ids.get(&key) {
            Some(id) => Ok(*id),
            None if self.sealed => Err(Error::Failed(format!("{} changed at work", self.what))),
            None => {
                self.ids.insert(key, 0);
                Ok(0)
            }
        }
    }

    pub(super) fn seal(&mut self) -> Result<(), Error> {
        self.sealed = true;
        for (position, slot) in self.ids.values_mut().enumerate() {
            *slot = id(position, self.what)?;
        }
        Ok(())
    }

    /// The keys in order.
    pub(super) fn keys(&self) -> impl ExactSizeIterator<Item = K> {
        self.ids.keys().copied()
    }
}

/// Ids for byte strings, in the order in which they come, equal ones once.
#[derive(Debug)]
pub(super) struct Distinct {
    ids: BTreeMap<Vec<u8>, u16>,
    list: Vec<Vec<u8>>,
    what: &'static str,
}

impl Distinct {
    pub(super) fn new(what: &'static str) -> Self {
        Self { ids: BTreeMap::new(), list: Vec::new(), what }
    }

    pub(super) fn id(&mut self, bytes: Bytes) -> Result<u16, Error> {
        if let Some(id) = self.ids.get(&bytes.0) {
            return Ok(*id);
        }
        let id = id(self.list.len(), self.what)?;
        self.ids.insert(bytes.0.clone(), id);
        self.list.push(bytes.0);
        Ok(id)
    }

    pub(super) fn list(&self) -> &[Vec<u8>] {
        &self.list
    }
}
