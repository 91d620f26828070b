//! The file's frame: its sections, strings and versions.

use super::reader::{Reader, range};
use crate::KernelVersion;
use crate::layout::{MAGIC, SECTIONS, Section, VERSION};

/// Tables in bytes.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    pub(super) sections: [&'static [u8]; SECTIONS.len()],
    /// Where each string begins in `text`, and where the last one ends.
    pub(super) string_offsets: &'static [u8],
    pub(super) text: &'static str,
}

impl Blob {
    pub(crate) fn parse(bytes: &'static [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.take(MAGIC.len())? != MAGIC || reader.u16()? != VERSION {
            return None;
        }
        // The kernel's version: a test compares it with `KernelVersion::TABLE`.
        reader.take(4)?;
        let mut sections: [&'static [u8]; SECTIONS.len()] = [&[]; SECTIONS.len()];
        for section in &mut sections {
            let (start, len) = (reader.u32()?, reader.u32()?);
            let start = usize::try_from(start).ok()?;
            let end = start.checked_add(usize::try_from(len).ok()?)?;
            *section = bytes.get(start..end)?;
        }
        let mut strings = Reader::new(sections.first()?);
        let count = usize::from(strings.u16()?);
        let string_offsets = strings.take((count + 1) * 4)?;
        let text = strings.rest();
        let text = std::str::from_utf8(text).ok()?;
        Some(Self { sections, string_offsets, text })
    }

    pub(super) fn section(&self, section: Section) -> &'static [u8] {
        // The variants are in the order of `SECTIONS`; a test holds that.
        self.sections.get(section as usize).copied().unwrap_or_default()
    }

    pub(super) fn string(&self, id: u16) -> Option<&'static str> {
        self.text.get(range(self.string_offsets, id.into())?)
    }

    /// The version that a u8 stands for; the outer `None`: no such version.
    pub(super) fn version(&self, code: u8) -> Option<Option<KernelVersion>> {
        let Some(position) = usize::from(code).checked_sub(1) else { return Some(None) };
        let versions = self.section(Section::Versions).get(1..)?;
        let mut reader = Reader::record(versions, position, 4)?;
        Some(Some(KernelVersion { major: reader.u16()?, minor: reader.u16()? }))
    }
}

/// Where one of `count` sorted elements is, by how each compares with the wanted one.
pub(super) fn search(
    count: usize,
    mut order: impl FnMut(usize) -> Option<std::cmp::Ordering>,
) -> Option<usize> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        match order(middle)? {
            Equal => return Some(middle),
            Less => low = middle + 1,
            Greater => high = middle,
        }
    }
    None
}
