//! Decision diagrams over bits as predicates over fields.

use std::collections::HashMap;
use std::rc::Rc;

use filterc_abi::{Abi, Endian, Syscall};
use filterc_check::Decision;

use crate::diagram::{Diagram, Order, To};
use crate::fields::Fields;
use crate::values::{Cube, Shape, Test, describe};

/// A predicate; fields by their place in [`Fields`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Formula {
    True,
    False,
    Test(usize, Test),
    /// One field compared with another.
    Compare(usize, Order, usize),
    And(Vec<Rc<Self>>),
    Or(Vec<Rc<Self>>),
}

/// What is harder to read than this is no description.
pub(crate) const MAX_COST: usize = 400;

/// Ends of a field's questions that are looked at.
const MAX_CUBES: usize = 8192;

/// Ends of all questions.
const MAX_LOOKED: usize = 8 * MAX_CUBES;

impl Formula {
    /// How hard it is to read.
    pub(crate) fn cost(&self) -> usize {
        match self {
            Self::True | Self::False => 0,
            Self::Test(_, test) => test.cost(),
            Self::Compare(..) => 3,
            Self::And(parts) | Self::Or(parts) => {
                parts.iter().fold(0, |sum: usize, part| sum.saturating_add(1 + part.cost()))
            }
        }
    }
}

/// The calls for which the sides say something of a kind; `None` if we have no words for them.
pub(crate) fn formula(
    decision: &Decision,
    fields: &Fields,
    is: impl Fn(&[u32]) -> bool,
) -> Option<Rc<Formula>> {
    // Where fields are compared with each other, their bits are asked for in turns as they are;
    // ranges of one field are found where its high bits are asked for first.
    let own = Diagram::new(decision, fields);
    in_order(own, fields, &is)
        .or_else(|| in_order(Diagram::ordered(decision, fields)?, fields, &is))
}

fn in_order(
    mut diagram: Diagram<'_>,
    fields: &Fields,
    is: &dyn Fn(&[u32]) -> bool,
) -> Option<Rc<Formula>> {
    let root = diagram.of(fields, is)?;
    let mut build = Build { fields, diagram, made: HashMap::new(), looked: 0 };
    let formula = build.formula(root)?;
    (formula.cost() <= MAX_COST).then_some(formula)
}

/// The same, with the fields that it is about: arguments, or, where no more than equality would
/// have to be said of a pointer, registers.
pub(crate) fn described(
    (abi, call): (Option<&'static Abi>, Option<&'static Syscall>),
    endian: Endian,
    decision: &Decision,
    is: &dyn Fn(&[u32]) -> bool,
) -> Option<(Rc<Formula>, Fields)> {
    let fields = Fields::new(abi, call, endian, decision);
    if let Some(formula) = formula(decision, &fields, is) {
        return Some((formula, fields));
    }
    let fields = Fields::without_pointers(abi, call, endian, decision)?;
    Some((formula(decision, &fields, is)?, fields))
}

struct Build<'f> {
    fields: &'f Fields,
    diagram: Diagram<'f>,
    made: HashMap<To, Option<Rc<Formula>>>,
    /// Ends of questions that were looked at.
    looked: usize,
}

/// Where questions lead, and for which numbers.
type End = (To, Vec<Cube>);

impl Build<'_> {
    fn formula(&mut self, to: To) -> Option<Rc<Formula>> {
        let at = match to {
            To::False => return Some(Rc::new(Formula::False)),
            To::True => return Some(Rc::new(Formula::True)),
            To::Node(at) => at,
        };
        if let Some(made) = self.made.get(&to) {
            return made.clone();
        }
        let formula = match self.tied(at) {
            Some(pair) => self.compared(to, pair),
            None => self.split(at),
        };
        let formula = formula.filter(|formula| formula.cost() <= MAX_COST);
        self.made.insert(to, formula.clone());
        formula
    }

    /// Splits by the numbers of the field that is asked for first.
    fn split(&mut self, at: usize) -> Option<Rc<Formula>> {
        let slot = self.diagram.node(at)?.slot;
        let ends = self.ends(at, slot)?;
        let shape = self.fields.slots().get(slot)?.shape;
        let plain = self.alternatives(slot, &ends, shape);
        let nested = self.nested(slot, &ends, shape);
        [plain, nested].into_iter().flatten().min_by_key(|formula| formula.cost())
    }

    /// One alternative for each end: numbers that lead there, and what is asked then.
    fn alternatives(&mut self, slot: usize, ends: &[End], shape: Shape) -> Option<Rc<Formula>> {
        let mut parts = Vec::new();
        let mut always: Option<Test> = None;
        for (to, cubes) in ends {
            let inner = self.formula(*to)?;
            if *inner == Formula::False {
                continue;
            }
            let others: Vec<Cube> = ends
                .iter()
                .filter(|(other, _)| other != to)
                .flat_map(|(_, cubes)| cubes.iter().copied())
                .collect();
            let test = describe(cubes, &others, shape)?;
            if *inner == Formula::True {
                always = Some(test);
            } else {
                parts.push((test, inner));
            }
        }
        // Where all other numbers are fine anyway, those with a condition need not be named.
        let alone = parts.len() == 1 && always.is_some() && ends.len() == 2;
        let mut all: Vec<Rc<Formula>> = Vec::new();
        all.extend(always.map(|test| Rc::new(Formula::Test(slot, test))));
        for (test, inner) in parts {
            let test = Rc::new(Formula::Test(slot, test));
            all.push(if alone { inner } else { and(test, inner) });
        }
        Some(or(all))
    }

    /// The same where what one end asks implies what another does: the stronger condition does for
    /// the numbers of both, and the other end is left with what that one does not let through.
    fn nested(&mut self, slot: usize, ends: &[End], shape: Shape) -> Option<Rc<Formula>> {
        let open: Vec<&End> = ends.iter().filter(|(to, _)| *to != To::False).collect();
        let [a, b] = open.as_slice() else { return None };
        let (a, b) = if self.implies(a.0, b.0)? { (a, b) } else { (b, a) };
        if b.0 == To::True || !self.implies(a.0, b.0)? {
            return None;
        }
        let outside = |inside: &[&End]| -> Vec<Cube> {
            let others = ends.iter().filter(|end| !inside.iter().any(|it| it.0 == end.0));
            others.flat_map(|(_, cubes)| cubes.iter().copied()).collect()
        };
        let both: Vec<Cube> = a.1.iter().chain(&b.1).copied().collect();
        let either = describe(&both, &outside(&[a, b]), shape)?;
        let only = describe(&b.1, &outside(&[b]), shape)?;
        let left = self.diagram.not(a.0)?;
        let left = self.diagram.and(b.0, left)?;
        let (stronger, rest) = (self.formula(a.0)?, self.formula(left)?);
        let test = |test| match test == Test::True {
            true => Rc::new(Formula::True),
            false => Rc::new(Formula::Test(slot, test)),
        };
        Some(or(vec![and(test(either), stronger), and(test(only), rest)]))
    }

    fn implies(&mut self, stronger: To, weaker: To) -> Option<bool> {
        let not = self.diagram.not(weaker)?;
        Some(self.diagram.and(stronger, not)? == To::False)
    }

    /// Where the questions for one field lead, and for which of its numbers.
    fn ends(&mut self, at: usize, slot: usize) -> Option<Vec<End>> {
        let mut ends: Vec<End> = Vec::new();
        let mut waiting = vec![(To::Node(at), Cube { value: 0, mask: 0 })];
        let mut count = 0;
        while let Some((to, cube)) = waiting.pop() {
            match to {
                To::Node(at) if self.diagram.node(at)?.slot == slot => {
                    let node = self.diagram.node(at)?;
                    let mask = cube.mask | 1 << node.bit;
                    let value = cube.value | 1 << node.bit;
                    waiting.push((node.high, Cube { value, mask }));
                    waiting.push((node.low, Cube { value: cube.value, mask }));
                }
                To::Node(_) | To::False | To::True => {
                    (count, self.looked) = (count + 1, self.looked + 1);
                    if count > MAX_CUBES || self.looked > MAX_LOOKED {
                        return None;
                    }
                    match ends.iter_mut().find(|(end, _)| *end == to) {
                        Some((_, cubes)) => cubes.push(cube),
                        None => ends.push((to, vec![cube])),
                    }
                }
            }
        }
        Some(ends)
    }

    /// The two fields, if the first question is for one that is compared with another: then
    /// their bits are asked for in turns.
    fn tied(&self, at: usize) -> Option<(usize, usize)> {
        let first = self.diagram.node(at)?;
        let slots = self.fields.slots();
        let width = |slot: usize| slots.get(slot).map(|slot| slot.shape.width);
        let other = [first.low, first.high].into_iter().find_map(|to| match to {
            To::Node(at) => {
                let node = self.diagram.node(at)?;
                let tied = node.slot != first.slot
                    && self.diagram.is_between(node, first.slot)
                    && width(node.slot) == width(first.slot);
                tied.then_some(node.slot)
            }
            To::False | To::True => None,
        })?;
        Some((first.slot.min(other), first.slot.max(other)))
    }

    /// Splits by how two fields stand to each other: where they do, each may have more to
    /// keep to, but only alone.
    fn compared(&mut self, to: To, (a, b): (usize, usize)) -> Option<Rc<Formula>> {
        let splits: [&[(usize, Order, usize)]; 4] = [
            &[(a, Order::Equal, b), (a, Order::Differ, b)],
            &[(a, Order::Less, b), (b, Order::AtMost, a)],
            &[(b, Order::Less, a), (a, Order::AtMost, b)],
            &[(a, Order::Less, b), (a, Order::Equal, b), (b, Order::Less, a)],
        ];
        let all = splits.into_iter().filter_map(|split| {
            let parts = split.iter().map(|order| self.where_compared(to, *order, (a, b)));
            Some(or(parts.collect::<Option<Vec<_>>>()?))
        });
        all.collect::<Vec<_>>().into_iter().min_by_key(|formula| formula.cost())
    }

    /// The function where two fields stand to each other in a certain way.
    fn where_compared(
        &mut self,
        to: To,
        (x, order, y): (usize, Order, usize),
        (a, b): (usize, usize),
    ) -> Option<Rc<Formula>> {
        let shape = self.fields.slots().get(x)?.shape;
        let relation = self.diagram.comparison((x, order), (a, b), shape)?;
        let holds = self.diagram.and(relation, to)?;
        let opposite = self.diagram.not(to)?;
        let fails = self.diagram.and(relation, opposite)?;
        let relation_holds = Rc::new(Formula::Compare(x, order, y));
        if holds == To::False {
            return Some(Rc::new(Formula::False));
        }
        if fails == To::False {
            return Some(relation_holds);
        }
        if let Some(parts) = self.apart(holds, relation, (a, b)) {
            let parts = parts.into_iter().map(|part| self.formula(part));
            let parts = parts.collect::<Option<Vec<_>>>()?;
            return Some(parts.into_iter().fold(relation_holds, and));
        }
        if let Some(parts) = self.apart(fails, relation, (a, b)) {
            let parts = parts.into_iter().map(|part| {
                let not = self.diagram.not(part)?;
                self.formula(not)
            });
            return Some(and(relation_holds, or(parts.collect::<Option<Vec<_>>>()?)));
        }
        Some(and(relation_holds, self.enough((holds, fails), relation, (a, b))?))
    }

    /// What is enough within the relation: numbers of one field for which it does not matter what
    /// the other is, and, where neither does alone, both together.
    fn enough(
        &mut self,
        (holds, fails): (To, To),
        relation: To,
        (a, b): (usize, usize),
    ) -> Option<Rc<Formula>> {
        let (not_a, not_b) = (self.diagram.some(fails, b)?, self.diagram.some(fails, a)?);
        let neither = self.diagram.and(not_a, not_b)?;
        let rest = self.diagram.and(holds, neither)?;
        let mut parts = Vec::new();
        for alone in [not_a, not_b] {
            let alone = self.diagram.not(alone)?;
            parts.push(self.formula(alone)?);
        }
        if rest != To::False {
            let both = self.apart(rest, relation, (a, b))?;
            let both = both.into_iter().map(|part| self.formula(part));
            let both = both.collect::<Option<Vec<_>>>()?;
            parts.push(both.into_iter().fold(Rc::new(Formula::True), and));
        }
        Some(or(parts))
    }

    /// Functions of one of two fields each, and of others, that together say within the
    /// relation what a function of both says; `None` if there are none.
    fn apart(&mut self, function: To, relation: To, (a, b): (usize, usize)) -> Option<Vec<To>> {
        let of_a = self.diagram.some(function, b)?;
        let of_b = self.diagram.some(function, a)?;
        for parts in [vec![of_a], vec![of_b], vec![of_a, of_b]] {
            let mut all = relation;
            for part in &parts {
                all = self.diagram.and(all, *part)?;
            }
            if all == function {
                return Some(parts);
            }
        }
        None
    }
}

fn and(left: Rc<Formula>, right: Rc<Formula>) -> Rc<Formula> {
    match (&*left, &*right) {
        (Formula::True, _) | (_, Formula::False) => right,
        (_, Formula::True) | (Formula::False, _) => left,
        (_, Formula::And(parts)) => {
            let mut all = vec![left];
            all.extend(parts.iter().cloned());
            Rc::new(Formula::And(all))
        }
        _ => Rc::new(Formula::And(vec![left, right])),
    }
}

fn or(parts: Vec<Rc<Formula>>) -> Rc<Formula> {
    let mut all: Vec<Rc<Formula>> = Vec::new();
    for part in parts {
        match &*part {
            Formula::False => {}
            Formula::True => return part,
            Formula::Or(more) => all.extend(more.iter().cloned()),
            Formula::Test(..) | Formula::Compare(..) | Formula::And(_) => all.push(part),
        }
    }
    match all.as_slice() {
        [] => Rc::new(Formula::False),
        [one] => Rc::clone(one),
        _ => Rc::new(Formula::Or(all)),
    }
}
