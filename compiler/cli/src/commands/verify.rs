//! `filterc verify policy.bpf`

use std::path::PathBuf;

use clap::Args;
use filterc_cbpf::verify;

use crate::console::{Console, Failure, stdout};
use crate::input;
use crate::options::ByteOrder;

/// Arguments of `verify`.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// The program; `-` is standard input
    #[arg(value_name = "PROGRAM")]
    program: PathBuf,

    /// Byte order of the program
    #[arg(long, value_enum, default_value_t = ByteOrder::Host)]
    endian: ByteOrder,
}

pub(crate) fn run(args: &VerifyArgs, _: &Console) -> Result<(), Failure> {
    let program = input::program(&args.program, args.endian.into())?;
    let name = args.program.display();
    match verify(&program) {
        Ok(_) => stdout(format!("{name}: {} instructions, valid\n", program.len()).as_bytes()),
        Err(error) => Err(Failure::No(format!("{name}: {} [{}]", error, error.code()))),
    }
}
