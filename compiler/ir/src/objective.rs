//! What the optimizer minimises: one number for a program, made of what is minded about it.
//!
//! The cost of a program is
//!
//! ```text
//! size · instructions  +  Σ over numbers nr of weight(nr) · instructions that a call of nr runs
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
//! it once. As all parts are sums over numbers, a search has one weight a number.
//!
//! Shares are of all calls; those of one token add up to at most 1. Nothing here decides what
//! a program means: any weights give a correct one.

use filterc_abi::{Abi, SeccompData};

use crate::dag::Root;
use crate::test::{Cmp, Test};

/// What is minded about a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// An instruction of the program, executed or not.
    pub size: f64,
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

/// How often the calls of one token are made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frequencies {
    /// The token, in `seccomp_data.arch`.
    pub audit_arch: u32,
    /// Shares of single numbers, sorted by number.
    pub numbers: Vec<(u32, f64)>,
}

/// A call that was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The call.
    pub call: SeccompData,
    /// Its share of all calls.
    pub share: f64,
}

impl Default for Objective {
    fn default() -> Self {
        Self {
            size: 1.0 / 64.0,
            every: 1.0,
            uncached: 1.0,
            install: 1.0 / 4096.0,
            frequencies: Vec::new(),
            samples: Vec::new(),
        }
    }
}

impl Objective {
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
        let runs = self.every + if cached { 0.0 } else { self.uncached };
        let emulated = root.abis().filter_map(emulated).fold(0, |most, one| most.max(one));
        let inside = emulated.saturating_sub(first).min((last - first).saturating_add(1));
        runs * self.share(root, first, last) + self.install * f64::from(inside)
    }

    /// The share of the calls of the numbers from `first` to `last`.
    #[must_use]
    pub fn share(&self, root: &Root, first: u32, last: u32) -> f64 {
        let known = self.frequencies.iter().find(|of| of.audit_arch == root.audit_arch);
        let Some(known) = known else { return 0.0 };
        let from = known.numbers.partition_point(|(nr, _)| *nr < first);
        let numbers = known.numbers.get(from..).unwrap_or_default();
        numbers.iter().take_while(|(nr, _)| *nr <= last).map(|(_, share)| share).sum()
    }

    /// How likely a test is to hold, if nothing else is known of the call.
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
}

/// One more than the highest number that the kernel emulates the program for; none where it
/// keeps no bitmap for the ABI.
fn emulated(abi: &'static Abi) -> Option<u32> {
    if abi.filters_since.is_none() || abi.mark.is_some_and(|mark| mark.set) {
        return None;
    }
    abi.syscalls().iter().map(|call| call.nr).max().map(|nr| nr.saturating_add(1))
}
