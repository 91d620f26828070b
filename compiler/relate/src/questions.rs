//! A decision about the arguments of one call as questions for whole fields, in words: what a
//! person would draw.
//!
//! Each question is for one field, and its answers are tests of it that exclude each other and
//! leave nothing out. Where fields are compared with each other, one question is for all that is
//! left, and its answers are predicates.

use std::collections::{BTreeMap, HashMap};

use filterc_abi as abi;
use filterc_check::{Answer, Ask, Decision};
use filterc_grammar::ast::{Predicate, PredicateKind};
use filterc_grammar::print;

use crate::extent::Subject;
use crate::fields::{Fields, Name};
use crate::formula::{Formula, MAX_COST, formula};
use crate::spell;
use crate::values::{Cube, Test, describe};

/// Where an answer leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Leads {
    /// To another question, by its place in [`Questions::all`].
    To(usize),
    /// To what is said, by its place in [`Decision::values`].
    Says(usize),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// When it is the answer, as a predicate of the language, negations with parentheses; `None`
    /// if we have no words for it.
    pub when: Option<String>,
    /// Where it leads.
    pub leads: Leads,
}

/// What is asked at one place: for one field, or for all that is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The field, as the language calls it; `None` where it is about several.
    pub field: Option<String>,
    /// The answers: two or more, those with the shortest words first.
    pub replies: Vec<Reply>,
}

/// All questions of a decision.
#[derive(Clone, Debug)]
pub struct Questions {
    /// Each leads to earlier ones.
    pub all: Vec<Question>,
    /// Where it begins.
    pub root: Leads,
    /// The field of each question, by its place in [`Fields`].
    slots: Vec<Option<usize>>,
    fields: Fields,
    /// Where in the diagram which question begins.
    made: HashMap<Answer, Leads>,
}

/// More ends of one question than these are not told apart.
const MAX_CUBES: usize = 4096;

/// More questions are no drawing.
const MAX_QUESTIONS: usize = 512;

/// The questions of a decision about one call.
#[must_use]
pub fn questions(decision: &Decision, subject: Subject) -> Questions {
    let Subject { arch, nr, endian } = subject;
    let known = abi::abi_of_call(arch, nr);
    let call = known.and_then(|abi| abi.syscall_by_nr(nr));
    let fields = Fields::new(known, call, endian, decision);
    let (all, slots, made) = (Vec::new(), Vec::new(), HashMap::new());
    let empty = Questions { all, root: Leads::Says(0), slots, fields, made };
    let mut build = Build { decision, abi: known, of: empty.clone() };
    match build.leads(decision.root) {
        Some(root) => Questions { root, ..build.of },
        None => Build { decision, abi: known, of: empty }.at_once(),
    }
}

impl Questions {
    /// The questions that are asked about a call, and its answers, by their places; `word` gives
    /// the call's words in the byte order that the decision is for.
    #[must_use]
    pub fn path(&self, decision: &Decision, word: impl Fn(u8) -> u32) -> Vec<(usize, usize)> {
        let mut path = Vec::new();
        let (mut leads, mut answer) = (self.root, decision.root);
        while let Leads::To(at) = leads {
            let slot = self.slots.get(at).copied().flatten();
            while let Answer::Ask(ask) = answer {
                let Some(ask) = decision.asks.get(ask) else { return path };
                if slot.is_some() && self.fields.bit_of(ask.word).map(|(of, _)| of) != slot {
                    break;
                }
                answer = if word(ask.word) >> ask.bit & 1 == 1 { ask.high } else { ask.low };
            }
            let next = match answer {
                Answer::Values(at) => Some(Leads::Says(at)),
                Answer::Ask(_) => self.made.get(&answer).copied(),
            };
            let replies = self.all.get(at).map(|question| question.replies.as_slice());
            let mut replies = replies.unwrap_or_default().iter();
            let reply = next.and_then(|next| replies.position(|reply| reply.leads == next));
            let (Some(next), Some(reply)) = (next, reply) else { return path };
            path.push((at, reply));
            leads = next;
        }
        path
    }
}

struct Build<'d> {
    decision: &'d Decision,
    abi: Option<&'static abi::Abi>,
    of: Questions,
}

impl Build<'_> {
    /// `None` if it cannot be asked field by field.
    fn leads(&mut self, answer: Answer) -> Option<Leads> {
        let at = match answer {
            Answer::Values(at) => return Some(Leads::Says(at)),
            Answer::Ask(at) => at,
        };
        if let Some(known) = self.of.made.get(&answer) {
            return Some(*known);
        }
        let slot = self.slot(at)?;
        let ends = self.ends(at, slot)?;
        let mut replies = Vec::with_capacity(ends.len());
        for (end, cubes) in &ends {
            let others: Vec<Cube> = ends
                .iter()
                .filter(|(other, _)| other != end)
                .flat_map(|(_, cubes)| cubes.iter().copied())
                .collect();
            let shape = self.of.fields.slots().get(slot)?.shape;
            let test = describe(cubes, &others, shape).filter(|it| it.cost() <= MAX_COST)?;
            let leads = self.leads(*end)?;
            replies.push((test.cost(), self.reply(slot, test, leads)));
        }
        replies.sort_by_key(|(cost, reply)| (*cost, reply.leads));
        let replies = replies.into_iter().map(|(_, reply)| reply).collect();
        let field = Some(self.field(slot)?);
        let leads = self.add(Question { field, replies }, slot)?;
        self.of.made.insert(answer, leads);
        Some(leads)
    }

    fn add(&mut self, question: Question, slot: usize) -> Option<Leads> {
        if self.of.all.len() >= MAX_QUESTIONS {
            return None;
        }
        self.of.all.push(question);
        self.of.slots.push(Some(slot));
        Some(Leads::To(self.of.all.len() - 1))
    }

    fn slot(&self, at: usize) -> Option<usize> {
        let ask = self.decision.asks.get(at)?;
        Some(self.of.fields.bit_of(ask.word)?.0)
    }

    fn field(&self, slot: usize) -> Option<String> {
        Some(match self.of.fields.slots().get(slot)?.name {
            Name::Named(name) => name.to_owned(),
            Name::Register(register) => format!("args[{register}]"),
            Name::InstructionPointer => "instruction_pointer".to_owned(),
        })
    }

    fn reply(&self, slot: usize, test: Test, leads: Leads) -> Reply {
        let predicate = spell::predicate(&Formula::Test(slot, test), &self.of.fields, self.abi);
        Reply { when: Some(text(&predicate)), leads }
    }

    /// Where the questions for one field lead, and for which of its numbers; `None` if there are
    /// too many, or another field is asked for in between: the two are compared.
    fn ends(&self, at: usize, slot: usize) -> Option<Vec<(Answer, Vec<Cube>)>> {
        let mut ends: Vec<(Answer, Vec<Cube>)> = Vec::new();
        let mut places: HashMap<Answer, usize> = HashMap::new();
        let mut waiting = vec![(Answer::Ask(at), Cube { value: 0, mask: 0 })];
        let mut count = 0;
        while let Some((answer, cube)) = waiting.pop() {
            let ask = match answer {
                Answer::Ask(at) => self.decision.asks.get(at),
                Answer::Values(_) => None,
            };
            let own = ask.and_then(|ask| {
                let (of, shift) = self.of.fields.bit_of(ask.word)?;
                (of == slot).then_some((ask, ask.bit + shift))
            });
            if let Some((ask, bit)) = own {
                let mask = cube.mask | 1 << bit;
                waiting.push((ask.high, Cube { value: cube.value | 1 << bit, mask }));
                waiting.push((ask.low, Cube { value: cube.value, mask }));
                continue;
            }
            count += 1;
            if count > MAX_CUBES || ask.is_some_and(|_| self.asks_again(answer, slot)) {
                return None;
            }
            let place = *places.entry(answer).or_insert_with(|| {
                ends.push((answer, Vec::new()));
                ends.len() - 1
            });
            ends.get_mut(place)?.1.push(cube);
        }
        Some(ends)
    }

    /// Whether below other questions there can be one for this field: its bits are not asked for
    /// one after the other.
    fn asks_again(&self, from: Answer, slot: usize) -> bool {
        let Answer::Ask(at) = from else { return false };
        let level = |ask: &Ask| self.decision.level(ask.word, ask.bit);
        let is_own = |ask: &&Ask| self.of.fields.bit_of(ask.word).is_some_and(|(of, _)| of == slot);
        let last = self.decision.asks.iter().filter(is_own).map(level).max();
        self.decision.asks.get(at).map(level) < last
    }

    /// One question for everything: when what is said, by what is said.
    fn at_once(mut self) -> Questions {
        let decision = self.decision;
        let mut found: BTreeMap<usize, Option<(usize, Predicate)>> = BTreeMap::new();
        let said: Vec<&[u32]> = decision.said().collect();
        for (at, values) in decision.values.iter().enumerate() {
            if !said.contains(&values.as_slice()) {
                continue;
            }
            let words = formula(decision, &self.of.fields, |other| other == values.as_slice());
            let words = words.map(|formula| {
                (formula.cost(), spell::predicate(&formula, &self.of.fields, self.abi))
            });
            found.insert(at, words);
        }
        // The longest words are those of what is left.
        let words = |at: usize, cost: usize, when| (cost, Reply { when, leads: Leads::Says(at) });
        let mut replies: Vec<(usize, Reply)> = found
            .into_iter()
            .map(|(at, found)| match found {
                Some((cost, predicate)) => words(at, cost, Some(text(&predicate))),
                None => words(at, usize::MAX, None),
            })
            .collect();
        replies.sort_by_key(|(cost, reply)| (*cost, reply.leads));
        let replies = replies.into_iter().map(|(_, reply)| reply).collect();
        self.of.all.push(Question { field: None, replies });
        self.of.slots.push(None);
        Questions { root: Leads::To(0), ..self.of }
    }
}

/// A predicate as a part of others.
fn text(predicate: &Predicate) -> String {
    let text = print::predicate(predicate);
    if matches!(predicate.kind, PredicateKind::Or(_)) { format!("({text})") } else { text }
}
