//! What a foreign policy's conditions ask of one call on one ABI: which argument, at which width,
//! and which of its values.
//!
//! A container runtime compares whole registers. The kernel may use fewer bits: an `int`
//! is 32 bits whatever lies above them, so that a comparison of 64 bits can be gone round.
//! What an author writes about an argument is meant of what the kernel makes of it, and is
//! imported so where the constant fits the argument ([`Width::Effective`]): then, for
//! registers whose upper bits are clear, both decide the same. Else, and with
//! [`Width::Registers`], the register is compared as libseccomp compiles it: 64 bits, or
//! the low 32 on a 32-bit ABI.

use filterc_abi::spelling;
use filterc_abi::{Abi, Arg, ArgKind, Regs, Syscall};

use crate::arguments::values::{Values, largest};

/// Which bits of an argument a condition is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Width {
    /// Those that the kernel uses.
    #[default]
    Effective,
    /// All of the register's, as libseccomp compares them.
    Registers,
}

/// A comparison of one argument, as its author wrote it. All comparisons are unsigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    /// How one gets to it in a structured text; empty where a span tells more.
    pub(crate) path: String,
    pub(crate) index: u8,
    /// How many of the register's low bits are compared; all that there are, if more.
    pub(crate) bits: u8,
    pub(crate) op: Op,
    pub(crate) value: u64,
    /// The second value: for [`Op::MaskedEq`] what the masked argument equals.
    pub(crate) second: u64,
}

impl Condition {
    /// A comparison of a whole register with one value.
    pub(crate) fn new(index: u8, op: Op, value: u64) -> Self {
        Self { path: String::new(), index, bits: 64, op, value, second: 0 }
    }

    /// That some bits of a register, `value`, are `second`.
    pub(crate) fn masked(index: u8, value: u64, second: u64) -> Self {
        Self { second, ..Self::new(index, Op::MaskedEq, value) }
    }
}

/// The comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Eq,
    Ge,
    Gt,
    Le,
    Lt,
    MaskedEq,
    Ne,
}

impl Op {
    /// By libseccomp's name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "SCMP_CMP_EQ" => Self::Eq,
            "SCMP_CMP_GE" => Self::Ge,
            "SCMP_CMP_GT" => Self::Gt,
            "SCMP_CMP_LE" => Self::Le,
            "SCMP_CMP_LT" => Self::Lt,
            "SCMP_CMP_MASKED_EQ" => Self::MaskedEq,
            "SCMP_CMP_NE" => Self::Ne,
            _ => return None,
        })
    }
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// The argument's name; `None` for the register itself.
    pub(crate) name: Option<&'static str>,
    /// The register.
    pub(crate) index: u8,
    /// How many of its low bits count.
    pub(crate) width: u8,
    /// Whether the policy's comparisons of it have a sign.
    pub(crate) signed: bool,
    /// Whether it is a pointer, which a policy can only compare for equality.
    pub(crate) pointer: bool,
    /// The set of its constants.
    pub(crate) set: Option<&'static str>,
}

impl Field {
    /// A register, `width` bits of it.
    pub(crate) const fn register(index: u8, width: u8) -> Self {
        Self { name: None, index, width, signed: false, pointer: false, set: None }
    }
}

/// A condition on one call of one ABI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Test {
    pub(crate) field: Field,
    pub(crate) values: Values,
}

/// Conditions that must all hold, each of another field.
pub(crate) type All = Vec<Test>;

/// The test that a condition is, and whether it is one of a register though the arguments
/// were to be compared as the kernel uses them.
pub(crate) fn test(
    condition: &Condition,
    abi: &'static Abi,
    call: Option<&'static Syscall>,
    width: Width,
) -> (Test, bool) {
    let word = abi.word.min(condition.bits);
    let register = Field::register(condition.index, word);
    // Of a wider argument only a part is compared, which is a register's, unless a mask says so.
    let masked = condition.op == Op::MaskedEq;
    let is_it = |arg: &&Arg| {
        arg.regs == Regs::One(condition.index) && (arg.width <= condition.bits || masked)
    };
    let compared = largest(condition.bits.clamp(1, 64));
    let part = |arg: &Arg| match masked && arg.width > condition.bits {
        true => {
            let (value, second) = (condition.value & compared, condition.second & compared);
            Condition { value, second, ..condition.clone() }
        }
        false => condition.clone(),
    };
    let args = call.map_or(&[][..], |call| call.args);
    let arg = args.iter().find(is_it).filter(|_| width == Width::Effective);
    let named = |arg: &Arg| Field {
        name: Some(arg.name),
        width: arg.width,
        signed: arg.signed,
        pointer: arg.kind == ArgKind::Pointer,
        // Permissions are read as numbers.
        set: call
            .filter(|_| arg.kind != ArgKind::Mode)
            .and_then(|call| Some(spelling::set_of(abi, call, arg, |_| None)?.name)),
        ..register
    };
    match arg.map(|arg| (arg, of_argument(&part(arg), arg))) {
        Some((arg, Some(values))) => (Test { field: named(arg), values }, false),
        // All of the register is the argument.
        Some((arg, None)) if arg.width == word => {
            let cut = condition.value > largest(word);
            (Test { field: named(arg), values: of_register(condition, word) }, cut)
        }
        Some((_, None)) | None => {
            let values = of_register(condition, word);
            let unusual = width == Width::Effective && word == abi.word;
            (Test { field: register, values }, unusual)
        }
    }
}

/// The values of a register, `width` bits of it, that satisfy a condition. libseccomp cuts
/// constants to the width.
fn of_register(condition: &Condition, width: u8) -> Values {
    let max = largest(width);
    let value = condition.value & max;
    let compared = match condition.op {
        Op::Eq => Some(Values::one(value)),
        Op::Ne => Values::one(value).complement(width),
        Op::Lt => Some(Values::below(value)),
        Op::Ge => Values::below(value).complement(width),
        Op::Le => Some(Values::Ranges(vec![(0, value)])),
        Op::Gt => Values::Ranges(vec![(0, value)]).complement(width),
        Op::MaskedEq => Some(Values::masked(value, condition.second, width)),
    };
    compared.unwrap_or(Values::none())
}

/// The values of an argument that satisfy a condition; `None` if its constant says nothing
/// about an argument of that width.
fn of_argument(condition: &Condition, arg: &Arg) -> Option<Values> {
    let max = largest(arg.width);
    let fits = Condition { value: condition.value & max, ..condition.clone() };
    let bare = condition.value <= max;
    // A negative number is written with all its upper bits.
    let above = condition.value | max == u64::MAX;
    let extended = above && condition.value & (max ^ (max >> 1)) != 0;
    let usable = match condition.op {
        Op::Eq | Op::Ne => bare || (arg.signed && extended),
        Op::Lt | Op::Ge => bare && condition.value != 0,
        Op::Le | Op::Gt => bare && condition.value != max,
        // What a mask of all upper bits asks there, the kernel does not look at.
        Op::MaskedEq => bare || (above && fits.value != 0 && condition.second <= max),
    };
    usable.then(|| of_register(&fits, arg.width))
}

/// Alternatives without what is superfluous: those that never hold, repeated ones, and two
/// that differ in the values of one field only. An empty one among them always holds, and
/// then is the only one.
pub(crate) fn simplified(alternatives: Vec<All>) -> Vec<All> {
    let mut kept: Vec<All> = Vec::new();
    for mut all in alternatives {
        all.retain(|test| !test.values.is_all(test.field.width));
        if all.iter().any(|test| test.values.is_empty()) {
            continue;
        }
        all.sort_by_key(|test| test.field.index);
        // Merging may make it equal to others of the kept ones in all but one field.
        while let Some((at, merged)) = merge_with_one(&kept, &all) {
            kept.remove(at);
            all = merged;
        }
        kept.push(all);
    }
    if kept.iter().any(Vec::is_empty) { vec![Vec::new()] } else { kept }
}

fn merge_with_one(kept: &[All], all: &All) -> Option<(usize, All)> {
    kept.iter().enumerate().find_map(|(at, other)| Some((at, merged(other, all)?)))
}

/// Two alternatives as one, if they differ in one field's values at most.
fn merged(left: &All, right: &All) -> Option<All> {
    let fields = |all: &All| all.iter().map(|test| test.field).collect::<Vec<_>>();
    if fields(left) != fields(right) {
        return None;
    }
    let differ = left.iter().zip(right).filter(|(a, b)| a != b).count();
    if differ > 1 {
        return None;
    }
    let mut all = Vec::with_capacity(left.len());
    for (a, b) in left.iter().zip(right) {
        let values = a.values.union(&b.values)?;
        if !values.is_all(a.field.width) {
            all.push(Test { field: a.field, values });
        }
    }
    Some(all)
}

/// Whether no call satisfies both.
pub(crate) fn are_disjoint(left: &All, right: &All) -> bool {
    left.iter().any(|a| right.iter().any(|b| a.field == b.field && a.values.is_disjoint(&b.values)))
}
