//! Where what a program has read is kept, and where it has to be read.
//!
//! On every way each text is read once, and so is each number that more than one question asks
//! for. Whether a way has read something is known at most places when the program is written; where
//! ways meet that differ in it, a word in the stack says so at run time.

use std::collections::{BTreeMap, BTreeSet};

use filterc_ebpf::machine::Reg;
use filterc_hir::event::filter::{COMM_LEN, USER_STRING_MAX};

use super::error::Kind;
use super::graph::{Graph, Id};
use super::monitor::KEY;
use super::question::{Question, Right};
use super::source::Source;

/// Where a text is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The register with an address …
    pub(super) base: Reg,
    /// … and how far behind it the text begins.
    pub(super) offset: i16,
    /// Bytes of its buffer, without room for what patterns look at behind it.
    pub(super) size: i32,
    /// The word in the stack with its length and the NUL, or an error; 0 if it was not read.
    pub(super) status: i16,
}

impl Place {
    /// The longest text; a mask of places in it.
    pub(super) const fn most(&self) -> i32 {
        self.size - 1
    }
}

/// Where something is kept.
#[derive(Clone, Copy, Debug)]
pub(super) enum Home {
    Register(Reg),
    /// A word in the stack.
    Slot(i16),
    Text(Place),
}

/// What a question needs that may not have been read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missing {
    pub(super) source: Source,
    /// Some way has read it, so the status has to be asked.
    pub(super) maybe: bool,
}

/// The plan of a program.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The branches, parents first.
    pub(super) order: Vec<Id>,
    homes: BTreeMap<Source, Home>,
    missing: BTreeMap<Id, Vec<Missing>>,
    /// What every way has read behind a branch.
    after: BTreeMap<Id, BTreeSet<Source>>,
    /// Texts whose status is asked before it is known to be there.
    pub(super) asked: BTreeSet<Source>,
    /// Whether anything of the record is read.
    pub(super) reads_record: bool,
    /// Bytes of the buffer for texts.
    pub(super) buffer: u32,
    /// A word of the buffer through which numbers go that the verifier shall forget.
    pub(super) scratch: i16,
}

/// Most texts: offsets in the buffer are those of instructions.
const MAX_TEXTS: usize = 24;

/// Registers that calls leave alone, but for the one with the context.
const KEPT: [Reg; 3] = [Reg::R9, Reg::R8, Reg::R7];

/// Registers that are free where nothing is called.
const FREE: [Reg; 3] = [Reg::R5, Reg::R4, Reg::R3];

impl Plan {
    pub(super) fn of(graph: &Graph) -> Result<Self, Kind> {
        let order = graph.reached();
        let mut plan = Self { order, ..Self::default() };
        let questions: Vec<&Question> =
            plan.order.iter().filter_map(|id| Some(&graph.branch(*id)?.0.question)).collect();
        plan.settle(&questions)?;
        plan.follow(graph);
        Ok(plan)
    }

    pub(super) fn home(&self, source: Source) -> Option<Home> {
        self.homes.get(&source).copied()
    }

    pub(super) fn text(&self, source: Source) -> Option<Place> {
        match self.home(source)? {
            Home::Text(place) => Some(place),
            Home::Register(_) | Home::Slot(_) => None,
        }
    }

    pub(super) fn missing(&self, id: Id) -> &[Missing] {
        self.missing.get(&id).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether nothing is missing at one branch where another one leads to it.
    pub(super) fn is_ready(&self, from: Id, to: Id) -> bool {
        let has = |source| self.after.get(&from).is_some_and(|after| after.contains(&source));
        self.missing(to).iter().all(|missing| has(missing.source))
    }

    /// What has to be read before a question is asked.
    fn sources(&self, question: &Question) -> Vec<Source> {
        let mut sources = question.sources();
        let in_buffer =
            |source: &Source| self.text(*source).is_some_and(|place| place.base != Reg::R10);
        if !sources.iter().any(in_buffer) {
            sources.retain(|source| *source != Source::Buffer);
        }
        sources
    }

    /// Gives everything a place.
    fn settle(&mut self, questions: &[&Question]) -> Result<(), Kind> {
        let mut uses: BTreeMap<Source, usize> = BTreeMap::new();
        let mut behind: BTreeMap<Source, usize> = BTreeMap::new();
        let mut searched = false;
        for question in questions {
            let weight = match question {
                // Two numbers at a time, and what one is called for would take the other.
                Question::Number(number) if matches!(number.right, Right::View(_)) => 2,
                Question::Match(Source::Comm, shape) => {
                    searched |= shape
                        .rest
                        .as_ref()
                        .is_some_and(|rest| !rest.middle.is_empty() || !rest.end.is_empty());
                    1
                }
                Question::Number(_) | Question::Readable(_) | Question::Match(..) => 1,
            };
            if let Question::Match(text, shape) = question {
                let longest = behind.entry(*text).or_default();
                *longest = shape.longest().max(*longest);
            }
            for source in question.sources() {
                *uses.entry(source).or_default() += weight;
            }
        }
        let in_record = |source: &Source| matches!(source, Source::Record(..) | Source::User(_));
        self.reads_record = uses.keys().any(in_record);
        let slots = self.settle_texts(&uses, &behind, searched)?;
        self.settle_numbers(&uses, slots);
        Ok(())
    }

    /// Texts of user memory are in the buffer. So is the thread's name where something is
    /// searched in it; else it is in the stack. Returns the end of the free stack.
    fn settle_texts(
        &mut self,
        uses: &BTreeMap<Source, usize>,
        behind: &BTreeMap<Source, usize>,
        comm_searched: bool,
    ) -> Result<i16, Kind> {
        let (mut stack, mut buffer, mut count) = (KEY, 0_i32, 0);
        let (comm_size, user_size) = (COMM_LEN, USER_STRING_MAX + 1);
        let bytes = |size: usize| i32::try_from(size).map_err(|_| Kind::TooManyTexts);
        for source in uses.keys() {
            let (size, in_buffer) = match source {
                Source::User(_) => (bytes(user_size)?, true),
                Source::Comm => (bytes(comm_size)?, comm_searched),
                Source::Record(..)
                | Source::Cpu
                | Source::PidTgid
                | Source::Process
                | Source::UidGid
                | Source::Group
                | Source::Cgroup
                | Source::Buffer => continue,
            };
            stack -= 8;
            let status = stack;
            let (base, offset) = if in_buffer {
                let offset = i16::try_from(buffer).map_err(|_| Kind::TooManyTexts)?;
                // Places of a pattern behind the text are looked at, and admit nothing there.
                let behind = behind.get(source).map_or(0, |longest| longest.next_multiple_of(8));
                buffer += size + bytes(behind)?;
                (Reg::R9, offset)
            } else {
                stack -= i16::try_from(size).map_err(|_| Kind::TooManyTexts)?;
                (Reg::R10, stack)
            };
            count += 1;
            self.homes.insert(*source, Home::Text(Place { base, offset, size, status }));
        }
        if count > MAX_TEXTS {
            return Err(Kind::TooManyTexts);
        }
        if buffer > 0 {
            self.scratch = i16::try_from(buffer).map_err(|_| Kind::TooManyTexts)?;
            self.buffer = u32::try_from(buffer + 8).map_err(|_| Kind::TooManyTexts)?;
            self.homes.insert(Source::Buffer, Home::Register(Reg::R9));
        }
        Ok(stack)
    }

    /// Numbers that are asked for more than once get registers, the most wanted first.
    fn settle_numbers(&mut self, uses: &BTreeMap<Source, usize>, mut stack: i16) {
        let calls = uses.keys().any(|source| source.is_called());
        let free: &[Reg] = if calls { &[] } else { &FREE };
        let is_taken = |reg: &&Reg| self.buffer > 0 && **reg == Reg::R9;
        let mut registers = KEPT.iter().chain(free).filter(|reg| !is_taken(reg)).copied().rev();
        let mut wanted: Vec<_> =
            uses.iter().filter(|(source, uses)| source.is_number() && **uses > 1).collect();
        // The sort is stable, so equal ones stay in their order.
        wanted.sort_by_key(|(_, uses)| std::cmp::Reverse(**uses));
        let homes: Vec<_> = wanted
            .into_iter()
            .filter_map(|(source, _)| match registers.next() {
                Some(register) => Some((*source, Home::Register(register))),
                // A number in the record is there anyway.
                None if !source.is_called() => None,
                None => {
                    stack -= 8;
                    Some((*source, Home::Slot(stack)))
                }
            })
            .collect();
        self.homes.extend(homes);
    }

    /// Follows all ways at once, from parents to children.
    fn follow(&mut self, graph: &Graph) {
        // For each branch: what all ways to it have read, and what some have.
        let mut before: BTreeMap<Id, (BTreeSet<Source>, BTreeSet<Source>)> = BTreeMap::new();
        for id in self.order.clone() {
            let (mut all, mut some) = before.remove(&id).unwrap_or_default();
            let Some((branch, _)) = graph.branch(id) else { continue };
            let needed: Vec<Source> = self.sources(&branch.question);
            let needed: Vec<Source> =
                needed.into_iter().filter(|source| self.homes.contains_key(source)).collect();
            let missing = needed.iter().filter(|source| !all.contains(source));
            let missing: Vec<Missing> = missing
                .map(|source| {
                    let is_text = matches!(self.home(*source), Some(Home::Text(_)));
                    Missing { source: *source, maybe: is_text && some.contains(source) }
                })
                .collect();
            self.asked.extend(missing.iter().filter(|one| one.maybe).map(|one| one.source));
            self.missing.insert(id, missing);
            all.extend(needed.iter().copied());
            some.extend(needed);
            for child in [branch.yes, branch.no] {
                match before.get_mut(&child) {
                    Some((every, any)) => {
                        every.retain(|source| all.contains(source));
                        any.extend(some.iter().copied());
                    }
                    None => {
                        before.insert(child, (all.clone(), some.clone()));
                    }
                }
            }
            self.after.insert(id, all);
        }
    }
}
