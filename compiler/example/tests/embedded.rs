//! The embedded program is the policy's, and the crate that embeds it really is confined.

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

use std::process::Command;

use filterc_abi::Endian;

static BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/policy.bpf"));
include!(concat!(env!("OUT_DIR"), "/policy.rs"));

#[test]
fn bytes_and_array_are_one_verified_program() {
    assert_eq!(filterc_cbpf::encode(&POLICY, Endian::HOST), BYTES);
    assert!(filterc_cbpf::verify(&POLICY).is_ok());
}

#[test]
fn the_program_confines_itself() {
    let output = Command::new(env!("CARGO_BIN_EXE_filterc-example")).output().unwrap();
    let (out, err) = (output.stdout, output.stderr);
    let (out, err) = (String::from_utf8_lossy(&out), String::from_utf8_lossy(&err));
    if err.contains("Unsupported") {
        println!("skipped: {err}");
        return;
    }
    assert!(output.status.success(), "{:?}\n{out}{err}", output.status);
    assert!(out.contains("cannot open a file: Permission denied"), "{out}{err}");
}
