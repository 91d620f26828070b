//! eBPF: encode ∘ decode on bytes and asm ∘ disasm on programs, legal or not, are identities.

use arbitrary::{Result, Unstructured};
use filterc_abi::Endian;
use filterc_ebpf::{DisasmOptions, assemble, decode, disassemble, encode};

use crate::generate::ebpf;

/// See the module.
///
/// # Errors
/// The bytes were used up.
pub fn property(u: &mut Unstructured<'_>) -> Result<()> {
    let endian = if u.arbitrary()? { Endian::Little } else { Endian::Big };
    let program = match u.int_in_range(0..=3)? {
        0 => {
            let bytes = u.bytes(u.len() / 2)?;
            match decode(bytes, endian) {
                Ok(program) => {
                    assert_eq!(encode(&program, endian), bytes);
                    program
                }
                Err(_) => return Ok(()),
            }
        }
        1 => ebpf::any(u)?,
        2 => ebpf::near_legal(u)?,
        _ => ebpf::sensible(u)?,
    };
    if !program.is_empty() {
        assert_eq!(decode(&encode(&program, endian), endian), Ok(program.clone()));
    }
    for plain in [true, false] {
        let text = disassemble(&program, &DisasmOptions { plain });
        match assemble(&text) {
            Ok(again) => assert_eq!(again, program, "{text}"),
            Err(error) => panic!("{error}\n{text}"),
        }
    }
    Ok(())
}
