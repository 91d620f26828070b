//! Whose events a filter is about.
//!
//! A program at a tracepoint runs for every task of the system, and what it drops is dropped for
//! every perf event there. So it asks first whether the task is watched, by the same map as the
//! programs that watch tasks for a policy, and keeps the events of strangers.

use filterc_ebpf::machine::{Op, Reg, Size, Source as Operand, Symbol, Test, Width};
use filterc_ebpf::{Helper, NamedMap, audit};

use super::emit::Emitter;
use super::writer::Condition;

/// Whose events are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Monitored {
    /// Those of tasks that have a value other than 0 in the map `tasks`, as
    /// [`filterc_ebpf::audit`] has it.
    #[default]
    Tasks,
    /// All.
    Everybody,
}

/// The place of the map with the watched tasks.
const TASKS: i32 = 0;

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

    /// The maps in front of that one.
    pub(super) fn maps(self) -> Vec<NamedMap> {
        let [(name, spec), ..] = audit::MAPS;
        match self {
            Self::Tasks => vec![NamedMap { name: name.to_owned(), spec }],
            Self::Everybody => Vec::new(),
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
        let stranger =
            |left| Condition { width: Width::W64, left, test: Test::Eq, right: Operand::K(0) };
        writer.call(Helper::GetCurrentTaskBtf);
        writer.op(Op::Address(Reg::R1, Symbol::MapIndex(TASKS)));
        writer.copy(Reg::R2, Reg::R0);
        writer.alu_move(Reg::R3, 0);
        writer.alu_move(Reg::R4, 0);
        writer.call(Helper::TaskStorageGet);
        writer.jump(stranger(Reg::R0), self.keep);
        writer.load(Size::B8, Reg::R1, Reg::R0, 0);
        writer.jump(stranger(Reg::R1), self.keep);
    }
}
