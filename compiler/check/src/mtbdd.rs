//! Multi-terminal binary decision diagrams: functions from bits to 32-bit values, each in
//! exactly one form, so that equal functions are the same node.
//!
//! Ordered and reduced (Bryant 1986; Fujita, McGeer and Yang 1997). Boolean functions have
//! the values 0 and 1. Operations do not recurse: a diagram is as deep as it has bits.
//!
//! The number of nodes is bounded by a budget: beyond it every operation is
//! [`OverBudget`], and no result is claimed.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry as MapEntry;

use crate::count::Count;
use crate::gates::{FALSE, Gates, Node, OverBudget, Result, TRUE};
use crate::hash::Map;
use crate::layout::{Level, Order, WordIndex};
use crate::meter::{Meter, cost};
use crate::tables::{Cache, Unique};

/// The level of a value.
const VALUE: Level = Level::MAX;

/// The function's value is `low` where the bit at `level` is 0, else `high`. At the level
/// [`VALUE`] `low` is the value itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Entry {
    level: Level,
    low: u32,
    high: u32,
}

impl Entry {
    fn fields(self) -> [u32; 3] {
        [self.low, self.high, self.level.into()]
    }
}

/// The fields of nodes.
fn fields(entries: &[Entry]) -> impl Fn(Node) -> [u32; 3] {
    |node| entries.get(node.0 as usize).map_or([0; 3], |entry| entry.fields())
}

/// Operations for each node of the limit: there may be many that make none.
const STEPS_A_NODE: u64 = 16;

/// All nodes.
#[derive(Debug)]
pub(crate) struct Mtbdd {
    entries: Vec<Entry>,
    unique: Unique,
    chosen: Cache,
    limit: usize,
    /// Operations that may still be made.
    steps: u64,
    meter: Meter,
    /// Reused by [`Self::choose`].
    tasks: Vec<Task>,
    results: Vec<Node>,
}

#[derive(Clone, Copy, Debug)]
enum Task {
    Choose(Node, Node, Node),
    /// Join the last two results at that level, as the result of the operation.
    Join(Level, [u32; 3]),
}

impl Mtbdd {
    /// An empty collection that grows to at most `limit` nodes.
    pub(crate) fn new(limit: usize, meter: Meter) -> Self {
        let mut new = Self {
            entries: Vec::new(),
            unique: Unique::new(),
            chosen: Cache::new(),
            limit: 0,
            steps: 0,
            meter,
            tasks: Vec::new(),
            results: Vec::new(),
        };
        new.reset(limit);
        new
    }

    /// Allows that many operations from now on, within what everything may cost.
    pub(crate) fn allot(&mut self, steps: u64) {
        self.steps = steps;
    }

    /// How many of them are left.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// Spends an operation.
    ///
    /// # Errors
    /// There is none left.
    pub(crate) fn spend(&mut self) -> Result<()> {
        self.steps = self.steps.checked_sub(1).ok_or(OverBudget)?;
        self.meter.spend(cost::OPERATION)
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Forgets all nodes, and allows that many from now on; the capacity is kept.
    pub(crate) fn reset(&mut self, limit: usize) {
        self.limit = limit.max(2);
        self.steps = STEPS_A_NODE.saturating_mul(u64::try_from(limit).unwrap_or(u64::MAX));
        self.entries.clear();
        self.unique.clear();
        self.chosen.clear();
        // The order makes these two the constants of `gates`.
        for value in [0, 1] {
            self.insert(Entry { level: VALUE, low: value, high: 0 });
        }
    }

    fn insert(&mut self, entry: Entry) -> Node {
        let node = Node(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        self.entries.push(entry);
        self.unique.insert(node, fields(&self.entries));
        self.chosen.fit(self.unique.room());
        node
    }

    fn make(&mut self, entry: Entry) -> Result<Node> {
        if let Some(node) = self.unique.get(entry.fields(), fields(&self.entries)) {
            return Ok(node);
        }
        if self.entries.len() >= self.limit {
            return Err(OverBudget);
        }
        Ok(self.insert(entry))
    }

    fn entry(&self, node: Node) -> Entry {
        let missing = Entry { level: VALUE, low: 0, high: 0 };
        self.entries.get(node.0 as usize).copied().unwrap_or(missing)
    }

    /// The constant function.
    pub(crate) fn value(&mut self, value: u32) -> Result<Node> {
        self.make(Entry { level: VALUE, low: value, high: 0 })
    }

    /// The function that is one bit.
    pub(crate) fn bit(&mut self, level: Level) -> Result<Node> {
        self.make(Entry { level, low: FALSE.0, high: TRUE.0 })
    }

    /// `then` where `condition` is true, else `otherwise`.
    pub(crate) fn choose(&mut self, condition: Node, then: Node, otherwise: Node) -> Result<Node> {
        if let Some(node) = Self::trivial(condition, then, otherwise) {
            return Ok(node);
        }
        if let Some((level, low, high)) = self.split_by_bit(condition, then, otherwise) {
            self.spend()?;
            return self.join(level, low, high);
        }
        self.tasks.clear();
        self.results.clear();
        self.tasks.push(Task::Choose(condition, then, otherwise));
        while let Some(task) = self.tasks.pop() {
            match task {
                Task::Choose(condition, then, otherwise) => {
                    self.expand(condition, then, otherwise)?;
                }
                Task::Join(level, operation) => {
                    // The branch for 0 was finished last.
                    let low = self.results.pop().unwrap_or(FALSE);
                    let high = self.results.pop().unwrap_or(FALSE);
                    let node = self.join(level, low, high)?;
                    self.chosen.insert(operation, node);
                    self.results.push(node);
                }
            }
        }
        Ok(self.results.pop().unwrap_or(FALSE))
    }

    /// The function that is `low` where a bit above both is 0, else `high`.
    fn join(&mut self, level: Level, low: Node, high: Node) -> Result<Node> {
        if low == high { Ok(low) } else { self.make(Entry { level, low: low.0, high: high.0 }) }
    }

    /// Where the condition is a bit above what is chosen from, or the opposite of one: words
    /// are compared from the lowest bit up, so that this is most often so.
    fn split_by_bit(
        &self,
        condition: Node,
        then: Node,
        otherwise: Node,
    ) -> Option<(Level, Node, Node)> {
        let Entry { level, low, high } = self.entry(condition);
        let (low, high) = match (Node(low), Node(high)) {
            (FALSE, TRUE) => (otherwise, then),
            (TRUE, FALSE) if level != VALUE => (then, otherwise),
            _ => return None,
        };
        let is_above = level < self.entry(then).level && level < self.entry(otherwise).level;
        is_above.then_some((level, low, high))
    }

    fn trivial(condition: Node, then: Node, otherwise: Node) -> Option<Node> {
        match condition {
            TRUE => Some(then),
            FALSE => Some(otherwise),
            _ if then == otherwise => Some(then),
            _ if then == TRUE && otherwise == FALSE => Some(condition),
            _ => None,
        }
    }

    fn expand(&mut self, condition: Node, then: Node, otherwise: Node) -> Result<()> {
        let operation = [condition.0, then.0, otherwise.0];
        let known = Self::trivial(condition, then, otherwise);
        if let Some(node) = known.or_else(|| self.chosen.get(operation)) {
            self.results.push(node);
            return Ok(());
        }
        self.spend()?;
        let entries = [condition, then, otherwise].map(|node| self.entry(node));
        let level = entries.iter().map(|entry| entry.level).min().unwrap_or(VALUE);
        let half = |node: Node, entry: Entry, high: bool| match entry.level == level {
            true if high => Node(entry.high),
            true => Node(entry.low),
            false => node,
        };
        let [c, t, o] = entries;
        self.tasks.push(Task::Join(level, operation));
        self.tasks.push(Task::Choose(
            half(condition, c, false),
            half(then, t, false),
            half(otherwise, o, false),
        ));
        self.tasks.push(Task::Choose(
            half(condition, c, true),
            half(then, t, true),
            half(otherwise, o, true),
        ));
        Ok(())
    }

    /// Where a function depends on bits from a level on, and what it is where all of these are 0.
    /// Bits are asked in one order, so that what depends on those below is a node of theirs.
    pub(crate) fn free(&mut self, function: Node, from: Level) -> Result<(Node, Node)> {
        let mut known: Map<Node, (Node, Node)> = Map::default();
        let mut waiting = vec![function];
        while let Some(&node) = waiting.last() {
            if known.contains_key(&node) {
                waiting.pop();
                continue;
            }
            self.spend()?;
            let Entry { level, low, high } = self.entry(node);
            let (low, high) = (Node(low), Node(high));
            let found = if level == VALUE {
                Some((FALSE, node))
            } else if level >= from {
                Some((TRUE, self.lowest(node)))
            } else {
                match (known.get(&low).copied(), known.get(&high).copied()) {
                    (Some(low), Some(high)) => {
                        let depends = self.join(level, low.0, high.0)?;
                        Some((depends, self.join(level, low.1, high.1)?))
                    }
                    _ => None,
                }
            };
            match found {
                Some(found) => {
                    known.insert(node, found);
                    waiting.pop();
                }
                None => waiting.extend([low, high]),
            }
        }
        Ok(known.get(&function).copied().unwrap_or((TRUE, FALSE)))
    }

    /// The value where all bits are 0.
    fn lowest(&self, mut node: Node) -> Node {
        loop {
            let Entry { level, low, .. } = self.entry(node);
            if level == VALUE {
                return node;
            }
            node = Node(low);
        }
    }

    /// Whether both hold.
    pub(crate) fn and(&mut self, left: Node, right: Node) -> Result<Node> {
        self.choose(left, right, FALSE)
    }

    /// Whether one holds.
    pub(crate) fn or(&mut self, left: Node, right: Node) -> Result<Node> {
        self.choose(left, TRUE, right)
    }

    /// Whether the first holds, and the second does not.
    pub(crate) fn without(&mut self, left: Node, right: Node) -> Result<Node> {
        self.choose(right, FALSE, left)
    }

    /// Bits (level and state) for which two functions have different values; `None` if they
    /// are the same function. Bits that are not named may be anything.
    pub(crate) fn difference(&self, left: Node, right: Node) -> Option<Bits> {
        let mut pair = (left, right);
        let mut bits = Vec::new();
        while pair.0 != pair.1 {
            let Step::Ask { level, low, high } = self.step(pair) else { return Some(bits) };
            // Different functions differ in one half at least.
            let take_high = low.0 == low.1;
            bits.push((level, take_high));
            pair = if take_high { high } else { low };
        }
        None
    }

    /// The value of a function for given states of the bits.
    #[cfg(test)]
    pub(crate) fn value_at(&self, function: Node, state: impl Fn(Level) -> bool) -> u32 {
        let mut entry = self.entry(function);
        while entry.level != VALUE {
            let high = state(entry.level);
            entry = self.entry(Node(if high { entry.high } else { entry.low }));
        }
        entry.low
    }

    /// The values of a function, and one way to each.
    ///
    /// # Errors
    /// Looking at all of its nodes takes too long.
    pub(crate) fn reached(&mut self, function: Node) -> Result<BTreeMap<u32, Bits>> {
        let mut reached = BTreeMap::new();
        // Nodes that were seen, each with the one that it was seen from.
        let mut seen: Map<Node, (Node, bool)> = Map::default();
        let mut waiting = vec![function];
        while let Some(node) = waiting.pop() {
            self.spend()?;
            let Entry { level, low, high } = self.entry(node);
            if level == VALUE {
                reached.insert(low, self.way_to_node(node, &seen));
                continue;
            }
            for (child, state) in [(Node(high), true), (Node(low), false)] {
                if let MapEntry::Vacant(new) = seen.entry(child) {
                    new.insert((node, state));
                    waiting.push(child);
                }
            }
        }
        Ok(reached)
    }

    fn way_to_node(&self, node: Node, seen: &Map<Node, (Node, bool)>) -> Bits {
        let mut bits = Vec::new();
        let mut node = node;
        while let Some(&(parent, state)) = seen.get(&node) {
            bits.push((self.entry(parent).level, state));
            node = parent;
        }
        bits
    }

    /// The highest bit that one of several functions asks for, and what is left of all where it
    /// is 0 and where it is 1; their values, if none asks for any.
    pub(crate) fn split(
        &self,
        functions: &[Node],
    ) -> std::result::Result<(Level, Vec<Node>, Vec<Node>), Vec<u32>> {
        let entries: Vec<Entry> = functions.iter().map(|node| self.entry(*node)).collect();
        let level = entries.iter().map(|entry| entry.level).min().unwrap_or(VALUE);
        if level == VALUE {
            return Err(entries.iter().map(|entry| entry.low).collect());
        }
        let half = |high: bool| {
            let one = |(node, entry): (&Node, &Entry)| match entry.level == level {
                true if high => Node(entry.high),
                true => Node(entry.low),
                false => *node,
            };
            functions.iter().zip(&entries).map(one).collect()
        };
        Ok((level, half(false), half(true)))
    }

    /// The highest bit that one of two functions asks for, and what is left of both.
    fn step(&self, (left, right): (Node, Node)) -> Step {
        let (l, r) = (self.entry(left), self.entry(right));
        let level = l.level.min(r.level);
        if level == VALUE {
            return Step::Values(l.low, r.low);
        }
        let halves = |high: bool| {
            let half = |node: Node, entry: Entry| match entry.level == level {
                true if high => Node(entry.high),
                true => Node(entry.low),
                false => node,
            };
            (half(left, l), half(right, r))
        };
        Step::Ask { level, low: halves(false), high: halves(true) }
    }

    /// For each pair of different values that two functions have for the same bits: for how
    /// many states of `bits` bits, and one way there.
    pub(crate) fn count_unequal(&self, left: Node, right: Node, bits: u32) -> Vec<(Way, Count)> {
        let mut known: Map<(Node, Node), Counts> = Map::default();
        let mut waiting = vec![(left, right)];
        while let Some(&pair) = waiting.last() {
            let counts = match self.step(pair) {
                _ if pair.0 == pair.1 => Some(Counts::new()),
                Step::Values(a, b) => Some([((a, b), Count::power_of_two(bits))].into()),
                Step::Ask { low, high, .. } => match (known.get(&low), known.get(&high)) {
                    (Some(low), Some(high)) => Some(mean(low, high)),
                    _ => {
                        waiting.extend([low, high]);
                        None
                    }
                },
            };
            if let Some(counts) = counts {
                known.insert(pair, counts);
                waiting.pop();
            }
        }
        let counts = known.get(&(left, right)).cloned().unwrap_or_default();
        let way = |values| self.way_to(values, (left, right), &known);
        counts.into_iter().map(|(values, count)| (way(values), count)).collect()
    }

    /// A way to a pair of values: through halves that have it.
    fn way_to(
        &self,
        values: (u32, u32),
        from: (Node, Node),
        known: &Map<(Node, Node), Counts>,
    ) -> Way {
        let mut pair = from;
        let mut bits = Vec::new();
        while let Step::Ask { level, low, high } = self.step(pair) {
            let take_high = !known.get(&low).is_some_and(|counts| counts.contains_key(&values));
            bits.push((level, take_high));
            pair = if take_high { high } else { low };
        }
        Way { values, bits }
    }

    /// Ways on which two functions come to different values, with these, at most `limit`.
    pub(crate) fn unequal(&self, left: Node, right: Node, limit: usize) -> Vec<Way> {
        let mut ways = Vec::new();
        let mut waiting = vec![((left, right), Vec::new())];
        while let Some((pair, bits)) = waiting.pop() {
            if pair.0 == pair.1 || ways.len() >= limit {
                continue;
            }
            match self.step(pair) {
                Step::Values(a, b) => ways.push(Way { values: (a, b), bits }),
                Step::Ask { level, low, high } => {
                    let with = |state| {
                        let mut bits = bits.clone();
                        bits.push((level, state));
                        bits
                    };
                    waiting.push((high, with(true)));
                    waiting.push((low, with(false)));
                }
            }
        }
        ways
    }
}

/// Two functions at their highest bit.
enum Step {
    /// There is none: their values.
    Values(u32, u32),
    /// The bit, and both functions where it is 0 and where it is 1.
    Ask { level: Level, low: (Node, Node), high: (Node, Node) },
}

/// Numbers of states by pairs of values.
pub(crate) type Counts = BTreeMap<(u32, u32), Count>;

/// Bits on a way through a function, each with its state.
pub(crate) type Bits = Vec<(Level, bool)>;

/// One way through two functions.
#[derive(Debug)]
pub(crate) struct Way {
    /// Where it leads.
    pub(crate) values: (u32, u32),
    /// The bits that are asked for.
    pub(crate) bits: Bits,
}

/// Half of the sum: each half of a function holds for half of the states.
fn mean(low: &Counts, high: &Counts) -> Counts {
    let mut sum = low.clone();
    for (pair, count) in high {
        let entry = sum.entry(*pair).or_default();
        *entry = entry.plus(count);
    }
    for count in sum.values_mut() {
        *count = count.halved();
    }
    sum
}

/// Diagrams over one order of bits.
#[derive(Debug)]
pub(crate) struct Ordered<'m> {
    pub(crate) mtbdd: &'m mut Mtbdd,
    pub(crate) order: Order,
}

impl Gates for Ordered<'_> {
    fn input(&mut self, word: WordIndex, bit: u8) -> Result<Node> {
        self.mtbdd.bit(self.order.level(word, bit))
    }

    fn choose(&mut self, condition: Node, then: Node, otherwise: Node) -> Result<Node> {
        self.mtbdd.choose(condition, then, otherwise)
    }

    fn number(&mut self, value: u32) -> Result<Node> {
        self.mtbdd.value(value)
    }

    fn unanswered(&mut self, function: Node) -> Result<(Node, Node)> {
        self.mtbdd.free(function, self.order.first_answer())
    }
}

#[cfg(test)]
#[path = "mtbdd_tests.rs"]
mod tests;
