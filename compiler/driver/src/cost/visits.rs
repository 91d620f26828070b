//! How often each instruction of a program runs, over the calls of its objective.

use filterc_abi::seccomp::{offset, ret};
use filterc_abi::{Action, SeccompData};
use filterc_cbpf::const_allow::const_trace;
use filterc_cbpf::{Insn, code, interpret_traced};
use filterc_ir::flow::welcome;

use crate::compiled::CompiledProgram;

/// The runs of all instructions, in shares of all calls.
pub(super) struct Visits {
    /// By instruction, over all calls.
    pub(super) all: Vec<f64>,
    /// By instruction, over the calls that are not in the bitmap.
    pub(super) uncached: Vec<f64>,
    /// The share of the calls that were followed.
    pub(super) share: f64,
    /// Of those, the share that is not in the bitmap.
    pub(super) uncached_share: f64,
    /// Tests of `nr`, over all calls.
    pub(super) tests: f64,
}

impl Visits {
    pub(super) fn of(program: &CompiledProgram) -> Self {
        let count = program.insns().len();
        let mut visits = Self {
            all: vec![0.0; count],
            uncached: vec![0.0; count],
            share: 0.0,
            uncached_share: 0.0,
            tests: 0.0,
        };
        // What comes to an instruction without known arguments.
        let mut blind = vec![0.0; count];
        let objective = program.objective();
        for root in program.dag().roots() {
            let at = objective.at(root);
            let of_token = objective.samples.iter().filter(|s| s.call.arch == root.audit_arch);
            let mut samples: Vec<_> = of_token.collect();
            samples.sort_by_key(|sample| sample.call.nr.cast_unsigned());
            for (nr, share) in at.shares().filter(|(_, share)| *share > 0.0) {
                let from = samples.partition_point(|sample| number(sample) < nr);
                let to = samples.partition_point(|sample| number(sample) <= nr);
                let samples = samples.get(from..to).unwrap_or_default();
                let calls: Vec<_> = samples.iter().map(|s| (s.call, s.share)).collect();
                visits.number(program, (nr, root.audit_arch), share, &calls, &mut blind);
            }
        }
        visits.spread(program.insns(), blind);
        visits
    }

    /// All calls of one number.
    fn number(
        &mut self,
        program: &CompiledProgram,
        (nr, arch): (u32, u32),
        share: f64,
        samples: &[(SeccompData, f64)],
        blind: &mut [f64],
    ) {
        let trace = const_trace(program.verified(), nr.cast_signed(), arch);
        let is_cached = trace.end == Ok(ret::ALLOW);
        self.share += share;
        self.uncached_share += if is_cached { 0.0 } else { share };
        self.tests += share * tests_of_nr(program.insns(), &trace.pcs) as f64;
        let total: f64 = samples.iter().map(|(_, share)| share).sum();
        match trace.end {
            Err(_) if total > 0.0 => {
                for (call, weight) in samples {
                    let trace = interpret_traced(program.verified(), call, program.endian());
                    self.run(&trace.pcs, share * (weight / total), is_cached);
                }
            }
            end => {
                self.run(&trace.pcs, share, is_cached);
                if let Some(slot) = end.err().and_then(|stop| blind.get_mut(stop)) {
                    *slot += share;
                }
            }
        }
    }

    fn run(&mut self, pcs: &[usize], share: f64, is_cached: bool) {
        for pc in pcs {
            self.add(*pc, share, is_cached);
        }
    }

    fn add(&mut self, pc: usize, share: f64, is_cached: bool) {
        if let Some(slot) = self.all.get_mut(pc) {
            *slot += share;
        }
        if let Some(slot) = self.uncached.get_mut(pc).filter(|_| !is_cached) {
            *slot += share;
        }
    }

    /// Sends calls whose arguments are not known on, as jumps go: forward.
    fn spread(&mut self, insns: &[Insn], mut blind: Vec<f64>) {
        let likely = likely(insns);
        for (pc, insn) in insns.iter().enumerate() {
            let share = blind.get(pc).copied().unwrap_or_default();
            if share <= 0.0 {
                continue;
            }
            self.add(pc, share, false);
            let taken = likely.get(pc).copied().unwrap_or_default();
            for (next, part) in next(pc, insn, taken) {
                if let Some(slot) = blind.get_mut(next) {
                    *slot += share * part;
                }
            }
        }
    }
}

fn number(sample: &filterc_ir::objective::Sample) -> u32 {
    sample.call.nr.cast_unsigned()
}

/// Conditional jumps on a path while A holds `nr`.
fn tests_of_nr(insns: &[Insn], pcs: &[usize]) -> usize {
    let (mut tests, mut holds_nr) = (0, false);
    for insn in pcs.iter().filter_map(|pc| insns.get(*pc)) {
        match insn.code & 0x07 {
            code::LD => holds_nr = insn.k == offset::NR,
            code::JMP if insn.code & 0xf0 != code::JA => tests += usize::from(holds_nr),
            _ => (),
        }
    }
    tests
}

/// Where an instruction leads, with the part of the runs that go there.
fn next(pc: usize, insn: &Insn, taken: f64) -> Vec<(usize, f64)> {
    match insn.code & 0x07 {
        code::RET => Vec::new(),
        code::JMP if insn.code & 0xf0 == code::JA => vec![(pc + 1 + insn.k as usize, 1.0)],
        code::JMP => vec![
            (pc + 1 + usize::from(insn.jt), taken),
            (pc + 1 + usize::from(insn.jf), 1.0 - taken),
        ],
        _ => vec![(pc + 1, 1.0)],
    }
}

/// For each jump, how likely it is taken: by its kind, and by what it leads to, as in
/// [`filterc_ir::flow`].
fn likely(insns: &[Insn]) -> Vec<f64> {
    let mut below = vec![1.0; insns.len()];
    let mut likely = vec![0.0; insns.len()];
    for (pc, insn) in insns.iter().enumerate().rev() {
        let alone = if insn.code & 0xf0 == code::JEQ { 0.25 } else { 0.5 };
        let weight =
            |(next, part): (usize, f64)| part * below.get(next).copied().unwrap_or_default();
        let (value, taken) = match next(pc, insn, alone).as_slice() {
            [] if insn.code & 0x18 == code::K => (welcome(Action::from_ret(insn.k)), 0.0),
            [] => (1.0, 0.0),
            [jt, jf] => {
                let (jt, jf) = (weight(*jt), weight(*jf));
                (jt + jf, jt / (jt + jf))
            }
            [one, ..] => (weight(*one), 0.0),
        };
        if let (Some(slot), Some(chance)) = (below.get_mut(pc), likely.get_mut(pc)) {
            (*slot, *chance) = (value, taken);
        }
    }
    likely
}
