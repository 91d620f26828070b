//! Proof that two things decide the same for **every** call: a policy and a program, or two
//! programs.
//!
//! # What is proved
//!
//! Both sides are functions from the sixteen 32-bit words of `struct seccomp_data` to a
//! filter's 32-bit return value. [`equivalent`] says that they are the same function, or gives
//! a call on which they differ, or that its budget did not do. It judges bytes that were
//! decoded and verified, and typed policies; it has never heard of a decision DAG or a code
//! generator, so that nothing of what made the program can talk it into anything.
//!
//! # Why it holds
//!
//! * A program's meaning is `cbpf::machine::step`, run on terms over the words of the data,
//!   all paths at once; a policy's is `hir::eval`, run on formulas. Interpreter and oracle
//!   are the same two texts, run on numbers.
//! * The plane of (arch, nr) is cut into rectangles in which no test of these two words comes
//!   out otherwise, on either side. A rectangle is found by running both sides at one of
//!   its points and keeping the bounds of every test on the way; the next one begins where it
//!   ends, so that all 2⁶⁴ points are covered.
//! * In a rectangle both sides are functions of the other 448 bits, as decision diagrams over
//!   one order of bits. They are canonical: equal functions are one node.
//! * Where `nr` or `arch` are calculated with, so that rectangles would be single points, the
//!   diagrams are made over all 512 bits.
//!
//! A counterexample is run on both sides before it is shown.
//!
//! # What is not proved
//!
//! Parsing, name resolution and the tables; that the kernel's machine is the one described
//! here (its tests hold that against the running kernel). A policy is judged on machines of
//! one byte order; its ABIs of the other do not occur there, and count as foreign.

mod bits;
mod formula;
mod hash;
mod layout;
mod mtbdd;
mod region;
mod run;
mod spec;
mod term;

use filterc_abi::{Endian, SeccompData};
use filterc_cbpf::{self as cbpf, Verified};
use filterc_hir::policy::Policy;

use crate::formula::Formula;
use crate::layout::{Ties, WORDS, call_of};
use crate::mtbdd::{Mtbdd, Node, OverBudget};
use crate::region::Region;
use crate::run::{Paths, Program};
use crate::spec::Spec;
use crate::term::Head;

/// One side of an equation.
#[derive(Clone, Copy, Debug)]
pub enum Side<'a> {
    /// What a policy says.
    Policy(&'a Policy),
    /// What a program returns.
    Program(&'a Verified),
}

/// How much a proof may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Nodes of a decision diagram, about 60 bytes each.
    pub nodes: usize,
    /// States of a program run at one point of (arch, nr).
    pub states: usize,
    /// Rectangles of (arch, nr); beyond, one diagram is made for all.
    pub rectangles: u64,
}

impl Default for Budget {
    /// 2 million nodes (about 120 MB), and as many rectangles as there are numbers in any
    /// real policy, many times over.
    fn default() -> Self {
        Self { nodes: 2_000_000, states: 200_000, rectangles: 100_000 }
    }
}

/// That two sides are equal, and what it took to see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Rectangles of (arch, nr); 1 if the diagram was made over all bits.
    pub rectangles: u64,
    /// The largest decision diagram, in nodes.
    pub nodes: usize,
}

/// A call on which two sides differ, and what they say to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// The call.
    pub call: SeccompData,
    /// The left side's value.
    pub left: u32,
    /// The right side's.
    pub right: u32,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The budget that did not do.
    pub budget: Budget,
    /// Where: an architecture's token and a number; `None` if it was all of them at once.
    pub at: Option<(u32, u32)>,
    /// Both sides, run on the call that was found, said the same: a fault of the prover.
    pub spurious: bool,
}

/// What became of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The sides are the same function.
    Equal(Proof),
    /// They are not.
    Differ(Counterexample),
    /// It was not found out: no reason to trust either.
    Unknown(Unknown),
}

/// Whether two sides decide the same for every call, on machines of that byte order.
#[must_use]
pub fn equivalent(left: Side<'_>, right: Side<'_>, endian: Endian, budget: &Budget) -> Verdict {
    if let (Side::Program(left), Side::Program(right)) = (left, right)
        && left.insns() == right.insns()
    {
        return Verdict::Equal(Proof { rectangles: 0, nodes: 0 });
    }
    let mut prover = Prover {
        left: Subject::new(left, endian),
        right: Subject::new(right, endian),
        endian,
        budget: *budget,
        mtbdd: Mtbdd::new(budget.nodes),
        proof: Proof { rectangles: 0, nodes: 0 },
    };
    prover.all()
}

/// A side, prepared.
#[derive(Debug)]
enum Subject<'a> {
    Policy(Spec),
    Program { filter: &'a Verified, program: Program<'a>, endian: Endian },
}

/// What a side can do at one point of (arch, nr), or at all of them.
#[derive(Debug)]
enum Behaviour<'a> {
    Case(&'a Spec, filterc_hir::eval::Case<'a>),
    Whole(&'a Spec),
    Paths(Paths),
}

impl<'a> Subject<'a> {
    fn new(side: Side<'a>, endian: Endian) -> Self {
        match side {
            Side::Policy(policy) => Self::Policy(Spec::new(policy, endian)),
            Side::Program(filter) => {
                Self::Program { filter, program: Program::new(filter), endian }
            }
        }
    }

    fn at(
        &self,
        head: Option<Head>,
        region: &mut Region,
        budget: &Budget,
    ) -> Result<Behaviour<'_>, OverBudget> {
        Ok(match (self, head) {
            (Self::Policy(spec), Some(head)) => Behaviour::Case(spec, spec.case(head, region)),
            (Self::Policy(spec), None) => Behaviour::Whole(spec),
            (Self::Program { program, .. }, head) => {
                Behaviour::Paths(program.run(head, region, budget.states)?)
            }
        })
    }

    fn value(&self, call: &SeccompData) -> u32 {
        match self {
            Self::Policy(spec) => spec.value(call),
            Self::Program { filter, endian, .. } => cbpf::interpret(filter, call, *endian),
        }
    }
}

impl Behaviour<'_> {
    /// The value, if it is the same for all arguments as can be seen at once.
    fn only(&self) -> Option<u32> {
        match self {
            Self::Case(_, case) => match case.arms.first() {
                None => Some(case.otherwise.action.to_ret()),
                Some(arm) if arm.predicate == filterc_hir::expr::Predicate::True => {
                    Some(arm.action.to_ret())
                }
                Some(_) => None,
            },
            Self::Whole(_) => None,
            Self::Paths(paths) => paths.only(),
        }
    }

    fn tie(&self, ties: &mut Ties) {
        match self {
            Self::Case(spec, case) => spec.tie(case, ties),
            Self::Whole(spec) => spec.tie_all(ties),
            Self::Paths(paths) => paths.tie(ties),
        }
    }

    fn function(&self, formula: &mut Formula<'_>) -> Result<Node, OverBudget> {
        match self {
            Self::Case(spec, case) => spec.function(case, formula),
            Self::Whole(spec) => spec.whole(formula),
            Self::Paths(paths) => paths.function(formula),
        }
    }
}

struct Prover<'a> {
    left: Subject<'a>,
    right: Subject<'a>,
    endian: Endian,
    budget: Budget,
    mtbdd: Mtbdd,
    proof: Proof,
}

/// Why the prover stopped.
enum Stop {
    Differ([u32; WORDS]),
    Unknown(Option<Head>),
    /// Too many rectangles.
    Shattered,
}

impl Prover<'_> {
    fn all(&mut self) -> Verdict {
        let stop = match self.rectangles() {
            Err(Stop::Shattered) => {
                self.proof.rectangles = 1;
                self.compare(None).map(|_| ())
            }
            other => other,
        };
        match stop {
            Ok(()) => Verdict::Equal(self.proof),
            Err(Stop::Differ(words)) => self.differ(&words),
            Err(Stop::Unknown(head)) => self.unknown(head, false),
            Err(Stop::Shattered) => self.unknown(None, false),
        }
    }

    /// Covers the plane, row by row.
    fn rectangles(&mut self) -> Result<(), Stop> {
        let mut arch = Some(0);
        while let Some(row) = arch {
            let mut last = u32::MAX;
            let mut nr = Some(0);
            while let Some(column) = nr {
                if self.proof.rectangles >= self.budget.rectangles {
                    return Err(Stop::Shattered);
                }
                self.proof.rectangles += 1;
                let region = self.compare(Some(Head { arch: row, nr: column }))?;
                last = last.min(region.arch.last);
                nr = region.nr.last.checked_add(1);
            }
            arch = last.checked_add(1);
        }
        Ok(())
    }

    /// Compares both sides around a point, or everywhere: the region for which that holds.
    fn compare(&mut self, head: Option<Head>) -> Result<Region, Stop> {
        let over = |OverBudget| Stop::Unknown(head);
        let mut region = Region::ALL;
        let left = self.left.at(head, &mut region, &self.budget).map_err(over)?;
        let right = self.right.at(head, &mut region, &self.budget).map_err(over)?;
        if let Some((left, right)) = left.only().zip(right.only()) {
            if left == right {
                return Ok(region);
            }
            return Err(Stop::Differ(words(head)));
        }
        let mut ties = Ties::none();
        left.tie(&mut ties);
        right.tie(&mut ties);
        let mut formula = Formula::new(&mut self.mtbdd, &ties, self.endian, head);
        let functions = left
            .function(&mut formula)
            .and_then(|left| Ok((left, right.function(&mut formula)?)))
            .map_err(over)?;
        let difference = formula.mtbdd().difference(functions.0, functions.1);
        self.proof.nodes = self.proof.nodes.max(formula.mtbdd().len());
        let Some(bits) = difference else { return Ok(region) };
        let mut words = words(head);
        for (word, bit) in
            bits.iter().filter(|(_, set)| *set).filter_map(|(level, _)| formula.order().bit(*level))
        {
            if let Some(slot) = words.get_mut(usize::from(word)) {
                *slot |= 1 << bit;
            }
        }
        Err(Stop::Differ(words))
    }

    fn differ(&self, words: &[u32; WORDS]) -> Verdict {
        let call = call_of(words, self.endian);
        let (left, right) = (self.left.value(&call), self.right.value(&call));
        if left == right {
            let nr = call.nr.cast_unsigned();
            return self.unknown(Some(Head { arch: call.arch, nr }), true);
        }
        Verdict::Differ(Counterexample { call, left, right })
    }

    fn unknown(&self, head: Option<Head>, spurious: bool) -> Verdict {
        let at = head.map(|head| (head.arch, head.nr));
        Verdict::Unknown(Unknown { budget: self.budget, at, spurious })
    }
}

/// The words of a call at a point, everything else 0.
fn words(head: Option<Head>) -> [u32; WORDS] {
    let mut words = [0; WORDS];
    if let (Some(head), [nr, arch, ..]) = (head, &mut words) {
        (*nr, *arch) = (head.nr, head.arch);
    }
    words
}
