//! Sets of constants. Their members are positions; names are made when somebody asks.

use std::sync::OnceLock;

use super::bytes::{Blob, search};
use super::reader::{Reader, u16_at};
use crate::layout::{NONE, Section};
use crate::{Set, SetKind};

/// Constants by their positions, sorted; as names once those are wanted.
#[derive(Debug)]
pub(crate) struct Names {
    ids: &'static [u8],
    names: OnceLock<Vec<&'static str>>,
}

impl Names {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ids.len() / 2
    }

    /// Their names, sorted.
    pub(crate) fn names(&self, blob: &Blob) -> &[&'static str] {
        let name = |i| blob.leaked_name(u16_at(self.ids, i)?);
        self.names.get_or_init(|| (0..self.len()).map_while(name).collect())
    }
}

/// Whether a position is among those of an array.
pub(crate) fn contains(names: &Names, id: u16) -> bool {
    search(names.len(), |i| Some(u16_at(names.ids, i)?.cmp(&id))).is_some()
}

impl Blob {
    /// All sets, sorted by name.
    pub(crate) fn sets(&self) -> Option<Vec<Set>> {
        Reader::new(self.section(Section::Sets)).list(|reader| self.set(reader))
    }

    fn set(&self, reader: &mut Reader) -> Option<Set> {
        let name = self.string(reader.u16()?)?;
        let kind = *SetKind::ALL.get(usize::from(reader.u8()?))?;
        let mask = match reader.u16()? {
            NONE => None,
            id => Some(self.string(id)?),
        };
        let (values, flags) = (reader.size()?, reader.size()?);
        let mut names = |count: usize| {
            let ids = reader.take(count.checked_mul(2)?)?;
            Some(Names { ids, names: OnceLock::new() })
        };
        Some(Set { name, kind, mask, values: names(values)?, flags: names(flags)? })
    }

    /// The name of a constant, for good. Callers keep what they get: it is made once for each
    /// place in the tables that names the constant.
    pub(crate) fn leaked_name(&self, id: u16) -> Option<&'static str> {
        self.constant_name(id).map(|name| -> &'static str { name.leak() })
    }
}
