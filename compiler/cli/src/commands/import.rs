//! `filterc import oci profile.json`, `filterc import minijail cat.policy`, and so on: one
//! subcommand for each form, with what that form leaves open.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use filterc::Diagnostics;
use filterc_abi::KernelVersion;
use filterc_grammar::source::{SourceFile, SourceMap};
use filterc_import::minijail::Dialect;
use filterc_import::oci::{Covering, Enosys};
use filterc_import::{Imported, Width, ftrace2011};
use serde_json::json;

use crate::console::{Console, Failure, write_output};
use crate::foreign::{self, Format, Reading, Text};
use crate::input;

/// Arguments of `import`.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit status: 0 the policy was written; 1 the original has what cannot be said faithfully; 2 bad usage, \
or input failed.")]
pub(crate) struct ImportArgs {
    #[command(subcommand)]
    format: Command,
}

/// What the foreign policy is.
#[derive(Debug, Subcommand)]
enum Command {
    /// A container's seccomp profile: of Docker, Podman or OCI's config.json
    Oci(OciArgs),
    /// A SeccompProfile of Kubernetes' security-profiles-operator, in YAML or JSON
    Kubernetes(KubernetesArgs),
    /// A policy of minijail: of Chrome OS, crosvm, Android
    Minijail(MinijailArgs),
    /// A policy of kafel: of nsjail
    Kafel(KafelArgs),
    /// Filters of seccompiler in JSON: of Firecracker
    Seccompiler(SeccompilerArgs),
    /// SystemCallFilter= and its like in a unit file of systemd
    Systemd(SystemdArgs),
    /// A seccomp policy of LXC
    Lxc(LxcArgs),
    /// Lists of bionic: SYSCALLS.TXT and its allowlists and blocklists
    Bionic(BionicArgs),
    /// A rule set of the seccomp filters of 2011: lines such as `sys_read: fd == 0`
    #[command(name = "ftrace-2011")]
    Ftrace2011(Ftrace2011Args),
}

/// What all forms have.
#[derive(Args, Debug)]
struct Common {
    /// The policy; standard output if left out
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write one JSON object with the policy in it, and what is to be known about it
    #[arg(long)]
    json: bool,

    /// ABI of the machine, as `aarch64` or `SCMP_ARCH_AARCH64`; this machine's if left out
    #[arg(long, value_name = "ABI")]
    arch: Option<String>,
}

/// Which bits are compared.
#[derive(Args, Debug)]
struct Bits {
    /// Compare whole registers, as the original does, instead of the bits that the kernel uses
    #[arg(long)]
    raw: bool,
}

impl Bits {
    const fn width(&self) -> Width {
        if self.raw { Width::Registers } else { Width::Effective }
    }
}

/// Arguments of `import ftrace-2011`.
#[derive(Args, Debug)]
struct Ftrace2011Args {
    /// The rule set; `-` is standard input
    #[arg(value_name = "RULES")]
    rules: PathBuf,

    #[command(flatten)]
    common: Common,

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

/// What a profile leaves to the container and its host.
#[derive(Args, Debug)]
struct Container {
    #[command(flatten)]
    common: Common,

    /// Cover that ABI alone: calls of the others that the profile covers are foreign
    #[arg(long)]
    host_only: bool,

    /// Capabilities of the container; `docker` stands for those that Docker gives by default
    #[arg(long, value_delimiter = ',', value_name = "CAP_…")]
    cap: Vec<String>,

    /// Kernel of the machine that runs the container; without it every minKernel is met, and the
    /// policy is for the kernel of the newest call that the profile names
    #[arg(long, value_name = "VERSION", value_parser = foreign::kernel)]
    kernel: Option<KernelVersion>,

    /// Which calls get ENOSYS that the profile's author may not have known
    #[arg(long, value_enum, default_value_t = Stub::Age, value_name = "WHICH")]
    enosys: Stub,

    #[command(flatten)]
    bits: Bits,
}

/// Which calls get ENOSYS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Stub {
    /// Those that are newer than all that the profile names
    Age,
    /// Those with a number above all that the profile names, as in runc
    Runc,
    /// None, as in crun
    Never,
}

impl Container {
    fn reading(&self) -> Result<Reading, Failure> {
        let mut reading = Reading::new(self.common.arch.as_deref())?;
        reading.covering = if self.host_only { Covering::Host } else { Covering::All };
        reading.caps = foreign::caps(&self.cap)?;
        reading.kernel = self.kernel;
        reading.enosys = match self.enosys {
            Stub::Age => Enosys::ByAge,
            Stub::Runc => Enosys::ByNumber,
            Stub::Never => Enosys::Never,
        };
        reading.width = self.bits.width();
        Ok(reading)
    }
}

/// Arguments of `import oci`.
#[derive(Args, Debug)]
struct OciArgs {
    /// The profile; `-` is standard input
    #[arg(value_name = "PROFILE")]
    profile: PathBuf,

    #[command(flatten)]
    container: Container,
}

/// Arguments of `import kubernetes`.
#[derive(Args, Debug)]
struct KubernetesArgs {
    /// The resources; `-` is standard input
    #[arg(value_name = "RESOURCES")]
    resources: PathBuf,

    /// Which profile, by its name; needed where there are several
    #[arg(long, value_name = "NAME")]
    profile_name: Option<String>,

    #[command(flatten)]
    container: Container,
}

/// Arguments of `import minijail`.
#[derive(Args, Debug)]
struct MinijailArgs {
    /// The policy; `-` is standard input
    #[arg(value_name = "POLICY")]
    policy: PathBuf,

    #[command(flatten)]
    common: Common,

    #[command(flatten)]
    bits: Bits,

    /// Folder in which `@include` looks, after the including file's own
    #[arg(short = 'I', long = "include", value_name = "DIR")]
    include: Vec<PathBuf>,

    /// Value of a constant that is not in the tables
    #[arg(short = 'D', long = "define", value_name = "NAME=VALUE")]
    define: Vec<String>,

    /// Whose reading of `CONDITION; return E` it is: the two do opposite things
    #[arg(long, value_enum, value_name = "WHICH")]
    compiler: Option<Compiler>,

    /// What `kill` ends, and a call without a rule
    #[arg(long, value_enum, default_value_t = Kill::Thread, value_name = "WHAT")]
    kill: Kill,
}

/// Minijail's compilers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Compiler {
    /// The one within the library, in C
    Library,
    /// The tool in Python, compile_seccomp_policy
    Tool,
}

/// What is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kill {
    /// The thread
    Thread,
    /// The process
    Process,
}

/// Arguments of `import kafel`.
#[derive(Args, Debug)]
struct KafelArgs {
    /// The policy; `-` is standard input
    #[arg(value_name = "POLICY")]
    policy: PathBuf,

    #[command(flatten)]
    common: Common,

    /// Folder in which `#include` looks, after the including file's own
    #[arg(short = 'I', long = "include", value_name = "DIR")]
    include: Vec<PathBuf>,
}

/// Arguments of `import seccompiler`.
#[derive(Args, Debug)]
struct SeccompilerArgs {
    /// The filters; `-` is standard input
    #[arg(value_name = "FILTERS")]
    filters: PathBuf,

    #[command(flatten)]
    common: Common,

    #[command(flatten)]
    bits: Bits,

    /// Which filter, by the name of its threads; needed where there are several
    #[arg(long, visible_alias = "thread", value_name = "NAME")]
    filter: Option<String>,
}

/// Arguments of `import systemd`.
#[derive(Args, Debug)]
struct SystemdArgs {
    /// The unit file, or lines of one; `-` is standard input
    #[arg(value_name = "UNIT")]
    unit: PathBuf,

    #[command(flatten)]
    common: Common,

    /// The groups of another systemd: what `systemd-analyze syscall-filter` printed there; without
    /// it groups have the calls that they have in filterc
    #[arg(long, value_name = "FILE")]
    sets: Option<PathBuf>,
}

/// Arguments of `import lxc`.
#[derive(Args, Debug)]
struct LxcArgs {
    /// The policy; `-` is standard input
    #[arg(value_name = "POLICY")]
    policy: PathBuf,

    #[command(flatten)]
    common: Common,

    #[command(flatten)]
    bits: Bits,
}

/// Arguments of `import bionic`.
#[derive(Args, Debug)]
struct BionicArgs {
    /// The lists: SYSCALLS.TXT, and those whose names say that they are allowlists, blocklists or
    /// priorities
    #[arg(value_name = "LIST", required = true)]
    lists: Vec<PathBuf>,

    #[command(flatten)]
    common: Common,

    /// Cover 32-bit programs, too, on a 64-bit machine
    #[arg(long)]
    secondary: bool,
}

/// Makes a policy of a foreign one.
pub(crate) fn run(args: &ImportArgs, console: &Console) -> Result<(), Failure> {
    let one = std::slice::from_ref;
    match &args.format {
        Command::Oci(args) => {
            let (reading, common) = (args.container.reading()?, &args.container.common);
            imported(Format::Oci, one(&args.profile), &reading, common, console)
        }
        Command::Kubernetes(args) => {
            let (mut reading, common) = (args.container.reading()?, &args.container.common);
            reading.profile.clone_from(&args.profile_name);
            imported(Format::Kubernetes, one(&args.resources), &reading, common, console)
        }
        Command::Minijail(args) => {
            let reading = of_minijail(args)?;
            imported(Format::Minijail, one(&args.policy), &reading, &args.common, console)
        }
        Command::Kafel(args) => {
            let mut reading = Reading::new(args.common.arch.as_deref())?;
            reading.include.clone_from(&args.include);
            imported(Format::Kafel, one(&args.policy), &reading, &args.common, console)
        }
        Command::Seccompiler(args) => {
            let mut reading = Reading::new(args.common.arch.as_deref())?;
            reading.filter.clone_from(&args.filter);
            reading.width = args.bits.width();
            imported(Format::Seccompiler, one(&args.filters), &reading, &args.common, console)
        }
        Command::Systemd(args) => {
            let mut reading = Reading::new(args.common.arch.as_deref())?;
            reading.sets = args.sets.as_deref().map(foreign::listing).transpose()?;
            imported(Format::Systemd, one(&args.unit), &reading, &args.common, console)
        }
        Command::Lxc(args) => {
            let mut reading = Reading::new(args.common.arch.as_deref())?;
            reading.width = args.bits.width();
            imported(Format::Lxc, one(&args.policy), &reading, &args.common, console)
        }
        Command::Bionic(args) => {
            let mut reading = Reading::new(args.common.arch.as_deref())?;
            reading.secondary = args.secondary;
            imported(Format::Bionic, &args.lists, &reading, &args.common, console)
        }
        Command::Ftrace2011(args) => from_rules(args, console),
    }
}

fn of_minijail(args: &MinijailArgs) -> Result<Reading, Failure> {
    let mut reading = Reading::new(args.common.arch.as_deref())?;
    reading.width = args.bits.width();
    reading.include.clone_from(&args.include);
    let given = args.define.iter().map(|text| input::define("-D", text));
    reading.define(&given.collect::<Result<Vec<_>, _>>()?);
    reading.dialect = match args.compiler {
        None => Dialect::Either,
        Some(Compiler::Library) => Dialect::Library,
        Some(Compiler::Tool) => Dialect::Tool,
    };
    reading.kill_process = args.kill == Kill::Process;
    Ok(reading)
}

fn imported(
    format: Format,
    paths: &[PathBuf],
    reading: &Reading,
    common: &Common,
    console: &Console,
) -> Result<(), Failure> {
    let texts = paths.iter().map(|path| Text::read(path)).collect::<Result<Vec<_>, _>>()?;
    let imported = foreign::import(format, &texts, reading).map_err(Failure::from)?;
    written(&imported, common, console)
}

fn from_rules(args: &Ftrace2011Args, console: &Console) -> Result<(), Failure> {
    let options = ftrace2011::Options {
        abi: foreign::host(args.common.arch.as_deref())?,
        join: match args.join {
            Joined::All => ftrace2011::Join::All,
            Joined::Any => ftrace2011::Join::Any,
        },
        form: match args.to {
            Made::Policy => ftrace2011::Form::Policy,
            Made::Events => ftrace2011::Form::Events,
        },
    };
    let text = Text::read(&args.rules)?;
    let mut sources = SourceMap::default();
    let (name, contents) = (text.name.clone(), text.text.clone());
    let file = sources.add(SourceFile { name, text: contents, included_from: None });
    let imported = ftrace2011::import(file, &text.text, &options)
        .map_err(|list| Failure::from(Diagnostics { sources, list }))?;
    written(&imported, &args.common, console)
}

fn written(imported: &Imported, common: &Common, console: &Console) -> Result<(), Failure> {
    let to = common.output.as_deref();
    if common.json {
        let notes: Vec<String> = imported.notes.iter().map(ToString::to_string).collect();
        let object = json!({ "policy": imported.document.to_text(), "notes": notes });
        return write_output(to, format!("{object}\n").as_bytes());
    }
    for note in &imported.notes {
        console.note(&note.to_string());
    }
    write_output(to, imported.document.to_text().as_bytes())
}
