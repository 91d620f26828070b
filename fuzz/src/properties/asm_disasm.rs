//! asm ∘ disasm is the identity on every program, legal or not, in both forms.

use arbitrary::{Result, Unstructured};
use filterc_abi::Endian;
use filterc_cbpf::{DisasmOptions, assemble, disassemble};

use crate::generate::program;

/// See the module.
///
/// # Errors
/// The bytes were used up.
pub fn property(u: &mut Unstructured<'_>) -> Result<()> {
    let program = match u.int_in_range(0..=2)? {
        0 => program::any(u)?,
        1 => program::near_legal(u)?,
        _ => program::legal(u)?,
    };
    for plain in [true, false] {
        let text = disassemble(&program, &DisasmOptions { plain, endian: Endian::HOST, abi: None });
        match assemble(&text) {
            Ok(again) => assert_eq!(again, program, "{text}"),
            Err(error) => panic!("{error}\n{text}"),
        }
    }
    Ok(())
}
