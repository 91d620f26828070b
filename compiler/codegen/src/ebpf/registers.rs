//! Which register holds what: values are loaded where a way first needs them, and stay.
//!
//! A node is entered from several places, which know different things. What all of them know
//! is what the node starts with; an edge that knows more enters behind the instructions that
//! it does not need. So a node is a list of steps, each with what holds in front of it, and an
//! edge may enter at a step if it knows all of that.

use filterc_ebpf::{Insn, code};

use super::insns::{self, Operand, SCRATCH};
use super::select::{Question, Selected};
use super::value::{COUNT, Reg, Value};

/// What the registers hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State([Option<Value>; COUNT]);

impl State {
    /// One value, at its home.
    pub(super) fn only(value: Value) -> Self {
        let mut state = Self::default();
        state.set(value.home(), value);
        state
    }

    fn get(&self, reg: Reg) -> Option<Value> {
        self.0.get(reg.index()).copied().flatten()
    }

    fn set(&mut self, reg: Reg, value: Value) {
        if let Some(slot) = self.0.get_mut(reg.index()) {
            *slot = Some(value);
        }
    }

    fn find(&self, value: Value) -> Option<Reg> {
        Reg::all().find(|reg| self.get(*reg) == Some(value))
    }

    /// The same without a value.
    fn without(mut self, value: Option<Value>) -> Self {
        for slot in self.0.iter_mut().filter(|slot| value.is_some() && **slot == value) {
            *slot = None;
        }
        self
    }

    /// What both hold.
    pub(super) fn meet(&self, other: &Self) -> Self {
        let mut both = *self;
        for (slot, other) in both.0.iter_mut().zip(other.0) {
            if *slot != other {
                *slot = None;
            }
        }
        both
    }

    /// Whether everything that the other holds is held here.
    pub(super) fn has_all(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).all(|(own, other)| other.is_none() || *own == other)
    }
}

/// What is needed below a node, whatever way is gone.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    /// Whole values, by their bits.
    whole: u64,
    /// Values with several masks, by their bits.
    several: u64,
    /// One of the masks of each value that has some, sorted by where it is.
    masks: Vec<(u8, u64)>,
}

impl Needs {
    /// Adds a value.
    pub(super) fn add(&mut self, value: Value) {
        if value == value.whole() {
            self.whole |= value.bit();
            return;
        }
        match self.masks.binary_search_by_key(&value.source(), |(source, _)| *source) {
            Ok(at) => {
                if self.masks.get(at).is_some_and(|(_, mask)| *mask != value.mask) {
                    self.several |= value.bit();
                }
            }
            Err(at) => self.masks.insert(at, (value.source(), value.mask)),
        }
    }

    /// Adds what is needed below another node.
    pub(super) fn add_all(&mut self, other: &Self) {
        self.whole |= other.whole;
        self.several |= other.several;
        for (source, mask) in &other.masks {
            match self.masks.binary_search_by_key(source, |(source, _)| *source) {
                Ok(at) => {
                    if self.masks.get(at).is_some_and(|(_, own)| own != mask) {
                        self.several |= 1 << source;
                    }
                }
                Err(at) => self.masks.insert(at, (*source, *mask)),
            }
        }
    }

    fn mask_of(&self, value: Value) -> Option<u64> {
        let at = self.masks.binary_search_by_key(&value.source(), |(source, _)| *source).ok()?;
        self.masks.get(at).map(|(_, mask)| *mask)
    }

    /// Whether the whole is needed still when some bits of it are there.
    fn whole_beside(&self, value: Value) -> bool {
        (self.whole | self.several) & value.bit() != 0
            || self.mask_of(value).is_some_and(|mask| mask != value.mask)
    }

    fn has(&self, value: Value) -> bool {
        let is_whole = value == value.whole();
        let whole = is_whole && self.whole & value.bit() != 0;
        whole || (self.several & value.bit() != 0) || self.mask_of(value).is_some()
    }
}

/// What is known of a node's edges while they are met.
#[derive(Clone, Debug, Default)]
pub(super) struct Incoming {
    /// What all of them hold; nothing before the first.
    state: Option<State>,
    /// Where some of them hold what the node needs, or the whole of it.
    hints: Vec<(Value, Reg)>,
}

impl Incoming {
    /// Adds an edge.
    pub(super) fn add(&mut self, edge: &State, question: Option<&Question>) {
        self.state = Some(self.state.map_or(*edge, |state| state.meet(edge)));
        for value in question.into_iter().flat_map(Question::wants) {
            for value in [value, value.whole()] {
                if self.hints.iter().all(|(known, _)| *known != value) {
                    self.hints.extend(edge.find(value).map(|reg| (value, reg)));
                }
            }
        }
    }
}

/// An instruction, and what holds in front of it if a node may be entered there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) insn: Insn,
    pub(super) enter: Option<State>,
}

/// A node, ready to be written.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// What is done before the jump.
    pub(super) steps: Vec<Step>,
    /// The jump, and what holds in front of it if the node may be entered there.
    pub(super) jump: Step,
    /// What holds behind it, where it is taken and where not.
    pub(super) taken: State,
    pub(super) not_taken: State,
}

/// The instructions of a node, by what comes to it and what is needed below it.
pub(super) fn plan(selected: &Selected, incoming: &Incoming, below: &Needs) -> Plan {
    let state = incoming.state.unwrap_or_default();
    let pinned = selected.question.wants().filter_map(|value| state.find(value)).collect();
    let hints = &incoming.hints;
    let mut planner = Planner { state, hints, below, pinned, scratch: false, steps: Vec::new() };
    let insn = planner.question(&selected.question);
    let jump = Step { insn, enter: planner.enter() };
    let Planner { state, steps, .. } = planner;
    Plan { steps, jump, taken: state.without(selected.question.fixed()), not_taken: state }
}

struct Planner<'p> {
    state: State,
    hints: &'p [(Value, Reg)],
    below: &'p Needs,
    /// Registers of this question.
    pinned: Vec<Reg>,
    /// Whether the scratch register holds something that the next instructions need.
    scratch: bool,
    steps: Vec<Step>,
}

impl Planner<'_> {
    /// Does what a question needs; the jump that asks it.
    fn question(&mut self, question: &Question) -> Insn {
        match *question {
            Question::Constant { op, value, k } => {
                let reg = self.hold(value);
                let operand = self.operand(value.wide, k);
                insns::jump(op, value.wide, reg.number(), operand)
            }
            Question::Values { op, left, right } => {
                let (left_reg, right_reg) = (self.hold(left), self.hold(right));
                let operand = Operand::Register(right_reg.number());
                insns::jump(op, left.wide, left_reg.number(), operand)
            }
            Question::Differ { left, right, mask } => {
                let (left_reg, right_reg) = (self.hold(left), self.hold(right));
                self.scratch(vec![insns::copy(SCRATCH, left_reg)]);
                self.step(insns::xor(SCRATCH, left.wide, right_reg));
                match (left.wide, insns::extended(mask)) {
                    (true, None) => {
                        // There is one scratch register: the mask gets one of its own.
                        let reg = self.room(None);
                        for insn in insns::constant(reg.number(), mask) {
                            self.step(insn);
                        }
                        let operand = Operand::Register(reg.number());
                        insns::jump(code::JSET, true, SCRATCH, operand)
                    }
                    (wide, _) => {
                        let operand = Operand::Constant(word(mask));
                        insns::jump(code::JSET, wide, SCRATCH, operand)
                    }
                }
            }
        }
    }

    /// What an edge has to know to enter here; no edge knows the scratch register.
    fn enter(&self) -> Option<State> {
        (!self.scratch).then_some(self.state)
    }

    fn step(&mut self, insn: Insn) {
        self.steps.push(Step { insn, enter: self.enter() });
    }

    fn scratch(&mut self, insns: Vec<Insn>) {
        for insn in insns {
            self.step(insn);
            self.scratch = true;
        }
    }

    /// A constant as an instruction takes it, or in the scratch register.
    fn operand(&mut self, wide: bool, k: u64) -> Operand {
        if !wide {
            return Operand::Constant(word(k));
        }
        if let Some(imm) = insns::extended(k) {
            return Operand::Constant(imm);
        }
        self.scratch(insns::constant(SCRATCH, k));
        Operand::Register(SCRATCH)
    }

    /// Sees to it that a value is in a register.
    fn hold(&mut self, value: Value) -> Reg {
        let reg = match self.state.find(value) {
            Some(reg) => reg,
            None if value == value.whole() => {
                let reg = self.room(Some(value));
                self.step(insns::load(reg, value));
                self.state.set(reg, value);
                reg
            }
            None => self.masked(value),
        };
        self.pinned.push(reg);
        reg
    }

    fn masked(&mut self, value: Value) -> Reg {
        let from = self.hold(value.whole());
        let reg = if self.below.whole_beside(value) {
            let reg = self.room(Some(value));
            self.step(insns::copy(reg.number(), from));
            self.state.set(reg, value.whole());
            reg
        } else {
            from
        };
        let operand = self.operand(value.wide, value.mask);
        self.step(insns::and(reg, value.wide, operand));
        self.scratch = false;
        self.state.set(reg, value);
        reg
    }

    /// A register for a value, or for something that nobody will know: where edges have it
    /// already, at home, where nothing is, or where something is that is not needed any more.
    fn room(&mut self, value: Option<Value>) -> Reg {
        let is_pinned = |reg: &Reg| self.pinned.contains(reg);
        let is_free = |reg: &Reg| {
            let held = self.state.get(*reg);
            !is_pinned(reg) && held.is_none_or(|held| !self.below.has(held))
        };
        let hints = self.hints.iter().filter(|(known, _)| Some(*known) == value);
        let hinted = hints.map(|(_, reg)| *reg);
        let home = value.map(Value::home);
        let first = hinted.chain(home).find(is_free);
        let empty = || Reg::all().find(|reg| is_free(reg) && self.state.get(*reg).is_none());
        let unneeded = || Reg::all().find(is_free);
        let any = || Reg::all().find(|reg| !is_pinned(reg));
        let found = first.or_else(empty).or_else(unneeded).or_else(any);
        // Three are pinned at most, so there is one.
        let reg = found.unwrap_or(Reg::FIRST);
        if let Some(slot) = self.state.0.get_mut(reg.index()) {
            *slot = None;
        }
        reg
    }
}

/// A constant of 32 bits, or one that is extended to 64, as instructions have it.
fn word(value: u64) -> i32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or_default().cast_signed()
}
