//! Values worth trying for the parameters of a policy.

use filterc::CompiledProgram;
use filterc_cbpf::Template;
use filterc_hir::policy::{Param, Policy};

/// Numbers at which a comparison of some width or sign can change.
const NUMBERS: &[i128] = &[
    0,
    1,
    3,
    -1,
    -2,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
    0x1_0000_0000,
    0x1_0000_0003,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_0000_0000,
    0xffff_ffff_ffff_ffff,
    -0x8000,
    -0x8000_0000,
    -0x8000_0001,
    -0x8000_0000_0000_0000,
];

/// How many sets of values are tried.
const SETS: usize = 24;

/// The numbers that fit a parameter, those at the ends first.
#[must_use]
pub fn numbers(param: &Param) -> Vec<i128> {
    let ends = [param.min, param.max, param.min + 1, param.max - 1];
    let fits = |value: &i128| (param.min..=param.max).contains(value);
    ends.into_iter().chain(NUMBERS.iter().copied()).filter(fits).collect()
}

/// Sets of values, one for each parameter, by position: each number in some of them, and the
/// parameters equal in some; the empty set alone where there are no parameters.
#[must_use]
pub fn sets(policy: &Policy) -> Vec<Vec<i128>> {
    let params = policy.params();
    if params.is_empty() {
        return vec![Vec::new()];
    }
    let numbers: Vec<Vec<i128>> = params.iter().map(numbers).collect();
    let pick = |row: &Vec<i128>, i: usize| row.get(i % row.len().max(1)).copied();
    let apart = (0..SETS).map(|set| {
        let rows = numbers.iter().enumerate();
        rows.filter_map(|(at, row)| pick(row, set * (at + 1) + at)).collect()
    });
    let fits = |value: &i128| params.iter().all(|p| (p.min..=p.max).contains(value));
    let equal = NUMBERS.iter().filter(|value| fits(value)).map(|value| vec![*value; params.len()]);
    apart.chain(equal).collect()
}

/// The values as a program and the reference take them.
#[must_use]
pub fn bits(values: &[i128]) -> Vec<u64> {
    let bits = |value: &i128| u64::try_from(value & i128::from(u64::MAX)).unwrap_or_default();
    values.iter().map(bits).collect()
}

/// The program with its parameters as holes.
#[must_use]
pub fn template(program: &CompiledProgram) -> Template {
    let made = Template::new(program.insns(), &program.table().sites);
    made.unwrap_or_else(|error| panic!("{error}"))
}
