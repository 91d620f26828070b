//! The program while it is written: instructions in their order, and places to jump to.

use filterc_ebpf::encode::slots;
use filterc_ebpf::machine::{Alu, Callee, Extend, Op, Reg, Size, Source, Test, Width};
use filterc_ebpf::{Helper, Insn};
use filterc_grammar::source::Span;

/// A place that can be jumped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label(usize);

/// What a conditional jump asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) width: Width,
    pub(super) left: Reg,
    pub(super) test: Test,
    pub(super) right: Source,
}

#[derive(Clone, Copy, Debug)]
enum Item {
    Op(Op),
    Jump(Condition, Label),
    Goto(Label),
}

/// A program that grows towards its end.
#[derive(Debug, Default)]
pub(super) struct Writer {
    items: Vec<(Item, Option<Span>)>,
    /// For each label, the item that it is in front of.
    labels: Vec<Option<usize>>,
    used: Vec<bool>,
    span: Option<Span>,
}

/// The finished slots, and for those where the reason changes, the reason.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) insns: Vec<Insn>,
    pub(super) spans: Vec<(u32, Span)>,
}

impl Writer {
    /// What follows is there for this piece of the text.
    pub(super) const fn reason(&mut self, span: Option<Span>) {
        self.span = span;
    }

    /// A place that is bound later.
    pub(super) fn label(&mut self) -> Label {
        self.labels.push(None);
        self.used.push(false);
        Label(self.labels.len() - 1)
    }

    /// The label is here.
    pub(super) fn bind(&mut self, Label(label): Label) {
        if let Some(slot) = self.labels.get_mut(label) {
            *slot = Some(self.items.len());
        }
    }

    /// A label that is here.
    pub(super) fn here(&mut self) -> Label {
        let label = self.label();
        self.bind(label);
        label
    }

    /// Whether something jumps there.
    pub(super) fn is_used(&self, Label(label): Label) -> bool {
        self.used.get(label).copied().unwrap_or(false)
    }

    fn push(&mut self, item: Item) {
        self.items.push((item, self.span));
    }

    fn mark(&mut self, Label(label): Label) {
        if let Some(used) = self.used.get_mut(label) {
            *used = true;
        }
    }

    pub(super) fn op(&mut self, op: Op) {
        self.push(Item::Op(op));
    }

    pub(super) fn jump(&mut self, condition: Condition, to: Label) {
        self.mark(to);
        self.push(Item::Jump(condition, to));
    }

    /// A jump that is left out where it leads to what follows anyway.
    pub(super) fn goto(&mut self, to: Label) {
        self.mark(to);
        self.push(Item::Goto(to));
    }

    /// Goes to `yes` if the condition holds, else to `no`; one of them may be what follows.
    pub(super) fn branch(&mut self, condition: Condition, arms: Arms) {
        let Arms { yes, no, next } = arms;
        match condition.test.negated() {
            Some(test) if next == Some(yes) => self.jump(Condition { test, ..condition }, no),
            Some(_) | None => {
                self.jump(condition, yes);
                self.goto(no);
                return;
            }
        }
        self.goto(yes);
    }

    /// `dst = src`.
    pub(super) fn copy(&mut self, dst: Reg, src: Reg) {
        self.op(Op::Mov(Width::W64, dst, Source::X(src)));
    }

    /// `dst = constant`, of 32 bits.
    pub(super) fn alu_move(&mut self, dst: Reg, imm: i32) {
        self.op(Op::Mov(Width::W32, dst, Source::K(imm)));
    }

    /// `dst = constant`, in as few slots as there are.
    pub(super) fn constant(&mut self, dst: Reg, value: u64) {
        let op = if let Some(imm) = extended(value) {
            Op::Mov(Width::W64, dst, Source::K(imm))
        } else if let Ok(low) = u32::try_from(value) {
            Op::Mov(Width::W32, dst, Source::K(low.cast_signed()))
        } else {
            Op::Wide(dst, value)
        };
        self.op(op);
    }

    /// `dst op= constant`, all 64 bits.
    pub(super) fn alu(&mut self, alu: Alu, dst: Reg, imm: i32) {
        self.op(Op::Alu(Width::W64, alu, dst, Source::K(imm)));
    }

    /// `dst += src`.
    pub(super) fn add(&mut self, dst: Reg, src: Reg) {
        self.op(Op::Alu(Width::W64, Alu::Add, dst, Source::X(src)));
    }

    pub(super) fn load(&mut self, size: Size, dst: Reg, base: Reg, offset: i16) {
        self.op(Op::Load { size, extend: Extend::Zero, dst, base, offset });
    }

    pub(super) fn store(&mut self, size: Size, base: Reg, offset: i16, value: Source) {
        self.op(Op::Store { size, base, offset, value });
    }

    pub(super) fn call(&mut self, helper: Helper) {
        self.op(Op::Call(Callee::Helper(helper.id())));
    }

    /// Returns a number.
    pub(super) fn ret(&mut self, value: i32) {
        self.op(Op::Mov(Width::W32, Reg::R0, Source::K(value)));
        self.op(Op::Exit);
    }

    /// The slots; `None` if a jump is too far for its field.
    pub(super) fn finish(self) -> Option<Written> {
        let target = |Label(label): Label| self.labels.get(label).copied().flatten();
        let mut at = Vec::with_capacity(self.items.len() + 1);
        let mut slot = 0_i64;
        for (index, (item, _)) in self.items.iter().enumerate() {
            at.push(slot);
            slot += match item {
                Item::Op(op) => i64::try_from(op.slots()).ok()?,
                Item::Goto(to) if target(*to) == Some(index + 1) => 0,
                Item::Jump(..) | Item::Goto(_) => 1,
            };
        }
        at.push(slot);
        let mut written = Written { insns: Vec::new(), spans: Vec::new() };
        for (index, (item, span)) in self.items.iter().enumerate() {
            let distance = |to: Label| {
                let from = at.get(index)?;
                i16::try_from(at.get(target(to)?)? - from - 1).ok()
            };
            let op = match item {
                Item::Op(op) => *op,
                Item::Goto(to) if target(*to) == Some(index + 1) => continue,
                Item::Goto(to) => Op::Goto(distance(*to)?),
                Item::Jump(Condition { width, left, test, right }, to) => Op::Jump {
                    width: *width,
                    left: *left,
                    test: *test,
                    right: *right,
                    distance: distance(*to)?,
                },
            };
            if let Some(span) = span
                && written.spans.last().map(|(_, last)| last) != Some(span)
            {
                written.spans.push((u32::try_from(written.insns.len()).ok()?, *span));
            }
            let (first, second) = slots(op);
            written.insns.push(first);
            written.insns.extend(second);
        }
        Some(written)
    }
}

/// Where a question leads, and which of these places follows it, if one does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arms {
    pub(super) yes: Label,
    pub(super) no: Label,
    pub(super) next: Option<Label>,
}

/// The constant that an instruction of 64 bits makes this number of, by its sign.
pub(super) fn extended(value: u64) -> Option<i32> {
    i32::try_from(value.cast_signed()).ok()
}
