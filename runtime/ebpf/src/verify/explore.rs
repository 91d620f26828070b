//! The walk over all ways of a program.
//!
//! One way after the other, each instruction for the registers and stacks of that way. Where
//! ways meet, a way ends that has nothing new: if it was walked from there, to the end, with
//! registers that could hold all that these can. Loops are walked round by round, so only
//! those end whose number of rounds the bounds of numbers limit.

use std::collections::{BTreeMap, VecDeque};

use super::call::returned;
use super::flow::{Flow, called};
use super::memory::Access;
use super::scalar::{Link, Scalar};
use super::target::{Context, Patience, Target};
use super::value::{Frame, Id, Object, Pointer, State, Value};
use crate::error::{Kind, VerifyError};
use crate::machine::{Alu, Extend, MAX_FRAMES, Reg, Size, Source, Symbol, Test, Width};
use crate::map::MapKind;
use crate::op::{Callee, Op};

/// How far a walk goes; the kernel's own limits are above all of these.
struct Limits {
    /// Most instructions that are walked; the kernel walks a million.
    steps: usize,
    /// Most states that are kept for one place: as many as a loop over the longest text has
    /// rounds, so that each is walked once.
    states_of_place: usize,
    /// Most ways that wait; the kernel lets 8192.
    waiting: usize,
}

impl Limits {
    const fn of(patience: Patience) -> Self {
        match patience {
            Patience::Usual => Self { steps: 100_000, states_of_place: 32, waiting: 4_096 },
            Patience::Long => Self { steps: 250_000, states_of_place: 1_100, waiting: 6_000 },
        }
    }
}

/// Comparisons of states that count as an instruction, so that time has a bound.
const COMPARED_PER_STEP: usize = 32;

/// Most states that are kept in all.
const MAX_STATES: usize = 20_000;

/// Largest unknown part of an offset, and largest known one; the kernel's limits are twice that.
const MAX_OFFSET: i64 = 1 << 28;

/// A place where ways meet, as one of them came there.
struct Node {
    parent: Option<usize>,
    /// Ways from here that are not at their end.
    pending: usize,
}

/// The walk.
pub(super) struct Explorer<'a> {
    ops: &'a [Op],
    flow: &'a Flow,
    pub(super) target: &'a Target<'a>,
    limits: Limits,
    nodes: Vec<Node>,
    /// For each place the states that were there, and their nodes.
    seen: BTreeMap<usize, VecDeque<(usize, State)>>,
    kept: usize,
    waiting: Vec<(usize, State, Option<usize>)>,
    ids: Id,
    /// States that were compared.
    compared: usize,
    /// Bytes of stack that each function uses.
    pub(super) stacks: Vec<i64>,
}

/// Where a way goes on.
enum Next {
    At(usize),
    Both { no: usize, yes: usize, taken: Box<State> },
    End,
}

/// The value of a register that must have one.
pub(super) fn known(state: &State, reg: Reg) -> Result<Value, Kind> {
    let value = state.get(reg);
    if value == Value::Unset { Err(Kind::Unset { reg }) } else { Ok(value) }
}

impl<'a> Explorer<'a> {
    pub(super) fn new(ops: &'a [Op], flow: &'a Flow, target: &'a Target<'a>) -> Self {
        Self {
            ops,
            flow,
            target,
            limits: Limits::of(target.patience),
            nodes: Vec::new(),
            seen: BTreeMap::new(),
            kept: 0,
            waiting: Vec::new(),
            ids: 0,
            compared: 0,
            stacks: vec![0; flow.functions.len()],
        }
    }

    pub(super) const fn new_id(&mut self) -> Id {
        self.ids += 1;
        self.ids
    }

    /// What is loaded with the program has to be there even where no way leads.
    pub(super) fn check_symbols(&self) -> Result<(), VerifyError> {
        for (pc, op) in self.ops.iter().enumerate() {
            let found = if let Op::Address(_, symbol) = op {
                self.address(*symbol).map(|_| ())
            } else if matches!(op, Op::Call(Callee::Kernel(..))) {
                Err(Kind::NotThere { what: "function" })
            } else {
                Ok(())
            };
            found.map_err(|kind| VerifyError { pc, kind })?;
        }
        Ok(())
    }

    /// Walks all ways.
    pub(super) fn run(&mut self) -> Result<(), VerifyError> {
        let mut frame = Frame::new(0, 0, 0);
        frame.set(Reg::R1, Value::Context);
        let start = State { frames: vec![frame], records: Vec::new() };
        self.waiting.push((0, start, None));
        let mut steps = 0;
        while let Some((mut pc, mut state, mut node)) = self.waiting.pop() {
            loop {
                steps += 1;
                let at = |kind| VerifyError { pc, kind };
                if steps + self.compared / COMPARED_PER_STEP > self.limits.steps
                    || self.waiting.len() > self.limits.waiting
                {
                    return Err(at(Kind::TooComplex));
                }
                if self.flow.meets.get(pc).copied().unwrap_or(false) {
                    match self.meet(pc, &state, node).map_err(at)? {
                        Some(new) => node = Some(new),
                        None => break,
                    }
                }
                match self.step(pc, &mut state).map_err(at)? {
                    Next::At(next) => pc = next,
                    Next::Both { no, yes, taken } => {
                        if let Some(node) = node.and_then(|node| self.nodes.get_mut(node)) {
                            node.pending += 1;
                        }
                        self.waiting.push((yes, *taken, node));
                        pc = no;
                    }
                    Next::End => break,
                }
            }
            self.finish(node);
        }
        Ok(())
    }

    /// A way has come to its end: nodes all of whose ways have are done.
    fn finish(&mut self, mut node: Option<usize>) {
        while let Some(done) = node.and_then(|node| self.nodes.get_mut(node)) {
            done.pending = done.pending.saturating_sub(1);
            node = if done.pending == 0 { done.parent } else { None };
        }
    }

    /// Comes to a place where ways meet: its new node, or nothing if the way ends here.
    fn meet(
        &mut self,
        pc: usize,
        state: &State,
        parent: Option<usize>,
    ) -> Result<Option<usize>, Kind> {
        let live = |depth: usize| {
            let at = state.frames.get(depth + 1).map_or(pc, |frame| frame.back);
            self.flow.live.get(at).copied().unwrap_or(u16::MAX)
        };
        let seen = self.seen.entry(pc).or_default();
        for (node, before) in seen.iter().rev() {
            self.compared += 1;
            let is_done = self.nodes.get(*node).is_some_and(|node| node.pending == 0);
            if !before.covers(state, &live) {
                continue;
            }
            if is_done {
                return Ok(None);
            }
            if state.covers(before, &live) {
                // Round and round with the same registers, for all we know.
                return Err(Kind::TooComplex);
            }
        }
        let node = self.nodes.len();
        self.nodes.push(Node { parent, pending: 1 });
        if seen.len() >= self.limits.states_of_place {
            seen.pop_front();
            self.kept -= 1;
        }
        if self.kept < MAX_STATES {
            seen.push_back((node, state.clone()));
            self.kept += 1;
        }
        Ok(Some(node))
    }

    fn step(&mut self, pc: usize, state: &mut State) -> Result<Next, Kind> {
        let Some(op) = self.ops.get(pc).copied() else { return Err(Kind::NoFinalExit) };
        match op {
            Op::Alu(width, alu, dst, operand) => {
                let value = arithmetic(state, width, alu, dst, operand)?;
                state.set(dst, value);
            }
            Op::Mov(width, dst, operand) => {
                link(state, operand, Link::Copy);
                let value = operand_value(state, operand)?;
                let value = match width {
                    Width::W64 => value,
                    Width::W32 => Value::Scalar(
                        only_number(&value, operand, dst)?.extended(Extend::Zero, Size::B4),
                    ),
                };
                state.set(dst, value);
            }
            Op::MovSx(width, dst, src, size) => {
                link(state, Source::X(src), Link::Changed);
                let value = known(state, src)?;
                let mut number = only_number(&value, Source::X(src), dst)?;
                number = number.extended(Extend::Sign, size);
                if width == Width::W32 {
                    number = number.extended(Extend::Zero, Size::B4);
                }
                state.set(dst, Value::Scalar(number));
            }
            Op::Neg(_, dst) | Op::Swap(_, dst, _) => {
                only_number(&known(state, dst)?, Source::X(dst), dst)?;
                state.set(dst, Value::Scalar(Scalar::UNKNOWN));
            }
            Op::Wide(dst, value) => state.set(dst, Value::Scalar(Scalar::constant(value))),
            Op::Address(dst, symbol) => state.set(dst, self.address(symbol)?),
            Op::Load { size, extend, dst, base, offset } => {
                let value = self.load(state, Access { size, base, offset }, extend)?;
                state.set(dst, value);
            }
            Op::Store { size, base, offset, value } => {
                link(state, value, Link::Copy);
                self.store(state, Access { size, base, offset }, value)?;
            }
            Op::Atomic { width, atomic, base, offset, src } => {
                self.atomic(state, (width, atomic), (base, offset), src)?;
            }
            Op::Jump { width, left, test, right, .. } => {
                let yes = target(pc, op)?;
                return branch(state, (width, test), left, right, (pc + 1, yes));
            }
            Op::Goto(_) | Op::GotoLong(_) => return Ok(Next::At(target(pc, op)?)),
            Op::Call(Callee::Helper(id)) => self.call_helper(state, id)?,
            Op::Call(Callee::Kernel(..)) => return Err(Kind::NotThere { what: "function" }),
            Op::Call(Callee::Function(_)) => return self.enter(pc, op, state),
            Op::Exit => return self.exit(state),
            Op::Packet(..) | Op::Second => return Err(Kind::Packet),
        }
        Ok(Next::At(pc + op.slots()))
    }

    fn address(&self, symbol: Symbol) -> Result<Value, Kind> {
        let by_place = |index: i32| usize::try_from(index).ok();
        let by_descriptor = |fd: i32| {
            let found = self.target.descriptors.iter().find(|(other, _)| *other == fd);
            found.map(|(_, place)| *place)
        };
        let (place, offset) = match symbol {
            Symbol::MapIndex(index) => (by_place(index), None),
            Symbol::MapFd(fd) => (by_descriptor(fd), None),
            Symbol::MapIndexValue(index, offset) => (by_place(index), Some(offset)),
            Symbol::MapFdValue(fd, offset) => (by_descriptor(fd), Some(offset)),
            Symbol::Variable(..) => return Err(Kind::NotThere { what: "variable" }),
            Symbol::Function(_) => return Err(Kind::NotThere { what: "function's address" }),
        };
        let missing = Kind::NotThere { what: "map" };
        let place = place.ok_or(missing)?;
        let spec = self.target.maps.get(place).ok_or(missing)?;
        // Programs on request may sleep, and the kernel keeps these from them.
        if spec.kind == MapKind::CgroupArray && self.target.context == Context::Syscall {
            return Err(Kind::NotThere {
                what: "map of control groups in a program that may sleep",
            });
        }
        let Some(offset) = offset else { return Ok(Value::Map(place)) };
        let is_array = spec.kind == MapKind::Array && spec.max_entries == 1;
        if !is_array || offset >= spec.value_size {
            return Err(Kind::NotThere { what: "map with one value" });
        }
        let start = Pointer::start(Object::MapValue(place, spec.value_size));
        Ok(Value::Pointer(Pointer { fixed: offset.into(), ..start }))
    }

    fn enter(&self, pc: usize, op: Op, state: &mut State) -> Result<Next, Kind> {
        let depth = state.frames.len();
        let start = called(pc, op).ok_or(Kind::NoFinalExit)?;
        if depth >= MAX_FRAMES {
            return Err(Kind::TooDeep { what: "more than 8 functions call each other" });
        }
        let mut frame = Frame::new(depth, self.flow.function_of(start), pc + 1);
        for reg in [Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5] {
            frame.set(reg, state.get(reg));
            state.set(reg, Value::Unset);
        }
        state.set(Reg::R0, Value::Unset);
        state.frames.push(frame);
        Ok(Next::At(start))
    }

    fn exit(&self, state: &mut State) -> Result<Next, Kind> {
        let value = returned(state)?;
        if state.frames.len() > 1 {
            let back = state.frames.pop().map_or(0, |frame| frame.back);
            state.set(Reg::R0, Value::Scalar(value));
            return Ok(Next::At(back));
        }
        if !state.records.is_empty() {
            return Err(Kind::RecordKept);
        }
        let (min, max) = self.target.returns;
        if value.smin < min || value.smax > max {
            return Err(Kind::BadReturn { min, max });
        }
        Ok(Next::End)
    }
}

fn target(pc: usize, op: Op) -> Result<usize, Kind> {
    let distance = op.distance().and_then(|distance| isize::try_from(distance).ok());
    distance.and_then(|distance| (pc + 1).checked_add_signed(distance)).ok_or(Kind::NoFinalExit)
}

fn operand_value(state: &State, operand: Source) -> Result<Value, Kind> {
    match operand {
        Source::K(k) => Ok(Value::Scalar(Scalar::constant(i64::from(k).cast_unsigned()))),
        Source::X(reg) => known(state, reg),
    }
}

fn only_number(value: &Value, from: Source, dst: Reg) -> Result<Scalar, Kind> {
    let reg = if let Source::X(reg) = from { reg } else { dst };
    super::memory::number(value, "computed with").map_err(|_| Kind::AddressArithmetic { reg })
}

fn arithmetic(
    state: &State,
    width: Width,
    alu: Alu,
    dst: Reg,
    operand: Source,
) -> Result<Value, Kind> {
    let (a, b) = (known(state, dst)?, operand_value(state, operand)?);
    let moves = width == Width::W64 && alu == Alu::Add;
    match (a, b) {
        (Value::Scalar(a), Value::Scalar(b)) => Ok(Value::Scalar(a.alu(width, alu, &b))),
        (Value::Pointer(pointer), Value::Scalar(by)) if moves => moved(pointer, &by, dst),
        (Value::Scalar(by), Value::Pointer(pointer)) if moves => moved(pointer, &by, dst),
        (Value::Structure(_) | Value::Opaque | Value::Task, Value::Scalar(by))
            if moves && is_member(&by) =>
        {
            Ok(Value::Opaque)
        }
        (Value::Scalar(_), _) => Err(Kind::AddressArithmetic {
            reg: if let Source::X(reg) = operand { reg } else { dst },
        }),
        _ => Err(Kind::AddressArithmetic { reg: dst }),
    }
}

/// Whether a number can be the offset of a member in a structure of the kernel.
fn is_member(by: &Scalar) -> bool {
    let offset = by.as_constant().filter(|_| !by.doubtful);
    offset.is_some_and(|offset| offset < MAX_OFFSET.unsigned_abs())
}

/// An address and a bounded number.
fn moved(pointer: Pointer, by: &Scalar, reg: Reg) -> Result<Value, Kind> {
    let small = |offset: i64| offset.abs() < MAX_OFFSET;
    let refused = Err(Kind::AddressArithmetic { reg });
    if by.doubtful {
        return refused;
    }
    if let Some(constant) = by.as_constant() {
        let constant = constant.cast_signed();
        if constant.checked_abs().is_none_or(|size| size >= MAX_OFFSET) {
            return refused;
        }
        let fixed = pointer.fixed.saturating_add(constant);
        if !small(fixed) {
            return refused;
        }
        return Ok(Value::Pointer(Pointer { fixed, ..pointer }));
    }
    if by.smin <= -MAX_OFFSET || by.smax >= MAX_OFFSET {
        return refused;
    }
    let varying = pointer.varying.alu(Width::W64, Alu::Add, by);
    if varying.smin <= -MAX_OFFSET || varying.smax >= MAX_OFFSET {
        return refused;
    }
    Ok(Value::Pointer(Pointer { varying, ..pointer }))
}

/// The number in a register gets a relative.
fn link(state: &mut State, operand: Source, link: Link) {
    if let Source::X(reg) = operand
        && let Value::Scalar(scalar) = state.get(reg)
    {
        state.set(reg, Value::Scalar(scalar.linked(link)));
    }
}

/// Both ways of a conditional jump, or the one that can be taken.
fn branch(
    state: &mut State,
    (width, test): (Width, Test),
    left: Reg,
    right: Source,
    (no, yes): (usize, usize),
) -> Result<Next, Kind> {
    let (a, b) = (known(state, left)?, operand_value(state, right)?);
    let zero = matches!(&b, Value::Scalar(b) if b.as_constant() == Some(0));
    let equality = width == Width::W64 && matches!(test, Test::Eq | Test::Ne);
    match (a, b) {
        (Value::Scalar(a), Value::Scalar(b)) => {
            if let Some(holds) = a.decide(width, test, &b) {
                return Ok(Next::At(if holds { yes } else { no }));
            }
            if a.as_constant().is_none() && b.as_constant().is_none() {
                state.doubt(|_| true);
            } else if a.link.max(b.link) > Link::None && state.has_link(Link::Changed) {
                state.doubt(|scalar| scalar.link > Link::None);
            }
            let (Value::Scalar(a), Value::Scalar(b)) =
                (known(state, left)?, operand_value(state, right)?)
            else {
                return Err(Kind::Unset { reg: left });
            };
            let mut taken = Box::new(state.clone());
            refine(&mut taken, (width, test), (left, a), (right, b), true);
            refine(state, (width, test), (left, a), (right, b), false);
            Ok(Next::Both { no, yes, taken })
        }
        (Value::MaybeNull(_, id), _) if zero && equality => {
            let mut taken = Box::new(state.clone());
            taken.settle(id, test == Test::Eq);
            state.settle(id, test != Test::Eq);
            Ok(Next::Both { no, yes, taken })
        }
        (Value::Scalar(_), _) => Err(Kind::AddressArithmetic {
            reg: if let Source::X(reg) = right { reg } else { left },
        }),
        _ if zero && equality => {
            let taken = Box::new(state.clone());
            Ok(Next::Both { no, yes, taken })
        }
        _ => Err(Kind::AddressArithmetic { reg: left }),
    }
}

/// What the outcome of a test says about the two numbers, if one of them is known. The kernel
/// says more, and where one is a copy of the other it says something else.
fn refine(
    state: &mut State,
    (width, test): (Width, Test),
    (left, a): (Reg, Scalar),
    (right, b): (Source, Scalar),
    holds: bool,
) {
    let refined = |number: &Scalar, test: Test, other: &Scalar| match (test, holds) {
        (_, true) => number.refined(width, test, other),
        (_, false) => match test.negated() {
            Some(negated) => number.refined(width, negated, other),
            None => number.without_bits(width, other),
        },
    };
    if b.as_constant().is_some() {
        state.set(left, Value::Scalar(refined(&a, test, &b)));
    } else if let (Some(_), Source::X(right)) = (a.as_constant(), right) {
        state.set(right, Value::Scalar(refined(&b, test.exchanged(), &a)));
    }
}
