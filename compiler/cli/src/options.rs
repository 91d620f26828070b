//! Arguments that several subcommands share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use filterc::{Goal, OptLevel};
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

    /// How hard the optimizer tries (0, 1 or 2, the default), or what it makes least of: `size`,
    /// `speed` (what calls run) or `install` (what the kernel runs to attach the filter),
    /// instead of a sum of all three; both can be given
    #[arg(short = 'O', value_parser = parse_optimize, value_name = "LEVEL|GOAL")]
    pub(crate) optimize: Vec<Optimize>,

    /// Count that every call runs the program, as before Linux 5.11, which answers calls that
    /// are always allowed from a bitmap
    #[arg(long)]
    pub(crate) no_bitmap: bool,

    /// Calls to make fast: what `strace -c` or `perf trace -s` printed, or JSON Lines with `nr`
    /// and `args`; by default, those that programs make most
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: Option<PathBuf>,

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

/// One `-O`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Optimize {
    Level(OptLevel),
    Goal(Goal),
}

impl PolicyArgs {
    /// The level that was given last.
    pub(crate) fn level(&self) -> OptLevel {
        let level = |optimize: &Optimize| match optimize {
            Optimize::Level(level) => Some(*level),
            Optimize::Goal(_) => None,
        };
        self.optimize.iter().rev().find_map(level).unwrap_or_default()
    }

    /// The goal that was given last.
    pub(crate) fn goal(&self) -> Goal {
        let goal = |optimize: &Optimize| match optimize {
            Optimize::Goal(goal) => Some(*goal),
            Optimize::Level(_) => None,
        };
        self.optimize.iter().rev().find_map(goal).unwrap_or_default()
    }
}

fn parse_optimize(text: &str) -> Result<Optimize, String> {
    match text {
        "0" => Ok(Optimize::Level(OptLevel::O0)),
        "1" => Ok(Optimize::Level(OptLevel::O1)),
        "2" => Ok(Optimize::Level(OptLevel::O2)),
        "size" => Ok(Optimize::Goal(Goal::Size)),
        "speed" => Ok(Optimize::Goal(Goal::Speed)),
        "install" => Ok(Optimize::Goal(Goal::Install)),
        _ => Err("the levels are 0, 1 and 2, the goals size, speed and install".to_owned()),
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
