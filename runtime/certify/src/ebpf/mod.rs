//! Extended BPF that decides about a call: decoded from bytes, and run on a box of calls.
//!
//! The program is one of type `syscall`: R1 holds the address of a `struct seccomp_data`, and the
//! lower half of R0 at the end is what seccomp is to do. It has arithmetic, jumps, its stack, and
//! functions of its own. What looks beyond the call (helpers, maps, atomic operations, addresses
//! of the kernel) is not decided here, and neither is what this module does not know: it is
//! refused. The kernel's rules of acceptance are not checked.
//!
//! What a register or the stack holds before anything was put there may be any number.

mod decode;
mod memory;
mod run;

pub use decode::Program;
