//! Constants as a message shows them: by their names, where they have one.

use filterc_grammar::ast::{Constant, ConstantKind};

/// The name that a constant is, perhaps in parentheses.
pub(crate) fn lone_name(constant: &Constant) -> Option<&str> {
    match &constant.kind {
        ConstantKind::Name(name) => Some(name),
        ConstantKind::Paren(inner) => lone_name(inner),
        ConstantKind::Integer(_)
        | ConstantKind::Complement(_)
        | ConstantKind::Negate(_)
        | ConstantKind::Binary(..)
        | ConstantKind::Error => None,
    }
}

/// A bit pattern: `` `O_CREAT` (0x40) ``, or the number alone.
pub(crate) fn bits(constant: &Constant, bits: u64) -> String {
    match lone_name(constant) {
        Some(name) => format!("`{name}` ({bits:#x})"),
        None => format!("{bits:#x}"),
    }
}
