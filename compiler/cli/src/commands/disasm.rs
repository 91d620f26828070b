//! `filterc disasm policy.bpf`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use filterc::emit::listing as listing_of;
use filterc_cbpf::{DisasmOptions, disassemble, listing};

use crate::console::{Console, Failure, write_output};
use crate::ebpf::{is_object, unreadable};
use crate::input;
use crate::options::ByteOrder;

/// Arguments of `disasm`.
#[derive(Args, Debug)]
pub(crate) struct DisasmArgs {
    /// The program, or an object file of eBPF programs; `-` is standard input, for programs
    #[arg(value_name = "PROGRAM")]
    program: PathBuf,

    /// Where to write; standard output by default
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Instructions only, without the names of calls, arguments and constants
    #[arg(long)]
    plain: bool,

    /// The manner of the text
    #[arg(long, value_enum, default_value_t = Style::Filterc, conflicts_with_all = ["plain", "ebpf"])]
    style: Style,

    /// The program is eBPF (`struct bpf_insn[]`)
    #[arg(long, conflicts_with = "arch")]
    ebpf: bool,

    /// Byte order of the program
    #[arg(long, value_enum, default_value_t = ByteOrder::Host, conflicts_with = "arch")]
    endian: ByteOrder,

    /// ABI of the program: its byte order, and its names where the program does not test `arch`
    #[arg(long, value_name = "ABI")]
    arch: Option<String>,
}

/// The manner of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Style {
    /// Ours, which `filterc asm` assembles again
    Filterc,
    /// That of `seccomp-tools disasm`
    SeccompTools,
}

pub(crate) fn run(args: &DisasmArgs, _: &Console) -> Result<(), Failure> {
    if is_object(&args.program)? {
        let bytes = input::bytes(&args.program)?;
        let (module, _) =
            filterc_object::read(&bytes).map_err(|error| unreadable(&args.program, &error))?;
        let options = filterc_ebpf::DisasmOptions { plain: args.plain };
        return write_output(args.output.as_deref(), listing_of(&module, &options).as_bytes());
    }
    let abi = args.arch.as_deref().map(input::abi_named).transpose()?;
    let endian = abi.map_or(args.endian.into(), |abi| abi.endian);
    if args.ebpf {
        let program = input::ebpf_program(&args.program, endian)?;
        let options = filterc_ebpf::DisasmOptions { plain: args.plain };
        let text = filterc_ebpf::disassemble(&program, &options);
        return write_output(args.output.as_deref(), text.as_bytes());
    }
    let program = input::program(&args.program, endian)?;
    let options = DisasmOptions { plain: args.plain, endian, abi };
    let text = match args.style {
        Style::Filterc => disassemble(&program, &options),
        Style::SeccompTools => listing(&program, &options),
    };
    write_output(args.output.as_deref(), text.as_bytes())
}
