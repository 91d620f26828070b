//! decode ∘ encode is the identity on programs, and encode ∘ decode on bytes.

use arbitrary::{Result, Unstructured};
use filterc_abi::Endian;
use filterc_cbpf::{decode, encode};

use crate::generate::program;

/// See the module.
///
/// # Errors
/// The bytes were used up.
pub fn property(u: &mut Unstructured<'_>) -> Result<()> {
    let endian = if u.arbitrary()? { Endian::Little } else { Endian::Big };
    let program = if u.arbitrary()? { program::any(u)? } else { program::legal(u)? };
    let bytes = encode(&program, endian);
    assert_eq!(bytes.len(), program.len() * 8);
    if !program.is_empty() {
        assert_eq!(decode(&bytes, endian).expect("encoded programs decode"), program);
    }
    let bytes = u.bytes(u.len())?;
    if let Ok(program) = decode(bytes, endian) {
        assert_eq!(encode(&program, endian), bytes);
    }
    Ok(())
}
