//! A module to the bytes of a file.

use std::collections::{BTreeMap, BTreeSet};

use filterc_abi::Endian;
use filterc_ebpf::btf::{self, ModuleTypes, UnitTypes, describe, ext};
use filterc_ebpf::machine::{Callee, Op, Symbol};
use filterc_ebpf::{Insn, MapKind, MapSpec, Module, Unit, WellFormed, consistent, encode};
use object::write::{Object, Relocation, SectionId, Symbol as Entry, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope,
};

use crate::error::ObjectError;
use crate::{LICENSE, R_BPF_64_32, R_BPF_64_64};

/// Bytes of a slot.
const SLOT: u32 = 8;

/// Writes a module as a relocatable ELF file of that byte order.
///
/// # Errors
/// When the module does not fit together, or names a byte of a map's value where the map has
/// more than one, which such files cannot.
pub fn write(module: &Module, endian: Endian) -> Result<Vec<u8>, ObjectError> {
    let programs = consistent(module)?;
    let mut file = File::new(module, endian)?;
    for ((unit, program), types) in
        module.units.iter().zip(&programs).zip(&file.types.units.clone())
    {
        file.add(unit, program, types)?;
    }
    file.finish(module)
}

/// A file in the making.
struct File {
    endian: Endian,
    object: Object<'static>,
    types: ModuleTypes,
    /// The symbol of each map.
    maps: Vec<SymbolId>,
    /// The maps, by place, that are variables.
    variables: BTreeSet<usize>,
    sections: BTreeMap<String, SectionId>,
    /// What is told of each section, in the order in which they were added.
    told: Vec<ext::Section>,
}

impl File {
    fn new(module: &Module, endian: Endian) -> Result<Self, ObjectError> {
        let order = match endian {
            Endian::Little => Endianness::Little,
            Endian::Big => Endianness::Big,
        };
        let object = Object::new(BinaryFormat::Elf, Architecture::Bpf, order);
        let types = describe(module, endian);
        let (sections, told) = (BTreeMap::new(), Vec::new());
        let (maps, variables) = (Vec::new(), BTreeSet::new());
        let mut file = Self { endian, object, types, maps, variables, sections, told };
        file.add_maps(module)?;
        Ok(file)
    }

    /// Maps are room that nobody uses, as large as the structures that say what they are like;
    /// or variables, where programs take the address of their only value.
    fn add_maps(&mut self, module: &Module) -> Result<(), ObjectError> {
        let by_value = btf::by_value(module);
        for (at, map) in module.maps.iter().enumerate() {
            let entry = if by_value.contains(&at) {
                if !is_variable(&map.spec) {
                    let what = format!("the address of a value in a map like `{}`", map.name);
                    return Err(ObjectError::unsupported(what));
                }
                let name = btf::variable_section(&map.name);
                let section = self.section(&name, SectionKind::Data);
                let size = map.spec.value_size;
                self.object.append_section_data(section, &vec![0; size as usize], 8);
                self.variables.insert(at);
                symbol(&map.name, SymbolKind::Data, section, (0, size), true)
            } else {
                let types = self.types.maps.get(at).copied().unwrap_or_default();
                let section = self.section(btf::MAPS, SectionKind::Data);
                let size = btf::definition_size(&map.spec, types);
                let room = vec![0; size as usize];
                let at = self.object.append_section_data(section, &room, 8);
                symbol(&map.name, SymbolKind::Data, section, (at, size), true)
            };
            self.maps.push(self.object.add_symbol(entry));
        }
        Ok(())
    }

    fn section(&mut self, name: &str, kind: SectionKind) -> SectionId {
        let object = &mut self.object;
        let add = || object.add_section(Vec::new(), name.as_bytes().to_vec(), kind);
        *self.sections.entry(name.to_owned()).or_insert_with(add)
    }

    /// Adds a program: its entry to the section of its hook, what it calls to `.text`.
    fn add(
        &mut self,
        unit: &Unit,
        program: &WellFormed,
        types: &UnitTypes,
    ) -> Result<(), ObjectError> {
        let end = unit.functions.get(1).map_or(unit.insns.len(), |next| next.slot as usize);
        let (entry, called) = unit.insns.split_at_checked(end).unwrap_or_default();
        let hook = self.section(&unit.hook.section(), SectionKind::Text);
        let functions = if called.is_empty() {
            Vec::new()
        } else {
            let text = self.section(btf::TEXT, SectionKind::Text);
            let base = self.size(text);
            let base = i64::from(base) - i64::from(slots(end)) * i64::from(SLOT);
            self.functions(unit, text, base)
        };
        let entry = Part { section: hook, name: types.section, first: 0, insns: entry };
        let at = self.part(&entry, program, &functions, types)?;
        let place = (u64::from(at), slots(end) * SLOT);
        let name = symbol(&unit.name, SymbolKind::Text, hook, place, true);
        self.object.add_symbol(name);
        if !called.is_empty() {
            let text = self.section(btf::TEXT, SectionKind::Text);
            let called = Part { section: text, name: self.types.text, first: end, insns: called };
            self.part(&called, program, &functions, types)?;
        }
        Ok(())
    }

    /// Symbols of the functions that a program calls: `(first slot, symbol)`. Slot 0 of the
    /// program would be at `base`.
    fn functions(&mut self, unit: &Unit, text: SectionId, base: i64) -> Vec<(usize, SymbolId)> {
        let ends = unit.functions.iter().skip(2).map(|next| next.slot);
        let ends = ends.chain([slots(unit.insns.len())]);
        let mut symbols = Vec::new();
        for (function, end) in unit.functions.iter().skip(1).zip(ends) {
            let at = u64::try_from(base + i64::from(function.slot * SLOT)).unwrap_or_default();
            let place = (at, (end - function.slot) * SLOT);
            let entry = symbol(&function.name, SymbolKind::Text, text, place, false);
            symbols.push((function.slot as usize, self.object.add_symbol(entry)));
        }
        symbols
    }

    fn size(&self, section: SectionId) -> u32 {
        u32::try_from(self.object.section(section).data().len()).unwrap_or(u32::MAX)
    }

    /// Adds instructions, their relocations, and what is told of them. Returns where they are.
    fn part(
        &mut self,
        part: &Part<'_>,
        program: &WellFormed,
        functions: &[(usize, SymbolId)],
        types: &UnitTypes,
    ) -> Result<u32, ObjectError> {
        let start = self.size(part.section);
        let mut insns = part.insns.to_vec();
        let mut relocations = Vec::new();
        for (index, pair) in insns.iter_mut().enumerate() {
            let slot = part.first + index;
            let Some(op) = program.ops().get(slot) else { continue };
            if let (Op::Second, Some(Op::Address(_, Symbol::MapIndexValue(..)))) =
                (op, program.ops().get(slot.wrapping_sub(1)))
            {
                // The offset goes to the first slot.
                pair.imm = 0;
                continue;
            }
            let Some((to, r_type)) = self.relocate(*op, slot, part, functions, pair)? else {
                continue;
            };
            let offset = u64::from(start + slots(index) * SLOT);
            relocations.push((offset, to, r_type));
        }
        let bytes = encode(&insns, self.endian);
        self.object.append_section_data(part.section, &bytes, 8);
        for (offset, symbol, r_type) in relocations {
            let flags = RelocationFlags::Elf { r_type };
            let relocation = Relocation { offset, symbol, addend: 0, flags };
            self.object.add_relocation(part.section, relocation).map_err(cannot)?;
        }
        self.tell(part, start, types);
        Ok(start)
    }

    /// What the loader has to put in, if anything; the instruction then has none of its own.
    fn relocate(
        &self,
        op: Op,
        slot: usize,
        part: &Part<'_>,
        functions: &[(usize, SymbolId)],
        insn: &mut Insn,
    ) -> Result<Option<(SymbolId, u32)>, ObjectError> {
        if let Op::Address(_, Symbol::MapIndex(at) | Symbol::MapIndexValue(at, _)) = op {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            let imm = if let Op::Address(_, Symbol::MapIndexValue(_, offset)) = op {
                offset.cast_signed()
            } else if self.variables.contains(&at) {
                return Err(ObjectError::unsupported("a map that is used with and without keys"));
            } else {
                0
            };
            *insn = Insn { src: 0, imm, ..*insn };
            return Ok(self.maps.get(at).map(|map| (*map, R_BPF_64_64)));
        }
        let Some(distance) = op.distance() else { return Ok(None) };
        let target =
            i64::try_from(slot).unwrap_or(i64::MAX).saturating_add(1 + i64::from(distance));
        let of = |(at, _): &&(usize, SymbolId)| i64::try_from(*at) == Ok(target);
        let function = functions.iter().find(of).map(|(_, symbol)| *symbol);
        if let Op::Address(_, Symbol::Function(_)) = op {
            insn.imm = 0;
            return Ok(function.map(|function| (function, R_BPF_64_64)));
        }
        // Calls inside of `.text` keep their distance.
        if matches!(op, Op::Call(Callee::Function(_))) && part.first == 0 {
            insn.imm = -1;
            return Ok(function.map(|function| (function, R_BPF_64_32)));
        }
        Ok(None)
    }

    /// Functions, lines and questions of a part, which is at `start` in its section.
    fn tell(&mut self, part: &Part<'_>, start: u32, types: &UnitTypes) {
        let inside = |slot: u32| {
            let index = (slot as usize).checked_sub(part.first)?;
            (index < part.insns.len()).then(|| start + slots(index) * SLOT)
        };
        let functions = types.functions.iter();
        let functions = functions.filter_map(|it| Some((inside(it.slot)?, it.id)));
        let lines = types.lines.iter().filter_map(|it| {
            let (file, text, place) = (it.file, it.text, it.place);
            Some(ext::Line { offset: inside(it.slot)?, file, text, place })
        });
        let fields = types
            .fields
            .iter()
            .filter_map(|it| Some(ext::FieldRecord { offset: inside(it.offset / SLOT)?, ..*it }));
        let known = self.told.iter_mut().find(|section| section.name == part.name);
        if let Some(section) = known {
            section.functions.extend(functions);
            section.lines.extend(lines);
            section.fields.extend(fields);
        } else {
            let (functions, lines, fields) =
                (functions.collect(), lines.collect(), fields.collect());
            self.told.push(ext::Section { name: part.name, functions, lines, fields });
        }
    }

    fn finish(mut self, module: &Module) -> Result<Vec<u8>, ObjectError> {
        let license = [module.license.as_bytes(), &[0]].concat();
        let ext = ext::write(&self.told, self.endian);
        let sections = [
            (LICENSE, SectionKind::Data, license, 1),
            (".BTF", SectionKind::Other, std::mem::take(&mut self.types.btf), 4),
            (".BTF.ext", SectionKind::Other, ext, 4),
        ];
        for (name, kind, bytes, align) in sections {
            let section = self.section(name, kind);
            self.object.append_section_data(section, &bytes, align);
        }
        self.object.write().map_err(cannot)
    }
}

/// Instructions that go to one section: those of a program from slot `first` on.
struct Part<'a> {
    section: SectionId,
    /// The place of the section's name among the strings.
    name: u32,
    first: usize,
    insns: &'a [Insn],
}

fn symbol(
    name: &str,
    kind: SymbolKind,
    section: SectionId,
    (value, size): (u64, u32),
    global: bool,
) -> Entry {
    // A wider scope than that of the file, with ELF's default visibility.
    let scope = if global { SymbolScope::Dynamic } else { SymbolScope::Compilation };
    Entry {
        name: name.as_bytes().to_vec(),
        value,
        size: u64::from(size),
        kind,
        scope,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    }
}

/// Whether a map is as the loader makes those of variables.
fn is_variable(spec: &MapSpec) -> bool {
    let MapSpec { kind, key_size, max_entries, .. } = *spec;
    kind == MapKind::Array && (key_size, max_entries) == (4, 1)
}

fn slots(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn cannot(error: object::write::Error) -> ObjectError {
    ObjectError::unsupported(error.to_string())
}
