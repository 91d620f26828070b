//! Constants: names in front-coded blocks, each with its values beside it.

use std::cmp::Ordering;

use super::bytes::Blob;
use super::reader::{Reader, between};
use crate::layout::{ABSENT, BLOCK, CONSTANT_TYPES, Section};
use crate::{Abi, Constant};

/// What a block says of one constant, its name excepted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    ty: u8,
    partition: usize,
    values: Reader,
}

/// One element of a block.
struct Element {
    /// Bytes that the name shares with the one before.
    shared: usize,
    /// The further bytes of the name.
    suffix: &'static [u8],
    record: &'static [u8],
}

fn element(reader: &mut Reader) -> Option<Element> {
    let (shared, len) = (reader.u8()?, reader.u8()?);
    let suffix = reader.take(len.into())?;
    let len = reader.u8()?;
    Some(Element { shared: shared.into(), suffix, record: reader.take(len.into())? })
}

impl Record {
    fn new(bytes: &'static [u8]) -> Option<Self> {
        let mut values = Reader::new(bytes);
        Some(Self { ty: values.u8()?, partition: values.size()?, values })
    }
}

impl Blob {
    /// Offsets of the blocks, and the blocks.
    fn blocks(&self) -> Option<(&'static [u8], &'static [u8])> {
        let mut reader = Reader::new(self.section(Section::Constants));
        let blocks = usize::from(reader.u16()?).div_ceil(BLOCK);
        Some((reader.take((blocks + 1) * 4)?, reader.rest()))
    }

    fn block(&self, block: usize) -> Option<Reader> {
        let (offsets, blocks) = self.blocks()?;
        between(offsets, blocks, block).map(Reader::new)
    }

    /// The position of a constant, and what is said of it.
    fn find(&self, name: &str) -> Option<(usize, Record)> {
        let wanted = name.as_bytes();
        let (offsets, blocks) = self.blocks()?;
        // The last block whose first name is not beyond the wanted one.
        let (mut low, mut high) = (0, (offsets.len() / 4).checked_sub(1)?);
        while low < high {
            let middle = low.midpoint(high);
            let first = element(&mut Reader::new(between(offsets, blocks, middle)?))?;
            if first.suffix <= wanted { low = middle + 1 } else { high = middle }
        }
        let block = low.checked_sub(1)?;
        let mut reader = Reader::new(between(offsets, blocks, block)?);
        // How many bytes of the wanted name the name before shares; it was less.
        let mut matched = 0;
        for position in 0..BLOCK {
            let element = element(&mut reader)?;
            match element.shared.cmp(&matched) {
                // It differs from the wanted name where the one before did.
                Ordering::Greater => continue,
                // It is greater where they were equal.
                Ordering::Less => return None,
                Ordering::Equal => {}
            }
            let rest = wanted.get(matched..)?;
            let equal = rest.iter().zip(element.suffix).take_while(|(a, b)| a == b).count();
            match element.suffix.get(equal..).cmp(&rest.get(equal..)) {
                Ordering::Less => matched += equal,
                Ordering::Greater => return None,
                Ordering::Equal => {
                    return Some((block * BLOCK + position, Record::new(element.record)?));
                }
            }
        }
        None
    }

    /// The position of a constant among all, sorted by name.
    pub(crate) fn constant_id(&self, name: &str) -> Option<u16> {
        self.find(name).and_then(|(position, _)| u16::try_from(position).ok())
    }

    /// The name at a position.
    pub(crate) fn constant_name(&self, id: u16) -> Option<String> {
        let id = usize::from(id);
        let mut reader = self.block(id / BLOCK)?;
        let mut name = Vec::new();
        for _ in 0..=id % BLOCK {
            let element = element(&mut reader)?;
            name.truncate(element.shared);
            name.extend_from_slice(element.suffix);
        }
        String::from_utf8(name).ok()
    }

    /// All names, in order, each with what is said of it.
    pub(crate) fn all_constants(&self) -> Option<Vec<(String, Record)>> {
        let count = usize::from(Reader::new(self.section(Section::Constants)).u16()?);
        let mut all = Vec::new();
        let mut name = Vec::new();
        for block in 0..count.div_ceil(BLOCK) {
            let mut reader = self.block(block)?;
            for _ in 0..BLOCK.min(count - block * BLOCK) {
                let element = element(&mut reader)?;
                name.truncate(element.shared);
                name.extend_from_slice(element.suffix);
                all.push((String::from_utf8(name.clone()).ok()?, Record::new(element.record)?));
            }
        }
        Some(all)
    }

    /// A constant on an ABI.
    pub(crate) fn constant(&self, abi: &Abi, name: &str) -> Option<Constant> {
        let (_, record) = self.find(name)?;
        self.value(abi, record)
    }

    /// Whether an ABI has a constant.
    pub(crate) fn has(&self, abi: &Abi, record: Record) -> bool {
        self.class(abi, record).is_some()
    }

    /// Which of a constant's values an ABI has.
    fn class(&self, abi: &Abi, record: Record) -> Option<u8> {
        let abis = usize::from(*self.section(Section::Abis).first()?);
        let partitions = self.section(Section::Partitions);
        let at = record.partition.checked_mul(abis)?.checked_add(abi.index)?;
        partitions.get(at).copied().filter(|class| *class != ABSENT)
    }

    fn value(&self, abi: &Abi, record: Record) -> Option<Constant> {
        let mut values = record.values;
        for _ in 0..self.class(abi, record)? {
            values.varint()?;
        }
        let value = values.signed()?;
        let ty = CONSTANT_TYPES.get(usize::from(record.ty))?;
        let width = match ty.get(1..)? {
            "32" => 32,
            "64" => 64,
            _ => abi.word,
        };
        Some(Constant { value, width, signed: ty.starts_with('s') })
    }
}
