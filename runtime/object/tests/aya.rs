//! aya's reader takes our files, and puts the programs together from the same instructions.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests say what they expect")]

mod sample;

use std::collections::HashSet;

use aya_obj::{Object, ProgramSection};
use filterc_abi::Endian;
use filterc_ebpf::{Unit, encode};
use filterc_object::write;
use sample::{module, on_request};

#[test]
fn programs_and_maps_are_those_of_the_module() {
    let module = module();
    let mut object = Object::parse(&write(&module, Endian::HOST).unwrap()).unwrap();
    assert_eq!(object.license.to_str(), Ok("GPL"));
    for map in &module.maps {
        let theirs = &object.maps[called(&map.name)];
        let spec = map.spec;
        assert_eq!(theirs.map_type(), spec.kind.number());
        assert_eq!(theirs.key_size(), spec.key_size, "{}", map.name);
        assert_eq!(theirs.value_size(), spec.value_size, "{}", map.name);
        assert_eq!(theirs.max_entries(), spec.max_entries, "{}", map.name);
        // Those of variables can be mapped into memory (`BPF_F_MMAPABLE`), if the kernel can do it.
        assert_eq!(theirs.map_flags() & !0x400, spec.kind.flags());
    }
    // A map's descriptor is its place, which is what our instructions have.
    let maps: Vec<_> = module
        .maps
        .iter()
        .enumerate()
        .map(|(at, map)| {
            (
                called(&map.name).to_owned(),
                i32::try_from(at).unwrap(),
                object.maps[called(&map.name)].clone(),
            )
        })
        .collect();
    let sections: HashSet<usize> = object.functions.keys().map(|(section, _)| *section).collect();
    let given = maps.iter().map(|(name, fd, map)| (name.as_str(), *fd, map));
    object.relocate_maps(given, &sections).unwrap();
    object.relocate_calls(&sections).unwrap();
    assert_eq!(object.programs.len(), module.units.len());
    for unit in &module.units {
        let program = &object.programs[&unit.name];
        let function = &object.functions[&program.function_key()];
        let theirs: Vec<u8> = function
            .instructions
            .iter()
            .flat_map(|insn| {
                let [low, high] = insn.off.to_ne_bytes();
                let registers = if cfg!(target_endian = "little") {
                    insn.dst_reg() | insn.src_reg() << 4
                } else {
                    insn.dst_reg() << 4 | insn.src_reg()
                };
                let [a, b, c, d] = insn.imm.to_ne_bytes();
                [insn.code, registers, low, high, a, b, c, d]
            })
            .collect();
        assert_eq!(theirs, by_descriptor(unit), "{}", unit.name);
    }
    let typed = &object.programs["typed"].section;
    assert!(matches!(typed, ProgramSection::BtfTracePoint), "{typed:?}");
}

/// The name of a map: variables are called as their section.
fn called(map: &str) -> &str {
    if map == "lost" { ".data.lost" } else { map }
}

/// The bytes of a program that names maps by descriptors.
fn by_descriptor(unit: &Unit) -> Vec<u8> {
    let mut insns = unit.insns.clone();
    for insn in &mut insns {
        if insn.opcode == 0x18 && matches!(insn.src, 5 | 6) {
            insn.src -= 4;
        }
    }
    encode(&insns, Endian::HOST)
}

#[test]
fn programs_on_request_are_unknown_to_it() {
    // Not a fault of the file, which libbpf loads: aya knows no such programs. When this fails it
    // does, and the test above can have one.
    assert!(Object::parse(&write(&on_request(), Endian::HOST).unwrap()).is_err());
}
