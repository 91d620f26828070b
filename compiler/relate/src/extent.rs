//! For which arguments of one call something is said, in words.

use filterc_abi::{self as abi, Endian, SeccompData};
use filterc_check::{Count, Decision};
use filterc_grammar::print;

use crate::difference::{Condition, count, witness};
use crate::formula::{Formula, described};
use crate::spell;

/// The call that a decision is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The architecture's token.
    pub arch: u32,
    /// The number.
    pub nr: u32,
    /// The byte order of the machine.
    pub endian: Endian,
}

/// Arguments of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Which, in words.
    pub condition: Condition,
    /// How many calls these are, of all with this token and number.
    pub count: Count,
    /// One of them: zeros where nothing is asked.
    pub witness: SeccompData,
}

/// The arguments for which a decision says something of a kind; `None` if there are none.
#[must_use]
pub fn extent(
    decision: &Decision,
    subject: Subject,
    is: &dyn Fn(&[u32]) -> bool,
) -> Option<Extent> {
    let Subject { arch, nr, endian } = subject;
    let known = abi::abi_of_call(arch, nr);
    let call = known.and_then(|abi| abi.syscall_by_nr(nr));
    let condition = match described((known, call), endian, decision, is) {
        Some((formula, _)) if *formula == Formula::True => Condition::Always,
        Some((formula, _)) if *formula == Formula::False => return None,
        Some((formula, fields)) => {
            Condition::If(print::predicate(&spell::predicate(&formula, &fields, known)))
        }
        None => Condition::Some,
    };
    let mut sum = Count::default();
    let mut first = None;
    for (leaf, _) in decision.values.iter().enumerate().filter(|(_, values)| is(values)) {
        let here = count(decision, leaf);
        if here != Count::default() {
            first.get_or_insert(leaf);
            sum = sum.plus(&here);
        }
    }
    let witness = witness(decision, first?, (arch, nr), endian);
    Some(Extent { condition, count: sum, witness })
}
