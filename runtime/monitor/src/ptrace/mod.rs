//! Supervision by `ptrace(2)`.
//!
//! Two ways. With a **gate** the kernel's filter answers `trace` for the calls that the policy
//! needs more than registers for, and the task stops for those alone. Without one (`plain`), every
//! call stops, twice, and the supervisor decides all of them. Beside the gate stands the
//! [`guard`], which closes the ways round it.
//!
//! What can be seen of it from inside is a tracer in `/proc/self/status`, and that nothing there
//! can be traced. A refused call appears to fail. Signals, stops of processes and their
//! continuation, exit statuses and `wait` are as without it.
//!
//! * Children are followed, however they are made. One that is made with `CLONE_UNTRACED` is not:
//!   under a gate its calls that need the supervisor fail with ENOSYS, and nobody can answer them in
//!   its place, because nothing that is supervised may trace. In the plain way there is no gate, so
//!   none can be made: `clone` fails with that flag, and `clone3`, whose flags other threads could
//!   change meanwhile, always fails with ENOSYS, so that libc takes `clone`.
//! * Memory can be changed by other threads, by other processes that share it or write to it, after
//!   it was looked at. A call is allowed because of what stood there only where the policy says
//!   `racy`.
//! * A supervisor that dies takes everything that it supervises with it.

pub mod by_policy;
pub mod codes;
pub mod decide;
pub mod guard;
mod near;
pub mod supervisor;
mod task;
mod trap;

pub use by_policy::ByPolicy;
pub use decide::{Decide, Happened, Notice, Verdict, Watch};
pub use guard::Guard;

pub use supervisor::{Gate, Settings, Supervisor};
