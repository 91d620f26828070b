//! A function of an eBPF program as a side.

use std::borrow::Cow;

use filterc_abi::{Endian, SeccompData};
use filterc_ebpf::interp::{Fixed, Host, interpret};
use filterc_ebpf::{Insn, Verified, WellFormed, code, well_formed};
use filterc_hir::types::facts_of;

use crate::Params;
use crate::extended::Extended;
use crate::gates::OverBudget;
use crate::machine::Halt;
use crate::meter::{Meter, cost};
use crate::region::{Head, Region};
use crate::run::{Runs, run};
use crate::term::low;

/// Instructions after which a run is given up. No way of a verified program is longer: verifiers
/// walk to the end of each, and not further than this (`BPF_COMPLEXITY_LIMIT_INSNS`).
const FUEL: u64 = 1_000_000;

/// A function that decides a call, or a whole program.
#[derive(Debug)]
pub(crate) struct Function<'p> {
    terms: Extended<'p>,
    /// A program that begins with the function, to be run; `None` if it would be too long.
    numbers: Option<Cow<'p, WellFormed>>,
    endian: Endian,
}

impl<'p> Function<'p> {
    /// The function that begins at that slot.
    pub(crate) fn new(program: &'p Verified, slot: u32, endian: Endian) -> Self {
        let program = program.program();
        let entry = usize::try_from(slot).unwrap_or(usize::MAX);
        let numbers = match i32::try_from(slot) {
            Ok(0) => Some(Cow::Borrowed(program)),
            Ok(distance) => beginning_with(program, distance).map(Cow::Owned),
            Err(_) => None,
        };
        Self { terms: Extended::new(program, entry, endian), numbers, endian }
    }

    /// All of its paths.
    ///
    /// # Errors
    /// As [`run`].
    pub(crate) fn run(
        &self,
        head: Option<Head>,
        region: &mut Region,
        states: usize,
        meter: &Meter,
    ) -> Result<Runs, Halt> {
        // A concrete run needs a program to run.
        if self.numbers.is_none() {
            return Err(OverBudget.into());
        }
        run(&self.terms, head, region, states, meter)
    }

    /// Steps that [`Self::value`] takes at most, more or less.
    pub(crate) fn longest(&self) -> u64 {
        let once = u64::try_from(self.terms.len()).unwrap_or(u64::MAX).min(FUEL);
        cost::INSTRUCTION * if self.terms.repeats() { FUEL } else { once }
    }

    /// The low half of what it returns; `None` if it comes to no end.
    pub(crate) fn value(&self, call: &SeccompData, params: &Params) -> Option<u32> {
        let mut host = Host::new(Fixed::default(), self.endian);
        let mut data = facts_of(params, self.endian).behind(call, self.endian);
        let outcome = interpret(self.numbers.as_deref()?, &mut host, &mut data, FUEL);
        outcome.ok().map(|outcome| low(outcome.ret))
    }
}

/// The same program behind a jump to a function: distances are what they were.
fn beginning_with(program: &WellFormed, distance: i32) -> Option<WellFormed> {
    let jump = Insn { imm: distance, ..Insn::new(code::JMP32 | code::JA) };
    let insns: Vec<Insn> = [jump].into_iter().chain(program.insns().iter().copied()).collect();
    well_formed(&insns).ok()
}
