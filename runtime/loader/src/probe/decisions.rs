//! Which return value a filter has for each call, without any call being executed.
//!
//! Every `ret #k` of the program is replaced by `ret errno(i)`, where `i` numbers the
//! different values of `k` from 1. Nothing else changes, so the path through the program is
//! the same, every call fails, and the errno tells which value would have been returned.

use filterc_abi::seccomp::ret;
use filterc_cbpf::{Insn, Verified, code, verify};

use super::error::ProbeError;
use super::real::{Call, Entry, Observed, run};

/// What the filter says to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Its return value.
    Ret(u32),
    /// Nothing: the kernel does not ask filters about this call (`uretprobe` and `uprobe` of
    /// x86_64), so the call was not made.
    Exempt,
}

/// Calls of x86_64 that no filter governs: `uretprobe`, `uprobe`.
const EXEMPT: [u32; 2] = [335, 336];

const RET_K: u16 = code::RET | code::K;
const RET_A: u16 = code::RET | code::A;

/// Most different values that an errno can tell apart.
const MAX_VALUES: usize = filterc_abi::seccomp::MAX_ERRNO as usize;

/// Asks the running kernel, with the filter in force in a child, for the filter's return value
/// for each call.
///
/// # Errors
/// [`ProbeError::Invalid`] for a program with `ret a`, whose values cannot be told apart, or
/// with more than 4095 different values; [`ProbeError::Unavailable`] where filters cannot be
/// installed.
pub fn decisions(filter: &Verified, calls: &[Call]) -> Result<Vec<Decision>, ProbeError> {
    let (masked, values) = mask(filter)?;
    let asked: Vec<Call> = calls.iter().copied().filter(|call| !is_exempt(call)).collect();
    let mut observed = run(&masked, &asked)?.into_iter();
    calls
        .iter()
        .map(|call| {
            if is_exempt(call) {
                return Ok(Decision::Exempt);
            }
            let observed = observed.next().unwrap_or(Observed::NotReached);
            original(observed, &values).map(Decision::Ret).ok_or_else(|| {
                let message = format!("{call:?} ended in {observed:?} under a masked filter");
                ProbeError::Io(std::io::Error::other(message))
            })
        })
        .collect()
}

fn is_exempt(call: &Call) -> bool {
    call.entry == Entry::Native && EXEMPT.contains(&call.nr)
}

/// The program with its returns replaced, and the values that they stood for.
fn mask(filter: &Verified) -> Result<(Verified, Vec<u32>), ProbeError> {
    let mut values = Vec::new();
    let mut masked = Vec::with_capacity(filter.insns().len());
    for insn in filter.insns() {
        masked.push(match insn.code {
            RET_A => return Err(ProbeError::Invalid("`ret a` cannot be masked")),
            RET_K => {
                let known = values.iter().position(|value| *value == insn.k);
                let index = known.unwrap_or(values.len());
                if known.is_none() {
                    values.push(insn.k);
                }
                let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
                Insn { k: ret::ERRNO | number, ..*insn }
            }
            _ => *insn,
        });
    }
    if values.len() > MAX_VALUES {
        return Err(ProbeError::Invalid("more than 4095 different return values"));
    }
    let masked = verify(&masked).map_err(|_| ProbeError::Invalid("a masked program is refused"))?;
    Ok((masked, values))
}

/// The value behind what was seen; `None` for what a masked filter cannot do.
fn original(observed: Observed, values: &[u32]) -> Option<u32> {
    match observed {
        Observed::Returned(result) => {
            let index = usize::try_from(result.checked_neg()?).ok()?.checked_sub(1)?;
            values.get(index).copied()
        }
        // A division by zero returns 0 past all returns.
        Observed::Killed(libc::SIGSYS) => Some(ret::KILL_THREAD),
        Observed::Trapped { .. }
        | Observed::Killed(_)
        | Observed::Exited(_)
        | Observed::TimedOut
        | Observed::NotReached => None,
    }
}
