//! Where the running kernel has its hooks, and the members of its structures.

use std::borrow::Cow;
use std::fs;

use filterc_abi::Endian;
use filterc_abi::registers::{self, Machine};
use filterc_ebpf::btf::{Btf, kind, relocate};
use filterc_ebpf::{Hook, Module};

use super::error::{KERNEL_TYPES, ModuleLoadError};
use super::program::ProgramKind;
use super::sys;

/// What the running kernel tells of itself, read when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Kernel {
    types: Option<Vec<u8>>,
}

impl Kernel {
    /// What to load a program for this hook as.
    pub(super) fn kind(&mut self, hook: &Hook) -> Result<ProgramKind, ModuleLoadError> {
        match hook {
            Hook::Syscall => Ok(ProgramKind::Syscall),
            Hook::Tracepoint { .. } => Ok(ProgramKind::Tracepoint),
            Hook::RawTracepoint(_) => Ok(ProgramKind::RawTracepoint),
            Hook::TracepointBtf(name) => {
                let id = self.find(hook, kind::TYPEDEF, &format!("btf_trace_{name}"))?;
                Ok(ProgramKind::TracepointBtf(id))
            }
            Hook::Lsm(name) => {
                Ok(ProgramKind::Lsm(self.find(hook, kind::FUNC, &format!("bpf_lsm_{name}"))?))
            }
        }
    }

    /// A module for this kernel: where its structures have members is put in.
    pub(super) fn relocated<'m>(
        &mut self,
        module: &'m Module,
    ) -> Result<Cow<'m, Module>, ModuleLoadError> {
        if module.units.iter().all(|unit| unit.fields.is_empty()) {
            return Ok(Cow::Borrowed(module));
        }
        Ok(Cow::Owned(relocate(module, &self.types()?)?))
    }

    fn find(&mut self, hook: &Hook, kind: u8, name: &str) -> Result<u32, ModuleLoadError> {
        let id = self.types()?.find(kind, name);
        id.ok_or_else(|| ModuleLoadError::NoHook { hook: hook.section() })
    }

    fn types(&mut self) -> Result<Btf<'_>, ModuleLoadError> {
        let unreadable = |errno| ModuleLoadError::NoKernelTypes { errno };
        if self.types.is_none() {
            let types = fs::read(KERNEL_TYPES);
            let types = types.map_err(|error| unreadable(error.raw_os_error().unwrap_or(0)))?;
            self.types = Some(types);
        }
        let types = self.types.as_deref().unwrap_or_default();
        Btf::read(types, Endian::HOST).map_err(|_| unreadable(0))
    }
}

/// The running kernel's machine, if it is known. A kernel may call itself a smaller one where a
/// task asks it to: programs for that are refused then.
#[must_use]
pub fn machine() -> Option<&'static Machine> {
    named(&sys::machine())
}

/// The machine that a kernel calls so.
fn named(name: &str) -> Option<&'static Machine> {
    registers::machine(match name {
        "i486" | "i586" | "i686" => "i386",
        // What a kernel of aarch64 calls itself before tasks of arm.
        "armv8l" => "aarch64",
        name if name.starts_with("armv") && name.ends_with('l') => "arm",
        name => name,
    })
}

/// The number of an event of a tracepoint.
pub(super) fn event_id(subsystem: &str, event: &str) -> Result<u64, ModuleLoadError> {
    let roots = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
    let mut mounted = roots.iter().filter(|root| fs::metadata(format!("{root}/events")).is_ok());
    let root = mounted.next().ok_or(ModuleLoadError::NoTracefs)?;
    let text = fs::read_to_string(format!("{root}/events/{subsystem}/{event}/id"));
    let id = text.ok().and_then(|text| text.trim().parse().ok());
    let hook = || format!("tracepoint/{subsystem}/{event}");
    id.ok_or_else(|| ModuleLoadError::NoHook { hook: hook() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_call_their_machines_by_these_names() {
        let names = [
            ("x86_64", Some("x86_64")),
            ("i686", Some("i386")),
            ("armv7l", Some("arm")),
            ("armv8l", Some("aarch64")),
            ("armv7b", None),
            ("ppc64le", Some("ppc64le")),
            ("loongarch64", Some("loongarch64")),
            ("mips64", None),
        ];
        for (name, expected) in names {
            assert_eq!(named(name).map(|machine| machine.name), expected, "{name}");
        }
        let here = machine().map(|machine| machine.name);
        assert!(!cfg!(target_arch = "x86_64") || here == Some("x86_64"), "{here:?}");
    }
}
