//! The two hash tables of decision diagrams: which node has these fields, and what an operation
//! came to. They hold numbers only, so that a node takes about 60 bytes, tables included.

use crate::gates::Node;

/// Places of an empty table.
const FEW: usize = 1 << 10;

/// Mixes three numbers; the high bits are the good ones. The multiplier is that of Fibonacci
/// hashing, 2⁶⁴ / φ.
fn place([a, b, c]: [u32; 3], places: usize) -> usize {
    const PHI: u64 = 0x9e37_79b9_7f4a_7c15;
    let first = (u64::from(a) << 32 | u64::from(b)).wrapping_mul(PHI);
    let both = (first ^ first >> 32 ^ u64::from(c)).wrapping_mul(PHI);
    // `places` is a power of two: this is below it.
    usize::try_from(both >> 32).unwrap_or(0) & (places - 1)
}

/// Counts how often a table was cleared: what was put in before is not there any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Age(u32);

/// Nodes by their fields, which stand elsewhere: open addressing, at most half full.
#[derive(Debug)]
pub(crate) struct Unique {
    places: Vec<(Age, Node)>,
    age: Age,
    used: usize,
}

impl Unique {
    pub(crate) fn new() -> Self {
        Self { places: vec![Self::NOTHING; FEW], age: Age(1), used: 0 }
    }

    const NOTHING: (Age, Node) = (Age(0), Node(0));

    /// Forgets all nodes; there is as much room as before.
    pub(crate) fn clear(&mut self) {
        self.used = 0;
        self.age.0 = self.age.0.wrapping_add(1);
        if self.age == Age(0) {
            self.places.fill(Self::NOTHING);
            self.age = Age(1);
        }
    }

    /// How many nodes fit before it grows.
    pub(crate) fn room(&self) -> usize {
        self.places.len() / 2
    }

    /// The node with these fields; `fields` gives those of a node.
    pub(crate) fn get(&self, wanted: [u32; 3], fields: impl Fn(Node) -> [u32; 3]) -> Option<Node> {
        let mut at = place(wanted, self.places.len());
        loop {
            let (age, node) = *self.places.get(at)?;
            if age != self.age {
                return None;
            }
            if fields(node) == wanted {
                return Some(node);
            }
            at = (at + 1) & (self.places.len() - 1);
        }
    }

    /// Adds a node that is not there.
    pub(crate) fn insert(&mut self, node: Node, fields: impl Fn(Node) -> [u32; 3]) {
        if self.used >= self.room() {
            let twice = vec![Self::NOTHING; 2 * self.places.len()];
            let old = std::mem::replace(&mut self.places, twice);
            let now = self.age;
            for (_, node) in old.into_iter().filter(|(age, _)| *age == now) {
                self.put(node, fields(node));
            }
        }
        self.put(node, fields(node));
        self.used += 1;
    }

    fn put(&mut self, node: Node, fields: [u32; 3]) {
        let last = self.places.len() - 1;
        let mut at = place(fields, self.places.len());
        while let Some(slot) = self.places.get_mut(at) {
            if slot.0 != self.age {
                *slot = (self.age, node);
                return;
            }
            at = (at + 1) & last;
        }
    }
}

/// Results of operations, the latest for each place: what is lost is computed again.
#[derive(Debug)]
pub(crate) struct Cache {
    places: Vec<Line>,
    age: Age,
}

/// One result.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    age: Age,
    operation: [u32; 3],
    result: u32,
}

impl Cache {
    pub(crate) fn new() -> Self {
        Self { places: vec![Line::default(); FEW], age: Age(1) }
    }

    /// Forgets all results.
    pub(crate) fn clear(&mut self) {
        self.age.0 = self.age.0.wrapping_add(1);
        if self.age == Age(0) {
            self.places.fill(Line::default());
            self.age = Age(1);
        }
    }

    /// Has as many places as there will be nodes.
    pub(crate) fn fit(&mut self, nodes: usize) {
        if self.places.len() >= nodes {
            return;
        }
        let more = vec![Line::default(); nodes.next_power_of_two()];
        let old = std::mem::replace(&mut self.places, more);
        let now = self.age;
        for line in old.into_iter().filter(|line| line.age == now) {
            self.insert(line.operation, Node(line.result));
        }
    }

    pub(crate) fn get(&self, operation: [u32; 3]) -> Option<Node> {
        let line = self.places.get(place(operation, self.places.len()))?;
        (line.age == self.age && line.operation == operation).then_some(Node(line.result))
    }

    pub(crate) fn insert(&mut self, operation: [u32; 3], result: Node) {
        let at = place(operation, self.places.len());
        if let Some(slot) = self.places.get_mut(at) {
            *slot = Line { age: self.age, operation, result: result.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_found_again_and_forgotten() {
        let fields = |node: Node| [node.0 % 7, node.0 / 7, node.0 ^ 5];
        let mut unique = Unique::new();
        for number in 0..10_000 {
            assert_eq!(unique.get(fields(Node(number)), fields), None);
            unique.insert(Node(number), fields);
        }
        for number in 0..10_000 {
            assert_eq!(unique.get(fields(Node(number)), fields), Some(Node(number)));
        }
        assert!(unique.room() >= 10_000);
        unique.clear();
        assert_eq!(unique.get(fields(Node(3)), fields), None);
    }

    #[test]
    fn results_are_right_or_lost() {
        let mut cache = Cache::new();
        let operation = |i: u32| [i, i / 3, i % 5];
        for i in 0..5000 {
            cache.insert(operation(i), Node(i));
            assert_eq!(cache.get(operation(i)), Some(Node(i)));
            if i == 3000 {
                cache.fit(6000);
            }
        }
        let known = |i: &u32| cache.get(operation(*i));
        assert!((0..5000).filter_map(|i| Some((i, known(&i)?))).all(|(i, node)| node == Node(i)));
        assert!((0..5000).filter(|i| known(i).is_some()).count() > 2000);
        cache.clear();
        assert_eq!(cache.get(operation(4999)), None);
    }
}
