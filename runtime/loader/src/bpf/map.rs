//! Maps of the kernel.

use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

use filterc_ebpf::{MapKind, MapSpec};

use super::btf::Btf;
use super::error::{Action, BpfError, refused};
use super::sys::{self, Attr, Shared};

/// What an update asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Update {
    /// Add or change.
    #[default]
    Any,
    /// Add only.
    Add,
    /// Change only.
    Change,
}

/// A map. It goes when this and everything else that holds it is dropped.
#[derive(Debug)]
pub struct Map {
    fd: OwnedFd,
    spec: MapSpec,
}

impl Map {
    /// Makes a map. `name` is for people: letters, digits, `_` and `.`, up to 15.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn create(spec: MapSpec, name: &str) -> Result<Self, BpfError> {
        Self::new(spec, attr(spec, name))
    }

    /// Makes a map whose keys and values have types, which task storage needs: the ids of both
    /// in `btf`.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn create_typed(
        spec: MapSpec,
        name: &str,
        btf: &Btf,
        (key, value): (u32, u32),
    ) -> Result<Self, BpfError> {
        Self::new(spec, attr(spec, name).fd(48, btf.as_fd()).u32(52, key).u32(56, value))
    }

    fn new(spec: MapSpec, attr: Attr) -> Result<Self, BpfError> {
        let fd = sys::map_create(attr).map_err(refused(Action::MakeMap))?;
        Ok(Self { fd, spec })
    }

    /// What it is like.
    #[must_use]
    pub const fn spec(&self) -> &MapSpec {
        &self.spec
    }

    /// The descriptor's number, which instructions name the map by.
    #[must_use]
    pub fn descriptor(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    /// The value of a key.
    ///
    /// # Errors
    /// What the kernel said, but for ENOENT.
    pub fn lookup(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BpfError> {
        let action = Action::LookUp;
        self.check(action, key, None)?;
        let mut value = vec![0; self.spec.value_size as usize];
        match sys::map_lookup(self.fd.as_fd(), key, &mut value) {
            Ok(()) => Ok(Some(value)),
            Err(libc::ENOENT) => Ok(None),
            Err(errno) => Err(refused(action)(errno)),
        }
    }

    /// Adds or changes a key.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn update(&self, key: &[u8], value: &[u8], update: Update) -> Result<(), BpfError> {
        let action = Action::Change;
        self.check(action, key, Some(value))?;
        let flags = match update {
            Update::Any => 0,
            Update::Add => 1,
            Update::Change => 2,
        };
        sys::map_update(self.fd.as_fd(), key, value, flags).map_err(refused(action))
    }

    /// Takes a key away.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn delete(&self, key: &[u8]) -> Result<(), BpfError> {
        let action = Action::TakeOut;
        self.check(action, key, None)?;
        sys::map_delete(self.fd.as_fd(), key).map_err(refused(action))
    }

    /// All keys, in the kernel's order. Keys that come and go meanwhile may be missing.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn keys(&self) -> Result<Vec<Vec<u8>>, BpfError> {
        let mut keys: Vec<Vec<u8>> = Vec::new();
        // A key that goes while it is the current one starts the walk anew; the bound is on
        // what a map can hold.
        while keys.len() < self.spec.max_entries as usize {
            let mut next = vec![0; self.spec.key_size as usize];
            let last = keys.last().map(Vec::as_slice);
            match sys::map_next_key(self.fd.as_fd(), last, &mut next) {
                Ok(()) => keys.push(next),
                Err(libc::ENOENT) => break,
                Err(errno) => return Err(refused(Action::ListKeys)(errno)),
            }
        }
        Ok(keys)
    }

    /// The kernel reads and writes as many bytes as the map says: no other lengths reach it.
    fn check(&self, action: Action, key: &[u8], value: Option<&[u8]>) -> Result<(), BpfError> {
        let MapSpec { key_size, value_size, .. } = self.spec;
        // The values of all processors are copied at once, and nobody says how many there are.
        let one_value = self.spec.kind != MapKind::PercpuArray;
        let right = one_value
            && key.len() == key_size as usize
            && value.is_none_or(|value| value.len() == value_size as usize);
        if right { Ok(()) } else { Err(refused(action)(libc::EINVAL)) }
    }
}

impl AsFd for Map {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn attr(spec: MapSpec, name: &str) -> Attr {
    let MapSpec { kind, key_size, value_size, max_entries } = spec;
    let attr = Attr::new().u32(0, kind.number()).u32(4, key_size).u32(8, value_size);
    attr.u32(12, max_entries).u32(16, kind.flags()).name(28, name)
}

/// The reading end of a ring buffer.
pub struct RingReader {
    /// A descriptor of our own, so that the map stays.
    map: OwnedFd,
    /// Where we are: a page that the kernel reads.
    consumer: Shared,
    /// Where the kernel is: a page, and the records behind it, twice in a row.
    producer: Shared,
    page: usize,
    size: usize,
}

/// The record is not finished.
const BUSY: u32 = 1 << 31;
/// The record was given up.
const DISCARDED: u32 = 1 << 30;
/// Bytes of a record's header.
const HEADER: usize = 8;

impl RingReader {
    /// Maps a ring buffer into memory. There should be one reader of each.
    ///
    /// # Errors
    /// What the kernel said; EINVAL for other maps.
    pub fn new(map: &Map) -> Result<Self, BpfError> {
        let refused = refused(Action::MapMemory);
        if map.spec.kind != MapKind::Ringbuf {
            return Err(refused(libc::EINVAL));
        }
        let (page, size) = (sys::page_size(), map.spec.max_entries as usize);
        let consumer = Shared::map(map.as_fd(), 0, page, true).map_err(&refused)?;
        let producer = Shared::map(map.as_fd(), page, page + 2 * size, false).map_err(&refused)?;
        let map = map.as_fd().try_clone_to_owned();
        let map = map.map_err(|error| refused(error.raw_os_error().unwrap_or(libc::EBADF)))?;
        Ok(Self { map, consumer, producer, page, size })
    }

    /// The finished records, up to the first that is not.
    pub fn consume(&mut self) -> Vec<Vec<u8>> {
        let mut records = Vec::new();
        while self.consume_one(&mut records).is_some() {}
        records
    }

    fn consume_one(&mut self, records: &mut Vec<Vec<u8>>) -> Option<()> {
        let position = self.consumer.u64_at(0)?;
        if position >= self.producer.u64_at(0)? {
            return None;
        }
        let inside = usize::try_from(position).ok()? & (self.size - 1);
        let start = self.page + inside;
        let header = self.producer.u32_at(start)?;
        if header & BUSY != 0 {
            return None;
        }
        let length = (header & !DISCARDED) as usize;
        if header & DISCARDED == 0 {
            records.push(self.producer.copy(start + HEADER, length)?);
        }
        let room = (length + HEADER).next_multiple_of(8);
        self.consumer.set_u64(0, position + room as u64)
    }
}

impl AsFd for RingReader {
    /// Readable when there are records.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.map.as_fd()
    }
}

impl std::fmt::Debug for RingReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RingReader").field("size", &self.size).finish_non_exhaustive()
    }
}
