//! The neutral workloads: policies as plain JSON with a semantics of their own, and recorded
//! streams of calls. They say nothing of filterc, so they can contradict it.

use std::collections::BTreeMap;

use filterc_abi::SeccompData;
use serde::Deserialize;

use crate::corpus;

/// A policy: one entry a call, raw 64-bit comparisons, one default.
#[derive(Debug, Deserialize)]
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

#[derive(Debug, Deserialize)]
struct Entry {
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

#[derive(Debug, Deserialize)]
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
        let mut workload: Self =
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let numbers = workload.syscalls.iter().map(|entry| entry.nr);
        workload.by_number = numbers.zip(0..).collect();
        workload
    }

    /// The numbers that have entries.
    #[must_use]
    pub fn numbers(&self) -> Vec<u32> {
        self.by_number.keys().copied().collect()
    }

    /// The return value that the workload's own semantics gives for a call of its ABI.
    #[must_use]
    pub fn decide(&self, call: &SeccompData) -> u32 {
        let index = self.by_number.get(&call.nr.cast_unsigned());
        let entry = index.and_then(|&index| self.syscalls.get(index)).filter(|entry| {
            let all = |conditions: &Vec<Condition>| conditions.iter().all(|c| c.holds(call));
            entry.any_of.is_empty() || entry.any_of.iter().any(all)
        });
        match entry.map_or(self.default, |entry| entry.action) {
            Verdict::Allow => 0x7fff_0000,
            Verdict::Errno { errno } => 0x0005_0000 | u32::from(errno),
        }
    }
}

impl Condition {
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
        }
    }
}

/// All recorded calls, as an x86_64 kernel would show them to a filter.
#[must_use]
pub fn streams() -> Vec<SeccompData> {
    let mut calls = Vec::new();
    for path in corpus::files("streams", "jsonl") {
        for line in corpus::text(&path).lines() {
            let event: Event = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{}: {error}: {line}", path.display()));
            let arch = filterc_abi::x86_64().audit_arch;
            let instruction_pointer = 0x7fff_f7ea_0000;
            calls.push(SeccompData { nr: event.nr, arch, instruction_pointer, args: event.args });
        }
    }
    calls
}
