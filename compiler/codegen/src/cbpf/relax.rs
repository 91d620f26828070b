//! The program while it is written, from its end to its start, and branch relaxation.
//!
//! Since jumps go forward only, whatever an instruction jumps to is there before it, and
//! every distance is known at once. A conditional jump reaches 255 instructions: where its
//! target is further, a *stub* is put in front of what is there already: a copy of the
//! target if that is a return, else a `ja`, whose distance has 32 bits. A stub serves all
//! that come after it until it is out of reach itself. No code falls through into a stub:
//! what is written before it is a jump that names both its targets, or a return.

use filterc_cbpf::{Insn, Site, code};
use filterc_ir::RuleId;

use super::object::Object;
use super::select::Slot;

/// The furthest that a conditional jump reaches.
const REACH: usize = u8::MAX as usize;

/// A place in the program that can be jumped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label(usize);

/// Where a label stands; positions count from the end of the program.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The real one.
    at: usize,
    /// The newest stub, or the real one.
    nearest: usize,
    /// The return that stands there, if it is one.
    ret: Option<(Insn, Option<RuleId>)>,
}

/// A program that grows towards its start.
#[derive(Debug, Default)]
pub(super) struct Writer {
    /// Last instruction first.
    insns: Vec<(Insn, Option<RuleId>)>,
    /// Instructions whose constant is a parameter's, by position from the end.
    slots: Vec<(usize, Slot)>,
    places: Vec<Place>,
}

impl Writer {
    /// Writes an instruction in front of all others.
    pub(super) fn push(&mut self, insn: Insn, origin: Option<RuleId>) {
        self.insns.push((insn, origin));
    }

    /// Says what of a parameter the constant of the instruction written last is.
    pub(super) fn slot(&mut self, slot: Option<Slot>) {
        let at = self.insns.len().saturating_sub(1);
        self.slots.extend(slot.map(|slot| (at, slot)));
    }

    /// A label for the instruction written last.
    pub(super) fn label(&mut self) -> Label {
        let at = self.insns.len().saturating_sub(1);
        let is_ret = |insn: &Insn| insn.code == code::RET | code::K;
        let ret = self.insns.last().copied().filter(|(insn, _)| is_ret(insn));
        self.places.push(Place { at, nearest: at, ret });
        Label(self.places.len() - 1)
    }

    /// Writes a conditional jump, and stubs where it needs them.
    pub(super) fn jump(
        &mut self,
        code: u16,
        k: u32,
        (taken, not_taken): (Label, Label),
        origin: Option<RuleId>,
    ) {
        // A stub for one target can push the other out of reach, so that is asked again;
        // the first one's is then three instructions away at most.
        let (jt, jf) = loop {
            match (self.distance(taken), self.distance(not_taken)) {
                (Some(jt), Some(jf)) => break (jt, jf),
                (None, _) => self.stub(taken, origin),
                (Some(_), None) => self.stub(not_taken, origin),
            }
        };
        self.push(Insn::jump(code, k, jt, jf), origin);
    }

    /// Whether a conditional jump that is written next reaches a label itself.
    pub(super) fn is_near(&self, label: Label) -> bool {
        self.places.get(label.0).is_none_or(|place| self.insns.len() <= place.at + REACH)
    }

    /// Instructions between the next one and a label or its newest stub.
    fn distance(&self, label: Label) -> Option<u8> {
        let place = self.places.get(label.0)?;
        // The real one if it is in reach: a `ja` less to execute.
        let reach = |at: usize| self.insns.len().checked_sub(at + 1).filter(|d| *d <= REACH);
        let distance = reach(place.at).or_else(|| reach(place.nearest))?;
        u8::try_from(distance).ok()
    }

    fn stub(&mut self, label: Label, origin: Option<RuleId>) {
        let at = self.insns.len();
        let Some(place) = self.places.get_mut(label.0) else { return };
        let distance = u32::try_from(at - place.at - 1).unwrap_or(u32::MAX);
        let ja = (Insn::stmt(code::JMP | code::JA, distance), origin);
        let stub = place.ret.unwrap_or(ja);
        place.nearest = at;
        self.insns.push(stub);
    }

    /// The program in its order.
    pub(super) fn finish(self) -> Object {
        let last = self.insns.len().saturating_sub(1);
        let site = |(at, Slot { half, mask }): (usize, Slot)| Site {
            pc: last - at,
            param: half.param,
            high: half.high,
            mask,
        };
        let sites = self.slots.into_iter().rev().map(site).collect();
        let (insns, origin) = self.insns.into_iter().rev().unzip();
        Object { insns, origin, sites }
    }
}
