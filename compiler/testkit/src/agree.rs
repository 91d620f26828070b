//! Engines held against the reference semantics on given calls.
//!
//! The reference is `hir::eval`; against it stand the decision DAG before and after each
//! pass, at every optimization level, and the interpreter on the program's bytes. The live
//! kernel joins in the tests that can ask it.

use filterc::{Compiled, CompiledProgram};
use filterc_abi::{Endian, SeccompData};
use filterc_cbpf as cbpf;
use filterc_codegen as codegen;
use filterc_hir::{self as hir, policy::Policy};
use filterc_ir as ir;

/// What the reference says to each call, as the filter's return value.
#[must_use]
pub fn expected(policy: &Policy, calls: &[SeccompData]) -> Vec<u32> {
    calls.iter().map(|call| hir::eval::eval(policy, call).to_ret()).collect()
}

/// Calls that are evaluated after every pass.
const MAX_STAGED: usize = 50_000;

/// Asserts that every engine agrees with the reference on every call, at all levels.
pub fn assert_agreement(compiled: &Compiled, calls: &[SeccompData]) {
    for program in compiled.programs() {
        let policy = compiled.policy().of_order(program.endian());
        program_agrees(compiled.name(), program, calls, &expected(&policy, calls));
        // After each pass at each level: that is twenty times the work.
        let stride = calls.len().div_ceil(MAX_STAGED).max(1);
        let some: Vec<SeccompData> = calls.iter().step_by(stride).copied().collect();
        let expected = expected(&policy, &some);
        for level in 0..=2 {
            levels_agree(compiled, program.endian(), level, &some, &expected);
        }
    }
}

fn program_agrees(name: &str, program: &CompiledProgram, calls: &[SeccompData], expected: &[u32]) {
    for (call, &expected) in calls.iter().zip(expected) {
        let actual = cbpf::interpret(program.verified(), call, program.endian());
        assert_eq!(actual, expected, "{name}: the program differs on {call:x?}");
    }
}

fn levels_agree(
    compiled: &Compiled,
    endian: Endian,
    level: u8,
    calls: &[SeccompData],
    expected: &[u32],
) {
    let name = compiled.name();
    let agrees = |stage: &str, dag: &ir::Dag| {
        ir::validate(dag).unwrap_or_else(|e| panic!("{name} -O{level} after {stage}: {e}"));
        for (call, &expected) in calls.iter().zip(expected) {
            let actual = ir::eval(dag, call).to_ret();
            assert_eq!(actual, expected, "{name} -O{level}: after {stage}, {call:x?}");
        }
    };
    let dag = ir::build(compiled.policy(), endian).unwrap_or_else(|e| panic!("{name}: {e}"));
    agrees("build", &dag);
    let dag =
        ir::passes::run(dag, level, &ir::Objective::default(), &mut |pass, dag| agrees(pass, dag));
    let object = codegen::cbpf::emit(&dag, &ir::Objective::default())
        .unwrap_or_else(|e| panic!("{name}: {e}"));
    let verified = cbpf::verify(&object.insns).unwrap_or_else(|e| panic!("{name}: {e}"));
    for (call, &expected) in calls.iter().zip(expected) {
        let actual = cbpf::interpret(&verified, call, endian);
        assert_eq!(actual, expected, "{name} -O{level}: the program differs on {call:x?}");
    }
}
