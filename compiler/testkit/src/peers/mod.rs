//! A policy as other compilers are told it: for each number a list of rules, each a conjunction
//! of unsigned comparisons of argument registers.
//!
//! What the language has and their interfaces have not is written out here (first match, `||`,
//! negations, sets, widths), so that a peer gets the same decisions to make; what cannot be
//! written out is said, and no comparison with that peer is made. The peers get less to do
//! than we do: numbers that the policy's kernel lacks get the default, whatever `unknown` says,
//! and x32 numbers what the peer makes of them.

mod conjunctions;
pub mod seccompiler;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use filterc_abi::Action;
use filterc_hir::eval::{Case, case};
use filterc_hir::expr::Predicate;
use filterc_hir::policy::Policy;

use crate::libseccomp::abi;
use conjunctions::disjunction;

pub use conjunctions::{Comparison, Op};

/// One way to an action: all comparisons hold.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The call's number.
    pub nr: u32,
    /// What becomes of it; never the default.
    pub action: Action,
    /// The conditions; none is always.
    pub all_of: Vec<Comparison>,
}

/// A policy for x86_64 alone, as rules of which no two contradict each other.
#[derive(Clone, Debug)]
pub struct Flat {
    /// What becomes of all other calls.
    pub default: Action,
    /// What becomes of calls of other ABIs.
    pub foreign: Action,
    /// In the order of the numbers.
    pub rules: Vec<Rule>,
    /// The numbers about which the peers are told something, or that get the default.
    pub numbers: BTreeSet<u32>,
}

impl Flat {
    /// The policy's part for x86_64.
    ///
    /// # Errors
    /// What no peer can be told.
    pub fn of(policy: &Policy) -> Result<Self, String> {
        let part = policy.abi(filterc_abi::x86_64()).ok_or("it is not for x86_64")?;
        if !part.ranges().is_empty() {
            return Err("it names numbers by range".to_owned());
        }
        let calls = part.abi().syscalls().iter().map(|call| call.nr);
        let known = calls.filter(|nr| part.has(*nr)).chain(part.named().iter().copied());
        let (default, numbers) = (part.default_action(), known.collect::<BTreeSet<u32>>());
        let mut rules = Vec::new();
        for &nr in &numbers {
            let case = case(policy, abi::X86_64, nr);
            rules.extend(rules_of(&case, nr, default)?);
        }
        Ok(Self { default, foreign: policy.foreign_action(), rules, numbers })
    }

    /// The policy as the `libseccomp` helper reads it.
    ///
    /// # Errors
    /// What libseccomp cannot be told.
    pub fn libseccomp(&self) -> Result<String, String> {
        let (default, foreign) = (self.default.to_ret(), self.foreign.to_ret());
        let mut text =
            format!("default {default:x}\nforeign {foreign:x}\narch {:x}\n", abi::X86_64);
        for rule in &self.rules {
            for all_of in conjunctions::without_masked_ne(&rule.all_of)? {
                let Some(all_of) = conjunctions::one_an_argument(&all_of)? else { continue };
                let _ = write!(text, "rule {:x} {:x}", rule.action.to_ret(), rule.nr);
                for Comparison { arg, mask, op, value } in all_of {
                    let name = match (op, mask == u64::MAX) {
                        (op, true) => op.name(),
                        (Op::Eq, false) => "masked_eq",
                        (_, false) => return Err("an order of 32 bits".to_owned()),
                    };
                    let mask = if mask == u64::MAX { 0 } else { mask };
                    let _ = write!(text, " {arg:x} {name} {value:x} {mask:x}");
                }
                text.push('\n');
            }
        }
        Ok(text)
    }
}

/// The rules for one number. What comes first decides: an arm does where its predicate holds and
/// none of an earlier arm with another action does.
fn rules_of(case: &Case<'_>, nr: u32, default: Action) -> Result<Vec<Rule>, String> {
    let mut rules = Vec::new();
    let mut before: Vec<(&Predicate, Action)> = Vec::new();
    let last = (&Predicate::True, case.otherwise.action);
    let arms = case.arms.iter().map(|arm| (&arm.predicate, arm.action)).chain([last]);
    for (predicate, action) in arms {
        if action != default {
            let others = before.iter().filter(|(_, other)| *other != action);
            let others =
                others.map(|(predicate, _)| Predicate::Not(Box::new((*predicate).clone())));
            let all = others.chain([predicate.clone()]).collect();
            let ways = disjunction(&Predicate::And(all), false, nr)?;
            rules.extend(ways.into_iter().map(|all_of| Rule { nr, action, all_of }));
        }
        if *predicate == Predicate::True {
            break;
        }
        before.push((predicate, action));
    }
    let always = rules.iter().find(|rule: &&Rule| rule.all_of.is_empty()).cloned();
    Ok(always.map_or(rules, |rule| vec![rule]))
}
