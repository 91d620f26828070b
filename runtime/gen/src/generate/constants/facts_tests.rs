//! What is found on several ABIs, brought together.

use super::*;

fn found(abi: &str, unit: &str, name: &str, ty: Type, value: i128) -> Finding {
    Finding {
        abi: filterc_abi::abis().iter().position(|other| other.name == abi).unwrap(),
        unit: unit.to_owned(),
        name: name.to_owned(),
        origin: unit.to_owned(),
        is_request: false,
        value: Some(Value { ty, value }),
    }
}

fn collect(findings: Vec<Finding>) -> Result<Facts, String> {
    Facts::collect(findings, &BTreeMap::new(), filterc_abi::abis())
}

#[test]
fn a_line_has_the_common_value_and_the_exceptions() {
    let abis = filterc_abi::abis();
    let everywhere = |name: &'static str, ty: Type| {
        abis.iter().map(move |abi| {
            let value = if abi.name == "mips" { -3 } else { 7 };
            found(abi.name, "linux/a.h", name, ty, value)
        })
    };
    let mut findings: Vec<Finding> = everywhere("A", Type::Int).collect();
    findings.extend(everywhere("B", Type::ULong).filter(|found| found.abi != 0));
    let facts = collect(findings).unwrap();
    assert_eq!(facts.line("A", abis).unwrap(), "A\ts32\t7\t-3=mips");
    assert_eq!(facts.line("B", abis).unwrap(), "B\tuw\t7\t-3=mips\t-=aarch64");
    assert_eq!(facts.line("C", abis), None);
    assert_eq!(facts.value("B", 0), None);
}

#[test]
fn types_of_several_abis_become_one() {
    let abis = filterc_abi::abis();
    let line = |one: Type, other: Type| {
        let findings = vec![
            found("i386", "linux/a.h", "A", one, 1),
            found("x86_64", "linux/a.h", "A", other, 1),
        ];
        let line = collect(findings).unwrap().line("A", abis).unwrap();
        line.split('\t').nth(1).unwrap().to_owned()
    };
    assert_eq!(line(Type::Int, Type::Int), "s32");
    assert_eq!(line(Type::UInt, Type::UInt), "u32");
    assert_eq!(line(Type::Long, Type::Long), "sw");
    // `sizeof` is unsigned int here, unsigned long there.
    assert_eq!(line(Type::UInt, Type::ULong), "uw");
    // A number too large for 32 bits.
    assert_eq!(line(Type::LongLong, Type::Long), "s64");
    assert_eq!(line(Type::ULongLong, Type::ULongLong), "u64");
}

#[test]
fn headers_that_disagree_are_a_fault_unless_one_is_preferred() {
    let both = || {
        vec![
            found("i386", "linux/a.h", "A", Type::Int, 1),
            found("i386", "linux/b.h", "A", Type::Int, 2),
        ]
    };
    assert!(collect(both()).unwrap_err().contains("A on i386"));
    let preferred = BTreeMap::from([("A".to_owned(), "linux/b.h".to_owned())]);
    let facts = Facts::collect(both(), &preferred, filterc_abi::abis()).unwrap();
    assert_eq!(facts.line("A", filterc_abi::abis()).unwrap().split('\t').nth(2), Some("2"));
    // What is preferred must be there.
    assert!(Facts::collect(Vec::new(), &preferred, filterc_abi::abis()).is_err());
}

#[test]
fn the_kernels_name_goes_before_the_c_librarys() {
    let facts = collect(vec![
        found("i386", LIBC, "A", Type::Int, 1),
        found("i386", "linux/a.h", "A", Type::Int, 2),
        found("mips", LIBC, "A", Type::Int, 3),
    ])
    .unwrap();
    let value = |name: &str| {
        let abi = filterc_abi::abis().iter().position(|abi| abi.name == name).unwrap();
        facts.value("A", abi).map(|value| value.value)
    };
    assert_eq!((value("i386"), value("mips"), value("arm")), (Some(2), Some(3), None));
}

#[test]
fn a_name_of_all_architectures_is_missed() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let facts = collect(vec![
        found("i386", "linux/a.h", "SHARED", Type::Int, 1),
        found("i386", "asm/a.h", "OWN", Type::Int, 1),
    ])
    .unwrap();
    let partial = facts.partial(&names(&["SHARED", "OWN"]), 29);
    assert_eq!(partial.keys().copied().collect::<Vec<_>>(), ["SHARED"]);
    assert_eq!(partial["SHARED"].len(), 28);
    let mut unusable = found("mips", "asm/a.h", "OWN", Type::Int, 1);
    unusable.value = None;
    let both = vec![found("i386", "asm/a.h", "OWN", Type::Int, 1), unusable];
    assert!(collect(both).unwrap().partial(&names(&["OWN"]), 29).contains_key("OWN"));
}
