//! Sequences of events as automata: which of them are under way, in bounded memory for each task.
//!
//! Of all ways in which the first `i` events of a sequence can have happened, only the one whose
//! first event is the latest is kept: whatever ends one of the others in time ends that one too.
//! So a task has one moment for each event but the last, and none if nothing is under way.

use std::collections::BTreeMap;

/// In how much behind its first event all others must happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// So many calls of the task: the one of the first event is the 0th.
    Calls(u64),
    /// So many nanoseconds.
    Nanoseconds(u64),
}

/// Tasks with something under way, at most.
pub const MAX_TASKS: usize = 1 << 16;

/// What happens to a task, as an automaton sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The process, or the thread.
    pub task: u32,
    /// Nanoseconds since some moment in the past.
    pub time: u64,
    /// Whether it is a call that ended.
    pub is_call: bool,
}

/// When a way began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Start {
    calls: u64,
    time: u64,
}

/// What is under way in a task.
#[derive(Clone, Debug)]
struct State {
    /// Calls since something is under way.
    calls: u64,
    /// By event: the latest start of a way up to it.
    starts: Vec<Option<Start>>,
}

/// One sequence, in all tasks.
#[derive(Clone, Debug)]
pub struct Automaton {
    within: Within,
    length: usize,
    tasks: BTreeMap<u32, State>,
    forgotten: u64,
}

impl Automaton {
    /// A sequence of `length` events, nothing of it under way.
    #[must_use]
    pub const fn new(within: Within, length: usize) -> Self {
        Self { within, length, tasks: BTreeMap::new(), forgotten: 0 }
    }

    /// Tasks of which was forgotten what was under way: there were more than [`MAX_TASKS`].
    #[must_use]
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Tasks with something under way.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// Whether something is under way in a task.
    #[must_use]
    pub fn is_under_way(&self, task: u32) -> bool {
        self.tasks.contains_key(&task)
    }

    /// Something happened; `is` says whether it is the event of that position. True if with it
    /// the whole sequence has happened: then nothing is under way in the task any more.
    pub fn happened(&mut self, moment: Moment, mut is: impl FnMut(usize) -> bool) -> bool {
        let mut state = self.tasks.remove(&moment.task).unwrap_or_else(|| State {
            calls: 0,
            starts: vec![None; self.length.saturating_sub(1)],
        });
        state.calls += u64::from(moment.is_call);
        let now = Start { calls: state.calls, time: moment.time };
        for start in &mut state.starts {
            *start = start.filter(|start| self.reaches(*start, now));
        }
        // From the last: what happens is one event of a way, not two.
        for at in (0..self.length).rev() {
            let before = match at.checked_sub(1) {
                None => Some(now),
                Some(before) => state.starts.get(before).copied().flatten(),
            };
            let Some(start) = before.filter(|_| is(at)) else { continue };
            match state.starts.get_mut(at) {
                Some(known) => *known = (*known).max(Some(start)),
                None => return true,
            }
        }
        if state.starts.iter().any(Option::is_some) {
            self.make_room();
            self.tasks.insert(moment.task, state);
        }
        false
    }

    /// A task has ended.
    pub fn ended(&mut self, task: u32) {
        self.tasks.remove(&task);
    }

    fn reaches(&self, start: Start, now: Start) -> bool {
        match self.within {
            Within::Calls(calls) => now.calls - start.calls <= calls,
            Within::Nanoseconds(time) => now.time.saturating_sub(start.time) <= time,
        }
    }

    /// Forgets a task if there are too many: the one whose last start is the longest ago.
    fn make_room(&mut self) {
        if self.tasks.len() < MAX_TASKS {
            return;
        }
        let last = |state: &State| state.starts.iter().flatten().map(|start| start.time).max();
        let oldest = self.tasks.iter().min_by_key(|(_, state)| last(state)).map(|(task, _)| *task);
        if let Some(task) = oldest {
            self.tasks.remove(&task);
            self.forgotten += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that happened since the sequence last did, and whether it has now: by trying all ways.
    fn by_trying(within: Within, length: usize, all: &[(u64, bool, u8)]) -> bool {
        fn from(
            within: Within,
            length: usize,
            all: &[(u64, bool, u8)],
            (at, begin, first): (usize, usize, Option<usize>),
        ) -> bool {
            let last = all.len() - 1;
            (begin..all.len()).any(|next| {
                if all[next].2 >> at & 1 == 0 || (at + 1 == length) != (next == last) {
                    return false;
                }
                let first = first.unwrap_or(next);
                let calls = all[first + 1..=next].iter().filter(|it| it.1).count() as u64;
                let is_near = match within {
                    Within::Calls(limit) => calls <= limit,
                    Within::Nanoseconds(limit) => all[next].0 - all[first].0 <= limit,
                };
                is_near
                    && (at + 1 == length
                        || from(within, length, all, (at + 1, next + 1, Some(first))))
            })
        }
        from(within, length, all, (0, 0, None))
    }

    #[test]
    fn only_the_latest_start_matters() {
        let mut seed = 1_u64;
        let mut random = move |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        let mut complete = 0;
        for _ in 0..3_000 {
            let length = usize::try_from(1 + random(4)).unwrap();
            let within = match random(2) {
                0 => Within::Calls(random(6)),
                _ => Within::Nanoseconds(random(20)),
            };
            let mut automaton = Automaton::new(within, length);
            let mut all: Vec<(u64, bool, u8)> = Vec::new();
            let mut time = 0;
            for _ in 0..30 {
                time += random(8);
                let kind = u8::try_from(random(1 << length) & random(1 << length)).unwrap();
                all.push((time, random(3) > 0, kind));
                let (time, is_call, kind) = all[all.len() - 1];
                let moment = Moment { task: 7, time, is_call };
                let is = automaton.happened(moment, |at| kind >> at & 1 == 1);
                assert_eq!(is, by_trying(within, length, &all), "{within:?} {length} {all:?}");
                if is {
                    complete += 1;
                    all.clear();
                    assert_eq!(automaton.tasks(), 0);
                }
            }
        }
        assert!(complete > 1_000, "{complete}");
    }

    #[test]
    fn tasks_are_apart_and_end() {
        let mut automaton = Automaton::new(Within::Calls(3), 2);
        let at = |task, time| Moment { task, time, is_call: true };
        assert!(!automaton.happened(at(1, 0), |at| at == 0));
        assert!(!automaton.happened(at(2, 1), |at| at == 1));
        assert_eq!(automaton.tasks(), 1);
        automaton.ended(1);
        assert!(!automaton.happened(at(1, 2), |at| at == 1));
        assert_eq!(automaton.tasks(), 0);
    }

    #[test]
    fn the_oldest_is_forgotten_and_counted() {
        let mut automaton = Automaton::new(Within::Calls(3), 2);
        let tasks = u32::try_from(MAX_TASKS).unwrap();
        for task in 0..=tasks {
            let moment = Moment { task, time: task.into(), is_call: true };
            assert!(!automaton.happened(moment, |at| at == 0));
        }
        assert_eq!((automaton.tasks(), automaton.forgotten()), (MAX_TASKS, 1));
        let last = |task| Moment { task, time: 1 << 20, is_call: false };
        assert!(!automaton.happened(last(0), |at| at == 1));
        assert!(automaton.happened(last(1), |at| at == 1));
    }
}
