//! Any text as a container profile: no panic, every error has a place in it, and what could
//! be imported is a policy whose program is proved.

use arbitrary::{Result, Unstructured};
use filterc::{Source, compile};
use filterc_abi as abi;
use filterc_grammar::source::FileId;
use filterc_import::oci::{self, Options, Width};
use filterc_testkit::corpus;

const NAMES: &[&str] = &[
    "read",
    "openat",
    "socket",
    "socketcall",
    "ipc",
    "semop",
    "mmap",
    "clone",
    "fchmod",
    "kill",
    "pread64",
    "clone3",
    "mseal",
    "fstat64",
    "no_such_call",
];
const ACTIONS: &[&str] = &["ALLOW", "ERRNO", "KILL", "KILL_PROCESS", "LOG", "TRACE", "TRAP", "NO"];
const OPERATORS: &[&str] = &["EQ", "NE", "LT", "LE", "GT", "GE", "MASKED_EQ", "IN"];
const HOSTS: &[&str] = &["x86_64", "aarch64", "s390x", "i386", "mips64n32", "ppc64"];

/// See the module.
///
/// # Errors
/// The bytes were used up.
pub fn property(u: &mut Unstructured<'_>) -> Result<()> {
    let host = abi::abi(u.choose(HOSTS)?).expect("it has tables");
    let mut options = Options::new(host);
    if u.arbitrary()? {
        options.width = Width::Registers;
    }
    let text = if u.ratio(3, 4)? {
        profile(u)?
    } else {
        String::from_utf8_lossy(u.bytes(u.len())?).into_owned()
    };
    match oci::import(FileId(0), &text, &options) {
        Ok(imported) => {
            let policy = imported.document.to_text();
            let source = Source::text("imported.flt", policy.clone());
            let compiled = compile(&source, &corpus::options());
            let compiled = compiled.unwrap_or_else(|list| panic!("{list}\n{text}\n{policy}"));
            assert!(compiled.programs().all(|program| program.proof().is_some()), "{policy}");
        }
        Err(list) => {
            assert!(!list.is_empty(), "a failure without a reason");
            for label in list.iter().flat_map(|d| d.primary.iter().chain(&d.secondary)) {
                let range = label.span.start as usize..label.span.end as usize;
                assert!(text.get(range).is_some(), "{label:?}");
            }
        }
    }
    Ok(())
}

fn profile(u: &mut Unstructured<'_>) -> Result<String> {
    let default = u.choose(ACTIONS)?;
    let map = if u.arbitrary()? {
        r#""archMap": [{ "architecture": "SCMP_ARCH_X86_64",
            "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] }],"#
    } else {
        ""
    };
    let entries: Vec<String> =
        (0..=u.int_in_range(0..=5)?).map(|_| entry(u)).collect::<Result<_>>()?;
    Ok(format!(
        r#"{{ "defaultAction": "SCMP_ACT_{default}", {map} "syscalls": [{}] }}"#,
        entries.join(", ")
    ))
}

fn entry(u: &mut Unstructured<'_>) -> Result<String> {
    let (name, other, action) = (u.choose(NAMES)?, u.choose(NAMES)?, u.choose(ACTIONS)?);
    let args: Vec<String> =
        (0..u.int_in_range(0..=2)?).map(|_| condition(u)).collect::<Result<_>>()?;
    Ok(format!(
        r#"{{ "names": ["{name}", "{other}"], "action": "SCMP_ACT_{action}", "args": [{}] }}"#,
        args.join(", ")
    ))
}

fn condition(u: &mut Unstructured<'_>) -> Result<String> {
    let (index, op) = (u.int_in_range(0..=6)?, u.choose(OPERATORS)?);
    let value = |u: &mut Unstructured<'_>| -> Result<u64> {
        let (bit, below) = (u.int_in_range(0..=63)?, u.int_in_range(0..=2_u64)?);
        Ok(if u.arbitrary()? { u.arbitrary()? } else { (1_u64 << bit).wrapping_sub(below) })
    };
    let (first, second) = (value(u)?, value(u)?);
    Ok(format!(
        r#"{{ "index": {index}, "value": {first}, "valueTwo": {second}, "op": "SCMP_CMP_{op}" }}"#
    ))
}
