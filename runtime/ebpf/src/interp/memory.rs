//! The memory that a program can reach: context, stacks, values of maps, records.
//!
//! Each of them is a region by itself. An address names the region and an offset in it, in
//! the upper half of the address space and outside of what processors accept, so that no
//! number that a program finds in its context is the address of anything here. An access is
//! inside one region as a whole or refused.

use filterc_abi::Endian;

use crate::machine::MAX_FRAMES;
use crate::op::Size;

/// Bytes of a function's stack (`MAX_BPF_STACK`).
pub const STACK_SIZE: usize = 512;

/// Longest region: an address a little before another region is in none.
pub(super) const MAX_REGION: usize = (1 << OFFSET_BITS) - (1 << 16);

const TAG: u64 = 0xffee << 48;
const OFFSET_BITS: u32 = 24;
const OFFSETS: u64 = (1 << OFFSET_BITS) - 1;

const CONTEXT: u64 = 1;
const STACKS: u64 = 2;
const MAPS: u64 = 16;
const HEAP: u64 = MAPS + MAX_MAPS as u64;
/// Behind the last region that an address can name.
const END: u64 = 1 << (48 - OFFSET_BITS);

/// Most maps that programs can name.
pub(super) const MAX_MAPS: usize = 4096;

/// An allocation of the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Block(usize);

/// All regions.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    endian: Endian,
    context: Vec<u8>,
    /// Whether something may have been written to the context.
    written: bool,
    stacks: Vec<u8>,
    /// Whether something was written to a stack since it was all 0.
    dirty: [bool; MAX_FRAMES],
    /// Functions that are running: the stacks of others cannot be reached.
    running: usize,
    heap: Vec<Option<Vec<u8>>>,
    /// Blocks that are not in use.
    free: Vec<usize>,
    /// Blocks that no map has any more, but a pointer may: they go when the program ends.
    retired: Vec<Block>,
}

const fn address(region: u64, offset: u64) -> u64 {
    TAG | region << OFFSET_BITS | offset
}

impl Memory {
    pub(super) fn new(endian: Endian) -> Self {
        Self {
            endian,
            context: Vec::new(),
            written: false,
            stacks: vec![0; STACK_SIZE * MAX_FRAMES],
            dirty: [false; MAX_FRAMES],
            running: 0,
            heap: Vec::new(),
            free: Vec::new(),
            retired: Vec::new(),
        }
    }

    pub(super) const fn endian(&self) -> Endian {
        self.endian
    }

    /// A program starts: the address of its context.
    pub(super) fn start(&mut self, context: &[u8]) -> u64 {
        if self.context.len() == context.len() {
            self.context.copy_from_slice(context);
        } else {
            self.context.clear();
            self.context.extend_from_slice(context);
        }
        self.written = false;
        self.running = 0;
        address(CONTEXT, 0)
    }

    /// The program has ended: its context as it left it, if that may be another.
    pub(super) fn finish(&mut self) -> Option<&[u8]> {
        if !self.retired.is_empty() {
            for block in std::mem::take(&mut self.retired) {
                self.release(block);
            }
        }
        self.written.then_some(&self.context)
    }

    /// A function starts, its stack all 0: the frame pointer.
    pub(super) fn enter(&mut self, depth: usize) -> u64 {
        self.running = depth + 1;
        let start = depth * STACK_SIZE;
        if let Some(dirty) = self.dirty.get_mut(depth).filter(|dirty| **dirty)
            && let Some(stack) = self.stacks.get_mut(start..start + STACK_SIZE)
        {
            stack.fill(0);
            *dirty = false;
        }
        address(STACKS + depth as u64, STACK_SIZE as u64)
    }

    /// A function has ended.
    pub(super) const fn leave(&mut self, depth: usize) {
        self.running = depth;
    }

    /// The address that stands for a map.
    pub(super) const fn map_address(index: usize) -> u64 {
        address(MAPS + index as u64, 0)
    }

    /// The map that an address stands for.
    pub(super) fn map_at(at: u64) -> Option<usize> {
        let index = (at ^ TAG) >> OFFSET_BITS;
        let index = usize::try_from(index.checked_sub(MAPS)?).ok()?;
        (index < MAX_MAPS && at & OFFSETS == 0).then_some(index)
    }

    /// A block with these bytes.
    pub(super) fn allocate(&mut self, bytes: Vec<u8>) -> Option<Block> {
        if bytes.len() > MAX_REGION {
            return None;
        }
        if let Some(index) = self.free.pop() {
            *self.heap.get_mut(index)? = Some(bytes);
            return Some(Block(index));
        }
        let index = self.heap.len();
        if HEAP + index as u64 >= END {
            return None;
        }
        self.heap.push(Some(bytes));
        Some(Block(index))
    }

    /// Gives a block back, now.
    pub(super) fn release(&mut self, Block(index): Block) -> Vec<u8> {
        let bytes = self.heap.get_mut(index).and_then(Option::take);
        if bytes.is_some() {
            self.free.push(index);
        }
        bytes.unwrap_or_default()
    }

    /// Gives a block back when the program ends: until then it may hold a pointer to it, as
    /// programs of the kernel may until the next grace period.
    pub(super) fn retire(&mut self, block: Block) {
        self.retired.push(block);
    }

    /// The address of a byte of a block.
    pub(super) const fn block_address(Block(index): Block, offset: usize) -> u64 {
        address(HEAP + index as u64, offset as u64)
    }

    /// The block whose first byte has that address.
    pub(super) fn block_at(&self, at: u64) -> Option<Block> {
        let index = ((at ^ TAG) >> OFFSET_BITS).checked_sub(HEAP)?;
        let index = usize::try_from(index).ok().filter(|_| at & OFFSETS == 0)?;
        self.heap.get(index)?.as_ref().map(|_| Block(index))
    }

    pub(super) fn block_mut(&mut self, Block(index): Block) -> &mut [u8] {
        self.heap.get_mut(index).and_then(Option::as_deref_mut).unwrap_or_default()
    }

    /// Whether an address is one that only this memory gives out.
    pub(super) const fn is_own(at: u64) -> bool {
        (at ^ TAG) >> 48 == 0
    }

    /// The bytes from an address to the end of its region.
    #[inline]
    fn rest(&self, at: u64) -> Option<&[u8]> {
        // Most accesses are to the context, and its address needs no taking apart.
        let offset = usize::try_from(at.wrapping_sub(address(CONTEXT, 0))).ok()?;
        if let Some(rest) = self.context.get(offset..) {
            return Some(rest);
        }
        let (region, offset) = split(at)?;
        let bytes: &[u8] = if region.wrapping_sub(STACKS) < self.running as u64 {
            let start = usize::try_from(region - STACKS).ok()? * STACK_SIZE;
            self.stacks.get(start..start + STACK_SIZE)?
        } else {
            let index = usize::try_from(region.checked_sub(HEAP)?).ok()?;
            self.heap.get(index)?.as_deref()?
        };
        bytes.get(offset..)
    }

    #[inline]
    fn rest_mut(&mut self, at: u64) -> Option<&mut [u8]> {
        let (region, offset) = split(at)?;
        let bytes: &mut [u8] = if region.wrapping_sub(STACKS) < self.running as u64 {
            let depth = usize::try_from(region - STACKS).ok()?;
            *self.dirty.get_mut(depth)? = true;
            self.stacks.get_mut(depth * STACK_SIZE..(depth + 1) * STACK_SIZE)?
        } else if region == CONTEXT {
            self.written = true;
            &mut self.context
        } else {
            let index = usize::try_from(region.checked_sub(HEAP)?).ok()?;
            self.heap.get_mut(index)?.as_deref_mut()?
        };
        bytes.get_mut(offset..)
    }

    /// So many bytes at an address.
    pub(super) fn bytes(&self, at: u64, length: u64) -> Option<&[u8]> {
        self.rest(at)?.get(..usize::try_from(length).ok()?)
    }

    /// The same, to be written.
    pub(super) fn bytes_mut(&mut self, at: u64, length: u64) -> Option<&mut [u8]> {
        self.rest_mut(at)?.get_mut(..usize::try_from(length).ok()?)
    }

    /// The number at an address.
    #[inline]
    pub(super) fn load(&self, at: u64, size: Size) -> Option<u64> {
        let bytes = self.rest(at)?;
        // A whole word if there is one, so that sizes need no ways of their own.
        let word = match bytes.first_chunk() {
            Some(word) => *word,
            None => Self::last(bytes, size)?,
        };
        let unused = 64 - size.bits();
        Some(match self.endian {
            Endian::Little => u64::from_le_bytes(word) << unused >> unused,
            Endian::Big => u64::from_be_bytes(word) >> unused,
        })
    }

    /// The last bytes of a region, of which there are at least so many, filled up to a word.
    #[cold]
    fn last(bytes: &[u8], size: Size) -> Option<[u8; 8]> {
        let mut word = [0; 8];
        let bytes = bytes.get(..size.bytes())?;
        word.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(word)
    }

    /// The number at an address becomes the low bits of `value`.
    #[inline]
    pub(super) fn store(&mut self, at: u64, size: Size, value: u64) -> Option<()> {
        let endian = self.endian;
        let bytes = self.rest_mut(at)?;
        let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
        match (endian, size) {
            (_, Size::B1) => *bytes.first_mut()? = a,
            (Endian::Little, Size::B2) => *bytes.first_chunk_mut()? = [a, b],
            (Endian::Little, Size::B4) => *bytes.first_chunk_mut()? = [a, b, c, d],
            (Endian::Little, Size::B8) => *bytes.first_chunk_mut()? = [a, b, c, d, e, f, g, h],
            (Endian::Big, Size::B2) => *bytes.first_chunk_mut()? = [b, a],
            (Endian::Big, Size::B4) => *bytes.first_chunk_mut()? = [d, c, b, a],
            (Endian::Big, Size::B8) => *bytes.first_chunk_mut()? = [h, g, f, e, d, c, b, a],
        }
        Some(())
    }
}

/// Region and offset of an address that has both.
#[inline]
fn split(at: u64) -> Option<(u64, usize)> {
    let inside = at ^ TAG;
    let region = inside >> OFFSET_BITS;
    // Other tags leave bits above those of any region.
    (region < END).then_some((region, usize::try_from(inside & OFFSETS).ok()?))
}
