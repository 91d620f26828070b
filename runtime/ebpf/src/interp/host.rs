//! What outlives a run: maps, the memory that they are in, and the environment.

use std::collections::BTreeMap;

use filterc_abi::Endian;

use super::maps::{Map, MapError, MapId, has_room};
use super::memory::Memory;
use crate::map::MapSpec;

/// Maps and environment of programs, for as many runs as one likes.
#[derive(Clone, Debug)]
pub struct Host<E> {
    /// What helpers say.
    pub environment: E,
    pub(super) memory: Memory,
    pub(super) maps: Vec<Map>,
    pub(super) descriptors: BTreeMap<i32, MapId>,
}

impl<E> Host<E> {
    /// A machine of that byte order, without maps.
    pub fn new(environment: E, endian: Endian) -> Self {
        Self {
            environment,
            memory: Memory::new(endian),
            maps: Vec::new(),
            descriptors: BTreeMap::new(),
        }
    }

    /// Adds an empty map. Programs name it by its place (`map[idx:N]`), from 0.
    ///
    /// # Errors
    /// Where there is no such map.
    pub fn add_map(&mut self, spec: MapSpec) -> Result<MapId, MapError> {
        if !has_room(self.maps.len()) {
            return Err(MapError::TooLarge);
        }
        let map = Map::new(spec, &mut self.memory)?;
        self.maps.push(map);
        Ok(MapId(self.maps.len() - 1))
    }

    /// Lets programs name a map by a descriptor, too (`map[fd:N]`).
    pub fn bind(&mut self, descriptor: i32, map: MapId) {
        self.descriptors.insert(descriptor, map);
    }

    /// What a map is like; `None` if it is not this host's.
    #[must_use]
    pub fn spec(&self, MapId(index): MapId) -> Option<&MapSpec> {
        self.maps.get(index).map(Map::spec)
    }

    /// The value of a key, as user space reads it.
    #[must_use]
    pub fn lookup(&self, MapId(index): MapId, key: &[u8]) -> Option<&[u8]> {
        let map = self.maps.get(index)?;
        let address = map.find(key, &self.memory)?;
        self.memory.bytes(address, map.spec().value_size.into())
    }

    /// Adds or changes a key, as user space does with `BPF_ANY`.
    ///
    /// # Errors
    /// The kernel's error number.
    pub fn update(&mut self, MapId(index): MapId, key: &[u8], value: &[u8]) -> Result<(), i32> {
        let map = self.maps.get_mut(index).ok_or(super::maps::errno::EINVAL)?;
        let spec = map.spec();
        if key.len() != spec.key_size as usize || value.len() != spec.value_size as usize {
            return Err(super::maps::errno::EINVAL);
        }
        map.update(key, value, 0, &mut self.memory)
    }

    /// Takes a key away.
    ///
    /// # Errors
    /// The kernel's error number.
    pub fn delete(&mut self, MapId(index): MapId, key: &[u8]) -> Result<(), i32> {
        let map = self.maps.get_mut(index).ok_or(super::maps::errno::EINVAL)?;
        map.delete(key, &mut self.memory)
    }

    /// The keys of a hash, in order; nothing for other maps.
    #[must_use]
    pub fn keys(&self, MapId(index): MapId) -> Vec<Vec<u8>> {
        self.maps.get(index).map(Map::keys).unwrap_or_default()
    }

    /// The value that belongs to the task of that address.
    #[must_use]
    pub fn task_value(&self, MapId(index): MapId, task: u64) -> Option<&[u8]> {
        let map = self.maps.get(index)?;
        self.memory.bytes(map.task_value(task)?, map.spec().value_size.into())
    }

    /// Gives a task a value, as user space does through its pidfd.
    pub fn set_task_value(&mut self, MapId(index): MapId, task: u64, value: &[u8]) -> bool {
        let Some(map) = self.maps.get_mut(index) else { return false };
        let fits = value.len() == map.spec().value_size as usize;
        fits && map.create_task_value(task, value.to_vec(), &mut self.memory).is_some()
    }

    /// The finished records of a ring buffer, which are then gone from it.
    pub fn consume(&mut self, MapId(index): MapId) -> Vec<Vec<u8>> {
        self.maps.get_mut(index).map(Map::consume).unwrap_or_default()
    }
}
