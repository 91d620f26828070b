//! A call of which perhaps not all is known.

use filterc_abi::{ArgKind, Endian, Regs, SeccompData, Syscall};

/// Bits of a register, of which some are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bits {
    /// Their state; 0 where it is not known.
    pub value: u64,
    /// Which are known.
    pub known: u64,
}

impl Bits {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self { value: 0, known: 0 };

    /// All is known.
    #[must_use]
    pub const fn whole(value: u64) -> Self {
        Self { value, known: u64::MAX }
    }

    /// So many low bits are known.
    #[must_use]
    pub fn low(value: u64, width: u8) -> Self {
        let known = u64::MAX.checked_shr(64 - u32::from(width.min(64))).unwrap_or_default();
        Self { value: value & known, known }
    }
}

/// A call, as far as it is known. Number and architecture always are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seen {
    /// The architecture's token.
    pub arch: u32,
    /// The number.
    pub nr: i32,
    /// Where the call was made.
    pub instruction_pointer: Bits,
    /// The argument registers.
    pub args: [Bits; 6],
}

impl Seen {
    /// A call of which nothing but number and architecture is known.
    #[must_use]
    pub const fn number(arch: u32, nr: i32) -> Self {
        Self { arch, nr, instruction_pointer: Bits::UNKNOWN, args: [Bits::UNKNOWN; 6] }
    }

    /// A call of which all is known.
    #[must_use]
    pub fn whole(call: &SeccompData) -> Self {
        Self {
            arch: call.arch,
            nr: call.nr,
            instruction_pointer: Bits::whole(call.instruction_pointer),
            args: call.args.map(Bits::whole),
        }
    }

    /// Whether nothing is left open, the arguments that a call has being all that counts.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.args.iter().all(|bits| bits.known == u64::MAX)
    }

    /// The call with zeros where nothing is known.
    #[must_use]
    pub fn with_zeros(&self) -> SeccompData {
        SeccompData {
            nr: self.nr,
            arch: self.arch,
            instruction_pointer: self.instruction_pointer.value,
            args: self.args.map(|bits| bits.value),
        }
    }

    /// The call with the bits of another where nothing is known.
    #[must_use]
    pub fn completed(&self, other: &SeccompData) -> SeccompData {
        let join = |bits: Bits, other: u64| bits.value | (other & !bits.known);
        let mut args = other.args;
        for (arg, bits) in args.iter_mut().zip(self.args) {
            *arg = join(bits, *arg);
        }
        let instruction_pointer = join(self.instruction_pointer, other.instruction_pointer);
        SeccompData { nr: self.nr, arch: self.arch, instruction_pointer, args }
    }

    /// The call without what is another at each call: its addresses, and registers that it does not
    /// use.
    #[must_use]
    pub fn without_addresses(&self) -> Self {
        let Some(call) = known(self) else { return self.clone() };
        let mut seen = Self::number(self.arch, self.nr);
        for arg in call.args.iter().filter(|arg| arg.kind != ArgKind::Pointer) {
            seen.put(arg.regs, self.argument(arg.regs));
        }
        seen
    }

    /// Whether a bit of a word of `struct seccomp_data` is set, if it is known, on machines of a
    /// byte order.
    pub fn bit(&self, endian: Endian) -> impl Fn(u8, u8) -> Option<bool> {
        let masks = SeccompData {
            nr: -1,
            arch: u32::MAX,
            instruction_pointer: self.instruction_pointer.known,
            args: self.args.map(|bits| bits.known),
        };
        let (values, masks) = (self.with_zeros().words(endian), masks.words(endian));
        move |word, bit| {
            let at = usize::from(word);
            let is_set = |words: &[u32]| words.get(at).is_some_and(|it| it >> bit & 1 == 1);
            is_set(&masks).then(|| is_set(&values))
        }
    }

    /// Notes what is known of an argument's value, in the registers that it has.
    pub fn put(&mut self, regs: Regs, value: Bits) {
        let mut register = |at: u8, bits: Bits| {
            if let Some(slot) = self.args.get_mut(usize::from(at)) {
                *slot = bits;
            }
        };
        match regs {
            Regs::One(at) => register(at, value),
            Regs::Pair { lo, hi } => {
                let half = |shift: u32| Bits {
                    value: value.value >> shift & 0xffff_ffff,
                    known: value.known >> shift & 0xffff_ffff,
                };
                register(lo, half(0));
                register(hi, half(32));
            }
            Regs::Invisible => {}
        }
    }

    /// What is known of an argument's value.
    #[must_use]
    pub fn argument(&self, regs: Regs) -> Bits {
        let register = |at: u8| self.args.get(usize::from(at)).copied().unwrap_or(Bits::UNKNOWN);
        match regs {
            Regs::One(at) => register(at),
            Regs::Pair { lo, hi } => {
                let (lo, hi) = (register(lo), register(hi));
                let join = |lo: u64, hi: u64| (lo & 0xffff_ffff) | hi << 32;
                Bits { value: join(lo.value, hi.value), known: join(lo.known, hi.known) }
            }
            Regs::Invisible => Bits::UNKNOWN,
        }
    }
}

/// The call in the tables, if there is one of that number.
#[must_use]
pub fn known(seen: &Seen) -> Option<&'static Syscall> {
    let nr = seen.nr.cast_unsigned();
    filterc_abi::abi_of_call(seen.arch, nr).and_then(|abi| abi.syscall_by_nr(nr))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_words_in_both_orders() {
        let mut seen = Seen::number(7, 3);
        seen.put(Regs::One(1), Bits::low(0x1_0000_0005, 32));
        for endian in [Endian::Little, Endian::Big] {
            let bit = seen.bit(endian);
            let (low, high) = filterc_check::halves(16 + 8, endian);
            assert_eq!(bit(low, 0), Some(true));
            assert_eq!(bit(low, 1), Some(false));
            assert_eq!(bit(high, 0), None, "the upper half is not known");
            assert_eq!(bit(0, 1), Some(true), "the number is always known");
        }
        assert_eq!(seen.argument(Regs::One(1)), Bits { value: 5, known: 0xffff_ffff });
    }

    #[test]
    fn pairs_are_two_registers() {
        let mut seen = Seen::number(0, 0);
        let regs = Regs::Pair { lo: 2, hi: 3 };
        seen.put(regs, Bits::whole(0x1122_3344_5566_7788));
        assert_eq!(seen.args.map(|bits| bits.value), [0, 0, 0x5566_7788, 0x1122_3344, 0, 0]);
        assert_eq!(seen.argument(regs), Bits::whole(0x1122_3344_5566_7788));
    }
}
