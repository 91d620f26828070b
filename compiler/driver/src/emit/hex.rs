//! Hexadecimal text, for eyes and for tools such as `xxd -r -p`.

use std::fmt::Write as _;

pub(super) fn text(bytes: &[u8]) -> String {
    let mut out = String::new();
    for insn in bytes.chunks(8) {
        for byte in insn {
            // Writing to a string cannot fail.
            let _ = write!(out, "{byte:02x}");
        }
        out.push('\n');
    }
    out
}
