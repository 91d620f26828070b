//! `filterc disasm policy.bpf`

use std::path::PathBuf;

use clap::Args;
use filterc_cbpf::{DisasmOptions, disassemble};

use crate::console::{Console, Failure, write_output};
use crate::input;
use crate::options::ByteOrder;

/// Arguments of `disasm`.
#[derive(Args, Debug)]
pub(crate) struct DisasmArgs {
    /// The program; `-` is standard input
    #[arg(value_name = "PROGRAM")]
    program: PathBuf,

    /// Where to write; standard output by default
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Instructions only, without the names of calls, arguments and constants
    #[arg(long)]
    plain: bool,

    /// Byte order of the program
    #[arg(long, value_enum, default_value_t = ByteOrder::Host)]
    endian: ByteOrder,
}

pub(crate) fn run(args: &DisasmArgs, _: &Console) -> Result<(), Failure> {
    let endian = args.endian.into();
    let program = input::program(&args.program, endian)?;
    let text = disassemble(&program, &DisasmOptions { plain: args.plain, endian, abi: None });
    write_output(args.output.as_deref(), text.as_bytes())
}
