//! What a reviewer would flag in a policy or a program, as data.
//!
//! Findings are about what is decided, not about how it is written: they are derived from the
//! decision diagrams of [`filterc_check::outcomes()`], so that they hold for a policy, for a
//! program and for whatever was imported alike, and what is said of arguments is said of all of
//! them. Each finding about a call shows one, which can be run on the side that was looked at.
//!
//! Where the lints of the compiler say the same of a policy's text, the code is theirs.

mod age;
mod bits;
mod cache;
mod danger;
mod fallback;
mod finding;
mod needed;
mod strangers;
mod subject;
mod table;
mod view;
mod walk;
mod ways;

use filterc_check::{Budget, Unknown, outcomes};

use crate::audit::view::View;

pub use fallback::Libc;
pub use finding::{Finding, Level};
pub use subject::Subject;

/// Codes of findings that are no lint of the compiler's.
pub const CODES: &[&str] = &[
    strangers::FOREIGN,
    strangers::SAME_TOKEN,
    strangers::UNKNOWN,
    bits::TWO_FORMS,
    age::NEWER,
    strangers::NOT_ENOSYS,
    danger::DANGEROUS,
    fallback::NO_RSEQ,
];

/// All findings, the heaviest first; those of one code stand together.
///
/// # Errors
/// It was not found out within the budget what is decided.
pub fn audit(
    subject: &Subject<'_>,
    libcs: &[Libc],
    budget: &Budget,
) -> Result<Vec<Finding>, Unknown> {
    let parts = outcomes(&[subject.side], subject.endian, budget)?;
    let view = View::new(&parts, subject);
    let mut found = Vec::new();
    strangers::look(&view, &mut found);
    for of_abi in &view.abis {
        bits::look(of_abi, &view, &mut found);
        ways::look(of_abi, &mut found);
        fallback::look(of_abi, libcs, &mut found);
        needed::look(of_abi, &mut found);
        age::look(of_abi, subject.kernel, &mut found);
        danger::look(of_abi, &mut found);
        if let Some(program) = subject.program {
            cache::look(of_abi, program, &mut found);
        }
    }
    Ok(in_order(found))
}

/// One finding for those that differ in the ABI alone; the heaviest first.
fn in_order(found: Vec<Finding>) -> Vec<Finding> {
    let mut merged: Vec<Finding> = Vec::new();
    for finding in found {
        let same = |old: &&mut Finding| {
            (old.code, old.level, &old.calls, &old.message)
                == (finding.code, finding.level, &finding.calls, &finding.message)
        };
        match merged.iter_mut().find(same) {
            Some(old) => old.abis.extend(finding.abis),
            None => merged.push(finding),
        }
    }
    merged.sort_by(|a, b| b.level.cmp(&a.level).then(a.code.cmp(b.code)));
    merged
}
