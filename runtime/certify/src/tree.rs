//! Boxes of calls, and the walk over a certificate's tree.
//!
//! The tree stands in preorder. Each node begins with a byte:
//!
//! | byte | then | meaning |
//! |---|---|---|
//! | 0 | word, number (4 bytes) | two trees follow: for the calls whose word is below the number, and for the others |
//! | 1 | word, bit | two trees follow: for the calls in whose word the bit is 0, and for the others |
//! | 2 | value (4 bytes) | a leaf: policy and program return that value for all calls of the box |
//! | 3 | | a leaf: the box has no call |
//!
//! Numbers are little endian. That the boxes of the leaves hold all calls follows from the
//! form: there is no way to leave out a half.

use crate::Rejected;
use crate::word::Word;

/// Words of a call.
pub const WORDS: usize = 16;

/// Inner nodes on one way down: no tree needs more, and memory stays bounded.
pub const MAX_DEPTH: usize = 4096;

/// A node cuts a word at a number.
pub const SPLIT_AT: u8 = 0;

/// A node cuts by a bit of a word.
pub const SPLIT_ON: u8 = 1;

/// A leaf with a value.
pub const LEAF: u8 = 2;

/// A leaf without a call.
pub const EMPTY: u8 = 3;

/// A set of calls: each word from its own set.
pub type Calls = [Word; WORDS];

/// The tree, walked to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaves {
    /// Leaves that hold calls.
    pub count: u64,
}

/// All calls.
#[must_use]
pub const fn all() -> Calls {
    [Word::any(32); WORDS]
}

/// Both halves of a box, the word cut at a number; `None` is a half without calls.
#[must_use]
pub fn split_at(calls: &Calls, word: usize, at: u32) -> Option<(Option<Calls>, Option<Calls>)> {
    let (below, above) = calls.get(word)?.split_at(at.into());
    Some((with(calls, word, below), with(calls, word, above)))
}

/// Both halves of a box, the word cut by a bit.
#[must_use]
pub fn split_on(calls: &Calls, word: usize, bit: u8) -> Option<(Option<Calls>, Option<Calls>)> {
    if bit >= 32 {
        return None;
    }
    let (clear, set) = calls.get(word)?.split_on(bit.into());
    Some((with(calls, word, clear), with(calls, word, set)))
}

fn with(calls: &Calls, index: usize, word: Option<Word>) -> Option<Calls> {
    let mut half = *calls;
    *half.get_mut(index)? = word?;
    Some(half)
}

/// Walks the tree; `judge` says what a box comes to, on both sides.
///
/// # Errors
/// The tree is damaged, or a leaf is not what it says.
pub fn check(
    tree: &[u8],
    judge: impl Fn(&Calls) -> Result<u32, &'static str>,
) -> Result<Leaves, Rejected> {
    let damaged = Rejected::Malformed("the tree");
    let mut rest = tree;
    let mut boxes: Vec<Option<Calls>> = vec![Some(all())];
    let (mut count, mut index) = (0_u64, 0_u64);
    while let Some(calls) = boxes.pop() {
        let (&kind, after) = rest.split_first().ok_or(damaged.clone())?;
        rest = after;
        let halves = match kind {
            SPLIT_AT => {
                let (&[word, a, b, c, d], after) =
                    rest.split_first_chunk().ok_or(damaged.clone())?;
                rest = after;
                let at = u32::from_le_bytes([a, b, c, d]);
                halves(calls.as_ref(), |calls| split_at(calls, word.into(), at))
            }
            SPLIT_ON => {
                let (&[word, bit], after) = rest.split_first_chunk().ok_or(damaged.clone())?;
                rest = after;
                halves(calls.as_ref(), |calls| split_on(calls, word.into(), bit))
            }
            LEAF => {
                let (value, after) = rest.split_first_chunk().ok_or(damaged.clone())?;
                rest = after;
                if let Some(calls) = calls {
                    let found = judge(&calls).map_err(|why| Rejected::Leaf(index, why))?;
                    if found != u32::from_le_bytes(*value) {
                        return Err(Rejected::Leaf(index, "it names another value"));
                    }
                    count += 1;
                }
                index += 1;
                continue;
            }
            EMPTY => {
                if calls.is_some() {
                    return Err(Rejected::Leaf(index, "the box may hold calls"));
                }
                index += 1;
                continue;
            }
            _ => return Err(damaged),
        };
        let (first, second) = halves.ok_or(damaged.clone())?;
        if boxes.len() + 2 > MAX_DEPTH {
            return Err(Rejected::Malformed("the tree is too deep"));
        }
        boxes.push(second);
        boxes.push(first);
    }
    if rest.is_empty() { Ok(Leaves { count }) } else { Err(damaged) }
}

type Halves = (Option<Calls>, Option<Calls>);

/// Halves of a box without calls have none.
fn halves(calls: Option<&Calls>, split: impl Fn(&Calls) -> Option<Halves>) -> Option<Halves> {
    match calls {
        Some(calls) => split(calls),
        None => Some((None, None)),
    }
}
