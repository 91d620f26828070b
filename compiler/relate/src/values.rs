//! Sets of numbers of one field, and the shortest tests that we know for them.

/// Numbers of which some bits are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Cube {
    /// Their state, within the mask.
    pub(crate) value: u64,
    /// The bits that are given.
    pub(crate) mask: u64,
}

/// What is known of a field before its numbers are described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Width in bits, 1…64.
    pub(crate) width: u8,
    /// Whether it is ordered as a signed number.
    pub(crate) signed: bool,
    /// Whether its bits mean something one by one.
    pub(crate) flags: bool,
    /// Whether its numbers are names of something, and bits of them mean nothing.
    pub(crate) names: bool,
    /// Whether it may be compared for equality only, with nothing masked.
    pub(crate) pointer: bool,
}

/// A test of one field, or several.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Test {
    /// Always.
    True,
    /// Never.
    False,
    /// `(x & mask) == value`; the mask is all bits where none is written.
    Equal { mask: u64, value: u64 },
    /// The opposite; with the value 0, `x & mask`.
    Differ { mask: u64, value: u64 },
    /// At least, or, with `false`, at most.
    Bound { at_least: bool, value: u64 },
    /// In one of some ranges, each from first to last in the field's order.
    In { mask: u64, ranges: Vec<(u64, u64)> },
    /// In none of them.
    NotIn { mask: u64, ranges: Vec<(u64, u64)> },
    /// All of them.
    And(Vec<Self>),
    /// One of them.
    Or(Vec<Self>),
}

/// More ranges than this are not tried.
const MAX_RANGES: usize = 64;

/// Bits above others that may be free where ranges are made.
const MAX_FREE_BITS: u32 = 6;

/// Tests within tests of one field.
const MAX_NESTING: u8 = 3;

/// Most numbers of a masked set.
const MAX_MASKED: usize = 16;

impl Shape {
    /// All bits.
    pub(crate) const fn all(self) -> u64 {
        u64::MAX >> (64 - self.width)
    }

    const fn sign(self) -> u64 {
        1 << (self.width - 1)
    }

    /// A number's place in the field's order.
    const fn rank(self, value: u64) -> u64 {
        if self.signed { value ^ self.sign() } else { value }
    }
}

impl Test {
    /// How hard it is to read: constants, and what stands between them.
    pub(crate) fn cost(&self) -> usize {
        let masked = |mask: u64| usize::from(mask != u64::MAX);
        let ranges = |ranges: &[(u64, u64)]| {
            ranges.iter().map(|(first, last)| if first == last { 2 } else { 4 }).sum::<usize>()
        };
        match self {
            Self::True | Self::False => 0,
            Self::Equal { mask, .. } | Self::Differ { mask, .. } => 3 + 2 * masked(*mask),
            Self::Bound { .. } => 4,
            Self::In { mask, ranges: list } | Self::NotIn { mask, ranges: list } => {
                3 + 2 * masked(*mask) + ranges(list)
            }
            Self::And(parts) | Self::Or(parts) => parts.iter().map(|part| part.cost() + 1).sum(),
        }
    }
}

impl Test {
    /// How many tests look at some bits only.
    fn masks(&self) -> usize {
        match self {
            Self::True | Self::False | Self::Bound { .. } => 0,
            Self::Equal { mask, .. }
            | Self::Differ { mask, .. }
            | Self::In { mask, .. }
            | Self::NotIn { mask, .. } => usize::from(*mask != u64::MAX),
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::masks).sum(),
        }
    }
}

/// The numbers in `set`, all others of that width being in `others`; `None` if no test of such
/// a field says that.
pub(crate) fn describe(set: &[Cube], others: &[Cube], shape: Shape) -> Option<Test> {
    describe_within(set, others, shape, MAX_NESTING)
}

fn describe_within(set: &[Cube], others: &[Cube], shape: Shape, nesting: u8) -> Option<Test> {
    if others.is_empty() {
        return Some(Test::True);
    }
    if set.is_empty() {
        return Some(Test::False);
    }
    let mut tests: Vec<Test> = Vec::new();
    tests.extend(ranges(set, shape).and_then(|ranges| within(&ranges, shape, false)));
    tests.extend(ranges(others, shape).and_then(|ranges| within(&ranges, shape, true)));
    if !shape.pointer {
        let (must, not) = (common(set), common(others));
        if nesting > 0 && must.mask != 0 && must.mask != shape.all() {
            let inner = describe_within(&rest(set, must), &rest(others, must), shape, nesting - 1);
            tests.extend(inner.map(|inner| and(equal(must, shape), inner)));
        }
        if nesting > 0 && not.mask != 0 && not.mask != shape.all() {
            let inner = describe_within(&rest(set, not), &rest(others, not), shape, nesting - 1);
            tests.extend(inner.map(|inner| or(differ(not, shape), inner)));
        }
        tests.extend(masked(set, shape, false));
        tests.extend(masked(others, shape, true));
        tests.extend(low_part(set, others, shape));
        if tests.is_empty() {
            tests.push(Test::Or(set.iter().map(|cube| equal(*cube, shape)).collect()));
        }
    }
    tests
        .into_iter()
        .min_by_key(|test| test.cost() + if shape.names { test.masks() * 8 } else { 0 })
}

fn full(mask: u64, shape: Shape) -> u64 {
    if mask == shape.all() { u64::MAX } else { mask }
}

fn equal(cube: Cube, shape: Shape) -> Test {
    Test::Equal { mask: full(cube.mask, shape), value: cube.value }
}

fn differ(cube: Cube, shape: Shape) -> Test {
    Test::Differ { mask: full(cube.mask, shape), value: cube.value }
}

fn and(left: Test, right: Test) -> Test {
    match (left, right) {
        (Test::True, other) | (other, Test::True) => other,
        (Test::And(mut parts), Test::And(more)) => {
            parts.extend(more);
            Test::And(parts)
        }
        (one, Test::And(mut parts)) => {
            parts.insert(0, one);
            Test::And(parts)
        }
        (one, other) => Test::And(vec![one, other]),
    }
}

fn or(left: Test, right: Test) -> Test {
    match (left, right) {
        (Test::False, other) | (other, Test::False) => other,
        (one, Test::Or(mut parts)) => {
            parts.insert(0, one);
            Test::Or(parts)
        }
        (one, other) => Test::Or(vec![one, other]),
    }
}

/// The bits that all have in common.
fn common(cubes: &[Cube]) -> Cube {
    let Some(first) = cubes.first() else { return Cube { value: 0, mask: 0 } };
    let agree = |mask: u64, cube: &Cube| mask & cube.mask & !(cube.value ^ first.value);
    let mask = cubes.iter().fold(first.mask, agree);
    Cube { value: first.value & mask, mask }
}

/// Those that have certain bits, with these bits left out.
fn rest(cubes: &[Cube], with: Cube) -> Vec<Cube> {
    let fits = |cube: &&Cube| (cube.value ^ with.value) & cube.mask & with.mask == 0;
    let without =
        |cube: &Cube| Cube { value: cube.value & !with.mask, mask: cube.mask & !with.mask };
    let mut rest: Vec<Cube> = cubes.iter().filter(fits).map(without).collect();
    rest.sort_unstable();
    rest.dedup();
    rest
}

/// The numbers as ranges in the field's order; `None` if they are too many.
fn ranges(cubes: &[Cube], shape: Shape) -> Option<Vec<(u64, u64)>> {
    let mut ranks: Vec<(u64, u64)> = Vec::new();
    for cube in cubes {
        let free = !cube.mask & shape.all();
        let low = free & !free.wrapping_add(1);
        let high = free & !low;
        if high.count_ones() > MAX_FREE_BITS || ranks.len() > MAX_RANGES * 4 {
            return None;
        }
        // All states of the free bits above the lowest ones.
        let mut state = 0_u64;
        loop {
            let first = shape.rank(cube.value | state);
            // Where the sign is free, there are two ranges.
            if shape.signed && low & shape.sign() != 0 {
                let half = low >> 1;
                let (a, b) = (cube.value | state, cube.value | state | shape.sign());
                ranks.push((shape.rank(a), shape.rank(a | half)));
                ranks.push((shape.rank(b), shape.rank(b | half)));
            } else {
                ranks.push((first, first | low));
            }
            state = state.wrapping_sub(high) & high;
            if state == 0 {
                break;
            }
        }
    }
    ranks.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (first, last) in ranks {
        match joined.last_mut() {
            Some(old) if old.1.checked_add(1).is_none_or(|next| first <= next) => {
                old.1 = old.1.max(last);
            }
            _ => joined.push((first, last)),
        }
    }
    let back = |(first, last)| (shape.rank(first), shape.rank(last));
    (joined.len() <= MAX_RANGES).then(|| joined.into_iter().map(back).collect())
}

/// The test that a field is in one of some ranges, or that it is not.
fn within(ranges: &[(u64, u64)], shape: Shape, not: bool) -> Option<Test> {
    let singles = ranges.iter().all(|(first, last)| first == last);
    let all = u64::MAX;
    match ranges {
        [(first, last)] if first == last => Some(match not {
            true => Test::Differ { mask: all, value: *first },
            false => Test::Equal { mask: all, value: *first },
        }),
        _ if shape.pointer && !singles => None,
        // Bits have no order worth a word.
        _ if shape.flags && !singles => None,
        [(first, last)] if shape.rank(*first) == 0 => Some(match not {
            false => Test::Bound { at_least: false, value: *last },
            true => Test::Bound { at_least: true, value: next(*last, shape) },
        }),
        [(first, last)] if shape.rank(*last) == shape.all() => Some(match not {
            false => Test::Bound { at_least: true, value: *first },
            true => Test::Bound { at_least: false, value: before(*first, shape) },
        }),
        _ => Some(match not {
            false => Test::In { mask: all, ranges: ranges.to_vec() },
            true => Test::NotIn { mask: all, ranges: ranges.to_vec() },
        }),
    }
}

const fn next(value: u64, shape: Shape) -> u64 {
    shape.rank(shape.rank(value).wrapping_add(1)) & shape.all()
}

const fn before(value: u64, shape: Shape) -> u64 {
    shape.rank(shape.rank(value).wrapping_sub(1)) & shape.all()
}

/// Ranges of the low bits, where no other bits matter: half of a register.
fn low_part(set: &[Cube], others: &[Cube], shape: Shape) -> Option<Test> {
    let asked = set.iter().chain(others).fold(0, |asked, cube| asked | cube.mask);
    let width = u8::try_from(64 - asked.leading_zeros()).ok()?;
    if width >= shape.width || asked == 0 {
        return None;
    }
    let part = Shape { width, signed: false, ..shape };
    let inside = ranges(set, part).and_then(|ranges| within(&ranges, part, false));
    let outside = || ranges(others, part).and_then(|ranges| within(&ranges, part, true));
    let mask = part.all();
    match inside.or_else(outside)? {
        Test::Equal { value, .. } => Some(Test::Equal { mask, value }),
        Test::Differ { value, .. } => Some(Test::Differ { mask, value }),
        Test::Bound { at_least: true, value } => {
            Some(Test::In { mask, ranges: vec![(value, mask)] })
        }
        Test::Bound { at_least: false, value } => Some(Test::In { mask, ranges: vec![(0, value)] }),
        Test::In { ranges, .. } => Some(Test::In { mask, ranges }),
        Test::NotIn { ranges, .. } => Some(Test::NotIn { mask, ranges }),
        Test::True | Test::False | Test::And(_) | Test::Or(_) => None,
    }
}

/// `(x & mask) in { … }` for the bits that matter, or that it is not.
fn masked(cubes: &[Cube], shape: Shape, not: bool) -> Option<Test> {
    let mask = cubes.iter().fold(0, |mask, cube| mask | cube.mask);
    let mut values = Vec::new();
    for cube in cubes {
        let free = mask & !cube.mask;
        if free.count_ones() > MAX_FREE_BITS {
            return None;
        }
        let mut state = 0_u64;
        loop {
            values.push(cube.value | state);
            state = state.wrapping_sub(free) & free;
            if state == 0 {
                break;
            }
        }
        if values.len() > MAX_MASKED {
            return None;
        }
    }
    values.sort_unstable_by_key(|value| shape.rank(*value));
    values.dedup();
    let ranges: Vec<_> = values.iter().map(|value| (*value, *value)).collect();
    let mask = full(mask, shape);
    Some(match values.as_slice() {
        [value] if not => Test::Differ { mask, value: *value },
        [value] => Test::Equal { mask, value: *value },
        _ if not => Test::NotIn { mask, ranges },
        _ => Test::In { mask, ranges },
    })
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod tests;
