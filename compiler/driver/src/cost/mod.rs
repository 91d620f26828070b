//! What a program costs, in the terms of its objective: how long it is for the kernel, what calls
//! run of it, what is run to attach it, which calls the kernel answers without it, and which
//! rule has what part in that.
//!
//! Counted is the program, not the decision DAG that it was made of. Expected values are over the
//! calls that the objective says are made; how a call without a known argument goes on is
//! weighed as in [`filterc_ir::flow`].

mod entropy;
mod visits;

use std::collections::BTreeMap;

use filterc_abi::Abi;
use filterc_cbpf::const_allow::const_trace;
use filterc_cbpf::converted::converted;
use filterc_cbpf::{Insn, code, const_allow, converted_len};
use serde::Serialize;

use crate::compiled::{Compiled, CompiledProgram};
use crate::lints;
use crate::objective::Shares;
use visits::Visits;

/// What a program costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// Instructions; the kernel takes 4096.
    pub insns: usize,
    /// Instructions after the kernel's conversion, of which it takes 32768 for all filters of a
    /// thread, and 4 more for each but the newest.
    pub converted: usize,
    /// Instructions on the longest path, whether a call can take it or not.
    pub worst_path: usize,
    /// Where it is known from how often calls are made.
    pub shares: Shares,
    /// Instructions that a call runs, over all calls: what counts before Linux 5.11.
    pub expected_path: f64,
    /// The part of all calls that the kernel runs the program for.
    pub uncached: f64,
    /// Instructions that such a call runs.
    pub uncached_path: f64,
    /// Tests of `nr`.
    pub dispatch: Dispatch,
    /// What the optimizer minimised, and the value that it reached.
    pub objective: Weighted,
    /// The kernel's bitmap, by ABI: in the policy's order, then those that are foreign.
    pub abis: Vec<AbiCost>,
    /// By rule, in the order of the text; first what is there for none.
    pub rules: Vec<RuleCost>,
}

/// How calls are told apart by their number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Dispatch {
    /// Tests of `nr` that a call runs, over all calls.
    pub tests: f64,
    /// The entropy of what calls come to: no tree of two-way tests has fewer.
    pub entropy: f64,
    /// The entropy of the runs of numbers with one outcome: no tree of comparisons by order
    /// has fewer.
    pub entropy_of_runs: f64,
}

/// The weights of an objective (`filterc_ir::objective`), and the weighted sum.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Weighted {
    /// An instruction of the program.
    pub size: f64,
    /// A test of `nr` on the longest path, as a part of all calls. It is no part of the sum.
    pub worst: f64,
    /// An instruction that every call runs.
    pub every: f64,
    /// An instruction that every call runs which is not in the bitmap.
    pub uncached: f64,
    /// An instruction that is emulated for a number.
    pub install: f64,
    /// The sum.
    pub total: f64,
}

/// What the kernel's bitmap does for one ABI.
///
/// A kernel makes one for its native ABI and one for its compat ABI, whichever of them a policy is
/// for. Those that it is not for are counted if one of their machine is; a kernel can be built
/// without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AbiCost {
    /// The ABI.
    pub abi: &'static str,
    /// Whether the policy is not for it, and allows none of its calls in any way.
    pub foreign: bool,
    /// Calls that the policy's kernel has.
    pub calls: usize,
    /// Of these, how many are allowed whatever their arguments are.
    pub allowed: usize,
    /// Of these, how many the kernel knows to be.
    pub cached: usize,
    /// Numbers that are emulated when the filter is attached: all from 0 on that the table has.
    pub emulated: u32,
    /// Instructions that run for that.
    pub install: usize,
}

/// What is there for one rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RuleCost {
    /// The rule's position in the policy; none for dispatch, defaults and shared returns.
    pub rule: Option<u32>,
    /// Instructions.
    pub insns: usize,
    /// Instructions after conversion.
    pub converted: usize,
    /// Instructions that a call runs, over all calls.
    pub executed: f64,
}

/// Counts what a program costs.
#[must_use]
pub fn cost(compiled: &Compiled, program: &CompiledProgram) -> Cost {
    let visits = Visits::of(program);
    let abis = abi_costs(compiled, program);
    let objective = program.objective();
    let (insns, steps) = (program.insns().len(), abis.iter().map(|abi| abi.install).sum::<usize>());
    let total = objective.size * insns as f64
        + objective.every * visits.all.iter().sum::<f64>()
        + objective.uncached * visits.uncached.iter().sum::<f64>()
        + objective.install * steps as f64;
    let (entropy, entropy_of_runs) = entropy::of_dispatch(program);
    Cost {
        insns,
        converted: converted_len(program.verified()),
        worst_path: longest_path(program.insns()),
        shares: program.shares(),
        expected_path: ratio(visits.all.iter().sum(), visits.share),
        uncached: ratio(visits.uncached_share, visits.share),
        uncached_path: ratio(visits.uncached.iter().sum(), visits.uncached_share),
        dispatch: Dispatch { tests: ratio(visits.tests, visits.share), entropy, entropy_of_runs },
        objective: Weighted {
            size: objective.size,
            worst: objective.worst,
            every: objective.every,
            uncached: objective.uncached,
            install: objective.install,
            total,
        },
        abis,
        rules: rule_costs(program, &visits),
    }
}

/// A part of something; of nothing, none.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// The longest path through a program, whether a call can take it or not.
#[must_use]
pub fn longest_path(insns: &[Insn]) -> usize {
    let mut below = vec![0; insns.len()];
    let get = |below: &[usize], at: usize| below.get(at).copied().unwrap_or_default();
    for (pc, insn) in insns.iter().enumerate().rev() {
        let next = match insn.code & 0x07 {
            code::RET => 0,
            code::JMP if insn.code & 0xf0 == code::JA => get(&below, pc + 1 + insn.k as usize),
            code::JMP => get(&below, pc + 1 + usize::from(insn.jt))
                .max(get(&below, pc + 1 + usize::from(insn.jf))),
            _ => get(&below, pc + 1),
        };
        if let Some(slot) = below.get_mut(pc) {
            *slot = next + 1;
        }
    }
    get(&below, 0)
}

fn abi_costs(compiled: &Compiled, program: &CompiledProgram) -> Vec<AbiCost> {
    let allowed = lints::facts(compiled.policy()).allowed;
    let of_program = |abi: &Abi| program.abi_names().contains(&abi.name);
    let parts = compiled.policy().abis().iter().filter(|part| of_program(part.abi()));
    let count = |part: &filterc_hir::policy::AbiPolicy| {
        let abi = part.abi();
        let (mut calls, mut always, mut cached) = (0, 0, 0);
        for call in abi.syscalls().iter().filter(|call| part.has(call.nr)) {
            let is_cached = const_allow(program.verified(), call.nr.cast_signed(), abi.audit_arch);
            let is_allowed = || {
                let mut of_abi = allowed.iter().filter(|group| group.abi.name == abi.name);
                of_abi.any(|group| group.numbers.contains(&call.nr))
            };
            calls += 1;
            always += usize::from(is_cached || is_allowed());
            cached += usize::from(is_cached && call.nr < abi.bitmap_len());
        }
        AbiCost { calls, allowed: always, cached, ..emulation(program, abi) }
    };
    parts.map(count).chain(foreign(program)).collect()
}

/// What is run to attach a program, of one ABI's numbers.
fn emulation(program: &CompiledProgram, abi: &'static Abi) -> AbiCost {
    let emulated = abi.bitmap_len();
    let steps =
        |nr: u32| const_trace(program.verified(), nr.cast_signed(), abi.audit_arch).pcs.len();
    let install = (0..emulated).map(steps).sum();
    let foreign = !program.abi_names().contains(&abi.name);
    AbiCost { abi: abi.name, foreign, calls: 0, allowed: 0, cached: 0, emulated, install }
}

/// Machines that can run a second ABI, but have no bitmap for it: `SECCOMP_ARCH_COMPAT` is not
/// defined in their `asm/seccomp.h`.
const ONE_BITMAP: &[&str] = &["riscv"];

/// The other ABIs of the program's machines that have a bitmap of their own.
fn foreign(program: &CompiledProgram) -> impl Iterator<Item = AbiCost> {
    let of_policy = |abi: &&'static Abi| program.abi_names().contains(&abi.name);
    let own = move || filterc_abi::abis().iter().filter(of_policy);
    let is_beside = move |abi: &&'static Abi| {
        let mut own = own().filter(|own| own.endian == abi.endian);
        // Two ABIs with one token share what is emulated for it.
        let has_token = own.clone().any(|own| own.audit_arch == abi.audit_arch);
        !has_token && own.any(|own| own.kernel_arch == abi.kernel_arch)
    };
    let has_bitmap =
        |abi: &&'static Abi| abi.bitmap_len() > 0 && !ONE_BITMAP.contains(&abi.kernel_arch);
    let others = filterc_abi::abis().iter().filter(is_beside).filter(has_bitmap);
    others.map(|abi| emulation(program, abi))
}

fn rule_costs(program: &CompiledProgram, visits: &Visits) -> Vec<RuleCost> {
    let mut costs: BTreeMap<Option<u32>, RuleCost> = BTreeMap::new();
    let insns = program.insns().iter().zip(program.origin());
    for ((insn, origin), visits_here) in insns.zip(&visits.all) {
        let rule = origin.map(|rule| rule.0);
        let cost = costs.entry(rule).or_insert(RuleCost { rule, ..RuleCost::default() });
        cost.insns += 1;
        cost.converted += converted(insn);
        cost.executed += ratio(*visits_here, visits.share);
    }
    costs.into_values().collect()
}
