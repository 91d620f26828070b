//! Questions: what one place of a program asks.
//!
//! Numbers are compared in four ways; the others are one of these with the arms exchanged.

use std::rc::Rc;

use super::shape::Shape;
use super::source::{Source, View};

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Question {
    /// Of a number.
    Number(Number),
    /// Whether a text can be read.
    Readable(Source),
    /// Whether a text, which can be read, matches.
    Match(Source, Rc<Shape>),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number {
    pub(super) left: View,
    /// Bits of the left side that count; all others are 0.
    pub(super) mask: u64,
    /// The sign of the left side is extended to 64 bits.
    pub(super) signed: bool,
    pub(super) compare: Compare,
    pub(super) right: Right,
}

/// How numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Compare {
    /// The same bits.
    Equal,
    /// The left one is greater.
    Greater,
    /// The left one is greater, or they are equal.
    AtLeast,
}

/// The other side of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Right {
    /// So many bits, of the left side's width.
    Constant(u64),
    /// A number of the same width.
    View(View),
}

impl Question {
    /// What has to be read before it is asked.
    pub(super) fn sources(&self) -> Vec<Source> {
        match self {
            Self::Number(number) => match number.right {
                Right::View(right) if right.source != number.left.source => {
                    vec![number.left.source, right.source]
                }
                Right::View(_) | Right::Constant(_) => vec![number.left.source],
            },
            Self::Readable(text) | Self::Match(text, _) => vec![Source::Buffer, *text],
        }
    }
}
