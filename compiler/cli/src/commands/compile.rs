//! `filterc policy.flt -o policy.bpf`

use std::path::{Path, PathBuf};

use clap::Args;
use filterc::emit::{self, FORMATS, Format};
use filterc::module::compile_module_observed;
use filterc::{Gate, Options, Source, Target, compile_events_for, compile_observed};
use filterc_hir::event::kernel::Machine;

use crate::commands::event;
use crate::console::{Console, Failure, refuse_terminal, write_output, write_outputs};
use crate::input;
use crate::naming;
use crate::options::PolicyArgs;
use crate::program::{ProgramArgs, parse_gate, parse_target};
use crate::symbols::RunningKernel;
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
    #[arg(long, value_parser = parse_format, value_name = "FORM", help = format_help())]
    pub(crate) emit: Option<Format>,

    /// What is made
    #[arg(long, value_parser = parse_target, value_name = "TARGET", help = target_help())]
    pub(crate) target: Option<Target>,

    /// For `--target monitor`: how the filter asks it, by `notify` (the default) or `trace`
    #[arg(long, value_parser = parse_gate, value_name = "GATE")]
    pub(crate) gate: Option<Gate>,

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
    pub(crate) program: ProgramArgs,

    #[command(flatten)]
    pub(crate) policy_args: PolicyArgs,
}

fn format_names() -> String {
    FORMATS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

fn format_help() -> String {
    format!(
        "What to write: {}; by default `obj` where the output is a file `*.o`, and else `bpf`",
        format_names()
    )
}

fn target_help() -> &'static str {
    "What is made: a seccomp filter (`seccomp`); an eBPF program that decides about a `struct \
     seccomp_data` on request (`syscall`); or eBPF programs that tell what the policy says of the \
     calls of watched tasks (`raw_tracepoint`, `tp_btf`), or that keep or drop events by the \
     `event` statements (`tracepoint`), or that carry out what the policy says where calls come \
     to labelled objects (`lsm`); or the filter of a monitor, which asks it where registers do not \
     decide (`monitor`). By default `tp_btf` for object files, \
     and else `seccomp`"
}

/// What to write, and what of: an object file can only be of eBPF.
fn form(args: &CompileArgs) -> (Format, Target) {
    let extension = args.output.as_deref().and_then(Path::extension);
    let by_name = if extension.is_some_and(|it| it == "o") { Format::Obj } else { Format::Bpf };
    let format = args.emit.unwrap_or(by_name);
    let target = match format {
        Format::Obj => Target::TracepointBtf,
        Format::Bpf
        | Format::Asm
        | Format::C
        | Format::Rust
        | Format::Json
        | Format::Hir
        | Format::Ir
        | Format::Dot
        | Format::Hex
        | Format::Cost
        | Format::CostJson
        | Format::Table => Target::Seccomp,
    };
    (format, args.target.unwrap_or(target))
}

fn parse_format(text: &str) -> Result<Format, String> {
    let known = FORMATS.iter().find(|(name, _)| *name == text).map(|(_, format)| *format);
    known.ok_or_else(|| format!("the forms are {}", format_names()))
}

pub(crate) fn run(args: &CompileArgs, console: &Console) -> Result<(), Failure> {
    // Clap has seen to it that a policy is named.
    let path = args.policy.as_deref().unwrap_or(Path::new("-"));
    let options = input::options(&args.policy_args, console)?;
    let (format, target) = form(args);
    if format.is_binary() {
        refuse_terminal(args.output.as_deref())?;
    }
    let source = input::source(path)?;
    if target == Target::Tracepoint {
        return events(args, format, &source, &options, console);
    }
    let options = Options { target, gate: args.gate.unwrap_or_default(), ..options };
    if args.gate.is_some() && target != Target::Monitor {
        return Err(Failure::Environment("--gate is for --target monitor".to_owned()));
    }
    if !matches!(target, Target::Seccomp | Target::Monitor) {
        return module(args, format, &source, &Options { target, ..options }, console);
    }
    let mut stopwatch = Stopwatch::start();
    let result = compile_observed(&source, &options, &mut |step| stopwatch.done(step));
    if args.time_passes {
        console.plain(&stopwatch.report());
    }
    let compiled = result?;
    console.diagnostics(compiled.sources(), compiled.warnings());
    if format.is_bare() && args.patch_table.is_none() {
        input::is_finished(&compiled)?;
    }
    let mut outputs = naming::outputs(&compiled, format, args.output.as_deref(), path)?;
    if let Some(pattern) = &args.certificate {
        outputs.extend(naming::certificates(&compiled, pattern)?);
    }
    if let Some(pattern) = &args.patch_table {
        outputs.extend(naming::tables(&compiled, pattern)?);
    }
    write_outputs(outputs)
}

/// The same for the `event` statements.
fn events(
    args: &CompileArgs,
    format: Format,
    source: &Source,
    options: &Options,
    console: &Console,
) -> Result<(), Failure> {
    if args.certificate.is_some() || args.patch_table.is_some() {
        let text = "--target tracepoint: certificates and patch tables are of policies".to_owned();
        return Err(Failure::Environment(text));
    }
    // Of the running kernel only where its functions are: the object is for any number of processors.
    let kernel = RunningKernel::default();
    let machine = kernel.machine(Some(Machine::ANY.nr_cpu_ids));
    let compiled = compile_events_for(source, options, &args.program.options(), &machine)?;
    console.diagnostics(&compiled.sources, &compiled.warnings);
    let bytes = emit::emit_programs(&compiled.module, compiled.endian, format);
    write_output(args.output.as_deref(), &bytes.ok_or_else(|| event::no_place(format))?)
}

/// The same for eBPF.
fn module(
    args: &CompileArgs,
    format: Format,
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
    let mut outputs = naming::modules(&compiled, (format, name), args.output.as_deref())?;
    if let Some(pattern) = &args.certificate {
        outputs.extend(naming::module_certificates(&compiled, pattern)?);
    }
    write_outputs(outputs)
}
