//! Where two sides differ, call by call.

use filterc_abi::{self as abi, Abi, Action, Endian, SeccompData, Syscall};
use filterc_check::{Answer, Budget, Count, Decision, Part, Side, Unknown, outcomes, precedence};
use filterc_grammar::print;

use crate::formula::{Formula, described};
use crate::numbers::{Numbers, numbers};
use crate::spell;

/// What becomes of a call on the right side, by the kernel's precedence of actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The right side is weaker, and lets the call through.
    Allowed,
    /// The right side is weaker.
    Weaker,
    /// The right side is stronger, and does not let the call through.
    Refused,
    /// The right side is stronger.
    Stronger,
    /// The action is the same, with other data.
    Data,
}

/// Which calls a difference is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Calls {
    /// A call of an ABI.
    Named {
        /// The ABI.
        abi: &'static str,
        /// The call.
        name: &'static str,
    },
    /// Numbers under an ABI's token that no known call has, first and last.
    Numbers {
        /// The ABI.
        abi: &'static str,
        /// The first.
        first: u32,
        /// The last.
        last: u32,
    },
    /// All numbers of a range under architectures that the tables do not know, or do not ask to
    /// be told apart: first and last token, first and last number.
    Foreign {
        /// Tokens.
        arch: (u32, u32),
        /// Numbers.
        nr: (u32, u32),
    },
}

/// For which arguments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// Whatever they are.
    Always,
    /// Where this predicate of the policy language holds.
    If(String),
    /// For some; no predicate of bearable length was found.
    Some,
}

/// Calls to which two sides say one pair of different things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub calls: Calls,
    /// For which arguments.
    pub condition: Condition,
    /// What the left side returns.
    pub left: u32,
    /// What the right side returns.
    pub right: u32,
    /// How many calls these are.
    pub count: Count,
    /// One of them.
    pub witness: SeccompData,
}

impl Change {
    /// What becomes of the calls.
    #[must_use]
    pub fn kind(&self) -> Kind {
        let (left, right) = (precedence(self.left), precedence(self.right));
        let through = matches!(Action::from_ret(self.right), Action::Allow | Action::Log);
        match right.cmp(&left) {
            std::cmp::Ordering::Greater if through => Kind::Allowed,
            std::cmp::Ordering::Greater => Kind::Weaker,
            std::cmp::Ordering::Less if through => Kind::Stronger,
            std::cmp::Ordering::Less => Kind::Refused,
            std::cmp::Ordering::Equal => Kind::Data,
        }
    }
}

/// All differences, those of known calls first, by ABI and number.
///
/// # Errors
/// It was not found out within the budget.
pub fn differences(
    left: Side<'_>,
    right: Side<'_>,
    endian: Endian,
    budget: &Budget,
) -> Result<Vec<Change>, Unknown> {
    let mut changes = Vec::new();
    for part in outcomes(&[left, right], endian, budget)? {
        if part.decision.values.iter().any(|values| differ(values).is_some()) {
            of_part(&part, endian, &mut changes);
        }
    }
    changes.sort_by_key(|change| match change.calls {
        Calls::Named { .. } => 0,
        Calls::Numbers { .. } => 1,
        Calls::Foreign { .. } => 2,
    });
    Ok(changes)
}

fn differ(values: &[u32]) -> Option<(u32, u32)> {
    match values {
        [left, right] if left != right => Some((*left, *right)),
        _ => None,
    }
}

fn of_part(part: &Part, endian: Endian, changes: &mut Vec<Change>) {
    let known: Vec<&'static Abi> = match part.arch {
        (first, last) if first == last => {
            abi::abis().iter().filter(|abi| abi.audit_arch == first).collect()
        }
        _ => Vec::new(),
    };
    if known.is_empty() {
        let calls = Calls::Foreign { arch: part.arch, nr: part.nr };
        push(part, calls, (part.nr, None, None), endian, changes);
        return;
    }
    for abi in known {
        for numbers in numbers(abi, part.nr) {
            match numbers {
                Numbers::Call(call) => {
                    let calls = Calls::Named { abi: abi.name, name: call.name };
                    push(part, calls, ((call.nr, call.nr), Some(abi), Some(call)), endian, changes);
                }
                Numbers::Unknown(first, last) => {
                    let calls = Calls::Numbers { abi: abi.name, first, last };
                    push(part, calls, ((first, last), Some(abi), None), endian, changes);
                }
            }
        }
    }
}

type Place = ((u32, u32), Option<&'static Abi>, Option<&'static Syscall>);

/// The changes of a part, for some of its numbers.
fn push(
    part: &Part,
    calls: Calls,
    (nr, abi, call): Place,
    endian: Endian,
    changes: &mut Vec<Change>,
) {
    let Part { arch, decision, .. } = part;
    for (at, values) in decision.values.iter().enumerate() {
        let Some((left, right)) = differ(values) else { continue };
        let is = |other: &[u32]| other == values.as_slice();
        let condition = match described((abi, call), endian, decision, &is) {
            Some((formula, _)) if *formula == Formula::True => Condition::Always,
            Some((formula, fields)) => {
                Condition::If(print::predicate(&spell::predicate(&formula, &fields, abi)))
            }
            None => Condition::Some,
        };
        let width = u64::from(nr.1 - nr.0) + 1;
        let height = u64::from(arch.1 - arch.0) + 1;
        let count = count(decision, at).times(width).times(height);
        let witness = witness(decision, at, (arch.0, nr.0), endian);
        changes.push(Change { calls: calls.clone(), condition, left, right, count, witness });
    }
}

/// Bits of a call beside `nr` and `arch`.
const FREE_BITS: u32 = 448;

/// For how many arguments a decision comes to a leaf.
pub(crate) fn count(decision: &Decision, leaf: usize) -> Count {
    let of = |answer: Answer, known: &[Count]| match answer {
        Answer::Values(at) if at == leaf => Count::power_of_two(FREE_BITS),
        Answer::Values(_) => Count::default(),
        Answer::Ask(at) => known.get(at).cloned().unwrap_or_default(),
    };
    let mut known: Vec<Count> = Vec::with_capacity(decision.asks.len());
    for ask in &decision.asks {
        // Each half holds for half of the states.
        let sum = of(ask.low, &known).plus(&of(ask.high, &known)).halved();
        known.push(sum);
    }
    of(decision.root, &known)
}

/// A call for which a decision comes to a leaf: zeros where nothing is asked.
pub(crate) fn witness(
    decision: &Decision,
    leaf: usize,
    (arch, nr): (u32, u32),
    endian: Endian,
) -> SeccompData {
    let mut reaches: Vec<bool> = Vec::with_capacity(decision.asks.len());
    let of = |answer: Answer, reaches: &[bool]| match answer {
        Answer::Values(at) => at == leaf,
        Answer::Ask(at) => reaches.get(at).copied().unwrap_or_default(),
    };
    for ask in &decision.asks {
        let here = of(ask.low, &reaches) || of(ask.high, &reaches);
        reaches.push(here);
    }
    let mut words = [0_u32; 16];
    let mut answer = decision.root;
    while let Answer::Ask(at) = answer {
        let Some(ask) = decision.asks.get(at) else { break };
        answer = ask.low;
        if !of(ask.low, &reaches) {
            answer = ask.high;
            if let Some(word) = words.get_mut(usize::from(ask.word)) {
                *word |= 1 << ask.bit;
            }
        }
    }
    let [number, token, ..] = &mut words;
    (*number, *token) = (nr, arch);
    SeccompData::of_words(&words, endian)
}
