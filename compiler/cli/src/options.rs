//! Arguments that several subcommands share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use filterc::OptLevel;
use filterc_abi::Endian;

/// Options of every command that reads a policy.
#[derive(Args, Debug)]
pub(crate) struct PolicyArgs {
    /// ABIs to compile for, instead of the policy's `arch`
    #[arg(long, value_delimiter = ',', value_name = "ABI")]
    pub(crate) arch: Vec<String>,

    /// Folder in which `include` looks after the including file's own
    #[arg(short = 'I', long = "include", value_name = "DIR")]
    pub(crate) include: Vec<PathBuf>,

    /// Constant that replaces the policy's `const NAME`, or adds one
    #[arg(short = 'D', long = "define", value_name = "NAME=VALUE")]
    pub(crate) define: Vec<String>,

    /// Value of a parameter; all have one, or none
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub(crate) param: Vec<String>,

    /// How hard the optimizer tries
    #[arg(short = 'O', value_parser = parse_level, default_value = "2", value_name = "LEVEL")]
    pub(crate) opt_level: OptLevel,

    /// Write the program without the proof that it is what the policy says
    #[arg(long)]
    pub(crate) no_prove: bool,

    /// Fail on warnings
    #[arg(long)]
    pub(crate) deny_warnings: bool,
}

/// When to colour.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ColorChoice {
    Auto,
    Always,
    Never,
}

/// Form of diagnostics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MessageFormat {
    Human,
    Json,
}

fn parse_level(text: &str) -> Result<OptLevel, String> {
    match text {
        "0" => Ok(OptLevel::O0),
        "1" => Ok(OptLevel::O1),
        "2" => Ok(OptLevel::O2),
        _ => Err("the levels are 0, 1 and 2".to_owned()),
    }
}

/// Byte order of a program in a file.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ByteOrder {
    /// This machine's
    Host,
    /// Least significant byte first
    Little,
    /// Most significant byte first
    Big,
}

impl From<ByteOrder> for Endian {
    fn from(order: ByteOrder) -> Self {
        match order {
            ByteOrder::Host => Self::HOST,
            ByteOrder::Little => Self::Little,
            ByteOrder::Big => Self::Big,
        }
    }
}
