//! On a DAG of any shape, and for any objective, every pass preserves the meaning and leaves a valid DAG, the
//! emitted program means the same, and printing and parsing give the DAG back.

use arbitrary::{Result, Unstructured};
use filterc_abi::SeccompData;
use filterc_cbpf::{Template, interpret};
use filterc_ir::{Dag, eval_with, passes, print, validate};

use crate::generate::{dag, objective};

/// Calls for each DAG.
const CALLS: usize = 100;

/// Those of them that the objective is about.
const SEEN: usize = 12;

/// See the module.
///
/// # Errors
/// The bytes were used up.
pub fn property(u: &mut Unstructured<'_>) -> Result<()> {
    let dag = dag::dag(u)?;
    validate(&dag).unwrap_or_else(|error| panic!("{error}\n{}", print::print(&dag)));
    text_round_trips(&dag);
    let params = dag::params(u)?;
    let mut calls: Vec<SeccompData> = Vec::new();
    let mut draw = |u: &mut Unstructured<'_>, count| {
        while calls.len() < count
            && let Ok(call) = dag::call(u)
        {
            calls.push(call);
        }
        calls.clone()
    };
    let some = draw(u, SEEN);
    let objective = objective::objective(u, &dag, &some).unwrap_or_default();
    let calls = draw(u, CALLS);
    let expected: Vec<_> = calls.iter().map(|call| eval_with(&dag, &params, call)).collect();
    for level in 0..=2 {
        let lowered = passes::run(dag.clone(), level, &objective, &mut |pass, after| {
            let shown = || format!("-O{level} {pass}\n{}", print::print(&dag));
            validate(after).unwrap_or_else(|error| panic!("{error}: {}", shown()));
            for (call, expected) in calls.iter().zip(&expected) {
                assert_eq!(eval_with(after, &params, call), *expected, "{call:x?}: {}", shown());
            }
        });
        let object = filterc_codegen::cbpf::emit(&lowered, &objective).expect("a small DAG fits");
        let template = Template::new(&object.insns, &object.sites);
        let template = template.expect("what is emitted verifies");
        let verified = template.patch(&params).expect("whatever the values are");
        for (call, expected) in calls.iter().zip(&expected) {
            let ret = interpret(&verified, call, dag.endian());
            assert_eq!(ret, expected.to_ret(), "{call:x?} -O{level}\n{}", print::print(&dag));
        }
    }
    Ok(())
}

fn text_round_trips(dag: &Dag) {
    let text = print::print(dag);
    let again = print::parse(&text).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    assert_eq!(print::print(&again), text);
}
