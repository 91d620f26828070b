//! The fields of one call: which bits of `struct seccomp_data` are which bits of what.

use filterc_abi::seccomp::offset;
use filterc_abi::{Abi, Arg, ArgKind, Endian, Regs, SetKind, Syscall};
use filterc_check::{Decision, halves};

use crate::values::Shape;

/// A field.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// What it is called.
    pub(crate) name: Name,
    /// What its numbers are like.
    pub(crate) shape: Shape,
    /// The argument that it is, if the tables know one.
    pub(crate) arg: Option<&'static Arg>,
}

/// What a field is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    /// An argument.
    Named(&'static str),
    /// `args[N]`.
    Register(u8),
    /// `instruction_pointer`.
    InstructionPointer,
}

/// The fields of a call, as far as a decision needs them.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    /// The call that they are of.
    call: Option<&'static Syscall>,
    slots: Vec<Slot>,
    /// For each word its field, and the place of its lowest bit there.
    words: [Option<(usize, u8)>; 16],
}

impl Fields {
    /// The fields of a call that say what a decision asks: an argument by its name where the
    /// bits that the kernel uses are asked for and no others, else the whole register.
    pub(crate) fn new(
        abi: Option<&'static Abi>,
        call: Option<&'static Syscall>,
        endian: Endian,
        decision: &Decision,
    ) -> Self {
        Self::with(abi, call, endian, decision, |_| true)
    }

    /// The same with registers in the place of pointers, of which a policy can say no more than
    /// that they are equal to something; `None` if there are none.
    pub(crate) fn without_pointers(
        abi: Option<&'static Abi>,
        call: Option<&'static Syscall>,
        endian: Endian,
        decision: &Decision,
    ) -> Option<Self> {
        let is_pointer = |arg: &Arg| arg.kind == ArgKind::Pointer;
        call.filter(|call| call.args.iter().any(is_pointer))?;
        Some(Self::with(abi, call, endian, decision, |arg| !is_pointer(arg)))
    }

    fn with(
        abi: Option<&'static Abi>,
        call: Option<&'static Syscall>,
        endian: Endian,
        decision: &Decision,
        is_field: impl Fn(&Arg) -> bool,
    ) -> Self {
        let mut fields = Self { call, slots: Vec::new(), words: [None; 16] };
        let asked = Asked::new(decision);
        let args = call.filter(|_| abi.is_some()).map_or(&[][..], |call| call.args);
        for arg in args.iter().filter(|arg| is_field(arg)) {
            fields.argument(arg, endian, &asked);
        }
        for register in 0..6 {
            fields.register(register, endian, args);
        }
        let (low, high) = halves(offset::INSTRUCTION_POINTER, endian);
        let shape = Shape { width: 64, signed: false, flags: false, names: false, pointer: false };
        fields.add(Slot { name: Name::InstructionPointer, shape, arg: None }, low, Some(high));
        fields
    }

    pub(crate) const fn call(&self) -> Option<&'static Syscall> {
        self.call
    }

    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The field that a word belongs to, and the place of its lowest bit there.
    pub(crate) fn bit_of(&self, word: u8) -> Option<(usize, u8)> {
        self.words.get(usize::from(word)).copied().flatten()
    }

    fn argument(&mut self, arg: &'static Arg, endian: Endian, asked: &Asked) {
        let pointer = arg.kind == ArgKind::Pointer;
        let flags = matches!(arg.kind, ArgKind::Flags | ArgKind::Mode);
        let names =
            matches!(arg.kind, ArgKind::Enum | ArgKind::Fd | ArgKind::Pid | ArgKind::Signal)
                && arg.set.and_then(filterc_abi::set).is_none_or(|set| set.kind == SetKind::Enum);
        let shape = Shape { width: arg.width, signed: arg.signed, flags, names, pointer };
        let slot = Slot { name: Name::Named(arg.name), shape, arg: Some(arg) };
        match arg.regs {
            Regs::One(register) => {
                let (low, high) = of_register(register, endian);
                let fits = asked.within(low, arg.width.min(32))
                    && asked.within(high, arg.width.saturating_sub(32));
                // Of an address, nothing but the whole can be told.
                let wide = arg.width > 32;
                let whole = asked.whole(low) && (!wide || asked.same(low, high));
                if fits && (!pointer || whole) {
                    self.add(slot, low, wide.then_some(high));
                }
            }
            Regs::Pair { lo, hi } => {
                let (low, above) = of_register(lo, endian);
                let (high, beyond) = of_register(hi, endian);
                if asked.within(above, 0) && asked.within(beyond, 0) {
                    self.add(slot, low, Some(high));
                }
            }
            Regs::Invisible => {}
        }
    }

    /// A register that is no argument, or more of it is asked for.
    fn register(&mut self, register: u8, endian: Endian, args: &'static [Arg]) {
        let (low, high) = of_register(register, endian);
        let is_free = |word: u8| self.bit_of(word).is_none();
        if is_free(low) && is_free(high) {
            let shape =
                Shape { width: 64, signed: false, flags: false, names: false, pointer: false };
            // Its numbers have the names that the argument's have.
            let arg = args.iter().find(|arg| matches!(arg.regs, Regs::One(at) if at == register));
            self.add(Slot { name: Name::Register(register), shape, arg }, low, Some(high));
        }
    }

    fn add(&mut self, slot: Slot, low: u8, high: Option<u8>) {
        let at = self.slots.len();
        self.slots.push(slot);
        for (word, shift) in [(Some(low), 0), (high, 32)] {
            let place = word.and_then(|word| self.words.get_mut(usize::from(word)));
            if let Some(place) = place {
                *place = Some((at, shift));
            }
        }
    }
}

/// Which bits of each word a decision asks for.
struct Asked([u32; 16]);

impl Asked {
    fn new(decision: &Decision) -> Self {
        let mut asked = [0; 16];
        for ask in &decision.asks {
            if let Some(bits) = asked.get_mut(usize::from(ask.word)) {
                *bits |= 1 << ask.bit;
            }
        }
        Self(asked)
    }

    fn bits(&self, word: u8) -> u32 {
        self.0.get(usize::from(word)).copied().unwrap_or_default()
    }

    /// Whether only that many low bits of a word are asked for.
    fn within(&self, word: u8, width: u8) -> bool {
        self.bits(word).checked_shr(width.into()).unwrap_or_default() == 0
    }

    /// Whether the same bits of both words are asked for.
    fn same(&self, low: u8, high: u8) -> bool {
        self.bits(low) == self.bits(high)
    }

    /// Whether all bits of a word are asked for, or none.
    fn whole(&self, word: u8) -> bool {
        matches!(self.bits(word), 0 | u32::MAX)
    }
}

fn of_register(register: u8, endian: Endian) -> (u8, u8) {
    halves(offset::ARGS + 8 * u32::from(register), endian)
}
