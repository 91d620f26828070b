//! Which symbols of the kernel's configuration are certain for one way into the kernel.

use std::collections::{BTreeMap, BTreeSet};

use super::condition::Condition;
use super::tree::Tree;
use crate::error::Error;

/// What the Kconfig files say about one architecture.
pub(crate) struct Kconfig {
    /// `select SYMBOL if CONDITION`, by the symbol that selects.
    selects: BTreeMap<String, Vec<(String, Condition)>>,
    /// Symbols that nobody can set: they are on if something selects them.
    selected_only: BTreeSet<String>,
}

/// What is known about configuration symbols: on, off, or nothing.
pub(crate) struct Config {
    known: BTreeMap<String, bool>,
}

impl Kconfig {
    /// Reads `arch/Kconfig` and `arch/ARCH/Kconfig`.
    pub(crate) fn read(tree: &Tree, arch: &str) -> Result<Self, Error> {
        let mut all = Self { selects: BTreeMap::new(), selected_only: BTreeSet::new() };
        all.add(&tree.read("arch/Kconfig")?);
        all.add(&tree.read(&format!("arch/{arch}/Kconfig"))?);
        Ok(all)
    }

    fn add(&mut self, text: &str) {
        let mut symbol = None;
        let mut settable = BTreeSet::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let top = !line.starts_with([' ', '\t']);
            match (words.as_slice(), symbol) {
                (["config" | "menuconfig", name], _) if top => {
                    symbol = Some(*name);
                    self.selected_only.insert((*name).to_owned());
                }
                (["select", target, rest @ ..], Some(symbol)) => {
                    let condition = match rest {
                        ["if", words @ ..] => condition(&words.join(" ")),
                        _ => Condition::All(Vec::new()),
                    };
                    let selects = self.selects.entry(symbol.to_owned()).or_default();
                    selects.push(((*target).to_owned(), condition));
                }
                // A prompt or a default: someone can set it.
                (
                    ["bool" | "tristate", _, ..] | ["prompt" | "default" | "def_bool", ..],
                    Some(name),
                )
                | (["int" | "hex" | "string" | "range", ..], Some(name)) => {
                    settable.insert(name.to_owned());
                }
                // The help text is indented more; whatever else is flush left ends the entry.
                ([_, ..], _) if top => symbol = None,
                _ => {}
            }
        }
        self.selected_only.retain(|name| !settable.contains(name));
    }

    /// What follows from symbols that are on (`NAME`) or off (`!NAME`).
    pub(crate) fn config(&self, given: &[&str]) -> Config {
        let mut known: BTreeMap<String, bool> = given
            .iter()
            .map(|word| match word.strip_prefix('!') {
                Some(name) => (name.to_owned(), false),
                None => ((*word).to_owned(), true),
            })
            .collect();
        // A symbol that something uncertain selects stays unknown.
        let mut perhaps = BTreeSet::new();
        loop {
            let mut news = BTreeSet::new();
            for (symbol, selects) in &self.selects {
                let on = known.get(symbol).copied();
                for (target, condition) in selects {
                    let holds = condition.holds(&|name| known.get(name).copied());
                    match (on, holds) {
                        (Some(false), _) | (_, Some(false)) => {}
                        (Some(true), Some(true)) => drop(news.insert(target.clone())),
                        _ => drop(perhaps.insert(target.clone())),
                    }
                }
            }
            news.retain(|name| !known.contains_key(name));
            if news.is_empty() {
                break;
            }
            known.extend(news.into_iter().map(|name| (name, true)));
        }
        for name in self.selected_only.iter().filter(|&name| !perhaps.contains(name)) {
            known.entry(name.clone()).or_insert(false);
        }
        Config { known }
    }
}

impl Config {
    /// Whether a macro is defined, as far as the configuration tells.
    pub(crate) fn defines(&self, name: &str) -> Option<bool> {
        self.known.get(name.strip_prefix("CONFIG_")?).copied()
    }

    /// Whether a symbol is certainly on.
    pub(crate) fn is_on(&self, symbol: &str) -> bool {
        self.known.get(symbol) == Some(&true)
    }
}

/// A condition of Kconfig: symbols without `CONFIG_`.
fn condition(text: &str) -> Condition {
    let mut words = String::new();
    for part in text.split_inclusive(|c: char| !super::code::is_word(c)) {
        let word = part.trim_end_matches(|c: char| !super::code::is_word(c));
        if word.is_empty() {
            words.push_str(part);
        } else {
            words.push_str(&format!("defined({word}){}", part.get(word.len()..).unwrap_or("")));
        }
    }
    Condition::parse(&words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_select_holds_for_the_entry_that_it_stands_in() {
        let mut kconfig = Kconfig { selects: BTreeMap::new(), selected_only: BTreeSet::new() };
        kconfig.add(
            "config BACKWARDS\n\tbool\n\nconfig OLD\n\tbool\n\nconfig SEEN\n\tbool \"prompt\"\n",
        );
        kconfig.add(
            "config M_32\n\tdef_bool y\n\tdepends on !64BIT\n\tselect BACKWARDS\n\nconfig M_64\n\
             \tdef_bool y\n\tselect SEEN\n\nconfig M\n\tdef_bool y\n\tselect OLD if !M_64 && M_32\n\
             \tselect WHAT if WHO_KNOWS\n",
        );
        let narrow = kconfig.config(&["M", "M_32", "!M_64"]);
        let wide = kconfig.config(&["M", "M_64", "!M_32"]);
        let of = |config: &Config, name: &str| config.defines(&format!("CONFIG_{name}"));
        assert_eq!((of(&narrow, "BACKWARDS"), of(&wide, "BACKWARDS")), (Some(true), Some(false)));
        assert_eq!((of(&narrow, "OLD"), of(&wide, "OLD")), (Some(true), Some(false)));
        assert_eq!((of(&narrow, "SEEN"), of(&wide, "SEEN")), (None, Some(true)));
        assert_eq!((of(&narrow, "WHAT"), narrow.defines("__ARCH_WANT")), (None, None));
    }
}
