//! Programs in the manner of other compilers, made here: how they ask, not what they allow.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use filterc_cbpf::{Verified, assemble, verify};

fn assembled(text: &str) -> Verified {
    let program = assemble(text).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    verify(&program).unwrap()
}

/// minijail's list: other architectures are killed, then a comparison for each call; conditions
/// ask for both halves of a register, alternatives follow each other.
fn minijail() -> String {
    let mut text = "ld [4]\njeq #0xc000003e, native\nret #0x80000000\nnative: ld [0]\n".to_owned();
    for nr in [0, 1, 3, 5, 8, 9, 12, 13, 14, 15, 35, 39, 60, 96, 202, 228, 231, 318] {
        text += &format!("jeq #{nr}, allow\n");
    }
    text + "jeq #16, ioctl\njeq #157, prctl\njeq #10, mprotect\njeq #56, clone\n\
        ret #0x80000000\n\
        ioctl: ld [28]\njne #0, next_1\nld [24]\njeq #0x5401, allow\n\
        next_1: ld [28]\njne #0, kill\nld [24]\njeq #0x5413, allow\nja kill\n\
        prctl: ld [20]\njne #0, kill\nld [16]\njeq #15, allow\njeq #38, allow\nja kill\n\
        mprotect: ld [36]\njset #0xffffffff, kill\nld [32]\njset #0xfffffffc, kill\nja allow\n\
        clone: ld [16]\njset #0x10000, allow, errno\n\
        errno: ret #0x50001\nkill: ret #0x80000000\nallow: ret #0x7fff0000\n"
}

/// kafel's tree: ranges of numbers found by bisection, unknown ones behind the last, conditions
/// with orders and arithmetic.
fn kafel() -> String {
    "ld [4]\njeq #0xc000003e, native\nret #0\n\
     native: ld [0]\njge #202, upper\njge #41, middle\njge #20, above\njge #0x10, sixteen\nja allow\n\
     sixteen: jge #0x11, allow\nld [24]\njeq #0x541b, allow\nja errno\n\
     above: jlt #35, errno\njge #38, errno, allow\n\
     middle: jge #42, more\nld [16]\njgt #2, errno\nld [24]\nand #0x3f7ff\njeq #1, allow, errno\n\
     more: jlt #56, errno\njge #62, errno\nja allow\n\
     upper: jge #0x14f, unknown\njeq #231, allow\njeq #202, allow\njeq #257, openat\nja errno\n\
     openat: ld [32]\nand #0x3\njeq #0, allow\nld [36]\njgt #0, errno\nld [32]\njge #0x100000, errno\nja log\n\
     unknown: jge #0x40000000, trap\nret #0x50026\n\
     trap: ret #0x3001f\nlog: ret #0x7ffc0000\nerrno: ret #0x50001\nallow: ret #0x7fff0000\n"
        .to_owned()
}

/// A filter written by hand that never looks at the architecture.
pub(crate) fn without_architecture() -> Verified {
    assembled("ld [0]\njeq #59, kill\njeq #322, kill\nret #0x7fff0000\nkill: ret #0\n")
}

/// A deny list that looks at the instruction pointer, and at numbers that no call has.
fn by_address() -> String {
    "ld [4]\njne #0xc000003e, allow\nld [0]\njlt #1000, known\njge #2000, allow\n\
     ld [12]\njeq #0, allow\nret #0x7ff00007\nknown: jne #101, allow\nret #0x50001\n\
     allow: ret #0x7fff0000\n"
        .to_owned()
}

/// All of them, by name. The first two are of allow lists.
pub(crate) fn all() -> Vec<(String, Verified)> {
    [("minijail", minijail()), ("kafel", kafel()), ("by address", by_address())]
        .map(|(name, text)| (name.to_owned(), assembled(&text)))
        .into()
}
