//! What predicates are computed in.
//!
//! The reference semantics ([`crate::eval`]) is one text over this algebra. On the words of a
//! call it is the oracle that everything is tested against; on formulas it is the
//! specification that programs are proved against. Neither has a text of its own.

use filterc_abi::SeccompData;

use crate::types::{Field, Place, Type};

/// Truth values of some representation.
pub trait Logic: Sized {
    /// A truth value.
    type Bool;

    /// The constant.
    fn truth(&mut self, value: bool) -> Self::Bool;

    /// The value, where it is known: what follows from it need not be computed then.
    fn known(&self, value: &Self::Bool) -> Option<bool>;

    /// The opposite.
    fn not(&mut self, value: Self::Bool) -> Self::Bool;

    /// Whether both hold.
    fn and(&mut self, left: Self::Bool, right: Self::Bool) -> Self::Bool;

    /// Whether one of them holds.
    fn or(&mut self, left: Self::Bool, right: Self::Bool) -> Self::Bool;

    /// Whether all parts hold; what stands behind one that is known not to is not computed.
    fn all<P>(
        &mut self,
        parts: &[P],
        mut holds: impl FnMut(&mut Self, &P) -> Self::Bool,
    ) -> Self::Bool {
        let mut all = self.truth(true);
        for part in parts {
            if self.known(&all) == Some(false) {
                break;
            }
            let part = holds(self, part);
            all = self.and(all, part);
        }
        all
    }

    /// Whether some part holds; what stands behind one that is known to is not computed.
    fn some<P>(
        &mut self,
        parts: &[P],
        mut holds: impl FnMut(&mut Self, &P) -> Self::Bool,
    ) -> Self::Bool {
        let mut some = self.truth(false);
        for part in parts {
            if self.known(&some) == Some(true) {
                break;
            }
            let part = holds(self, part);
            some = self.or(some, part);
        }
        some
    }
}

/// What computes in numbers: its truth values are those of this language.
pub trait Numbers {}

impl<N: Numbers> Logic for N {
    type Bool = bool;

    fn truth(&mut self, value: bool) -> bool {
        value
    }

    fn known(&self, value: &bool) -> Option<bool> {
        Some(*value)
    }

    fn not(&mut self, value: bool) -> bool {
        !value
    }

    fn and(&mut self, left: bool, right: bool) -> bool {
        left && right
    }

    fn or(&mut self, left: bool, right: bool) -> bool {
        left || right
    }
}

/// Words of up to 64 bits, of some representation, and what is true of them.
pub trait Algebra: Logic {
    /// A word.
    type Word;

    /// The bits of a place that are in `mask`, all others 0. Parameters are places too: inputs,
    /// as the call is.
    fn read(&mut self, place: Place, mask: u64) -> Self::Word;

    /// The word with these bits.
    fn bits(&mut self, bits: u64) -> Self::Word;

    /// Whether two words are the same bits.
    fn equal(&mut self, left: &Self::Word, right: &Self::Word) -> Self::Bool;

    /// Whether one word is less than another, both as values of that type
    /// ([`Type::value`]); bits above its width are 0 in both.
    fn less(&mut self, ty: Type, left: &Self::Word, right: &Self::Word) -> Self::Bool;
}

/// What computes in numbers, and has one for each place: all else of an algebra follows.
pub trait Words: Numbers {
    /// The bits of a place that are in `mask`, all others 0.
    fn word(&mut self, place: Place, mask: u64) -> u64;
}

impl<W: Words> Algebra for W {
    type Word = u64;

    fn read(&mut self, place: Place, mask: u64) -> u64 {
        self.word(place, mask)
    }

    fn bits(&mut self, bits: u64) -> u64 {
        bits
    }

    fn equal(&mut self, left: &u64, right: &u64) -> bool {
        left == right
    }

    fn less(&mut self, ty: Type, left: &u64, right: &u64) -> bool {
        ty.value(*left) < ty.value(*right)
    }
}

/// The algebra of one call and given parameters: words are numbers.
pub struct Concrete<'c> {
    /// The call.
    pub call: &'c SeccompData,
    /// The parameters, by position; one that is missing is 0.
    pub params: &'c [u64],
}

impl Numbers for Concrete<'_> {}

impl Words for Concrete<'_> {
    fn word(&mut self, place: Place, mask: u64) -> u64 {
        Field::raw(place, self.call, self.params) & mask
    }
}
