//! The bytes of a file to a module. The file may be anybody's: nothing in it is believed.

use std::collections::BTreeMap;

use filterc_abi::Endian;
use filterc_ebpf::btf::{self, Btf, ext, kind};
use filterc_ebpf::{LabelPattern, Module, consistent, decode};
use object::read::elf::{ElfFile64, ElfSection64};
use object::{
    Architecture, Endianness, Object as _, ObjectKind, ObjectSection as _, ObjectSymbol as _,
    RelocationFlags, RelocationTarget, SectionFlags, SymbolIndex, SymbolKind, elf,
};

use crate::contents::{Code, Contents, Function, Place, Relocation};
use crate::error::ObjectError;
use crate::fields::fields;
use crate::maps::{maps, variable};
use crate::units;
use crate::{LICENSE, R_BPF_64_32, R_BPF_64_64};

type File<'a> = ElfFile64<'a, Endianness, &'a [u8]>;
type Section<'a, 'f> = ElfSection64<'a, 'f, Endianness, &'a [u8]>;

/// Whether the bytes begin as an ELF file does: what a user who names a file may have meant.
#[must_use]
pub fn is_object(bytes: &[u8]) -> bool {
    bytes.starts_with(&elf::ELFMAG)
}

/// Reads an object file, and tells its byte order.
///
/// # Errors
/// Where it is none, is damaged, or has something that a module cannot have.
pub fn read(bytes: &[u8]) -> Result<(Module, Endian), ObjectError> {
    let not = |why| ObjectError::NotObject { why };
    if !is_object(bytes) {
        return Err(not("it is no ELF file"));
    }
    let file =
        File::parse(bytes).map_err(|_| not("its header is not that of a 64-bit ELF file"))?;
    if file.architecture() != Architecture::Bpf {
        return Err(not("it is for another machine"));
    }
    if file.kind() != ObjectKind::Relocatable {
        return Err(not("it is not relocatable"));
    }
    let endian = match file.endianness() {
        Endianness::Little => Endian::Little,
        Endianness::Big => Endian::Big,
    };
    let module = read_module(&file, endian)?;
    consistent(&module)?;
    Ok((module, endian))
}

/// Reads an object file for machines of that byte order.
///
/// # Errors
/// As [`read`]; and where it is for others.
pub fn read_as(bytes: &[u8], endian: Endian) -> Result<Module, ObjectError> {
    let (module, of) = read(bytes)?;
    if of == endian { Ok(module) } else { Err(ObjectError::OtherByteOrder) }
}

fn read_module(file: &File<'_>, endian: Endian) -> Result<Module, ObjectError> {
    let mut contents = Contents::default();
    let (mut btf, mut ext) = (None, None);
    for section in file.sections() {
        let name = section.name()?;
        let bytes = section.data()?;
        match name {
            LICENSE => contents.license = Some(text(bytes)?),
            ".BTF" => btf = Some(Btf::read(bytes, endian)?),
            ".BTF.ext" => ext = Some(ext::read(bytes, endian)?),
            btf::MAPS => contents.maps_section = Some(section.index()),
            _ if section.size() == 0 => {}
            _ if is_code(&section) => {
                let code = code(file, &section, bytes, endian)?;
                contents.code.insert(section.index().0, code);
            }
            _ if is_allocated(&section) => match variable(name, bytes) {
                Some(map) => {
                    contents.variables.insert(section.index().0, map);
                }
                None => return Err(ObjectError::unsupported(format!("a section `{name}`"))),
            },
            _ => {}
        }
    }
    let btf = btf.ok_or_else(|| ObjectError::unsupported("no BTF"))?;
    contents.defined = maps(&btf)?;
    for section in ext.unwrap_or_default() {
        let name = btf.string(section.name).unwrap_or_default();
        contents.lines.insert(name.to_owned(), lines(&btf, &section)?);
        contents.fields.insert(name.to_owned(), fields(&btf, &section)?);
    }
    symbols(&mut contents, file)?;
    let units = units::units(&contents)?;
    let maps = contents.maps;
    let license = contents.license.ok_or_else(|| ObjectError::unsupported("no licence"))?;
    let labels = labels(&btf)?;
    Ok(Module { license, maps, units, labels })
}

/// The patterns of labels, which are notes about a declaration.
fn labels(btf: &Btf<'_>) -> Result<Vec<LabelPattern>, ObjectError> {
    let notes = btf.types().filter(|(_, it)| it.kind == kind::DECL_TAG).map(|(_, it)| it.name);
    let notes = notes.filter(|note| LabelPattern::is_note(note));
    let patterns = notes.map(|note| {
        LabelPattern::of_note(note).ok_or_else(|| ObjectError::damaged("the pattern of a label"))
    });
    patterns.collect()
}

/// Finds out where symbols are.
fn symbols(contents: &mut Contents, file: &File<'_>) -> Result<(), ObjectError> {
    for symbol in file.symbols() {
        let Some(section) = symbol.section_index() else {
            // The first entry of the table, names of files, and what is in another file.
            continue;
        };
        let SymbolIndex(index) = symbol.index();
        let is_data = symbol.kind() == SymbolKind::Data;
        if contents.maps_section == Some(section) && is_data {
            let map = contents.defined.remove(&symbol.address());
            let map = map.filter(|map| symbol.name() == Ok(map.name.as_str()));
            let none = || ObjectError::damaged("a map without a definition");
            contents.places.insert(index, Place::Map(contents.maps.len()));
            contents.maps.push(map.ok_or_else(none)?);
        } else if is_data && let Some(map) = contents.variables.remove(&section.0) {
            contents.places.insert(index, Place::Value(contents.maps.len(), symbol.address()));
            contents.maps.push(map);
        } else if let Some(code) = contents.code.get(&section.0) {
            let damaged = || ObjectError::damaged(format!("a symbol of `{}`", code.name));
            let first = slot(symbol.address()).ok_or_else(damaged)?;
            contents.places.insert(index, Place::Code(section.0, first));
            if symbol.kind() == SymbolKind::Text {
                let slots = slot(symbol.size()).ok_or_else(damaged)?;
                let inside = first.checked_add(slots).is_some_and(|end| end <= code.insns.len());
                if slots == 0 || !inside {
                    return Err(damaged());
                }
                let name = symbol.name()?.to_owned();
                let (section, global) = (section.0, symbol.is_global());
                contents.functions.push(Function { name, section, first, slots, global });
            }
        }
    }
    if contents.defined.is_empty() && contents.variables.is_empty() {
        return Ok(());
    }
    Err(ObjectError::damaged("a map without a name"))
}

fn is_code(section: &Section<'_, '_>) -> bool {
    flags(section) & u64::from(elf::SHF_EXECINSTR) != 0
}

fn is_allocated(section: &Section<'_, '_>) -> bool {
    flags(section) & u64::from(elf::SHF_ALLOC) != 0
}

fn flags(section: &Section<'_, '_>) -> u64 {
    if let SectionFlags::Elf { sh_flags, .. } = section.flags() { sh_flags } else { 0 }
}

fn code(
    file: &File<'_>,
    section: &Section<'_, '_>,
    bytes: &[u8],
    endian: Endian,
) -> Result<Code, ObjectError> {
    let name = section.name()?.to_owned();
    let damaged = |what: &str| ObjectError::damaged(format!("{what} of `{name}`"));
    let insns = decode(bytes, endian).map_err(|error| damaged(&format!("{error}: code")))?;
    let mut relocations = BTreeMap::new();
    for (offset, relocation) in section.relocations() {
        let RelocationFlags::Elf { r_type } = relocation.flags() else {
            return Err(damaged("a relocation"));
        };
        let call = match r_type {
            R_BPF_64_32 => true,
            R_BPF_64_64 => false,
            other => {
                return Err(ObjectError::unsupported(format!("a relocation of type {other:?}")));
            }
        };
        let (Some(slot), RelocationTarget::Symbol(SymbolIndex(symbol))) =
            (slot(offset), relocation.target())
        else {
            return Err(damaged("a relocation"));
        };
        if slot >= insns.len() || file.symbol_by_index(SymbolIndex(symbol)).is_err() {
            return Err(damaged("a relocation"));
        }
        relocations.insert(slot, Relocation { call, symbol });
    }
    Ok(Code { name, insns, relocations })
}

/// Lines of a section, in order; the slot of each is in the section.
fn lines(btf: &Btf<'_>, section: &ext::Section) -> Result<Vec<filterc_ebpf::Line>, ObjectError> {
    let mut lines = Vec::new();
    for line in &section.lines {
        let text = |at| btf.string(at).ok_or_else(|| ObjectError::damaged("the list of lines"));
        let slot = slot(u64::from(line.offset)).and_then(|slot| u32::try_from(slot).ok());
        lines.push(filterc_ebpf::Line {
            slot: slot.ok_or_else(|| ObjectError::damaged("the list of lines"))?,
            file: text(line.file)?.to_owned(),
            line: line.place >> 10,
            column: line.place & 0x3ff,
            text: text(line.text)?.to_owned(),
        });
    }
    lines.sort_by_key(|line| line.slot);
    Ok(lines)
}

/// The slot at that offset in bytes.
fn slot(offset: u64) -> Option<usize> {
    if offset.is_multiple_of(8) { usize::try_from(offset / 8).ok() } else { None }
}

/// The text up to its NUL.
fn text(bytes: &[u8]) -> Result<String, ObjectError> {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = std::str::from_utf8(text);
    text.map(str::to_owned).map_err(|_| ObjectError::damaged("its licence is no text"))
}
