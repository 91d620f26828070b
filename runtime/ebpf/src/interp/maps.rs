//! Maps: what programs keep between runs, and hand to user space.
//!
//! Results and error numbers are those of Linux 6.18 for maps without special fields.

use std::collections::BTreeMap;

use super::memory::{Block, MAX_MAPS, MAX_REGION, Memory};
use crate::map::{MapKind, MapSpec};
use crate::op::Size;

/// A map, by its place in the host's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MapId(pub(super) usize);

impl MapId {
    /// The place.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0
    }
}

/// Why there is no such map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// A size that the kernel refuses for that kind of map.
    BadSize,
    /// The kernel may allow it, but it does not fit here: a map's values can have about
    /// 16 MiB, and there can be 4096 maps.
    TooLarge,
}

impl std::fmt::Display for MapError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::BadSize => "there is no map of that kind with these sizes",
            Self::TooLarge => "the map is too large to be interpreted",
        })
    }
}

impl std::error::Error for MapError {}

/// Flags of an update (`linux/bpf.h`).
const NOEXIST: u64 = 1;
const EXIST: u64 = 2;
const LOCK: u64 = 4;

/// Error numbers, which all ABIs of Linux share.
pub(super) mod errno {
    pub(crate) const ENOENT: i32 = 2;
    pub(crate) const E2BIG: i32 = 7;
    pub(crate) const EAGAIN: i32 = 11;
    pub(crate) const ENOMEM: i32 = 12;
    pub(crate) const EFAULT: i32 = 14;
    pub(crate) const EEXIST: i32 = 17;
    pub(crate) const EINVAL: i32 = 22;
    pub(crate) const ERANGE: i32 = 34;
}

use errno::{E2BIG, EAGAIN, EEXIST, EINVAL, ENOENT, ENOMEM};

/// A record's header (`BPF_RINGBUF_HDR_SZ`), which takes room too.
const HEADER: u64 = 8;

/// A map and what is in it.
#[derive(Clone, Debug)]
pub(super) struct Map {
    spec: MapSpec,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Hash(BTreeMap<Vec<u8>, Block>),
    /// All values in one block, each in so many bytes.
    Array(Block, usize),
    Ringbuf(Ring),
    TaskStorage(BTreeMap<u64, Block>),
}

/// A ring buffer: its records, in the order in which they were reserved.
#[derive(Clone, Debug, Default)]
struct Ring {
    /// Bytes in use, headers and padding included.
    used: u64,
    records: Vec<Record>,
}

#[derive(Clone, Debug)]
enum Record {
    Busy { block: Block, room: u64 },
    Ready { bytes: Vec<u8>, room: u64 },
    Discarded { room: u64 },
}

impl Map {
    pub(super) fn new(spec: MapSpec, memory: &mut Memory) -> Result<Self, MapError> {
        let MapSpec { kind, key_size, value_size, max_entries } = spec;
        let content = match kind {
            MapKind::Hash => {
                let fits = key_size > 0 && value_size > 0 && max_entries > 0;
                if !fits || key_size > 512 {
                    return Err(MapError::BadSize);
                }
                Content::Hash(BTreeMap::new())
            }
            // A host runs on one processor: its values are all that programs see.
            MapKind::Array | MapKind::PercpuArray | MapKind::CgroupArray => {
                if kind == MapKind::CgroupArray && value_size != 4 {
                    return Err(MapError::BadSize);
                }
                if key_size != 4 || value_size == 0 || max_entries == 0 {
                    return Err(MapError::BadSize);
                }
                let stride = u64::from(value_size).next_multiple_of(8);
                let length = stride * u64::from(max_entries);
                let length = usize::try_from(length).ok().filter(|length| *length <= MAX_REGION);
                let length = length.ok_or(MapError::TooLarge)?;
                let block = memory.allocate(vec![0; length]).ok_or(MapError::TooLarge)?;
                Content::Array(block, length / max_entries as usize)
            }
            MapKind::Ringbuf => {
                let pages = max_entries.is_power_of_two() && max_entries.is_multiple_of(4096);
                if key_size != 0 || value_size != 0 || !pages {
                    return Err(MapError::BadSize);
                }
                Content::Ringbuf(Ring::default())
            }
            MapKind::TaskStorage => {
                if key_size != 4 || value_size == 0 || max_entries != 0 {
                    return Err(MapError::BadSize);
                }
                Content::TaskStorage(BTreeMap::new())
            }
        };
        if value_size as usize > MAX_REGION {
            return Err(MapError::TooLarge);
        }
        Ok(Self { spec, content })
    }

    pub(super) const fn spec(&self) -> &MapSpec {
        &self.spec
    }

    /// Where the value of a key is.
    pub(super) fn find(&self, key: &[u8], memory: &Memory) -> Option<u64> {
        match &self.content {
            Content::Hash(values) => values.get(key).map(|block| Memory::block_address(*block, 0)),
            Content::Array(block, stride) => {
                let index = self.index(key, memory)?;
                Some(Memory::block_address(*block, index * stride))
            }
            Content::Ringbuf(_) | Content::TaskStorage(_) => None,
        }
    }

    /// The control group of that number in an array of them, if there is room for one.
    pub(super) fn group(&self, number: u32, memory: &Memory) -> Option<u32> {
        let Content::Array(block, stride) = &self.content else { return None };
        let number = usize::try_from(number).ok()?;
        let at = Memory::block_address(*block, number.checked_mul(*stride)?);
        let inside = number < self.spec.max_entries as usize;
        let value = memory.load(at, Size::B4).filter(|_| inside)?;
        u32::try_from(value).ok()
    }

    /// An array's key as a number, if it is one of its keys.
    fn index(&self, key: &[u8], memory: &Memory) -> Option<usize> {
        let bytes = *key.first_chunk()?;
        let index = match memory.endian() {
            filterc_abi::Endian::Little => u32::from_le_bytes(bytes),
            filterc_abi::Endian::Big => u32::from_be_bytes(bytes),
        };
        (index < self.spec.max_entries).then_some(index as usize)
    }

    /// A byte of the only value of an array.
    pub(super) fn direct(&self, offset: u32) -> Option<u64> {
        match &self.content {
            Content::Array(block, _)
                if self.spec.kind == MapKind::Array
                    && self.spec.max_entries == 1
                    && offset < self.spec.value_size =>
            {
                Some(Memory::block_address(*block, offset as usize))
            }
            Content::Hash(_)
            | Content::Array(..)
            | Content::Ringbuf(_)
            | Content::TaskStorage(_) => None,
        }
    }

    /// `bpf_map_update_elem`: `Err` is an error number.
    pub(super) fn update(
        &mut self,
        key: &[u8],
        value: &[u8],
        flags: u64,
        memory: &mut Memory,
    ) -> Result<(), i32> {
        if flags & !LOCK > EXIST {
            return Err(EINVAL);
        }
        let index = self.index(key, memory);
        match &mut self.content {
            Content::Array(block, stride) => {
                let index = index.ok_or(E2BIG)?;
                if flags & NOEXIST != 0 {
                    return Err(EEXIST);
                }
                if flags & LOCK != 0 {
                    return Err(EINVAL);
                }
                let start = index * *stride;
                let slot = memory.block_mut(*block).get_mut(start..start + value.len());
                slot.ok_or(E2BIG)?.copy_from_slice(value);
                Ok(())
            }
            Content::Hash(values) => {
                if flags & LOCK != 0 {
                    return Err(EINVAL);
                }
                let room = values.len() < self.spec.max_entries as usize;
                match values.get(key) {
                    Some(_) if flags & NOEXIST != 0 => return Err(EEXIST),
                    None if flags & EXIST != 0 => return Err(ENOENT),
                    None if !room => return Err(E2BIG),
                    Some(_) | None => {}
                }
                // A new element: who holds a pointer to the old one keeps the old value.
                let block = memory.allocate(value.to_vec()).ok_or(ENOMEM)?;
                if let Some(old) = values.insert(key.to_vec(), block) {
                    memory.retire(old);
                }
                Ok(())
            }
            Content::Ringbuf(_) | Content::TaskStorage(_) => Err(EINVAL),
        }
    }

    /// `bpf_map_delete_elem`.
    pub(super) fn delete(&mut self, key: &[u8], memory: &mut Memory) -> Result<(), i32> {
        match &mut self.content {
            Content::Hash(values) => {
                let block = values.remove(key).ok_or(ENOENT)?;
                memory.retire(block);
                Ok(())
            }
            Content::Array(..) | Content::Ringbuf(_) | Content::TaskStorage(_) => Err(EINVAL),
        }
    }

    /// Where a task's value is.
    pub(super) fn task_value(&self, task: u64) -> Option<u64> {
        match &self.content {
            Content::TaskStorage(values) => {
                values.get(&task).map(|block| Memory::block_address(*block, 0))
            }
            Content::Hash(_) | Content::Array(..) | Content::Ringbuf(_) => None,
        }
    }

    /// Gives a task a value.
    pub(super) fn create_task_value(
        &mut self,
        task: u64,
        value: Vec<u8>,
        memory: &mut Memory,
    ) -> Option<u64> {
        let Content::TaskStorage(values) = &mut self.content else { return None };
        let block = memory.allocate(value)?;
        if let Some(old) = values.insert(task, block) {
            memory.retire(old);
        }
        Some(Memory::block_address(block, 0))
    }

    /// `bpf_task_storage_delete`.
    pub(super) fn delete_task_value(&mut self, task: u64, memory: &mut Memory) -> Result<(), i32> {
        let Content::TaskStorage(values) = &mut self.content else { return Err(EINVAL) };
        memory.retire(values.remove(&task).ok_or(ENOENT)?);
        Ok(())
    }

    /// `__bpf_ringbuf_reserve`: the address of a record's bytes.
    pub(super) fn reserve(&mut self, size: u64, memory: &mut Memory) -> Result<u64, i32> {
        let capacity = u64::from(self.spec.max_entries);
        let Content::Ringbuf(ring) = &mut self.content else { return Err(EINVAL) };
        let room = size.checked_add(HEADER).ok_or(EAGAIN)?.next_multiple_of(8);
        // The producer may not come as far as to where it would seem to have nothing.
        if room > capacity || ring.used + room > capacity - 1 {
            return Err(EAGAIN);
        }
        let length = usize::try_from(size).map_err(|_| EAGAIN)?;
        let block = memory.allocate(vec![0; length]).ok_or(EAGAIN)?;
        ring.used += room;
        ring.records.push(Record::Busy { block, room });
        Ok(Memory::block_address(block, 0))
    }

    /// The record is written, or given up. `None` if it is none of this map's.
    pub(super) fn commit(
        &mut self,
        finished: Block,
        discard: bool,
        memory: &mut Memory,
    ) -> Option<()> {
        let Content::Ringbuf(ring) = &mut self.content else { return None };
        let is_it = |record: &&mut Record| matches!(record, Record::Busy { block, .. } if *block == finished);
        let record = ring.records.iter_mut().find(is_it)?;
        if let Record::Busy { block, room } = *record {
            let bytes = memory.release(block);
            *record =
                if discard { Record::Discarded { room } } else { Record::Ready { bytes, room } };
        }
        Some(())
    }

    /// What user space reads: the records that are ready, up to the first that is not.
    pub(super) fn consume(&mut self) -> Vec<Vec<u8>> {
        let Content::Ringbuf(ring) = &mut self.content else { return Vec::new() };
        let ready = ring.records.iter().take_while(|r| !matches!(r, Record::Busy { .. })).count();
        let mut read = Vec::new();
        for record in ring.records.drain(..ready) {
            match record {
                Record::Ready { bytes, room } => {
                    ring.used -= room;
                    read.push(bytes);
                }
                Record::Discarded { room } | Record::Busy { room, .. } => ring.used -= room,
            }
        }
        read
    }

    /// The keys of a hash, in order.
    pub(super) fn keys(&self) -> Vec<Vec<u8>> {
        match &self.content {
            Content::Hash(values) => values.keys().cloned().collect(),
            Content::Array(..) | Content::Ringbuf(_) | Content::TaskStorage(_) => Vec::new(),
        }
    }
}

/// A map can be named by that place.
pub(super) const fn has_room(count: usize) -> bool {
    count < MAX_MAPS
}
