//! Truth functions of the bits of fields, as reduced ordered decision diagrams.

use std::collections::HashMap;

use filterc_check::{Answer, Ask, Decision};

use crate::fields::Fields;
use crate::values::Shape;

/// How two fields of one width stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Order {
    Equal,
    Differ,
    Less,
    AtMost,
}

/// Where a truth function leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum To {
    False,
    True,
    Node(usize),
}

/// A question for one bit of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) slot: usize,
    pub(crate) bit: u8,
    pub(crate) low: To,
    pub(crate) high: To,
    /// Its place in the order: those that are asked first are smaller.
    level: u16,
}

/// More questions than this are no description of anything.
const MAX_NODES: usize = 20_000;

/// All functions of one decision.
pub(crate) struct Diagram<'d> {
    decision: &'d Decision,
    nodes: Vec<Node>,
    unique: HashMap<Node, usize>,
    both: HashMap<(To, To, To), To>,
    /// Where each bit of a field stands in the order.
    places: HashMap<(usize, u8), u16>,
    /// Whether that is not the decision's own order.
    is_permuted: bool,
}

/// Has the high bits of every field asked for first, in its own places: a field in two registers
/// may have its low half first, and then what its order says has no end. Says whether that is
/// another order.
fn highest_first(places: &mut HashMap<(usize, u8), u16>, fields: &Fields) -> bool {
    let mut is_permuted = false;
    for slot in 0..fields.slots().len() {
        let mut bits: Vec<(u8, u16)> =
            (0..64).filter_map(|bit| Some((bit, *places.get(&(slot, bit))?))).collect();
        let mut levels: Vec<u16> = bits.iter().map(|(_, level)| *level).collect();
        levels.sort_unstable();
        bits.reverse();
        for ((bit, old), level) in bits.into_iter().zip(levels) {
            is_permuted |= old != level;
            places.insert((slot, bit), level);
        }
    }
    is_permuted
}

impl<'d> Diagram<'d> {
    /// None yet, over the bits of a decision's fields, in its own order.
    pub(crate) fn new(decision: &'d Decision, fields: &Fields) -> Self {
        let mut places = HashMap::new();
        for word in 0..16 {
            let Some((slot, shift)) = fields.bit_of(word) else { continue };
            for bit in 0..32 {
                places.insert((slot, bit + shift), decision.level(word, bit));
            }
        }
        let (nodes, unique, both) = (Vec::new(), HashMap::new(), HashMap::new());
        Self { decision, nodes, unique, both, places, is_permuted: false }
    }

    /// The same with the high bits of every field first; `None` if they are that anyway.
    pub(crate) fn ordered(decision: &'d Decision, fields: &Fields) -> Option<Self> {
        let mut new = Self::new(decision, fields);
        new.is_permuted = highest_first(&mut new.places, fields);
        new.is_permuted.then_some(new)
    }

    pub(crate) fn node(&self, at: usize) -> Option<Node> {
        self.nodes.get(at).copied()
    }

    /// Where the sides say something of a kind.
    pub(crate) fn of(&mut self, fields: &Fields, is: impl Fn(&[u32]) -> bool) -> Option<To> {
        let decision = self.decision;
        let end = |values: &Vec<u32>| if is(values) { To::True } else { To::False };
        let ends: Vec<To> = decision.values.iter().map(end).collect();
        let to = |answer: Answer, known: &[To]| match answer {
            Answer::Values(at) => ends.get(at).copied(),
            Answer::Ask(at) => known.get(at).copied(),
        };
        let mut known: Vec<To> = Vec::with_capacity(decision.asks.len());
        for Ask { word, bit, low, high } in &decision.asks {
            let (low, high) = (to(*low, &known)?, to(*high, &known)?);
            let (slot, shift) = fields.bit_of(*word)?;
            let made = match self.is_permuted {
                false => self.make(slot, bit + shift, low, high)?,
                true => {
                    let asked = self.make(slot, bit + shift, To::False, To::True)?;
                    let not = self.not(asked)?;
                    let (high, low) = (self.and(asked, high)?, self.and(not, low)?);
                    self.or(high, low)?
                }
            };
            known.push(made);
        }
        to(decision.root, &known)
    }

    fn or(&mut self, left: To, right: To) -> Option<To> {
        let (left, right) = (self.not(left)?, self.not(right)?);
        let neither = self.and(left, right)?;
        self.not(neither)
    }

    fn make(&mut self, slot: usize, bit: u8, low: To, high: To) -> Option<To> {
        if low == high {
            return Some(low);
        }
        let level = *self.places.get(&(slot, bit))?;
        let node = Node { slot, bit, low, high, level };
        if let Some(at) = self.unique.get(&node) {
            return Some(To::Node(*at));
        }
        if self.nodes.len() >= MAX_NODES {
            return None;
        }
        self.nodes.push(node);
        self.unique.insert(node, self.nodes.len() - 1);
        Some(To::Node(self.nodes.len() - 1))
    }

    /// Whether a question is asked between questions for another field.
    pub(crate) fn is_between(&self, node: Node, slot: usize) -> bool {
        let levels = (0..64).filter_map(|bit| self.places.get(&(slot, bit)));
        let (mut before, mut after) = (false, false);
        for level in levels {
            before |= *level < node.level;
            after |= *level > node.level;
        }
        before && after
    }

    /// Where both hold.
    pub(crate) fn and(&mut self, left: To, right: To) -> Option<To> {
        self.joined(left, right, To::False)
    }

    /// Where both hold, or, with `True`, where one does: what each decides alone.
    fn joined(&mut self, left: To, right: To, decides: To) -> Option<To> {
        let (l, r) = match (left, right) {
            _ if left == decides || right == decides => return Some(decides),
            _ if left == right => return Some(left),
            (To::Node(l), To::Node(r)) => (self.node(l)?, self.node(r)?),
            (To::Node(_), _) => return Some(left),
            (_, other) => return Some(other),
        };
        if let Some(known) = self.both.get(&(left, right, decides)) {
            return Some(*known);
        }
        let first = if l.level <= r.level { l } else { r };
        let half = |node: Node, to: To, high: bool| match node.level == first.level {
            true if high => node.high,
            true => node.low,
            false => to,
        };
        let low = self.joined(half(l, left, false), half(r, right, false), decides)?;
        let high = self.joined(half(l, left, true), half(r, right, true), decides)?;
        let both = self.make(first.slot, first.bit, low, high)?;
        self.both.insert((left, right, decides), both);
        Some(both)
    }

    /// Where it does not hold.
    pub(crate) fn not(&mut self, to: To) -> Option<To> {
        let mut known = HashMap::new();
        self.opposite(to, &mut known)
    }

    fn opposite(&mut self, to: To, known: &mut HashMap<usize, To>) -> Option<To> {
        let at = match to {
            To::False => return Some(To::True),
            To::True => return Some(To::False),
            To::Node(at) => at,
        };
        if let Some(made) = known.get(&at) {
            return Some(*made);
        }
        let Node { slot, bit, low, high, .. } = self.node(at)?;
        let (low, high) = (self.opposite(low, known)?, self.opposite(high, known)?);
        let made = self.make(slot, bit, low, high)?;
        known.insert(at, made);
        Some(made)
    }

    /// Where it holds for some number of a field.
    pub(crate) fn some(&mut self, to: To, slot: usize) -> Option<To> {
        let mut known = HashMap::new();
        self.without(to, slot, &mut known)
    }

    fn without(&mut self, to: To, slot: usize, known: &mut HashMap<usize, To>) -> Option<To> {
        let To::Node(at) = to else { return Some(to) };
        if let Some(made) = known.get(&at) {
            return Some(*made);
        }
        let node = self.node(at)?;
        let low = self.without(node.low, slot, known)?;
        let high = self.without(node.high, slot, known)?;
        let made = if node.slot == slot {
            self.joined(low, high, To::True)?
        } else {
            self.make(node.slot, node.bit, low, high)?
        };
        known.insert(at, made);
        Some(made)
    }

    /// Where two fields of a shape, asked for in turns, the first one first, are in an order.
    pub(crate) fn comparison(
        &mut self,
        (x, order): (usize, Order),
        (first, second): (usize, usize),
        shape: Shape,
    ) -> Option<To> {
        let (no, yes) = (To::False, To::True);
        // What it comes to where the first field is less, equal, or more.
        let [less, equal, more] = match order {
            Order::Equal => [no, yes, no],
            Order::Differ => [yes, no, yes],
            Order::Less if x == first => [yes, no, no],
            Order::Less => [no, no, yes],
            Order::AtMost if x == first => [yes, yes, no],
            Order::AtMost => [no, yes, yes],
        };
        let sign = shape.signed.then(|| shape.width - 1);
        let pair = (first, second);
        if shape.width <= 32 {
            return self.halves(pair, 0..shape.width, sign, [less, equal, more]);
        }
        let level = |bit: u8| self.places.get(&(first, bit)).copied();
        if level(32)? < level(0)? {
            let low = self.halves(pair, 0..32, None, [less, equal, more])?;
            return self.halves(pair, 32..shape.width, sign, [less, low, more]);
        }
        // The low words come first; what they say counts where the high ones are equal.
        let mut high = [no; 3];
        for (slot, end) in high.iter_mut().zip([less, equal, more]) {
            *slot = self.halves(pair, 32..shape.width, sign, [less, end, more])?;
        }
        self.halves(pair, 0..32, None, high)
    }

    /// The same for some bits, with what it comes to where the first field is less, equal, more.
    fn halves(
        &mut self,
        (first, second): (usize, usize),
        bits: std::ops::Range<u8>,
        sign: Option<u8>,
        [less, mut equal, more]: [To; 3],
    ) -> Option<To> {
        for bit in bits {
            // A number with the sign is less than one without.
            let (with, without) = if sign == Some(bit) { (less, more) } else { (more, less) };
            let low = self.make(second, bit, equal, without)?;
            let high = self.make(second, bit, with, equal)?;
            equal = self.make(first, bit, low, high)?;
        }
        Some(equal)
    }
}
