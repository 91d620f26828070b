//! Policies to measure, by name: those of the corpus; `three`, Docker's profile for the three ABIs
//! of an x86_64 machine; and, as `50x3x3`, made ones of so many calls, rules and comparisons.

use filterc::Source;

use crate::corpus;
use crate::libseccomp::{Libseccomp, abi};
use crate::neutral::Workload;

/// The policy of that name, as text.
#[must_use]
pub fn source(name: &str) -> Source {
    let text = match name {
        // Where predicates can be gone round, the language wants to hear what to do.
        "three" => {
            let text = Workload::load("docker").policy("x86_64, i386, x32", "kill_process");
            text + "allow socketcall\n"
        }
        _ => match synthetic(name) {
            Some(workload) => workload.policy("x86_64", "errno(EPERM)"),
            None => return corpus_source(name),
        },
    };
    Source::text(name, text)
}

fn corpus_source(name: &str) -> Source {
    let path = corpus::folder("policies").join(format!("{name}.flt"));
    Source::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The made policy of that name.
#[must_use]
pub fn synthetic(name: &str) -> Option<Workload> {
    let mut parts = name.split('x').map(str::parse::<u32>);
    let mut next = || parts.next()?.ok();
    let (calls, rules, comparisons) = (next()?, next()?, next()?);
    let size = |number| usize::try_from(number).ok();
    Some(Workload::synthetic(calls, size(rules)?, size(comparisons)?))
}

/// The same policy as libseccomp is told it, if it can be.
#[must_use]
pub fn lines(name: &str, libseccomp: &Libseccomp) -> Option<String> {
    let workload = match name {
        "docker-default" => Workload::load("docker"),
        "small" | "argheavy" => Workload::load(name),
        // What it has no names for it cannot translate.
        "three" => {
            let workload = Workload::load("docker").only(&libseccomp.names());
            return Some(workload.lines(&[abi::X86_64, abi::X86, abi::X32], 0x8000_0000));
        }
        _ => synthetic(name)?,
    };
    Some(workload.lines(&[abi::X86_64], 0x5_0001))
}
