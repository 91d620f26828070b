//! filterc as a library: policy text in, verified seccomp bytecode out.
//!
//! [`compile`] is the whole compiler. Build scripts use [`build::compile_policy`], which
//! writes the program into `OUT_DIR` and tells cargo what it read.
//!
//! ```
//! use filterc::{Options, Source, compile};
//!
//! let source = Source::text("web.flt", "arch x86_64\nallow read, write, exit_group\n");
//! let compiled = compile(&source, &Options::default())?;
//! assert_eq!(compiled.program().bytes().len() % 8, 0);
//! # Ok::<(), filterc::Diagnostics>(())
//! ```

pub mod build;
pub mod certificate;
mod compiled;
pub mod cost;
pub mod describe;
pub mod diagnostics;
pub mod emit;
pub mod evaluate;
pub mod event;
pub mod event_module;
pub mod explain;
mod hooks;
mod limits;
mod lines;
pub mod lints;
pub mod module;
mod objective;
pub mod options;
pub mod output;
pub mod params;
mod pipeline;
pub mod profile;
pub mod prove;
mod ranking;
pub mod render;
pub mod source;
pub mod stages;

pub use compiled::{Compiled, CompiledProgram};
pub use diagnostics::Diagnostics;
pub use emit::Format;
pub use event_module::{EventModule, EventOptions, Monitored, compile_events, compile_events_for};
pub use module::{CompiledModule, ModuleProgram, compile_module};
pub use objective::Shares;
pub use options::{Gate, Goal, OptLevel, Options, Target};
pub use pipeline::{Analysis, Observer, analyse, compile, compile_observed};
pub use profile::Profile;
pub use source::Source;
