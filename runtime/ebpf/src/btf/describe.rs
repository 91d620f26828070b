//! What the kernel, and an object file, are told of a module.

use std::collections::{BTreeMap, BTreeSet};

use filterc_abi::Endian;

use super::build::{Builder, Linkage};
use super::ext::FieldRecord;
use crate::field::{self, FieldUse, Shape};
use crate::insn::code::WIDE;
use crate::labels;
use crate::map::{MapKind, MapSpec};
use crate::module::{Line, Module, Unit};

/// The map that notes of labels are about.
const LABELLED: &str = {
    let [(name, _), _] = labels::MAPS;
    name
};

/// The types of a module, and what they are the types of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleTypes {
    /// The bytes of the `.BTF` section.
    pub btf: Vec<u8>,
    /// Of each map.
    pub maps: Vec<MapTypes>,
    /// Of each program.
    pub units: Vec<UnitTypes>,
    /// The place of the name of the section with functions that programs call.
    pub text: u32,
}

/// The types of a map's keys and values; 0 where there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MapTypes {
    /// Of its keys.
    pub key: u32,
    /// Of its values.
    pub value: u32,
}

/// What is told of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitTypes {
    /// The place of the name of its section.
    pub section: u32,
    /// Its functions, in order.
    pub functions: Vec<FunctionType>,
    /// Its lines, in order. If there are any, every function begins with one, as the kernel
    /// wants it: where the module has none it is line 0.
    pub lines: Vec<LineRecord>,
    /// The instructions that depend on the kernel's structures, in order: offsets are those of
    /// slots, in bytes.
    pub fields: Vec<FieldRecord>,
}

/// `struct bpf_func_info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionType {
    /// The first slot.
    pub slot: u32,
    /// The function's number among the types.
    pub id: u32,
}

/// `struct bpf_line_info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineRecord {
    /// The first slot.
    pub slot: u32,
    /// The place of the file's name among the strings.
    pub file: u32,
    /// The place of the line's text.
    pub text: u32,
    /// The line's number, and in the low ten bits the column's.
    pub place: u32,
}

/// Types that others are made of.
struct Base {
    int: u32,
    byte: u32,
    word: u32,
    long: u32,
    /// `int (__u64 *)`: kernels know that for a context.
    program: u32,
    /// `long (void)`: the kernel looks at registers, not at parameters, of what is called here.
    function: u32,
}

/// Describes a module that is consistent.
#[must_use]
pub fn describe(module: &Module, endian: Endian) -> ModuleTypes {
    let mut builder = Builder::new(endian);
    let base = base(&mut builder);
    let maps: Vec<MapTypes> =
        module.maps.iter().map(|map| map_types(&mut builder, &base, &map.spec)).collect();
    let by_value = by_value(module);
    let mut variables = Vec::new();
    let (mut offset, mut labelled) = (0, None);
    for ((at, map), types) in module.maps.iter().enumerate().zip(&maps) {
        if by_value.contains(&at) {
            let variable = builder.variable(&map.name, types.value, Linkage::Global);
            let size = map.spec.value_size;
            builder.section(&variable_section(&map.name), size, &[(variable, 0, size)]);
            continue;
        }
        let definition = definition(&mut builder, &base, &map.spec, *types);
        let size = definition_size(&map.spec, *types);
        let variable = builder.variable(&map.name, definition, Linkage::Global);
        variables.push((variable, offset, size));
        if map.name == LABELLED {
            labelled = Some(variable);
        }
        offset += size;
    }
    if !variables.is_empty() {
        builder.section(MAPS, offset, &variables);
    }
    for (of, label) in labelled.iter().flat_map(|of| module.labels.iter().map(move |it| (*of, it)))
    {
        builder.note(of, &label.to_note());
    }
    let structures = structures(&mut builder, &base, module);
    let units = module.units.iter();
    let units = units.map(|unit| unit_types(&mut builder, &base, &structures, unit)).collect();
    let text = builder.string(TEXT);
    ModuleTypes { btf: builder.finish(), maps, units, text }
}

/// The maps, by place, of which a program takes the address of a value (`map[idx:N][0]`). In an
/// object file such a map is a variable, as those of C are: it has a section of its own.
#[must_use]
pub fn by_value(module: &Module) -> BTreeSet<usize> {
    let insns = module.units.iter().flat_map(|unit| &unit.insns);
    let addresses = insns.filter(|insn| insn.opcode == WIDE && insn.src == MAP_INDEX_VALUE);
    addresses.filter_map(|insn| usize::try_from(insn.imm).ok()).collect()
}

/// The kind of constant in the field of the source register (`BPF_PSEUDO_MAP_IDX_VALUE`).
const MAP_INDEX_VALUE: u8 = 6;

/// The section of a variable.
#[must_use]
pub fn variable_section(map: &str) -> String {
    format!("{VARIABLE}{map}")
}

/// How the names of sections with one variable begin.
pub const VARIABLE: &str = ".data.";
/// The section with maps.
pub const MAPS: &str = ".maps";
/// The section with functions that programs call.
pub const TEXT: &str = ".text";

fn base(builder: &mut Builder) -> Base {
    let int = builder.int("int", 4, true);
    let byte = builder.int("__u8", 1, false);
    let word = builder.int("__u32", 4, false);
    let long = builder.int("__u64", 8, false);
    let context = builder.pointer(long);
    let program = builder.function_type(int, &[("ctx", context)]);
    let function = builder.function_type(long, &[]);
    Base { int, byte, word, long, program, function }
}

fn map_types(builder: &mut Builder, base: &Base, spec: &MapSpec) -> MapTypes {
    let mut sized = |size: u32| match size {
        0 => 0,
        1 => base.byte,
        4 => base.word,
        8 => base.long,
        size => builder.array(base.byte, base.word, size),
    };
    match spec.kind {
        // The kernel knows them, and wants no types.
        MapKind::Ringbuf | MapKind::CgroupArray => MapTypes::default(),
        // The key is a descriptor, and the kernel asks for an `int`.
        MapKind::TaskStorage => MapTypes { key: base.int, value: sized(spec.value_size) },
        MapKind::Hash | MapKind::Array | MapKind::PercpuArray => {
            MapTypes { key: sized(spec.key_size), value: sized(spec.value_size) }
        }
    }
}

/// Members of a map's definition that are numbers, and those that are there.
fn numbers(spec: &MapSpec) -> impl Iterator<Item = (&'static str, u32)> {
    let numbers = [
        ("type", spec.kind.number()),
        ("max_entries", spec.max_entries),
        ("map_flags", spec.kind.flags()),
    ];
    numbers.into_iter().filter(|(_, number)| *number != 0)
}

/// Members of a map's definition that are types.
fn key_and_value(types: MapTypes) -> impl Iterator<Item = (&'static str, u32)> {
    [("key", types.key), ("value", types.value)].into_iter().filter(|(_, of)| *of != 0)
}

/// Bytes of the variable that defines a map: a pointer for each member.
#[must_use]
pub fn definition_size(spec: &MapSpec, types: MapTypes) -> u32 {
    let members = numbers(spec).count() + key_and_value(types).count();
    u32::try_from(members * 8).unwrap_or(u32::MAX)
}

/// The structure that says what a map is like: numbers are lengths of arrays, and types are what
/// a pointer points to.
fn definition(builder: &mut Builder, base: &Base, spec: &MapSpec, types: MapTypes) -> u32 {
    let mut members = Vec::new();
    for (name, number) in numbers(spec) {
        // Of bytes, because the kernel refuses arrays of more than 2³² of them.
        let array = builder.array(base.byte, base.word, number);
        members.push((name, builder.pointer(array)));
    }
    for (name, of) in key_and_value(types) {
        members.push((name, builder.pointer(of)));
    }
    builder.structure_of_pointers(&members)
}

/// A structure of the kernel as the module knows it: its number, and its members in order.
struct Structure<'m> {
    id: u32,
    members: Vec<&'m str>,
}

/// The structures that are asked about; those of a consistent module are fine.
fn structures<'m>(
    builder: &mut Builder,
    base: &Base,
    module: &'m Module,
) -> BTreeMap<&'m str, Structure<'m>> {
    let uses = module.units.iter().flat_map(|unit| &unit.fields);
    let mut described: BTreeMap<&str, Structure<'m>> = BTreeMap::new();
    for (name, known) in field::structures(uses.map(|it| &it.field)).unwrap_or_default() {
        let mut members = Vec::new();
        for (offset, name, shape) in &known.members {
            let of = match shape {
                Shape::Pointer => builder.pointer(0),
                Shape::Number(1) => base.byte,
                Shape::Number(2) => builder.int("__u16", 2, false),
                Shape::Number(4) => base.word,
                Shape::Number(_) => base.long,
                Shape::Structure(name) => described.get(name.as_str()).map_or(0, |it| it.id),
            };
            members.push((*name, of, *offset));
        }
        let id = builder.structure(name, known.size, &members);
        let members = members.iter().map(|(name, ..)| *name).collect();
        described.insert(name, Structure { id, members });
    }
    described
}

/// The record of a use: the way to the member is the places of members in their structures,
/// behind a 0 for the structure itself.
fn field_record(
    builder: &mut Builder,
    structures: &BTreeMap<&str, Structure<'_>>,
    it: &FieldUse,
) -> FieldRecord {
    let mut path = "0".to_owned();
    let mut inside = structures.get(it.field.structure.as_str());
    let structure = inside.map_or(0, |structure| structure.id);
    for step in &it.field.steps {
        let at = inside.and_then(|known| known.members.iter().position(|name| *name == step.name));
        path.push_str(&format!(":{}", at.unwrap_or_default()));
        inside = if let Shape::Structure(name) = &step.shape {
            structures.get(name.as_str())
        } else {
            None
        };
    }
    let path = builder.string(&path);
    FieldRecord { offset: it.slot * 8, structure, path, question: it.question.number() }
}

fn unit_types(
    builder: &mut Builder,
    base: &Base,
    structures: &BTreeMap<&str, Structure<'_>>,
    unit: &Unit,
) -> UnitTypes {
    let mut functions = Vec::new();
    for (at, function) in unit.functions.iter().enumerate() {
        let (of, linkage) = match at {
            0 => (base.program, Linkage::Global),
            _ => (base.function, Linkage::Static),
        };
        let id = builder.function(&function.name, of, linkage);
        functions.push(FunctionType { slot: function.slot, id });
    }
    let section = builder.string(&unit.hook.section());
    let fields = unit.fields.iter().map(|it| field_record(builder, structures, it)).collect();
    UnitTypes { section, functions, lines: line_records(builder, unit), fields }
}

fn line_records(builder: &mut Builder, unit: &Unit) -> Vec<LineRecord> {
    if unit.lines.is_empty() {
        return Vec::new();
    }
    let mut records: Vec<LineRecord> =
        unit.lines.iter().map(|line| record(builder, line)).collect();
    for function in &unit.functions {
        if let Err(at) = records.binary_search_by_key(&function.slot, |record| record.slot) {
            let text = builder.string(&format!("(start of {})", function.name));
            records.insert(at, LineRecord { slot: function.slot, file: 0, text, place: 0 });
        }
    }
    records
}

fn record(builder: &mut Builder, line: &Line) -> LineRecord {
    let (file, text) = (builder.string(&line.file), builder.string(&line.text));
    LineRecord { slot: line.slot, file, text, place: (line.line << 10) | (line.column & 0x3ff) }
}
