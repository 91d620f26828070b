//! filterc-example: a program that confines itself with a policy compiled into it.

use std::fs::File;
use std::io::{self, Write as _};

use filterc_loader::{Flags, LoadError, install_bytes};

/// The program as bytes: what the loader takes.
static POLICY_BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/policy.bpf"));

// The same program as a constant array, `POLICY`.
include!(concat!(env!("OUT_DIR"), "/policy.rs"));

fn main() -> Result<(), LoadError> {
    install_bytes(POLICY_BYTES, &Flags::default())?;
    // From here on the process is confined: no file can be opened any more.
    let outcome = match File::open("/etc/hostname") {
        Ok(_) => "opened a file".to_owned(),
        Err(error) => format!("cannot open a file: {error}"),
    };
    // A worker whose standard output is gone has nothing left to do.
    let _ = writeln!(io::stdout(), "confined by {} instructions; {outcome}", POLICY.len());
    Ok(())
}
