//! How long a filter is for the kernel: it converts every filter to instructions of eBPF
//! (`bpf_convert_filter`), and these are what its limit for all filters of a thread counts.
//!
//! | classic | converted |
//! |---|---|
//! | the beginning (A and X to 0, the context kept) | 3 |
//! | `ret #k` | 2, as the value is moved first |
//! | a conditional jump that has the next instruction on one side | 1 |
//! | … and with neither, or `jset` without a jump if it does not hold | 2 |
//! | … by a constant from 2³¹ on, which no immediate holds | 1 more |
//! | `div x`, which looks at X first | 5 |
//! | anything else | 1 |
//!
//! Constant blinding (`bpf_jit_harden`) makes it longer still.

use crate::insn::{Insn, code};
use crate::verify::Verified;

/// The kernel's limit for a thread's filters: the newest one's converted instructions, and of
/// each older one these and [`CHAINED`].
pub const MAX_INSNS_PER_PATH: usize = 32768;

/// What the kernel adds for each older filter.
pub const CHAINED: usize = 4;

/// What every converted filter begins with.
const BEGINNING: usize = 3;

/// Instructions of the filter after conversion.
#[must_use]
pub fn converted_len(filter: &Verified) -> usize {
    BEGINNING + filter.insns().iter().map(converted).sum::<usize>()
}

/// Instructions that one becomes.
#[must_use]
pub const fn converted(insn: &Insn) -> usize {
    match insn.code & 0x07 {
        code::RET if insn.code & 0x18 == code::K => 2,
        code::JMP if insn.code & 0xf0 == code::JA => 1,
        code::JMP => {
            let is_constant = insn.code & 0x08 == code::K;
            let wide = if is_constant && insn.k >= 1 << 31 { 1 } else { 0 };
            let can_be_negated = insn.code & 0xf0 != code::JSET;
            let short = insn.jf == 0 || (insn.jt == 0 && can_be_negated);
            wide + if short { 1 } else { 2 }
        }
        code::ALU if insn.code == code::ALU | code::DIV | code::X => 5,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::{assemble, verify};

    #[test]
    fn each_instruction_has_its_length() {
        let len = |text: &str| converted_len(&verify(&assemble(text).unwrap()).unwrap());
        let ret = 5;
        assert_eq!(len("ret #0"), ret);
        assert_eq!(len("ld [0]\nret a"), 5);
        assert_eq!(len("ld #1\ntax\ndiv x\nret #0"), ret + 7);
        assert_eq!(len("ja +0\nret #0"), ret + 1);
        for (jump, long) in [
            ("jeq #1, +0, +1", 1),
            ("jeq #1, +1, +0", 1),
            ("jeq #0x80000000, +1, +0", 2),
            ("jge x, +0, +1", 1),
            ("jset #1, +1, +0", 1),
            ("jset #1, +0, +1", 2),
            ("jset #0x80000000, +0, +1", 3),
            ("jgt #1, +1, +2", 2),
            ("jgt #0xffffffff, +1, +2", 3),
        ] {
            assert_eq!(len(&format!("{jump}\nret #0\nret #0\nret #0")), 3 + 3 * 2 + long, "{jump}");
        }
    }
}
