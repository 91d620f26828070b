//! eBPF modules as text and bytes.

use filterc_abi::Endian;
use filterc_ebpf::{DisasmOptions, Module, Unit, disassemble, encode};

/// The bytes of the only program; several are no one piece, and neither is one that names maps.
pub(super) fn bytes(module: &Module, endian: Endian) -> Option<Vec<u8>> {
    match module.units.as_slice() {
        [unit] if module.maps.is_empty() => Some(encode(&unit.insns, endian)),
        _ => None,
    }
}

/// Each program under its name. More than one are not one text to be assembled again.
#[must_use]
pub fn listing(module: &Module, options: &DisasmOptions) -> String {
    let text = |unit: &Unit| {
        let text = disassemble(&unit.insns, options);
        format!("; {}: {}\n{text}", unit.name, unit.hook.section())
    };
    module.units.iter().map(text).collect::<Vec<_>>().join("\n")
}

/// The object file. A module that the driver has made is consistent, and takes the addresses of
/// values of maps with one value alone.
pub(super) fn object(module: &Module, endian: Endian) -> Option<Vec<u8>> {
    filterc_object::write(module, endian).ok()
}
