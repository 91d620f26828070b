//! What the kernel looks at before it parses: parentheses and quotes, whatever is between them.

use super::bytes::{at, is_space};
use super::error::{Errno, Message, Rejection};

/// Checks that parentheses outside of quotes are in balance, and quotes are closed; returns how
/// many tests there may be at most.
pub(super) fn scan(text: &[u8]) -> Result<usize, Rejection> {
    let mut open: Vec<usize> = Vec::new();
    let mut quote: Option<(u8, usize)> = None;
    let (mut tests, mut inside) = (0, false);
    let mut index = 0;
    while index < text.len() {
        let (here, byte) = (index, at(text, index));
        index += 1;
        if is_space(byte) {
            continue;
        }
        if let Some((mark, _)) = quote {
            if byte == mark {
                quote = None;
            }
            continue;
        }
        match byte {
            b'(' => open.push(here),
            b')' if open.pop().is_none() => {
                return Err(reject(Errno::Eperm, Message::TooFewOpen, here));
            }
            b')' => {}
            // The second of the two is looked at as if it were a first.
            b'|' | b'&' if at(text, index) == byte => {}
            _ => {
                if matches!(byte, b'"' | b'\'') {
                    quote = Some((byte, here));
                }
                tests += usize::from(!inside);
                inside = true;
                continue;
            }
        }
        inside = false;
    }
    if let Some((_, place)) = quote {
        return Err(reject(Errno::Esrch, Message::MissingQuote, place));
    }
    match open.last() {
        Some(place) => Err(reject(Errno::Enoent, Message::TooManyOpen, *place)),
        None => Ok(tests),
    }
}

fn reject(errno: Errno, message: Message, position: usize) -> Rejection {
    Rejection { errno, message, position }
}
