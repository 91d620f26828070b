//! Every pass preserves what the decision DAG means.

use arbitrary::{Result, Unstructured};
use filterc::{Source, compile};
use filterc_testkit::{agree, boundary, corpus};

use crate::generate::policy;

/// See the module.
///
/// # Errors
/// The bytes were used up.
pub fn property(u: &mut Unstructured<'_>) -> Result<()> {
    let text = policy::policy(u)?;
    let source = Source::text(text.as_str(), text.as_str());
    let Ok(compiled) = compile(&source, &corpus::options()) else { return Ok(()) };
    // Few calls, as each is evaluated after every pass at every level.
    let calls: Vec<_> = boundary::calls(compiled.policy(), 16);
    let some: Vec<_> =
        calls.into_iter().step_by(1 + usize::from(u.arbitrary::<u8>()? % 8)).collect();
    agree::assert_agreement(&compiled, &some);
    Ok(())
}
