//! A whole text: what is stripped from it, what clears a filter, and the stages of the rest.

use filterc_grammar::source::FileId;

use super::bytes::is_space;
use super::error::{Errno, Message, Rejection};
use super::machine::Machine;
use super::{boolean, scan, test};
use crate::event::filter::Predicate;
use crate::event::record::Record;

/// The longest text that the kernel takes, in bytes.
pub const MAX_LEN: usize = 4095;

/// What an accepted text asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// `0`: the filter is removed.
    Clear,
    /// A filter.
    Filter {
        /// Which records it keeps.
        predicate: Predicate,
        /// Where an operator at the end is that the kernel ignores.
        dangling: Option<usize>,
    },
}

/// Reads the text as the kernel does that is written to the event's `filter` file. Spans are of
/// `file`, in bytes of the text.
///
/// # Errors
/// What the kernel would answer.
pub fn parse(
    record: &Record,
    file: FileId,
    text: &[u8],
    machine: &Machine<'_>,
) -> Result<Accepted, Rejection> {
    if text.len() > MAX_LEN {
        return Err(Rejection { errno: Errno::Einval, message: Message::TooLong, position: 0 });
    }
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let stripped = text.iter().rposition(|byte| !is_space(*byte)).map_or(0, |last| last + 1);
    let text = text.get(..stripped).unwrap_or_default();
    if text.iter().find(|byte| !is_space(**byte)) == Some(&b'0')
        && text.iter().filter(|byte| !is_space(**byte)).count() == 1
    {
        return Ok(Accepted::Clear);
    }
    let most = scan::scan(text)?;
    if most == 0 {
        return Err(Rejection { errno: Errno::Einval, message: Message::Error, position: 0 });
    }
    let reader = test::Reader { record, file, text, machine };
    let (predicate, dangling) = boolean::parse(&reader, most)?;
    Ok(Accepted::Filter { predicate, dangling })
}
