//! The kernel's answers to what programs ask of its structures, put into their instructions, as
//! libbpf does it (CO-RE).

use std::collections::BTreeMap;
use std::fmt;

use super::kind;
use super::read::Btf;
use crate::field::{Field, FieldUse, Question, Shape, essential};
use crate::module::{Module, Unit};

/// Why a program does not fit a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelocateError {
    /// The program's name.
    pub unit: String,
    /// The member that is asked for, as `structure.member.member`.
    pub field: String,
    /// What is wrong with it.
    pub why: Mismatch,
}

/// What is wrong with a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The kernel has no structure of that name.
    NoStructure,
    /// None of its structures of that name has such a member.
    NoMember,
    /// It holds something else there, or a number of another width.
    OtherShape,
    /// It has several structures of that name, with the member at different places.
    Ambiguous,
    /// The instruction has no room for the offset.
    TooFar,
}

impl fmt::Display for RelocateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { unit, field, why } = self;
        let why = match why {
            Mismatch::NoStructure => "has no such structure",
            Mismatch::NoMember => "has no such member",
            Mismatch::OtherShape => "holds something else there, or a number of another width",
            Mismatch::Ambiguous => "has several such structures, with the member at other places",
            Mismatch::TooFar => "has it farther away than the instruction can say",
        };
        write!(f, "program `{unit}` reads `{field}`, but the kernel {why}")
    }
}

impl std::error::Error for RelocateError {}

/// How deep structures without names are looked into, and how long a chain of names may be.
const MAX_NESTING: u32 = 16;

/// A module for the kernel with these types: nothing is asked of it any more.
///
/// # Errors
/// The first question that the kernel has no answer to. That a member is not there is an answer
/// to [`Question::Exists`].
pub fn relocate(module: &Module, kernel: &Btf<'_>) -> Result<Module, RelocateError> {
    let mut structures: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for it in module.units.iter().flat_map(|unit| &unit.fields) {
        structures.entry(essential(&it.field.structure)).or_default();
    }
    for (id, found) in kernel.types().filter(|(_, found)| found.kind == kind::STRUCT) {
        if let Some(known) = structures.get_mut(essential(found.name)) {
            known.push(id);
        }
    }
    let mut relocated = module.clone();
    for unit in &mut relocated.units {
        for it in std::mem::take(&mut unit.fields) {
            let candidates = structures.get(essential(&it.field.structure));
            let answer = answer(kernel, candidates.map_or(&[], Vec::as_slice), &it);
            let put = answer.and_then(|answer| put(unit, &it, answer));
            put.map_err(|why| RelocateError {
                unit: unit.name.clone(),
                field: it.field.to_string(),
                why,
            })?;
        }
    }
    Ok(relocated)
}

fn put(unit: &mut Unit, it: &FieldUse, answer: u32) -> Result<(), Mismatch> {
    let insn = unit.insns.get_mut(it.slot as usize).ok_or(Mismatch::TooFar)?;
    *insn = insn.with_field(answer).ok_or(Mismatch::TooFar)?;
    Ok(())
}

fn answer(kernel: &Btf<'_>, candidates: &[u32], it: &FieldUse) -> Result<u32, Mismatch> {
    let mut found = Err(Mismatch::NoStructure);
    for candidate in candidates {
        let offset = offset(kernel, *candidate, &it.field);
        found = match (found, offset) {
            (Ok(one), Ok(other)) if one != other => return Err(Mismatch::Ambiguous),
            // What one of them lacks, another may have.
            (Err(Mismatch::OtherShape), Err(_)) => Err(Mismatch::OtherShape),
            (Ok(offset), _) | (Err(_), Ok(offset)) => Ok(offset),
            (Err(_), Err(why)) => Err(why),
        };
    }
    match it.question {
        Question::Offset => found,
        Question::Exists => Ok(u32::from(found.is_ok())),
    }
}

/// The offset of a member in a structure of the kernel.
fn offset(kernel: &Btf<'_>, structure: u32, field: &Field) -> Result<u32, Mismatch> {
    let mut sum: u32 = 0;
    let mut inside = structure;
    for step in &field.steps {
        let (offset, of) =
            member(kernel, inside, &step.name, MAX_NESTING).ok_or(Mismatch::NoMember)?;
        if !holds(kernel, of, &step.shape) {
            return Err(Mismatch::OtherShape);
        }
        sum = sum.checked_add(offset).ok_or(Mismatch::TooFar)?;
        inside = of;
    }
    Ok(sum)
}

/// Whether a type is what a module takes it for.
fn holds(kernel: &Btf<'_>, of: u32, shape: &Shape) -> bool {
    let Some(of) = kernel.followed(of) else { return false };
    match shape {
        Shape::Pointer => of.kind == kind::PTR,
        Shape::Number(bytes) => {
            matches!(of.kind, kind::INT | kind::ENUM | kind::ENUM64) && of.size_or_type == *bytes
        }
        Shape::Structure(_) => matches!(of.kind, kind::STRUCT | kind::UNION),
    }
}

/// The byte offset of a member and its type, also in structures and unions without names.
fn member(kernel: &Btf<'_>, of: u32, name: &str, nesting: u32) -> Option<(u32, u32)> {
    let found = kernel.get(of)?;
    let deeper = nesting.checked_sub(1);
    if kind::is_alias(found.kind) {
        return member(kernel, found.size_or_type, name, deeper?);
    }
    if !matches!(found.kind, kind::STRUCT | kind::UNION) {
        return None;
    }
    found.members().find_map(|it| {
        if kernel.string(it.name)? == name {
            // Bits of a number are not what is asked for.
            return (it.bits == 0 && it.bit_offset.is_multiple_of(8))
                .then_some((it.bit_offset / 8, it.of));
        }
        let deeper = deeper.filter(|_| it.name == 0)?;
        let (below, of) = member(kernel, it.of, name, deeper)?;
        Some(((it.bit_offset / 8).checked_add(below)?, of))
    })
}
