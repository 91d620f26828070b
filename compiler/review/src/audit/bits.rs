//! Bits that the kernel ignores, and numbers that come in two forms.

use filterc_abi::seccomp::offset;
use filterc_abi::{Arg, Regs, SeccompData, Syscall};
use filterc_check::{Decision, halves};

use crate::audit::finding::{Finding, Level};
use crate::audit::view::{OfAbi, View, passes};
use crate::audit::walk::{Norm, Search};
use crate::words;

pub(crate) const IGNORED: &str = "F0315";
pub(crate) const TWO_FORMS: &str = "F0383";

pub(crate) fn look(of_abi: &OfAbi<'_>, view: &View<'_>, found: &mut Vec<Finding>) {
    for (call, decision) in &of_abi.calls {
        for arg in call.args {
            let Some(place) = Place::new(arg, of_abi, view) else { continue };
            if !place.is_asked(decision) {
                continue;
            }
            let finding = |code, level, message, help, witness: [u32; 16]| Finding {
                code,
                level,
                abis: vec![of_abi.abi.name],
                calls: vec![call.name],
                message,
                help: Some(help),
                witness: Some(of_abi.finish(call.nr, witness, decision)),
            };
            if let Some(words) = place.way_round(decision) {
                let message = ignored(call, arg, &of_abi.finish(call.nr, words, decision).0);
                let help =
                    "test the bits that the kernel uses: the argument by its name, or under a mask";
                found.push(finding(IGNORED, Level::Error, message, help, words));
            }
            if let Some(words) = place.two_forms(decision) {
                let message = two_forms(call, arg);
                let help = "test the low 32 bits: the argument by its name";
                found.push(finding(TWO_FORMS, Level::Warning, message, help, words));
            }
        }
    }
}

fn ignored(call: &Syscall, arg: &Arg, example: &SeccompData) -> String {
    let Regs::One(register) = arg.regs else { return String::new() };
    let value = example.args.get(usize::from(register)).copied().unwrap_or_default();
    let seen = value & words::mask(arg.width);
    format!(
        "`{}` takes {} bits of `{}`, the filter looks at more: {value:#x} is let through, and the \
         kernel takes it for {seen:#x}, which is not",
        call.name, arg.width, arg.name
    )
}

fn two_forms(call: &Syscall, arg: &Arg) -> String {
    let example = if arg.set == Some("at_dirfd") { " (AT_FDCWD is one)" } else { "" };
    format!(
        "`{}` takes `{}` as 32 bits with a sign, the filter compares 64: a negative number{example} \
         comes extended by zeros or by its sign, and they are not decided alike",
        call.name, arg.name
    )
}

/// Where an argument is, and which bits there do not count.
struct Place {
    low: u8,
    high: u8,
    width: u8,
    signed: bool,
    /// Words, and bits that the kernel ignores.
    junk: Vec<(u8, u32)>,
}

impl Place {
    /// `None` where all bits count, or callers have no say in the others.
    fn new(arg: &Arg, of_abi: &OfAbi<'_>, view: &View<'_>) -> Option<Self> {
        let Regs::One(register) = arg.regs else { return None };
        let (low, high) = halves(offset::ARGS + 8 * u32::from(register), view.endian);
        let mut junk = Vec::new();
        if arg.width < 32 {
            junk.push((low, u32::MAX << arg.width));
        }
        // Where registers have 32 bits, the upper words are zeros.
        if arg.width <= 32 && of_abi.abi.register == 64 {
            junk.push((high, u32::MAX));
        }
        let (width, signed) = (arg.width, arg.signed);
        (!junk.is_empty()).then_some(Self { low, high, width, signed, junk })
    }

    fn is_asked(&self, decision: &Decision) -> bool {
        let is_junk = |word: u8, bit: u8| {
            self.junk.iter().any(|(of, mask)| *of == word && mask >> bit & 1 == 1)
        };
        decision.asks.iter().any(|ask| is_junk(ask.word, ask.bit))
    }

    fn sign(&self) -> u32 {
        1_u32.checked_shl(u32::from(self.width.clamp(1, 32)) - 1).unwrap_or_default()
    }

    /// A call that is let through only for bits that the kernel ignores: it is not if they are
    /// as a C compiler makes them.
    fn way_round(&self, decision: &Decision) -> Option<[u32; 16]> {
        let search = Search::new(decision);
        if !self.signed {
            return search.junk(&self.junk, &[&[]], &passes, &[]);
        }
        let negative = (self.low, self.sign(), self.sign());
        let positive = (self.low, self.sign(), 0);
        let zeros: Norm<'_> = &[];
        search
            .junk(&self.junk, &[zeros], &passes, &[positive])
            .or_else(|| search.junk(&self.junk, &[zeros, &self.junk], &passes, &[negative]))
    }

    /// A call with a negative number that is let through in one of its forms, and in the other
    /// is not.
    fn two_forms(&self, decision: &Decision) -> Option<[u32; 16]> {
        if !self.signed || self.width != 32 || self.junk.is_empty() {
            return None;
        }
        let search = Search::new(decision);
        let negative = (self.low, self.sign(), self.sign());
        let form = |upper: u32| {
            let other = [(self.high, !upper)];
            search.junk(&self.junk, &[&other], &passes, &[negative, (self.high, u32::MAX, upper)])
        };
        form(u32::MAX).or_else(|| form(0))
    }
}
