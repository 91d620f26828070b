//! Whether predicates can come out in some way all at once, by cases of the bits of registers.
//!
//! Each register is a word of which some bits are settled. What is wanted settles bits for as long as
//! it leaves no choice; then one of the alternatives is supposed, or a bit to be 0 or 1, and
//! both ways are gone. So what is found is there, and if all cases are refuted there is
//! nothing. Predicates that compare fields with fields, or look at parameters or at pairs of
//! registers, are not for this.

mod literal;
mod tree;

use filterc_hir::expr::Predicate;

use crate::gates::{OverBudget, Result};
use crate::input::{IP, Input};
use literal::{Known, Literal, Outcome};
use tree::Tree;
pub(crate) use tree::{At, Node};

/// What must come out so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    pub(crate) at: At,
    pub(crate) wanted: bool,
    /// Whether parts that were left out count.
    pub(crate) is_whole: bool,
}

impl Goal {
    pub(crate) const fn new(at: At, wanted: bool) -> Self {
        Self { at, wanted, is_whole: false }
    }
}

/// The arguments and the instruction pointer; bits that are not settled are 0.
pub(crate) type Registers = [Known; IP + 1];

/// Something in each register that hardly any constant of a policy is.
pub(crate) const ODD: Registers = {
    const fn odd(value: u64) -> Known {
        Known { bits: u64::MAX, value }
    }
    [
        odd(0x9e37_79b9_7f4a_7c15),
        odd(0xbf58_476d_1ce4_e5b9),
        odd(0x94d0_49bb_1331_11eb),
        odd(0xd6e8_feb8_6659_fd93),
        odd(0xa076_1d64_78bd_642f),
        odd(0xe703_7ed1_a0b4_28db),
        odd(0x8ebc_6af0_9c88_c6e3),
    ]
};

/// What becomes of a goal that was looked at.
enum Progress {
    Reached,
    /// It is what its parts are.
    Parts {
        first: At,
        len: At,
    },
    /// It is what another one is.
    Instead(Goal),
    Open,
}

/// Predicates, and questions about them.
#[derive(Debug)]
pub(crate) struct Cases {
    pub(crate) tree: Tree,
    goals: Vec<Goal>,
    /// Looks at goals that may still be made.
    steps: u32,
    /// Suppositions within suppositions.
    depth: usize,
}

/// Suppositions within suppositions, at most.
const MAX_DEPTH: usize = 200;

impl Cases {
    pub(crate) const fn new() -> Self {
        Self { tree: Tree::new(), goals: Vec::new(), steps: 0, depth: 0 }
    }

    /// Forgets the predicates; gives those of the next question a bound.
    pub(crate) fn clear(&mut self, steps: u32) {
        self.tree.clear();
        self.steps = steps;
    }

    /// Looks that are left.
    pub(crate) const fn steps(&self) -> u32 {
        self.steps
    }

    /// Registers with which all goals are reached at once; the last are looked at first.
    ///
    /// # Errors
    /// That takes too long to say.
    pub(crate) fn search(&mut self, goals: &[Goal]) -> Result<Option<Registers>> {
        self.goals.clear();
        self.goals.extend(goals.iter().rev());
        let mut registers = Registers::default();
        self.depth = 0;
        let found = self.reach(0, &mut registers)?;
        Ok(found.then_some(registers))
    }

    /// The same, by a change to registers at hand that reaches the last goal. Most often the
    /// others do not mind.
    ///
    /// # Errors
    /// That takes too long to say.
    pub(crate) fn vary(
        &mut self,
        goals: &[Goal],
        at_hand: &Registers,
    ) -> Result<Option<Registers>> {
        let Some(last) = goals.last() else { return Ok(None) };
        let mut varied = *at_hand;
        varied.iter_mut().for_each(|known| known.bits = u64::MAX);
        self.suggest(*last, &mut varied)?;
        for goal in goals.iter().rev() {
            if self.outcome(*goal, &varied)? != Outcome::True {
                return Ok(None);
            }
        }
        Ok(Some(varied))
    }

    /// Puts values into registers with which a goal may be reached.
    fn suggest(&mut self, goal: Goal, registers: &mut Registers) -> Result<()> {
        self.spend()?;
        match *self.tree.node(goal.at) {
            Node::Truth(_) => {}
            Node::Not(inner) => {
                self.suggest(Goal { at: inner, wanted: !goal.wanted, ..goal }, registers)?;
            }
            Node::Literal(ref literal) => {
                let literal = literal.or_opposite(goal.wanted);
                if let Some(known) = registers.get_mut(usize::from(literal.register)) {
                    known.value = literal.example(known.value);
                }
            }
            Node::List { is_any, first, len } => {
                let needed = if is_any == goal.wanted { len.min(1) } else { len };
                for at in first..first + needed {
                    self.suggest(Goal { at, ..goal }, registers)?;
                }
            }
        }
        Ok(())
    }

    /// A call like the given one for which predicates come out as wanted, if they are ones to
    /// be asked about; `Ok(None)` if there is none.
    ///
    /// # Errors
    /// That takes too long to say.
    pub(crate) fn find<'p>(
        &mut self,
        wanted: impl IntoIterator<Item = (&'p Predicate, bool)>,
        call: &Input,
    ) -> Result<Option<Input>> {
        let mut goals = Vec::new();
        for (predicate, wanted) in wanted {
            goals.push(Goal::new(self.tree.add(predicate, call).ok_or(OverBudget)?, wanted));
        }
        let Some(registers) = self.search(&goals)? else { return Ok(None) };
        let mut found = call.clone();
        for (register, known) in registers.iter().enumerate().filter(|(_, known)| known.value != 0)
        {
            found.set(register, known.value);
        }
        Ok(Some(found))
    }

    fn spend(&mut self) -> Result<()> {
        self.steps = self.steps.checked_sub(1).ok_or(OverBudget)?;
        Ok(())
    }

    /// Reaches the goals from one on, if that is possible; then the registers are so.
    fn reach(&mut self, from: usize, registers: &mut Registers) -> Result<bool> {
        if !self.settle(from, registers)? {
            return Ok(false);
        }
        // An alternative settles more than a bit.
        let rest = self.goals.get(from..).unwrap_or_default();
        let is_list = |goal: &Goal| matches!(self.tree.node(goal.at), Node::List { .. });
        let position = rest.iter().position(is_list).unwrap_or_default();
        let Some(goal) = rest.get(position).copied() else { return Ok(true) };
        match *self.tree.node(goal.at) {
            Node::List { first, len, .. } => {
                for part in first..first + len {
                    if !self.counts(goal, part) {
                        continue;
                    }
                    let part = Goal { at: part, ..goal };
                    if self.suppose(from, Some((position, part)), registers)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Node::Literal(literal) => {
                self.either(from, &literal.or_opposite(goal.wanted), registers)
            }
            Node::Truth(_) | Node::Not(_) => Ok(false),
        }
    }

    /// Both values of a bit on which a literal depends.
    fn either(
        &mut self,
        from: usize,
        literal: &Literal,
        registers: &mut Registers,
    ) -> Result<bool> {
        let Some(known) = registers.get(usize::from(literal.register)).copied() else {
            return Ok(false);
        };
        let (bit, value) = literal.decisive(known);
        if bit == 0 {
            return Err(OverBudget);
        }
        for value in [value, !value] {
            let mut supposed = *registers;
            if let Some(known) = supposed.get_mut(usize::from(literal.register)) {
                known.settle(bit, value);
            }
            if self.suppose(from, None, &mut supposed)? {
                *registers = supposed;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reaches the goals from one on, one of them replaced by an alternative of it; if that is not
    /// possible, nothing has changed.
    fn suppose(
        &mut self,
        from: usize,
        instead: Option<(usize, Goal)>,
        registers: &mut Registers,
    ) -> Result<bool> {
        if self.depth == MAX_DEPTH {
            return Err(OverBudget);
        }
        self.depth += 1;
        let to = self.goals.len();
        self.goals.extend_from_within(from..);
        if let Some((position, goal)) = instead
            && let Some(slot) = self.goals.get_mut(to + position)
        {
            *slot = goal;
        }
        let mut supposed = *registers;
        let is_reached = self.reach(to, &mut supposed)?;
        if is_reached {
            *registers = supposed;
        }
        self.goals.truncate(to);
        self.depth -= 1;
        Ok(is_reached)
    }

    /// Does what the goals leave no choice about; false if one of them is out of reach.
    fn settle(&mut self, from: usize, registers: &mut Registers) -> Result<bool> {
        loop {
            let before = registers.map(|known| known.bits);
            let mut index = from;
            while let Some(goal) = self.goals.get(index).copied() {
                let Some(progress) = self.look(goal, registers)? else { return Ok(false) };
                match progress {
                    Progress::Open => index += 1,
                    Progress::Instead(goal) => {
                        if let Some(slot) = self.goals.get_mut(index) {
                            *slot = goal;
                        }
                    }
                    Progress::Reached => {
                        self.goals.swap_remove(index);
                    }
                    Progress::Parts { first, len } => {
                        self.goals.swap_remove(index);
                        for at in first..first + len {
                            if self.counts(goal, at) {
                                self.goals.push(Goal { at, ..goal });
                            }
                        }
                    }
                }
            }
            if self.goals.len() == from || before == registers.map(|known| known.bits) {
                return Ok(true);
            }
        }
    }

    /// Whether a part of a goal's list does.
    fn counts(&self, goal: Goal, part: At) -> bool {
        goal.is_whole || !self.tree.is_gone(part)
    }

    /// Looks at a goal; `None` if it is out of reach.
    fn look(&mut self, goal: Goal, registers: &mut Registers) -> Result<Option<Progress>> {
        self.spend()?;
        Ok(match *self.tree.node(goal.at) {
            Node::Truth(value) => (value == goal.wanted).then_some(Progress::Reached),
            Node::Not(inner) => {
                Some(Progress::Instead(Goal { at: inner, wanted: !goal.wanted, ..goal }))
            }
            Node::Literal(ref literal) => {
                let literal = literal.or_opposite(goal.wanted);
                let known = registers.get_mut(usize::from(literal.register));
                known.and_then(|known| match literal.narrow(known) {
                    Outcome::True => Some(Progress::Reached),
                    Outcome::False => None,
                    Outcome::Open => Some(Progress::Open),
                })
            }
            Node::List { is_any, first, len } if is_any != goal.wanted => {
                Some(Progress::Parts { first, len })
            }
            Node::List { first, len, .. } => {
                let (mut open, mut count) = (None, 0_usize);
                for at in first..first + len {
                    if !self.counts(goal, at) {
                        continue;
                    }
                    let part = Goal { at, ..goal };
                    match self.outcome(part, registers)? {
                        Outcome::True => return Ok(Some(Progress::Reached)),
                        Outcome::False => {}
                        Outcome::Open => (open, count) = (Some(part), count + 1),
                    }
                }
                open.map(|part| if count == 1 { Progress::Instead(part) } else { Progress::Open })
            }
        })
    }

    /// Whether a goal is reached, or out of reach.
    fn outcome(&mut self, goal: Goal, registers: &Registers) -> Result<Outcome> {
        self.spend()?;
        Ok(match *self.tree.node(goal.at) {
            Node::Truth(value) => Outcome::of(value == goal.wanted),
            Node::Not(inner) => {
                self.outcome(Goal { at: inner, wanted: !goal.wanted, ..goal }, registers)?
            }
            Node::Literal(ref literal) => {
                let known = registers.get(usize::from(literal.register)).copied();
                literal.outcome(known.unwrap_or_default()).or_opposite(goal.wanted)
            }
            Node::List { is_any, first, len } => {
                let decisive = Outcome::of(is_any == goal.wanted);
                let mut all = decisive.or_opposite(false);
                for at in first..first + len {
                    if !self.counts(goal, at) {
                        continue;
                    }
                    let part = self.outcome(Goal { at, ..goal }, registers)?;
                    if part == decisive {
                        return Ok(decisive);
                    }
                    if part == Outcome::Open {
                        all = Outcome::Open;
                    }
                }
                all
            }
        })
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
