//! A compiled policy decides as the reference semantics do, at its boundary calls.

use arbitrary::{Result, Unstructured};
use filterc::{Goal, OptLevel, Options, Source, compile};
use filterc_cbpf::interpret;
use filterc_testkit::{boundary, corpus};

use crate::generate::policy;

/// See the module.
///
/// # Errors
/// The bytes were used up.
pub fn property(u: &mut Unstructured<'_>) -> Result<()> {
    let opt_level = *u.choose(&[OptLevel::O0, OptLevel::O1, OptLevel::O2])?;
    let goal = *u.choose(&[Goal::Balanced, Goal::Size, Goal::Speed, Goal::Install])?;
    let bitmap = u.arbitrary()?;
    let text = policy::policy(u)?;
    let options = Options { opt_level, goal, bitmap, ..corpus::options() };
    let Ok(compiled) = compile(&Source::text("fuzz.flt", text.as_str()), &options) else {
        return Ok(());
    };
    let calls = boundary::calls(compiled.policy(), 64);
    for program in compiled.programs() {
        let policy = compiled.policy().of_order(program.endian());
        for call in &calls {
            let expected = filterc_hir::eval::eval(&policy, call).to_ret();
            let actual = interpret(program.verified(), call, program.endian());
            assert_eq!(actual, expected, "{call:x?}\n{text}");
        }
    }
    Ok(())
}
