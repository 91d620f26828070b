//! Assembly text to instructions.
//!
//! The syntax is that of the kernel's own `bpf_asm`, with names for actions:
//!
//! ```text
//! program = { line }                     one instruction a line; `;` starts a comment
//! line    = { LABEL ":" } [ [ ".repeat" N ] insn ]
//! insn    = ld  ( [k] | [x + k] | #k | #len | M[k] )     ldh, ldb: [k] | [x + k]
//!         | ldx ( #k | #len | M[k] )                     ldxb 4*([k]&0xf)
//!         | st M[k] | stx M[k] | tax | txa | neg
//!         | ( add sub mul div mod and or xor lsh rsh ) ( #k | x )
//!         | jmp target                                   also `ja`
//!         | ( jeq jgt jge jset ) ( #k | x ) , target [ , target ]
//!         | ( jne jlt jle ) ( #k | x ) , target [ , target ]
//!         | ret ( #k | a | action )
//!         | .insn code , jt , jf , k                     any instruction, legal or not
//! target  = LABEL | "+" N                                N instructions are skipped
//! action  = allow | log | notify | trace[(N)] | trap[(N)] | errno(N or NAME)
//!         | kill_thread | kill_process | kill
//! ```
//!
//! A conditional jump without its last target goes on with the next instruction. `jne`,
//! `jlt` and `jle` are `jeq`, `jge` and `jgt` with the targets in the other order. Numbers are
//! decimal, `0x…` or `0b…`; a `k` may be negative. `ldi`, `ldxi` and `jneq` are known too.
//! Labels are not case-folded, may be used before they are defined, and must lie ahead.
//!
//! Guarantees that the text is understood as a whole or not at all, and that the result
//! does not depend on anything but the text. Does not judge the program: text can say
//! everything that bytes can, the illegal included, and [`crate::verify()`] judges.

pub mod error;
mod lexer;
mod parser;

use std::collections::BTreeMap;

use crate::insn::{Insn, Program};
use error::{AsmError, AsmKind, Place};
use parser::{Item, Target, Targets};

pub use error::MAX_ASSEMBLED;

/// Reads assembly text; an empty text is an empty program.
///
/// # Errors
/// The first fault, with its line and column.
pub fn assemble(text: &str) -> Result<Program, AsmError> {
    let mut items = Vec::new();
    let mut labels = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let parsed = parser::parse_line(line, index + 1)?;
        for (name, place) in parsed.labels {
            let first = labels.insert(name.clone(), (items.len(), place.line));
            if let Some((_, first)) = first {
                return Err(place.error(AsmKind::DuplicateLabel { name, first }));
            }
        }
        let Some(item) = parsed.item else { continue };
        if items.len() + item.repeat > MAX_ASSEMBLED {
            return Err(item.place.error(AsmKind::TooLong));
        }
        items.extend(std::iter::repeat_n(item.clone(), item.repeat));
    }
    items.iter().enumerate().map(|(pc, item)| resolve(pc, item, &labels)).collect()
}

type Labels = BTreeMap<String, (usize, usize)>;

/// Puts the distances of its targets into an instruction.
fn resolve(pc: usize, item: &Item, labels: &Labels) -> Result<Insn, AsmError> {
    let mut insn = item.insn;
    match &item.targets {
        Targets::None => {}
        Targets::Always(target) => insn.k = distance(pc, target, labels)?.0,
        Targets::Either { jt, jf } => {
            insn.jt = short_distance(pc, jt, labels)?;
            insn.jf = short_distance(pc, jf, labels)?;
        }
    }
    Ok(insn)
}

fn short_distance(pc: usize, target: &Target, labels: &Labels) -> Result<u8, AsmError> {
    let (distance, place) = distance(pc, target, labels)?;
    u8::try_from(distance).map_err(|_| {
        let name = match target {
            Target::Label(name, _) => name.clone(),
            Target::Skip(count, _) => format!("+{count}"),
        };
        place.error(AsmKind::JumpTooFar { name, distance: distance as usize })
    })
}

fn distance(pc: usize, target: &Target, labels: &Labels) -> Result<(u32, Place), AsmError> {
    let (name, place) = match target {
        Target::Skip(count, place) => return Ok((*count, *place)),
        Target::Label(name, place) => (name, *place),
    };
    let Some((at, _)) = labels.get(name) else {
        return Err(place.error(AsmKind::UndefinedLabel { name: name.clone() }));
    };
    at.checked_sub(pc + 1)
        .and_then(|distance| u32::try_from(distance).ok())
        .map(|distance| (distance, place))
        .ok_or_else(|| place.error(AsmKind::BackwardJump { name: name.clone() }))
}
