//! Any bytes as a program: decoding, verifying, disassembling and, if they verify,
//! interpreting never panic, and a verified program ends.

use arbitrary::{Result, Unstructured};
use filterc_abi::{Endian, SeccompData};
use filterc_cbpf::{DisasmOptions, decode, disassemble, interpret_counted, verify};

use crate::generate::program;

/// See the module.
///
/// # Errors
/// The bytes were used up.
pub fn property(u: &mut Unstructured<'_>) -> Result<()> {
    let endian = if u.arbitrary()? { Endian::Little } else { Endian::Big };
    let program = match u.int_in_range(0..=3)? {
        0 => match decode(u.bytes(u.len() / 2)?, endian) {
            Ok(program) => program,
            Err(_) => return Ok(()),
        },
        1 => program::any(u)?,
        2 => program::near_legal(u)?,
        _ => program::legal(u)?,
    };
    for plain in [true, false] {
        let _ = disassemble(&program, &DisasmOptions { plain, endian, abi: None });
    }
    let Ok(verified) = verify(&program) else { return Ok(()) };
    for _ in 0..8 {
        let call = SeccompData {
            nr: u.arbitrary()?,
            arch: u.arbitrary()?,
            instruction_pointer: u.arbitrary()?,
            args: u.arbitrary()?,
        };
        let outcome = interpret_counted(&verified, &call, endian);
        assert!(outcome.steps as usize <= program.len(), "jumps go forward only");
        let _ = filterc_cbpf::const_allow(&verified, call.nr, call.arch);
    }
    Ok(())
}
