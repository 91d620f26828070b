//! Records of calls that the command line names, and what is said where they cannot be judged.

use std::path::Path;

use filterc_abi::Abi;
use filterc_review::records::{self, Reading};
use filterc_review::verdict::NoVerdict;

use crate::console::{Console, Failure};
use crate::{input, sides};

/// Reads records and says what is wrong with them; none at all is a failure.
pub(crate) fn read(
    path: &Path,
    native: &'static Abi,
    console: &Console,
) -> Result<Reading, Failure> {
    let bytes = input::bytes(path)?;
    let reading = records::read_bytes(&bytes, native);
    for fault in reading.faults.iter().take(5) {
        let (line, code) = (fault.line, fault.code);
        console.note(&format!("{}:{line}: [{code}] {}", path.display(), fault.reason));
    }
    if let Some(more) = reading.faults.len().checked_sub(5).filter(|more| *more > 0) {
        console.note(&format!("{}: {more} more lines are at fault", path.display()));
    }
    for (code, text) in records::warnings(&reading) {
        if reading.records.is_empty() {
            let text = format!("{}: {text} [{code}]", path.display());
            return Err(Failure::Environment(text));
        }
        console.note(&format!("{}: [{code}] {text}", path.display()));
    }
    Ok(reading)
}

/// That there is no verdict.
pub(crate) fn no_verdict(none: NoVerdict) -> Failure {
    match none {
        NoVerdict::Unknown(unknown) => sides::undecided(&unknown),
        NoVerdict::TooManyRules => {
            Failure::Environment("the policy has more rules than any filter can hold".to_owned())
        }
    }
}
