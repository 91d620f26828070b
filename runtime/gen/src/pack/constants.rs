//! The sections of constants.

use std::collections::BTreeMap;

use filterc_abi::layout::{ABSENT, BLOCK};

use super::bytes::{Bytes, Distinct, id, small};
use super::ids::Ids;
use super::rows::{Constant, Tables};
use crate::error::Error;

/// The sections that belong together.
pub(super) struct Constants {
    pub(super) blocks: Bytes,
    pub(super) partitions: Bytes,
}

pub(super) fn sections<'a>(tables: &'a Tables<'a>, ids: &mut Ids<'a>) -> Result<Constants, Error> {
    if !tables.constants.is_sorted_by(|a, b| a.name < b.name) {
        return Err(Error::Failed("consts.tsv: not sorted".to_owned()));
    }
    let mut rows = BTreeMap::new();
    for row in &tables.constants {
        ids.constants.id(row.name)?;
        rows.insert(row.name, row);
    }
    // Sets may name constants that no ABI here has; they have an id, but no value.
    let nowhere = vec![None; tables.abis.len()];
    let mut partitions = Distinct::new("partitions");
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    let mut block = Bytes::default();
    let mut before = "";
    for (position, name) in ids.constants.keys().enumerate() {
        if position % BLOCK == 0 && position > 0 {
            blocks.push(std::mem::take(&mut block).0);
        }
        if position % BLOCK == 0 {
            before = "";
        }
        let (ty, values) = match rows.get(name) {
            Some(Constant { ty, values, .. }) => (*ty, values),
            None => (0, &nowhere),
        };
        let shared = before.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
        let suffix = name.as_bytes().get(shared..).unwrap_or_default();
        block.u8(small(shared, "shared bytes")?);
        block.u8(small(suffix.len(), "bytes of a name")?);
        block.bytes(suffix);
        let record = record(ty, values, &mut partitions)?;
        block.u8(small(record.0.len(), "bytes of a constant's values")?);
        block.bytes(&record.0);
        before = name;
    }
    if !block.0.is_empty() {
        blocks.push(block.0);
    }
    let mut out = Bytes::default();
    out.u16(id(ids.constants.keys().len(), "constants")?);
    out.indexed(&blocks)?;
    Ok(Constants { blocks: out, partitions: Bytes(partitions.list().concat()) })
}

/// The type, which ABIs have equal values, and these.
fn record(ty: usize, on: &[Option<i128>], partitions: &mut Distinct) -> Result<Bytes, Error> {
    let mut values: Vec<i128> = Vec::new();
    let mut partition = Bytes::default();
    for value in on {
        let class = match value {
            None => ABSENT,
            Some(value) => {
                let known = values.iter().position(|other| other == value);
                let class = known.unwrap_or(values.len());
                if known.is_none() {
                    values.push(*value);
                }
                small(class, "values of a constant")?
            }
        };
        partition.u8(class);
    }
    let mut out = Bytes::default();
    out.u8(small(ty, "types")?);
    out.size(partitions.id(partition)?.into());
    values.iter().for_each(|value| out.signed(*value));
    Ok(out)
}
