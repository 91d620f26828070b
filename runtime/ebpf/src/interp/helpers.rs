//! What the helpers do.

use super::environment::{Environment, Unreadable};
use super::fault::FaultKind;
use super::host::Host;
use super::maps::Map;
use super::maps::errno::{E2BIG, EAGAIN, EFAULT, EINVAL, ERANGE};
use super::memory::Memory;
use crate::helper::Helper;
use crate::machine::low;

/// `BPF_LOCAL_STORAGE_GET_F_CREATE`.
const CREATE: u64 = 1;

/// `BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP`.
const WAKEUPS: u64 = 3;

/// Longest record of a ring buffer (`RINGBUF_MAX_RECORD_SZ`).
const MAX_RECORD: u64 = u32::MAX as u64 / 4;

/// Bytes that the kernel copies at a time, where they are there.
const WORD: usize = 8;

/// An error number as a helper returns it.
const fn failed(errno: i32) -> u64 {
    (-(errno as i64)).cast_unsigned()
}

fn status(result: Result<(), i32>) -> u64 {
    result.map_or_else(failed, |()| 0)
}

impl<E: Environment> Host<E> {
    /// Calls a helper. An argument that the kernel's verifier would have refused is a fault.
    pub(super) fn help(&mut self, helper: Helper, args: [u64; 5]) -> Result<u64, FaultKind> {
        let [r1, r2, r3, r4, _] = args;
        let bad = |argument| FaultKind::BadArgument { helper, argument };
        Ok(match helper {
            Helper::KtimeGetNs => self.environment.ktime_ns(),
            Helper::GetSmpProcessorId => self.environment.processor().into(),
            Helper::GetCurrentPidTgid => self.environment.pid_tgid(),
            Helper::GetCurrentUidGid => self.environment.uid_gid(),
            Helper::GetCurrentCgroupId => self.environment.cgroup_id(),
            Helper::GetCurrentTaskBtf => self.environment.task(),
            Helper::CurrentTaskUnderCgroup => {
                let (map, memory) = self.map(r1).ok_or(bad(1))?;
                match map.group(low(r2), memory) {
                    None => failed(E2BIG),
                    // Nobody has put one there.
                    Some(0) => failed(EAGAIN),
                    Some(group) => self.environment.is_under_cgroup(group).into(),
                }
            }
            Helper::TaskPtRegs => {
                if r1 != self.environment.task() {
                    return Err(bad(1));
                }
                self.environment.task_registers()
            }
            Helper::SendSignal => self.environment.signal(low(r1)),
            Helper::GetCurrentComm => {
                let comm = self.environment.comm();
                let buffer = self.memory.bytes_mut(r1, r2).ok_or(bad(1))?;
                let (_, text) = buffer.split_last_mut().ok_or(bad(2))?;
                let length = comm.iter().position(|byte| *byte == 0).unwrap_or(comm.len());
                let name = comm.iter().take(length).copied().chain(std::iter::repeat(0));
                for (slot, byte) in text.iter_mut().zip(name) {
                    *slot = byte;
                }
                if let Some(last) = buffer.last_mut() {
                    *last = 0;
                }
                0
            }
            Helper::MapLookupElem => {
                let (map, memory) = self.map(r1).ok_or(bad(1))?;
                let key = memory.bytes(r2, map.spec().key_size.into()).ok_or(bad(2))?;
                map.find(key, memory).unwrap_or(0)
            }
            Helper::MapUpdateElem => {
                let (map, memory) = self.map(r1).ok_or(bad(1))?;
                let spec = *map.spec();
                let key = memory.bytes(r2, spec.key_size.into()).ok_or(bad(2))?.to_vec();
                let value = memory.bytes(r3, spec.value_size.into()).ok_or(bad(3))?.to_vec();
                status(map.update(&key, &value, r4, memory))
            }
            Helper::MapDeleteElem => {
                let (map, memory) = self.map(r1).ok_or(bad(1))?;
                let key = memory.bytes(r2, map.spec().key_size.into()).ok_or(bad(2))?.to_vec();
                status(map.delete(&key, memory))
            }
            Helper::ProbeReadUser | Helper::ProbeReadKernel => {
                self.probe_read(helper, r1, low(r2).into(), r3).ok_or(bad(1))?
            }
            Helper::ProbeReadUserStr | Helper::ProbeReadKernelStr => {
                self.probe_read_text(helper, r1, low(r2).into(), r3).ok_or(bad(1))?
            }
            Helper::RingbufOutput => {
                let (map, memory) = self.map(r1).ok_or(bad(1))?;
                let data = memory.bytes(r2, r3).ok_or(bad(2))?.to_vec();
                status(output(map, data, r4, memory))
            }
            Helper::RingbufReserve => {
                let (map, memory) = self.map(r1).ok_or(bad(1))?;
                if r3 != 0 || r2 > MAX_RECORD {
                    return Ok(0);
                }
                map.reserve(r2, memory).unwrap_or(0)
            }
            Helper::RingbufSubmit | Helper::RingbufDiscard => {
                let discard = helper == Helper::RingbufDiscard;
                let record = self.memory.block_at(r1).ok_or(bad(1))?;
                let memory = &mut self.memory;
                let done = self.maps.iter_mut().find_map(|map| map.commit(record, discard, memory));
                done.map(|()| 0).ok_or(bad(1))?
            }
            Helper::TaskStorageGet => self.task_storage_get(args)?,
            Helper::TaskStorageDelete => {
                let (map, memory) = self.map(r1).ok_or(bad(1))?;
                let deleted = if r2 == 0 { Err(EINVAL) } else { map.delete_task_value(r2, memory) };
                status(deleted)
            }
        })
    }

    fn map(&mut self, address: u64) -> Option<(&mut Map, &mut Memory)> {
        let map = self.maps.get_mut(Memory::map_at(address)?)?;
        Some((map, &mut self.memory))
    }

    fn task_storage_get(&mut self, args: [u64; 5]) -> Result<u64, FaultKind> {
        let [address, task, value, flags, _] = args;
        let bad = |argument| FaultKind::BadArgument { helper: Helper::TaskStorageGet, argument };
        let (map, memory) = self.map(address).ok_or(bad(1))?;
        if flags & !CREATE != 0 || task == 0 {
            return Ok(0);
        }
        if let Some(found) = map.task_value(task) {
            return Ok(found);
        }
        if flags & CREATE == 0 {
            return Ok(0);
        }
        let size = map.spec().value_size;
        let initial = match value {
            0 => vec![0; size as usize],
            _ => memory.bytes(value, size.into()).ok_or(bad(3))?.to_vec(),
        };
        Ok(map.create_task_value(task, initial, memory).unwrap_or(0))
    }

    /// Fills `into`, and says what the kernel's copy functions would.
    fn read(&mut self, helper: Helper, from: u64, into: &mut [u8]) -> Result<(), i32> {
        let user = matches!(helper, Helper::ProbeReadUser | Helper::ProbeReadUserStr);
        if !user && let Some(own) = self.memory.bytes(from, into.len() as u64) {
            into.copy_from_slice(own);
            return Ok(());
        }
        let read = match user {
            true => self.environment.read_user(from, into),
            false => self.environment.read_kernel(from, into),
        };
        read.map_err(|why| match why {
            Unreadable::OutOfRange if !user => ERANGE,
            Unreadable::OutOfRange | Unreadable::Fault => EFAULT,
        })
    }

    /// `bpf_probe_read_*`: what cannot be read is 0. `None` if there is no room for it.
    fn probe_read(&mut self, helper: Helper, to: u64, size: u64, from: u64) -> Option<u64> {
        let mut bytes = vec![0; self.memory.bytes(to, size)?.len()];
        let read = self.read(helper, from, &mut bytes);
        if read.is_err() {
            bytes.fill(0);
        }
        self.memory.bytes_mut(to, size)?.copy_from_slice(&bytes);
        Some(status(read))
    }

    /// `bpf_probe_read_*_str`: up to the NUL or the end of the room, where a NUL is put; the
    /// length with the NUL. What cannot be read is 0. Bytes behind the NUL stay, but for user
    /// memory those of its word, which the kernel copies as a whole, are 0.
    fn probe_read_text(&mut self, helper: Helper, to: u64, size: u64, from: u64) -> Option<u64> {
        let mut bytes = self.memory.bytes(to, size)?.to_vec();
        let mut length = 0;
        let mut result = Ok(());
        for slot in &mut bytes {
            let mut byte = [0];
            result = self.read(helper, from.wrapping_add(length), &mut byte);
            if result.is_err() {
                break;
            }
            length += 1;
            [*slot] = byte;
            if *slot == 0 {
                break;
            }
        }
        match result {
            Ok(()) => {
                let last = usize::try_from(length).ok()?.checked_sub(1);
                if let Some(last) = last {
                    let words = helper == Helper::ProbeReadUserStr;
                    let end = if words { last / WORD * WORD + WORD } else { last + 1 };
                    let end = if end <= bytes.len() { end } else { last + 1 };
                    bytes.get_mut(last..end).unwrap_or_default().fill(0);
                }
            }
            Err(_) => bytes.fill(0),
        }
        self.memory.bytes_mut(to, size)?.copy_from_slice(&bytes);
        Some(result.map_or_else(failed, |()| length))
    }
}

/// `bpf_ringbuf_output`.
fn output(map: &mut Map, data: Vec<u8>, flags: u64, memory: &mut Memory) -> Result<(), i32> {
    if flags & !WAKEUPS != 0 {
        return Err(EINVAL);
    }
    let length = data.len() as u64;
    if length > MAX_RECORD {
        return Err(EAGAIN);
    }
    let address = map.reserve(length, memory)?;
    if let Some(record) = memory.bytes_mut(address, length) {
        record.copy_from_slice(&data);
    }
    let record = memory.block_at(address).ok_or(EAGAIN)?;
    map.commit(record, false, memory).ok_or(EINVAL)
}
