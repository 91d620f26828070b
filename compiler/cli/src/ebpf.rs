//! eBPF modules of the command line: from an object file or a policy, into the kernel.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use clap::Args;
use filterc::options::{Layout, Offsets};
use filterc::{
    CompiledModule, EventOptions, Monitored, Options, Target, compile_events_for, compile_module,
};
use filterc_abi::Endian;
use filterc_ebpf::{Line, Module};
use filterc_loader::bpf::{
    Loaded, Log, ModuleLoadError, Rejection, member_offsets, thread_status_offset,
};
use filterc_object::ObjectError;
use serde_json::{Value, json};

use crate::console::{Console, Failure};
use crate::input;
use crate::options::PolicyArgs;
use crate::program::{ProgramArgs, parse_target};
use crate::symbols::RunningKernel;

/// What is to go into the kernel.
#[derive(Args, Debug)]
pub(crate) struct ModuleArgs {
    /// An object file (`policy.bpf.o`), or a policy; `-` is a policy on standard input
    #[arg(value_name = "FILE")]
    file: std::path::PathBuf,

    /// What is made of a policy: `syscall`, `raw_tracepoint`, `tp_btf`, `tracepoint` or `lsm`
    #[arg(long, value_parser = parse_target, default_value = "tp_btf", value_name = "TARGET")]
    target: Target,

    #[command(flatten)]
    program: ProgramArgs,

    #[command(flatten)]
    policy_args: PolicyArgs,
}

impl ModuleArgs {
    /// Refuses what nobody fills in yet: without labels, programs at hooks would take all objects
    /// for unlabelled.
    pub(crate) fn refuse_labels(&self) -> Result<(), Failure> {
        if self.target != Target::Lsm {
            return Ok(());
        }
        let text = "--target lsm: objects get their labels from a loader, which this version does not \
                    have; `filterc load` asks whether the kernel accepts the programs";
        Err(Failure::Environment(text.to_owned()))
    }

    /// The programs.
    pub(crate) fn module(&self, console: &Console) -> Result<Module, Failure> {
        self.read(self.program.options(), console).map(|(module, _)| module)
    }

    /// The programs; those of event filters count what they keep and drop, unless they are in an
    /// object file already. With the policy, where there is one that decides about calls.
    pub(crate) fn counting(
        &self,
        console: &Console,
    ) -> Result<(Module, Option<Box<CompiledModule>>), Failure> {
        let how = EventOptions { counted: Some(0), ..self.program.options() };
        if how.monitored == Monitored::Everybody {
            let text = "programs for all tasks watch nobody: leave --all-tasks out";
            return Err(Failure::Environment(text.to_owned()));
        }
        self.read(how, console)
    }

    fn read(
        &self,
        how: EventOptions,
        console: &Console,
    ) -> Result<(Module, Option<Box<CompiledModule>>), Failure> {
        if self.target == Target::Seccomp {
            let text =
                "a seccomp filter is no eBPF program: `filterc run` starts a command under it";
            return Err(Failure::Environment(text.to_owned()));
        }
        if self.is_object()? {
            let bytes = input::bytes(&self.file)?;
            return filterc_object::read_as(&bytes, Endian::HOST)
                .map(|module| (module, None))
                .map_err(|error| unreadable(&self.file, &error));
        }
        let options = input::options(&self.policy_args, console)?;
        // The kernel that it is for is this one.
        let status = thread_status_offset().and_then(|offset| u8::try_from(offset).ok());
        let layout = status.map_or(options.layout, |status| Layout { status });
        let offsets = object_offsets().unwrap_or(options.offsets);
        let options = Options { target: self.target, layout, offsets, ..options };
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

    /// Whether the file is an object file, whatever its name is.
    fn is_object(&self) -> Result<bool, Failure> {
        if self.file == Path::new("-") {
            return Ok(false);
        }
        let mut magic = Vec::new();
        File::open(&self.file)
            .and_then(|file| file.take(4).read_to_end(&mut magic))
            .map_err(|error| Failure::io(&self.file, &error))?;
        Ok(filterc_object::is_object(&magic))
    }
}

/// Where this kernel has what leads to an object.
fn object_offsets() -> Option<Offsets> {
    let found = member_offsets([
        &["file", "f_path", "dentry"],
        &["path", "dentry"],
        &["dentry", "d_parent"],
        &["dentry", "d_inode"],
        &["inode", "i_sb"],
        &["inode", "i_ino"],
        &["super_block", "s_dev"],
    ])?;
    let mut short = [0; 7];
    for (slot, offset) in short.iter_mut().zip(found) {
        *slot = u16::try_from(offset).ok()?;
    }
    let [file_dentry, path_dentry, dentry_parent, dentry_inode, rest @ ..] = short;
    let [inode_super, inode_number, super_device] = rest;
    Some(Offsets {
        file_dentry,
        path_dentry,
        dentry_parent,
        dentry_inode,
        inode_super,
        inode_number,
        super_device,
    })
}

fn unreadable(path: &Path, error: &ObjectError) -> Failure {
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
