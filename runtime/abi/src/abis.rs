//! The ABIs of the kernel: those with tables, and why the others have none.

use crate::{Abi, Endian};

static AARCH64: Abi = Abi {
    name: "aarch64",
    audit_arch: 0xc000_00b7,
    audit_arch_name: "AUDIT_ARCH_AARCH64",
    endian: Endian::Little,
    word: 64,
    foreign_bit: None,
};

static I386: Abi = Abi {
    name: "i386",
    audit_arch: 0x4000_0003,
    audit_arch_name: "AUDIT_ARCH_I386",
    endian: Endian::Little,
    word: 32,
    foreign_bit: None,
};

static RISCV64: Abi = Abi {
    name: "riscv64",
    audit_arch: 0xc000_00f3,
    audit_arch_name: "AUDIT_ARCH_RISCV64",
    endian: Endian::Little,
    word: 64,
    foreign_bit: None,
};

pub(crate) static X86_64: Abi = Abi {
    name: "x86_64",
    audit_arch: 0xc000_003e,
    audit_arch_name: "AUDIT_ARCH_X86_64",
    endian: Endian::Little,
    word: 64,
    // `__X32_SYSCALL_BIT`.
    foreign_bit: Some(0x4000_0000),
};

/// The ABIs with tables, sorted by name. The order is that of the value columns of
/// `consts.tsv` too, and a test holds them together.
pub(crate) static WITH_TABLES: &[&Abi] = &[&AARCH64, &I386, &RISCV64, &X86_64];

const NO_TABLES: &str = "no tables in this version";
const NO_SECCOMP: &str = "its kernel has no seccomp filters";

/// The other ABIs of the kernel, sorted by name, each with the reason.
pub(crate) static WITHOUT_TABLES: &[(&str, &str)] = &[
    ("alpha", NO_TABLES),
    ("arc", NO_SECCOMP),
    ("arm", NO_TABLES),
    ("arm_oabi", NO_SECCOMP),
    ("csky", NO_TABLES),
    ("hexagon", NO_SECCOMP),
    ("loongarch32", NO_TABLES),
    ("loongarch64", NO_TABLES),
    ("m68k", NO_TABLES),
    ("microblaze", NO_SECCOMP),
    ("mips", NO_TABLES),
    ("mips64", NO_TABLES),
    ("mips64n32", NO_TABLES),
    ("mipsel", NO_TABLES),
    ("mipsel64", NO_TABLES),
    ("mipsel64n32", NO_TABLES),
    ("nios2", NO_SECCOMP),
    ("openrisc", NO_SECCOMP),
    ("parisc", NO_TABLES),
    ("parisc64", NO_TABLES),
    ("ppc", NO_TABLES),
    ("ppc64", NO_TABLES),
    ("ppc64le", NO_TABLES),
    ("riscv32", NO_TABLES),
    ("s390", NO_TABLES),
    ("s390x", NO_TABLES),
    ("sh", NO_TABLES),
    ("sheb", NO_TABLES),
    ("sparc", NO_SECCOMP),
    ("sparc64", NO_SECCOMP),
    ("x32", "it shares AUDIT_ARCH_X86_64; its calls are foreign to x86_64"),
    ("xtensa", NO_TABLES),
];
