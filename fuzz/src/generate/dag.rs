//! Decision DAGs of any shape, at both levels and in both byte orders: more than policies
//! ever come to, as passes must not rely on where a DAG came from.

use arbitrary::{Result, Unstructured};
use filterc_abi::{Action, Endian, SeccompData};
use filterc_hir::types::Place;
use filterc_ir::{Case, Cmp, Dag, DagBuilder, Half, NodeId, Operand, Origin, Root, Test, Word};

/// Constants at which things happen, in any width.
const CONSTANTS: &[u64] = &[
    0,
    1,
    2,
    3,
    7,
    8,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x1_0000,
    0x4000_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
    0x1_0000_0000,
    0x1_0000_0001,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_0000_0000,
    u64::MAX,
];

const TOKENS: [u32; 3] = [0xc000_003e, 0x4000_0003, 0x8000_0016];

/// A DAG of up to 40 nodes.
///
/// # Errors
/// The bytes were used up.
pub fn dag(u: &mut Unstructured<'_>) -> Result<Dag> {
    let endian = if u.arbitrary()? { Endian::Little } else { Endian::Big };
    let mut builder = DagBuilder::new(endian);
    let mut nodes: Vec<NodeId> = Vec::new();
    for action in [Action::Allow, Action::Errno(1), Action::KillProcess, Action::Trap(2)] {
        nodes.push(builder.leaf(action, Origin::Nobody));
    }
    for _ in 0..u.int_in_range(1..=36)? {
        let node = if u.ratio(1, 6)? {
            let mut first: u32 = 0;
            let mut cases = Vec::new();
            for _ in 0..u.int_in_range(1..=8)? {
                cases.push(Case { first, target: *u.choose(&nodes)? });
                let step: u32 = u.int_in_range(1..=3)? * u.choose(&[1, 1, 1, 100, 0x1000_0000])?;
                let Some(next) = step.checked_add(first) else { break };
                first = next;
            }
            builder.switch(cases, Origin::Nobody)
        } else {
            let test = test(u)?;
            // Mostly the newest nodes, so that paths grow long.
            let recent = nodes.get(nodes.len().saturating_sub(4)..).unwrap_or(&nodes);
            let (then, otherwise) = (*u.choose(recent)?, *u.choose(&nodes)?);
            builder.branch(test, then, otherwise, Origin::Nobody)
        };
        nodes.push(node);
    }
    let last = nodes.last().copied();
    let mut roots = Vec::new();
    for (token, abis) in TOKENS.into_iter().zip(["x86_64+x32", "i386", "s390x"]) {
        if let Some(node) = if u.arbitrary()? { last } else { Some(*u.choose(&nodes)?) } {
            let abis = abis.split('+').map(str::to_owned).collect();
            roots.push(Root { abis, audit_arch: token, node });
        }
    }
    let foreign = builder.leaf(Action::KillThread, Origin::Nobody);
    Ok(builder.finish(roots, foreign))
}

/// A test that obeys its typing rule, made again until one does.
fn test(u: &mut Unstructured<'_>) -> Result<Test> {
    let cmp = if u.arbitrary()? { Cmp::Eq } else { Cmp::Ge };
    if u.ratio(1, 3)? {
        let word = |u: &mut Unstructured<'_>| {
            Ok(match u.int_in_range(4..=9)? {
                index @ 8.. => Word::param(Half { param: 1, high: index == 9 }).unwrap_or(Word::NR),
                index => Word::new(index).unwrap_or(Word::NR),
            })
        };
        let mask = if u.arbitrary()? { u32::MAX } else { low(constant(u)?).max(1) };
        let (left, right) = (word(u)?, word(u)?);
        if u.ratio(1, 4)? && left != right {
            return Ok(Test::Words { left, cmp, right, mask });
        }
        let value = low(constant(u)?);
        let value = if cmp == Cmp::Eq { value & mask } else { value };
        return Ok(Test::Word { word: left, mask, cmp, value });
    }
    let (left, right) = (operand(u)?, operand(u)?);
    let same = left.width() == right.width() && left.signed() == right.signed();
    if same && left != right && u.arbitrary()? {
        let mask = match cmp {
            Cmp::Eq if u.arbitrary()? => (constant(u)? & left.mask()).max(1),
            Cmp::Eq | Cmp::Ge => left.mask(),
        };
        return Ok(Test::Fields { left, cmp, right, mask });
    }
    let all = u64::MAX >> (64 - left.width());
    let mask = if u.arbitrary()? { all } else { (constant(u)? & all).max(1) };
    let value = constant(u)? & if cmp == Cmp::Eq { mask } else { all };
    Ok(Test::Field { field: left, mask, cmp, value })
}

fn operand(u: &mut Unstructured<'_>) -> Result<Operand> {
    let place = *u.choose(&[
        Place::Arg(0),
        Place::Arg(1),
        Place::Pair { lo: 0, hi: 1 },
        Place::Pair { lo: 1, hi: 0 },
        Place::InstructionPointer,
        Place::Arch,
        Place::Param(0),
        Place::Param(1),
    ])?;
    let width = if place == Place::Arch { 32 } else { *u.choose(&[8, 16, 31, 32, 33, 48, 64])? };
    let whole = Operand::new(Place::Arg(0), 64, false);
    let operand = Operand::new(place, width, u.arbitrary()?).or(whole);
    operand.ok_or(arbitrary::Error::IncorrectFormat)
}

fn constant(u: &mut Unstructured<'_>) -> Result<u64> {
    let constant = *u.choose(CONSTANTS)?;
    Ok(match u.int_in_range(0..=3)? {
        0 => constant.wrapping_add(1),
        1 => constant.wrapping_sub(1),
        _ => constant,
    })
}

fn low(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or_default()
}

/// Values of the two parameters that tests ask for.
///
/// # Errors
/// The bytes were used up.
pub fn params(u: &mut Unstructured<'_>) -> Result<[u64; 2]> {
    Ok([constant(u)?, constant(u)?])
}

/// A call whose words are drawn from the same constants.
///
/// # Errors
/// The bytes were used up.
pub fn call(u: &mut Unstructured<'_>) -> Result<SeccompData> {
    let mut args = [0; 6];
    for arg in &mut args {
        *arg = constant(u)?;
    }
    Ok(SeccompData {
        nr: u.int_in_range(-1..=20)?,
        arch: *u.choose(&[TOKENS[0], TOKENS[0], TOKENS[1], TOKENS[2], 0])?,
        instruction_pointer: constant(u)?,
        args,
    })
}
