//! Toy kernels of one ABI that agree and that do not.

use filterc_abi::{Endian, Pairs};

use super::*;
use crate::generate::abis::toy;
use crate::generate::types::Type;

fn call(status: Status, args: &[(&str, &str, u8)]) -> Call {
    let slot = |(name, ty, reg): &(&str, &str, u8)| Slot {
        name: (*name).to_owned(),
        declared: Some((String::new(), Type::parse(ty).unwrap())),
        regs: Regs::One(*reg),
    };
    let (name, entry) = ("f".to_owned(), "sys_f".to_owned());
    Call { nr: 7, name, entry, status, slots: args.iter().map(slot).collect() }
}

fn check(first: Call, other: Call, accepted: &str) -> Result<Calls, String> {
    let abis = [toy::abi(Endian::Little, 32, Pairs::Any)];
    let mut calls = Calls { by_abi: vec![vec![first]], others: vec![(0, vec![other])] };
    adopt(&mut calls);
    let sheet = Sheet::parse(Path::new("agree.tsv"), accepted, 2).unwrap();
    let accepted = Accepted::from_rows(sheet.into_rows());
    let overlay = Overlay::empty();
    accepted.check(&abis, &calls, &overlay).map(|()| calls).map_err(|error| error.to_string())
}

const OK: Status = Status::Implemented;

#[test]
fn other_bits_and_other_registers_are_told() {
    let ours = || call(OK, &[("a", "s32", 0), ("p", "p32", 1)]);
    assert!(check(ours(), call(OK, &[("a", "s32", 0), ("p", "u32", 1)]), "").is_ok());
    let error = check(ours(), call(OK, &[("a", "u16", 0), ("p", "p32", 2)]), "").unwrap_err();
    assert_eq!(
        error,
        "toy: f.a: s32:0 in sys_f, u16:0 in sys_f\ntoy: f.p: u32:1 in sys_f, u32:2 in sys_f"
    );
    let renumbered = Call { nr: 8, ..ours() };
    assert!(check(ours(), renumbered, "").unwrap_err().contains("the number 8"));
}

#[test]
fn what_is_accepted_must_differ() {
    let (ours, theirs) = (|| call(OK, &[("a", "s32", 0)]), || call(OK, &[("a", "u32", 0)]));
    assert!(check(ours(), theirs(), "f.a\ttoy\tbecause\n").is_ok());
    let error = check(ours(), ours(), "f.a\ttoy\tbecause\n").unwrap_err();
    assert_eq!(error, "agree.tsv:1: f.a does not differ on toy");
}

#[test]
fn a_call_of_one_kernel_is_a_call() {
    let missing = || call(Status::Unimplemented, &[]);
    let there = || call(OK, &[("a", "s32", 0)]);
    let found = check(missing(), there(), "").unwrap();
    assert_eq!(found.by_abi[0][0].slots.len(), 1);
    let found = check(there(), missing(), "").unwrap();
    assert_eq!(found.by_abi[0][0].status, OK);
}
