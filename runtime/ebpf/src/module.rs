//! Programs that belong together, with what they need: what a code generator makes, an object
//! file holds and a loader takes. Whether the parts fit together, [`crate::consistent()`] says.

use crate::field::FieldUse;
use crate::insn::Insn;
use crate::labels::LabelPattern;
use crate::map::MapSpec;

/// Where the kernel runs a program.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// On request, with a context of any bytes (`SEC("syscall")`).
    Syscall,
    /// At an event, with its record (`SEC("tracepoint/SUBSYSTEM/EVENT")`): 0 drops the event.
    Tracepoint {
        /// The event's subsystem, as `syscalls`.
        subsystem: String,
        /// Its name in it, as `sys_enter_openat`.
        event: String,
    },
    /// At a tracepoint, with its arguments as numbers (`SEC("raw_tp/NAME")`).
    RawTracepoint(String),
    /// At a tracepoint, with its arguments as the kernel's types (`SEC("tp_btf/NAME")`).
    TracepointBtf(String),
    /// At a hook of security modules (`SEC("lsm/NAME")`): 0 or a negative errno.
    Lsm(String),
}

impl Hook {
    /// The name of the section that has such programs in an object file.
    #[must_use]
    pub fn section(&self) -> String {
        match self {
            Self::Syscall => "syscall".to_owned(),
            Self::Tracepoint { subsystem, event } => format!("tracepoint/{subsystem}/{event}"),
            Self::RawTracepoint(name) => format!("raw_tp/{name}"),
            Self::TracepointBtf(name) => format!("tp_btf/{name}"),
            Self::Lsm(name) => format!("lsm/{name}"),
        }
    }

    /// The hook of the programs in the section of that name, which other compilers may have
    /// given its longer or shorter form.
    #[must_use]
    pub fn of_section(section: &str) -> Option<Self> {
        if section == "syscall" {
            return Some(Self::Syscall);
        }
        let (kind, name) = section.split_once('/')?;
        match kind {
            "tracepoint" | "tp" => {
                let (subsystem, event) = name.split_once('/')?;
                Some(Self::Tracepoint { subsystem: subsystem.to_owned(), event: event.to_owned() })
            }
            "raw_tp" | "raw_tracepoint" => Some(Self::RawTracepoint(name.to_owned())),
            "tp_btf" => Some(Self::TracepointBtf(name.to_owned())),
            "lsm" => Some(Self::Lsm(name.to_owned())),
            _ => None,
        }
    }
}

/// Where in a policy the reason of an instruction stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Line {
    /// The first slot that it is about, of the program's 8-byte slots.
    pub slot: u32,
    /// The name of the file.
    pub file: String,
    /// The line, from 1 and below 2²².
    pub line: u32,
    /// The column, from 1 and below 2¹⁰; 0 where it is beyond, or not known.
    pub column: u32,
    /// The text of the line.
    pub text: String,
}

/// A function of a program that is called by it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Function {
    /// Its name; that of the entry is the program's.
    pub name: String,
    /// Its first slot. The entry is a function at slot 0.
    pub slot: u32,
}

/// One program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// A name that C would take; the kernel shows its first 15 characters.
    pub name: String,
    /// Where it runs.
    pub hook: Hook,
    /// The instructions; they name maps by their place in [`Module::maps`] (`map[idx:N]`).
    pub insns: Vec<Insn>,
    /// Its functions in order, the first at slot 0.
    pub functions: Vec<Function>,
    /// Lines of the policy, in the order of slots, at most one for a slot.
    pub lines: Vec<Line>,
    /// Instructions that depend on the kernel's structures, in the order of slots, at most one
    /// for a slot.
    pub fields: Vec<FieldUse>,
}

/// A map by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamedMap {
    /// A name that C would take, up to 15 characters.
    pub name: String,
    /// What it is like.
    pub spec: MapSpec,
}

/// Programs, and the maps that they share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// The licence: helpers for `GPL` only are refused with another.
    pub license: String,
    /// The maps, by place.
    pub maps: Vec<NamedMap>,
    /// The programs.
    pub units: Vec<Unit>,
    /// Patterns of the labels that programs at hooks decide by: see [`crate::labels`].
    pub labels: Vec<LabelPattern>,
}
