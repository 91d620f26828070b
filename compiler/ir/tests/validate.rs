//! The validator finds each kind of fault, and passes what is right.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect by panicking")]

use filterc_abi::{Action, Endian, SeccompData};
use filterc_ir::print::parse;
use filterc_ir::validate::Kind;
use filterc_ir::{Cmp, DagBuilder, Operand, Origin, Root, Test, Word};
use filterc_ir::{eval, passes, validate, validate_lowered};

const LEAVES: &str = "dag little\nn0 = leaf allow\nn1 = leaf errno(1)\n";

fn kind(lines: &str) -> Option<Kind> {
    let text = format!("{LEAVES}{lines}\nforeign n0\n");
    validate(&parse(&text).unwrap()).err().map(|fault| fault.kind)
}

#[test]
fn each_fault_is_found() {
    let cases = [
        ("n2 = branch word4 == 0x3 ? n0 : n1\nroot a 0x1 n2", None),
        ("n2 = switch 0 -> n0 , 7 -> n1\nroot a 0x1 n2", None),
        ("n2 = branch arg0:s32 >= 0xfffffff0 ? n0 : n1", None),
        ("n2 = branch word4 == 0x3 ? n0 : n3", Some(Kind::ChildNotBefore)),
        ("n2 = branch word4 == 0x3 ? n2 : n1", Some(Kind::ChildNotBefore)),
        ("n2 = branch word4 == 0x3 ? n0 : n0", Some(Kind::SameChildren)),
        ("n2 = leaf allow", Some(Kind::NotInterned)),
        ("n2 = switch 1 -> n0 , 7 -> n1", Some(Kind::SwitchIncomplete)),
        ("n2 = switch 0 -> n0", Some(Kind::SwitchIncomplete)),
        ("n2 = switch 0 -> n0 , 7 -> n1 , 7 -> n0", Some(Kind::SwitchNotSorted)),
        ("n2 = branch arg0:u16 == 0x10000 ? n0 : n1", Some(Kind::TooWide)),
        ("n2 = branch arg0:u16 & 0x30000 == 0x1 ? n0 : n1", Some(Kind::TooWide)),
        ("n2 = branch arg0:u16 == arg1:u32 ? n0 : n1", Some(Kind::Mismatch)),
        ("n2 = branch arg0:s32 >= arg1:u32 ? n0 : n1", Some(Kind::Mismatch)),
        ("n2 = branch arg0:s32 == arg1:u32 ? n0 : n1", None),
        ("n2 = branch word4 & 0x1 == 0x1 ? n0 : n1", Some(Kind::NotNormal)),
        ("n2 = branch word4 >= 0x0 ? n0 : n1", Some(Kind::NotNormal)),
        ("n2 = branch word4 & 0x3 == 0x4 ? n0 : n1", Some(Kind::NotNormal)),
        ("n2 = branch arg0:s32 == param0:s32 ? n0 : n1", None),
        ("n2 = branch arg0:s32 & 0xff == param23:u32 ? n0 : n1", None),
        ("n2 = branch arg0:s32 & 0xff >= param0:s32 ? n0 : n1", Some(Kind::Mismatch)),
        ("n2 = branch arg0:s32 >= param0:u32 ? n0 : n1", Some(Kind::Mismatch)),
        ("n2 = branch param0:s32 == arg0:s32 ? n0 : n1", Some(Kind::NotNormal)),
        ("n2 = branch word4 == param1.lo ? n0 : n1", None),
        ("n2 = branch param1.hi & 0x80000000 == 0x0 ? n0 : n1", None),
        ("root a 0x1 n9", Some(Kind::RootNotThere)),
        ("root a 0x1 n0\nroot b 0x1 n1", Some(Kind::SameRoot)),
    ];
    for (lines, expected) in cases {
        assert_eq!(kind(lines), expected, "{lines}");
    }
    let dag = parse(&format!("{LEAVES}n2 = switch 0 -> n0 , 7 -> n1\nforeign n2\n")).unwrap();
    assert_eq!(validate(&dag).unwrap_err().kind, Kind::RootNotThere);
}

#[test]
fn lowering_is_asked_for_by_name() {
    let of = |line: &str| parse(&format!("{LEAVES}{line}\nroot a 0x1 n2\nforeign n0\n")).unwrap();
    for line in ["n2 = switch 0 -> n0 , 7 -> n1", "n2 = branch arg0:u16 == 0x1 ? n0 : n1"] {
        let dag = of(line);
        assert_eq!(validate_lowered(&dag).unwrap_err().kind, Kind::NotLowered, "{line}");
        assert!(!dag.is_lowered());
        let dag = passes::run(dag, 0, &filterc_ir::Objective::default(), &mut |_, _| ());
        assert_eq!(validate_lowered(&dag), Ok(()));
        assert!(dag.is_lowered());
    }
}

/// Every test of a small width and every value, against the words pass in both byte orders:
/// the 6 low bits of a register, with all that lies above them set, clear, and mixed.
#[test]
fn narrow_fields_are_exact() {
    for endian in [Endian::Little, Endian::Big] {
        for (signed, cmp) in [(true, Cmp::Ge), (false, Cmp::Ge), (false, Cmp::Eq)] {
            for (mask, value) in (1..64).flat_map(|mask| (0..64).map(move |value| (mask, value))) {
                narrow(endian, signed, mask, cmp, value);
            }
        }
    }
}

fn narrow(endian: Endian, signed: bool, mask: u64, cmp: Cmp, value: u64) {
    let field = Operand::new(filterc_hir::types::Place::Arg(2), 6, signed).unwrap();
    let mut builder = DagBuilder::new(endian);
    let yes = builder.leaf(Action::Allow, Origin::Nobody);
    let no = builder.leaf(Action::KillThread, Origin::Nobody);
    let test = Test::Field { field, mask, cmp, value };
    let node = builder.branch(test, yes, no, Origin::Nobody);
    let dag = builder.finish(vec![Root { abis: vec!["a".into()], audit_arch: 1, node }], no);
    let dag = passes::run(dag, 0, &filterc_ir::Objective::default(), &mut |_, _| ());
    // Written anew, not by the code under test.
    let number =
        |bits: u64| i64::try_from(bits).unwrap() - if signed && bits > 31 { 64 } else { 0 };
    for bits in 0..64_u64 {
        let holds = match cmp {
            Cmp::Eq => bits & mask == value,
            Cmp::Ge => number(bits & mask) >= number(value),
        };
        for above in [0, !63, 0x1_0000_0040, 0x8000_0000_0000_0000] {
            let args = [0, 0, bits | above, 0, 0, 0];
            let call = SeccompData { arch: 1, args, ..SeccompData::default() };
            let found = eval(&dag, &call) == Action::Allow;
            assert_eq!(found, holds, "{endian:?} {test:?} {bits:#x} {above:#x}");
        }
    }
}

#[test]
fn a_narrow_field_never_looks_at_the_other_half() {
    for (endian, low, high) in [(Endian::Little, "word4", "word5"), (Endian::Big, "word5", "word4")]
    {
        let order = if endian == Endian::Little { "little" } else { "big" };
        for test in ["arg0:s32 >= 0xfffffff0", "arg0:u32 == 0x7", "arg0:u16 & 0xff00 == 0x100"] {
            let text = format!(
                "dag {order}\nn0 = leaf allow\nn1 = leaf log\nn2 = branch {test} ? n0 : n1\n\
                 root a 0x1 n2\nforeign n0\n"
            );
            let dag = passes::run(
                parse(&text).unwrap(),
                2,
                &filterc_ir::Objective::default(),
                &mut |_, _| (),
            );
            let text = filterc_ir::print::print(&dag);
            assert!(text.contains(low) && !text.contains(high), "{text}");
        }
    }
}

#[test]
fn words_are_those_of_the_structure() {
    assert_eq!((Word::NR.offset(), Word::ARCH.offset()), (0, 4));
    assert_eq!(Word::new(15).map(Word::offset), Some(60));
    assert_eq!(Word::new(16), None);
}
