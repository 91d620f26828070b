//! Reading bytes that may be anything: what is not there is `None`, and nothing panics.

/// The bytes that are left to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    rest: &'static [u8],
}

impl Reader {
    pub(crate) const fn new(bytes: &'static [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What is left.
    pub(crate) const fn rest(&self) -> &'static [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, len: usize) -> Option<&'static [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take(4)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// At most 65 bits: what a 64-bit number takes with its sign.
    pub(crate) fn varint(&mut self) -> Option<u128> {
        let mut number = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.u8()?;
            number |= u128::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// A length or position.
    pub(crate) fn size(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?).ok()
    }

    /// A number and its sign.
    pub(crate) fn signed(&mut self) -> Option<i128> {
        let number = self.varint()?;
        let half = i128::try_from(number >> 1).ok()?;
        Some(if number & 1 == 0 { half } else { -half - 1 })
    }

    /// A length, then so many elements; `None` as soon as one is not there.
    pub(crate) fn list<T>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let len = self.size()?;
        // No element is shorter than a byte: a wrong length cannot make this allocate much.
        let mut list = Vec::with_capacity(len.min(self.rest.len()));
        for _ in 0..len {
            list.push(element(self)?);
        }
        Some(list)
    }

    /// The record of that size at a position, counted in records.
    pub(crate) fn record(bytes: &'static [u8], position: usize, size: usize) -> Option<Self> {
        let start = position.checked_mul(size)?;
        Some(Self::new(bytes.get(start..start.checked_add(size)?)?))
    }
}

/// A u16 out of an array of them.
pub(crate) fn u16_at(bytes: &'static [u8], position: usize) -> Option<u16> {
    Reader::record(bytes, position, 2)?.u16()
}

/// Two neighbours of an array of u32 offsets, and what lies between them in a text behind it.
pub(crate) fn between(
    offsets: &'static [u8],
    text: &'static [u8],
    position: usize,
) -> Option<&'static [u8]> {
    text.get(range(offsets, position)?)
}

/// Two neighbours of an array of u32 offsets.
pub(crate) fn range(offsets: &'static [u8], position: usize) -> Option<std::ops::Range<usize>> {
    let start = position.checked_mul(4)?;
    let mut reader = Reader::new(offsets.get(start..start.checked_add(8)?)?);
    let (from, to) = (reader.u32()?, reader.u32()?);
    Some(usize::try_from(from).ok()?..usize::try_from(to).ok()?)
}
