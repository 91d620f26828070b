//! The functions of a kernel, from the text of its `/proc/kallsyms`.

use super::machine::Symbols;

/// The symbols of a kernel.
#[derive(Clone, Debug)]
pub struct Kallsyms {
    /// By address.
    symbols: Vec<(u64, String)>,
}

impl Kallsyms {
    /// The symbols of the text; `None` if it hides their addresses, as it does from users.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let row = |line: &str| {
            let mut words = line.split_whitespace();
            let address = u64::from_str_radix(words.next()?, 16).ok()?;
            Some((address, words.nth(1)?.to_owned()))
        };
        let mut symbols: Vec<_> = text.lines().filter_map(row).collect();
        symbols.sort_by_key(|(address, _)| *address);
        let known = symbols.last().is_some_and(|(address, _)| *address != 0);
        known.then_some(Self { symbols })
    }
}

impl Symbols for Kallsyms {
    fn address(&self, name: &[u8]) -> Option<u64> {
        let named = |(_, known): &&(u64, String)| known.as_bytes() == name;
        self.symbols.iter().find(named).map(|(address, _)| *address)
    }

    fn range(&self, address: u64) -> Option<(u64, u64)> {
        let behind = self.symbols.partition_point(|(start, _)| *start <= address);
        let (start, _) = self.symbols.get(behind.checked_sub(1)?)?;
        let (end, _) = self.symbols.get(behind)?;
        Some((*start, *end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_end_where_the_next_begins() {
        let text = "ffff20 T b\nffff10 t a\nffff30 T c [module]\nbad\n";
        let symbols = Kallsyms::parse(text);
        let symbols = symbols.as_ref();
        assert_eq!(symbols.and_then(|s| s.address(b"b")), Some(0xff_ff20));
        assert_eq!(symbols.and_then(|s| s.range(0xff_ff2f)), Some((0xff_ff20, 0xff_ff30)));
        assert_eq!(symbols.and_then(|s| s.range(0xff_ff30)), None);
        assert_eq!(symbols.and_then(|s| s.range(0)), None);
        assert!(Kallsyms::parse("0000 T a\n0000 T b\n").is_none());
    }
}
