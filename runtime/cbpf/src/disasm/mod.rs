//! Instructions to assembly text.
//!
//! Guarantees that the text, plain or rich, assembles again to the identical program: what
//! has no exact spelling (unknown codes, unused fields that are not zero) becomes `.insn`.
//! The rich form says the rest in comments: index and raw fields of each instruction, and
//! what it means for seccomp as far as a forward pass over the program can tell (`flow`):
//! which ABI and call the way to it has singled out, what A holds, and so the names of
//! calls, arguments, constants and errors.
//!
//! The comments are a reader's aid: they judge nothing, and may say less than could be known.

mod comment;
mod flow;
mod listing;
mod options;
mod targets;

use std::fmt::Write as _;

use filterc_abi::Action;

use crate::form::{self, Shape};
use crate::insn::Insn;
use targets::targets;

pub use listing::listing;
pub use options::DisasmOptions;

/// Column at which the comments of the rich form start.
const COMMENT_COLUMN: usize = 40;

/// Writes any program, legal or not, as assembly text.
#[must_use]
pub fn disassemble(program: &[Insn], options: &DisasmOptions) -> String {
    let labelled = labelled(program);
    let states = if options.plain { Vec::new() } else { flow::states(program, options) };
    let tested = flow::tested_tokens(program, &states);
    let mut text = String::new();
    for (pc, insn) in program.iter().enumerate() {
        let is_target = labelled.get(pc).copied().unwrap_or(false);
        let label = if is_target { format!("L{pc}:") } else { String::new() };
        let mut line = format!("{label:<8}{}", spell(program.len(), pc, *insn, options.plain));
        if !options.plain {
            let Insn { code, jt, jf, k } = *insn;
            let _infallible = write!(
                line,
                "{:w$} ; {pc:4}  {code:02x} {jt:02x} {jf:02x} {k:08x}",
                "",
                w = COMMENT_COLUMN.saturating_sub(line.chars().count())
            );
            let state = states.get(pc).and_then(Option::as_ref);
            let meaning = comment::comment(*insn, state, &tested, options);
            if !meaning.is_empty() {
                line.push_str("  ");
                line.push_str(&meaning);
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Which instructions some jump goes to.
fn labelled(program: &[Insn]) -> Vec<bool> {
    let mut labelled = vec![false; program.len()];
    for (pc, insn) in program.iter().enumerate() {
        for target in targets(pc, *insn) {
            if let Some(slot) = labelled.get_mut(target) {
                *slot = true;
            }
        }
    }
    labelled
}

/// One instruction without its label.
fn spell(length: usize, pc: usize, insn: Insn, plain: bool) -> String {
    let Insn { code, jt, jf, k } = insn;
    let Some(form) = form::of(code).filter(|form| form.is_whole(insn)) else {
        return format!(".insn {code:#x}, {jt}, {jf}, {k:#x}");
    };
    let target = |distance: u32| match (pc + 1).saturating_add(distance as usize) {
        target if target < length => format!("L{target}"),
        _ => format!("+{distance}"),
    };
    let name = form.mnemonic;
    match form.shape {
        Shape::None => name.to_owned(),
        Shape::A => format!("{name} a"),
        Shape::X => format!("{name} x"),
        Shape::Imm if name == "ret" && !plain => format!("ret {}", spell_return(k)),
        Shape::Imm => format!("{name} #{k:#x}"),
        Shape::Len => format!("{name} #len"),
        Shape::Abs => format!("{name} [{k}]"),
        Shape::Ind => format!("{name} [x + {k}]"),
        Shape::Mem => format!("{name} M[{k}]"),
        Shape::Msh => format!("{name} 4*([{k}]&0xf)"),
        Shape::Target => format!("{name} {}", target(k)),
        Shape::JumpK => {
            format!("{name} #{k:#x}, {}, {}", target(jt.into()), target(jf.into()))
        }
        Shape::JumpX => format!("{name} x, {}, {}", target(jt.into()), target(jf.into())),
    }
}

/// The action, where its name stands for exactly this value.
fn spell_return(k: u32) -> String {
    let action = Action::from_ret(k);
    if action.to_ret() == k { action.to_string() } else { format!("#{k:#x}") }
}
