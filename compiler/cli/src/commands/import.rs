//! `filterc import oci profile.json`, `filterc import ftrace-2011 rules`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use filterc::Diagnostics;
use filterc_abi::{self as abi, Abi, KernelVersion};
use filterc_grammar::source::{SourceFile, SourceMap};
use filterc_import::oci::{self, Covering, DOCKER_CAPS, Width};
use filterc_import::{Imported, ftrace2011};

use crate::console::{Console, Failure, write_output};
use crate::input;

/// Arguments of `import`.
#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    #[command(subcommand)]
    format: Format,
}

/// What the foreign policy is.
#[derive(Debug, Subcommand)]
enum Format {
    /// A container's seccomp profile: of Docker, Podman or OCI's config.json
    Oci(OciArgs),
    /// A rule set of the seccomp filters of 2011: lines such as `sys_read: fd == 0`
    #[command(name = "ftrace-2011")]
    Ftrace2011(Ftrace2011Args),
}

/// Arguments of `import ftrace-2011`.
#[derive(Args, Debug)]
struct Ftrace2011Args {
    /// The rule set; `-` is standard input
    #[arg(value_name = "RULES")]
    rules: PathBuf,

    /// The policy; standard output if left out
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// ABI of the calls; this machine's if left out
    #[arg(long, value_name = "ABI")]
    arch: Option<String>,

    /// What is made of the rules
    #[arg(long, value_enum, default_value_t = Made::Policy, value_name = "FORM")]
    to: Made,

    /// What several rules about one call mean together
    #[arg(long, value_enum, default_value_t = Joined::All, value_name = "HOW")]
    join: Joined,
}

/// What is made of a rule set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Made {
    /// A policy that allows these calls
    Policy,
    /// Event filters
    Events,
}

/// What several rules about one call mean together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Joined {
    /// All of them must hold, as in 2011
    All,
    /// One of them must hold
    Any,
}

/// Arguments of `import oci`.
#[derive(Args, Debug)]
struct OciArgs {
    /// The profile; `-` is standard input
    #[arg(value_name = "PROFILE")]
    profile: PathBuf,

    /// The policy; standard output if left out
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// ABI of the machine that runs the container, as `aarch64` or `SCMP_ARCH_AARCH64`; the
    /// profile says which others it covers there
    #[arg(long, value_name = "ABI")]
    arch: Option<String>,

    /// Cover that ABI alone: calls of the others that the profile covers are foreign
    #[arg(long)]
    host_only: bool,

    /// Capabilities of the container; `docker` stands for those that Docker gives by default
    #[arg(long, value_delimiter = ',', value_name = "CAP_…")]
    cap: Vec<String>,

    /// Kernel of the machine that runs the container; without it every minKernel is met, and the
    /// policy is for the kernel of the newest call that the profile names
    #[arg(long, value_name = "VERSION", value_parser = parse_kernel)]
    kernel: Option<KernelVersion>,

    /// Compare whole registers, as libseccomp does, instead of the bits that the kernel uses
    #[arg(long)]
    raw: bool,
}

fn parse_kernel(text: &str) -> Result<KernelVersion, String> {
    let version: KernelVersion =
        text.parse().map_err(|()| "a version is written as in 6.6".to_owned())?;
    if version > KernelVersion::TABLE {
        return Err(format!("the tables end with {}", KernelVersion::TABLE));
    }
    Ok(version)
}

/// Makes a policy of a foreign one.
pub(crate) fn run(args: &ImportArgs, console: &Console) -> Result<(), Failure> {
    match &args.format {
        Format::Oci(args) => from_oci(args, console),
        Format::Ftrace2011(args) => from_rules(args, console),
    }
}

fn from_rules(args: &Ftrace2011Args, console: &Console) -> Result<(), Failure> {
    let options = ftrace2011::Options {
        abi: host(args.arch.as_deref())?,
        join: match args.join {
            Joined::All => ftrace2011::Join::All,
            Joined::Any => ftrace2011::Join::Any,
        },
        form: match args.to {
            Made::Policy => ftrace2011::Form::Policy,
            Made::Events => ftrace2011::Form::Events,
        },
    };
    let source = input::source(&args.rules)?;
    let mut sources = SourceMap::default();
    let (name, text) = (source.name().to_owned(), source.contents().to_owned());
    let file = sources.add(SourceFile { name, text, included_from: None });
    let imported = ftrace2011::import(file, source.contents(), &options)
        .map_err(|list| Failure::from(Diagnostics { sources, list }))?;
    written(&imported, args.output.as_deref(), console)
}

fn written(imported: &Imported, to: Option<&Path>, console: &Console) -> Result<(), Failure> {
    for note in &imported.notes {
        console.note(&note.to_string());
    }
    write_output(to, imported.document.to_text().as_bytes())
}

fn from_oci(args: &OciArgs, console: &Console) -> Result<(), Failure> {
    let options = options(args)?;
    let source = input::source(&args.profile)?;
    let mut sources = SourceMap::default();
    let (name, text) = (source.name().to_owned(), source.contents().to_owned());
    let file = sources.add(SourceFile { name, text, included_from: None });
    let imported = oci::import(file, source.contents(), &options)
        .map_err(|list| Failure::from(Diagnostics { sources, list }))?;
    written(&imported, args.output.as_deref(), console)
}

fn options(args: &OciArgs) -> Result<oci::Options, Failure> {
    let mut options = oci::Options::new(host(args.arch.as_deref())?);
    options.covering = if args.host_only { Covering::Host } else { Covering::All };
    options.caps = caps(&args.cap)?;
    options.kernel = args.kernel;
    options.width = if args.raw { Width::Registers } else { Width::Effective };
    if let Some(name) = args.profile.file_name().filter(|_| args.profile != Path::new("-")) {
        options.source = name.to_string_lossy().into_owned();
    }
    Ok(options)
}

fn host(name: Option<&str>) -> Result<&'static Abi, Failure> {
    match name {
        Some(name) => oci::of_token(name).map_or_else(|| input::abi_named(name), Ok),
        None => abi::host().ok_or_else(|| {
            Failure::Environment(
                "this machine's ABI has no tables: give one with --arch".to_owned(),
            )
        }),
    }
}

fn caps(names: &[String]) -> Result<BTreeSet<String>, Failure> {
    let mut caps = BTreeSet::new();
    for name in names {
        if name == "docker" {
            caps.extend(DOCKER_CAPS.iter().map(|&cap| cap.to_owned()));
        } else if name.starts_with("CAP_") {
            caps.insert(name.clone());
        } else {
            let text = format!("--cap {name}: a capability is written as in CAP_SYS_ADMIN");
            return Err(Failure::Environment(text));
        }
    }
    Ok(caps)
}
