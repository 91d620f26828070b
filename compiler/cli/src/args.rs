//! The command line: what can be written, and nothing of what is done about it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use filterc::OptLevel;
use filterc::emit::{FORMATS, Format};
use filterc_abi::Endian;

use crate::commands::{asm, check, completions, disasm, eval, explain, fmt, man, run, verify};

/// Compile system-call filter policies to seccomp bytecode.
#[derive(Debug, Parser)]
#[command(
    name = "filterc",
    version,
    about,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    arg_required_else_help = true,
    after_help = EXIT_STATUS
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) compile: CompileArgs,

    /// When to colour diagnostics; NO_COLOR in the environment turns `auto` off
    #[arg(long, value_enum, default_value_t = ColorChoice::Auto, global = true, value_name = "WHEN")]
    pub(crate) color: ColorChoice,

    /// How diagnostics are written: for people, or one JSON object a line
    #[arg(long, value_enum, default_value_t = MessageFormat::Human, global = true, value_name = "FORMAT")]
    pub(crate) message_format: MessageFormat,
}

const EXIT_STATUS: &str = "\
Exit status: 0 done; 1 the policy is at fault, or the answer is no; \
2 bad usage, or input or output failed.";

/// Everything but the compiler itself.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a policy and write nothing
    Check(check::CheckArgs),
    /// Format policies
    Fmt(fmt::FmtArgs),
    /// Show a program as assembly text
    Disasm(disasm::DisasmArgs),
    /// Assemble a program
    Asm(asm::AsmArgs),
    /// Say whether the kernel would take a program
    Verify(verify::VerifyArgs),
    /// Say what a policy decides about one call, by which rule
    Eval(eval::EvalArgs),
    /// Run a command under a policy
    Run(run::RunArgs),
    /// Explain the code of a diagnostic
    Explain(explain::ExplainArgs),
    /// Print a shell's completion script
    Completions(completions::CompletionsArgs),
    /// Print the manual page
    Man(man::ManArgs),
}

/// `filterc policy.flt -o policy.bpf`.
#[derive(Args, Debug)]
pub(crate) struct CompileArgs {
    /// The policy; `-` is standard input
    #[arg(required = true, value_name = "POLICY")]
    pub(crate) policy: Option<PathBuf>,

    /// Where to write; `-`, and the default, is standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// What to write
    #[arg(long, value_parser = parse_format, default_value = "bpf", value_name = "FORM", help = format_help())]
    pub(crate) emit: Format,

    #[command(flatten)]
    pub(crate) policy_args: PolicyArgs,
}

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

    /// How hard the optimizer tries
    #[arg(short = 'O', value_parser = parse_level, default_value = "2", value_name = "LEVEL")]
    pub(crate) opt_level: OptLevel,

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

fn format_names() -> String {
    FORMATS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

fn format_help() -> String {
    format!("What to write: {}", format_names())
}

fn parse_format(text: &str) -> Result<Format, String> {
    let known = FORMATS.iter().find(|(name, _)| *name == text).map(|(_, format)| *format);
    known.ok_or_else(|| format!("the forms are {}", format_names()))
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
