//! What sort of value an argument is, by curated rules.

use std::path::Path;

use super::curated::Sheet;
use super::registers::Slot;
use crate::error::Error;

/// The kinds of `filterc_abi::ArgKind`, as the tables spell them.
const KINDS: [&str; 14] = [
    "int", "flags", "enum", "fd", "pid", "uid", "gid", "signal", "mode", "size", "offset", "id",
    "address", "pointer",
];

/// The rules of `kinds.tsv`, each sort in its order.
pub(crate) struct Kinds {
    /// `call.arg`, where either part can be `*`.
    args: Vec<(String, String, String)>,
    /// C types.
    types: Vec<(String, String)>,
}

impl Kinds {
    /// Reads `kinds.tsv`: `arg` or `type`, patterns, kind.
    pub(crate) fn read(crate_dir: &Path) -> Result<Self, Error> {
        Self::from_sheet(&Sheet::read(crate_dir, "kinds", 3)?)
    }

    fn from_sheet(sheet: &Sheet) -> Result<Self, Error> {
        let mut kinds = Self { args: Vec::new(), types: Vec::new() };
        for row in sheet.rows() {
            let kind = row.get(2);
            if !KINDS.contains(&kind) {
                return Err(row.error("no such kind"));
            }
            match row.get(0) {
                "type" => kinds.types.extend(
                    row.get(1).split(',').map(|ctype| (ctype.trim().to_owned(), kind.to_owned())),
                ),
                "arg" => {
                    for word in row.words(1) {
                        let (call, arg) =
                            word.split_once('.').ok_or_else(|| row.error("not call.arg"))?;
                        kinds.args.push((call.to_owned(), arg.to_owned(), kind.to_owned()));
                    }
                }
                _ => return Err(row.error("a rule is for an arg or a type")),
            }
        }
        Ok(kinds)
    }

    /// The kind of an argument: by a rule for it, else a pointer by its type, else by its
    /// name, else by its type.
    pub(crate) fn find(&self, call: &str, slot: &Slot) -> Option<&str> {
        let (ctype, ty) = slot.declared.as_ref()?;
        let by_arg = |call: &str| {
            let mut rules = self.args.iter().filter(|(of, ..)| of == call);
            rules.find(|(_, arg, _)| *arg == slot.name).map(|(.., kind)| kind.as_str())
        };
        if let Some(kind) = by_arg(call) {
            return Some(kind);
        }
        if ty.pointer {
            return Some("pointer");
        }
        let ctype = ctype.strip_prefix("const ").unwrap_or(ctype);
        let by_type = || self.types.iter().find(|(name, _)| name == ctype);
        by_arg("*").or_else(|| by_type().map(|(_, kind)| kind.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use filterc_abi::Regs;

    use super::*;
    use crate::generate::types::Type;

    #[test]
    fn call_pointer_name_type() {
        let text = "arg\tf.a f.p\taddress\te\narg\t*.a *.q\tsize\te\ntype\tpid_t, qid_t\tid\te\n";
        let sheet = Sheet::parse(Path::new("kinds.tsv"), text, 3).unwrap();
        let kinds = Kinds::from_sheet(&sheet).unwrap();
        let find = |call: &str, name: &str, ctype: &str, ty: &str| {
            let declared = Some((ctype.to_owned(), Type::parse(ty).unwrap()));
            let slot = Slot { name: name.to_owned(), declared, regs: Regs::One(0) };
            kinds.find(call, &slot).map(str::to_owned)
        };
        assert_eq!(find("f", "a", "int", "s32").as_deref(), Some("address"));
        assert_eq!(find("f", "p", "void *", "p64").as_deref(), Some("address"));
        assert_eq!(find("g", "a", "void *", "p64").as_deref(), Some("pointer"));
        assert_eq!(find("g", "a", "pid_t", "s32").as_deref(), Some("size"));
        assert_eq!(find("g", "b", "const qid_t", "u32").as_deref(), Some("id"));
        assert_eq!(find("g", "b", "int", "s32"), None);
        let wrong = Sheet::parse(Path::new("kinds.tsv"), "arg\tf.a\twhat\te\n", 3).unwrap();
        assert!(Kinds::from_sheet(&wrong).is_err());
    }
}
