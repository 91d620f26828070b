//! What the sections and symbols of a file say, before programs are put together.

use std::collections::BTreeMap;

use filterc_ebpf::btf;
use filterc_ebpf::{FieldUse, Hook, Insn, NamedMap};
use object::SectionIndex;

use crate::error::ObjectError;

/// What was found in a file.
#[derive(Default)]
pub(crate) struct Contents {
    pub(crate) license: Option<String>,
    pub(crate) maps_section: Option<SectionIndex>,
    /// Maps by their offset in their section.
    pub(crate) defined: BTreeMap<u64, NamedMap>,
    /// Maps by the section of their variable.
    pub(crate) variables: BTreeMap<usize, NamedMap>,
    /// Maps, in the order of their symbols.
    pub(crate) maps: Vec<NamedMap>,
    /// Sections with instructions, by index.
    pub(crate) code: BTreeMap<usize, Code>,
    /// Lines of each section, by its name.
    pub(crate) lines: BTreeMap<String, Vec<filterc_ebpf::Line>>,
    /// What is asked of the kernel's structures, by section.
    pub(crate) fields: BTreeMap<String, Vec<FieldUse>>,
    /// Symbols of functions, in the order of the file.
    pub(crate) functions: Vec<Function>,
    /// Where each symbol is: its section's index and offset there.
    pub(crate) places: BTreeMap<usize, Place>,
}

/// A section with instructions.
pub(crate) struct Code {
    pub(crate) name: String,
    pub(crate) insns: Vec<Insn>,
    /// The relocated slots.
    pub(crate) relocations: BTreeMap<usize, Relocation>,
}

impl Code {
    /// Where its programs run; none for functions that programs call.
    pub(crate) fn hook(&self) -> Result<Option<Hook>, ObjectError> {
        if self.name == btf::TEXT {
            return Ok(None);
        }
        let hook = Hook::of_section(&self.name);
        let unknown = || ObjectError::unsupported(format!("programs for `{}`", self.name));
        hook.map(Some).ok_or_else(unknown)
    }
}

/// What is to be put into a slot.
#[derive(Clone, Copy)]
pub(crate) struct Relocation {
    /// Whether it is the distance of a call, and not an address.
    pub(crate) call: bool,
    /// The symbol.
    pub(crate) symbol: usize,
}

/// A function of a section.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) section: usize,
    pub(crate) first: usize,
    pub(crate) slots: usize,
    /// Whether other files see it.
    pub(crate) global: bool,
}

/// Where a symbol is.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// A map, by place.
    Map(usize),
    /// That offset in the value of a map, by place.
    Value(usize, u64),
    /// At that slot of the section of that index.
    Code(usize, usize),
}
