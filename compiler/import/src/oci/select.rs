//! Which entries of a profile count: those whose conditions on the container and its host
//! hold. Docker and Podman decide this before a container runtime sees the profile.

use std::collections::BTreeSet;

use filterc_abi::{Abi, KernelVersion};

use crate::oci::arches::names_host;
use crate::oci::profile::{Entry, Filter};

/// What the conditions of entries are about.
pub(crate) struct Situation<'o> {
    pub(crate) host: &'static Abi,
    pub(crate) caps: &'o BTreeSet<String>,
    pub(crate) kernel: KernelVersion,
}

/// Why an entry does not count.
pub(crate) enum LeftOut {
    /// A capability that the container lacks.
    Lacks(String),
    /// A capability that the container has, another machine, an older or a newer kernel.
    Otherwise,
}

impl Situation<'_> {
    /// Whether an entry counts.
    pub(crate) fn admits(&self, entry: &Entry) -> Result<(), LeftOut> {
        let Filter { caps, arches, kernel } = &entry.excludes;
        let here = |arches: &[String]| arches.iter().any(|name| names_host(name, self.host));
        if here(arches) || kernel.is_some_and(|least| self.kernel >= least) {
            return Err(LeftOut::Otherwise);
        }
        if caps.iter().any(|cap| self.caps.contains(cap)) {
            return Err(LeftOut::Otherwise);
        }
        let Filter { caps, arches, kernel } = &entry.includes;
        let absent = !arches.is_empty() && !here(arches);
        if absent || kernel.is_some_and(|least| self.kernel < least) {
            return Err(LeftOut::Otherwise);
        }
        match caps.iter().find(|cap| !self.caps.contains(*cap)) {
            Some(cap) => Err(LeftOut::Lacks(cap.clone())),
            None => Ok(()),
        }
    }
}

/// What an entry's conditions say, for a comment; empty where it has none.
pub(crate) fn describe(entry: &Entry) -> String {
    let mut parts = Vec::new();
    let mut say = |before: &str, names: &[String], or: &str| {
        if !names.is_empty() {
            parts.push(format!("{before} {}", names.join(or)));
        }
    };
    say("with", &entry.includes.caps, " and ");
    say("without", &entry.excludes.caps, " and ");
    say("on", &entry.includes.arches, ", ");
    say("not on", &entry.excludes.arches, ", ");
    if let Some(version) = entry.includes.kernel {
        parts.push(format!("from Linux {version} on"));
    }
    if let Some(version) = entry.excludes.kernel {
        parts.push(format!("before Linux {version}"));
    }
    parts.join(", ")
}
