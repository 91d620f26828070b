//! `join`: what `words` took apart, for machines whose registers have 64 bits and a sign.
//!
//! No pass of the list: classic BPF has no use for it. Around each branch, those right below that
//! ask for the same member of `struct seccomp_data` are looked at as one function of its
//! value. Where that takes two ways and is one comparison (equality, or order by one sign or none;
//! or bits of both halves), this one takes their place; what else leads to the old branches
//! keeps them.

use filterc_abi::{Endian, Fact};
use filterc_hir::types::Place;

use super::rewrite::bottom_up;
use crate::dag::{Dag, Node, NodeId};
use crate::test::{Cmp, Operand, Test, Word};

/// Branches that are looked at as one function.
const MAX_BRANCHES: usize = 8;

/// A DAG with tests of whole members wherever they do for several of halves.
#[must_use]
pub fn join(dag: &Dag) -> Dag {
    let mut made: Vec<NodeId> = Vec::with_capacity(dag.nodes().len());
    let mut next = (0..u32::MAX).map(NodeId::new);
    bottom_up(dag, |builder, node, origin| {
        // Nodes come in their order.
        let joined = next.next().and_then(|id| joined(dag, id));
        let to = |id: NodeId| made.get(id.index()).copied().unwrap_or(id);
        let new = match joined {
            Some(Joined::One(test, then, otherwise)) => {
                builder.branch(test, to(then), to(otherwise), origin)
            }
            Some(Joined::Range { from, behind, inside, outside }) => {
                let last = builder.branch(behind, to(outside), to(inside), origin);
                builder.branch(from, last, to(outside), origin)
            }
            None => builder.add(node, origin),
        };
        made.push(new);
        new
    })
}

/// What takes the place of several branches.
enum Joined {
    /// A test, where it holds, and where not.
    One(Test, NodeId, NodeId),
    /// At least the one, and not at least the other.
    Range { from: Test, behind: Test, inside: NodeId, outside: NodeId },
}

fn joined(dag: &Dag, id: NodeId) -> Option<Joined> {
    let Node::Branch { test, .. } = dag.node(id) else { return None };
    match test {
        Test::Word { word, .. } => of_member(dag, id, Member::of(*word, dag.endian())?),
        Test::Words { .. } => of_two(dag, id),
        Test::Field { .. } | Test::Fields { .. } => None,
    }
}

/// A member of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member {
    place: Place,
    low: Word,
    high: Word,
}

impl Member {
    /// The one that a word is half of.
    fn of(word: Word, endian: Endian) -> Option<Self> {
        if let Some(position) = word.fact_word() {
            return Self::of_fact(position, endian);
        }
        let index = word.index();
        let place = match index {
            2..4 => Place::InstructionPointer,
            4..16 => Place::Arg(index / 2 - 2),
            _ => return None,
        };
        let (first, second) = (Word::new(index & !1)?, Word::new(index | 1)?);
        Some(match endian {
            Endian::Little => Self { place, low: first, high: second },
            Endian::Big => Self { place, low: second, high: first },
        })
    }

    /// The one that a word of the facts is half of.
    fn of_fact(position: u8, endian: Endian) -> Option<Self> {
        let first = position & !1;
        let is_here = |fact: &Fact| fact.width() == 64 && fact.offset() == 4 * u32::from(first);
        let place = Place::Fact(Fact::ALL.into_iter().find(is_here)?);
        let (first, second) = (Word::of_facts(first)?, Word::of_facts(first + 1)?);
        Some(match endian {
            Endian::Little => Self { place, low: first, high: second },
            Endian::Big => Self { place, low: second, high: first },
        })
    }

    fn test(self, (width, signed): (u8, bool), mask: u64, cmp: Cmp, value: u64) -> Option<Test> {
        let field = Operand::new(self.place, width, signed)?;
        Some(Test::Field { field, mask, cmp, value })
    }
}

/// A branch of a member's words.
#[derive(Clone, Copy, Debug)]
struct Ask {
    id: NodeId,
    high: bool,
    mask: u32,
    cmp: Cmp,
    value: u32,
    then: NodeId,
    otherwise: NodeId,
}

impl Ask {
    fn of(dag: &Dag, id: NodeId, member: Member) -> Option<Self> {
        let Node::Branch { test, then, otherwise } = dag.node(id) else { return None };
        let Test::Word { word, mask, cmp, value } = *test else { return None };
        let high = word == member.high;
        let (then, otherwise) = (*then, *otherwise);
        (high || word == member.low).then_some(Self { id, high, mask, cmp, value, then, otherwise })
    }

    /// The values for which it holds, from the first to the last; `None` if these are no range.
    fn range(&self) -> Option<(u32, u32)> {
        // Bits from the highest on are a range; those of all ones are one value.
        let free = !self.mask;
        match self.cmp {
            Cmp::Eq if free.wrapping_add(1) & free == 0 => Some((self.value, self.value | free)),
            Cmp::Ge if free == 0 => Some((self.value, u32::MAX)),
            Cmp::Eq | Cmp::Ge => None,
        }
    }
}

fn of_member(dag: &Dag, id: NodeId, member: Member) -> Option<Joined> {
    let mut asks = vec![Ask::of(dag, id, member)?];
    let mut best = None;
    let mut looked = 0;
    // Level by level, and after each branch that comes in, whether all so far are one test.
    while let Some(ask) = asks.get(looked).copied() {
        looked += 1;
        for child in [ask.then, ask.otherwise] {
            let is_new = asks.iter().all(|ask| ask.id != child);
            let Some(next) = Ask::of(dag, child, member).filter(|_| is_new) else { continue };
            if asks.len() == MAX_BRANCHES {
                return best;
            }
            asks.push(next);
            best = one(member, &asks).or(best);
        }
    }
    best
}

/// Several branches, the first of which leads to all others, as one test.
fn one(member: Member, asks: &[Ask]) -> Option<Joined> {
    let mut exits: Vec<NodeId> = Vec::with_capacity(3);
    for child in asks.iter().flat_map(|ask| [ask.then, ask.otherwise]) {
        if asks.iter().all(|ask| ask.id != child) && !exits.contains(&child) {
            exits.push(child);
        }
    }
    if exits.len() != 2 {
        return None;
    }
    ranges(member, asks).or_else(|| bits(member, asks))
}

/// Where a value leads.
fn exit(asks: &[Ask], high: u32, low: u32) -> Option<NodeId> {
    let mut ask = asks.first()?;
    // No branch comes twice.
    for _ in asks {
        let word = if ask.high { high } else { low } & ask.mask;
        let holds = match ask.cmp {
            Cmp::Eq => word == ask.value,
            Cmp::Ge => word >= ask.value,
        };
        let next = if holds { ask.then } else { ask.otherwise };
        match asks.iter().find(|ask| ask.id == next) {
            Some(next) => ask = next,
            None => return Some(next),
        }
    }
    None
}

/// The first values of the ranges in which no test of a half changes its answer.
fn starts(asks: &[Ask], high: bool) -> Option<Vec<u32>> {
    let mut starts = vec![0];
    for ask in asks.iter().filter(|ask| ask.high == high) {
        let (first, last) = ask.range()?;
        starts.push(first);
        starts.extend(last.checked_add(1));
    }
    starts.sort_unstable();
    starts.dedup();
    Some(starts)
}

/// The branches as one comparison by order, or two.
fn ranges(member: Member, asks: &[Ask]) -> Option<Joined> {
    let is_wide = asks.iter().any(|ask| ask.high);
    let (highs, lows) = (starts(asks, true)?, starts(asks, false)?);
    // Where another way begins, over all values of the member in order.
    let mut runs: Vec<(u64, NodeId)> = Vec::new();
    let ends = highs.iter().skip(1).map(|high| high - 1).chain([u32::MAX]);
    for (&high, last) in highs.iter().zip(ends) {
        let before = runs.len();
        for &low in &lows {
            let exit = exit(asks, high, low)?;
            if runs.last().is_none_or(|(_, other)| *other != exit) {
                runs.push((u64::from(high) << 32 | u64::from(low), exit));
            }
        }
        // With several high halves, each has to be one way for all low halves.
        let changes = runs.get(before..)?.iter().any(|(at, _)| at & 0xffff_ffff != 0);
        if is_wide && high != last && changes {
            return None;
        }
    }
    let width = if is_wide { 64 } else { 32 };
    let (sign, all) = (1_u64 << (width - 1), u64::MAX >> (64 - width));
    let test = |signed, cmp, value| member.test((width, signed), all, cmp, value);
    let one = |test: Option<Test>, then, otherwise| Some(Joined::One(test?, then, otherwise));
    match *runs.as_slice() {
        [(_, below), (first, above)] => one(test(false, Cmp::Ge, first), above, below),
        [(_, outside), (first, inside), (behind, _)] => {
            if behind == first + 1 {
                one(test(false, Cmp::Eq, first), inside, outside)
            } else if behind == sign {
                one(test(true, Cmp::Ge, first), inside, outside)
            } else if first == sign {
                one(test(true, Cmp::Ge, behind), outside, inside)
            } else {
                let (from, behind) = (test(false, Cmp::Ge, first)?, test(false, Cmp::Ge, behind)?);
                let is_shorter = asks.len() > 2;
                is_shorter.then_some(Joined::Range { from, behind, inside, outside })
            }
        }
        _ => None,
    }
}

/// Two branches as one test of bits of both halves.
fn bits(member: Member, asks: &[Ask]) -> Option<Joined> {
    let [first, second] = asks else { return None };
    let is_both = first.high != second.high
        && (first.cmp, second.cmp) == (Cmp::Eq, Cmp::Eq)
        && first.then == second.id
        && first.otherwise == second.otherwise;
    if !is_both {
        return None;
    }
    let (high, low) = if first.high { (first, second) } else { (second, first) };
    let both = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
    let (mask, value) = (both(high.mask, low.mask), both(high.value, low.value));
    // Other masks and values are constants of 64 bits, which are dearer than two tests.
    let is_extended = |bits: u64| i32::try_from(bits.cast_signed()).is_ok();
    let is_cheap = value == 0 || is_extended(mask) && is_extended(value);
    let test = member.test((64, false), mask, Cmp::Eq, value).filter(|_| is_cheap)?;
    Some(Joined::One(test, second.then, second.otherwise))
}

/// A branch on two words.
#[derive(Clone, Copy)]
struct Pair {
    id: NodeId,
    left: Word,
    cmp: Cmp,
    right: Word,
    then: NodeId,
    otherwise: NodeId,
}

impl Pair {
    fn of(dag: &Dag, id: NodeId) -> Option<Self> {
        let Node::Branch { test, then, otherwise } = dag.node(id) else { return None };
        let Test::Words { left, cmp, right, mask: u32::MAX } = *test else { return None };
        Some(Self { id, left, cmp, right, then: *then, otherwise: *otherwise })
    }

    fn words(&self) -> (Word, Word) {
        (self.left, self.right)
    }
}

/// Two members: equal in both halves, or the one at least the other, unsigned.
fn of_two(dag: &Dag, id: NodeId) -> Option<Joined> {
    let top = Pair::of(dag, id)?;
    let left = Member::of(top.left, dag.endian())?;
    let right = Member::of(top.right, dag.endian())?;
    let (high, low) = ((left.high, right.high), (left.low, right.low));
    let test = |cmp| {
        let operand = |member: Member| Operand::new(member.place, 64, false);
        let (left, right) = (operand(left)?, operand(right)?);
        Some(Test::Fields { left, cmp, right, mask: u64::MAX })
    };
    let below = Pair::of(dag, top.then)?;
    if top.cmp == Cmp::Eq && below.cmp == Cmp::Eq {
        let other = if top.words() == high { low } else { high };
        let is_both = below.words() == other && below.otherwise == top.otherwise;
        return is_both.then_some(Joined::One(test(Cmp::Eq)?, below.then, below.otherwise));
    }
    // Greater in the high half, or equal there and at least in the low one.
    let last = Pair::of(dag, below.then)?;
    let is_equal = (below.words() == high || below.words() == (high.1, high.0))
        && below.cmp == Cmp::Eq
        && below.otherwise == last.then;
    let is_order = top.words() == high
        && last.words() == low
        && (top.cmp, last.cmp) == (Cmp::Ge, Cmp::Ge)
        && last.otherwise == top.otherwise
        && last.id != top.id;
    (is_equal && is_order).then_some(Joined::One(test(Cmp::Ge)?, last.then, last.otherwise))
}
