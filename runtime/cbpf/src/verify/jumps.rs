//! Which instructions jump on a condition.

/// A conditional jump's code, with either source of its operand.
pub(super) const fn is_conditional_jump(code: u16) -> bool {
    use crate::insn::code::{JEQ, JGE, JGT, JMP, JSET, X};
    let operation = code & !X;
    operation == JMP | JEQ
        || operation == JMP | JGT
        || operation == JMP | JGE
        || operation == JMP | JSET
}
