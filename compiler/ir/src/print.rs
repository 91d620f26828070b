//! The DAG as text, and back.
//!
//! One node a line, children before parents, words separated by blanks:
//!
//! ```text
//! dag little
//! n0 = leaf kill_process
//! n1 = leaf allow                                            # rule 0
//! n2 = branch arg0:s32 & 0xff == 0x3 ? n1 : n0               # rule 0
//! n3 = branch word4 >= 0x10 ? n0 : n1                        # rules from 2
//! n4 = branch arg(0,1):u64 >= arg(2,3):u64 ? n0 : n1
//! n5 = branch word4 & 0xffff == word6 ? n0 : n1
//! n6 = branch arg0:s32 == param0:s32 ? n1 : n0
//! n7 = branch word5 == param1.hi ? n1 : n0
//! n8 = switch 0 -> n0 , 2 -> n2 , 5 -> n0
//! root x86_64+x32 0xc000003e n8
//! foreign n0
//! ```
//!
//! A root names the ABIs that share its token. A mask that covers all bits is not written. `# rule N` names the rule that a node is
//! there for, counted from 0; it is read back.

use std::fmt::{self, Write as _};

use filterc_abi::Endian;
use filterc_hir::types::Place;

use crate::dag::{Dag, Node, Origin};
pub use crate::parse::{ParseError, parse};
use crate::test::{Cmp, Half, Operand, Test, Word};

/// The DAG as text. [`parse`] reads it back to an equal one.
#[must_use]
pub fn print(dag: &Dag) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_dag(dag, &mut text);
    text
}

fn write_dag(dag: &Dag, out: &mut String) -> fmt::Result {
    let endian = match dag.endian() {
        Endian::Little => "little",
        Endian::Big => "big",
    };
    writeln!(out, "dag {endian}")?;
    for (id, node) in dag.iter() {
        write!(out, "{id} = {node}")?;
        match dag.origin(id) {
            Origin::Nobody => writeln!(out)?,
            Origin::Rule(rule) => writeln!(out, " # rule {}", rule.0)?,
            Origin::Several(rule) => writeln!(out, " # rules from {}", rule.0)?,
        }
    }
    for root in dag.roots() {
        writeln!(out, "root {} {:#x} {}", root.name(), root.audit_arch, root.node)?;
    }
    writeln!(out, "foreign {}", dag.foreign())
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaf(action) => write!(f, "leaf {action}"),
            Self::Branch { test, then, otherwise } => {
                write!(f, "branch {test} ? {then} : {otherwise}")
            }
            Self::Switch(cases) => {
                f.write_str("switch ")?;
                for (index, case) in cases.iter().enumerate() {
                    let comma = if index == 0 { "" } else { " , " };
                    write!(f, "{comma}{} -> {}", case.first, case.target)?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { field, mask, cmp, value } => {
                write!(f, "{field}")?;
                if *mask != field.mask() {
                    write!(f, " & {mask:#x}")?;
                }
                write!(f, " {cmp} {value:#x}")
            }
            Self::Fields { left, cmp, right, mask } => {
                write!(f, "{left}")?;
                if *mask != left.mask() {
                    write!(f, " & {mask:#x}")?;
                }
                write!(f, " {cmp} {right}")
            }
            Self::Word { word, mask, cmp, value } => {
                write!(f, "{word}")?;
                write_word_mask(f, *mask)?;
                write!(f, " {cmp} {value:#x}")
            }
            Self::Words { left, cmp, right, mask } => {
                write!(f, "{left}")?;
                write_word_mask(f, *mask)?;
                write!(f, " {cmp} {right}")
            }
        }
    }
}

fn write_word_mask(f: &mut fmt::Formatter<'_>, mask: u32) -> fmt::Result {
    if mask == u32::MAX { Ok(()) } else { write!(f, " & {mask:#x}") }
}

impl fmt::Display for Cmp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Eq => "==",
            Self::Ge => ">=",
        })
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.half_of() {
            Some(Half { param, high: false }) => write!(f, "param{param}.lo"),
            Some(Half { param, high: true }) => write!(f, "param{param}.hi"),
            None => match self.fact_word() {
                Some(position) => write!(f, "fact{position}"),
                None => write!(f, "word{}", self.index()),
            },
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place() {
            Place::Nr => f.write_str("nr")?,
            Place::Arch => f.write_str("arch")?,
            Place::InstructionPointer => f.write_str("instruction_pointer")?,
            Place::Arg(i) => write!(f, "arg{i}")?,
            Place::Pair { lo, hi } => write!(f, "arg({lo},{hi})")?,
            Place::Param(i) => write!(f, "param{i}")?,
            Place::Fact(fact) => f.write_str(fact.name())?,
            Place::Answer(i) => write!(f, "answer{i}")?,
        }
        write!(f, ":{}{}", if self.signed() { 's' } else { 'u' }, self.width())
    }
}
