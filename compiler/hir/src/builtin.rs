//! The groups that need no definition: those of the tables, `@known` and `@since(VERSION)`.
//!
//! Like `any` they stand for calls that the policy's kernel has: what a policy means does
//! not change when the tables learn of a newer call. A name that an ABI lacks is skipped
//! there, and one that no listed ABI has is skipped altogether.

use std::collections::BTreeSet;

use filterc_abi::{Abi, Group, KernelVersion, Status, Syscall};

use crate::on_abi::{OnAbi, on_abi};

/// The name of the group of all implemented calls.
const KNOWN: &str = "known";

/// The name of the group that depends on a version.
const SINCE: &str = "since";

/// A group that needs no definition.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Builtin {
    /// A group of the tables.
    Table(&'static Group),
    /// `@known`: every call that the kernel implements.
    Known,
    /// `@since(6.6)`: every call that came with that kernel or a later one.
    Since(KernelVersion),
}

/// What a name is among these groups.
pub(crate) enum Found {
    /// A group.
    Builtin(Builtin),
    /// A group, if there were a version, or none.
    Version {
        /// Whether one is missing.
        missing: bool,
    },
    /// None.
    Nothing,
}

impl Builtin {
    /// The group of that name.
    pub(crate) fn find(name: &str, version: Option<KernelVersion>) -> Found {
        let plain = match name {
            SINCE => {
                return match version {
                    Some(version) => Found::Builtin(Self::Since(version)),
                    None => Found::Version { missing: true },
                };
            }
            KNOWN => Some(Self::Known),
            name => filterc_abi::group(name).map(Self::Table),
        };
        match plain {
            Some(_) if version.is_some() => Found::Version { missing: false },
            Some(group) => Found::Builtin(group),
            None => Found::Nothing,
        }
    }

    /// Its calls on the ABIs: for each call one entry an ABI. Never without an entry: one
    /// that no ABI has stands for none.
    pub(crate) fn calls(self, abis: &[&'static Abi], kernel: KernelVersion) -> Vec<Vec<OnAbi>> {
        let has = |call: &&'static Syscall| call.exists_in(kernel) && self.takes(call);
        let names: BTreeSet<&'static str> = match self {
            Self::Table(group) => group.calls.iter().copied().collect(),
            Self::Known | Self::Since(_) => {
                abis.iter().flat_map(|abi| abi.syscalls()).filter(has).map(|c| c.name).collect()
            }
        };
        let on = |name: &str, abi: &'static Abi| {
            let on = on_abi(abi, name);
            // The other groups are about numbers: what has a new one can be old by another way.
            let sub_call = on.sub_call.filter(|_| matches!(self, Self::Table(_)));
            OnAbi { direct: on.direct.filter(has), sub_call }
        };
        let row = |name: &str| abis.iter().map(|abi| on(name, abi)).collect::<Vec<_>>();
        let is_somewhere =
            |row: &Vec<OnAbi>| row.iter().any(|on| on.direct.is_some() || on.sub_call.is_some());
        let mut rows: Vec<_> = names.into_iter().map(row).filter(is_somewhere).collect();
        if rows.is_empty() {
            rows.push(vec![OnAbi { direct: None, sub_call: None }; abis.len()]);
        }
        rows
    }

    fn takes(self, call: &Syscall) -> bool {
        match self {
            Self::Table(_) => true,
            Self::Known => call.status != Status::Unimplemented,
            Self::Since(version) => call.since.is_some_and(|since| since >= version),
        }
    }
}

/// The names of all groups that need no definition.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    filterc_abi::groups().iter().map(|group| group.name).chain([KNOWN, SINCE])
}
