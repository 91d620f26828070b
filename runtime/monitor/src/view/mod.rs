//! What a monitor can find out about a call beyond its registers: the caller's [`memory`], what
//! is known of [`task`]s, the object that a [`path`] names where the caller stands, the
//! [`address`] of a socket.
//!
//! All of it is as it was when it was looked at. Memory and paths can change at any time: who
//! acts upon what was seen has to act on the copy or on the descriptor that is returned here,
//! never by a second look.

pub mod address;
pub mod memory;
pub mod path;
pub mod task;
