//! Circuits of and-gates and inverters (an AIG, Kuehlmann and Krohm 1997), and the question
//! whether one can give true.
//!
//! Nodes are literals: twice the gate's number, plus one where it is inverted, so that the
//! constants of [`crate::gates`] are gate 0 and its inverse.

use crate::gates::{FALSE, Gates, Node, OverBudget, Result, TRUE};
use crate::hash::Map;
use crate::layout::WordIndex;
use crate::meter::{Meter, cost};
use crate::solver::{Clauses, Literal};

/// What a gate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Gate {
    /// False.
    False,
    /// A bit of the data.
    Input(WordIndex, u8),
    /// Whether both hold.
    And(Node, Node),
}

/// All gates; each stands after those it uses.
#[derive(Clone, Debug)]
pub(crate) struct Circuit {
    gates: Vec<Gate>,
    ids: Map<Gate, Node>,
    limit: usize,
    meter: Meter,
}

/// What a solver found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Never true.
    Never,
    /// True where exactly these bits of the data are set.
    Here(Vec<(WordIndex, u8)>),
}

const fn inverse(node: Node) -> Node {
    Node(node.0 ^ 1)
}

impl Circuit {
    /// A circuit that grows to at most `limit` gates.
    pub(crate) fn new(limit: usize, meter: Meter) -> Self {
        Self { gates: vec![Gate::False], ids: Map::default(), limit, meter }
    }

    fn make(&mut self, gate: Gate) -> Result<Node> {
        if let Some(&node) = self.ids.get(&gate) {
            return Ok(node);
        }
        self.meter.spend(cost::GATE)?;
        let number = u32::try_from(self.gates.len()).ok().filter(|n| *n < u32::MAX / 2);
        let number = number.filter(|_| self.gates.len() < self.limit).ok_or(OverBudget)?;
        let node = Node(2 * number);
        self.gates.push(gate);
        self.ids.insert(gate, node);
        Ok(node)
    }

    /// The question whether there is a state in which the node is true.
    pub(crate) fn ask(self, node: Node) -> Question {
        // Nothing has to be asked about what is false as it stands.
        let gates = if node == FALSE { &[] } else { self.gates.as_slice() };
        let mut clauses = Clauses::new(u32::try_from(gates.len()).unwrap_or(u32::MAX));
        let literal = |node: Node| Literal { variable: node.0 / 2, inverted: node.0 % 2 == 1 };
        clauses.add(&[literal(TRUE)]);
        for (number, gate) in (0..).zip(gates) {
            // Tseitin's clauses: the gate is true just where both its sides are.
            if let Gate::And(a, b) = *gate {
                let this = Node(2 * number);
                clauses.add(&[literal(inverse(this)), literal(a)]);
                clauses.add(&[literal(inverse(this)), literal(b)]);
                clauses.add(&[literal(this), literal(inverse(a)), literal(inverse(b))]);
            }
        }
        clauses.add(&[literal(node)]);
        Question { circuit: self, node, clauses }
    }
}

/// Whether a node of a circuit can be true.
pub(crate) struct Question {
    circuit: Circuit,
    node: Node,
    clauses: Clauses,
}

impl Question {
    /// Looks for an answer; asked again, it goes on from where it was.
    ///
    /// # Errors
    /// The solver made `conflicts` conflicts and knew no answer.
    pub(crate) fn answer(&mut self, conflicts: u64) -> Result<Answer> {
        if self.node == FALSE {
            return Ok(Answer::Never);
        }
        match self.clauses.solve(conflicts, &self.circuit.meter)? {
            None => Err(OverBudget),
            Some(false) => Ok(Answer::Never),
            Some(true) => {
                let gates = (0..).zip(&self.circuit.gates);
                let inputs = gates.filter_map(|(number, gate)| match gate {
                    Gate::Input(word, bit) if self.clauses.holds(number) => Some((*word, *bit)),
                    Gate::False | Gate::Input(..) | Gate::And(..) => None,
                });
                Ok(Answer::Here(inputs.collect()))
            }
        }
    }
}

impl Gates for Circuit {
    fn input(&mut self, word: WordIndex, bit: u8) -> Result<Node> {
        self.make(Gate::Input(word, bit))
    }

    fn choose(&mut self, condition: Node, then: Node, otherwise: Node) -> Result<Node> {
        if then == otherwise {
            return Ok(then);
        }
        let yes = self.and(condition, then)?;
        let no = self.and(inverse(condition), otherwise)?;
        self.or(yes, no)
    }

    /// Circuits know no numbers: their form is that of bits.
    fn number(&mut self, _: u32) -> Result<Node> {
        Err(OverBudget)
    }

    fn and(&mut self, left: Node, right: Node) -> Result<Node> {
        match (left.min(right), left.max(right)) {
            (FALSE, _) => Ok(FALSE),
            (TRUE, other) => Ok(other),
            (a, b) if a == b => Ok(a),
            (a, b) if a == inverse(b) => Ok(FALSE),
            (a, b) => self.make(Gate::And(a, b)),
        }
    }

    fn or(&mut self, left: Node, right: Node) -> Result<Node> {
        self.and(inverse(left), inverse(right)).map(inverse)
    }

    fn not(&mut self, condition: Node) -> Result<Node> {
        Ok(inverse(condition))
    }
}

#[cfg(test)]
pub(crate) struct States(Vec<bool>);

#[cfg(test)]
impl States {
    pub(crate) fn of(&self, node: Node) -> bool {
        self.0[node.0 as usize / 2] != (node.0 % 2 == 1)
    }
}

#[cfg(test)]
impl Circuit {
    /// Every gate's value for given inputs.
    pub(crate) fn evaluate(&self, input: &impl Fn(WordIndex, u8) -> bool) -> States {
        let mut states = States(Vec::new());
        for gate in &self.gates {
            let value = match *gate {
                Gate::False => false,
                Gate::Input(word, bit) => input(word, bit),
                Gate::And(a, b) => states.of(a) && states.of(b),
            };
            states.0.push(value);
        }
        states
    }
}

#[cfg(test)]
mod tests {
    use filterc_ebpf::machine::Alu;

    use super::*;

    #[test]
    fn answers_are_right_and_budgets_end() {
        let mut circuit = Circuit::new(100_000, Meter::free());
        let word = |circuit: &mut Circuit, index| -> Vec<Node> {
            (0..16).map(|bit| circuit.input(index, bit).unwrap()).collect()
        };
        let (a, b) = (word(&mut circuit, 4), word(&mut circuit, 6));
        let product = crate::bits::alu(&mut circuit, Alu::Mul, &a, &b).unwrap();
        let target = crate::bits::constant(0x3001, 16);
        let found = crate::bits::equal(&mut circuit, &product, &target).unwrap();
        let Ok(Answer::Here(bits)) = circuit.clone().ask(found).answer(1_000_000) else { panic!() };
        let number = |index: WordIndex| {
            bits.iter().filter(|(w, _)| *w == index).fold(0_u32, |n, (_, bit)| n | 1 << bit)
        };
        assert_eq!((number(4) * number(6)) & 0xffff, 0x3001);
        // An odd square is 1 modulo 8.
        let square = crate::bits::alu(&mut circuit, Alu::Mul, &a, &a).unwrap();
        let five = crate::bits::constant(5, 3);
        let wrong = crate::bits::equal(&mut circuit, &square[..3], &five).unwrap();
        assert_eq!(circuit.clone().ask(wrong).answer(1_000_000), Ok(Answer::Never));
        // Multiplication commutes: too hard for a handful of conflicts.
        let other = crate::bits::alu(&mut circuit, Alu::Mul, &b, &a).unwrap();
        let same = crate::bits::equal(&mut circuit, &product, &other).unwrap();
        assert_eq!(circuit.ask(inverse(same)).answer(10), Err(OverBudget));
    }
}
