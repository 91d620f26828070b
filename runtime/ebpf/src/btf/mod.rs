//! BTF, the kernel's format of types, and what goes with it in object files: where functions
//! begin, which line an instruction is from, and which depend on the kernel's structures.
//!
//! * [`Builder`]: types to the bytes of a `.BTF` section.
//! * [`Btf`]: the reverse, of any file: the running kernel's as well.
//! * [`describe()`]: what the kernel is told of a module: the types of its maps and functions.
//! * [`relocate()`]: what programs ask of the kernel's structures, answered.
//! * [`ext`]: the bytes of a `.BTF.ext` section.
//!
//! Of the kinds of types, those that programs of filters need can be written; all can be read.

mod build;
mod describe;
pub mod ext;
pub mod kind;
mod read;
mod relocate;

pub use build::{Builder, Linkage};
pub use describe::{
    FunctionType, LineRecord, MAPS, MapTypes, ModuleTypes, TEXT, UnitTypes, VARIABLE, by_value,
    definition_size, describe, variable_section,
};
pub use read::{Btf, BtfError, Member, Type};
pub use relocate::{Mismatch, RelocateError, relocate};
