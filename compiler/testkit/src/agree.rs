//! Engines held against the reference semantics on given calls.
//!
//! The reference is `hir::eval`; against it stand the decision DAG before and after each
//! pass, at every optimization level, and the interpreters on the programs' bytes, those of classic
//! BPF and those of eBPF. The live kernel joins in the tests that can ask it.

use filterc::{Compiled, CompiledProgram};
use filterc_abi::{Endian, SeccompData};
use filterc_cbpf as cbpf;
use filterc_codegen as codegen;
use filterc_ebpf as ebpf;
use filterc_hir::{self as hir, policy::Policy};
use filterc_ir as ir;

use crate::{boundary, params};

/// What the reference says to each call, as the filter's return value.
#[must_use]
pub fn expected(policy: &Policy, calls: &[SeccompData]) -> Vec<u32> {
    calls.iter().map(|call| hir::eval::eval(policy, call).to_ret()).collect()
}

/// Calls that are evaluated after every pass.
const MAX_STAGED: usize = 50_000;

/// Calls for each number that has tests of arguments, for each set of values of parameters.
const CALLS_OF_SET: usize = 60;

/// Of those, the ones that are evaluated after every pass.
const STAGED_OF_SET: usize = 400;

/// Asserts that, for many values of a policy's parameters, every engine agrees with the
/// reference, which takes them as inputs: the policy with constants in their places, the
/// decision DAG after each pass at each level, and the programs of all levels, patched as a
/// loader does. Returns how many calls were tried.
pub fn assert_agreement_of_params(compiled: &Compiled) -> usize {
    let (name, policy) = (compiled.name(), compiled.policy());
    let mut tried = 0;
    for values in params::sets(policy) {
        let bits = params::bits(&values);
        let bound = policy.bound(&bits);
        let calls = boundary::calls(&bound, CALLS_OF_SET);
        tried += calls.len();
        for program in compiled.programs() {
            let of_order = policy.of_order(program.endian());
            let bound = bound.of_order(program.endian());
            let expect = |call| hir::eval::eval_with(&of_order, &bits, call).to_ret();
            let expected: Vec<u32> = calls.iter().map(expect).collect();
            for (call, &expected) in calls.iter().zip(&expected) {
                let actual = hir::eval::eval(&bound, call).to_ret();
                assert_eq!(actual, expected, "{name}, {values:?}: bound, {call:x?}");
            }
            let names = policy.params().iter().map(|param| param.name.as_str());
            let given: Vec<(&str, i128)> = names.zip(values.iter().copied()).collect();
            let patched = program.table().patch(program.insns(), &given);
            let patched = patched.unwrap_or_else(|e| panic!("{name}, {values:?}: {e}"));
            for (call, &expected) in calls.iter().zip(&expected) {
                let actual = cbpf::interpret(&patched, call, program.endian());
                assert_eq!(actual, expected, "{name}, {values:?}: the program, {call:x?}");
            }
            let stride = calls.len().div_ceil(STAGED_OF_SET).max(1);
            let some = calls.iter().copied().zip(expected).step_by(stride);
            let some: Vec<(SeccompData, u32)> = some.collect();
            for level in 0..=2 {
                level_agrees(compiled, program.endian(), level, &bits, &some);
            }
        }
    }
    tried
}

fn level_agrees(
    compiled: &Compiled,
    endian: Endian,
    level: u8,
    bits: &[u64],
    calls: &[(SeccompData, u32)],
) {
    let name = compiled.name();
    let agrees = |stage: &str, dag: &ir::Dag| {
        ir::validate(dag).unwrap_or_else(|e| panic!("{name} -O{level} after {stage}: {e}"));
        for (call, expected) in calls {
            let actual = ir::eval_with(dag, bits, call).to_ret();
            assert_eq!(actual, *expected, "{name} -O{level} {bits:x?}: after {stage}, {call:x?}");
        }
    };
    let dag = ir::build(compiled.policy(), endian).unwrap_or_else(|e| panic!("{name}: {e}"));
    agrees("build", &dag);
    let objective = ir::Objective::default();
    let dag = ir::passes::run(dag, level, &objective, &mut |pass, dag| agrees(pass, dag));
    let object = codegen::cbpf::emit(&dag, &objective);
    let object = object.unwrap_or_else(|e| panic!("{name}: {e}"));
    let template = cbpf::Template::new(&object.insns, &object.sites);
    let patched = template.and_then(|template| template.patch(bits));
    let patched = patched.unwrap_or_else(|e| panic!("{name}: {e}"));
    for (call, expected) in calls {
        let actual = cbpf::interpret(&patched, call, endian);
        assert_eq!(actual, *expected, "{name} -O{level} {bits:x?}: the program, {call:x?}");
    }
    // There are no holes in eBPF: it is the policy with constants.
    let dag = ir::build(&compiled.policy().bound(bits), endian);
    let dag = dag.unwrap_or_else(|e| panic!("{name}: {e}"));
    let dag = ir::passes::run(dag, level, &objective, &mut |_, _| ());
    function_agrees(&format!("{name} -O{level} {bits:x?}"), &dag, &objective, calls);
}

/// The eBPF function of a DAG against what is expected of calls.
fn function_agrees(
    name: &str,
    dag: &ir::Dag,
    objective: &ir::Objective,
    calls: &[(SeccompData, u32)],
) {
    let object = codegen::ebpf::emit(dag, objective).unwrap_or_else(|e| panic!("{name}: {e}"));
    let verified = ebpf::verify(&object.insns, &ebpf::Target::SYSCALL);
    let verified = verified.unwrap_or_else(|e| panic!("{name}: {e}"));
    let mut host = ebpf::Host::new(ebpf::Fixed::default(), dag.endian());
    for (call, expected) in calls {
        let mut context = call.to_bytes(dag.endian());
        let outcome = ebpf::interpret(verified.program(), &mut host, &mut context, u64::MAX);
        let actual = outcome.unwrap_or_else(|e| panic!("{name}: {e}")).ret;
        assert_eq!(actual, u64::from(*expected), "{name}: the eBPF function differs on {call:x?}");
    }
}

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
    let calls: Vec<_> = calls.iter().copied().zip(expected.iter().copied()).collect();
    function_agrees(&format!("{name} -O{level}"), &dag, &ir::Objective::default(), &calls);
}
