//! Sets of cells, for [`super::optimal`].

/// Cells that a function may have.
pub(super) const MAX_CELLS: usize = 256;

/// Words of a set that is as large as it can be.
pub(super) const WORDS: usize = MAX_CELLS / 64;

/// A set of cells. Most functions have few: the search is compiled for sets of one word as well,
/// which makes it twice as fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Set<const N: usize = WORDS>(pub(super) [u64; N]);

impl<const N: usize> Default for Set<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl Set {
    /// The first words of it.
    pub(super) fn narrow<const N: usize>(self) -> Set<N> {
        let mut narrow = Set::default();
        narrow.0.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        narrow
    }
}

impl<const N: usize> Set<N> {
    /// Puts a cell in.
    pub(super) fn insert(&mut self, cell: usize) {
        if let Some(word) = self.0.get_mut(cell / 64) {
            *word |= 1 << (cell % 64);
        }
    }

    fn zip(self, other: Self, with: impl Fn(u64, u64) -> u64) -> Self {
        let mut both = self;
        for (a, b) in both.0.iter_mut().zip(other.0) {
            *a = with(*a, b);
        }
        both
    }

    /// What is in both.
    pub(super) fn and(self, other: Self) -> Self {
        self.zip(other, |a, b| a & b)
    }

    /// What is in this one alone.
    pub(super) fn without(self, other: Self) -> Self {
        self.zip(other, |a, b| a & !b)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == [0; N]
    }

    /// Whether some cell is in both.
    pub(super) fn meets(self, other: Self) -> bool {
        !self.and(other).is_empty()
    }

    /// Whether some of its cells are in the other set, and some are not.
    pub(super) fn is_told_apart(self, by: Self) -> bool {
        self.meets(by) && !self.without(by).is_empty()
    }

    /// Its cells, in order.
    pub(super) fn iter(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(word, bits)| {
            let mut left = bits;
            std::iter::from_fn(move || {
                let first = left.checked_ilog2().map(|_| left.trailing_zeros() as usize);
                left &= left.wrapping_sub(1);
                first.map(|bit| word * 64 + bit)
            })
        })
    }
}
