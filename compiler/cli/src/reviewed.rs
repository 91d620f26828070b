//! What is asked about a call or a record: a policy with its text, or a program.

use std::path::Path;

use filterc::{Compiled, Options, Source, compile};
use filterc_abi::{self as abi, Abi, Endian};
use filterc_cbpf::{self as cbpf, Verified};
use filterc_review::verdict::Filter;
use filterc_review::written::Written;

use crate::console::{Console, Failure};
use crate::input;
use crate::sides::{self, Input, ReadingArgs};

/// A policy with its program, or a program.
pub(crate) enum Reviewed {
    Policy(Box<Compiled>, Box<Written>),
    Program(Verified),
}

/// Reads what a path names. What is wrong with it is of status 2: 1 is for an answer that is no.
pub(crate) fn read(
    path: &Path,
    reading: &ReadingArgs,
    options: &Options,
    console: &Console,
) -> Result<Reviewed, Failure> {
    if path.extension().is_some_and(|extension| extension == "flt") && !reading.is_given() {
        return policy(&input::source(path)?, options, console);
    }
    match sides::read_as(path, reading, options, console)? {
        Input::Bytes(bytes) => {
            let fault = |text: String| Failure::Environment(format!("{}: {text}", path.display()));
            let endian = of_options(options).map_or(Endian::HOST, |abi| abi.endian);
            let program = cbpf::decode(&bytes, endian).map_err(|error| fault(error.to_string()))?;
            let verified = cbpf::verify(&program)
                .map_err(|error| fault(format!("the kernel would not take it: {error}")))?;
            Ok(Reviewed::Program(verified))
        }
        Input::Object(..) => Err(Failure::Environment(format!(
            "{}: an object file: explained are policies, and programs of seccomp",
            path.display()
        ))),
        Input::Policy(read, sources) => {
            let (source, options) = sides::again(&read, &sources, options);
            policy(&source, &options, console)
        }
    }
}

fn policy(source: &Source, options: &Options, console: &Console) -> Result<Reviewed, Failure> {
    let none = || Failure::Environment(format!("{}: this is no policy to ask", source.name()));
    let compiled = compile(source, options).map_err(|diagnostics| {
        console.diagnostics(&diagnostics.sources, &diagnostics.list);
        none()
    })?;
    if let Err(Failure::Policy(diagnostics)) = input::is_finished(&compiled) {
        console.diagnostics(&diagnostics.sources, &diagnostics.list);
        return Err(none());
    }
    let written = Written::read(source, options).ok_or_else(none)?;
    Ok(Reviewed::Policy(Box::new(compiled), Box::new(written)))
}

/// The ABI that was asked for.
fn of_options(options: &Options) -> Option<&'static Abi> {
    options.abis.as_ref().and_then(|abis| abis.first()).copied()
}

impl Reviewed {
    /// What decides.
    pub(crate) fn filter(&self) -> Filter<'_> {
        match self {
            Self::Policy(_, written) => Filter::Policy(&written.policy),
            Self::Program(program) => Filter::Program(program),
        }
    }

    /// The ABI of calls that do not say theirs: the one that was asked for, else the host's if the
    /// policy covers it, else the first that it covers.
    pub(crate) fn native(&self, options: &Options) -> &'static Abi {
        let host = abi::host();
        let asked = of_options(options);
        match self {
            Self::Program(_) => asked.or(host).unwrap_or(abi::x86_64()),
            Self::Policy(_, written) => {
                let parts = written.policy.abis();
                let is_listed =
                    |abi: &&'static Abi| parts.iter().any(|part| part.abi().name == abi.name);
                let own = host.filter(is_listed).or(parts.first().map(|part| part.abi()));
                asked.or(own).unwrap_or(abi::x86_64())
            }
        }
    }
}
