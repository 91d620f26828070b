//! The ABIs.

use super::bytes::Blob;
use super::reader::Reader;
use crate::layout::Section;
use crate::{Abi, CloneOrder, Endian, Mark, Pairs};

impl Blob {
    /// All ABIs, sorted by name.
    pub(crate) fn abis(&self) -> Option<Vec<Abi>> {
        let mut index = 0..;
        let mut reader = Reader::new(self.section(Section::Abis));
        reader.list(|reader| self.abi(reader, index.next()?))
    }

    fn abi(&self, reader: &mut Reader, index: usize) -> Option<Abi> {
        Some(Abi {
            index,
            name: self.string(reader.u16()?)?,
            audit_arch_name: self.string(reader.u16()?)?,
            audit_arch: reader.u32()?,
            endian: match reader.u8()? {
                0 => Endian::Little,
                1 => Endian::Big,
                _ => return None,
            },
            word: reader.u8()?,
            register: reader.u8()?,
            nr_base: reader.u32()?,
            mark: match (reader.u8()?, reader.u32()?) {
                (0, _) => None,
                (1, bit) => Some(Mark { bit, set: false }),
                (2, bit) => Some(Mark { bit, set: true }),
                _ => return None,
            },
            filters_since: self.version(reader.u8()?)?,
            clone_order: *CloneOrder::ALL.get(usize::from(reader.u8()?))?,
            pairs: *Pairs::ALL.get(usize::from(reader.u8()?))?,
            kernel_arch: self.string(reader.u16()?)?,
        })
    }
}
