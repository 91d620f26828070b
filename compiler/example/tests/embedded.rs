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

use filterc_abi::{Endian, SeccompData};
use filterc_cbpf::interpret;

static BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/policy.bpf"));
include!(concat!(env!("OUT_DIR"), "/policy.rs"));
include!(concat!(env!("OUT_DIR"), "/logger.rs"));

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

#[test]
fn a_program_with_parameters_is_patched_and_verified() {
    let filter = LOGGER.patch(&[("log_fd", 7), ("most", 4096)]).unwrap();
    let Some(abi) = filterc_abi::host() else {
        println!("skipped: this machine's ABI has no tables");
        return;
    };
    let write = |fd, count| {
        let (nr, arch) = (abi.syscall("write").unwrap().nr.cast_signed(), abi.audit_arch);
        let args = [fd, 0, count, 0, 0, 0];
        let call = SeccompData { nr, arch, args, ..SeccompData::default() };
        interpret(&filter, &call, Endian::HOST) == 0x7fff_0000
    };
    assert!(write(7, 4096) && !write(7, 4097) && !write(8, 1) && !write(0, 0));
    let code = |values: &[(&str, i128)]| LOGGER.patch(values).unwrap_err().code();
    assert_eq!(code(&[("log_fd", 7)]), "F0816");
    assert_eq!(code(&[("log_fd", 7), ("most", 1), ("least", 1)]), "F0817");
    assert_eq!(code(&[("log_fd", 1 << 32), ("most", 1)]), "F0818");
    // Bytes with the table beside them are the same program.
    let bytes = filterc_cbpf::encode(LOGGER.insns, Endian::HOST);
    let values = [("most", 4096), ("log_fd", 7)];
    assert_eq!(filterc_loader::patch(&bytes, &LOGGER.table, &values), Ok(filter));
    let other = filterc_loader::patch(BYTES, &LOGGER.table, &values);
    assert_eq!(other.unwrap_err().code(), "F0819");
}
