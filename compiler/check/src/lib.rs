//! Proof that two things decide the same for **every** call: a policy and a program, or two
//! programs, of classic BPF or of eBPF.
//!
//! # What is proved
//!
//! Both sides are functions from the sixteen 32-bit words of `struct seccomp_data`, and two for
//! each parameter, to a filter's 32-bit return value. [`equivalent`] says that they are the same function, or gives
//! a call on which they differ, or that its budget did not do. It judges bytes that were
//! decoded and verified, and typed policies; it has never heard of a decision DAG or a code
//! generator, so that nothing of what made the program can talk it into anything.
//!
//! # Why it holds
//!
//! * A program's meaning is `cbpf::machine::step` or `ebpf::machine::step`, run on terms over
//!   the words of the data, all paths at once; a policy's is `hir::eval`, run on formulas.
//!   Interpreters and oracle are the same three texts, run on numbers.
//! * Both machines' terms are one language, with the operations of eBPF. Words of 64 bits fall
//!   apart into halves, which are words of the data, wherever an operation or a test does not
//!   need them whole. Only identities of numbers are used for that; the tests hold them against
//!   numbers.
//! * The plane of (arch, nr) is cut into rectangles in which no test of these two words comes
//!   out otherwise, on either side. A rectangle is found by running both sides at one of
//!   its points and keeping the bounds of every test on the way; the next one begins where it
//!   ends, so that all 2⁶⁴ points are covered.
//! * In a rectangle both sides are functions of the other 448 bits, as decision diagrams over
//!   one order of bits. They are canonical: equal functions are one node.
//! * A diagram that grows beyond its budget proves nothing. Then calls are tried, which refutes
//!   most of what is wrong, and then both sides are made into one circuit that is true where
//!   they differ, and a solver (BatSat) looks for such a call, or shows that there is none.
//! * Where `nr` or `arch` are calculated with, so that rectangles would be single points, the
//!   same is done over all 512 bits.
//!
//! Parameters are inputs that are free on both sides: what is proved holds for all their values.
//! Which parameter is which is their position; the names are the caller's business.
//!
//! A counterexample is run on both sides before it is shown, the program patched as a loader does.
//!
//! # eBPF
//!
//! A side is a program whose context is the `struct seccomp_data`, or a function of a larger
//! program whose first argument is its address; the answer is the low half of R0. Behind the
//! structure are the facts of the call: who makes it, and the labels of its object. They are
//! inputs that are free, so that what is proved holds whatever the kernel's helpers return. Addresses
//! are the data or a stack and a constant. Functions are followed into, and loops round after
//! round, as long as constants count them. What depends on more than the call is not judged, and
//! neither is what a program does with an address otherwise: helpers, maps, variables of the
//! kernel. One way on which that may happen is enough for [`Why::Outside`], and no pass.
//!
//! # Monitors
//!
//! Answers to questions that only a monitor can answer are inputs too, free as the facts are, and
//! last in the order of bits: where a policy's diagram asks for one, and only there, its decision
//! depends on them. There the kernel's part of a monitor must come to its gate ([`Side::Staged`]).
//! That is found out by diagrams alone.
//!
//! # What is not proved
//!
//! Parsing, name resolution and the tables; that the kernel's machines are those described
//! here (their tests hold that against the running kernel). A policy is judged on machines of
//! one byte order; its ABIs of the other do not occur there, and count as foreign.

mod bits;
pub mod certificate;
mod circuit;
mod classic;
mod converted;
mod count;
mod extended;
mod formula;
mod function;
mod gates;
mod hash;
mod input;
mod joined;
mod layout;
mod machine;
mod memory;
mod meter;
mod mtbdd;
mod order;
mod outcomes;
mod predicates;
mod prover;
#[cfg(test)]
mod random;
mod region;
mod regions;
mod resolved;
pub mod rules;
mod run;
mod sample;
mod side;
mod solver;
mod space;
mod spec;
mod straight;
mod tables;
mod term;
mod wide;

use filterc_abi::{Action, Endian, SeccompData};
use filterc_cbpf::{Template, Verified};
use filterc_hir::policy::Policy;
use filterc_hir::types::BESIDE;

pub use certificate::{NoCertificate, Stated, certificate, certificate_of};
pub use count::Count;
pub use layout::{halves, question_of};
pub use machine::{Outside, What};
pub use order::{precedence, weaker};
pub use outcomes::{Answer, Ask, Decision, Part, outcomes};
pub use predicates::satisfiable;
pub use regions::{Cube, Difference, MAX_CUBES, differences};
pub use resolved::resolved;

use crate::prover::Prover;

/// One side of an equation.
#[derive(Clone, Copy, Debug)]
pub enum Side<'a> {
    /// What a policy says.
    Policy(&'a Policy),
    /// What the kernel's part of a monitor returns for a policy: what that says where it is the same
    /// whatever the answers to its questions are, and everywhere else the gate, an action that asks
    /// the monitor. A program that is the same comes to the gate for no call too many, and for none
    /// too few; what the monitor then decides is the policy's business, with all answers.
    Staged {
        /// The policy.
        policy: &'a Policy,
        /// The gate.
        gate: Action,
    },
    /// What a program returns.
    Program(&'a Verified),
    /// What a program returns once parameters are filled in, whatever they are.
    Template(&'a Template),
    /// The low half of what an eBPF program returns whose context is the data of the call.
    Ebpf(&'a filterc_ebpf::Verified),
    /// The same of one of its functions, whose first argument is the address of the data.
    Function {
        /// The program.
        program: &'a filterc_ebpf::Verified,
        /// The function's first slot.
        slot: u32,
    },
}

/// What stands beside the registers of a call: values of parameters, by position, and the facts
/// behind them ([`beside`](filterc_hir::types::beside)).
pub type Params = [u64; BESIDE];

/// How much a proof may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Nodes of a decision diagram, about 60 bytes each.
    pub nodes: usize,
    /// States of a program run at one point of (arch, nr); beyond, one question is asked for all,
    /// and paths are joined where they meet.
    pub states: usize,
    /// Rectangles of (arch, nr); beyond, one question is asked for all.
    pub rectangles: u64,
    /// Gates of a circuit for the solver, about 60 bytes each, and as much again in the solver.
    pub gates: usize,
    /// Conflicts of the solver, for each question that diagrams did not answer.
    pub conflicts: u64,
    /// Steps of all questions together, of about ten nanoseconds: what is done is counted, not
    /// time, so that the answer is the same on every machine. The other limits bound memory, and
    /// say when to go on with another method; this one bounds the whole.
    pub steps: u64,
}

impl Default for Budget {
    /// 2 million nodes (about 120 MB), and as many rectangles as there are numbers in any
    /// real policy, many times over.
    ///
    /// Measured on the worst programs that load (`tests/adversarial.rs`, on one core of a server
    /// of 2020 or so): whatever is not decided ends after 10 to 45 seconds and in less than half a
    /// gibibyte, with either solver. Small circuits use up their conflicts, and large ones, where
    /// a conflict takes milliseconds, the steps.
    fn default() -> Self {
        Self {
            nodes: 2_000_000,
            states: 200_000,
            rectangles: 100_000,
            gates: 2_000_000,
            conflicts: 300_000,
            steps: 3_000_000_000,
        }
    }
}

/// That two sides are equal, and what it took to see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Rectangles of (arch, nr); 1 if one question was asked for all bits.
    pub rectangles: u64,
    /// The largest decision diagram, in nodes.
    pub nodes: usize,
    /// Questions that the solver answered.
    pub solved: u64,
}

/// A call on which two sides differ, and what they say to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// The call.
    pub call: SeccompData,
    /// The parameters.
    pub params: Params,
    /// The left side's value.
    pub left: u32,
    /// The right side's.
    pub right: u32,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Steps, of [`Budget::steps`].
    pub steps: u64,
    /// Rectangles of (arch, nr).
    pub rectangles: u64,
    /// The largest decision diagram that was finished, in nodes.
    pub nodes: usize,
    /// Conflicts of the solver.
    pub conflicts: u64,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The budget that did not do.
    pub budget: Budget,
    /// What was spent of it.
    pub spent: Spent,
    /// Where: an architecture's token and a number; `None` if it was all of them at once.
    pub at: Option<(u32, u32)>,
    /// What was missing.
    pub why: Why,
}

/// What was missing for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The budget.
    Budget,
    /// A side does what is not judged.
    Outside(Outside),
    /// Both sides, run on the call that was found, said the same: a fault of the prover.
    Spurious,
}

/// What became of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "there is one for each proof, and it is passed once")]
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
        return Verdict::Equal(Proof::default());
    }
    Prover::new(left, right, endian, budget).verdict()
}
