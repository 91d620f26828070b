//! The caller's memory, with bounds: nothing that it says makes the monitor hold more than these.

use filterc_loader::task::read_memory;
use rustix::io::Errno;

/// Longest path that the kernel takes, with its NUL (`PATH_MAX`).
pub const PATH_MAX: usize = 4096;
/// Longest text that is no path, with its NUL.
pub const TEXT_MAX: usize = 4096;
/// Most words of a command that are read.
pub const WORDS_MAX: usize = 4096;
/// Most bytes of one word, with its NUL (`MAX_ARG_STRLEN`).
pub const WORD_MAX: usize = 128 * 1024;
/// Most bytes of all words together.
pub const COMMAND_MAX: usize = 2 * 1024 * 1024;

/// Some task's memory.
pub trait Memory {
    /// Copies bytes of it; how many there were up to the first that is not mapped.
    ///
    /// # Errors
    /// [`Errno::FAULT`] where not even the first is mapped; what else keeps it from being read.
    fn read(&self, address: u64, into: &mut [u8]) -> Result<usize, Errno>;
}

/// The memory of a thread of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfThread(pub u32);

impl Memory for OfThread {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<usize, Errno> {
        read_memory(self.0, address, into)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::FAULT))
    }
}

/// Exactly so many bytes.
///
/// # Errors
/// [`Errno::FAULT`] where one of them is not mapped.
pub fn bytes(memory: &impl Memory, address: u64, length: usize) -> Result<Vec<u8>, Errno> {
    let mut bytes = vec![0; length];
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match memory.read(at(address, done)?, rest)? {
            0 => return Err(Errno::FAULT),
            count => done += count,
        }
    }
    Ok(bytes)
}

/// The bytes up to a NUL, without it; with it they are no more than `max`.
///
/// # Errors
/// [`Errno::FAULT`] where memory ends before a NUL; [`Errno::NAMETOOLONG`].
pub fn text(memory: &impl Memory, address: u64, max: usize) -> Result<Vec<u8>, Errno> {
    const PAGE: u64 = 4096;
    // Most texts are short: a first look of this size, then whole pages.
    const FIRST: u64 = 256;
    let mut text = Vec::new();
    while text.len() < max {
        let from = at(address, text.len())?;
        let chunk = (PAGE - from % PAGE).min(if text.is_empty() { FIRST } else { PAGE });
        let chunk = usize::try_from(chunk).unwrap_or(max).min(max - text.len());
        let before = text.len();
        text.resize(before + chunk, 0);
        let count = memory.read(from, text.get_mut(before..).unwrap_or_default())?;
        if count == 0 {
            return Err(Errno::FAULT);
        }
        text.truncate(before + count);
        let new = text.get(before..).unwrap_or_default();
        if let Some(nul) = new.iter().position(|byte| *byte == 0) {
            text.truncate(before + nul);
            return Ok(text);
        }
    }
    Err(Errno::NAMETOOLONG)
}

/// The size of an address, and of a `long`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Four bytes.
    Bits32,
    /// Eight.
    Bits64,
}

/// The words of a vector that ends in an address of 0, as `execve` reads it; an address of 0 in
/// place of the vector is no words.
///
/// # Errors
/// [`Errno::FAULT`] where some of it is not mapped; [`Errno::TOOBIG`] where it is longer than is
/// read: no answer about it would be true of all of it.
pub fn words(memory: &impl Memory, address: u64, width: Width) -> Result<Vec<Vec<u8>>, Errno> {
    let mut words = Vec::new();
    let mut total = 0;
    if address == 0 {
        return Ok(words);
    }
    loop {
        let pointer = pointer(memory, address, words.len(), width)?;
        if pointer == 0 {
            return Ok(words);
        }
        if words.len() == WORDS_MAX {
            return Err(Errno::TOOBIG);
        }
        let word = text(memory, pointer, WORD_MAX).map_err(|error| match error {
            Errno::NAMETOOLONG => Errno::TOOBIG,
            other => other,
        })?;
        total += word.len();
        if total > COMMAND_MAX {
            return Err(Errno::TOOBIG);
        }
        words.push(word);
    }
}

/// The element of a vector of addresses.
fn pointer(memory: &impl Memory, vector: u64, index: usize, width: Width) -> Result<u64, Errno> {
    match width {
        Width::Bits32 => {
            let mut word = [0; 4];
            whole(memory, at(vector, index * 4)?, &mut word)?;
            Ok(u32::from_ne_bytes(word).into())
        }
        Width::Bits64 => {
            let mut word = [0; 8];
            whole(memory, at(vector, index * 8)?, &mut word)?;
            Ok(u64::from_ne_bytes(word))
        }
    }
}

fn whole(memory: &impl Memory, address: u64, into: &mut [u8]) -> Result<(), Errno> {
    into.copy_from_slice(&bytes(memory, address, into.len())?);
    Ok(())
}

/// An address behind another; there is none behind the last.
fn at(address: u64, offset: usize) -> Result<u64, Errno> {
    u64::try_from(offset).ok().and_then(|by| address.checked_add(by)).ok_or(Errno::FAULT)
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
