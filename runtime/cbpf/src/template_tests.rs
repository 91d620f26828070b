//! Values that fit and do not, tables that are another program's, and what patching does.

use filterc_abi::{Endian, SeccompData};

use super::*;
use crate::{assemble, interpret};

/// `args[0]`, all 64 bits, is the parameter.
const PROGRAM: &str = "ld [16]\njeq #0, next, no\nnext: ld [20]\njeq #0, yes, no\n\
                       yes: ret #0x7fff0000\nno: ret #0\n";

fn sites() -> Vec<Site> {
    let site = |pc, high| Site { pc, param: 0, high, mask: u32::MAX };
    vec![site(1, false), site(3, true)]
}

fn table(min: i128, max: i128) -> Table {
    let param = Param { name: "p".into(), ty: "s64".into(), min, max };
    let program = fingerprint(&assemble(PROGRAM).unwrap());
    Table { params: vec![param].into(), sites: sites().into(), program }
}

#[test]
fn a_patched_program_compares_with_the_value() {
    let program = assemble(PROGRAM).unwrap();
    let table = table(i64::MIN.into(), u64::MAX.into());
    for value in [0_i128, 1, -1, 1 << 32, i64::MIN.into(), u64::MAX.into(), 0x1234_5678_9abc_def0] {
        let patched = table.patch(&program, &[("p", value)]).unwrap();
        let bits = u64::try_from(value & i128::from(u64::MAX)).unwrap();
        for (argument, ret) in [(bits, 0x7fff_0000), (bits ^ 1, 0), (bits ^ 1 << 40, 0)] {
            let call = SeccompData { args: [argument, 0, 0, 0, 0, 0], ..SeccompData::default() };
            assert_eq!(interpret(&patched, &call, Endian::Little), ret, "{value} {argument:x}");
        }
    }
}

#[test]
fn a_table_is_for_one_program() {
    // FNV-1a, by its published test vectors: of nothing, and of the bytes of one instruction.
    assert_eq!(fingerprint(&[]), 0xcbf2_9ce4_8422_2325);
    let program = assemble(PROGRAM).unwrap();
    let table = table(0, 9);
    let patched = table.patch(&program, &[("p", 3)]).unwrap();
    assert_eq!(table.patch(patched.insns(), &[("p", 3)]), Err(PatchError::OtherProgram));
    for pc in 0..program.len() {
        let mut other = program.clone();
        other[pc].k ^= 1;
        assert_eq!(table.patch(&other, &[("p", 3)]).unwrap_err().code(), "F0819");
    }
}

#[test]
fn every_value_is_there_once_and_fits() {
    let table = table(-128, 255);
    let code = |given: &[(&str, i128)]| table.values(given).map_err(|error| error.code());
    assert_eq!(code(&[("p", -128)]), Ok(vec![u64::MAX - 127]));
    assert_eq!(code(&[("p", 255)]), Ok(vec![255]));
    assert_eq!(code(&[]), Err("F0816"));
    assert_eq!(code(&[("q", 1)]), Err("F0817"));
    assert_eq!(code(&[("p", 1), ("p", 1)]), Err("F0817"));
    assert_eq!(code(&[("p", 256)]), Err("F0818"));
    assert_eq!(code(&[("p", -129)]), Err("F0818"));
    assert_eq!(code(&[("p", i128::MIN)]), Err("F0818"));
}

#[test]
fn sites_that_are_none_are_refused() {
    let program = assemble(PROGRAM).unwrap();
    let site = |pc| Site { pc, param: 0, high: false, mask: 1 };
    let twice = vec![site(1), site(1)];
    let none = [0, 2, 4, 5, 6, usize::MAX].map(|pc| vec![site(pc)]);
    let no_bits = vec![Site { mask: 0, ..site(1) }];
    let no_param = vec![Site { param: 24, ..site(1) }];
    for sites in none.into_iter().chain([twice, no_bits, no_param]) {
        let error = Template::new(&program, &sites).unwrap_err();
        assert_eq!(error.code(), "F0819", "{sites:?}");
    }
    assert_eq!(Template::new(&[], &[]).unwrap_err().code(), "F0501");
    // A jump by X, and a test of bits, whose constant is a mask.
    for text in ["jeq x, a, a\na: ret #0\n", "jset #1, a, a\na: ret #0\n"] {
        assert!(Template::new(&assemble(text).unwrap(), &[site(0)]).is_err(), "{text}");
    }
}

#[test]
fn sites_are_found_in_bytes() {
    let program = assemble(PROGRAM).unwrap();
    let bytes = encode(&program, Endian::Big);
    let mut patched = bytes.clone();
    let value = 0x0102_0304_0506_0708_u64;
    for site in sites() {
        let k = u32::try_from(value >> site.shift() & u64::from(site.mask)).unwrap();
        patched[site.offset()..site.offset() + 4].copy_from_slice(&k.to_be_bytes());
    }
    let template = Template::new(&program, &sites()).unwrap();
    let expected = template.patch(&[value]).unwrap();
    assert_eq!(crate::decode(&patched, Endian::Big).unwrap(), expected.insns());
}
