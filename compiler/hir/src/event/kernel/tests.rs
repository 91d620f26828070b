//! The recorded answers of Linux 6.18, and planted faults that they find.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects by panicking"
)]

use filterc_abi::x86_64;
use filterc_grammar::source::FileId;

use super::*;
use crate::event::record::Record;

const TWO: Machine<'static> = Machine { nr_cpu_ids: 2, symbols: &NoSymbols };

fn parsed(event: &str, text: &[u8]) -> Result<Accepted, Rejection> {
    let record = Record::of_event(x86_64(), event).unwrap();
    parse(&record, FileId::default(), text, &TWO)
}

fn rejected(text: &str) -> (Errno, Message, usize) {
    let rejection = parsed("sys_enter_openat", text.as_bytes()).unwrap_err();
    (rejection.errno, rejection.message, rejection.position)
}

#[test]
fn what_is_rejected_where() {
    use Errno::{Einval, Enoent, Eperm, Esrch};
    for (text, errno, message, position) in [
        ("", Einval, Message::Error, 0),
        ("()", Einval, Message::Error, 0),
        ("!", Einval, Message::NoFilter, 1),
        ("1", Einval, Message::FieldNotFound, 2),
        ("flags", Einval, Message::InvalidOperator, 6),
        ("flags == (1)", Einval, Message::InvalidValue, 10),
        ("flags == -1", Einval, Message::IllegalInteger, 10),
        ("flags~1", Einval, Message::IllegalOperation, 7),
        ("comm == 1", Einval, Message::ExpectingString, 9),
        ("dfd ~ \"x\"", Einval, Message::ExpectingNumber, 7),
        ("cpu & CPUS{5}", Einval, Message::InvalidCpulist, 13),
        ("dfd==1.5", Eperm, Message::TooManyTerms, 6),
        (")", Eperm, Message::TooFewOpen, 0),
        ("(", Enoent, Message::TooManyOpen, 0),
        ("\"", Esrch, Message::MissingQuote, 0),
        ("&& flags & 1", Eperm, Message::Error, 0),
        ("flags & 1 || dfd & 1 &&", Einval, Message::Undefined, 21),
        ("flags & 1 || dfd & 1 && ! ", Einval, Message::Undefined, 21),
    ] {
        assert_eq!(rejected(text), (errno, message, position), "{text}");
    }
    assert_eq!(rejected(&"(".repeat(4096)), (Einval, Message::TooLong, 0));
}

#[test]
fn clearing() {
    for text in ["0", " 0 ", "\t0\n", "0\0junk"] {
        assert_eq!(parsed("sys_enter_openat", text.as_bytes()), Ok(Accepted::Clear), "{text:?}");
    }
    assert_eq!(parsed("sys_enter_openat", b"\xa00"), Ok(Accepted::Clear));
    for text in ["00", "0x0", "(0)", "!0", "0;", "0 0"] {
        assert!(parsed("sys_enter_openat", text.as_bytes()).is_err(), "{text:?}");
    }
}

#[test]
fn deep_texts_are_read_and_dropped() {
    let deep = format!("{}dfd & 1{}", "(".repeat(2000), ")".repeat(2000));
    assert!(parsed("sys_enter_openat", deep.as_bytes()).is_ok());
    let bangs = format!("{}dfd & 1", "!".repeat(4000));
    assert!(parsed("sys_enter_openat", bangs.as_bytes()).is_ok());
    let mixed = format!("{}dfd&1{}", "dfd&1&&(dfd&1||(".repeat(220), ")".repeat(440));
    assert!(mixed.len() <= MAX_LEN);
    assert!(parsed("sys_enter_openat", mixed.as_bytes()).is_ok());
}
