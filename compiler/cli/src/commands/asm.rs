//! `filterc asm policy.asm -o policy.bpf`

use std::path::PathBuf;

use clap::Args;
use filterc_cbpf::{assemble, encode};

use crate::console::{Console, Failure, refuse_terminal, write_output};
use crate::input;
use crate::options::ByteOrder;

/// Arguments of `asm`.
#[derive(Args, Debug)]
pub(crate) struct AsmArgs {
    /// The assembly text; `-` is standard input
    #[arg(value_name = "TEXT")]
    text: PathBuf,

    /// Where to write; standard output by default
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Byte order of the program
    #[arg(long, value_enum, default_value_t = ByteOrder::Host)]
    endian: ByteOrder,
}

/// Assembles without verifying: a program that the kernel refuses is a legitimate input of
/// a fuzzer. `filterc verify` tells.
pub(crate) fn run(args: &AsmArgs, _: &Console) -> Result<(), Failure> {
    refuse_terminal(args.output.as_deref())?;
    let source = input::source(&args.text)?;
    let program = assemble(source.contents())
        .map_err(|error| Failure::No(format!("{}:{error}", source.name())))?;
    write_output(args.output.as_deref(), &encode(&program, args.endian.into()))
}
