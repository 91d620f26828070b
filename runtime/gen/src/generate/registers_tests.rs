//! How values travel, on toy ABIs.

use super::*;
use crate::generate::abis::toy;
use crate::generate::define::plain_params;

fn types() -> Types {
    let text = "int\t*\ts32\te\nlong\t*\tlong\te\nsize_t\t*\tulong\te\nloff_t\t*\ts64\te\n";
    let sheet = Sheet::parse(Path::new("types.tsv"), text, 3).unwrap();
    Types::from_rows(sheet.rows()).unwrap()
}

fn parameters(text: &str) -> Parameters {
    let sheet = Sheet::parse(Path::new("parameters.tsv"), text, 3).unwrap();
    Parameters::from_rows(sheet.into_rows()).unwrap()
}

/// `name:registers` of each argument.
fn shown(abi: &Abi, long: u8, list: &str, rules: &str) -> Result<Vec<String>, Error> {
    let entry = Entry { symbol: "sys_f".to_owned(), params: plain_params(list).unwrap() };
    let mut view = toy::view();
    view.long = long;
    let slots = assign(&entry, abi, &view, &types(), &parameters(rules))?;
    let regs = |slot: &Slot| match slot.regs {
        Regs::One(reg) => reg.to_string(),
        Regs::Pair { lo, hi } => format!("{lo},{hi}"),
        Regs::Invisible => "-".to_owned(),
    };
    Ok(slots.iter().map(|slot| format!("{}:{}", slot.name, regs(slot))).collect())
}

const READ: &str = "int fd, char *buf, size_t count, loff_t pos";

#[test]
fn pairs_of_each_rule_and_byte_order() {
    let of = |endian, register, pairs| {
        let abi = toy::abi(endian, register, pairs);
        shown(&abi, register, READ, "").unwrap().join(" ")
    };
    use Endian::{Big, Little};
    assert_eq!(of(Little, 64, Pairs::Whole), "fd:0 buf:1 count:2 pos:3");
    assert_eq!(of(Little, 32, Pairs::Any), "fd:0 buf:1 count:2 pos:3,4");
    assert_eq!(of(Big, 32, Pairs::Any), "fd:0 buf:1 count:2 pos:4,3");
    assert_eq!(of(Little, 32, Pairs::Even), "fd:0 buf:1 count:2 pos:4,5");
    assert_eq!(of(Big, 32, Pairs::Even), "fd:0 buf:1 count:2 pos:5,4");
}

#[test]
fn what_lies_beyond_the_sixth_is_invisible() {
    let even = toy::abi(Endian::Big, 32, Pairs::Even);
    let list = "int fd, loff_t offset, loff_t nbytes, int flags";
    assert_eq!(
        shown(&even, 32, list, "").unwrap(),
        ["fd:0", "offset:3,2", "nbytes:5,4", "flags:-"]
    );
    let any = toy::abi(Endian::Little, 32, Pairs::Any);
    let list = "long a, long b, long c, long d, long e, loff_t f";
    // Half of it would be in the sixth.
    assert_eq!(shown(&any, 32, list, "").unwrap()[5], "f:-");
}

#[test]
fn a_kernel_can_show_them_elsewhere() {
    let mut shifted = toy::abi(Endian::Big, 32, Pairs::Any);
    shifted.first = 1;
    let list = "int a, loff_t b, int c, int d, int e";
    assert_eq!(shown(&shifted, 32, list, "").unwrap(), ["a:1", "b:3,2", "c:4", "d:5", "e:-"]);
}

#[test]
fn halves_padding_and_names_as_curated() {
    let big = toy::abi(Endian::Big, 32, Pairs::Even);
    let list = "int fd, int high, int low, char *result, int origin";
    let rules = "sys_f\thigh low\toffset high-first\te\nsys_f/32\torigin\twhence\te\n";
    assert_eq!(
        shown(&big, 32, list, rules).unwrap(),
        ["fd:0", "offset:2,1", "result:3", "whence:4"]
    );
    let list = "int fd, long pad, long a2, long a3";
    let rules = "sys_f\tpad\t-\te\nsys_f\ta2 a3\tlength endian\te\n";
    assert_eq!(shown(&big, 32, list, rules).unwrap(), ["fd:0", "length:3,2"]);
    let little = toy::abi(Endian::Little, 32, Pairs::Even);
    assert_eq!(shown(&little, 32, list, rules).unwrap(), ["fd:0", "length:2,3"]);
    let missing = "sys_f\ta2 a4\tlength endian\te\n";
    assert!(shown(&little, 32, list, missing).is_err());
}

#[test]
fn a_wide_kernel_sees_narrow_registers() {
    let narrow = toy::abi(Endian::Little, 32, Pairs::Any);
    assert_eq!(shown(&narrow, 64, "long a, char *b", "").unwrap(), ["a:0", "b:1"]);
    let error = shown(&narrow, 64, "loff_t a", "").unwrap_err().to_string();
    assert_eq!(error, "toy: sys_f: loff_t a: 64 bits in a register of 32");
    assert!(shown(&narrow, 32, "what_t a", "").is_err());
}

#[test]
fn a_rule_must_be_of_use() {
    let rules = parameters("sys_f\tpad\t-\te\n");
    let entries = |list: &str| BTreeMap::from([("sys_f".to_owned(), plain_params(list).unwrap())]);
    assert!(rules.check(&entries("int fd, long pad")).is_ok());
    assert!(rules.check(&entries("int fd")).is_err());
}
