//! All sections, and the file that they make.

use filterc_abi::KernelVersion;
use filterc_abi::layout::{MAGIC, SECTIONS, Section, VERSION};

use super::bytes::{Bytes, Sorted, small};
use super::ids::Ids;
use super::rows::Tables;
use super::{calls, constants, lists};
use crate::error::Error;

/// The file that the tables make.
pub(super) fn encode(tables: &Tables<'_>) -> Result<Vec<u8>, Error> {
    let mut ids = Ids {
        strings: Sorted::new("strings"),
        constants: Sorted::new("constants"),
        versions: Sorted::new("versions"),
    };
    // What has an id is known when everything has asked for its ids once.
    sections(tables, &mut ids)?;
    ids.strings.seal()?;
    ids.constants.seal()?;
    ids.versions.seal()?;
    file(tables.kernel, &sections(tables, &mut ids)?)
}

fn file(kernel: KernelVersion, sections: &[Bytes]) -> Result<Vec<u8>, Error> {
    let too_long = |_| Error::Failed("the packed tables are too long".to_owned());
    let mut out = Bytes::default();
    out.bytes(MAGIC);
    for number in [VERSION, kernel.major, kernel.minor] {
        out.u16(number);
    }
    let mut offset = out.0.len() + sections.len() * 8;
    for section in sections {
        out.u32(u32::try_from(offset).map_err(too_long)?);
        out.u32(u32::try_from(section.0.len()).map_err(too_long)?);
        offset += section.0.len();
    }
    sections.iter().for_each(|section| out.bytes(&section.0));
    Ok(out.0)
}

fn sections<'a>(tables: &'a Tables<'a>, ids: &mut Ids<'a>) -> Result<Vec<Bytes>, Error> {
    let calls = calls::sections(tables, ids)?;
    let constants = constants::sections(tables, ids)?;
    let mut out = Vec::new();
    for section in SECTIONS {
        out.push(match section {
            // These are written last, but nothing asks for an id that it did not ask for before.
            Section::Strings => strings(ids)?,
            Section::Versions => versions(ids)?,
            Section::Abis => calls::abis(tables, ids)?,
            Section::Calls => calls.calls.clone(),
            Section::Rows => calls.rows.clone(),
            Section::Forms => calls.forms.clone(),
            Section::Args => calls.args.clone(),
            Section::SubCalls => calls.sub_calls.clone(),
            Section::Constants => constants.blocks.clone(),
            Section::Partitions => constants.partitions.clone(),
            Section::Sets => lists::sets(tables, ids)?,
            Section::Dependents => lists::dependents(tables, ids)?,
            Section::InMemory => lists::in_memory(tables, ids)?,
            Section::Groups => lists::groups(tables, ids)?,
            Section::Aliases => lists::aliases(tables, ids)?,
            Section::Families => lists::families(tables, ids)?,
        });
    }
    Ok(out)
}

fn strings(ids: &Ids<'_>) -> Result<Bytes, Error> {
    let mut out = Bytes::default();
    out.u16(super::bytes::id(ids.strings.keys().len(), "strings")?);
    let texts: Vec<Vec<u8>> = ids.strings.keys().map(|text| text.as_bytes().to_vec()).collect();
    out.indexed(&texts)?;
    Ok(out)
}

fn versions(ids: &Ids<'_>) -> Result<Bytes, Error> {
    let mut out = Bytes::default();
    out.u8(small(ids.versions.keys().len(), "versions")?);
    for version in ids.versions.keys() {
        out.u16(version.major);
        out.u16(version.minor);
    }
    Ok(out)
}
