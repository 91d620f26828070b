//! Placeholder until the tables land.
use crate::{Abi, Endian, Set, SubCall, Syscall};
static X86_64: Abi = Abi {
    name: "x86_64",
    audit_arch: 0xc000_003e,
    audit_arch_name: "AUDIT_ARCH_X86_64",
    endian: Endian::Little,
    word: 64,
    foreign_bit: Some(0x4000_0000),
};
static ALL: &[&Abi] = &[&X86_64];
pub(crate) static WITHOUT_TABLES: &[(&str, &str)] = &[];
pub(crate) fn abis() -> &'static [&'static Abi] {
    ALL
}
pub(crate) fn x86_64() -> &'static Abi {
    &X86_64
}
pub(crate) fn set(_: &str) -> Option<&'static Set> {
    None
}
pub(crate) fn syscalls(_: &'static Abi) -> &'static [Syscall] {
    &[]
}
pub(crate) fn syscall_by_name(_: &'static Abi, _: &str) -> Option<&'static Syscall> {
    None
}
pub(crate) fn constant(_: &'static Abi, _: &str) -> Option<i128> {
    None
}
pub(crate) fn constant_names(_: &'static Abi) -> impl Iterator<Item = &'static str> {
    std::iter::empty()
}
pub(crate) fn sub_calls(_: &'static Abi) -> &'static [SubCall] {
    &[]
}
