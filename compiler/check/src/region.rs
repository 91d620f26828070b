//! Rectangles of (arch, nr): where nothing that depends on these two words alone changes.

use filterc_ebpf::machine::{Test, Width};

use crate::layout::{ARCH, NR, WordIndex, WordSet};

/// Numbers from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: u32,
    pub(crate) last: u32,
}

impl Span {
    pub(crate) const ALL: Self = Self { first: 0, last: u32::MAX };

    pub(crate) const fn one(value: u32) -> Self {
        Self { first: value, last: value }
    }

    /// What is in both; both hold a common value.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { first: self.first.max(other.first), last: self.last.min(other.last) }
    }
}

/// A point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) arch: u32,
    pub(crate) nr: u32,
}

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) arch: Span,
    pub(crate) nr: Span,
}

impl Region {
    pub(crate) const ALL: Self = Self { arch: Span::ALL, nr: Span::ALL };

    pub(crate) fn and(self, other: Self) -> Self {
        Self { arch: self.arch.and(other.arch), nr: self.nr.and(other.nr) }
    }

    fn narrow(&mut self, word: WordIndex, span: Span) {
        match word {
            NR => self.nr = self.nr.and(span),
            ARCH => self.arch = self.arch.and(span),
            _ => {}
        }
    }

    /// Keeps the part around `head` in which words of a set have one value.
    pub(crate) fn fix(&mut self, words: WordSet, head: Head) {
        for word in words.iter() {
            self.narrow(word, Span::one(value(word, head)));
        }
    }

    /// Keeps a part around `head` in which a test of two fixed words comes out as it does there.
    pub(crate) fn keep(&mut self, test: Test, left: Fixed, right: Fixed, head: Head) {
        let words = left.from.words().union(right.from.words());
        match (left.from, right.from) {
            (Origin::Nothing, Origin::Nothing) => {}
            (Origin::Word(word), Origin::Nothing) => {
                self.narrow(word, span(test, value(word, head), right.value));
            }
            (Origin::Nothing, Origin::Word(word)) => {
                self.narrow(word, span(test.exchanged(), value(word, head), left.value));
            }
            // `word & mask` has one value where the bits from the mask's lowest up are the same.
            (Origin::Masked(word, mask), Origin::Nothing)
            | (Origin::Nothing, Origin::Masked(word, mask)) => {
                self.narrow(word, block(value(word, head), mask));
            }
            _ => self.fix(words, head),
        }
    }
}

/// Covers the plane of (arch, nr), row by row: `part` says for a point how far what holds there
/// holds, and the next point is where that ends. A row is as high as the lowest of its parts, which
/// `row` is told when it is done.
pub(crate) fn cover<S, E>(
    state: &mut S,
    mut part: impl FnMut(&mut S, Head) -> Result<Region, E>,
    mut row: impl FnMut(&mut S, Span),
) -> Result<(), E> {
    let mut arch = Some(0);
    while let Some(first) = arch {
        let mut last = u32::MAX;
        let mut nr = Some(0);
        while let Some(column) = nr {
            let region = part(state, Head { arch: first, nr: column })?;
            last = last.min(region.arch.last);
            nr = region.nr.last.checked_add(1);
        }
        row(state, Span { first, last });
        arch = last.checked_add(1);
    }
    Ok(())
}

/// What is known of a word where `nr` and `arch` are fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fixed {
    /// The number that it is there.
    pub(crate) value: u32,
    /// What it depends on.
    pub(crate) from: Origin,
}

/// How a word is made of words of the data, as far as that shows where a test changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It is a constant.
    Nothing,
    /// It is one of them.
    Word(WordIndex),
    /// One of them, and a mask.
    Masked(WordIndex, u32),
    /// It is calculated of these, somehow.
    Words(WordSet),
}

impl Origin {
    pub(crate) fn words(self) -> WordSet {
        match self {
            Self::Nothing => WordSet::default(),
            Self::Word(word) | Self::Masked(word, _) => WordSet::one(word),
            Self::Words(words) => words,
        }
    }
}

fn value(word: WordIndex, head: Head) -> u32 {
    if word == NR { head.nr } else { head.arch }
}

/// Values around `at` for which `value test k` comes out as it does for `at`.
fn span(test: Test, at: u32, k: u32) -> Span {
    match test {
        Test::Eq | Test::Ne if at == k => Span::one(k),
        Test::Eq | Test::Ne if at < k => Span { first: 0, last: k - 1 },
        Test::Eq | Test::Ne => Span { first: k + 1, last: u32::MAX },
        Test::Gt | Test::Le if at > k => Span { first: k + 1, last: u32::MAX },
        Test::Gt | Test::Le => Span { first: 0, last: k },
        Test::Ge | Test::Lt if at >= k => Span { first: k, last: u32::MAX },
        Test::Ge | Test::Lt => Span { first: 0, last: k - 1 },
        Test::SGt | Test::SGe | Test::SLt | Test::SLe => signed(test, at, k),
        Test::Set => block(at, k),
    }
}

/// The same for a comparison of signed numbers: it changes at `k`, behind it, and where the
/// sign does.
fn signed(test: Test, at: u32, k: u32) -> Span {
    let holds = |value: u32| test.holds(Width::W32, value.into(), k.into());
    let mut starts = [0, k, k.wrapping_add(1), 1 << 31];
    starts.sort_unstable();
    // Neighbours with one outcome are one part.
    let first = starts.into_iter().rev().skip_while(|start| *start > at);
    let first = first.take_while(|start| holds(*start) == holds(at)).last().unwrap_or(at);
    let next = starts.into_iter().find(|start| *start > at && holds(*start) != holds(at));
    Span { first, last: next.map_or(u32::MAX, |next| next - 1) }
}

/// Values that have the bits of `at` from the lowest bit of the mask up.
fn block(at: u32, mask: u32) -> Span {
    let free = match mask {
        0 => u32::MAX,
        mask => (1 << mask.trailing_zeros()) - 1,
    };
    Span { first: at & !free, last: at | free }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(test: Test, a: u32, b: u32) -> bool {
        test.holds(Width::W32, a.into(), b.into())
    }

    #[test]
    fn spans_hold_the_value_and_only_equal_outcomes() {
        let signs = [0x7fff_fffe, 0x7fff_ffff, 0x8000_0000, 0x8000_0001];
        let others = [0, 1, 2, 6, 7, 8, 9, 0x4000_0000, u32::MAX - 1, u32::MAX];
        let interesting: Vec<u32> = others.into_iter().chain(signs).collect();
        for test in Test::ALL {
            for &at in &interesting {
                for &k in &interesting {
                    let span = span(test, at, k);
                    assert!(span.first <= at && at <= span.last, "{test:?} {at} {k}");
                    let edges =
                        [span.first, span.last].into_iter().chain(interesting.iter().copied());
                    for other in edges.filter(|v| span.first <= *v && *v <= span.last) {
                        assert_eq!(holds(test, at, k), holds(test, other, k), "{test:?} {at} {k}");
                    }
                }
            }
        }
    }
}
