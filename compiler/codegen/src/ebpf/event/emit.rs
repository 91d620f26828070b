//! The program of a graph: branches in their order, so that all jumps go forward but those of
//! searches in a text.
//!
//! R6 has the record; R9 the buffer for texts, if there is one; R7 to R9 numbers that are asked
//! for again. R0 to R5 live from one instruction to the next few.

use std::collections::BTreeMap;

use filterc_ebpf::Helper;
use filterc_ebpf::machine::{Alu, Atomic, Op, Reg, Size, Source as Operand, Symbol, Test, Width};
use filterc_hir::event::record::mask;

use super::count::COUNTS_SIZE;
use super::graph::{Graph, Id, KEEP};
use super::monitor::{KEY, Monitored};
use super::plan::Plan;
use super::question::{Compare, Number, Question, Right};
use super::source::Source;
use super::writer::{Arms, Condition, Label, Writer};

/// The register with the record.
pub(super) const CONTEXT: Reg = Reg::R6;

/// A program that is being written.
pub(super) struct Emitter<'p> {
    pub(super) plan: &'p Plan,
    pub(super) writer: Writer,
    /// Where an event is kept.
    pub(super) keep: Label,
    /// Where one of a stranger is: the same place if nobody counts.
    pub(super) stranger: Label,
    /// Whose events it looks at.
    pub(super) monitored: Monitored,
    /// Where it counts.
    counted: Option<u32>,
    /// Bytes of a word, in the order of the machine.
    pub(super) endian: filterc_abi::Endian,
}

/// Where a branch is entered.
#[derive(Clone, Copy)]
struct Entry {
    /// Everything that it needs has still to be read.
    start: Label,
    /// Everything is there.
    ready: Label,
}

/// Writes the program.
pub(super) fn emit(
    graph: &Graph,
    plan: &Plan,
    (monitored, counted): (Monitored, Option<u32>),
    endian: filterc_abi::Endian,
) -> Writer {
    let mut writer = Writer::default();
    let (drop, keep) = (writer.label(), writer.label());
    let stranger = if counted.is_some() { writer.label() } else { keep };
    let mut emitter = Emitter { plan, writer, keep, stranger, monitored, counted, endian };
    if plan.reads_record {
        emitter.writer.copy(CONTEXT, Reg::R1);
    }
    emitter.leave_strangers_alone();
    for source in &plan.asked {
        if let Some(place) = plan.text(*source) {
            emitter.writer.store(Size::B8, Reg::R10, place.status, Operand::K(0));
        }
    }
    let mut entries: BTreeMap<Id, Entry> = BTreeMap::new();
    for id in &plan.order {
        let entry = Entry { start: emitter.writer.label(), ready: emitter.writer.label() };
        entries.insert(*id, entry);
    }
    let leaf = |id| if id == KEEP { keep } else { drop };
    for (index, id) in plan.order.iter().enumerate() {
        let (Some((branch, span)), Some(entry)) = (graph.branch(*id), entries.get(id)) else {
            continue;
        };
        emitter.writer.reason(Some(*span));
        emitter.writer.bind(entry.start);
        emitter.read_missing(*id);
        emitter.writer.bind(entry.ready);
        let to = |child: Id| match entries.get(&child) {
            Some(entry) if plan.is_ready(*id, child) => entry.ready,
            Some(entry) => entry.start,
            None => leaf(child),
        };
        // The next branch follows if it is entered at its first instruction.
        let following = plan.order.get(index + 1);
        let next = following.and_then(|next| entries.get(next)).map(|entry| entry.start);
        let follows = |label: Label| {
            let ready = following.filter(|next| plan.missing(**next).is_empty());
            let ready = ready.and_then(|next| entries.get(next)).map(|entry| entry.ready);
            if ready == Some(label) { next } else { None }
        };
        let (yes, no) = (to(branch.yes), to(branch.no));
        let (yes, no) = (follows(yes).unwrap_or(yes), follows(no).unwrap_or(no));
        let next = next.or(Some(drop));
        emitter.ask(&branch.question, Arms { yes, no, next });
    }
    emitter.writer.reason(None);
    emitter.leaves(graph, drop);
    emitter.writer
}

impl Emitter<'_> {
    fn leaves(&mut self, graph: &Graph, drop: Label) {
        let (keep, stranger) = (self.keep, self.stranger);
        // The root may be a leaf, which then simply follows.
        let dropped = self.writer.is_used(drop) || graph.root == super::graph::DROP;
        if dropped {
            self.writer.bind(drop);
            self.count(COUNTS_SIZE / 2);
            self.writer.ret(0);
        }
        if self.writer.is_used(keep) || graph.root == KEEP {
            self.writer.bind(keep);
            self.count(0);
            if stranger != keep {
                self.writer.bind(stranger);
            }
            self.writer.ret(1);
        } else if stranger != keep && self.writer.is_used(stranger) {
            self.writer.bind(stranger);
            self.writer.ret(1);
        }
    }

    /// One more, if it counts.
    fn count(&mut self, which: u32) {
        let Some(place) = self.counted else { return };
        let offset = place.saturating_mul(COUNTS_SIZE).saturating_add(which);
        let symbol = Symbol::MapIndexValue(self.monitored.free(), offset);
        self.writer.op(Op::Address(Reg::R1, symbol));
        self.writer.alu_move(Reg::R2, 1);
        let (width, atomic) = (Width::W64, Atomic::Add);
        self.writer.op(Op::Atomic { width, atomic, base: Reg::R1, offset: 0, src: Reg::R2 });
    }

    fn read_missing(&mut self, id: Id) {
        for missing in self.plan.missing(id) {
            let behind = self.writer.label();
            if missing.maybe
                && let Some(place) = self.plan.text(missing.source)
            {
                self.writer.load(Size::B8, Reg::R1, Reg::R10, place.status);
                let read = Condition {
                    width: Width::W64,
                    left: Reg::R1,
                    test: Test::Ne,
                    right: Operand::K(0),
                };
                self.writer.jump(read, behind);
            }
            match missing.source {
                Source::Buffer => self.read_buffer(),
                Source::Comm => self.read_comm(),
                Source::User(pointer) => self.read_user(pointer),
                Source::Record(..)
                | Source::Cpu
                | Source::PidTgid
                | Source::Process
                | Source::UidGid
                | Source::Group
                | Source::Cgroup => self.read_number(missing.source),
            }
            self.writer.bind(behind);
        }
    }

    /// The buffer of this processor. There always is one; the verifier does not know.
    fn read_buffer(&mut self) {
        let (key, writer) = (KEY, &mut self.writer);
        let texts = self.monitored.free() + i32::from(self.counted.is_some());
        writer.store(Size::B4, Reg::R10, key, Operand::K(0));
        writer.copy(Reg::R2, Reg::R10);
        writer.alu(Alu::Add, Reg::R2, key.into());
        writer.op(Op::Address(Reg::R1, Symbol::MapIndex(texts)));
        writer.call(Helper::MapLookupElem);
        let null =
            Condition { width: Width::W64, left: Reg::R0, test: Test::Eq, right: Operand::K(0) };
        writer.jump(null, self.keep);
        writer.copy(Reg::R9, Reg::R0);
    }

    fn read_comm(&mut self) {
        let Some(place) = self.plan.text(Source::Comm) else { return };
        let writer = &mut self.writer;
        writer.copy(Reg::R1, place.base);
        if place.offset != 0 {
            writer.alu(Alu::Add, Reg::R1, place.offset.into());
        }
        writer.alu_move(Reg::R2, place.size);
        writer.call(Helper::GetCurrentComm);
        if self.plan.asked.contains(&Source::Comm) {
            writer.store(Size::B8, Reg::R10, place.status, Operand::K(1));
        }
    }

    /// A text of user memory, and how long it is: the kernel reads as much for its own filters.
    fn read_user(&mut self, pointer: u16) {
        let Some(place) = self.plan.text(Source::User(pointer)) else { return };
        let writer = &mut self.writer;
        writer.copy(Reg::R1, place.base);
        if place.offset != 0 {
            writer.alu(Alu::Add, Reg::R1, place.offset.into());
        }
        writer.alu_move(Reg::R2, place.size);
        writer.load(Size::B8, Reg::R3, CONTEXT, i16::try_from(pointer).unwrap_or(i16::MAX));
        writer.call(Helper::ProbeReadUserStr);
        writer.store(Size::B8, Reg::R10, place.status, Operand::X(Reg::R0));
    }

    fn ask(&mut self, question: &Question, arms: Arms) {
        match question {
            Question::Number(number) => {
                let (condition, arms) = match bits_of(number) {
                    Some(bits) => {
                        let exchanged = Arms { yes: arms.no, no: arms.yes, next: arms.next };
                        (self.any_bit(number.left, bits), exchanged)
                    }
                    None => (self.compare(number), arms),
                };
                self.writer.branch(condition, arms);
            }
            Question::Readable(text) => {
                let Some(place) = self.plan.text(*text) else { return };
                self.writer.load(Size::B8, Reg::R1, Reg::R10, place.status);
                let readable = Condition {
                    width: Width::W64,
                    left: Reg::R1,
                    test: Test::SGt,
                    right: Operand::K(0),
                };
                self.writer.branch(readable, arms);
            }
            Question::Match(text, shape) => {
                let Some(place) = self.plan.text(*text) else { return };
                self.matches(place, *text == Source::Comm, shape, arms);
            }
        }
    }
}

/// The bits of a mask of which none is set, if that is what is asked.
const fn bits_of(number: &Number) -> Option<u64> {
    let all = number.mask & mask(number.left.width) == mask(number.left.width);
    match (number.compare, number.right) {
        (Compare::Equal, Right::Constant(0)) if !all => Some(number.mask),
        _ => None,
    }
}
