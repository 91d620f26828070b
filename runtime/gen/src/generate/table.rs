//! The kernel's `syscall*.tbl` files: numbers, names and entry points.

use super::tree::Tree;
use crate::error::Error;

/// A line of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) nr: u32,
    /// The word that says which ABIs the line is for.
    abi: String,
    pub(crate) name: String,
    /// Entry point of the kernel's own word size.
    native: Option<String>,
    /// Entry point for 32-bit tasks of a 64-bit kernel, where another.
    compat: Option<String>,
}

/// Which entry points a kernel puts into its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// Those of its own word size.
    Native,
    /// Those for 32-bit tasks, where there are some.
    Compat,
}

impl Line {
    /// The entry point; none: the number leads nowhere.
    pub(crate) fn entry(&self, column: Column) -> Option<&str> {
        let compat = match column {
            Column::Native => None,
            Column::Compat => self.compat.as_deref(),
        };
        let entry = compat.or(self.native.as_deref())?;
        (entry != "sys_ni_syscall").then_some(entry)
    }
}

/// The lines of a table that are for an ABI, sorted by number.
pub(crate) fn lines(tree: &Tree, path: &str, abis: &[&str]) -> Result<Vec<Line>, Error> {
    let mut found = parse(&tree.read(path)?)
        .map_err(|line| Error::Failed(format!("{path}: not a line of a table: {line}")))?;
    if let Some(word) = abis.iter().find(|word| !found.iter().any(|line| line.abi == **word)) {
        return Err(Error::Failed(format!("{path}: no line is for {word}")));
    }
    found.retain(|line| abis.contains(&line.abi.as_str()));
    found.sort_by_key(|line| line.nr);
    for pair in found.windows(2) {
        if let [a, b] = pair
            && a.nr == b.nr
        {
            let what = format!("{path}: {} and {} have the number {}", a.name, b.name, a.nr);
            return Err(Error::Failed(what));
        }
    }
    Ok(found)
}

/// `nr abi name [native [compat [noreturn]]]`; the line that is something else.
fn parse(text: &str) -> Result<Vec<Line>, String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or("").split_whitespace();
        let Some(nr) = words.next() else { continue };
        let mut next = || words.next().map(str::to_owned);
        let entry = |word: Option<String>| word.filter(|word| word != "-");
        let parsed = match (nr.parse(), next(), next()) {
            (Ok(nr), Some(abi), Some(name)) => {
                Line { nr, abi, name, native: entry(next()), compat: entry(next()) }
            }
            _ => return Err(line.to_owned()),
        };
        if !matches!(words.next(), None | Some("noreturn")) {
            return Err(line.to_owned());
        }
        found.push(parsed);
    }
    Ok(found)
}

/// The words that the architecture's `Makefile.syscalls` asks for, sorted: it belongs to the
/// tables that several architectures share.
pub(crate) fn makefile_abis(
    tree: &Tree,
    arch: &str,
    word: u8,
) -> Result<Option<Vec<String>>, Error> {
    let path = format!("arch/{arch}/kernel/Makefile.syscalls");
    let Some(text) = tree.read_if_there(&path)? else { return Ok(None) };
    let mut words = vec!["common".to_owned(), word.to_string()];
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix(&format!("syscall_abis_{word}")) {
            let list = rest.trim_start().strip_prefix("+=").unwrap_or("");
            words.extend(list.split_whitespace().map(str::to_owned));
        }
    }
    words.sort_unstable();
    Ok(Some(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_three_to_six_words() {
        let found = parse(
            "# comment\n\n0\tcommon\tread\tsys_read\n3 32 seek sys_seek compat_sys_seek # why\n\
             9\tcommon\tgone\n7 common exit sys_exit - noreturn\n8 x old sys_ni_syscall\n",
        )
        .unwrap();
        let entries: Vec<_> = found
            .iter()
            .map(|l| (l.nr, l.entry(Column::Native), l.entry(Column::Compat)))
            .collect();
        assert_eq!(
            entries,
            [
                (0, Some("sys_read"), Some("sys_read")),
                (3, Some("sys_seek"), Some("compat_sys_seek")),
                (9, None, None),
                (7, Some("sys_exit"), Some("sys_exit")),
                (8, None, None),
            ]
        );
        assert_eq!(parse("x common read\n").unwrap_err(), "x common read");
        assert!(parse("1 common read sys_read sys_read what\n").is_err());
        assert!(parse("1 common\n").is_err());
    }
}
