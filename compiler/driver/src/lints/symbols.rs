//! Predicates as functions of the bits of a call, for calls with one number.
//!
//! The order of the bits is the whole cost of such a function. Registers come one after the
//! other, each from its highest bit down; registers that a test compares with each other have
//! their bits interleaved by what they are worth. Where a register is worth one thing in one
//! test and another in the next (as a register, and as the upper half of a pair), a comparison
//! may have no small function in any order.

use filterc_hir::expr::{CmpOp, Predicate, Relation, Test};
use filterc_hir::types::{Field, Place};

use super::bdd::{Bdd, Edge, Exhausted};
use super::input::{FIRST_PARAM, IP, Input, REGISTERS};

const BITS: usize = 64;

/// One bit of a field.
#[derive(Clone, Copy)]
enum Bit {
    Known(bool),
    Level { level: u16, inverted: bool },
}

impl Bit {
    const fn inverted(self) -> Self {
        match self {
            Self::Known(value) => Self::Known(!value),
            Self::Level { level, inverted } => Self::Level { level, inverted: !inverted },
        }
    }
}

/// A value that is ordered: a field under a mask.
#[derive(Clone, Copy)]
struct Operand {
    place: Place,
    width: u8,
    signed: bool,
    mask: u64,
}

impl Operand {
    fn of(field: &Field, mask: u64) -> Self {
        let ty = field.ty();
        Self { place: field.place(), width: ty.width(), signed: ty.signed(), mask }
    }

    /// Whether the bit orders the other way round: that of the sign.
    const fn is_sign(self, bit: u8) -> bool {
        self.signed && bit + 1 == self.width
    }
}

/// Where the bits of a call with this number and ABI stand in the order.
pub(crate) struct Symbols {
    /// A call with the number and token, and 0 in all registers and parameters.
    call: Input,
    levels: [[u16; BITS]; REGISTERS],
    /// By level: a register and its bit.
    places: Vec<(usize, usize)>,
}

impl Symbols {
    /// An order that suits some predicates, for calls with the number and token of one.
    pub(crate) fn new<'p>(
        call: &Input,
        predicates: impl IntoIterator<Item = &'p Predicate>,
    ) -> Self {
        let mut ties = Ties::new();
        predicates.into_iter().for_each(|predicate| ties.collect(predicate));
        let call = Input::of(call.call.nr, call.call.arch);
        let levels = [[0; BITS]; REGISTERS];
        let mut new = Self { call, levels, places: Vec::with_capacity(ties.registers * BITS) };
        for class in 0..ties.registers {
            new.add(class, &ties);
        }
        new
    }

    /// Adds the registers of a class, bits of more worth first.
    fn add(&mut self, class: usize, ties: &Ties) {
        for worth in (0..BITS + 32).rev() {
            let members = ties.class.iter().zip(&ties.is_high).enumerate().take(ties.registers);
            for (register, (_, is_high)) in members.filter(|(_, (of, _))| **of == class) {
                let bit = worth.checked_sub(if *is_high { 32 } else { 0 });
                let slot = bit.and_then(|bit| self.levels.get_mut(register)?.get_mut(bit));
                if let (Some(slot), Some(bit)) = (slot, bit) {
                    *slot = u16::try_from(self.places.len()).unwrap_or(u16::MAX);
                    self.places.push((register, bit));
                }
            }
        }
    }

    /// A call for which a function is true; `None` if there is none.
    pub(crate) fn witness(&self, bdd: &Bdd, function: Edge) -> Option<Input> {
        let mut call = self.call;
        for (level, value) in bdd.model(function)? {
            let Some(&(register, bit)) = self.places.get(usize::from(level)) else { continue };
            if let Some(word) = call.word(register) {
                *word |= u64::from(value) << bit;
            }
        }
        Some(call)
    }

    /// For which calls a predicate holds. Nested as deep as `hir` lets predicates be.
    pub(crate) fn predicate(
        &self,
        bdd: &mut Bdd,
        predicate: &Predicate,
    ) -> Result<Edge, Exhausted> {
        match predicate {
            Predicate::True => Ok(Edge::TRUE),
            Predicate::False => Ok(Edge::FALSE),
            Predicate::Not(inner) => self.predicate(bdd, inner).map(Edge::not),
            Predicate::And(parts) => parts.iter().try_fold(Edge::TRUE, |all, part| {
                let part = self.predicate(bdd, part)?;
                bdd.and(all, part)
            }),
            Predicate::Or(parts) => parts.iter().try_fold(Edge::FALSE, |any, part| {
                let part = self.predicate(bdd, part)?;
                bdd.or(any, part)
            }),
            Predicate::Test(test) => self.test(bdd, test),
        }
    }

    fn test(&self, bdd: &mut Bdd, test: &Test) -> Result<Edge, Exhausted> {
        let field = Operand::of(test.field(), test.mask());
        match test.relation() {
            Relation::Compare(op, value) => match op {
                CmpOp::Eq => self.equal(bdd, field, *value),
                CmpOp::Ne => self.equal(bdd, field, *value).map(Edge::not),
                CmpOp::Ge => self.above(bdd, field, *value, Edge::TRUE),
                CmpOp::Gt => self.above(bdd, field, *value, Edge::FALSE),
                CmpOp::Lt => self.above(bdd, field, *value, Edge::TRUE).map(Edge::not),
                CmpOp::Le => self.above(bdd, field, *value, Edge::FALSE).map(Edge::not),
            },
            Relation::In(ranges) => ranges.iter().try_fold(Edge::FALSE, |any, range| {
                let within = if range.first() == range.last() {
                    self.equal(bdd, field, range.first())?
                } else {
                    let from = self.above(bdd, field, range.first(), Edge::TRUE)?;
                    let beyond = self.above(bdd, field, range.last(), Edge::FALSE)?;
                    bdd.without(from, beyond)?
                };
                bdd.or(any, within)
            }),
            Relation::Field(op, other) => {
                let other = Operand::of(other, other.ty().mask());
                match op {
                    CmpOp::Eq => self.same(bdd, field, other),
                    CmpOp::Ne => self.same(bdd, field, other).map(Edge::not),
                    CmpOp::Ge => self.ordered(bdd, field, other, Edge::TRUE),
                    CmpOp::Gt => self.ordered(bdd, field, other, Edge::FALSE),
                    CmpOp::Lt => self.ordered(bdd, field, other, Edge::TRUE).map(Edge::not),
                    CmpOp::Le => self.ordered(bdd, field, other, Edge::FALSE).map(Edge::not),
                }
            }
        }
    }

    /// `field == value`, from the lowest bit up: what is there so far goes below.
    fn equal(&self, bdd: &mut Bdd, field: Operand, value: u64) -> Result<Edge, Exhausted> {
        let mut rest = Edge::TRUE;
        for bit in 0..field.width {
            let (yes, no) =
                if value >> bit & 1 == 1 { (rest, Edge::FALSE) } else { (Edge::FALSE, rest) };
            rest = choose(bdd, self.bit(field, bit), yes, no)?;
        }
        Ok(rest)
    }

    /// `field > value`, and where they are equal, `equal`.
    fn above(
        &self,
        bdd: &mut Bdd,
        field: Operand,
        value: u64,
        equal: Edge,
    ) -> Result<Edge, Exhausted> {
        let mut rest = equal;
        for bit in 0..field.width {
            let is_sign = field.is_sign(bit);
            let mine = self.bit(field, bit);
            let mine = if is_sign { mine.inverted() } else { mine };
            let theirs = (value >> bit & 1 == 1) != is_sign;
            let (yes, no) = if theirs { (rest, Edge::FALSE) } else { (Edge::TRUE, rest) };
            rest = choose(bdd, mine, yes, no)?;
        }
        Ok(rest)
    }

    /// Whether two fields of one width have the same bits.
    fn same(&self, bdd: &mut Bdd, left: Operand, right: Operand) -> Result<Edge, Exhausted> {
        let mut rest = Edge::TRUE;
        for bit in 0..left.width {
            let (mine, theirs) = (self.bit(left, bit), self.bit(right, bit));
            let yes = choose(bdd, theirs, rest, Edge::FALSE)?;
            let no = choose(bdd, theirs, Edge::FALSE, rest)?;
            rest = choose(bdd, mine, yes, no)?;
        }
        Ok(rest)
    }

    /// `left > right`, and where they are equal, `equal`; of one width and sign.
    fn ordered(
        &self,
        bdd: &mut Bdd,
        left: Operand,
        right: Operand,
        equal: Edge,
    ) -> Result<Edge, Exhausted> {
        let mut rest = equal;
        for bit in 0..left.width {
            let (mut mine, mut theirs) = (self.bit(left, bit), self.bit(right, bit));
            if left.is_sign(bit) {
                (mine, theirs) = (mine.inverted(), theirs.inverted());
            }
            let yes = choose(bdd, theirs, rest, Edge::TRUE)?;
            let no = choose(bdd, theirs, Edge::FALSE, rest)?;
            rest = choose(bdd, mine, yes, no)?;
        }
        Ok(rest)
    }

    fn bit(&self, field: Operand, bit: u8) -> Bit {
        let of = |register: u8, bit: u8| self.level(register.into(), bit.into());
        let known = |word: u32| Bit::Known(u64::from(word) >> bit & 1 == 1);
        if field.mask >> bit & 1 == 0 {
            return Bit::Known(false);
        }
        match field.place {
            Place::Nr => known(self.call.call.nr.cast_unsigned()),
            Place::Arch => known(self.call.call.arch),
            Place::InstructionPointer => self.level(IP, bit.into()),
            Place::Arg(register) => of(register, bit),
            Place::Pair { lo, hi: _ } if bit < 32 => of(lo, bit),
            Place::Pair { lo: _, hi } => of(hi, bit - 32),
            Place::Param(i) => self.level(FIRST_PARAM + usize::from(i), bit.into()),
        }
    }

    fn level(&self, register: usize, bit: usize) -> Bit {
        let level = self.levels.get(register).and_then(|bits| bits.get(bit));
        // Fields exist only for places inside `seccomp_data`.
        level.map_or(Bit::Known(false), |&level| Bit::Level { level, inverted: false })
    }
}

fn choose(bdd: &mut Bdd, bit: Bit, then: Edge, otherwise: Edge) -> Result<Edge, Exhausted> {
    match bit {
        Bit::Known(true) => Ok(then),
        Bit::Known(false) => Ok(otherwise),
        Bit::Level { level, inverted: false } => bdd.choose(level, then, otherwise),
        Bit::Level { level, inverted: true } => bdd.choose(level, otherwise, then),
    }
}

/// Which registers belong together.
struct Ties {
    /// The least register of its class.
    class: [usize; REGISTERS],
    /// Whether a register carries the upper half of a value that is compared so.
    is_high: [bool; REGISTERS],
    /// Those of the call, and as many parameters as are asked for.
    registers: usize,
}

impl Ties {
    fn new() -> Self {
        let class = std::array::from_fn(|register| register);
        Self { class, is_high: [false; REGISTERS], registers: FIRST_PARAM }
    }

    fn collect(&mut self, predicate: &Predicate) {
        match predicate {
            Predicate::True | Predicate::False => {}
            Predicate::Not(inner) => self.collect(inner),
            Predicate::And(parts) | Predicate::Or(parts) => {
                parts.iter().for_each(|part| self.collect(part));
            }
            // Alone, any order does for a field.
            Predicate::Test(test) => {
                self.count(test.field().place());
                if let Relation::Field(_, other) = test.relation() {
                    let left = self.registers(test.field().place());
                    let right = self.registers(other.place());
                    if let Some((left, right)) = left.zip(right) {
                        self.tie(left, right);
                    }
                }
            }
        }
    }

    /// Counts a parameter among those that are asked for.
    fn count(&mut self, place: Place) {
        if let Place::Param(i) = place {
            self.registers = self.registers.max(FIRST_PARAM + usize::from(i) + 1);
        }
    }

    /// One of the registers that a place lies in; those of a pair are tied.
    fn registers(&mut self, place: Place) -> Option<usize> {
        match place {
            Place::Nr | Place::Arch => None,
            Place::InstructionPointer => Some(IP),
            Place::Arg(register) => Some(register.into()),
            Place::Param(i) => {
                self.count(place);
                Some(FIRST_PARAM + usize::from(i))
            }
            Place::Pair { lo, hi } => {
                if let Some(is_high) = self.is_high.get_mut(usize::from(hi)) {
                    *is_high = true;
                }
                self.tie(lo.into(), hi.into());
                Some(lo.into())
            }
        }
    }

    fn tie(&mut self, left: usize, right: usize) {
        let of = |register: usize| self.class.get(register).copied().unwrap_or_default();
        let (left, right) = (of(left), of(right));
        for class in self.class.iter_mut().filter(|class| **class == left.max(right)) {
            *class = left.min(right);
        }
    }
}

#[cfg(test)]
#[path = "symbols_tests.rs"]
mod tests;
