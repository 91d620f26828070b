//! What programs ask of the kernel's structures (CO-RE): where a member is, which differs between
//! kernels, and is put in when a program is loaded.
//!
//! A file says it by its own idea of the structures, which need have no more than the members
//! that are asked for; the loader looks for structures and members of these names in the types
//! of the kernel.

use std::collections::BTreeMap;
use std::fmt;

use filterc_abi::members;

use crate::insn::{Insn, code};

/// What is asked of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// Its byte offset (`BPF_CORE_FIELD_BYTE_OFFSET`).
    Offset,
    /// Whether there is one: 1, or 0 (`BPF_CORE_FIELD_EXISTS`).
    Exists,
}

impl Question {
    /// The number in files.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Offset => 0,
            Self::Exists => 2,
        }
    }

    /// The question with that number.
    #[must_use]
    pub fn of_number(number: u32) -> Option<Self> {
        [Self::Offset, Self::Exists].into_iter().find(|question| question.number() == number)
    }
}

/// What a member holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// An address.
    Pointer,
    /// A number of 1, 2, 4 or 8 bytes.
    Number(u32),
    /// A structure of that name.
    Structure(String),
}

/// A member of a structure.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Its byte offset, as far as whoever made the program knows.
    pub offset: u32,
    /// What it holds.
    pub shape: Shape,
}

/// A member of a structure, or of one in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// The structure; what follows `___` in its name is the file's own affair.
    pub structure: String,
    /// The way to the member: each step but the last leads to a structure.
    pub steps: Vec<Step>,
}

impl Field {
    /// The byte offset, as far as whoever made the program knows.
    #[must_use]
    pub fn offset(&self) -> u32 {
        self.steps.iter().fold(0, |sum, step| sum.saturating_add(step.offset))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", essential(&self.structure))?;
        self.steps.iter().try_for_each(|step| write!(f, ".{}", step.name))
    }
}

impl From<&members::Path> for Field {
    fn from(path: &members::Path) -> Self {
        let step = |member: &members::Member| Step {
            name: member.name.to_owned(),
            offset: member.offset,
            shape: match member.shape {
                members::Shape::Pointer => Shape::Pointer,
                members::Shape::Number(bytes) => Shape::Number(bytes),
                members::Shape::Structure(name) => Shape::Structure(name.to_owned()),
            },
        };
        Self {
            structure: path.structure.to_owned(),
            steps: path.members.iter().map(step).collect(),
        }
    }
}

/// An instruction whose constant, or whose offset, is the answer to a question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldUse {
    /// The slot.
    pub slot: u32,
    /// The question.
    pub question: Question,
    /// What it is about.
    pub field: Field,
}

impl FieldUse {
    /// What the instruction holds before it is loaded.
    #[must_use]
    pub fn held(&self) -> u32 {
        match self.question {
            Question::Offset => self.field.offset(),
            Question::Exists => 1,
        }
    }
}

/// The name of a structure without what is the file's own affair.
#[must_use]
pub fn essential(name: &str) -> &str {
    name.split_once("___").map_or(name, |(name, _)| name)
}

/// A structure as a module knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known<'a> {
    /// Members in the order of their offsets: name and what it holds.
    pub(crate) members: Vec<(u32, &'a str, &'a Shape)>,
    /// Its bytes.
    pub(crate) size: u32,
}

/// Offsets beyond this are no member's.
const MAX_OFFSET: u32 = 1 << 20;

/// All structures that these fields are about, each behind those that it holds.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn structures<'a>(
    fields: impl Iterator<Item = &'a Field>,
) -> Result<Vec<(&'a str, Known<'a>)>, &'static str> {
    let mut open: BTreeMap<&str, BTreeMap<&str, &Step>> = BTreeMap::new();
    for field in fields {
        let mut inside = Some(field.structure.as_str());
        for step in &field.steps {
            let of = inside.ok_or("a member of what is no structure is asked for")?;
            let known = open.entry(of).or_default().entry(&step.name).or_insert(step);
            if *known != step {
                return Err("a member of a structure is at two places");
            }
            if step.offset > MAX_OFFSET {
                return Err("a member is too far from the start of its structure");
            }
            inside = if let Shape::Structure(name) = &step.shape { Some(name) } else { None };
        }
        if field.steps.is_empty() {
            return Err("no member of a structure is asked for");
        }
        if let Some(name) = inside {
            open.entry(name).or_default();
        }
    }
    let mut done: Vec<(&str, Known<'a>)> = Vec::new();
    while !open.is_empty() {
        let ready = open.iter().find_map(|(name, members)| Some((*name, known(members, &done)?)));
        let (name, known) = ready.ok_or("a structure holds itself")?;
        open.remove(name);
        done.push((name, known));
    }
    Ok(done)
}

/// A structure whose members' structures are all known.
fn known<'a>(
    members: &BTreeMap<&'a str, &'a Step>,
    done: &[(&str, Known<'a>)],
) -> Option<Known<'a>> {
    let mut found = Known::default();
    for (name, step) in members {
        let size = match &step.shape {
            Shape::Pointer => 8,
            Shape::Number(bytes) => *bytes,
            Shape::Structure(name) => done.iter().find(|(known, _)| known == name)?.1.size,
        };
        found.members.push((step.offset, name, &step.shape));
        found.size = found.size.max(step.offset.saturating_add(size));
    }
    found.members.sort_unstable_by_key(|(offset, name, _)| (*offset, *name));
    Some(found)
}

impl Insn {
    /// What it holds where the answer to a question goes: the constant of an operation, or the
    /// offset of a load or store.
    #[must_use]
    pub fn field(&self) -> Option<u32> {
        match self.opcode & code::CLASS {
            code::ALU | code::ALU64 => {
                let operation = self.opcode & code::OPERATION;
                let holds = self.opcode & code::X == 0;
                let holds = holds && ![code::NEG, code::END].contains(&operation);
                holds.then(|| self.imm.cast_unsigned())
            }
            code::LDX | code::ST | code::STX => u32::try_from(self.offset).ok(),
            _ => None,
        }
    }

    /// The instruction with that answer; `None` where it has no room for it.
    #[must_use]
    pub fn with_field(self, answer: u32) -> Option<Self> {
        self.field()?;
        match self.opcode & code::CLASS {
            code::ALU | code::ALU64 => Some(Self { imm: i32::try_from(answer).ok()?, ..self }),
            _ => Some(Self { offset: i16::try_from(answer).ok()?, ..self }),
        }
    }
}
