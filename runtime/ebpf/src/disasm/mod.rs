//! Instructions to assembly text.
//!
//! Guarantees that the text, plain or rich, assembles again to the identical program: what
//! has no exact spelling (unknown opcodes, unused fields that are not zero) becomes `.insn`.
//! The rich form says the rest in comments: index and raw bytes of each slot, and the names of
//! helpers.

mod spell;

use std::fmt::Write as _;

use filterc_abi::Endian;

use crate::encode::encode_insn;
use crate::form;
use crate::helper::Helper;
use crate::insn::Insn;
use crate::op::{Callee, Op, Symbol};

/// How to disassemble. The default is the rich form.
#[derive(Clone, Copy, Debug, Default)]
pub struct DisasmOptions {
    /// Instructions and labels only, without comments.
    pub plain: bool,
}

/// Column at which the comments of the rich form start.
const COMMENT_COLUMN: usize = 48;

/// Writes any program, legal or not, as assembly text.
#[must_use]
pub fn disassemble(program: &[Insn], options: &DisasmOptions) -> String {
    let ops = read_all(program);
    let labelled = labelled(&ops);
    let mut text = String::new();
    for (pc, (insn, op)) in program.iter().zip(&ops).enumerate() {
        if *op == Some(Op::Second) {
            continue;
        }
        let has_label = |pc: usize| labelled.get(pc).copied().unwrap_or(false);
        let label = if has_label(pc) { format!("L{pc}:") } else { String::new() };
        let body = match op {
            Some(op) => spell::op(*op, &target(pc, *op, &has_label)),
            None => spell::raw(*insn),
        };
        let mut line = format!("{label:<8}{body}");
        if !options.plain {
            let width = COMMENT_COLUMN.saturating_sub(line.chars().count());
            let _infallible = write!(line, "{:width$} ; {pc:4} ", "");
            let slots = op.map_or(1, Op::slots);
            for byte in program.iter().skip(pc).take(slots).flat_map(bytes) {
                let _infallible = write!(line, " {byte:02x}");
            }
            if let Some(Op::Call(Callee::Helper(id))) = op
                && let Some(helper) = Helper::new(*id)
            {
                let _infallible = write!(line, "  {}", helper.name());
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn bytes(insn: &Insn) -> [u8; 8] {
    encode_insn(*insn, Endian::Little)
}

/// What is in each slot, as far as it can be written as an instruction.
fn read_all(program: &[Insn]) -> Vec<Option<Op>> {
    let mut ops = Vec::with_capacity(program.len());
    while let Some(insn) = program.get(ops.len()) {
        let op = form::read(*insn, program.get(ops.len() + 1).copied()).ok();
        ops.push(op);
        if op.is_some_and(|op| op.slots() == 2) {
            ops.push(Some(Op::Second));
        }
    }
    ops
}

/// Which slots some jump or call goes to: those that begin an instruction.
fn labelled(ops: &[Option<Op>]) -> Vec<bool> {
    let mut labelled = vec![false; ops.len()];
    for (pc, op) in ops.iter().enumerate() {
        let Some(at) = op.and_then(|op| destination(pc, op)) else { continue };
        if ops.get(at).is_some_and(|op| *op != Some(Op::Second))
            && let Some(slot) = labelled.get_mut(at)
        {
            *slot = true;
        }
    }
    labelled
}

/// Where an instruction leads, be it inside the program or not.
fn destination(pc: usize, op: Op) -> Option<usize> {
    let distance = isize::try_from(op.distance()?).ok()?;
    (pc + 1).checked_add_signed(distance)
}

/// How the destination of an instruction is written.
fn target(pc: usize, op: Op, has_label: &impl Fn(usize) -> bool) -> String {
    match (destination(pc, op), op.distance()) {
        (Some(at), _) if has_label(at) => format!("L{at}"),
        (_, Some(distance)) => {
            let calls = matches!(op, Op::Call(_) | Op::Address(_, Symbol::Function(_)));
            format!("{}{distance:+}", if calls { "pc" } else { "" })
        }
        (_, None) => String::new(),
    }
}
