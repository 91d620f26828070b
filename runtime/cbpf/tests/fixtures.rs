//! The corpus of faulty programs: each file shows the code that its name begins with.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests say what they expect")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use filterc_abi::Endian;
use filterc_cbpf::error::CODES;
use filterc_cbpf::{assemble, decode, verify};

#[test]
fn every_code_has_a_program_that_shows_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/errors");
    let mut shown = BTreeSet::from([decode(&[0; 7], Endian::HOST).unwrap_err().code().to_owned()]);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "asm") {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        // Those are of the other machine.
        if name[5..].starts_with("-ebpf-") {
            continue;
        }
        let code = match assemble(&fs::read_to_string(&path).unwrap()) {
            Ok(program) => verify(&program).unwrap_err().code().to_owned(),
            Err(error) => error.code().to_owned(),
        };
        assert_eq!(code, name[..5], "{name}");
        shown.insert(code);
    }
    assert!(shown.iter().eq(CODES));
}
