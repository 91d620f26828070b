//! Comparisons of numbers: the jump for each, and what has to be computed before it.

use filterc_ebpf::Helper;
use filterc_ebpf::machine::{Alu, Op, Reg, Size, Source as Operand, Test, Width};
use filterc_hir::event::record::mask;

use super::emit::{CONTEXT, Emitter};
use super::plan::Home;
use super::question::{Compare, Number, Right};
use super::source::{Source, View};
use super::writer::{Condition, extended};

/// Registers for what is not kept.
const LEFT: Reg = Reg::R1;
const RIGHT: Reg = Reg::R2;

/// What of a view is compared.
#[derive(Clone, Copy)]
struct Part {
    view: View,
    /// Bits that count.
    mask: u64,
    signed: bool,
}

impl Emitter<'_> {
    /// Reads a number to where it is kept.
    pub(super) fn read_number(&mut self, source: Source) {
        match self.plan.home(source) {
            Some(Home::Register(register)) => self.read_number_to(source, register),
            Some(Home::Slot(slot)) => {
                self.read_number_to(source, Reg::R0);
                self.writer.store(Size::B8, Reg::R10, slot, Operand::X(Reg::R0));
            }
            Some(Home::Text(_)) | None => {}
        }
    }

    fn read_number_to(&mut self, source: Source, register: Reg) {
        let (helper, above) = match source {
            Source::Record(offset, size) => {
                let offset = i16::try_from(offset).unwrap_or(i16::MAX);
                self.writer.load(size, register, CONTEXT, offset);
                return;
            }
            Source::Cpu => (Helper::GetSmpProcessorId, 0),
            Source::PidTgid => (Helper::GetCurrentPidTgid, 0),
            Source::Process => (Helper::GetCurrentPidTgid, 32),
            Source::UidGid => (Helper::GetCurrentUidGid, 0),
            Source::Group => (Helper::GetCurrentUidGid, 32),
            Source::Cgroup => (Helper::GetCurrentCgroupId, 0),
            // These are no numbers.
            Source::Buffer | Source::Comm | Source::User(_) => return,
        };
        self.writer.call(helper);
        if register != Reg::R0 {
            self.writer.copy(register, Reg::R0);
        }
        if above > 0 {
            self.writer.alu(Alu::Rsh, register, above);
        }
    }

    /// The register with a number: its own, or the one that is given.
    fn number_in(&mut self, source: Source, scratch: Reg) -> Reg {
        match self.plan.home(source) {
            Some(Home::Register(register)) => register,
            Some(Home::Slot(slot)) => {
                self.writer.load(Size::B8, scratch, Reg::R10, slot);
                scratch
            }
            Some(Home::Text(_)) | None => {
                self.read_number_to(source, scratch);
                scratch
            }
        }
    }

    /// Whatever comes before the jump, and the jump.
    pub(super) fn compare(&mut self, number: &Number) -> Condition {
        let Number { left, mask: bits, signed, compare, right } = *number;
        let part = Part { view: left, mask: bits, signed };
        let test = match (compare, signed) {
            (Compare::Equal, _) => Test::Eq,
            (Compare::Greater, false) => Test::Gt,
            (Compare::AtLeast, false) => Test::Ge,
            (Compare::Greater, true) => Test::SGt,
            (Compare::AtLeast, true) => Test::SGe,
        };
        match right {
            Right::View(view) => {
                let (left, width) = self.part_of(part, LEFT);
                let (right, _) = self.part_of(Part { view, ..part }, RIGHT);
                Condition { width, left, test, right: Operand::X(right) }
            }
            // "No bit of the mask" has a jump of its own, the other way round.
            Right::Constant(value) => {
                let (left, width) = self.part_of(part, LEFT);
                let value = if signed { sign_extended(value, part.view.width) } else { value };
                let right = self.operand(value, width);
                Condition { width, left, test, right }
            }
        }
    }

    /// Whether some bit of a mask is set, as a jump.
    pub(super) fn any_bit(&mut self, view: View, bits: u64) -> Condition {
        let width = if view.width <= 32 { Width::W32 } else { Width::W64 };
        let left = self.number_in(view.source, LEFT);
        let right = self.operand(bits, width);
        Condition { width, left, test: Test::Set, right }
    }

    /// A constant as an operand of so many bits.
    fn operand(&mut self, value: u64, width: Width) -> Operand {
        let low = u32::try_from(value & mask(32)).unwrap_or_default().cast_signed();
        match (width, extended(value)) {
            (Width::W32, _) => Operand::K(low),
            (Width::W64, Some(imm)) => Operand::K(imm),
            (Width::W64, None) => {
                self.writer.constant(RIGHT, value);
                Operand::X(RIGHT)
            }
        }
    }

    /// A part of a number, in a register, and how many bits of that count.
    fn part_of(&mut self, part: Part, scratch: Reg) -> (Reg, Width) {
        let Part { view, mask: bits, signed } = part;
        let register = self.number_in(view.source, scratch);
        let all = bits & mask(view.width) == mask(view.width);
        let short = view.width <= 32;
        let width = if short { Width::W32 } else { Width::W64 };
        if all && view.width < 32 && signed {
            // 32-bit jumps cannot see this sign: it goes to the top and back.
            let shift = i32::from(64 - view.width);
            self.move_to(scratch, register);
            self.writer.alu(Alu::Lsh, scratch, shift);
            self.writer.alu(Alu::Arsh, scratch, shift);
            return (scratch, Width::W64);
        }
        if all && (view.width == 32 || view.width == view.source.bits()) {
            return (register, width);
        }
        self.move_to(scratch, register);
        let bits = bits & mask(view.width);
        let low = u32::try_from(bits & mask(32)).unwrap_or_default().cast_signed();
        let with = match extended(bits) {
            Some(imm) if !short => Operand::K(imm),
            _ if short => Operand::K(low),
            _ => {
                let spare = if scratch == LEFT { RIGHT } else { Reg::R0 };
                self.writer.constant(spare, bits);
                Operand::X(spare)
            }
        };
        self.writer.op(Op::Alu(width, Alu::And, scratch, with));
        if signed && view.width < 32 {
            let shift = i32::from(64 - view.width);
            self.writer.alu(Alu::Lsh, scratch, shift);
            self.writer.alu(Alu::Arsh, scratch, shift);
            return (scratch, Width::W64);
        }
        (scratch, width)
    }

    fn move_to(&mut self, to: Reg, from: Reg) {
        if to != from {
            self.writer.copy(to, from);
        }
    }
}

fn sign_extended(value: u64, width: u8) -> u64 {
    if width < 32 && width > 0 && (value >> (width - 1)) & 1 == 1 {
        value | !mask(width)
    } else {
        value
    }
}
