//! eBPF modules of the command line: from an object file or a policy, into the kernel.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use filterc::event_module::counting;
use filterc::{
    CompiledModule, EventOptions, Monitored, Options, Target, compile_events_for, compile_module,
};
use filterc_abi::Endian;
use filterc_ebpf::btf::{Btf, relocate};
use filterc_ebpf::{Hook, Line, Module};
use filterc_loader::bpf::{Loaded, Log, ModuleLoadError, Rejection, machine};
use filterc_object::ObjectError;
use serde_json::{Value, json};

use crate::console::{Console, Failure};
use crate::input;
use crate::options::PolicyArgs;
use crate::program::{MachineArgs, ProgramArgs, parse_target};
use crate::symbols::RunningKernel;

/// What is to go into the kernel.
#[derive(Args, Debug)]
pub(crate) struct ModuleArgs {
    /// An object file (`policy.bpf.o`), or a policy; `-` is a policy on standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// What is made of a policy: `syscall`, `raw_tracepoint`, `tp_btf`, `tracepoint` or `lsm`
    #[arg(long, value_parser = parse_target, default_value = "tp_btf", value_name = "TARGET")]
    target: Target,

    /// The types (BTF) of the kernel that the programs are for; by default those that the running
    /// one tells
    #[arg(long, value_name = "FILE")]
    btf: Option<PathBuf>,

    #[command(flatten)]
    program: ProgramArgs,

    #[command(flatten)]
    machine: MachineArgs,

    #[command(flatten)]
    policy_args: PolicyArgs,
}

/// Programs, and the policy that they were made of, if it decides about calls.
pub(crate) type Made = (Module, Option<Box<CompiledModule>>);

impl ModuleArgs {
    /// Refuses what nobody fills in yet: without labels, programs at hooks would take all objects
    /// for unlabelled.
    pub(crate) fn refuse_labels(&self) -> Result<(), Failure> {
        if self.target == Target::Lsm { Err(no_labels()) } else { Ok(()) }
    }

    /// The programs.
    pub(crate) fn module(&self, console: &Console) -> Result<Module, Failure> {
        self.read(self.program.options(), console).map(|(module, _)| module)
    }

    /// The programs; those of event filters count what they keep and drop, those of object files
    /// too. With the policy, where there is one that decides about calls.
    pub(crate) fn counting(&self, console: &Console) -> Result<Made, Failure> {
        let how = EventOptions { counted: Some(0), ..self.program.options() };
        if how.monitored == Monitored::Everybody {
            let text = "programs for all tasks watch nobody: leave --all-tasks out";
            return Err(Failure::Environment(text.to_owned()));
        }
        let (module, compiled) = self.read(how, console)?;
        if module.units.iter().any(|unit| matches!(unit.hook, Hook::Lsm(_))) {
            return Err(no_labels());
        }
        let module = counting(module).map_err(|error| Failure::Environment(error.to_string()))?;
        Ok((module, compiled))
    }

    fn read(&self, how: EventOptions, console: &Console) -> Result<Made, Failure> {
        let (module, compiled) = self.made(how, console)?;
        let Some(path) = &self.btf else { return Ok((module, compiled)) };
        let bytes = input::bytes(path)?;
        let types = Btf::read(&bytes, Endian::HOST)
            .map_err(|error| Failure::Environment(format!("{}: {error}", path.display())))?;
        let module =
            relocate(&module, &types).map_err(|error| refused(&ModuleLoadError::from(error)))?;
        Ok((module, compiled))
    }

    fn made(&self, how: EventOptions, console: &Console) -> Result<Made, Failure> {
        if self.target == Target::Seccomp {
            let text =
                "a seccomp filter is no eBPF program: `filterc run` starts a command under it";
            return Err(Failure::Environment(text.to_owned()));
        }
        if is_object(&self.file)? {
            let bytes = input::bytes(&self.file)?;
            return filterc_object::read_as(&bytes, Endian::HOST)
                .map(|module| (module, None))
                .map_err(|error| unreadable(&self.file, &error));
        }
        let options = input::options(&self.policy_args, console)?;
        let options = Options {
            target: self.target,
            machine: self.machine.machine.or_else(machine),
            ..options
        };
        if self.target == Target::Tracepoint {
            let source = input::source(&self.file)?;
            let kernel = RunningKernel::default();
            let compiled = compile_events_for(&source, &options, &how, &kernel.machine(None))?;
            console.diagnostics(&compiled.sources, &compiled.warnings);
            return Ok((compiled.module, None));
        }
        let compiled = compile_module(&input::source(&self.file)?, &options)?;
        console.diagnostics(compiled.sources(), compiled.warnings());
        let here = compiled.programs().find(|program| program.endian() == Endian::HOST);
        let module = here.map(|program| program.module().clone()).ok_or_else(|| {
            let text = "the policy covers no ABI of this machine's byte order; add one with --arch";
            Failure::Environment(text.to_owned())
        })?;
        Ok((module, Some(Box::new(compiled))))
    }
}

/// Nobody fills the maps of labels in yet.
fn no_labels() -> Failure {
    let text = "--target lsm: objects get their labels from a loader, which this version does not \
                have; `filterc load` asks whether the kernel accepts the programs";
    Failure::Environment(text.to_owned())
}

/// Whether the file is an object file, whatever its name is.
pub(crate) fn is_object(path: &Path) -> Result<bool, Failure> {
    if path == Path::new("-") {
        return Ok(false);
    }
    let mut magic = Vec::new();
    File::open(path)
        .and_then(|file| file.take(4).read_to_end(&mut magic))
        .map_err(|error| Failure::io(path, &error))?;
    Ok(filterc_object::is_object(&magic))
}

pub(crate) fn unreadable(path: &Path, error: &ObjectError) -> Failure {
    let text = format!("{}: {error}", path.display());
    Failure::Coded { code: error.code(), text, details: Value::Null }
}

/// Loads a module.
pub(crate) fn load(module: &Module, log: Log) -> Result<Loaded, Failure> {
    Loaded::load_logged(module, log).map_err(|error| refused(&error))
}

/// Why the kernel does not have a module, or does not do what it was asked with it.
pub(crate) fn refused(error: &ModuleLoadError) -> Failure {
    let details = if let ModuleLoadError::Rejected(rejection) = error {
        details(rejection)
    } else {
        Value::Null
    };
    Failure::Coded { code: error.code(), text: error.to_string(), details }
}

fn details(rejection: &Rejection) -> Value {
    let line = |line: &Line| json!({ "file": line.file, "line": line.line, "column": line.column, "text": line.text });
    let at = rejection
        .at
        .as_ref()
        .map(|at| json!({ "slot": at.slot, "insn": at.insn, "line": at.line.as_ref().map(line) }));
    json!({
        "program": rejection.unit,
        "errno": rejection.errno,
        "reason": rejection.reason,
        "at": at,
        "path": rejection.path.iter().map(line).collect::<Vec<_>>(),
        "suggestion": rejection.suggestion,
        "log": rejection.log,
    })
}
