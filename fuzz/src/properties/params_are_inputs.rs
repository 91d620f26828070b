//! A policy with parameters is compiled to a program that, patched with any values, decides as
//! the reference semantics do with these values: as inputs, and as constants.

use arbitrary::{Result, Unstructured};
use filterc::{OptLevel, Options, Source, compile};
use filterc_cbpf::interpret;
use filterc_hir::eval::{eval, eval_with};
use filterc_testkit::{boundary, corpus, params};

use crate::generate::policy;

/// Sets of values for each policy.
const SETS: usize = 4;

/// See the module.
///
/// # Errors
/// The bytes were used up.
pub fn property(u: &mut Unstructured<'_>) -> Result<()> {
    let opt_level = *u.choose(&[OptLevel::O0, OptLevel::O1, OptLevel::O2])?;
    let text = policy::policy_with_params(u)?;
    // That it compiles says that it was proved for all values.
    let options = Options { opt_level, ..corpus::options() };
    let source = Source::text("fuzz.flt", text.as_str());
    let compiled = match compile(&source, &options) {
        Ok(compiled) => compiled,
        Err(error) => {
            let own = error.list.iter().find(|it| it.code.0.starts_with("F06"));
            assert!(own.is_none(), "{error}\n{text}");
            return Ok(());
        }
    };
    let sets = params::sets(compiled.policy());
    for _ in 0..SETS {
        let bits = params::bits(u.choose(&sets)?);
        let bound = compiled.policy().bound(&bits);
        for program in compiled.programs() {
            let (policy, bound) =
                [compiled.policy(), &bound].map(|it| it.of_order(program.endian())).into();
            let patched = params::template(program).patch(&bits).expect("a verified program");
            for call in boundary::calls(&bound, 16) {
                let expected = eval_with(&policy, &bits, &call).to_ret();
                assert_eq!(eval(&bound, &call).to_ret(), expected, "{bits:x?} {call:x?}\n{text}");
                let actual = interpret(&patched, &call, program.endian());
                assert_eq!(actual, expected, "{bits:x?} {call:x?}\n{text}");
            }
        }
    }
    Ok(())
}
