//! `filterc policy.flt -o policy.bpf`

use std::path::{Path, PathBuf};

use clap::Args;
use filterc::emit::{FORMATS, Format};
use filterc::module::compile_module_observed;
use filterc::options::TARGETS;
use filterc::{Options, Source, Target, compile_observed};

use crate::console::{Console, Failure, refuse_terminal, write_outputs};
use crate::input;
use crate::naming;
use crate::options::PolicyArgs;
use crate::timing::Stopwatch;

/// `filterc policy.flt -o policy.bpf`.
#[derive(Args, Debug)]
pub(crate) struct CompileArgs {
    /// The policy; `-` is standard input
    #[arg(required = true, value_name = "POLICY")]
    pub(crate) policy: Option<PathBuf>,

    /// Where to write; `-`, and the default, is standard output. `%a` stands for the ABIs, as
    /// `x86_64+i386`: a policy for both byte orders has two programs; `%%` is a percent sign
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// What to write
    #[arg(long, value_parser = parse_format, default_value = "bpf", value_name = "FORM", help = format_help())]
    pub(crate) emit: Format,

    /// What is made: a seccomp filter; an eBPF program that decides about a `struct seccomp_data`
    /// on request (`syscall`); or eBPF programs that tell what the policy says of the calls of
    /// watched tasks (`raw_tracepoint`, `tp_btf`)
    #[arg(long, value_parser = parse_target, default_value = "seccomp", value_name = "TARGET")]
    pub(crate) target: Target,

    /// Also write a certificate, which `filterc-certify` checks, that the program is what the
    /// policy says; `%a` as for the output
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: Option<PathBuf>,

    /// Say on standard error how long each step took
    #[arg(long)]
    pub(crate) time_passes: bool,
    /// Where parameters have no value: also write where they go, as JSON, for the loader that
    /// fills them in; `%a` as for the output
    #[arg(long, value_name = "FILE")]
    pub(crate) patch_table: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) policy_args: PolicyArgs,
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

fn parse_target(text: &str) -> Result<Target, String> {
    let known = TARGETS.iter().find(|(name, _)| *name == text).map(|(_, target)| *target);
    let names = || TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    known.ok_or_else(|| format!("the targets are {}", names()))
}

pub(crate) fn run(args: &CompileArgs, console: &Console) -> Result<(), Failure> {
    // Clap has seen to it that a policy is named.
    let path = args.policy.as_deref().unwrap_or(Path::new("-"));
    let options = input::options(&args.policy_args, console)?;
    if args.emit.is_binary() {
        refuse_terminal(args.output.as_deref())?;
    }
    let source = input::source(path)?;
    if args.target != Target::Seccomp {
        return module(args, &source, &Options { target: args.target, ..options }, console);
    }
    let mut stopwatch = Stopwatch::start();
    let result = compile_observed(&source, &options, &mut |step| stopwatch.done(step));
    if args.time_passes {
        console.plain(&stopwatch.report());
    }
    let compiled = result?;
    console.diagnostics(compiled.sources(), compiled.warnings());
    if args.emit.is_bare() && args.patch_table.is_none() {
        input::is_finished(&compiled)?;
    }
    let mut outputs = naming::outputs(&compiled, args.emit, args.output.as_deref(), path)?;
    if let Some(pattern) = &args.certificate {
        outputs.extend(naming::certificates(&compiled, pattern)?);
    }
    if let Some(pattern) = &args.patch_table {
        outputs.extend(naming::tables(&compiled, pattern)?);
    }
    write_outputs(outputs)
}

/// The same for eBPF.
fn module(
    args: &CompileArgs,
    source: &Source,
    options: &Options,
    console: &Console,
) -> Result<(), Failure> {
    let name = options.target.name();
    if args.patch_table.is_some() {
        let text = format!("--target {name}: patch tables are of filters alone");
        return Err(Failure::Environment(text));
    }
    let mut stopwatch = Stopwatch::start();
    let result = compile_module_observed(source, options, &mut |step| stopwatch.done(step));
    if args.time_passes {
        console.plain(&stopwatch.report());
    }
    let compiled = result?;
    console.diagnostics(compiled.sources(), compiled.warnings());
    let mut outputs = naming::modules(&compiled, (args.emit, name), args.output.as_deref())?;
    if let Some(pattern) = &args.certificate {
        outputs.extend(naming::module_certificates(&compiled, pattern)?);
    }
    write_outputs(outputs)
}
