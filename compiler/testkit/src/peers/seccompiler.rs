//! rust-vmm's seccompiler. It has one action for what matches and one for what does not; the
//! numbers that need a third are left out, which makes its program shorter.

use std::collections::{BTreeMap, BTreeSet};

use filterc_abi::Action;
use filterc_cbpf::{Insn, Verified, verify};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::conjunctions::without_masked_ne;
use super::{Comparison, Flat, Op};

/// What it is told.
#[derive(Clone, Debug)]
pub struct Rules {
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    default: SeccompAction,
    matched: SeccompAction,
    left_out: BTreeSet<u32>,
}

impl Rules {
    /// A policy as its interface has it.
    ///
    /// # Errors
    /// What it cannot be told.
    pub fn of(flat: &Flat) -> Result<Self, String> {
        let mut rules_of: BTreeMap<Action, usize> = BTreeMap::new();
        for rule in &flat.rules {
            *rules_of.entry(rule.action).or_default() += 1;
        }
        let most = rules_of.into_iter().max_by_key(|(_, rules)| *rules);
        let matched = most.map_or(Action::Allow, |(action, _)| action);
        let others = flat.rules.iter().filter(|rule| rule.action != matched);
        let left_out: BTreeSet<u32> = others.map(|rule| rule.nr).collect();
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
        for rule in flat.rules.iter().filter(|rule| !left_out.contains(&rule.nr)) {
            let rules = rules.entry(rule.nr.into()).or_default();
            if rule.all_of.is_empty() {
                continue;
            }
            for all_of in ways(&rule.all_of)? {
                let all_of = all_of.iter().map(condition).collect::<Result<_, _>>()?;
                rules.push(SeccompRule::new(all_of).map_err(|error| error.to_string())?);
            }
        }
        let (default, matched) = (action(flat.default)?, action(matched)?);
        Ok(Self { rules, default, matched, left_out })
    }

    /// Numbers about which it is told nothing.
    #[must_use]
    pub const fn left_out(&self) -> &BTreeSet<u32> {
        &self.left_out
    }

    /// Its program.
    ///
    /// # Errors
    /// Its own, such as that the program is too long.
    pub fn compile(&self) -> Result<BpfProgram, String> {
        let Self { rules, default, matched, .. } = self.clone();
        let filter = SeccompFilter::new(rules, default, matched, TargetArch::x86_64);
        let filter = filter.map_err(|error| error.to_string())?;
        BpfProgram::try_from(filter).map_err(|error| error.to_string())
    }
}

/// Its program as ours, to run it.
///
/// # Errors
/// The kernel would refuse it.
pub fn verified(program: &BpfProgram) -> Result<Verified, String> {
    let insn = |insn: &seccompiler::sock_filter| Insn {
        code: insn.code,
        jt: insn.jt,
        jf: insn.jf,
        k: insn.k,
    };
    let insns: Vec<Insn> = program.iter().map(insn).collect();
    verify(&insns).map_err(|error| error.to_string())
}

/// It compares 32 bits in any way, other masks for equality alone.
fn ways(all_of: &[Comparison]) -> Result<super::conjunctions::Ways, String> {
    let is_dword = |comparison: &Comparison| comparison.mask == u64::from(u32::MAX);
    let (dwords, others): (Vec<_>, Vec<_>) = all_of.iter().copied().partition(is_dword);
    let mut ways = without_masked_ne(&others)?;
    ways.iter_mut().for_each(|way| way.extend(&dwords));
    Ok(ways)
}

fn condition(comparison: &Comparison) -> Result<SeccompCondition, String> {
    let Comparison { arg, mask, op, value } = *comparison;
    let (len, op) = match (mask, op) {
        (u64::MAX, op) => (SeccompCmpArgLen::Qword, operator(op)),
        (0xffff_ffff, op) => (SeccompCmpArgLen::Dword, operator(op)),
        (mask, Op::Eq) => (SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(mask)),
        _ => return Err("an order under a mask".to_owned()),
    };
    SeccompCondition::new(arg, len, op, value).map_err(|error| error.to_string())
}

const fn operator(op: Op) -> SeccompCmpOp {
    match op {
        Op::Eq => SeccompCmpOp::Eq,
        Op::Ne => SeccompCmpOp::Ne,
        Op::Lt => SeccompCmpOp::Lt,
        Op::Le => SeccompCmpOp::Le,
        Op::Gt => SeccompCmpOp::Gt,
        Op::Ge => SeccompCmpOp::Ge,
    }
}

fn action(action: Action) -> Result<SeccompAction, String> {
    Ok(match action {
        Action::Allow => SeccompAction::Allow,
        Action::Log => SeccompAction::Log,
        Action::Trace(data) => SeccompAction::Trace(data.into()),
        Action::Trap(0) => SeccompAction::Trap,
        Action::Errno(errno) => SeccompAction::Errno(errno.into()),
        Action::KillThread => SeccompAction::KillThread,
        Action::KillProcess => SeccompAction::KillProcess,
        Action::Notify | Action::Trap(_) => return Err(format!("the action `{action}`")),
    })
}
