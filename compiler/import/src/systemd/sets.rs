//! Groups of calls by systemd's names.

use std::collections::{BTreeMap, BTreeSet};

use filterc_abi::{self as abi};

/// What `systemd-analyze syscall-filter` printed: a group's name at the beginning of a line, its
/// members below it with spaces before them, `#` before what is said of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    groups: BTreeMap<String, Vec<String>>,
}

impl Listing {
    /// Reads such a text; nothing if there is no group in it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut group = None;
        for line in text.lines() {
            let content = line.trim();
            let is_member = line.starts_with(char::is_whitespace);
            if content.starts_with('@') && !is_member {
                groups.entry(content.to_owned()).or_default();
                group = Some(content.to_owned());
            } else if !is_member {
                // Headings, and what systemd says of calls in no group.
                group = None;
            } else if !content.is_empty() && !content.starts_with('#') {
                let members = group.as_ref().and_then(|group| groups.get_mut(group));
                if let Some(members) = members {
                    members.push(content.to_owned());
                }
            }
        }
        (!groups.is_empty()).then_some(Self { groups })
    }
}

/// Groups, of filterc or of a listing.
pub(super) struct Sets<'l> {
    listing: Option<&'l Listing>,
    /// Whether one of filterc's was asked for.
    own: std::cell::Cell<bool>,
}

impl<'l> Sets<'l> {
    pub(super) const fn new(listing: Option<&'l Listing>) -> Self {
        Self { listing, own: std::cell::Cell::new(false) }
    }

    pub(super) fn are_our_own(&self) -> bool {
        self.own.get()
    }

    /// The calls of a group, of the groups in it as well.
    pub(super) fn members(&self, name: &str) -> Option<Vec<String>> {
        match self.listing {
            Some(listing) => {
                let mut calls = BTreeSet::new();
                let mut seen = BTreeSet::new();
                let mut open = vec![name.to_owned()];
                while let Some(next) = open.pop() {
                    if !seen.insert(next.clone()) {
                        continue;
                    }
                    for member in listing.groups.get(&next)? {
                        if member.starts_with('@') {
                            open.push(member.clone());
                        } else {
                            calls.insert(member.clone());
                        }
                    }
                }
                Some(calls.into_iter().collect())
            }
            None => {
                let name = name.strip_prefix('@')?;
                self.own.set(true);
                if name == "known" {
                    let calls = abi::abis().iter().flat_map(|abi| abi.syscalls());
                    let names: BTreeSet<String> = calls.map(|call| call.name.to_owned()).collect();
                    return Some(names.into_iter().collect());
                }
                let group = abi::group(name)?;
                Some(group.calls.iter().map(|name| (*name).to_owned()).collect())
            }
        }
    }
}
