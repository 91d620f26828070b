//! What happened: records of calls that were decided, and of the lives of the tasks that made
//! them.
//!
//! Whoever watches tasks (a supervisor, a program in the kernel) makes [`Record`]s and hands them
//! to a [`Sink`]. The forms that they are stored in, and what is asked of them later, know nothing
//! of who made them.

pub mod binary;
pub mod columns;
mod crc;
pub mod gaps;
pub mod json;
pub mod record;
pub mod ring;
pub mod sql;
pub mod stored;
pub mod strace;
pub mod table;
mod target;
mod wire;
pub mod words;

pub use gaps::{Gap, Gaps};
pub use record::{Answer, Argument, Call, Event, Exit, OnLoss, Record, Sink, Task};
pub use ring::{Form, Ring, Summary};
pub use stored::Stored;
