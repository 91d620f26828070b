//! Records that are missing, as a reader can tell from the numbers of those that are there.

use crate::record::{Event, Record};

/// Records that are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// A record says that there was no room for so many.
    Lost {
        /// The number of the first.
        first: u64,
        /// How many.
        count: u64,
    },
    /// Nothing says so, but their numbers are missing.
    Missing {
        /// The number of the first.
        first: u64,
        /// How many.
        count: u64,
    },
    /// A number that was there already, or is below one that was: another recording, or records
    /// out of order.
    Back {
        /// The number that was due.
        due: u64,
        /// The number that came.
        found: u64,
    },
}

/// Looks at the numbers of records, in the order of the stream.
#[derive(Clone, Debug, Default)]
pub struct Gaps {
    due: u64,
    /// Records that others say are lost.
    pub lost: u64,
    /// Records that nothing says are lost, but that are not there.
    pub missing: u64,
    /// Records that came out of order.
    pub back: u64,
}

impl Gaps {
    /// Sees the next record, and tells what is missing before or at it.
    pub fn see(&mut self, record: &Record, mut tell: impl FnMut(Gap)) {
        let found = record.seq;
        if found > self.due {
            let count = found - self.due;
            self.missing = self.missing.saturating_add(count);
            tell(Gap::Missing { first: self.due, count });
        } else if found < self.due {
            self.back += 1;
            tell(Gap::Back { due: self.due, found });
        }
        let taken = match record.event {
            Event::Lost(count) => {
                self.lost = self.lost.saturating_add(count);
                tell(Gap::Lost { first: found, count });
                count
            }
            Event::Call(_)
            | Event::Create { .. }
            | Event::Exec
            | Event::Exit(_)
            | Event::Signal(_)
            | Event::Sequence { .. } => 1,
        };
        self.due = found.saturating_add(taken);
    }

    /// Whether all that was made is there, in order.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.lost == 0 && self.missing == 0 && self.back == 0
    }
}
