//! The tool as a user calls it, on a certificate made by hand: an empty policy and a program of
//! one instruction.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and says what it skipped"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use filterc_certify::{Certificate, Kind, Side, sha256, tree};

const POLICY: &str = "policy 2\nforeign 50001\n";

/// `ret #0x50001`
const PROGRAM: [u8; 8] = [0x06, 0, 0, 0, 0x01, 0, 0x05, 0];

fn run(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_filterc-certify"));
    command.args(args).current_dir(folder).output().unwrap()
}

fn text(output: &Output) -> (i32, String) {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

fn program(kind: Kind, bytes: &[u8]) -> Side {
    Side { kind, digest: sha256::of(bytes) }
}

fn certificate_of(sides: [Side; 2], policy: &str, tree: &[u8]) -> Vec<u8> {
    let (source, sites) = (sha256::of(b"source"), Vec::new());
    Certificate { big_endian: false, sides, source, policy, sites, tree }.write()
}

#[test]
fn it_accepts_what_holds_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    let leaf = |value: u32| [&[tree::LEAF][..], &value.to_le_bytes()].concat();
    let certificate = |tree: &[u8]| {
        let policy = Side { kind: Kind::Policy, digest: sha256::of(POLICY.as_bytes()) };
        certificate_of([policy, program(Kind::Cbpf, &PROGRAM)], POLICY, tree)
    };
    write("good.fcert", &certificate(&leaf(0x5_0001)));
    write("wrong.fcert", &certificate(&leaf(0x5_0002)));
    write("cut.fcert", &certificate(&[]));
    write("program.bpf", &PROGRAM);
    write("other.bpf", &[0x06, 0, 0, 0, 0x02, 0, 0x05, 0]);
    write("source.flt", b"source");
    write("other.flt", b"another source");
    let ask = |args: &[&str]| text(&run(folder.path(), args));
    let (code, said) = ask(&["good.fcert", "program.bpf", "source.flt"]);
    assert_eq!((code, said.contains("1 cases")), (0, true), "{said}");
    assert_eq!(ask(&["--policy", "good.fcert"]), (0, POLICY.to_owned()));
    for (args, part) in [
        (&["good.fcert", "other.bpf"][..], "another program"),
        (&["good.fcert", "program.bpf", "other.flt"], "not made from other.flt"),
        (&["wrong.fcert", "program.bpf"], "names another value"),
        (&["cut.fcert", "program.bpf"], "the tree"),
        (&["program.bpf", "program.bpf"], "too short"),
    ] {
        let (code, said) = ask(args);
        assert_eq!((code, said.contains(part)), (1, true), "{args:?}: {said}");
    }
    assert_eq!(ask(&["nowhere.fcert", "program.bpf"]).0, 2);
    assert_eq!(ask(&[]).0, 2);
    // Two programs, of which the other is of extended BPF.
    let extended = [0xb4, 0, 0, 0, 1, 0, 5, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
    let sides = [program(Kind::Cbpf, &PROGRAM), program(Kind::Ebpf, &extended)];
    write("two.fcert", &certificate_of(sides, "", &leaf(0x5_0001)));
    write("extended.bpf", &extended);
    let (code, said) = ask(&["two.fcert", "program.bpf", "extended.bpf", "source.flt"]);
    assert_eq!((code, said.contains("the same (1 cases)")), (0, true), "{said}");
    assert_eq!(ask(&["two.fcert", "program.bpf", "program.bpf"]).0, 1);
    assert_eq!(ask(&["two.fcert", "program.bpf"]).0, 2);
}
