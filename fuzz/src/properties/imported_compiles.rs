//! Any text as a container profile or a policy of another tool: no panic, every error has a place in
//! it, and what could be imported is a policy whose program is proved.

use arbitrary::{Result, Unstructured};
use filterc::{Source, compile};
use filterc_abi as abi;
use filterc_grammar::diagnostic::Diagnostic;
use filterc_grammar::source::FileId;
use filterc_import::oci::{self, Options, Width};
use filterc_import::{
    Imported, NoIncludes, Target, bionic, kafel, kubernetes, lxc, minijail, seccompiler, systemd,
};
use filterc_testkit::rng::Rng;
use filterc_testkit::{corpus, foreign as made};

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
    if u.arbitrary()? {
        return foreign(u);
    }
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
    holds(&text, oci::import(FileId(0), &text, &options));
    Ok(())
}

/// That what was imported compiles, and that what was told has a place.
fn holds(text: &str, imported: std::result::Result<Imported, Vec<Diagnostic>>) {
    match imported {
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
}

/// A policy of another tool, perhaps with some bytes of it replaced, in a form that need not be its
/// own.
fn foreign(u: &mut Unstructured<'_>) -> Result<()> {
    let abi = abi::abi(u.choose(HOSTS)?).expect("it has tables");
    let width = if u.arbitrary()? { Width::Registers } else { Width::Effective };
    let target = Target { width, ..Target::new(abi) };
    let mut rng = Rng::new(u.arbitrary()?);
    (0..8).for_each(|_| _ = rng.next());
    let mut form = u.int_in_range(0..=6_u8)?;
    let mut text = match form {
        0 => made::minijail(&mut rng),
        1 => made::kafel(&mut rng),
        2 => made::seccompiler(&mut rng),
        3 => made::lxc(&mut rng),
        4 => made::systemd(&mut rng),
        5 => "read(int, void*)  all\nopen|open64:openat(int) lp64 # x\n".to_owned(),
        _ => "kind: SeccompProfile\nspec:\n  defaultAction: SCMP_ACT_ERRNO\n  syscalls:\n  - {names: [read], action: SCMP_ACT_ALLOW}\n".to_owned(),
    };
    for _ in 0..u.int_in_range(0..=3)? {
        let mut bytes = text.into_bytes();
        let at = u.int_in_range(0..=bytes.len())?;
        let until = (at + u.int_in_range(0..=8)?).min(bytes.len());
        let piece = u.choose(PIECES)?.bytes();
        bytes.splice(at..until, piece);
        text = String::from_utf8_lossy(&bytes).into_owned();
    }
    if u.ratio(1, 16)? {
        form = u.int_in_range(0..=6)?;
    }
    let none = &mut NoIncludes;
    let imported = match form {
        0 => minijail::import(FileId(0), &text, &minijail::Options::new(target), none),
        1 => kafel::import(FileId(0), &text, &target, none),
        2 => seccompiler::import(FileId(0), &text, &seccompiler::Options { target, filter: None }),
        3 => lxc::import(FileId(0), &text, &target),
        4 => systemd::import(FileId(0), &text, &systemd::Options { target, sets: None }),
        5 => {
            let list = bionic::List { file: FileId(0), text: &text, role: bionic::Role::Base };
            bionic::import(&[list], &bionic::Options { target, secondary: true })
        }
        _ => {
            let oci = Options::new(abi);
            kubernetes::import(FileId(0), &text, &kubernetes::Options { oci, profile: None })
        }
    };
    holds(&text, imported);
    Ok(())
}

/// What is put in places where it may not belong.
const PIECES: &[&str] = &[
    "",
    " ",
    "\n",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ":",
    ";",
    ",",
    "=",
    "&",
    "|",
    "~",
    "!",
    "@",
    "#",
    "\\",
    "\"",
    "-1",
    "0x",
    "99999999999999999999",
    "arg5",
    "SYSCALL[4294967295]",
    "return",
    "kill",
    "\u{202e}",
    "[all]",
    "[x86]",
    "socket",
    "socketcall",
    "ipc",
    "semop",
    "SystemCallFilter=~",
    "&x ",
    "*x",
    "---\n",
];

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
