//! What `verify-live` prints.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use filterc_abi::{Abi, Status};

use super::compile::Plan;
use super::curated::Curated;
use super::measure::{Finding, Measured, is_address};
use super::tracefs::Comparison;
use crate::error::Error;

/// The text so far, and how many findings speak against the tables.
pub(super) struct Report {
    text: String,
    differences: usize,
    all: bool,
}

impl Report {
    /// With `all`, arguments that agree are listed too.
    pub(super) fn new(all: bool) -> Self {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self { text: format!("kernel {}\n", release.trim()), differences: 0, all }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{line}");
    }

    /// Says why a part was left out.
    pub(super) fn skipped(&mut self, what: &str, reason: &str) {
        self.line(format_args!("{what}: skipped: {reason}"));
    }

    pub(super) fn curated(&mut self, curated: &Curated) {
        let Curated { narrower, full, differ } = curated;
        self.line(format_args!(
            "curated: {narrower} rows for arguments that are narrower than declared, {full} for \
             such as are taken in full, {} differences",
            differ.len(),
        ));
        for line in differ {
            self.line(format_args!("  {line}"));
        }
        self.differences += differ.len();
    }

    pub(super) fn tracefs(&mut self, comparison: &Comparison) {
        let Comparison { events, agree, allowed, differ, untraced } = comparison;
        self.line(format_args!(
            "tracefs: {events} events: {agree} have the names and types of the tables, {} differ \
             for a reviewed reason, {} differ",
            allowed.len(),
            differ.len(),
        ));
        for line in allowed.iter().chain(differ) {
            self.line(format_args!("  {line}"));
        }
        self.line(format_args!("  no event here: {}", untraced.join(" ")));
        self.differences += differ.len();
    }

    pub(super) fn probes(&mut self, plan: &Plan, measured: &[Measured]) {
        let count = |wanted: fn(&Finding) -> bool| {
            let all = measured.iter().filter(|one| wanted(&one.finding));
            let numbers = all.clone().filter(|one| !is_address(one.arg)).count();
            format!("{} ({numbers} no addresses)", all.count())
        };
        self.line(format_args!(
            "{}: {} arguments probed: {} agree; of {} no bit above the width is looked at, and \
             the bits below cannot be shown; of {} no bit at all, as said; {} differ; {} could \
             not be told",
            plan.abi.name,
            measured.len(),
            count(|finding| *finding == Finding::Agrees),
            count(|finding| *finding == Finding::AtMost),
            count(|finding| *finding == Finding::Unused),
            count(|finding| matches!(finding, Finding::Wider(_) | Finding::Narrower(_))),
            count(|finding| matches!(finding, Finding::Failed(_) | Finding::Unsteady)),
        ));
        for one in measured {
            self.measured(one);
        }
        self.unprobed(plan, measured);
    }

    fn measured(&mut self, one: &Measured) {
        let Measured { call, arg, finding, place } = one;
        let name = format!("{call}.{}", arg.name);
        match finding {
            Finding::Wider(width) | Finding::Narrower(width) => {
                self.differences += 1;
                self.line(format_args!(
                    "  DIFFERS {name}: {width} bits are looked at, the table has {} ({place})",
                    arg.width
                ));
            }
            Finding::Failed(reason) => {
                self.line(format_args!("  not told {name}: {reason} ({place})"))
            }
            Finding::Unsteady => {
                self.line(format_args!(
                    "  not told {name}: the result is not the same twice ({place})"
                ));
            }
            Finding::Agrees if self.all => self.line(format_args!("  {name} {}", arg.width)),
            Finding::AtMost if self.all => self.line(format_args!("  {name} <={}", arg.width)),
            Finding::Unused if self.all => self.line(format_args!("  {name} unused")),
            Finding::Agrees | Finding::AtMost | Finding::Unused => {}
        }
    }

    fn unprobed(&mut self, plan: &Plan, measured: &[Measured]) {
        let probed: BTreeSet<(&str, &str)> =
            measured.iter().map(|one| (one.call, one.arg.name)).collect();
        let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut missing = Vec::new();
        for (call, arg) in arguments(plan.abi) {
            if probed.contains(&(call, arg)) {
                continue;
            }
            let here = |other: &&(String, Option<String>, String)| {
                other.0 == call && other.1.as_deref().is_none_or(|other| other == arg)
            };
            match plan.none.iter().find(here) {
                Some((_, _, reason)) => {
                    reasons.entry(reason).or_default().push(format!("{call}.{arg}"));
                }
                None => missing.push(format!("{call}.{arg}")),
            }
        }
        for (reason, names) in reasons {
            self.line(format_args!("  not probed, {reason}: {}", names.join(" ")));
        }
        let (count, list) = (missing.len(), missing.join(" "));
        self.line(format_args!("  no recipe for {count} arguments: {list}"));
    }

    /// The report, as an error if something differs.
    pub(super) fn finish(self) -> Result<String, Error> {
        match self.differences {
            0 => Ok(self.text),
            count => Err(Error::Differs(format!("{}{count} differences", self.text))),
        }
    }
}

/// Every argument of an ABI, in the order of the calls' numbers.
fn arguments(abi: &'static Abi) -> impl Iterator<Item = (&'static str, &'static str)> {
    let calls = abi.syscalls().iter().filter(|call| call.status == Status::Implemented);
    calls.flat_map(|call| call.args.iter().map(|arg| (call.name, arg.name)))
}
