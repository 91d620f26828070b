//! Assembly text to instructions.
//!
//! The syntax is LLVM's for BPF; what the kernel's verifier log writes differently is
//! understood, too:
//!
//! ```text
//! program = { line }                      one instruction a line; `;` starts a comment
//! line    = { LABEL ":" } [ insn ]
//! insn    = reg = ( reg | N )             r…: 64 bits, w…: 32
//!         | rN = ( N | symbol ) ll        64-bit constant
//!         | reg op= ( reg | N )           op: + - * / % s/ s% | & ^ << >> s>>
//!         | reg = -reg | reg = ( s8 | s16 | s32 ) reg
//!         | rN = ( le | be | bswap )( 16 | 32 | 64 ) rN
//!         | rN = *( type *)( rN + N )     type: u8 u16 u32 u64 s8 s16 s32
//!         | *( type *)( rN + N ) = ( reg | N )
//!         | lock *( type *)( rN + N ) op= reg                      op: + | & ^
//!         | reg = atomic_fetch_( add or and xor )(( type *)( rN + N ), reg )
//!         | rN = xchg_64( rN + N, rN )        | wN = xchg32_32( rN + N, wN )
//!         | r0 = cmpxchg_64( rN + N, r0, rN ) | w0 = cmpxchg32_32( rN + N, w0, wN )
//!         | if reg test ( reg | N ) goto target      test: == != > >= < <= s> s>= s< s<= &
//!         | goto target | gotol target | exit
//!         | call ( N | HELPER | target | kfunc[id:N] | kfunc[id:N fd:N] )
//!         | r0 = *( type *)skb[ rN + N ]  legacy: understood, and never run
//!         | .insn opcode , dst , src , offset , imm        any slot, legal or not
//! symbol  = map[fd:N] | map[fd:N][0]+N | map[idx:N] | map[idx:N][0]+N
//!         | btf[id:N] | btf[id:N fd:N] | subprog[target]
//! target  = LABEL | +N | -N               slots from the next one; also pc+N, pc-N
//! ```
//!
//! Numbers are decimal, `0x…` or `0b…`, and may be negative. The constant of a 64-bit
//! instruction is extended by its sign, so numbers from 2³¹ on are refused there. Labels are
//! not case-folded and may be used before they are defined.
//!
//! Guarantees that the text is understood as a whole or not at all, that every line but
//! `.insn` is an instruction of the RFC, and that the result does not depend on anything but
//! the text. Does not judge the program: [`crate::well_formed()`] does.

mod cursor;
pub mod error;
mod lexer;
mod operand;
mod parser;
mod value;

use std::collections::BTreeMap;

use crate::form;
use crate::insn::{MAX_INSNS, Program};
use crate::op::{Callee, Op, Symbol};
use cursor::Target;
use error::{AsmError, AsmKind};
use operand::Body;
use parser::Item;

/// Reads assembly text; an empty text is an empty program.
///
/// # Errors
/// The first fault, with its line and column.
pub fn assemble(text: &str) -> Result<Program, AsmError> {
    assemble_labelled(text).map(|(program, _)| program)
}

/// The same, with the slot of each label.
///
/// # Errors
/// The first fault, with its line and column.
pub fn assemble_labelled(text: &str) -> Result<(Program, BTreeMap<String, usize>), AsmError> {
    let mut items: Vec<(usize, Item)> = Vec::new();
    let mut labels = BTreeMap::new();
    let mut slots = 0;
    for (index, line) in text.lines().enumerate() {
        let parsed = parser::parse_line(line, index + 1)?;
        for (name, place) in parsed.labels {
            let first = labels.insert(name.clone(), (slots, place.line));
            if let Some((_, first)) = first {
                return Err(place.error(AsmKind::DuplicateLabel { name, first }));
            }
        }
        let Some(item) = parsed.item else { continue };
        let place = item.place;
        let at = slots;
        slots += item.slots();
        if slots > MAX_INSNS {
            return Err(place.error(AsmKind::TooLong));
        }
        items.push((at, item));
    }
    let mut program = Vec::with_capacity(slots);
    for (pc, item) in &items {
        resolve(*pc, item, &labels, &mut program)?;
    }
    Ok((program, labels.into_iter().map(|(name, (slot, _))| (name, slot)).collect()))
}

type Labels = BTreeMap<String, (usize, usize)>;

/// Appends an instruction, its distance put in.
fn resolve(pc: usize, item: &Item, labels: &Labels, program: &mut Program) -> Result<(), AsmError> {
    let op = match &item.body {
        Body::Raw(insn) => {
            program.push(*insn);
            return Ok(());
        }
        Body::Op(op, None) => *op,
        Body::Op(op, Some(target)) => aim(pc, *op, target, labels)?,
    };
    let (insn, second) = form::write(op);
    match form::read(insn, second) {
        Ok(_) => {
            program.push(insn);
            program.extend(second);
            Ok(())
        }
        Err(kind) => Err(item.place.error(AsmKind::NoSuchInsn(kind))),
    }
}

fn aim(pc: usize, op: Op, target: &Target, labels: &Labels) -> Result<Op, AsmError> {
    let (distance, name, place) = match target {
        Target::Skip(distance, place) => (i64::from(*distance), format!("{distance:+}"), *place),
        Target::Label(name, place) => {
            let Some((at, _)) = labels.get(name) else {
                return Err(place.error(AsmKind::UndefinedLabel { name: name.clone() }));
            };
            let position = |slot: usize| i64::try_from(slot).unwrap_or(i64::MAX);
            (position(*at) - position(pc) - 1, name.clone(), *place)
        }
    };
    let aimed = i32::try_from(distance).ok().and_then(|distance| with_distance(op, distance));
    aimed.ok_or_else(|| place.error(AsmKind::JumpTooFar { name, distance }))
}

/// The instruction with that distance, if its field can say it.
fn with_distance(op: Op, distance: i32) -> Option<Op> {
    Some(match op {
        Op::Goto(_) => Op::Goto(distance.try_into().ok()?),
        Op::Jump { width, left, test, right, .. } => {
            Op::Jump { width, left, test, right, distance: distance.try_into().ok()? }
        }
        Op::GotoLong(_) => Op::GotoLong(distance),
        Op::Call(_) => Op::Call(Callee::Function(distance)),
        Op::Address(dst, _) => Op::Address(dst, Symbol::Function(distance)),
        Op::Alu(..)
        | Op::Mov(..)
        | Op::MovSx(..)
        | Op::Neg(..)
        | Op::Swap(..)
        | Op::Wide(..)
        | Op::Load { .. }
        | Op::Store { .. }
        | Op::Atomic { .. }
        | Op::Exit
        | Op::Packet(..)
        | Op::Second => op,
    })
}
