//! Against the kernel's own way to match, byte for byte.

use filterc_abi::{Facts, SeccompData};

use super::*;
use crate::eval::holds_with;
use crate::event::glob;
use crate::types::beside;

fn holds(outcome: &Outcome, name: &[u8], endian: Endian) -> bool {
    let facts = Facts { comm: Facts::comm(name), ..Facts::default() };
    match outcome {
        Outcome::Tests(predicate) => {
            holds_with(predicate, &beside(&[], &facts, endian), &SeccompData::default())
        }
        Outcome::Never => false,
        Outcome::Always => true,
        Outcome::TooLarge => panic!("too large"),
    }
}

/// All names of up to three letters of a small alphabet, and some long ones.
fn names() -> Vec<Vec<u8>> {
    let letters = [b'a', b'b', b'-', 0xff];
    let mut names = vec![Vec::new()];
    let mut last = names.clone();
    for _ in 0..3 {
        last = last
            .iter()
            .flat_map(|name| letters.map(|letter| [name.as_slice(), &[letter]].concat()))
            .collect();
        names.extend_from_slice(&last);
    }
    let long: [&[u8]; 8] = [
        b"aaaaaaaa",
        b"aaaaaaab",
        b"bbbbbbbba",
        b"abababababababa",
        b"a--------------",
        b"--------------b",
        b"kworker/u16:0-e",
        b"aaaaaaaaaaaaaaa",
    ];
    names.extend(long.map(<[u8]>::to_vec));
    names
}

#[test]
fn patterns_are_those_of_the_kernel() {
    let names = names();
    let patterns = [
        "",
        "*",
        "**",
        "a",
        "a*",
        "*a",
        "*a*",
        "?",
        "??",
        "?*",
        "*?",
        "a?b",
        "[ab]",
        "[!a]*",
        "[a-]b",
        "*a*b",
        "a*b*a",
        "*ab*",
        "a**b",
        "[!ab]*[ab]",
        "*a?b*",
        "abababababababa",
        "abababababababab",
        "????????",
        "???????????????",
        "????????????????",
        "*-??????????????",
        "kworker/*:*-e",
        "\\*",
        "a\\",
        "[z-a]",
        "[]a]*",
        "*[!-]-",
        "aaaaaaaa*",
        "*aaaaaaaa",
        "*bbbbbbbba",
    ];
    for endian in [Endian::Little, Endian::Big] {
        for pattern in patterns {
            let outcome = matches(pattern.as_bytes(), endian);
            for name in &names {
                let expected = glob::matches(pattern.as_bytes(), name);
                assert_eq!(holds(&outcome, name, endian), expected, "{pattern} {name:?}");
            }
        }
    }
}

#[test]
fn texts_are_equal_as_a_whole() {
    let names = names();
    for endian in [Endian::Little, Endian::Big] {
        for text in &names {
            let outcome = is(text, endian);
            for name in &names {
                assert_eq!(holds(&outcome, name, endian), text == name, "{text:?} {name:?}");
            }
        }
        assert_eq!(is(b"abababababababab", endian), Outcome::Never);
        assert_eq!(is(b"a\0b", endian), Outcome::Never);
    }
}

#[test]
fn what_is_too_large_or_settled_is_told() {
    assert_eq!(matches(b"*", Endian::Little), Outcome::Always);
    assert_eq!(matches(b"****", Endian::Little), Outcome::Always);
    assert_eq!(matches(b"????????????????", Endian::Little), Outcome::Never);
    assert_eq!(matches(b"*a*b*c*d*e*f*", Endian::Little), Outcome::TooLarge);
}
