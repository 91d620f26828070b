//! Whose events a filter is about.
//!
//! A program at a tracepoint runs for every task of the system, and what it drops is dropped for
//! every perf event there. So it asks first whether the task is one that it was attached for, and
//! keeps the events of strangers.

use filterc_ebpf::machine::{Alu, Op, Reg, Size, Source as Operand, Symbol, Test, Width};
use filterc_ebpf::{Helper, MapKind, MapSpec};

use super::emit::Emitter;
use super::writer::Condition;

/// Whose events are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Monitored {
    /// Those of processes whose id is a key of the map `tasks`.
    #[default]
    Tasks,
    /// All.
    Everybody,
}

/// The place of the map with the ids of monitored processes.
const TASKS: i32 = 0;

/// Ids of monitored processes, four bytes each; the value says nothing.
pub const TASKS_MAP: MapSpec =
    MapSpec { kind: MapKind::Hash, key_size: 4, value_size: 4, max_entries: 1024 };

/// The word of the stack for keys of maps: the first one.
pub(super) const KEY: i16 = -8;

impl Monitored {
    /// The place of the map for texts.
    pub(super) const fn texts(self) -> i32 {
        match self {
            Self::Tasks => TASKS + 1,
            Self::Everybody => 0,
        }
    }
}

impl Emitter<'_> {
    /// Keeps what others do.
    pub(super) fn leave_strangers_alone(&mut self) {
        if self.monitored == Monitored::Everybody {
            return;
        }
        let writer = &mut self.writer;
        writer.call(Helper::GetCurrentPidTgid);
        writer.alu(Alu::Rsh, Reg::R0, 32);
        writer.store(Size::B4, Reg::R10, KEY, Operand::X(Reg::R0));
        writer.copy(Reg::R2, Reg::R10);
        writer.alu(Alu::Add, Reg::R2, KEY.into());
        writer.op(Op::Address(Reg::R1, Symbol::MapIndex(TASKS)));
        writer.call(Helper::MapLookupElem);
        let stranger =
            Condition { width: Width::W64, left: Reg::R0, test: Test::Eq, right: Operand::K(0) };
        writer.jump(stranger, self.keep);
    }
}
