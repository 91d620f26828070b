//! How many bits of a C type an argument has, and with which sign.

use std::collections::BTreeMap;
use std::path::Path;

use super::curated::{Row, Sheet};
use crate::error::Error;

/// What a type is on an ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Type {
    /// Bits.
    pub(crate) width: u8,
    pub(crate) signed: bool,
    pub(crate) pointer: bool,
}

impl Type {
    /// `s32`, `u16`, `p64`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (sign, width) = text.split_at_checked(1)?;
        let width = width.parse().ok().filter(|width| [8, 16, 32, 64].contains(width))?;
        let (signed, pointer) = match sign {
            "s" => (true, false),
            "u" => (false, false),
            "p" => (false, true),
            _ => return None,
        };
        Some(Self { width, signed, pointer })
    }

    pub(crate) fn text(self) -> String {
        let sign = match (self.pointer, self.signed) {
            (true, _) => 'p',
            (false, true) => 's',
            (false, false) => 'u',
        };
        format!("{sign}{}", self.width)
    }
}

/// What a type is, before the ABI is known.
#[derive(Clone, Copy)]
enum Class {
    Fixed(Type),
    /// As wide as the kernel's `long`.
    Long {
        signed: bool,
        pointer: bool,
    },
}

/// The types that arguments have, by name.
pub(crate) struct Types {
    /// With the ABIs that a row is for; none: all.
    rows: BTreeMap<String, Vec<(Vec<String>, Class)>>,
}

impl Types {
    /// Reads `types.tsv`: type, ABIs or `*`, `s32` and the like, `long`, `ulong` or `plong`.
    pub(crate) fn read(crate_dir: &Path) -> Result<Self, Error> {
        Self::from_rows(Sheet::read(crate_dir, "types", 3)?.rows())
    }

    pub(crate) fn from_rows<'a>(sheet: impl Iterator<Item = &'a Row>) -> Result<Self, Error> {
        let mut rows: BTreeMap<String, Vec<(Vec<String>, Class)>> = BTreeMap::new();
        for row in sheet {
            let class = match row.get(2) {
                "long" => Class::Long { signed: true, pointer: false },
                "ulong" => Class::Long { signed: false, pointer: false },
                "plong" => Class::Long { signed: false, pointer: true },
                text => Class::Fixed(Type::parse(text).ok_or_else(|| row.error("not a width"))?),
            };
            let abis: Vec<String> = match row.get(1) {
                "*" => Vec::new(),
                _ => row.words(1).into_iter().map(str::to_owned).collect(),
            };
            rows.entry(row.get(0).to_owned()).or_default().push((abis, class));
        }
        Ok(Self { rows })
    }

    /// What a type is to a kernel whose `long` has that many bits, on an ABI.
    pub(crate) fn find(&self, ctype: &str, abi: &str, long: u8) -> Option<Type> {
        let ctype = ctype.strip_suffix("const").unwrap_or(ctype).trim_end();
        let class = if ctype.ends_with('*') {
            Class::Long { signed: false, pointer: true }
        } else {
            let name = ctype.strip_prefix("const ").unwrap_or(ctype);
            let rows = self.rows.get(name)?;
            let own = rows.iter().find(|(abis, _)| abis.iter().any(|name| name == abi));
            let (_, class) = own.or_else(|| rows.iter().find(|(abis, _)| abis.is_empty()))?;
            *class
        };
        Some(match class {
            Class::Fixed(fixed) => fixed,
            Class::Long { signed, pointer } => Type { width: long, signed, pointer },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_rows_win_and_long_follows_the_kernel() {
        let text = "int\t*\ts32\te\nold_t\t*\tu32\te\nold_t\ta,b\tu16\te\nsize_t\t*\tulong\te\n";
        let sheet = Sheet::parse(Path::new("types.tsv"), text, 3).unwrap();
        let types = Types::from_rows(sheet.rows()).unwrap();
        let find = |ctype, abi, long| types.find(ctype, abi, long).map(Type::text);
        assert_eq!(find("const int", "a", 64).as_deref(), Some("s32"));
        assert_eq!(find("old_t", "b", 64).as_deref(), Some("u16"));
        assert_eq!(find("old_t", "c", 64).as_deref(), Some("u32"));
        assert_eq!(find("size_t", "c", 32).as_deref(), Some("u32"));
        assert_eq!(find("const char *", "c", 64).as_deref(), Some("p64"));
        assert_eq!(find("what_t", "c", 64), None);
        assert_eq!(Type::parse("s33"), None);
    }
}
