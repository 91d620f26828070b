//! Lists of processors: `0-3,5`, `N` for the last, `all`, `0-7:1/2` for one of every two.

use super::bytes::{at, is_space, skip};

/// The processors of a list, sorted; `None` if the kernel refuses it, because it is malformed or
/// because it has a processor that the kernel cannot have.
pub(super) fn read(text: &[u8], nr_cpu_ids: u32) -> Option<Vec<u32>> {
    let mut list = Reader { text, at: 0, nr_cpu_ids };
    let mut cpus = Vec::new();
    while let Some(region) = list.region()? {
        region.expand(nr_cpu_ids, &mut cpus)?;
    }
    cpus.sort_unstable();
    cpus.dedup();
    Some(cpus)
}

/// `first-last:used/group`: the first `used` of each `group` in a row.
struct Region {
    first: u32,
    last: u32,
    used: u32,
    group: u32,
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    nr_cpu_ids: u32,
}

impl Reader<'_> {
    /// The next region; an inner `None` at the end of the list, an outer one for a fault.
    fn region(&mut self) -> Option<Option<Region>> {
        self.at = skip(self.text, self.at, is_separator);
        if is_end(self.byte()) {
            return Some(None);
        }
        let last_cpu = self.nr_cpu_ids.checked_sub(1)?;
        let all = self.text.get(self.at..self.at + 3);
        let (first, last) = if all.is_some_and(|word| word.eq_ignore_ascii_case(b"all")) {
            self.at += 3;
            (0, last_cpu)
        } else {
            let first = self.number()?;
            if is_region_end(self.byte()) {
                return Some(Some(self.plain(first, first)));
            }
            self.expect(b'-')?;
            (first, self.number()?)
        };
        if is_region_end(self.byte()) {
            return Some(Some(self.plain(first, last)));
        }
        self.expect(b':')?;
        let used = self.number()?;
        self.expect(b'/')?;
        let group = self.number()?;
        Some(Some(Region { first, last, used, group }))
    }

    /// A region without a pattern. A line break behind one ends the list.
    fn plain(&mut self, first: u32, last: u32) -> Region {
        if self.byte() == b'\n' {
            self.at = self.text.len();
        }
        // Nothing is larger than the last processor, which is checked later.
        let whole = last.saturating_add(1);
        Region { first, last, used: whole, group: whole }
    }

    fn byte(&self) -> u8 {
        at(self.text, self.at)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        let found = self.byte() == byte;
        self.at += usize::from(found);
        found.then_some(())
    }

    fn number(&mut self) -> Option<u32> {
        if self.byte() == b'N' {
            self.at += 1;
            return self.nr_cpu_ids.checked_sub(1);
        }
        let end = skip(self.text, self.at, |byte| byte.is_ascii_digit());
        let digits = self.text.get(self.at..end).unwrap_or_default();
        self.at = end;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }
}

impl Region {
    fn expand(&self, nr_cpu_ids: u32, cpus: &mut Vec<u32>) -> Option<()> {
        let sound = self.first <= self.last
            && self.group > 0
            && self.used <= self.group
            && self.last < nr_cpu_ids;
        if !sound {
            return None;
        }
        let mut start = self.first;
        while start <= self.last {
            let end = start.saturating_add(self.used).min(self.last + 1);
            cpus.extend(start..end);
            start = start.saturating_add(self.group);
        }
        Some(())
    }
}

const fn is_separator(byte: u8) -> bool {
    is_space(byte) || byte == b','
}

const fn is_end(byte: u8) -> bool {
    matches!(byte, 0 | b'\n')
}

const fn is_region_end(byte: u8) -> bool {
    is_separator(byte) || is_end(byte)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn lists() {
        let list = |text: &str| read(text.as_bytes(), 8);
        for (text, cpus) in [
            ("0-3,5 7", vec![0, 1, 2, 3, 5, 7]),
            ("N", vec![7]),
            ("6-N", vec![6, 7]),
            ("aLL:1/3", vec![0, 3, 6]),
            (",", vec![]),
            ("1\n2", vec![1]),
            ("0-1:1/2\n3", vec![0, 3]),
            ("0-7:0/2", vec![]),
        ] {
            assert_eq!(list(text), Some(cpus), "{text}");
        }
        for text in ["8", "3-1", "0-1:2/1", "0-1:1/0", "-1", "a", "0-", "0-1:", "4294967296"] {
            assert_eq!(list(text), None, "{text}");
        }
    }
}
