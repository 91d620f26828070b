//! `filterc policy.flt -o policy.bpf`

use std::path::{Path, PathBuf};

use clap::Args;
use filterc::emit::{FORMATS, Format};
use filterc::{Compiled, compile, emit, prove};

use crate::console::{Console, Failure, refuse_terminal, write_output};
use crate::input;
use crate::options::PolicyArgs;

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

    /// Also write a certificate, which `filterc-certify` checks, that the program is what the
    /// policy says
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: Option<PathBuf>,

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

/// The certificate of the program, and where it is to be written.
fn certify<'p>(path: &'p Path, compiled: &Compiled) -> Result<(&'p Path, Vec<u8>), Failure> {
    if compiled.programs().count() > 1 {
        let text = "a certificate is for one program: choose ABIs of one byte order with --arch";
        return Err(Failure::Environment(text.to_owned()));
    }
    match prove::certificate(compiled, compiled.program()) {
        Ok(certificate) => Ok((path, certificate)),
        Err(why) => Err(Failure::No(format!(
            "no certificate can be made: {why}; the proof stands without one: leave out --certificate"
        ))),
    }
}

pub(crate) fn run(args: &CompileArgs, console: &Console) -> Result<(), Failure> {
    // Clap has seen to it that a policy is named.
    let path = args.policy.as_deref().unwrap_or(Path::new("-"));
    let options = input::options(&args.policy_args)?;
    if args.emit.is_binary() {
        refuse_terminal(args.output.as_deref())?;
    }
    let compiled = compile(&input::source(path)?, &options)?;
    console.diagnostics(compiled.sources(), compiled.warnings());
    let stem = args.output.as_deref().filter(|output| *output != Path::new("-")).unwrap_or(path);
    let name = stem.file_stem().map_or("policy".into(), |stem| stem.to_string_lossy());
    let name = if name == "-" { "policy".into() } else { name };
    let certificate =
        args.certificate.as_deref().map(|path| certify(path, &compiled)).transpose()?;
    write_output(args.output.as_deref(), &emit::emit(&compiled, args.emit, &name))?;
    certificate.map_or(Ok(()), |(path, bytes)| write_output(Some(path), &bytes))
}
