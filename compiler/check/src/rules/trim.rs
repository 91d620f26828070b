//! Parts of a predicate that can be left out, found by cases ([`super::cases`]): what
//! the diagrams of [`super::parts`] find, for predicates about single registers.

use super::cases::{At, Cases, Goal, Node, ODD, Registers};
use super::views::View;
use super::written::{Superfluous, Written};
use crate::gates::{OverBudget, Result};

/// Looks at one predicate. Of its views, all are looked at together.
pub(crate) struct Trim<'c> {
    cases: &'c mut Cases,
    /// What must be true around the part at hand, by view.
    around: Vec<Vec<Goal>>,
    /// Of a single view, registers with which that is so, and the part at hand alone decides.
    at_hand: Option<Registers>,
    found: Vec<Superfluous<usize>>,
}

impl<'c> Trim<'c> {
    /// Parts that can be left out, all together.
    ///
    /// # Errors
    /// The predicate is not for this, or that takes too long to say.
    pub(crate) fn superfluous(
        cases: &'c mut Cases,
        views: &[View<'_>],
        written: &Written<usize>,
    ) -> Result<Vec<Superfluous<usize>>> {
        let mut nodes = Vec::with_capacity(views.len());
        for view in views {
            nodes.push(cases.tree.add(view.predicate, view.call()).ok_or(OverBudget)?);
        }
        let around = vec![Vec::new(); views.len()];
        let mut trim = Self { cases, around, at_hand: None, found: Vec::new() };
        trim.look(written, &nodes)?;
        Ok(trim.found)
    }

    fn look(&mut self, written: &Written<usize>, nodes: &[At]) -> Result<()> {
        match written {
            Written::Whole => Ok(()),
            Written::Not(inner) => {
                let negated = |at: &At| match *self.cases.tree.node(*at) {
                    Node::Not(inner) => Some(inner),
                    Node::Truth(_) | Node::Literal(_) | Node::List { .. } => None,
                };
                let inside: Option<Vec<At>> = nodes.iter().map(negated).collect();
                inside.map_or(Ok(()), |inside| self.look(inner, &inside))
            }
            Written::All(parts) => self.list(parts, nodes, false),
            Written::Any(parts) => self.list(parts, nodes, true),
        }
    }

    /// Looks at the parts of a list, from the last to the first.
    fn list(
        &mut self,
        parts: &[(usize, Written<usize>)],
        nodes: &[At],
        is_alternative: bool,
    ) -> Result<()> {
        // A node that is not made as the text is is looked at as one.
        let first = |at: &At| match *self.cases.tree.node(*at) {
            Node::List { is_any, first, len } => {
                (is_any == is_alternative && len as usize == parts.len()).then_some(first)
            }
            Node::Truth(_) | Node::Literal(_) | Node::Not(_) => None,
        };
        let Some(firsts) = nodes.iter().map(first).collect::<Option<Vec<At>>>() else {
            return Ok(());
        };
        let outer: Vec<usize> = self.around.iter().map(Vec::len).collect();
        let list = List { firsts, is_alternative };
        let at_hand = self.at_hand.take();
        for (index, (part, written)) in parts.iter().enumerate().rev() {
            for (around, first) in self.around.iter_mut().zip(&list.firsts) {
                let others = (0..parts.len()).filter(|other| *other != index);
                let goals = others.map(|other| list.holding(*first, other));
                around.extend(goals.filter(|goal| !self.cases.tree.is_gone(goal.at)));
            }
            self.at_hand = at_hand;
            if self.is_implied(&list, index, None)? {
                self.cut(&outer);
                let is_constant = self.is_implied(&list, index, None)?;
                let mut because_of = None;
                for (other, (name, _)) in parts.iter().enumerate() {
                    let is_asked = !is_constant && because_of.is_none() && other != index;
                    if is_asked && self.is_implied(&list, index, Some(other))? {
                        because_of = Some(*name);
                    }
                }
                list.nodes(index).for_each(|at| self.cases.tree.leave_out(at));
                let part = *part;
                self.found.push(Superfluous { part, is_alternative, is_constant, because_of });
            } else {
                let nodes: Vec<At> = list.nodes(index).collect();
                self.look(written, &nodes)?;
                self.cut(&outer);
            }
        }
        Ok(())
    }

    fn cut(&mut self, outer: &[usize]) {
        for (around, len) in self.around.iter_mut().zip(outer) {
            around.truncate(*len);
        }
    }

    /// Whether in every view a part's condition holds where what is around it does, and, if one
    /// is given, another part's. If not, what shows it is at hand.
    fn is_implied(&mut self, list: &List, index: usize, by: Option<usize>) -> Result<bool> {
        let at_hand = self.at_hand.take().unwrap_or(ODD);
        let is_single = self.around.len() == 1;
        for (around, first) in self.around.iter_mut().zip(&list.firsts) {
            let len = around.len();
            around.extend(by.map(|other| list.whole(*first, other)));
            // What is looked at first should settle most.
            around.push(list.failing(*first, index));
            let found = match self.cases.vary(around, &at_hand) {
                Ok(None) => self.cases.search(around),
                varied => varied,
            };
            around.truncate(len);
            if let Some(found) = found? {
                self.at_hand = is_single.then_some(found);
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A list as nodes: the first part in each view.
struct List {
    firsts: Vec<At>,
    is_alternative: bool,
}

impl List {
    fn node(first: At, index: usize) -> At {
        first.saturating_add(At::try_from(index).unwrap_or(At::MAX))
    }

    /// The nodes of a part, by view.
    fn nodes(&self, index: usize) -> impl Iterator<Item = At> {
        self.firsts.iter().map(move |first| Self::node(*first, index))
    }

    /// That the condition that a part is does not hold: an alternative is one that fails.
    fn failing(&self, first: At, index: usize) -> Goal {
        Goal::new(Self::node(first, index), self.is_alternative)
    }

    /// That it does.
    fn holding(&self, first: At, index: usize) -> Goal {
        Goal::new(Self::node(first, index), !self.is_alternative)
    }

    /// That it does, as the part was at first.
    fn whole(&self, first: At, index: usize) -> Goal {
        Goal { is_whole: true, ..self.holding(first, index) }
    }
}
