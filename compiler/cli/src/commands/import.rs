//! `filterc import oci profile.json`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use filterc::Diagnostics;
use filterc_abi::{self as abi, Abi, KernelVersion};
use filterc_grammar::source::{SourceFile, SourceMap};
use filterc_import::oci::{self, Covering, DOCKER_CAPS, Width};

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
    }
}

fn from_oci(args: &OciArgs, console: &Console) -> Result<(), Failure> {
    let options = options(args)?;
    let source = input::source(&args.profile)?;
    let mut sources = SourceMap::default();
    let (name, text) = (source.name().to_owned(), source.contents().to_owned());
    let file = sources.add(SourceFile { name, text, included_from: None });
    let imported = oci::import(file, source.contents(), &options)
        .map_err(|list| Failure::from(Diagnostics { sources, list }))?;
    for note in &imported.notes {
        console.note(&note.to_string());
    }
    write_output(args.output.as_deref(), imported.document.to_text().as_bytes())
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
