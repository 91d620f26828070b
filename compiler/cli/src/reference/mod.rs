//! Kernel facts for people and for tools: what `doc` and `list` print. Each module has a
//! `text` and a `json` of one sort of thing.

pub(crate) mod abi;
pub(crate) mod call;
pub(crate) mod constant;
pub(crate) mod group;
pub(crate) mod page;
mod sight;
pub(crate) mod subject;
mod values;
pub(crate) mod word;

use filterc_abi::{self as tables, Abi, KernelVersion};

/// What is shown: for which ABIs, and how much of it.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// The ABIs, sorted by name.
    pub(crate) abis: Vec<&'static Abi>,
    /// The one whose values are shown where there is room for one.
    pub(crate) abi: &'static Abi,
    /// Whether long lists of constants are shown whole.
    pub(crate) whole: bool,
}

impl View {
    /// A view of the ABIs asked for, or of all.
    pub(crate) fn new(asked: &[&'static Abi], whole: bool) -> Self {
        let host = tables::host().unwrap_or(tables::x86_64());
        let mut abis = asked.to_vec();
        abis.sort_by_key(|abi| abi.name);
        abis.dedup_by_key(|abi| abi.name);
        if abis.is_empty() {
            abis.extend(tables::abis());
        }
        Self { abis, abi: asked.first().copied().unwrap_or(host), whole }
    }
}

/// A version, or that there is none in the tables.
fn since(version: Option<KernelVersion>) -> String {
    version.map_or("not known".to_owned(), |version| version.to_string())
}

/// The names of some of all ABIs in question, in as few words as are clear.
fn names(some: &[&'static Abi], all: &[&'static Abi]) -> String {
    const FEW: usize = 4;
    let is_in = |abi: &&&Abi| some.iter().any(|other| other.name == abi.name);
    let list = |abis: &[&str]| abis.join(" ");
    let every = if all.len() == tables::abis().len() { "all ABIs" } else { "all of these ABIs" };
    let others: Vec<&str> = all.iter().filter(|abi| !is_in(abi)).map(|abi| abi.name).collect();
    match others.as_slice() {
        [] if all.len() > FEW => every.to_owned(),
        [_, ..] if others.len() <= FEW && some.len() > 2 * FEW => {
            format!("{every} but {}", list(&others))
        }
        _ => list(&some.iter().map(|abi| abi.name).collect::<Vec<_>>()),
    }
}

/// Puts those together that are equal, in the order of their first.
fn grouped<K: PartialEq, T>(all: impl IntoIterator<Item = (K, T)>) -> Vec<(K, Vec<T>)> {
    let mut groups: Vec<(K, Vec<T>)> = Vec::new();
    for (key, one) in all {
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, list)) => list.push(one),
            None => groups.push((key, vec![one])),
        }
    }
    groups
}
