//! The rules of a group as functions of the bits of a call: what each of them decides, and
//! what would without it.

use filterc_abi::Action;
use filterc_hir::policy::RuleId;

use super::group::Group;
use crate::gates::{FALSE, Node, OverBudget, Result, TRUE};
use crate::input::Input;
use crate::mtbdd::Mtbdd;
use crate::space::Space;

/// The value of a function where no rule is asked.
const NOBODY: u32 = u32::MAX;

/// A rule in a group: for which calls its predicate holds, and for which that of an earlier
/// rule does.
#[derive(Clone, Copy, Debug)]
struct Member {
    rule: RuleId,
    action: Action,
    holds: Node,
    earlier: Node,
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

/// A group as functions of bits. Whoever asks brings the diagrams that they are in.
#[derive(Debug)]
pub(crate) struct Reach {
    space: Space,
    members: Vec<Member>,
    default: Action,
    /// Which rule decides: the position of the first that holds; their number, if none does.
    first: Option<Node>,
    /// The same for the rules from a position on that stay.
    rest: Option<(usize, Node)>,
}

impl Reach {
    /// Turns a group into functions.
    ///
    /// # Errors
    /// They are too large.
    pub(crate) fn new(group: &Group<'_>, mtbdd: &mut Mtbdd) -> Result<Self> {
        let predicates = group.entries.iter().map(|entry| entry.predicate);
        let space = Space::new(Some(group.head()), group.part.abi().endian, predicates);
        let mut members: Vec<Member> = Vec::with_capacity(group.entries.len());
        let mut earlier = FALSE;
        for same in group.entries.chunk_by(|a, b| a.rule == b.rule) {
            let Some(first) = same.first() else { continue };
            let mut holds = FALSE;
            for entry in same {
                mtbdd.spend()?;
                let more = space.predicate(mtbdd, entry.predicate)?;
                holds = mtbdd.or(holds, more)?;
            }
            members.push(Member { rule: first.rule, action: first.action, holds, earlier });
            earlier = mtbdd.or(earlier, holds)?;
        }
        let default = group.part.default_action();
        Ok(Self { space, members, default, first: None, rest: None })
    }

    /// The rules, in order.
    pub(crate) fn rules(&self) -> Vec<RuleId> {
        self.members.iter().map(|member| member.rule).collect()
    }

    fn position(&self, rule: RuleId) -> Result<(usize, Member)> {
        let found = self.members.binary_search_by_key(&rule, |member| member.rule);
        // Only rules of the group are asked for; of another nothing is said.
        let position = found.map_err(|_| OverBudget)?;
        self.members.get(position).map(|member| (position, *member)).ok_or(OverBudget)
    }

    /// What the rule does here.
    pub(crate) fn part(&self, rule: RuleId, mtbdd: &mut Mtbdd) -> Result<Part> {
        let (_, member) = self.position(rule)?;
        let decided = mtbdd.without(member.holds, member.earlier)?;
        Ok(Part {
            holds: self.space.witness(mtbdd, member.holds),
            fails: self.fails(&member, mtbdd),
            decides: self.space.witness(mtbdd, decided),
        })
    }

    /// A call for which a rule's predicate does not hold.
    fn fails(&self, member: &Member, mtbdd: &Mtbdd) -> Option<Input> {
        mtbdd.difference(member.holds, TRUE).map(|bits| self.space.call(&bits))
    }

    /// The position of the first rule that holds and is asked, on top of those that follow.
    fn ask(member: &Member, position: usize, rest: Node, mtbdd: &mut Mtbdd) -> Result<Node> {
        mtbdd.spend()?;
        let this = mtbdd.value(number(position))?;
        mtbdd.choose(member.holds, this, rest)
    }

    /// The rules before this one that decide what it holds for.
    pub(crate) fn deciders(&mut self, rule: RuleId, mtbdd: &mut Mtbdd) -> Result<Vec<RuleId>> {
        let (_, member) = self.position(rule)?;
        let first = match self.first {
            Some(first) => first,
            None => {
                let none = mtbdd.value(number(self.members.len()))?;
                let members = self.members.iter().enumerate().rev();
                let mut members = members.map(|(position, member)| (member, position));
                members.try_fold(none, |rest, (m, position)| Self::ask(m, position, rest, mtbdd))?
            }
        };
        self.first = Some(first);
        let nobody = mtbdd.value(NOBODY)?;
        let here = mtbdd.choose(member.holds, first, nobody)?;
        let reached = mtbdd.reached(here)?.into_keys();
        Ok(reached.filter_map(|position| self.member(position)).map(|m| m.rule).collect())
    }

    fn member(&self, position: u32) -> Option<&Member> {
        self.members.get(usize::try_from(position).ok()?)
    }

    /// The rules before this one that hold whenever it does; of those in question, if some
    /// are out of it.
    pub(crate) fn covers(
        &self,
        rule: RuleId,
        in_question: Option<&[RuleId]>,
        mtbdd: &mut Mtbdd,
    ) -> Result<Vec<RuleId>> {
        let (position, member) = self.position(rule)?;
        let mut rules = Vec::new();
        for earlier in self.members.iter().take(position) {
            mtbdd.spend()?;
            let asked = in_question.is_none_or(|rules| rules.binary_search(&earlier.rule).is_ok());
            if asked && mtbdd.without(member.holds, earlier.holds)? == FALSE {
                rules.push(earlier.rule);
            }
        }
        Ok(rules)
    }

    /// What the policy decides here without this rule, and without those gone already. Rules
    /// are asked for from the last to the first, and what is gone stays gone.
    pub(crate) fn without(
        &mut self,
        rule: RuleId,
        is_gone: impl Fn(RuleId) -> bool,
        mtbdd: &mut Mtbdd,
    ) -> Result<Removal> {
        let (position, member) = self.position(rule)?;
        let (mut from, mut rest) = match self.rest {
            Some(rest) => rest,
            None => (self.members.len(), mtbdd.value(number(self.members.len()))?),
        };
        while let Some(next) = from.checked_sub(1).filter(|next| *next > position) {
            if let Some(later) = self.members.get(next).filter(|later| !is_gone(later.rule)) {
                rest = Self::ask(later, next, rest, mtbdd)?;
            }
            from = next;
            self.rest = Some((from, rest));
        }
        let decided = mtbdd.without(member.holds, member.earlier)?;
        let nobody = mtbdd.value(NOBODY)?;
        let here = mtbdd.choose(decided, rest, nobody)?;
        let mut rules = Vec::new();
        for (position, bits) in mtbdd.reached(here)? {
            let next = self.member(position);
            let is_asked = position != NOBODY;
            if is_asked && next.map_or(self.default, |next| next.action) != member.action {
                return Ok(Removal::Differs(Box::new(self.space.call(&bits))));
            }
            rules.extend(next.map(|next| next.rule));
        }
        Ok(Removal::Same(rules))
    }

    /// The same, where without the rule nothing names the numbers, and they are unknown.
    pub(crate) fn without_name(
        &self,
        rule: RuleId,
        unknown: Action,
        mtbdd: &Mtbdd,
    ) -> Result<Removal> {
        let (_, member) = self.position(rule)?;
        let holds = self.space.witness(mtbdd, member.holds);
        let decided = holds.filter(|_| member.action != unknown);
        let left = self.fails(&member, mtbdd).filter(|_| self.default != unknown);
        let differs = decided.or(left).map(|call| Removal::Differs(Box::new(call)));
        Ok(differs.unwrap_or_else(|| Removal::Same(Vec::new())))
    }

    /// Whether every call is allowed.
    pub(crate) fn is_allowed(&self, mtbdd: &mut Mtbdd) -> Result<bool> {
        let allowed = |action: Action| if action == Action::Allow { TRUE } else { FALSE };
        let mut members = self.members.iter().rev();
        let all = members.try_fold(allowed(self.default), |rest, member| {
            mtbdd.spend()?;
            mtbdd.choose(member.holds, allowed(member.action), rest)
        })?;
        Ok(all == TRUE)
    }
}

/// A position as the value of a function.
fn number(position: usize) -> u32 {
    // Diagrams of so many rules are over any budget.
    u32::try_from(position).unwrap_or(NOBODY)
}
