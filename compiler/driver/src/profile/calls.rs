//! The calls of a profile, added up, and what they are on the ABIs of a policy.

use std::collections::BTreeMap;

use filterc_abi::Abi;
use filterc_hir::policy::{AbiPolicy, Policy};

use crate::ranking::{self, Made};

/// Calls of one number that stand for all others; more would cost time and tell nothing.
const REPRESENTATIVES: u32 = 64;

/// The calls that were seen, added up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    calls: BTreeMap<(Side, Which), Counted>,
}

/// Where calls were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// On the machine's own ABI, whichever machine that was.
    Native,
    /// On the 32-bit ABI of a 64-bit machine.
    Compat,
    /// On the ABI of that name.
    Abi(&'static str),
}

/// Which call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// By the name that it has somewhere.
    Name(String),
    /// By number.
    Nr(u32),
}

/// How often, with which arguments where they are known.
#[derive(Clone, Debug, Default, PartialEq)]
struct Counted {
    count: f64,
    args: BTreeMap<[u64; 6], f64>,
}

/// The calls of one number of an ABI.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) abi: &'static Abi,
    pub(crate) nr: u32,
    pub(crate) count: f64,
    pub(crate) made: Vec<Made>,
}

impl Profile {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Counts calls.
    pub(super) fn add(&mut self, side: Side, which: Which, args: Option<[u64; 6]>, count: f64) {
        let counted = self.calls.entry((side, which)).or_default();
        counted.count += count;
        if let Some(args) = args {
            *counted.args.entry(args).or_default() += count;
        }
    }

    /// Whether it has a call of some ABI of a policy.
    pub(crate) fn is_of(&self, policy: &Policy) -> bool {
        let abis: Vec<_> = policy.abis().iter().map(AbiPolicy::abi).collect();
        !self.on(&abis).is_empty()
    }

    /// The calls that were made on these ABIs. Numbers without an ABI are taken to be of the
    /// first native one; names are looked up on the native ABI of each machine.
    pub(crate) fn on(&self, abis: &[&'static Abi]) -> Vec<Call> {
        let mut machines: BTreeMap<&str, Vec<&'static Abi>> = BTreeMap::new();
        for abi in abis {
            machines.entry(abi.kernel_arch).or_default().push(abi);
        }
        let natives = machines.values().filter_map(|abis| native(abis.iter().copied()));
        let mut natives: Vec<&'static Abi> = natives.collect();
        natives.sort_by_key(|native| abis.iter().position(|abi| abi.name == native.name));
        let is_compat = |abi: &&&'static Abi| {
            let is_native = natives.iter().any(|native| native.name == abi.name);
            !is_native && abi.register == 32
        };
        let compats: Vec<&'static Abi> = abis.iter().filter(is_compat).copied().collect();
        let mut calls = Vec::new();
        for ((side, which), counted) in &self.calls {
            let on: Vec<&'static Abi> = match (side, which) {
                (Side::Native, Which::Nr(_)) => natives.iter().copied().take(1).collect(),
                (Side::Native, Which::Name(_)) => natives.clone(),
                (Side::Compat, _) => compats.clone(),
                (Side::Abi(name), _) => {
                    abis.iter().copied().filter(|abi| abi.name == *name).collect()
                }
            };
            for abi in &on {
                which.on(abi, counted, 1.0 / on.len() as f64, &mut calls);
            }
        }
        calls
    }
}

impl Which {
    /// Adds the calls that it is on an ABI.
    fn on(&self, abi: &'static Abi, counted: &Counted, part: f64, calls: &mut Vec<Call>) {
        let made = || counted.args.iter().map(|(args, count)| (*args, count * part)).collect();
        let count = counted.count * part;
        match self {
            Self::Nr(nr) if abi.admits(*nr) => {
                calls.push(Call { abi, nr: *nr, count, made: made() });
            }
            Self::Nr(_) => (),
            Self::Name(name) => match abi.syscall(name) {
                Some(call) => calls.push(Call { abi, nr: call.nr, count, made: made() }),
                // Another call's arguments are others.
                None => calls.extend(ranking::named(abi, name).into_iter().map(|(call, share)| {
                    Call { abi, nr: call.nr, count: count * share, made: Vec::new() }
                })),
            },
        }
    }
}

/// The ABI of a machine's own programs among those of it: the widest one without a mark.
pub(crate) fn native(abis: impl Iterator<Item = &'static Abi>) -> Option<&'static Abi> {
    let mut best: Option<&'static Abi> = None;
    for abi in abis {
        let key = |abi: &Abi| (abi.mark.is_none_or(|mark| !mark.set), abi.word, abi.register);
        if best.is_none_or(|best| key(best) < key(abi)) {
            best = Some(abi);
        }
    }
    best
}

/// At most so many calls that stand for all: these are cut, in the order of their arguments, into
/// parts of one weight, and a call from the middle of each is taken.
pub(crate) fn representatives(made: &[Made]) -> Vec<Made> {
    let limit = usize::try_from(REPRESENTATIVES).unwrap_or(usize::MAX);
    if made.len() <= limit {
        return made.to_vec();
    }
    let mut sorted = made.to_vec();
    sorted.sort_by_key(|(args, _)| *args);
    let total: f64 = sorted.iter().map(|(_, weight)| weight).sum();
    let of_part = total / f64::from(REPRESENTATIVES);
    let (mut before, mut part) = (0.0, 0);
    let mut chosen: Vec<Made> = Vec::with_capacity(limit);
    for (args, weight) in sorted {
        before += weight;
        let mut taken = 0.0;
        while part < REPRESENTATIVES && (f64::from(part) + 0.5) * of_part <= before {
            taken += of_part;
            part += 1;
        }
        if taken > 0.0 {
            chosen.push((args, taken));
        }
    }
    chosen
}

/// Whether some ABI has a call of that name.
pub(super) fn is_known(name: &str) -> bool {
    filterc_abi::abis().iter().any(|abi| abi.syscall(name).is_some())
}
