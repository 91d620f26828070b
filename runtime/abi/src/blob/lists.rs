//! The tables that are lists of texts: dependent sets, what lies in memory, groups,
//! aliases, families.

use super::bytes::Blob;
use super::reader::Reader;
use crate::layout::Section;
use crate::{Alias, Dependent, Family, Group, InMemory};

impl Blob {
    fn word(&self, reader: &mut Reader) -> Option<&'static str> {
        self.string(reader.u16()?)
    }

    fn words(&self, reader: &mut Reader) -> Option<Vec<&'static str>> {
        reader.list(|reader| self.word(reader))
    }

    pub(crate) fn dependents(&self) -> Option<Vec<Dependent>> {
        Reader::new(self.section(Section::Dependents)).list(|reader| {
            Some(Dependent {
                call: self.word(reader)?,
                arg: self.word(reader)?,
                on: self.word(reader)?,
                values: reader.list(|reader| self.leaked_name(reader.u16()?))?,
                set: self.word(reader)?,
            })
        })
    }

    pub(crate) fn in_memory(&self) -> Option<Vec<InMemory>> {
        Reader::new(self.section(Section::InMemory)).list(|reader| {
            Some(InMemory {
                call: self.word(reader)?,
                abis: self.words(reader)?,
                arg: self.word(reader)?,
                fields: self.words(reader)?,
                note: self.word(reader)?,
            })
        })
    }

    pub(crate) fn groups(&self) -> Option<Vec<Group>> {
        Reader::new(self.section(Section::Groups)).list(|reader| {
            let (name, about) = (self.word(reader)?, self.word(reader)?);
            Some(Group { name, about, calls: self.words(reader)? })
        })
    }

    pub(crate) fn aliases(&self) -> Option<Vec<Alias>> {
        Reader::new(self.section(Section::Aliases)).list(|reader| {
            Some(Alias {
                name: self.word(reader)?,
                call: self.word(reader)?,
                note: self.word(reader)?,
            })
        })
    }

    pub(crate) fn families(&self) -> Option<Vec<Family>> {
        Reader::new(self.section(Section::Families)).list(|reader| {
            let (name, about) = (self.word(reader)?, self.word(reader)?);
            let (calls, others) = (self.words(reader)?, self.words(reader)?);
            Some(Family { name, about, calls, others })
        })
    }
}
