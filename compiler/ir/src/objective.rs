//! What the optimizer minimises: one number for a program, made of what is minded about it.
//!
//! The cost of a program is
//!
//! ```text
//! size · instructions  +  worst · instructions on the longest path  +  Σ over numbers nr of weight(nr) · instructions that a call of nr runs
//!
//! weight(nr) = every · share(nr)                    each call, as on kernels before 5.11
//!            + uncached · share(nr)   if not cached each call that the kernel really runs it for
//!            + install                if emulated   once, when the filter is attached
//! ```
//!
//! Its unit is one instruction that every call runs, so a weight says how many of those
//! something is worth. Since 5.11 the kernel answers what is allowed in any case from a
//! bitmap, which it makes by running the program once for every number of the machine's
//! native and compat ABIs: those calls never run the program afterwards, and all numbers run
//! it once, up to where it looks at anything but `nr` and `arch`. As all parts are sums over
//! numbers, a search has one weight a number.
//!
//! Shares are of all calls; those of one token add up to at most 1. Weights are finite and not
//! negative. Nothing here decides what a program means: any weights give a correct one. They are kept in fixed point, so that the
//! share of a span is exactly the sum of its parts', and costs O(log n) to ask for.
//!
//! What is known of single calls with their arguments stands in `samples`; how often a node
//! is asked and answered follows from both, and is found by [`crate::flow`].

use std::sync::Arc;

use filterc_abi::SeccompData;

use crate::dag::Root;
use crate::test::{Cmp, Test};

/// What is minded about a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// An instruction of the program, executed or not.
    pub size: f64,
    /// An instruction on the longest path, as a part of all calls: a test of `nr` of the switch
    /// that the weights of all its numbers come to.
    pub worst: f64,
    /// An instruction that every call runs.
    pub every: f64,
    /// An instruction that every call runs which is not in the kernel's bitmap.
    pub uncached: f64,
    /// An instruction that is emulated for one number when the filter is attached.
    pub install: f64,
    /// How often calls are made.
    pub frequencies: Vec<Frequencies>,
    /// Calls that were seen, with their arguments: what tells how often a test holds.
    pub samples: Vec<Sample>,
}

/// How often the calls of one token are made. A clone shares the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Frequencies {
    /// The token, in `seccomp_data.arch`.
    audit_arch: u32,
    /// What the shares of the table are multiplied with.
    scale: f64,
    table: Arc<Table>,
}

/// Shares of single numbers.
#[derive(Debug, Default, PartialEq)]
struct Table {
    /// The numbers, sorted.
    numbers: Vec<u32>,
    /// At the same place, the shares of all numbers before it in parts of [`ONE`]; at the end,
    /// all.
    before: Vec<u64>,
}

/// The share of all calls in fixed point.
const ONE: f64 = (1_u64 << 48) as f64;

/// A call that was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The call.
    pub call: SeccompData,
    /// Its share of all calls.
    pub share: f64,
}

/// An objective at one root: the same questions without looking anything up.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    objective: &'a Objective,
    frequencies: Option<&'a Frequencies>,
    /// Numbers below this one are emulated.
    emulated: u32,
}

impl Default for Objective {
    fn default() -> Self {
        Self {
            size: 1.0 / 64.0,
            worst: 1.0 / 256.0,
            every: 1.0,
            uncached: 1.0 / 2.0,
            install: 1.0 / 16384.0,
            frequencies: Vec::new(),
            samples: Vec::new(),
        }
    }
}

impl Frequencies {
    /// The shares of numbers under a token. A number that comes twice has the sum of both;
    /// what is not above 0, or more than all calls, counts as that.
    #[must_use]
    pub fn new(audit_arch: u32, shares: impl IntoIterator<Item = (u32, f64)>) -> Self {
        let mut shares: Vec<_> = shares.into_iter().collect();
        shares.sort_by_key(|(nr, _)| *nr);
        let mut table = Table { numbers: Vec::new(), before: vec![0] };
        let mut total = 0_u64;
        for (nr, share) in shares {
            total = total.saturating_add(fixed(share));
            if table.numbers.last() == Some(&nr) {
                table.before.pop();
            } else {
                table.numbers.push(nr);
            }
            table.before.push(total);
        }
        Self { audit_arch, scale: 1.0, table: Arc::new(table) }
    }

    /// The token.
    #[must_use]
    pub const fn audit_arch(&self) -> u32 {
        self.audit_arch
    }

    /// The same numbers with all shares multiplied.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        Self { scale: self.scale * factor, ..self.clone() }
    }

    /// The share of the calls of the numbers from `first` to `last`.
    #[must_use]
    pub fn share(&self, first: u32, last: u32) -> f64 {
        let numbers = &self.table.numbers;
        let from = numbers.partition_point(|nr| *nr < first);
        let to = numbers.partition_point(|nr| *nr <= last);
        let before = |at: usize| self.table.before.get(at).copied().unwrap_or_default();
        before(to).saturating_sub(before(from)) as f64 / ONE * self.scale
    }

    /// The numbers from `first` to `last` that have a share, in order.
    fn numbers(&self, first: u32, last: u32) -> &[u32] {
        let numbers = &self.table.numbers;
        let from = numbers.partition_point(|nr| *nr < first);
        let to = numbers.partition_point(|nr| *nr <= last);
        numbers.get(from..to).unwrap_or_default()
    }

    /// The numbers that have a share, in order, with it.
    pub fn iter(&self) -> impl Iterator<Item = (u32, f64)> + '_ {
        let before = &self.table.before;
        let steps = before.iter().zip(before.iter().skip(1));
        let numbers = self.table.numbers.iter().zip(steps);
        numbers.map(|(nr, (from, to))| (*nr, (to - from) as f64 / ONE * self.scale))
    }
}

/// A share in parts of [`ONE`].
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 2^48; the conversion is exact but for the fraction"
)]
fn fixed(share: f64) -> u64 {
    (share.clamp(0.0, 1.0) * ONE) as u64
}

impl Objective {
    /// The objective at a root: for many questions about the same one.
    #[must_use]
    pub fn at(&self, root: &Root) -> Weights<'_> {
        let same = |of: &&Frequencies| of.audit_arch == root.audit_arch;
        let emulated = root.abis().map(filterc_abi::Abi::bitmap_len).max().unwrap_or_default();
        Weights { objective: self, frequencies: self.frequencies.iter().find(same), emulated }
    }

    /// The weight of one number's path: what an instruction on it costs.
    ///
    /// `cached` says whether the kernel answers the number from its bitmap, which it does if
    /// the path asks for nothing but `nr` and `arch` and ends at `allow`.
    #[must_use]
    pub fn number(&self, root: &Root, nr: u32, cached: bool) -> f64 {
        self.span(root, nr, nr, cached)
    }

    /// The weight of all numbers from `first` to `last`.
    #[must_use]
    pub fn span(&self, root: &Root, first: u32, last: u32, cached: bool) -> f64 {
        self.at(root).span(first, last, cached)
    }

    /// The share of the calls of the numbers from `first` to `last`.
    #[must_use]
    pub fn share(&self, root: &Root, first: u32, last: u32) -> f64 {
        self.at(root).share(first, last)
    }

    /// How likely a test is to hold, if nothing at all is known of the call. What is known of
    /// a node of a DAG is in [`crate::flow`].
    #[must_use]
    pub fn holds(&self, test: &Test) -> f64 {
        match test {
            Test::Word { mask, cmp: Cmp::Eq, .. } if mask.count_ones() > 1 => 0.25,
            Test::Field { mask, cmp: Cmp::Eq, .. } if mask.count_ones() > 1 => 0.25,
            Test::Word { .. } | Test::Words { .. } | Test::Field { .. } | Test::Fields { .. } => {
                0.5
            }
        }
    }

    /// The same objective with every weight and share within what sums can hold: at least 0, and
    /// at most a thousand million. What is no number is 0.
    #[must_use]
    pub fn bounded(&self) -> Self {
        const MOST: f64 = 1e9;
        let bounded = |weight: f64| if weight > 0.0 { weight.min(MOST) } else { 0.0 };
        let samples = self.samples.iter();
        Self {
            size: bounded(self.size),
            worst: bounded(self.worst),
            every: bounded(self.every),
            uncached: bounded(self.uncached),
            install: bounded(self.install),
            frequencies: (self.frequencies.iter())
                .map(|of| Frequencies { scale: bounded(of.scale), ..of.clone() })
                .collect(),
            samples: samples.map(|s| Sample { share: bounded(s.share), ..s.clone() }).collect(),
        }
    }

    /// The same calls, where hardly anything but the size of the program is minded.
    #[must_use]
    pub fn smallest(&self) -> Self {
        let [every, uncached, install] =
            [self.every, self.uncached, self.install].map(|weight| weight / 1024.0);
        Self { size: self.size.max(1.0), every, uncached, install, ..self.clone() }
    }

    /// What one run of an instruction costs, by each call: less if the call is cached.
    #[must_use]
    pub const fn run(&self, cached: bool) -> f64 {
        if cached { self.every } else { self.every + self.uncached }
    }
}

impl Weights<'_> {
    /// The weight of all numbers from `first` to `last`: [`Objective::span`].
    #[must_use]
    pub fn span(&self, first: u32, last: u32, cached: bool) -> f64 {
        let inside = self.emulated(first, last);
        self.objective.run(cached) * self.share(first, last)
            + self.objective.install * f64::from(inside)
    }

    /// The share of the calls of the numbers from `first` to `last`.
    #[must_use]
    pub fn share(&self, first: u32, last: u32) -> f64 {
        self.frequencies.map_or(0.0, |frequencies| frequencies.share(first, last))
    }

    /// How many of the numbers from `first` to `last` the kernel emulates.
    #[must_use]
    pub fn emulated(&self, first: u32, last: u32) -> u32 {
        self.emulated.min(last.saturating_add(1)).saturating_sub(first)
    }

    /// The numbers from `first` to `last` that weigh anything, in order.
    pub fn numbers(&self, first: u32, last: u32) -> impl Iterator<Item = u32> + '_ {
        let emulated = self.emulated.min(last.saturating_add(1));
        let from = emulated.max(first);
        let shared = self.frequencies.into_iter().flat_map(move |f| f.numbers(from, last));
        (first..emulated).chain(shared.copied())
    }

    /// The shares of single numbers.
    pub fn shares(&self) -> impl Iterator<Item = (u32, f64)> + '_ {
        self.frequencies.into_iter().flat_map(Frequencies::iter)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test fails by panicking")]

    use super::*;
    use crate::dag::NodeId;

    fn root(abis: &[&str]) -> Root {
        let audit_arch = filterc_abi::abi(abis.first().unwrap()).unwrap().audit_arch;
        let abis = abis.iter().map(|name| (*name).to_owned()).collect();
        Root { abis, audit_arch, node: NodeId::new(0) }
    }

    fn objective(root: &Root, shares: &[(u32, f64)]) -> Objective {
        let frequencies = vec![Frequencies::new(root.audit_arch, shares.iter().copied())];
        Objective { frequencies, ..Objective::default() }
    }

    #[test]
    fn a_span_is_the_sum_of_its_numbers() {
        let root = root(&["x86_64", "x32"]);
        let shares: Vec<_> = (0..600_u32).map(|nr| (nr * 3 % 599, f64::from(nr) / 2e5)).collect();
        let objective = objective(&root, &shares);
        for (first, last) in [(0, 0), (0, 598), (17, 400), (599, u32::MAX), (0, u32::MAX)] {
            let slow: f64 =
                shares.iter().filter(|(nr, _)| (first..=last).contains(nr)).map(|(_, s)| s).sum();
            assert!((objective.share(&root, first, last) - slow).abs() < 1e-9, "{first}..{last}");
        }
        let halves = objective.share(&root, 0, 99) + objective.share(&root, 100, 700);
        assert_eq!(halves, objective.share(&root, 0, 700));
        let listed: f64 = objective.at(&root).shares().map(|(_, share)| share).sum();
        assert!((listed - objective.share(&root, 0, u32::MAX)).abs() < 1e-9);
    }

    #[test]
    fn only_numbers_of_the_bitmap_cost_something_at_install() {
        let root = root(&["x86_64", "x32"]);
        let objective = objective(&root, &[]);
        let emulated = filterc_abi::x86_64().bitmap_len();
        let at = objective.at(&root);
        assert_eq!(at.emulated(0, u32::MAX), emulated);
        assert_eq!(at.emulated(emulated - 1, emulated), 1);
        assert_eq!(at.emulated(0x4000_0000, 0x4000_0100), 0);
        let all = objective.span(&root, 0, u32::MAX, false);
        assert_eq!(all, objective.install * f64::from(emulated));
    }

    #[test]
    fn cached_calls_cost_less() {
        let root = root(&["aarch64"]);
        let objective = objective(&root, &[(56, 0.5), (56, 0.25), (57, -1.0)]);
        assert_eq!(objective.share(&root, 56, 56), 0.75);
        assert_eq!(objective.share(&root, 57, 57), 0.0);
        let cached = objective.number(&root, 56, true);
        assert_eq!(objective.number(&root, 56, false) - cached, 0.75 * objective.uncached);
        let half = objective.frequencies.first().unwrap().scaled(0.5);
        assert_eq!(half.share(56, 56), 0.375);
    }
}
