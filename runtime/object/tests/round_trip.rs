//! What is written is read again, in both byte orders; and files that are damaged, or not ours,
//! are refused with a code, whatever is in them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests say what they expect"
)]

mod sample;

use filterc_abi::Endian;
use filterc_ebpf::field::Shape;
use filterc_ebpf::{Hook, MapKind, Module};
use filterc_object::{CODES, ObjectError, read, read_as, write};
use sample::{asking, labelled, line, map, module, on_request, unit};

const BOTH: [Endian; 2] = [Endian::Little, Endian::Big];

#[test]
fn read_again_as_written() {
    let none =
        Module { license: String::new(), maps: Vec::new(), units: Vec::new(), labels: Vec::new() };
    let mut no_maps = module();
    no_maps.maps.clear();
    no_maps.units.retain(|unit| unit.functions.len() == 1);
    for module in [module(), on_request(), asking(), labelled(), none, no_maps] {
        for endian in BOTH {
            let bytes = write(&module, endian).unwrap();
            assert_eq!(read(&bytes), Ok((module.clone(), endian)));
            assert_eq!(read_as(&bytes, endian), Ok(module.clone()));
            let [little, big] = BOTH;
            let other = if endian == little { big } else { little };
            let error = read_as(&bytes, other).unwrap_err();
            assert_eq!((error.code(), &error), ("F0834", &ObjectError::OtherByteOrder));
            assert_eq!(write(&module, endian).unwrap(), bytes);
        }
    }
}

#[test]
fn functions_by_address_are_kept() {
    let text = "r1 = subprog[f] ll\nr1 = 0\ncall g\nexit\nf: r0 = 0\nexit\n\
                g: r2 = subprog[f] ll\nr0 = 1\nexit";
    let unit = unit("main", Hook::Syscall, text, &[("f", 5), ("g", 7)]);
    let module =
        Module { license: "MIT".into(), maps: Vec::new(), units: vec![unit], labels: Vec::new() };
    for endian in BOTH {
        assert_eq!(read(&write(&module, endian).unwrap()), Ok((module.clone(), endian)));
    }
}

/// The error of a module that is the sample, changed.
fn refused(change: impl Fn(&mut Module)) -> String {
    let mut module = module();
    change(&mut module);
    let error = write(&module, Endian::Little).unwrap_err();
    assert!(matches!(error.code(), "F0832" | "F0833"), "{error}");
    error.to_string()
}

#[test]
fn modules_that_do_not_fit_together() {
    let says = |text: &str, change: fn(&mut Module)| {
        let error = refused(change);
        assert!(error.contains(text), "{text}: {error}");
    };
    says("name of a program", |it| it.units[0].name = "no name".into());
    says("name of a map", |it| it.maps[0].name = "longer_than_fifteen".into());
    says("two maps `seen`", |it| it.maps[0].name = "seen".into());
    says("two programs `keep`", |it| {
        it.units[0].name = "keep".into();
        it.units[0].functions[0].name = "keep".into();
    });
    says("name of a hook", |it| it.units[0].hook = Hook::Lsm("a/b".into()));
    says("NUL in the licence", |it| it.license = "G\0PL".into());
    says("NUL in a line", |it| it.units[0].lines[0].text = "\0".into());
    says("first function is not itself", |it| it.units[0].functions[0].name = "other".into());
    says("order of their slots", |it| it.units[0].functions.swap(1, 2));
    says("where no instruction does", |it| it.units[0].functions[1].slot = 3);
    says("runs on into the next", |it| it.units[0].functions[2].slot = 22);
    says("not in the order", |it| it.units[0].lines.swap(0, 1));
    says("number that cannot be written", |it| it.units[0].lines[0].line = 1 << 22);
    says("number that cannot be written", |it| it.units[0].lines[0].column = 1 << 10);
    says("where no instruction begins", |it| it.units[0].lines[0].slot = 3);
    says("no such map", |it| it.maps.truncate(1));
    says("is no function", |it| {
        it.units[0].functions.pop();
        it.units[0].lines.clear();
    });
    says("neither `exit`", |it| {
        it.units[1].insns.pop();
    });
    says("the address of a value in a map like `counts`", |it| {
        it.units = vec![unit("v", Hook::Syscall, "r1 = map[idx:3][0]+4 ll\nr0 = 0\nexit", &[])];
    });
    says("with and without keys", |it| {
        let text = "r1 = map[idx:4][0]+4 ll\nr1 = map[idx:4] ll\nr0 = 0\nexit";
        it.units = vec![unit("v", Hook::Syscall, text, &[])];
    });
    let asks = |text: &str, change: fn(&mut Module)| {
        let mut module = asking();
        change(&mut module);
        let error = write(&module, Endian::Little).unwrap_err();
        assert!(error.code() == "F0832" && error.to_string().contains(text), "{text}: {error}");
    };
    asks("in the order of their slots", |it| it.units[0].fields.swap(0, 1));
    asks("does not hold", |it| it.units[0].insns[6].imm = 17);
    asks("does not hold", |it| it.units[0].fields[0].slot = 5);
    asks("no member", |it| it.units[0].fields[3].field.steps.clear());
    asks("1, 2, 4 or 8 bytes", |it| it.units[0].fields[3].field.steps[0].shape = Shape::Number(3));
    asks("name of a structure", |it| it.units[0].fields[3].field.structure = "a b".into());
    asks("of what is no structure", |it| {
        it.units[0].fields[0].field.steps[0].shape = Shape::Pointer;
    });
    asks("at two places", |it| {
        let again = it.units[0].fields[2].clone();
        it.units[0].fields.push(again);
        it.units[0].fields[4].slot = 14;
        it.units[0].fields[4].field.steps[0].offset = 4;
    });
    asks("too far", |it| it.units[0].fields[3].field.steps[0].offset = 1 << 21);
    asks("holds itself", |it| {
        let itself = Shape::Structure("task_struct___mine".into());
        it.units[0].fields[3].field.steps[0].shape = itself;
    });
    says("no map of objects", |it| it.labels = labelled().labels);
    says("a set has 64 bits", |it| {
        *it = labelled();
        it.labels[0].bit = 64;
    });
    says("name of a label", |it| {
        *it = labelled();
        it.labels[0].label = "a:b".into();
    });
    says("named by their place", |it| {
        it.units = vec![unit("v", Hook::Syscall, "r1 = map[fd:3] ll\nr0 = 0\nexit", &[])];
    });
}

#[test]
fn files_that_are_no_objects() {
    let code = |bytes: &[u8]| read(bytes).unwrap_err().code();
    assert_eq!(code(b""), "F0830");
    assert_eq!(code(b"ret allow"), "F0830");
    assert_eq!(code(b"\x7fELF"), "F0830");
    let good = write(&module(), Endian::Little).unwrap();
    // The machine, and the kind of file.
    for (at, value) in [(18, 62), (16, 2), (4, 1)] {
        let mut bytes = good.clone();
        bytes[at] = value;
        assert_eq!(code(&bytes), "F0830", "{at}");
    }
    // What is cut off.
    for length in (64..good.len()).step_by(8) {
        assert!(read(&good[..length]).is_err(), "{length}");
    }
}

#[test]
fn damaged_files_are_read_without_a_panic() {
    let (mut refused, mut codes) = (0, std::collections::BTreeSet::new());
    for endian in BOTH {
        let mut module = module();
        module.units.extend(asking().units);
        let good = write(&module, endian).unwrap();
        for at in 0..good.len() {
            for value in [0, 1, 0x7f, 0xff, good[at] ^ 1, good[at] ^ 0x80] {
                let mut bytes = good.clone();
                bytes[at] = value;
                if let Err(error) = read(&bytes) {
                    refused += 1;
                    codes.insert(error.code());
                }
            }
        }
    }
    assert!(refused > 1000);
    assert!(codes.into_iter().eq(["F0830", "F0831", "F0832", "F0833"]));
    assert_eq!(CODES, ["F0830", "F0831", "F0833", "F0834"]);
}

#[test]
fn what_is_not_understood_is_refused_by_name() {
    let good = write(&module(), Endian::Little).unwrap();
    let renamed = |from: &str, to: &str| {
        let at = good.windows(from.len()).rposition(|window| window == from.as_bytes());
        let mut bytes = good.clone();
        bytes[at.unwrap()..][..to.len()].copy_from_slice(to.as_bytes());
        read(&bytes).unwrap_err()
    };
    let unsupported = |error: ObjectError, text: &str| {
        assert_eq!(error.code(), "F0833", "{error}");
        assert!(error.to_string().contains(text), "{error}");
    };
    unsupported(renamed("\0lsm/", "\0xdp/"), "programs for `xdp/file_open`");
    unsupported(renamed("\0license\0", "\0.rodata\0"), "a section `.rodata`");
    unsupported(renamed("\0.BTF\0", "\0.BTX\0"), "no BTF");
    // A kind of map and a flag that are not known here are those of the kernel.
    let mut large = module();
    large.maps = vec![map("tasks", MapKind::TaskStorage, (4, 8), 0)];
    large.units.truncate(2);
    large.units[0] = unit("a", Hook::Syscall, "r0 = 0\nexit", &[]);
    large.units[0].lines = vec![line(0, 1, "x")];
    assert_eq!(read(&write(&large, Endian::Big).unwrap()), Ok((large, Endian::Big)));
}
