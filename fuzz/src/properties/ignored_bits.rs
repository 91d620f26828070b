//! Bits that the kernel ignores decide nothing, whatever the policy and the ABI: neither by the
//! reference nor by the program.

use arbitrary::{Result, Unstructured};
use filterc::{OptLevel, Options, Source, compile};
use filterc_cbpf::interpret;
use filterc_hir::eval::eval;
use filterc_testkit::{boundary, corpus, ignored};

use crate::generate::policy;

/// See the module.
///
/// # Errors
/// The bytes were used up.
pub fn property(u: &mut Unstructured<'_>) -> Result<()> {
    let opt_level = *u.choose(&[OptLevel::O0, OptLevel::O1, OptLevel::O2])?;
    let text = policy::policy(u)?;
    let options = Options { opt_level, ..corpus::options() };
    let Ok(compiled) = compile(&Source::text("fuzz.flt", text.as_str()), &options) else {
        return Ok(());
    };
    for program in compiled.programs() {
        let policy = compiled.policy().of_order(program.endian());
        let calls = boundary::calls(&policy, 4);
        let some: Vec<_> =
            calls.into_iter().step_by(1 + usize::from(u.arbitrary::<u8>()?)).collect();
        ignored::check(&policy, &some, |call| eval(&policy, call).to_ret())
            .unwrap_or_else(|found| panic!("the reference: {found:x?}\n{text}"));
        ignored::check(&policy, &some, |call| {
            interpret(program.verified(), call, program.endian())
        })
        .unwrap_or_else(|found| panic!("the program: {found:x?}\n{text}"));
    }
    Ok(())
}
