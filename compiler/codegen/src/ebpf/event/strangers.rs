//! The question of [`super::monitor`], in instructions.

use filterc_ebpf::Helper;
use filterc_ebpf::machine::{Op, Reg, Size, Source as Operand, Symbol, Test, Width};

use super::emit::Emitter;
use super::monitor::{Monitored, TASKS};
use super::writer::Condition;

impl Emitter<'_> {
    /// Keeps what others do.
    pub(super) fn leave_strangers_alone(&mut self) {
        if self.monitored == Monitored::Everybody {
            return;
        }
        let writer = &mut self.writer;
        let stranger =
            |left| Condition { width: Width::W64, left, test: Test::Eq, right: Operand::K(0) };
        let keep = self.stranger;
        writer.call(Helper::GetCurrentTaskBtf);
        writer.op(Op::Address(Reg::R1, Symbol::MapIndex(TASKS)));
        writer.copy(Reg::R2, Reg::R0);
        writer.alu_move(Reg::R3, 0);
        writer.alu_move(Reg::R4, 0);
        writer.call(Helper::TaskStorageGet);
        writer.jump(stranger(Reg::R0), keep);
        writer.load(Size::B8, Reg::R1, Reg::R0, 0);
        writer.jump(stranger(Reg::R1), keep);
    }
}
