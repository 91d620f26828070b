//! The residual of a group as functions of the bits of a call, and what can be asked of it.

use filterc_abi::Action;
use filterc_hir::policy::RuleId;

use super::bdd::{Bdd, Edge, Exhausted};
use super::input::Input;
use super::residual::Group;
use super::symbols::Symbols;

/// A rule in a group: for which calls its predicate holds, and for which that of an earlier
/// rule does.
#[derive(Clone, Copy)]
struct Member {
    rule: RuleId,
    action: Action,
    holds: Edge,
    earlier: Edge,
}

/// What becomes of a group without one of its rules.
pub(crate) enum Removal {
    /// This call is decided otherwise.
    Differs(Box<Input>),
    /// Nothing changes: these rules decide, or the default.
    Same(Vec<RuleId>),
}

/// What a rule does in a group.
pub(crate) struct Part {
    /// A call for which its predicate holds.
    pub(crate) holds: Option<Input>,
    /// One for which it does not.
    pub(crate) fails: Option<Input>,
    /// One that the rule decides.
    pub(crate) decides: Option<Input>,
}

/// A group as functions of bits.
pub(crate) struct Solved {
    bdd: Bdd,
    symbols: Symbols,
    members: Vec<Member>,
}

impl Solved {
    /// Turns a group into functions, with so many steps for that and for all questions.
    pub(crate) fn new(group: &Group<'_>, steps: u32) -> Result<Self, Exhausted> {
        let mut bdd = Bdd::new(steps);
        let predicates = group.entries.iter().map(|entry| entry.predicate);
        let symbols = Symbols::new(&group.call, predicates);
        let mut members: Vec<Member> = Vec::with_capacity(group.entries.len());
        let mut earlier = Edge::FALSE;
        for same in group.entries.chunk_by(|a, b| a.rule == b.rule) {
            let Some(first) = same.first() else { continue };
            let mut holds = Edge::FALSE;
            for entry in same {
                let more = symbols.predicate(&mut bdd, entry.predicate)?;
                holds = bdd.or(holds, more)?;
            }
            members.push(Member { rule: first.rule, action: first.action, holds, earlier });
            earlier = bdd.or(earlier, holds)?;
        }
        Ok(Self { bdd, symbols, members })
    }

    /// The steps that are left.
    pub(crate) const fn steps(&self) -> u32 {
        self.bdd.steps()
    }

    /// The rules, in order.
    pub(crate) fn rules(&self) -> Vec<RuleId> {
        self.members.iter().map(|member| member.rule).collect()
    }

    fn position(&self, rule: RuleId) -> Result<(usize, Member), Exhausted> {
        let found = self.members.binary_search_by_key(&rule, |member| member.rule);
        // Only rules of the group are asked for; of another nothing is said.
        let position = found.map_err(|_| Exhausted)?;
        self.members.get(position).map(|member| (position, *member)).ok_or(Exhausted)
    }

    fn witness(&self, function: Edge) -> Option<Input> {
        self.symbols.witness(&self.bdd, function)
    }

    /// What the rule does here.
    pub(crate) fn part(&mut self, rule: RuleId) -> Result<Part, Exhausted> {
        let (_, member) = self.position(rule)?;
        let decided = self.bdd.without(member.holds, member.earlier)?;
        Ok(Part {
            holds: self.witness(member.holds),
            fails: self.witness(member.holds.not()),
            decides: self.witness(decided),
        })
    }

    /// The rules before this one that decide what it holds for.
    pub(crate) fn deciders(&mut self, rule: RuleId) -> Result<Vec<RuleId>, Exhausted> {
        let (position, member) = self.position(rule)?;
        let mut left = member.holds;
        let mut rules = Vec::new();
        for earlier in self.members.iter().take(position) {
            if left == Edge::FALSE {
                break;
            }
            self.bdd.spend()?;
            if self.bdd.and(left, earlier.holds)? != Edge::FALSE {
                rules.push(earlier.rule);
            }
            left = self.bdd.without(left, earlier.holds)?;
        }
        Ok(rules)
    }

    /// The rules before this one that hold whenever it does; of those in question, if some
    /// are out of it.
    pub(crate) fn covers(
        &mut self,
        rule: RuleId,
        in_question: Option<&[RuleId]>,
    ) -> Result<Vec<RuleId>, Exhausted> {
        let (position, member) = self.position(rule)?;
        let mut rules = Vec::new();
        for earlier in self.members.iter().take(position) {
            self.bdd.spend()?;
            let asked = in_question.is_none_or(|rules| rules.binary_search(&earlier.rule).is_ok());
            if asked && self.bdd.without(member.holds, earlier.holds)? == Edge::FALSE {
                rules.push(earlier.rule);
            }
        }
        Ok(rules)
    }

    /// What the policy decides here without this rule, and without those gone already.
    pub(crate) fn without(
        &mut self,
        rule: RuleId,
        default: Action,
        is_gone: impl Fn(RuleId) -> bool,
    ) -> Result<Removal, Exhausted> {
        let (position, member) = self.position(rule)?;
        let mut left = self.bdd.without(member.holds, member.earlier)?;
        let mut rules = Vec::new();
        for next in self.members.iter().skip(position + 1).filter(|next| !is_gone(next.rule)) {
            if left == Edge::FALSE {
                break;
            }
            self.bdd.spend()?;
            let decided = self.bdd.and(left, next.holds)?;
            if decided == Edge::FALSE {
                continue;
            }
            if let Some(call) = self.witness(decided).filter(|_| next.action != member.action) {
                return Ok(Removal::Differs(Box::new(call)));
            }
            rules.push(next.rule);
            left = self.bdd.without(left, next.holds)?;
        }
        match self.witness(left).filter(|_| default != member.action) {
            Some(call) => Ok(Removal::Differs(Box::new(call))),
            None => Ok(Removal::Same(rules)),
        }
    }

    /// The same, where without the rule nothing names the numbers, and they are unknown.
    pub(crate) fn without_name(
        &mut self,
        rule: RuleId,
        default: Action,
        unknown: Action,
    ) -> Result<Removal, Exhausted> {
        let (_, member) = self.position(rule)?;
        let decided = self.witness(member.holds).filter(|_| member.action != unknown);
        let left = self.witness(member.holds.not()).filter(|_| default != unknown);
        let differs = decided.or(left).map(|call| Removal::Differs(Box::new(call)));
        Ok(differs.unwrap_or_else(|| Removal::Same(Vec::new())))
    }

    /// Whether every call is allowed.
    pub(crate) fn is_allowed(&mut self, default: Action) -> Result<bool, Exhausted> {
        for member in self.members.iter().filter(|member| member.action != Action::Allow) {
            if self.bdd.without(member.holds, member.earlier)? != Edge::FALSE {
                return Ok(false);
            }
        }
        let decided = match self.members.last() {
            Some(last) => self.bdd.or(last.earlier, last.holds)?,
            None => Edge::FALSE,
        };
        Ok(decided == Edge::TRUE || default == Action::Allow)
    }
}
