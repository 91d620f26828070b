//! A module is read from its object file as it was written, in both byte orders; and whatever
//! becomes of the file, reading it gives a module that fits together, or an error.

use arbitrary::{Result, Unstructured};
use filterc_abi::Endian;
use filterc_ebpf::consistent;
use filterc_object::{read, write};

use crate::generate::ebpf;

/// See the module.
///
/// # Errors
/// The bytes were used up.
pub fn property(u: &mut Unstructured<'_>) -> Result<()> {
    let endian = if u.arbitrary()? { Endian::Little } else { Endian::Big };
    let module = ebpf::module(u)?;
    let mut bytes = match write(&module, endian) {
        Ok(bytes) => bytes,
        Err(error) => panic!("{error}\n{module:?}"),
    };
    assert_eq!(read(&bytes), Ok((module, endian)));
    for _ in 0..4 {
        damage(u, &mut bytes)?;
        if let Ok((module, endian)) = read(&bytes) {
            assert!(consistent(&module).is_ok());
            // What was read can be written, but for what files cannot say.
            if let Ok(again) = write(&module, endian) {
                assert_eq!(read(&again), Ok((module, endian)));
            }
        }
    }
    let noise = u.bytes(u.len() / 2)?;
    let _ = read(noise);
    Ok(())
}

fn damage(u: &mut Unstructured<'_>, bytes: &mut Vec<u8>) -> Result<()> {
    let at = u.int_in_range(0..=bytes.len().max(1) - 1)?;
    match u.int_in_range(0..=3)? {
        0 => bytes.truncate(at),
        1 => {
            let part: [u8; 4] = u.arbitrary()?;
            for (byte, new) in bytes.iter_mut().skip(at).zip(part) {
                *byte = new;
            }
        }
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = u.arbitrary()?;
            }
        }
    }
    Ok(())
}
