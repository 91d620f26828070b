//! How constants are compiled for each ABI: which compiler, with which headers.
//!
//! Where no compiler for the architecture is at hand, one with the same data model stands
//! in: the architecture's own headers are read with the stand-in's macros undefined. Which
//! model an ABI has is not left to trust: [`probe`] is compiled first.

use std::fmt::Write as _;

use filterc_abi::{Abi, Endian};

/// The compiler that a target is built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compiler {
    /// clang, with that target triple.
    Clang(&'static str),
    /// The cross gcc of that triple.
    Gcc(&'static str),
}

/// Where the architecture's `asm/` headers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AsmHeaders {
    /// The folder of that name among the installed ones of `linux-libc-dev`.
    Installed(&'static str),
    /// `arch/NAME/include/uapi/asm` of the source, completed from `asm-generic`.
    Source(&'static str),
}

/// How the constants of one ABI are compiled.
#[derive(Debug)]
pub(crate) struct Target {
    /// The ABI.
    pub(crate) abi: &'static str,
    /// What compiles.
    pub(crate) compiler: Compiler,
    /// The architecture's headers.
    pub(crate) asm: AsmHeaders,
    /// More arguments.
    pub(crate) args: &'static [&'static str],
    /// Alignment of a 64-bit member of a structure, in bytes.
    pub(crate) align64: u8,
    /// Parts of the names of predefined macros that tell which architecture the compiler
    /// builds for, where it only stands in: they are undefined.
    pub(crate) betrays: &'static [&'static str],
    /// Headers that replace installed ones: path and text.
    pub(crate) overlay: &'static [(&'static str, &'static str)],
}

impl Target {
    const fn clang(abi: &'static str, triple: &'static str, asm: &'static str) -> Self {
        Self {
            abi,
            compiler: Compiler::Clang(triple),
            asm: AsmHeaders::Installed(asm),
            args: &[],
            align64: 8,
            betrays: &[],
            overlay: &[],
        }
    }

    const fn gcc(abi: &'static str, triple: &'static str, asm: &'static str) -> Self {
        Self { compiler: Compiler::Gcc(triple), ..Self::clang(abi, "", asm) }
    }

    const fn aligned(self, align64: u8) -> Self {
        Self { align64, ..self }
    }
}

const X86_MACROS: &[&str] = &["386", "486", "x86", "X86"];
const RISCV_MACROS: &[&str] = &["riscv"];
const PPC_MACROS: &[&str] = &["PPC", "ppc", "PowerPC", "powerpc", "POWER", "_ARCH_", "_CALL_"];

/// Since its 31-bit emulation is gone, the kernel's s390 headers say 64 throughout.
const S390_BITS: &str = "#define __BITS_PER_LONG 32\n#include <asm-generic/bitsperlong.h>\n";

/// The 31-bit half of `asm/posix_types.h` as kernels had it up to the end of 31-bit
/// emulation (6.12: `#ifndef __s390x__`).
const S390_TYPES: &str = "#ifndef __ARCH_S390_POSIX_TYPES_H
#define __ARCH_S390_POSIX_TYPES_H
typedef unsigned long __kernel_size_t;
typedef long __kernel_ssize_t;
typedef unsigned short __kernel_old_dev_t;
typedef unsigned long __kernel_ino_t;
typedef unsigned short __kernel_mode_t;
typedef unsigned short __kernel_ipc_pid_t;
typedef unsigned short __kernel_uid_t;
typedef unsigned short __kernel_gid_t;
typedef int __kernel_ptrdiff_t;
typedef unsigned long __kernel_sigset_t;
#define __kernel_size_t __kernel_size_t
#define __kernel_old_dev_t __kernel_old_dev_t
#define __kernel_ino_t __kernel_ino_t
#define __kernel_mode_t __kernel_mode_t
#define __kernel_ipc_pid_t __kernel_ipc_pid_t
#define __kernel_uid_t __kernel_uid_t
#define __kernel_gid_t __kernel_gid_t
#define __kernel_sigset_t __kernel_sigset_t
#include <asm-generic/posix_types.h>
#endif
";

/// Every ABI, sorted.
pub(crate) static TARGETS: &[Target] = &[
    Target::clang("aarch64", "aarch64-linux-gnu", "arm64"),
    Target::gcc("alpha", "alpha-linux-gnu", "alpha"),
    Target::clang("arm", "arm-linux-gnueabi", "arm"),
    Target {
        asm: AsmHeaders::Source("csky"),
        args: &["-D__csky__=2", "-D__CSKYABIV2__", "-D__user=", "-D__attribute_const__="],
        betrays: X86_MACROS,
        ..Target::clang("csky", "i386-linux-gnu", "").aligned(4)
    },
    Target::clang("i386", "i386-linux-gnu", "x86").aligned(4),
    Target::clang("loongarch64", "loongarch64-linux-gnu", "loongarch"),
    // Not clang: it lays out structures of m68k with 4-byte integers at multiples of 4.
    Target::gcc("m68k", "m68k-linux-gnu", "m68k").aligned(2),
    Target::clang("mips", "mips-linux-gnu", "mips"),
    Target::clang("mips64", "mips64-linux-gnuabi64", "mips"),
    Target::clang("mips64n32", "mips64-linux-gnuabin32", "mips"),
    Target::clang("mipsel", "mipsel-linux-gnu", "mips"),
    Target::clang("mipsel64", "mips64el-linux-gnuabi64", "mips"),
    Target::clang("mipsel64n32", "mips64el-linux-gnuabin32", "mips"),
    Target::gcc("parisc", "hppa-linux-gnu", "parisc"),
    Target {
        args: &["-D__hppa__", "-D__hppa", "-D_PA_RISC2_0"],
        betrays: PPC_MACROS,
        ..Target::clang("parisc64", "powerpc64-linux-gnu", "parisc")
    },
    Target::clang("ppc", "powerpc-linux-gnu", "powerpc"),
    Target::clang("ppc64", "powerpc64-linux-gnu", "powerpc"),
    Target::clang("ppc64le", "powerpc64le-linux-gnu", "powerpc"),
    Target::clang("riscv32", "riscv32-linux-gnu", "riscv"),
    Target::clang("riscv64", "riscv64-linux-gnu", "riscv"),
    Target {
        args: &["-D__s390__"],
        betrays: PPC_MACROS,
        overlay: &[("asm/bitsperlong.h", S390_BITS), ("asm/posix_types.h", S390_TYPES)],
        ..Target::clang("s390", "powerpc-linux-gnu", "s390")
    },
    Target::clang("s390x", "s390x-linux-gnu", "s390"),
    Target::gcc("sh", "sh4-linux-gnu", "sh").aligned(4),
    Target { args: &["-mb"], ..Target::gcc("sheb", "sh4-linux-gnu", "sh").aligned(4) },
    Target::clang("sparc", "sparc-linux-gnu", "sparc"),
    Target::clang("sparc64", "sparc64-linux-gnu", "sparc"),
    Target::clang("x32", "x86_64-linux-gnux32", "x86"),
    Target::clang("x86_64", "x86_64-linux-gnu", "x86"),
    Target {
        asm: AsmHeaders::Source("xtensa"),
        args: &[
            "-D__XTENSA__",
            "-D__xtensa__",
            "-D__XTENSA_EL__",
            "-D__user=",
            "-D__attribute_const__=",
        ],
        betrays: RISCV_MACROS,
        // Its own holds assembler for its own registers.
        overlay: &[("asm/swab.h", "#include <asm-generic/swab.h>\n")],
        ..Target::clang("xtensa", "riscv32-linux-gnu", "")
    },
];

/// A program that compiles only if the compiler has the ABI's data model, and the headers
/// agree with it.
pub(crate) fn probe(target: &Target, abi: &Abi) -> String {
    let word = abi.word / 8;
    let order = match abi.endian {
        Endian::Little => ("__ORDER_LITTLE_ENDIAN__", "__LITTLE_ENDIAN"),
        Endian::Big => ("__ORDER_BIG_ENDIAN__", "__BIG_ENDIAN"),
    };
    let mut text = String::from("#include <linux/types.h>\n#include <asm/byteorder.h>\n");
    let mut holds = |what: String| {
        let _ = writeln!(text, "_Static_assert({what}, \"{}\");", target.abi);
    };
    holds(format!("sizeof(long) == {word}"));
    holds(format!("sizeof(void *) == {word}"));
    holds(format!("sizeof(__kernel_size_t) == {word}"));
    holds(format!("sizeof(__kernel_long_t) == {}", if abi.name == "x32" { 8 } else { word }));
    holds(format!("__BITS_PER_LONG == {}", abi.word));
    holds("sizeof(int) == 4 && sizeof(short) == 2 && sizeof(long long) == 8".to_owned());
    holds(format!(
        "__builtin_offsetof(struct {{ char c; __u64 wide; }}, wide) == {}",
        target.align64
    ));
    let align32 = target.align64.min(4);
    holds(format!("__builtin_offsetof(struct {{ char c; int i; }}, i) == {align32}"));
    holds(format!("__BYTE_ORDER__ == {}", order.0));
    let _ = writeln!(text, "#ifndef {}\n#error byte order\n#endif", order.1);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_abi_has_a_target_and_no_other_has() {
        let abis: Vec<&str> = filterc_abi::abis().iter().map(|abi| abi.name).collect();
        let targets: Vec<&str> = TARGETS.iter().map(|target| target.abi).collect();
        assert_eq!(abis, targets);
    }

    #[test]
    fn a_compiler_that_stands_in_does_not_say_so() {
        for target in TARGETS {
            let Compiler::Clang(triple) = target.compiler else { continue };
            let own = match target.asm {
                AsmHeaders::Installed("parisc" | "s390") => target.abi == "s390x",
                AsmHeaders::Installed(_) => true,
                AsmHeaders::Source(_) => false,
            };
            assert_eq!(own, target.betrays.is_empty(), "{} {triple}", target.abi);
        }
    }
}
