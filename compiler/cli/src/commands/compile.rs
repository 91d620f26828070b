//! `filterc policy.flt -o policy.bpf`

use std::path::Path;

use filterc::{compile, emit};

use crate::args::CompileArgs;
use crate::console::{Console, Failure, refuse_terminal, write_output};
use crate::input;

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
    write_output(args.output.as_deref(), &emit::emit(&compiled, args.emit, &name))
}
