//! Maps, as BTF defines them.

use std::collections::BTreeMap;

use filterc_ebpf::btf::{Btf, MAPS, Type, VARIABLE, kind};
use filterc_ebpf::{MapKind, MapSpec, NamedMap};

use crate::error::ObjectError;

/// Deepest nesting of arrays.
const MAX_DEPTH: usize = 32;

/// More than any program can use.
const MAX_MAPS: u16 = 4096;

/// The maps of a file that BTF defines, by their offset in the section.
pub(crate) fn maps(btf: &Btf<'_>) -> Result<BTreeMap<u64, NamedMap>, ObjectError> {
    let Some(section) = btf.find(kind::DATASEC, MAPS).and_then(|id| btf.get(id)) else {
        return Ok(BTreeMap::new());
    };
    if section.parts > MAX_MAPS {
        return Err(ObjectError::unsupported("so many maps"));
    }
    let mut maps = BTreeMap::new();
    for index in 0..usize::from(section.parts) {
        let word = |word: usize| section.word(index * 3 + word);
        let variable = word(0).and_then(|id| of_kind(btf, id, kind::VAR));
        let (Some(variable), Some(offset)) = (variable, word(1)) else {
            return Err(ObjectError::damaged("its list of maps"));
        };
        let spec = spec(btf, variable)?;
        maps.insert(u64::from(offset), NamedMap { name: variable.name.to_owned(), spec });
    }
    Ok(maps)
}

/// The map of the variable in a section, whose value must be 0 at first as that of all maps.
pub(crate) fn variable(section: &str, bytes: &[u8]) -> Option<NamedMap> {
    let name = section.strip_prefix(VARIABLE)?.to_owned();
    if bytes.iter().any(|byte| *byte != 0) {
        return None;
    }
    let value_size = u32::try_from(bytes.len()).ok()?;
    let spec = MapSpec { kind: MapKind::Array, key_size: 4, value_size, max_entries: 1 };
    Some(NamedMap { name, spec })
}

fn spec(btf: &Btf<'_>, variable: Type<'_>) -> Result<MapSpec, ObjectError> {
    let map = variable.name;
    let damaged = || ObjectError::damaged(format!("the definition of the map `{map}`"));
    let structure = btf.followed(variable.size_or_type).ok_or_else(damaged)?;
    if structure.kind != kind::STRUCT {
        return Err(damaged());
    }
    let (mut number, mut flags) = (0, 0);
    let mut spec = MapSpec { kind: MapKind::Hash, key_size: 0, value_size: 0, max_entries: 0 };
    for index in 0..usize::from(structure.parts) {
        let word = |word: usize| structure.word(index * 3 + word);
        let name = word(0).and_then(|at| btf.string(at)).ok_or_else(damaged)?;
        let target = word(1).and_then(|id| pointed(btf, id)).ok_or_else(damaged)?;
        let length = || length(btf, target).ok_or_else(damaged);
        match name {
            "type" => number = length()?,
            "max_entries" => spec.max_entries = length()?,
            "map_flags" => flags = length()?,
            "key_size" => spec.key_size = length()?,
            "value_size" => spec.value_size = length()?,
            "key" => spec.key_size = size(btf, target, MAX_DEPTH).ok_or_else(damaged)?,
            "value" => spec.value_size = size(btf, target, MAX_DEPTH).ok_or_else(damaged)?,
            _ => {
                let what = format!("a map with `{name}`, as `{map}` is");
                return Err(ObjectError::unsupported(what));
            }
        }
    }
    let known = MapKind::ALL.into_iter().find(|kind| kind.number() == number);
    spec.kind = known.ok_or_else(|| {
        ObjectError::unsupported(format!("a map of the type {number}, as `{map}` is"))
    })?;
    if flags != spec.kind.flags() {
        let what = format!("a map with the flags {flags:#x}, as `{map}` is");
        return Err(ObjectError::unsupported(what));
    }
    Ok(spec)
}

fn of_kind<'a>(btf: &Btf<'a>, id: u32, kind: u8) -> Option<Type<'a>> {
    btf.get(id).filter(|found| found.kind == kind)
}

/// The number of the type that a pointer points to.
fn pointed(btf: &Btf<'_>, id: u32) -> Option<u32> {
    of_kind(btf, id, kind::PTR).map(|pointer| pointer.size_or_type)
}

/// How many elements an array has.
fn length(btf: &Btf<'_>, id: u32) -> Option<u32> {
    of_kind(btf, id, kind::ARRAY)?.word(2)
}

/// Bytes of a value of that type.
fn size(btf: &Btf<'_>, id: u32, depth: usize) -> Option<u32> {
    let found = btf.followed(id)?;
    match found.kind {
        kind::PTR => Some(8),
        kind::ARRAY => {
            let element = size(btf, found.word(0)?, depth.checked_sub(1)?)?;
            element.checked_mul(found.word(2)?)
        }
        kind::INT | kind::STRUCT | kind::UNION | kind::ENUM | kind::ENUM64 => {
            Some(found.size_or_type)
        }
        _ => None,
    }
}
