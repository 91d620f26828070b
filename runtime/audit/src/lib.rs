//! What happened: records of calls that were decided, and of the lives of the tasks that made
//! them.
//!
//! Whoever watches tasks (a supervisor, a program in the kernel) makes [`Record`]s and hands them
//! to a [`Sink`]. The forms that they are stored in, and what is asked of them later, know nothing
//! of who made them.

pub mod record;

pub use record::{Answer, Argument, Call, Event, Exit, Record, Sink, Task};
