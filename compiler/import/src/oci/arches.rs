//! Names of architectures: libseccomp's (`SCMP_ARCH_…`), and those that Docker's profiles use
//! in their conditions, for the machine that runs the container.

use filterc_abi::{self as abi, Abi};

use crate::Note;
use crate::error::Kind;
use crate::hosts;
use crate::json::reader::Reader;
use crate::oci::profile::{Architectures, Profile};

/// Names in `includes.arches` and `excludes.arches` that are not those of our tables.
const HOSTS: &[(&str, &str)] =
    &[("amd64", "x86_64"), ("arm64", "aarch64"), ("loong64", "loongarch64"), ("x86", "i386")];

/// libseccomp's names, without `SCMP_ARCH_`, that are not those of our tables in capitals.
const TOKENS: &[(&str, &str)] = &[("X86", "i386")];

/// Whether conditions may name such a machine.
pub(crate) fn is_host(name: &str) -> bool {
    abi::abi(name).is_some() || HOSTS.iter().any(|(docker, _)| *docker == name)
}

/// Whether a condition that names `host` means a machine with that ABI.
pub(crate) fn names_host(host: &str, abi: &Abi) -> bool {
    host == abi.name || HOSTS.contains(&(host, abi.name))
}

/// The ABI of libseccomp's name (`SCMP_ARCH_AARCH64`).
#[must_use]
pub fn of_token(token: &str) -> Option<&'static Abi> {
    let name = token.strip_prefix("SCMP_ARCH_")?;
    let known = TOKENS.iter().find(|(other, _)| *other == name);
    let own = name.to_ascii_lowercase();
    let taken = name.contains(|c: char| c.is_ascii_lowercase())
        || TOKENS.iter().any(|(_, other)| *other == own);
    match known {
        Some((_, name)) => abi::abi(name),
        None if taken => None,
        None => abi::abi(&own),
    }
}

/// Which ABIs a policy covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Covering {
    /// The machine's own, and the others that the profile covers there.
    #[default]
    All,
    /// The machine's own: all others are foreign.
    Host,
}

/// The ABIs that a profile covers on a machine of the ABI `host`: that one first, since
/// libseccomp adds it whether the profile names it or not. Those that such a machine never
/// meets are left out and told.
pub(crate) fn covered(
    profile: &Profile,
    (host, covering): (&'static Abi, Covering),
    reader: &mut Reader,
    notes: &mut Vec<Note>,
) -> Vec<&'static Abi> {
    let (path, tokens) = match &profile.architectures {
        Architectures::List(tokens) => ("architectures", tokens.as_slice()),
        Architectures::Map(rows) => {
            let is_host = |token: &str| of_token(token).is_some_and(|abi| abi.name == host.name);
            let row = rows.iter().find(|(token, _)| is_host(token));
            ("archMap", row.map_or(&[][..], |(_, others)| others))
        }
    };
    let mut abis = vec![host];
    let mut never = Vec::new();
    for (token, span) in tokens {
        match of_token(token) {
            Some(abi) if abis.iter().any(|known| known.name == abi.name) => (),
            Some(abi) if hosts::runs(host, abi) => {
                if covering == Covering::All {
                    abis.push(abi);
                }
            }
            Some(abi) => never.push(abi.name),
            None => reader.error(path, *span, &Kind::UnknownArchitecture(token.clone())),
        }
    }
    if !never.is_empty() {
        let text = format!("a machine of {} never meets {}: left out", host.name, never.join(", "));
        notes.push(Note { path: path.to_owned(), text });
    }
    abis
}
