//! The neutral workloads: policies as plain JSON with a semantics of their own, and recorded
//! streams of calls. They say nothing of filterc, so they can contradict it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use filterc_abi::SeccompData;
use serde::Deserialize;

use crate::corpus;
use crate::rng::Rng;

/// The workloads of the corpus.
pub const NAMES: [&str; 3] = ["docker", "small", "argheavy"];

/// A policy: one entry a call, raw 64-bit comparisons, one default.
#[derive(Clone, Debug, Deserialize)]
pub struct Workload {
    /// `docker`, `small`, `argheavy`.
    pub name: String,
    /// Token of the one ABI.
    pub audit_arch: u32,
    default: Verdict,
    syscalls: Vec<Entry>,
    #[serde(skip)]
    by_number: BTreeMap<u32, usize>,
}

#[derive(Clone, Debug, Deserialize)]
struct Entry {
    name: String,
    nr: u32,
    action: Verdict,
    any_of: Vec<Vec<Condition>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Verdict {
    Allow,
    Errno { errno: u16 },
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Condition {
    arg: usize,
    op: Op,
    value: u64,
    #[serde(default)]
    mask: u64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    MaskedEq,
    /// In no file: what is not [`Op::MaskedEq`].
    #[serde(skip)]
    MaskedNe,
}

/// A recorded call.
#[derive(Debug, Deserialize)]
struct Event {
    nr: i32,
    args: [u64; 6],
}

impl Workload {
    /// A workload of the corpus.
    #[must_use]
    pub fn load(name: &str) -> Self {
        let path = corpus::folder("workloads").join(format!("{name}.json"));
        let text = corpus::text(&path);
        let workload: Self =
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        workload.indexed()
    }

    /// A policy of nothing but arguments: so many calls, each allowed by any of some rules, each
    /// of which holds if so many comparisons (6 at most) of different arguments with random
    /// 64-bit numbers do.
    #[must_use]
    pub fn synthetic(calls: u32, rules: usize, comparisons: usize) -> Self {
        let mut rng = Rng::new(u64::from(calls));
        let mut all_of = || {
            let mut args = [0, 1, 2, 3, 4, 5];
            for i in (1..args.len()).rev() {
                args.swap(i, rng.below(i + 1));
            }
            let args = args.into_iter().take(comparisons);
            args.map(|arg| Condition::random(arg, &mut rng)).collect::<Vec<_>>()
        };
        let syscalls = (0..calls)
            .map(|nr| Entry {
                name: format!("syscall({nr})"),
                nr,
                action: Verdict::Allow,
                any_of: (0..rules).map(|_| all_of()).collect(),
            })
            .collect();
        let workload = Self {
            name: format!("{calls}x{rules}x{comparisons}"),
            audit_arch: filterc_abi::x86_64().audit_arch,
            default: Verdict::Errno { errno: 1 },
            syscalls,
            by_number: BTreeMap::new(),
        };
        workload.indexed()
    }

    /// The workload in parts of at most that many calls.
    #[must_use]
    pub fn parts(&self, calls: usize) -> Vec<Self> {
        let numbers = self.numbers();
        let parts = numbers.chunks(calls);
        parts.map(|part| self.clone().only(&part.iter().copied().collect())).collect()
    }

    /// The numbers that have entries.
    #[must_use]
    pub fn numbers(&self) -> Vec<u32> {
        self.by_number.keys().copied().collect()
    }

    /// The workload as the `libseccomp` helper reads it, for these ABIs (libseccomp's numbers
    /// of them), and with that value for all others.
    #[must_use]
    pub fn lines(&self, abis: &[u32], foreign: u32) -> String {
        let mut text = format!("default {:x}\nforeign {foreign:x}\n", self.default.to_ret());
        for abi in abis {
            let _ = writeln!(text, "arch {abi:x}");
        }
        for entry in &self.syscalls {
            let always = [Vec::new()];
            let any_of = if entry.any_of.is_empty() { &always[..] } else { &entry.any_of };
            for all_of in any_of {
                let _ = write!(text, "rule {:x} {:x}", entry.action.to_ret(), entry.nr);
                for c in all_of {
                    let op = c.op.name();
                    let _ = write!(text, " {:x} {op} {:x} {:x}", c.arg, c.value, c.mask);
                }
                text.push('\n');
            }
        }
        text
    }

    /// The workload word for word as a policy for these ABIs: names, whole registers, and no
    /// number that is treated apart. ABIs and the action for all others as in the language.
    #[must_use]
    pub fn policy(&self, abis: &str, foreign: &str) -> String {
        self.written(abis, foreign, |any_of| {
            let all = |all_of: &Vec<Condition>| {
                let tests: Vec<String> = all_of.iter().map(Condition::test).collect();
                format!("({})", tests.join(" && "))
            };
            any_of.iter().map(all).collect::<Vec<_>>().join(" || ")
        })
    }

    /// The same policy in other words: by what does not hold, and in the other order.
    #[must_use]
    pub fn inverted_policy(&self, abis: &str, foreign: &str) -> String {
        self.written(abis, foreign, |any_of| {
            let some = |all_of: &Vec<Condition>| {
                let tests = all_of.iter().rev().map(|c| c.opposite().test());
                format!("({})", tests.collect::<Vec<_>>().join(" || "))
            };
            let none: Vec<String> = any_of.iter().rev().map(some).collect();
            format!("!({})", none.join(" && "))
        })
    }

    fn written(
        &self,
        abis: &str,
        foreign: &str,
        predicate: impl Fn(&[Vec<Condition>]) -> String,
    ) -> String {
        let default = self.default.name();
        let mut text = format!(
            "arch {abis}\nkernel 6.18\ndefault {default}\nunknown default\nforeign {foreign}\n"
        );
        for entry in &self.syscalls {
            let _ = write!(text, "{} {}", entry.action.name(), entry.name);
            if !entry.any_of.is_empty() {
                let _ = write!(text, " if {}", predicate(&entry.any_of));
            }
            text.push('\n');
        }
        text
    }

    /// The workload with the entries of these numbers alone.
    #[must_use]
    pub fn only(mut self, numbers: &BTreeSet<u32>) -> Self {
        self.syscalls.retain(|entry| numbers.contains(&entry.nr));
        self.indexed()
    }

    fn indexed(mut self) -> Self {
        self.by_number = self.syscalls.iter().map(|entry| entry.nr).zip(0..).collect();
        self
    }

    /// The return value that the workload's own semantics gives for a call of its ABI.
    #[must_use]
    pub fn decide(&self, call: &SeccompData) -> u32 {
        let index = self.by_number.get(&call.nr.cast_unsigned());
        let entry = index.and_then(|&index| self.syscalls.get(index)).filter(|entry| {
            let all = |conditions: &Vec<Condition>| conditions.iter().all(|c| c.holds(call));
            entry.any_of.is_empty() || entry.any_of.iter().any(all)
        });
        entry.map_or(self.default, |entry| entry.action).to_ret()
    }
}

impl Verdict {
    fn to_ret(self) -> u32 {
        match self {
            Self::Allow => 0x7fff_0000,
            Self::Errno { errno } => 0x0005_0000 | u32::from(errno),
        }
    }

    /// As the language writes it.
    fn name(self) -> String {
        match self {
            Self::Allow => "allow".to_owned(),
            Self::Errno { errno } => format!("errno({errno})"),
        }
    }
}

impl Op {
    /// As the workloads write it.
    const fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Lt => "lt",
            Self::Le => "le",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::MaskedEq => "masked_eq",
            Self::MaskedNe => "masked_ne",
        }
    }
}

impl Condition {
    fn random(arg: usize, rng: &mut Rng) -> Self {
        let ops = [Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge, Op::MaskedEq];
        let op = rng.pick(&ops).copied().unwrap_or(Op::Eq);
        let (mask, value) = (rng.next(), rng.next());
        let masked = matches!(op, Op::MaskedEq);
        // Only what is within the mask can be equal.
        let value = if masked { value & mask } else { value };
        Self { arg, op, value, mask: if masked { mask } else { 0 } }
    }

    fn opposite(&self) -> Self {
        let op = match self.op {
            Op::Eq => Op::Ne,
            Op::Ne => Op::Eq,
            Op::Lt => Op::Ge,
            Op::Le => Op::Gt,
            Op::Gt => Op::Le,
            Op::Ge => Op::Lt,
            Op::MaskedEq => Op::MaskedNe,
            Op::MaskedNe => Op::MaskedEq,
        };
        Self { op, ..*self }
    }

    /// As the language writes it.
    fn test(&self) -> String {
        let (arg, value) = (self.arg, self.value);
        let op = match self.op {
            Op::Eq => "==",
            Op::Ne => "!=",
            Op::Lt => "<",
            Op::Le => "<=",
            Op::Gt => ">",
            Op::Ge => ">=",
            Op::MaskedEq => return format!("(args[{arg}] & {:#x}) == {value:#x}", self.mask),
            Op::MaskedNe => return format!("(args[{arg}] & {:#x}) != {value:#x}", self.mask),
        };
        format!("args[{arg}] {op} {value:#x}")
    }

    fn holds(&self, call: &SeccompData) -> bool {
        let arg = call.args.get(self.arg).copied().unwrap_or_default();
        match self.op {
            Op::Eq => arg == self.value,
            Op::Ne => arg != self.value,
            Op::Lt => arg < self.value,
            Op::Le => arg <= self.value,
            Op::Gt => arg > self.value,
            Op::Ge => arg >= self.value,
            Op::MaskedEq => arg & self.mask == self.value,
            Op::MaskedNe => arg & self.mask != self.value,
        }
    }
}

/// All recorded calls, as an x86_64 kernel would show them to a filter.
#[must_use]
pub fn streams() -> Vec<SeccompData> {
    recordings().into_iter().flat_map(|(_, calls)| calls).collect()
}

/// The recordings, by name, each with its calls in their order.
#[must_use]
pub fn recordings() -> Vec<(String, Vec<SeccompData>)> {
    let arch = filterc_abi::x86_64().audit_arch;
    let recording = |path: std::path::PathBuf| {
        let text = corpus::text(&path);
        let calls = text.lines().map(|line| {
            let event: Event = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{}: {error}: {line}", path.display()));
            let instruction_pointer = 0x7fff_f7ea_0000;
            SeccompData { nr: event.nr, arch, instruction_pointer, args: event.args }
        });
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        (name.unwrap_or_default(), calls.collect())
    };
    corpus::files("streams", "jsonl").into_iter().map(recording).collect()
}
