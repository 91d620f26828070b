//! What the optimizer is to minimise: the goal as weights, and how often calls are made.
//!
//! The weights, by goal (their unit is one instruction that every call runs):
//!
//! | goal | an instruction there | run by every call | … not in the bitmap | emulated for a number |
//! |---|---|---|---|---|
//! | balanced | 1/4 | 1 | 1/2 | 1/16384 |
//! | balanced, with a profile | 1/64 | 1 | 1/2 | 1/16384 |
//! | size | 16 | 1/16 | 1/16 | 1/65536 |
//! | speed | 1/4096 | 1/8 | 1 | 1/65536 |
//! | install | 1/256 | 1/256 | 1/256 | 1 |
//!
//! A test of `nr` on the longest path counts as much as if 3/16 of all calls took it (balanced,
//! without a profile), else 1/256 of them.
//!
//! What is balanced: a filter is attached once and lives for some ten thousand calls, so an emulated
//! instruction is worth that part of one that every call runs. Calls in the bitmap run nothing
//! since Linux 5.11, but everything on older kernels, under a tracer of all calls or where a
//! second filter does not allow them, so they count, and the others half as much again. An
//! instruction that no call runs costs memory and room in caches: with a profile 64 are worth one
//! that all do. Without one, how often calls are made is known of other programs only: then what
//! is certain counts more, and 4 are; and the calls of this program may well be those that take
//! the longest path. The choice was measured on the recordings
//! (`cargo run -p filterc-testkit --example measure`): with any weight four times as large or as
//! small, neither Docker's policy nor the one of arguments changes by more than 4 %.
//!
//! Without the bitmap (`--no-bitmap`, or a policy for a kernel before 5.11) every call runs the
//! program and nothing is emulated: then what a call costs that is not in the bitmap is what every
//! call costs.

use std::collections::BTreeMap;

use filterc_abi::{Abi, Endian, KernelVersion, SeccompData};
use filterc_hir::expr::Predicate;
use filterc_hir::policy::{AbiPolicy, Policy, Selector};
use filterc_ir::Objective;
use filterc_ir::objective::{Frequencies, Sample};
use serde::Serialize;

use crate::options::{Goal, Options};
use crate::profile::{self, Profile};
use crate::ranking::{self, Made};

/// The first kernel with the bitmap.
const BITMAP_SINCE: KernelVersion = KernelVersion { major: 5, minor: 11 };

/// The part of all calls of a machine that is made on its other ABIs.
const COMPAT: f64 = 1.0 / 16.0;

/// The part of a profile: the rest is the ranking's, as a profile has not seen everything.
const PROFILED: f64 = 15.0 / 16.0;

/// Where calls come from: in a library, as mostly.
const CALLER: u64 = 0x7fff_f7ea_0000;

/// Where it is known from how often calls are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shares {
    /// The shipped ranking of calls.
    Ranking,
    /// The profile that was given, with a sixteenth of the ranking.
    Profile,
}

/// The objective for the ABIs of one byte order, and where its shares are from.
pub(crate) fn objective(policy: &Policy, endian: Endian, options: &Options) -> (Objective, Shares) {
    let parts: Vec<_> = policy.abis().iter().filter(|part| part.abi().endian == endian).collect();
    let bitmap = options.bitmap && parts.iter().any(|part| part.kernel() >= BITMAP_SINCE);
    let abis: Vec<_> = parts.iter().map(|part| part.abi()).collect();
    let traffic = Traffic::new(&abis, options.profile.as_ref());
    let mut samples = Vec::new();
    for part in parts {
        sample(part, &traffic, &mut samples);
    }
    let shares = traffic.shares();
    let weights = weights(options.goal, bitmap, shares);
    let of_abis = traffic.of_abis.into_iter().map(|(_, frequencies)| frequencies).collect();
    (Objective { samples, frequencies: by_token(of_abis), ..weights }, shares)
}

/// How often calls are made, as far as it is known: on some ABIs of one byte order.
#[derive(Debug)]
pub struct Traffic {
    of_abis: Vec<(&'static Abi, Frequencies)>,
    seen: Option<Seen>,
}

impl Traffic {
    /// By a profile, or by the shipped ranking.
    #[must_use]
    pub fn new(abis: &[&'static Abi], profile: Option<&Profile>) -> Self {
        let seen = profile.map(|profile| Seen::of(profile, abis));
        let of_abis = abis.iter().zip(shares(abis)).map(|(abi, share)| {
            let frequencies = match seen.as_ref().and_then(|seen| seen.on(abi)) {
                Some(seen) => seen.frequencies(abi, share),
                None => ranking::frequencies(abi).scaled(share),
            };
            (*abi, frequencies)
        });
        Self { of_abis: of_abis.collect(), seen }
    }

    /// Where it is known from: a profile of other ABIs says nothing of these.
    #[must_use]
    pub fn shares(&self) -> Shares {
        let is_profiled = self.seen.as_ref().is_some_and(|seen| !seen.on.is_empty());
        if is_profiled { Shares::Profile } else { Shares::Ranking }
    }

    /// The part of all calls that has one of the numbers from `first` to `last` on an ABI.
    #[must_use]
    pub fn share(&self, abi: &Abi, first: u32, last: u32) -> f64 {
        let own = self.of_abis.iter().find(|(other, _)| other.name == abi.name);
        own.map_or(0.0, |(_, frequencies)| frequencies.share(first, last))
    }

    /// The calls that stand for all of one number, each with its part of them: none where it is
    /// not known how it is called.
    #[must_use]
    pub fn made(&self, abi: &'static Abi, nr: u32) -> Vec<(SeccompData, f64)> {
        let of_profile = self.seen.as_ref().and_then(|seen| seen.on(abi));
        let of_profile = of_profile.map(|seen| seen.made(nr)).unwrap_or_default();
        let made = match abi.syscall_by_nr(nr) {
            Some(call) if of_profile.is_empty() => ranking::made(abi, call),
            Some(_) | None => of_profile,
        };
        let total: f64 = made.iter().map(|(_, weight)| weight).sum();
        let call = |args| {
            let arch = abi.audit_arch;
            SeccompData { nr: nr.cast_signed(), arch, instruction_pointer: CALLER, args }
        };
        made.into_iter().map(|(args, weight)| (call(args), weight / total)).collect()
    }
}

fn weights(goal: Goal, bitmap: bool, shares: Shares) -> Objective {
    let (size, worst, every, uncached, install) = match (goal, shares) {
        (Goal::Balanced, Shares::Profile) => {
            (1.0 / 64.0, 1.0 / 256.0, 1.0, 1.0 / 2.0, 1.0 / 16384.0)
        }
        (Goal::Balanced, Shares::Ranking) => (1.0 / 4.0, 3.0 / 16.0, 1.0, 1.0 / 2.0, 1.0 / 16384.0),
        (Goal::Size, _) => (16.0, 1.0 / 256.0, 1.0 / 16.0, 1.0 / 16.0, 1.0 / 65536.0),
        (Goal::Speed, _) => (1.0 / 4096.0, 1.0 / 256.0, 1.0 / 8.0, 1.0, 1.0 / 65536.0),
        (Goal::Install, _) => (1.0 / 256.0, 1.0 / 256.0, 1.0 / 256.0, 1.0 / 256.0, 1.0),
    };
    let (every, uncached, install) =
        if bitmap { (every, uncached, install) } else { (every + uncached, 0.0, 0.0) };
    Objective { size, worst, every, uncached, install, ..Objective::default() }
}

/// Which part of all calls each ABI makes if nothing says so. Machines are equally likely, and
/// on each the widest ABI makes nearly all calls.
fn shares(abis: &[&'static Abi]) -> Vec<f64> {
    let mut machines: BTreeMap<&str, Vec<&'static Abi>> = BTreeMap::new();
    for abi in abis {
        machines.entry(abi.kernel_arch).or_default().push(abi);
    }
    let count = machines.len() as f64;
    let share = |abi: &&'static Abi| {
        let machine = machines.get(abi.kernel_arch).map(Vec::as_slice).unwrap_or_default();
        let is_native =
            profile::native(machine.iter().copied()).is_some_and(|native| native.name == abi.name);
        let others = machine.len().saturating_sub(1) as f64;
        let of_machine = match (is_native, others > 0.0) {
            (true, false) => 1.0,
            (true, true) => 1.0 - COMPAT,
            (false, _) => COMPAT / others,
        };
        of_machine / count
    };
    abis.iter().map(share).collect()
}

/// One table for each token: ABIs can share one.
fn by_token(of_abis: Vec<Frequencies>) -> Vec<Frequencies> {
    let mut tokens: Vec<Frequencies> = Vec::with_capacity(of_abis.len());
    for of_abi in of_abis {
        let token = of_abi.audit_arch();
        match tokens.iter_mut().find(|other| other.audit_arch() == token) {
            Some(other) => {
                let both: Vec<_> = other.iter().chain(of_abi.iter()).collect();
                *other = Frequencies::new(token, both);
            }
            None => tokens.push(of_abi),
        }
    }
    tokens
}

/// Adds calls for the numbers whose arguments the policy looks at.
fn sample(part: &AbiPolicy, traffic: &Traffic, samples: &mut Vec<Sample>) {
    let abi = part.abi();
    let asks = |predicate: &Predicate| *predicate != Predicate::True;
    let arms = part.arms().iter().filter(|arm| asks(&arm.predicate));
    let mut numbers = Vec::new();
    for arm in arms {
        match arm.selector {
            Selector::Nr(nr) => numbers.push(nr),
            Selector::Range(first, last) => {
                let within = |nr: &u32| first <= *nr && *nr <= last;
                let known = abi.syscalls().iter().map(|call| call.nr);
                numbers.extend(known.chain([first]).filter(within));
            }
            Selector::Known => numbers.extend(abi.syscalls().iter().map(|call| call.nr)),
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    for nr in numbers {
        let share = traffic.share(abi, nr, nr);
        let made = traffic.made(abi, nr).into_iter();
        samples.extend(made.map(|(call, part)| Sample { call, share: share * part }));
    }
}

/// What a profile has seen on a policy's ABIs.
#[derive(Debug)]
struct Seen {
    on: BTreeMap<&'static str, SeenOn>,
}

/// What it has seen on one of them.
#[derive(Debug)]
struct SeenOn {
    /// By number, its part of all calls, and how it was made.
    numbers: BTreeMap<u32, (f64, Vec<Made>)>,
}

impl Seen {
    fn of(profile: &Profile, abis: &[&'static Abi]) -> Self {
        let calls = profile.on(abis);
        let total: f64 = calls.iter().map(|call| call.count).sum();
        let empty = || SeenOn { numbers: BTreeMap::new() };
        let mut on: BTreeMap<_, _> = abis.iter().map(|abi| (abi.name, empty())).collect();
        if total <= 0.0 {
            on.clear();
        }
        for call in calls {
            let Some(of_abi) = on.get_mut(call.abi.name) else { continue };
            let (share, made) = of_abi.numbers.entry(call.nr).or_default();
            *share += call.count / total;
            made.extend(call.made);
        }
        Self { on }
    }

    fn on(&self, abi: &Abi) -> Option<&SeenOn> {
        self.on.get(abi.name)
    }
}

impl SeenOn {
    /// The shares of an ABI's calls; `otherwise` is what it has of all calls without a profile.
    fn frequencies(&self, abi: &'static Abi, otherwise: f64) -> Frequencies {
        let ranked = ranking::frequencies(abi).scaled(otherwise * (1.0 - PROFILED));
        let seen = self.numbers.iter().map(|(nr, (share, _))| (*nr, share * PROFILED));
        Frequencies::new(abi.audit_arch, ranked.iter().chain(seen).collect::<Vec<_>>())
    }

    fn made(&self, nr: u32) -> Vec<Made> {
        let seen = self.numbers.get(&nr).map(|(_, made)| made.as_slice());
        profile::representatives(seen.unwrap_or_default())
    }
}
