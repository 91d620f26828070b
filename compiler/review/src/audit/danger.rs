//! Calls about which a reviewer asks.

use filterc_abi::seccomp::offset;
use filterc_abi::{Regs, Syscall};
use filterc_check::halves;

use crate::audit::finding::{Finding, Level};
use crate::audit::table::rows;
use crate::audit::view::{Fate, OfAbi, fate, passes};
use crate::audit::walk::{Search, Want};

pub(crate) const DANGEROUS: &str = "F0386";

const TABLE: &str = include_str!("../../data/dangers.tsv");

pub(crate) fn look(of_abi: &OfAbi<'_>, found: &mut Vec<Finding>) {
    for [level, name, arg, value, what, needs] in rows::<6>(TABLE) {
        let Some((call, decision)) = of_abi.call(name) else { continue };
        let Some(fixed) = fixed(of_abi, call, (arg, value)) else { continue };
        if fate(decision) == Fate::Shut {
            continue;
        }
        let want = Want { fixed: fixed.as_slice(), is: &passes };
        let Some(words) = Search::new(decision).find(&want) else { continue };
        let with = match value {
            "-" if fate(decision) == Fate::Open => String::new(),
            "-" => " for some arguments".to_owned(),
            value => format!(" with {}", value.trim_start_matches('=')),
        };
        found.push(Finding {
            code: DANGEROUS,
            level: if level == "warning" { Level::Warning } else { Level::Note },
            abis: vec![of_abi.abi.name],
            calls: vec![call.name],
            message: format!("`{name}` is let through{with}: {what} (capability: {needs})"),
            help: None,
            witness: Some(of_abi.finish(call.nr, words, decision)),
        });
    }
}

/// The bits that an argument has; `None` if the ABI has no such argument or constant.
fn fixed(
    of_abi: &OfAbi<'_>,
    call: &'static Syscall,
    (arg, value): (&str, &str),
) -> Option<Vec<(u8, u32, u32)>> {
    if value == "-" {
        return Some(Vec::new());
    }
    let arg = call.arg(arg)?;
    let Regs::One(register) = arg.regs else { return None };
    let (low, high) = halves(offset::ARGS + 8 * u32::from(register), of_abi.endian);
    let constant = |name: &str| u32::try_from(of_abi.abi.constant(name)?).ok();
    Some(match value.strip_prefix('=') {
        Some(name) => vec![(low, u32::MAX, constant(name)?), (high, u32::MAX, 0)],
        None => {
            let flag = constant(value)?;
            vec![(low, flag, flag)]
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

    use super::*;

    #[test]
    fn the_table_names_calls_arguments_and_constants_that_there_are() {
        for [level, name, arg, value, what, needs] in rows::<6>(TABLE) {
            assert!(matches!(level, "warning" | "note"), "{level}");
            assert!(!what.is_empty() && !needs.is_empty());
            let abis = filterc_abi::abis().iter();
            let has = abis.filter_map(|abi| Some((abi, abi.syscall(name)?))).any(|(abi, call)| {
                value == "-"
                    || (call.arg(arg).is_some()
                        && abi.constant(value.trim_start_matches('=')).is_some())
            });
            assert!(has, "{name} {arg} {value}");
        }
    }
}
