//! The function of an object file that decides about a call: what of it is held against others.
//!
//! All programs of a policy have the same function `decide`, which is the program of `--target
//! syscall` by itself. What stands around it, where calls are watched, is not looked at.

use std::path::Path;

use filterc_abi::{Endian, SeccompData};
use filterc_ebpf::{self as ebpf, Fixed, Host, Insn, Target, Unit, Verified, interpret_traced};

use crate::console::Failure;

/// Its name.
const NAME: &str = "decide";

/// Reads an object file: the function, and the byte order of its machine.
pub(crate) fn read(bytes: &[u8], path: &Path) -> Result<(Verified, Endian), Failure> {
    let fault = |text: String| Failure::Environment(format!("{}: {text}", path.display()));
    let (module, endian) = filterc_object::read(bytes).map_err(|error| fault(error.to_string()))?;
    let mut functions: Vec<&[Insn]> = module.units.iter().filter_map(of_unit).collect();
    functions.dedup();
    let insns = match *functions.as_slice() {
        [insns] => insns,
        [] => return Err(fault(format!("no program in it has a function `{NAME}`"))),
        _ => return Err(fault(format!("its programs have different functions `{NAME}`"))),
    };
    let verified = ebpf::verify(insns, &Target::SYSCALL);
    let verified = verified.map_err(|error| {
        fault(format!("the function `{NAME}` is no program by itself: {error}"))
    })?;
    Ok((verified, endian))
}

/// The function's instructions in a program: up to the next one.
fn of_unit(unit: &Unit) -> Option<&[Insn]> {
    let place = unit.functions.iter().position(|function| function.name == NAME)?;
    let slot = |place: usize| {
        let function = unit.functions.get(place)?;
        usize::try_from(function.slot).ok()
    };
    unit.insns.get(slot(place)?..slot(place + 1).unwrap_or(unit.insns.len()))
}

/// What it returns for a call, and the slots that were executed; `None` where it comes to no end.
pub(crate) fn run(
    decide: &Verified,
    call: &SeccompData,
    endian: Endian,
) -> Option<(u32, Vec<usize>)> {
    // No way of a verified program is longer.
    const FUEL: u64 = 1_000_000;
    let mut host = Host::new(Fixed::default(), endian);
    let (mut context, mut path) = (call.to_bytes(endian), Vec::new());
    let program = decide.program();
    let visit = |pc| path.push(pc);
    let outcome = interpret_traced(program, &mut host, &mut context, FUEL, visit).ok()?;
    // The low half is what counts.
    Some((u32::try_from(outcome.ret & 0xffff_ffff).ok()?, path))
}
