//! Where two sides differ: all of it, in regions that can be shown.

use std::collections::BTreeMap;

use filterc_abi::{Endian, SeccompData};

use crate::count::Count;
use crate::formula::Formula;
use crate::gates::{Form, OverBudget};
use crate::layout::{ARCH, INPUTS, NR, Order, Ties, call_of, params_of};
use crate::machine::Halt;
use crate::meter::Meter;
use crate::mtbdd::{Mtbdd, Ordered, Way};
use crate::region::{Head, Region, Span, cover};
use crate::side::{Behaviour, Subject};
use crate::{Budget, Params, Side, Spent, Unknown, Why};

/// A set of calls: of each word some bits are given, the others free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cube {
    /// For each word of `seccomp_data` the bits that are given, and their state, and behind
    /// them for both halves of each parameter, the low one first. Those of `nr` and `arch` are
    /// in [`Difference`].
    pub words: [(u32, u32); INPUTS],
}

/// Calls to which two sides say one pair of different things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Tokens of the architecture, first and last.
    pub arch: (u32, u32),
    /// Numbers, first and last, unsigned.
    pub nr: (u32, u32),
    /// What the left side says.
    pub left: u32,
    /// What the right side says.
    pub right: u32,
    /// How many calls these are; where there are parameters, each call counts once for each of
    /// their values.
    pub count: Count,
    /// One of them; both sides were run on it.
    pub witness: SeccompData,
    /// The parameters for it.
    pub params: Params,
    /// All of them, as sets apart from each other, up to a limit …
    pub cubes: Vec<Cube>,
    /// … and whether that is all of them.
    pub complete: bool,
}

/// Cubes that are listed for one difference.
pub const MAX_CUBES: usize = 1000;

/// All differences between two sides: none if they are equal.
///
/// # Errors
/// It was not found out: a decision diagram, or the number of parts, grew beyond the budget.
pub fn differences(
    left: Side<'_>,
    right: Side<'_>,
    endian: Endian,
    budget: &Budget,
) -> Result<Vec<Difference>, Unknown> {
    let meter = Meter::new(budget.steps);
    let mut finder = Finder {
        left: Subject::new(left, endian),
        right: Subject::new(right, endian),
        endian,
        budget: *budget,
        mtbdd: Mtbdd::new(budget.nodes, meter.clone()),
        meter,
        parts: 0,
        free_bits: FREE_BITS,
        found: Vec::new(),
        row: 0,
    };
    let params = finder.left.params().max(finder.right.params());
    finder.free_bits += 64 * u32::try_from(params).unwrap_or_default();
    cover(&mut finder, Finder::look, Finder::close)?;
    finder.run_both()?;
    Ok(finder.found)
}

struct Finder<'a> {
    left: Subject<'a>,
    right: Subject<'a>,
    endian: Endian,
    budget: Budget,
    mtbdd: Mtbdd,
    meter: Meter,
    /// How many parts of (arch, nr) were looked at.
    parts: u64,
    /// Bits beside `nr` and `arch`, those of parameters among them.
    free_bits: u32,
    found: Vec<Difference>,
    /// Where those of the row that is looked at begin.
    row: usize,
}

impl Finder<'_> {
    fn unknown(&self, at: Option<Head>, why: Why) -> Unknown {
        let spent = Spent {
            steps: self.meter.spent(),
            rectangles: self.parts,
            nodes: self.mtbdd.len(),
            conflicts: 0,
        };
        Unknown { budget: self.budget, spent, at: at.map(|h| (h.arch, h.nr)), why }
    }

    /// Runs both sides on every witness: they say what the difference says.
    fn run_both(&self) -> Result<(), Unknown> {
        for difference in &self.found {
            let call = &difference.witness;
            let run = |side: &Subject<'_>| side.value(call, &difference.params);
            if (run(&self.left), run(&self.right))
                != (Some(difference.left), Some(difference.right))
            {
                let head = Head { arch: call.arch, nr: call.nr.cast_unsigned() };
                return Err(self.unknown(Some(head), Why::Spurious));
            }
        }
        Ok(())
    }

    /// The same, within the budget.
    fn look(&mut self, head: Head) -> Result<Region, Unknown> {
        if self.parts >= self.budget.rectangles {
            return Err(self.unknown(None, Why::Budget));
        }
        self.parts += 1;
        self.part(head).map_err(|halt| self.unknown(Some(head), halt.into()))
    }

    /// The differences around a point, from there on; the part for which they are that.
    fn part(&mut self, head: Head) -> Result<Region, Halt> {
        let mut region = Region::ALL;
        let left = self.left.at(Some(head), &mut region, self.budget.states, &self.meter)?;
        let right = self.right.at(Some(head), &mut region, self.budget.states, &self.meter)?;
        let nr = Span { first: head.nr, last: region.nr.last };
        if let Some((a, b)) = left.only().zip(right.only()) {
            if a != b {
                let whole = Cube { words: [(0, 0); INPUTS] };
                let difference = Difference {
                    arch: (head.arch, head.arch),
                    nr: (nr.first, nr.last),
                    left: a,
                    right: b,
                    count: Count::power_of_two(self.free_bits),
                    witness: witness(head, &whole, self.endian).0,
                    params: witness(head, &whole, self.endian).1,
                    cubes: vec![whole],
                    complete: true,
                };
                self.found.push(difference);
            }
            return Ok(region);
        }
        let free = self.free_bits;
        let found = parts(&mut self.mtbdd, (&left, &right), head, self.endian, &self.budget, free)?;
        for part in found {
            let (witness, params) = witness(head, &part.witness, self.endian);
            self.found.push(Difference {
                arch: (head.arch, head.arch),
                nr: (nr.first, nr.last),
                left: part.values.0,
                right: part.values.1,
                count: part.count,
                witness,
                params,
                cubes: part.cubes,
                complete: part.complete,
            });
        }
        Ok(region)
    }

    /// Gives the differences of a row its height, and joins neighbours that are the same.
    fn close(&mut self, arch: Span) {
        let row = self.found.split_off(self.row.min(self.found.len()));
        for mut next in row {
            next.arch = (arch.first, arch.last);
            let width = u64::from(next.nr.1 - next.nr.0) + 1;
            let height = u64::from(arch.last - arch.first) + 1;
            next.count = next.count.times(width).times(height);
            let same = |old: &Difference| {
                old.arch == next.arch
                    && (old.left, old.right) == (next.left, next.right)
                    && old.nr.1.checked_add(1) == Some(next.nr.0)
                    && old.cubes == next.cubes
            };
            match self.found.last_mut().filter(|old| same(old)) {
                Some(old) => {
                    old.nr.1 = next.nr.1;
                    old.count = old.count.plus(&next.count);
                }
                None => self.found.push(next),
            }
        }
        self.row = self.found.len();
    }
}

/// Bits of a call beside `nr` and `arch`.
const FREE_BITS: u32 = 448;

/// Calls to which the two sides say one pair of different things, around a point.
struct Part {
    values: (u32, u32),
    count: Count,
    witness: Cube,
    cubes: Vec<Cube>,
    complete: bool,
}

/// For each pair of different values: how many calls, and which.
fn parts(
    mtbdd: &mut Mtbdd,
    (left, right): (&Behaviour<'_>, &Behaviour<'_>),
    head: Head,
    endian: Endian,
    budget: &Budget,
    free_bits: u32,
) -> Result<Vec<Part>, OverBudget> {
    let mut ties = Ties::none();
    left.tie(&mut ties);
    right.tie(&mut ties);
    // A returned word that is calculated has no listable values.
    if left.form() == Form::Bits || right.form() == Form::Bits {
        return Err(OverBudget);
    }
    mtbdd.reset(budget.nodes);
    let gates = Ordered { mtbdd, order: Order::new(&ties, endian) };
    let mut formula = Formula::new(gates, endian, Some(head));
    let functions = left.functions(&mut formula, Form::Value)?;
    let others = right.functions(&mut formula, Form::Value)?;
    let Ordered { mtbdd, order } = formula.into_gates();
    let (Some(&f), Some(&g)) = (functions.first(), others.first()) else { return Ok(Vec::new()) };
    let mut cubes: BTreeMap<(u32, u32), Vec<Cube>> = BTreeMap::new();
    let mut ways = mtbdd.unequal(f, g, MAX_CUBES + 1);
    let complete = ways.len() <= MAX_CUBES;
    ways.truncate(MAX_CUBES);
    for way in &ways {
        cubes.entry(way.values).or_default().push(cube(way, &order));
    }
    let counts = mtbdd.count_unequal(f, g, free_bits).into_iter();
    Ok(counts
        .map(|(way, count)| Part {
            values: way.values,
            count,
            witness: cube(&way, &order),
            cubes: cubes.remove(&way.values).unwrap_or_default(),
            complete,
        })
        .collect())
}

fn cube(way: &Way, order: &Order) -> Cube {
    let mut words = [(0, 0); INPUTS];
    for (level, state) in &way.bits {
        let Some((word, bit)) = order.bit(*level) else { continue };
        if let Some((mask, value)) = words.get_mut(usize::from(word)) {
            *mask |= 1 << bit;
            *value |= u32::from(*state) << bit;
        }
    }
    Cube { words }
}

fn witness(head: Head, cube: &Cube, endian: Endian) -> (SeccompData, Params) {
    let mut words = cube.words.map(|(_, value)| value);
    for (index, value) in [(NR, head.nr), (ARCH, head.arch)] {
        if let Some(slot) = words.get_mut(usize::from(index)) {
            *slot = value;
        }
    }
    (call_of(&words, endian), params_of(&words, endian))
}
