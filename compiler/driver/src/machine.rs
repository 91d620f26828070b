//! Which kernel's machine programs at tracepoints and hooks are for.

use filterc_abi::Abi;
use filterc_abi::registers::{Machine, machine_of, without};
use filterc_grammar::diagnostic::{Code, Diagnostic, Severity};

use crate::options::{Options, Target};

/// The machine whose kernel has tasks of all these ABIs.
///
/// # Errors
/// F0261, if none has, or that which was asked for has not, or it has no hooks.
pub(crate) fn choose(
    abis: &[&'static Abi],
    options: &Options,
) -> Result<&'static Machine, Box<Diagnostic>> {
    let names: Vec<&str> = abis.iter().map(|abi| abi.name).collect();
    let machine = match options.machine {
        Some(machine) => has_all(machine, &names)?,
        None => machine_of(&names).ok_or_else(|| none(abis, options.target))?,
    };
    if options.target == Target::Lsm && !machine.hooks {
        let name = machine.name;
        let message = format!("kernels of {name} run no programs at hooks of security modules");
        return Err(Box::new(error(message)));
    }
    Ok(machine)
}

fn has_all(machine: &'static Machine, abis: &[&str]) -> Result<&'static Machine, Box<Diagnostic>> {
    let Some(abi) = abis.iter().find(|abi| !machine.abis.contains(abi)) else { return Ok(machine) };
    let mut diagnostic = error(format!("the kernel of {} has no tasks of {abi}", machine.name));
    diagnostic.help.push(format!("its tasks are of: {}", machine.abis.join(", ")));
    Err(Box::new(diagnostic))
}

/// No kernel has tasks of all of them.
fn none(abis: &[&'static Abi], target: Target) -> Box<Diagnostic> {
    let target = target.name();
    let alone = abis.iter().find(|abi| machine_of(&[abi.name]).is_none());
    let mut diagnostic = if let Some(abi) = alone {
        let why = without(abi.kernel_arch);
        error(format!("the target {target} does not know the registers of {}: {why}", abi.name))
    } else {
        let names: Vec<&str> = abis.iter().map(|abi| abi.name).collect();
        error(format!(
            "a program for the target {target} is for one kernel, and none has tasks of {}",
            names.join(" and ")
        ))
    };
    diagnostic.help.push("choose ABIs with `--arch`, or the target `syscall`".to_owned());
    Box::new(diagnostic)
}

fn error(message: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        code: Code("F0261"),
        message,
        primary: None,
        secondary: Vec::new(),
        help: Vec::new(),
    }
}
