//! Whether the parts of a module fit together: what the writer of object files and the loader
//! ask first, so that neither has to doubt what it is given.

use std::collections::BTreeSet;
use std::fmt;

use crate::error::VerifyError;
use crate::field::{self, Field, FieldUse, Shape};
use crate::labels;
use crate::module::{Hook, Module, Unit};
use crate::op::{Callee, Op, Symbol};
use crate::wellformed::{WellFormed, well_formed};

/// Longest name of a map that the kernel shows (`BPF_OBJ_NAME_LEN`, without the NUL).
const MAX_MAP_NAME: usize = 15;
/// Longest name of anything else that the kernel takes (`KSYM_NAME_LEN` of older kernels,
/// without the NUL).
const MAX_NAME: usize = 127;
/// What a line of a policy can be numbered with (`struct bpf_line_info`).
const MAX_LINE: u32 = (1 << 22) - 1;
const MAX_COLUMN: u32 = (1 << 10) - 1;
/// More maps than the kernel lets a program use (`MAX_USED_MAPS`), and more programs than
/// anybody has.
const MAX_PARTS: usize = 4096;

/// How the parts of a module do not fit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleError {
    /// A name that C or the kernel would not take.
    BadName {
        /// What is called so.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Two parts with one name.
    SameName {
        /// What they are.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A text that ends in its middle: it has a NUL.
    BadText {
        /// What the text is.
        what: &'static str,
    },
    /// More maps or programs than any kernel takes.
    TooMany {
        /// Which of them.
        what: &'static str,
    },
    /// A program that is not well-formed.
    Program {
        /// Its name.
        unit: String,
        /// What is wrong.
        error: VerifyError,
    },
    /// A program uses something otherwise than by its place in the module.
    BadReference {
        /// The program's name.
        unit: String,
        /// The slot.
        slot: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// The functions of a program are not a list of its parts.
    BadFunctions {
        /// The program's name.
        unit: String,
        /// What is wrong.
        why: &'static str,
    },
    /// The lines of a program are not in order, or have numbers that cannot be written.
    BadLines {
        /// The program's name.
        unit: String,
        /// What is wrong.
        why: &'static str,
    },
    /// The patterns of labels do not fit the module.
    BadLabels {
        /// What is wrong.
        why: &'static str,
    },
    /// What programs ask of the kernel's structures does not fit together.
    BadFields {
        /// What is wrong.
        why: &'static str,
    },
}

impl ModuleError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "F0832"
    }
}

impl fmt::Display for ModuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadName { what, name } => write!(f, "`{name}` cannot be the name of a {what}"),
            Self::SameName { what, name } => write!(f, "there are two {what}s `{name}`"),
            Self::BadText { what } => write!(f, "there is a NUL in {what}"),
            Self::TooMany { what } => write!(f, "there are more than {MAX_PARTS} {what}"),
            Self::Program { unit, error } => write!(f, "program `{unit}`: {error}"),
            Self::BadReference { unit, slot, why } => {
                write!(f, "program `{unit}`, instruction {slot}: {why}")
            }
            Self::BadFunctions { unit, why } | Self::BadLines { unit, why } => {
                write!(f, "program `{unit}`: {why}")
            }
            Self::BadLabels { why } => write!(f, "the labels of objects: {why}"),
            Self::BadFields { why } => write!(f, "the structures of the kernel: {why}"),
        }
    }
}

impl std::error::Error for ModuleError {}

/// Checks that names are names, that programs are well-formed and use maps and functions that
/// are there, and that functions and lines are in order; gives the programs' instructions.
///
/// # Errors
/// The first thing that does not fit.
pub fn consistent(module: &Module) -> Result<Vec<WellFormed>, ModuleError> {
    text("the licence", &module.license)?;
    for (what, count) in [("maps", module.maps.len()), ("programs", module.units.len())] {
        if count > MAX_PARTS {
            return Err(ModuleError::TooMany { what });
        }
    }
    let maps = module.maps.iter().map(|map| map.name.as_str());
    names("map", MAX_MAP_NAME, maps)?;
    names("program", MAX_NAME, module.units.iter().map(|unit| unit.name.as_str()))?;
    check_labels(module)?;
    let fields = module.units.iter().flat_map(|unit| &unit.fields).map(|it| &it.field);
    fields.clone().try_for_each(check_field)?;
    field::structures(fields).map_err(|why| ModuleError::BadFields { why })?;
    module.units.iter().map(|unit| check_unit(unit, module.maps.len())).collect()
}

fn check_unit(unit: &Unit, maps: usize) -> Result<WellFormed, ModuleError> {
    check_hook(&unit.hook)?;
    let program = well_formed(&unit.insns)
        .map_err(|error| ModuleError::Program { unit: unit.name.clone(), error })?;
    check_functions(unit, &program)?;
    check_lines(unit, &program)?;
    check_uses(unit, &program)?;
    for (slot, op) in program.ops().iter().enumerate() {
        check_references(unit, maps, slot, *op).map_err(|why| ModuleError::BadReference {
            unit: unit.name.clone(),
            slot,
            why,
        })?;
    }
    Ok(program)
}

fn check_hook(hook: &Hook) -> Result<(), ModuleError> {
    let part = |name: &String| {
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(fine) {
            Ok(())
        } else {
            Err(ModuleError::BadName { what: "hook", name: name.clone() })
        }
    };
    match hook {
        Hook::Syscall => Ok(()),
        Hook::Tracepoint { subsystem, event } => part(subsystem).and_then(|()| part(event)),
        Hook::RawTracepoint(name) | Hook::TracepointBtf(name) | Hook::Lsm(name) => part(name),
    }
}

fn check_functions(unit: &Unit, program: &WellFormed) -> Result<(), ModuleError> {
    let wrong = |why| Err(ModuleError::BadFunctions { unit: unit.name.clone(), why });
    let entry = unit.functions.first();
    if entry.is_none_or(|entry| entry.slot != 0 || entry.name != unit.name) {
        return wrong("its first function is not itself");
    }
    names("function", MAX_NAME, unit.functions.iter().map(|function| function.name.as_str()))?;
    if !unit.functions.is_sorted_by(|a, b| a.slot < b.slot) {
        return wrong("its functions are not in the order of their slots");
    }
    if unit.functions.iter().any(|function| !is_start(program, function.slot)) {
        return wrong("a function begins where no instruction does");
    }
    // Wherever the last instruction of a function goes on, it is not in the next one.
    let ends = unit.functions.iter().skip(1).map(|next| next.slot as usize - 1);
    for end in ends {
        if !matches!(program.ops().get(end), Some(Op::Exit | Op::Goto(_) | Op::GotoLong(_))) {
            return wrong("a function runs on into the next one");
        }
    }
    Ok(())
}

fn check_lines(unit: &Unit, program: &WellFormed) -> Result<(), ModuleError> {
    let wrong = |why| Err(ModuleError::BadLines { unit: unit.name.clone(), why });
    if !unit.lines.is_sorted_by(|a, b| a.slot < b.slot) {
        return wrong("its lines are not in the order of their slots");
    }
    for line in &unit.lines {
        text("the name of a file", &line.file)?;
        text("a line of a policy", &line.text)?;
        if !is_start(program, line.slot) {
            return wrong("a line is about a slot where no instruction begins");
        }
        if line.line == 0 || line.line > MAX_LINE || line.column > MAX_COLUMN {
            return wrong("a line or a column has a number that cannot be written");
        }
    }
    Ok(())
}

fn check_labels(module: &Module) -> Result<(), ModuleError> {
    let [(objects, _), _] = labels::MAPS;
    if !module.labels.is_empty() && module.maps.iter().all(|map| map.name != objects) {
        return Err(ModuleError::BadLabels { why: "there is no map of objects" });
    }
    for label in &module.labels {
        names("label", MAX_NAME, std::iter::once(label.label.as_str()))?;
        text("the pattern of a label", &label.pattern)?;
        if label.bit >= 64 {
            return Err(ModuleError::BadLabels { why: "a set has 64 bits" });
        }
    }
    Ok(())
}

fn check_field(field: &Field) -> Result<(), ModuleError> {
    let shapes = field.steps.iter().map(|step| &step.shape);
    if shapes.clone().any(|it| matches!(it, Shape::Number(bytes) if ![1, 2, 4, 8].contains(bytes)))
    {
        return Err(ModuleError::BadFields { why: "a number has 1, 2, 4 or 8 bytes" });
    }
    let inner =
        shapes.filter_map(|it| if let Shape::Structure(name) = it { Some(name) } else { None });
    let members = field.steps.iter().map(|step| &step.name);
    for name in inner.chain(members).chain([&field.structure]) {
        names("structure or a member", MAX_NAME, std::iter::once(name.as_str()))?;
    }
    Ok(())
}

fn check_uses(unit: &Unit, program: &WellFormed) -> Result<(), ModuleError> {
    let wrong = |slot: u32, why| {
        Err(ModuleError::BadReference { unit: unit.name.clone(), slot: slot as usize, why })
    };
    let mut before: Option<&FieldUse> = None;
    for it in &unit.fields {
        if before.is_some_and(|before| before.slot >= it.slot) {
            return wrong(it.slot, "the uses of structures are not in the order of their slots");
        }
        let insn = unit.insns.get(it.slot as usize).filter(|_| is_start(program, it.slot));
        if insn.and_then(|insn| insn.field()) != Some(it.held()) {
            return wrong(it.slot, "it does not hold what is asked of a structure");
        }
        before = Some(it);
    }
    Ok(())
}

fn check_references(unit: &Unit, maps: usize, slot: usize, op: Op) -> Result<(), &'static str> {
    if let Op::Address(_, Symbol::MapIndex(at) | Symbol::MapIndexValue(at, _)) = op {
        let known = usize::try_from(at).is_ok_and(|at| at < maps);
        return if known { Ok(()) } else { Err("there is no such map") };
    }
    if let Op::Address(_, Symbol::MapFd(_) | Symbol::MapFdValue(..) | Symbol::Variable(..)) = op {
        return Err("maps are named by their place, and variables of the kernel not at all");
    }
    let (Op::Call(Callee::Function(_)) | Op::Address(_, Symbol::Function(_)), Some(distance)) =
        (op, op.distance())
    else {
        return Ok(());
    };
    let target = i64::try_from(slot).unwrap_or(i64::MAX).saturating_add(1 + i64::from(distance));
    let known = unit.functions.iter().skip(1).any(|function| i64::from(function.slot) == target);
    if known { Ok(()) } else { Err("there is no function, or the program itself, at that place") }
}

/// Whether an instruction begins in that slot.
fn is_start(program: &WellFormed, slot: u32) -> bool {
    program.ops().get(slot as usize).is_some_and(|op| *op != Op::Second)
}

fn names<'a>(
    what: &'static str,
    longest: usize,
    names: impl Iterator<Item = &'a str>,
) -> Result<(), ModuleError> {
    let mut seen = BTreeSet::new();
    for name in names {
        let fine = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && name.len() <= longest;
        if !fine {
            return Err(ModuleError::BadName { what, name: name.to_owned() });
        }
        if !seen.insert(name) {
            return Err(ModuleError::SameName { what, name: name.to_owned() });
        }
    }
    Ok(())
}

fn text(what: &'static str, text: &str) -> Result<(), ModuleError> {
    if text.contains('\0') { Err(ModuleError::BadText { what }) } else { Ok(()) }
}
