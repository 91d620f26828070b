//! Where hooks are in the running kernel.

use std::fs;

use filterc_abi::Endian;
use filterc_ebpf::Hook;
use filterc_ebpf::btf::{Btf, kind};

use super::error::{KERNEL_TYPES, ModuleLoadError};
use super::program::ProgramKind;

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

    fn find(&mut self, hook: &Hook, kind: u8, name: &str) -> Result<u32, ModuleLoadError> {
        let unreadable = |errno| ModuleLoadError::NoKernelTypes { errno };
        let types = if let Some(types) = &self.types {
            types
        } else {
            let types = fs::read(KERNEL_TYPES)
                .map_err(|error| unreadable(error.raw_os_error().unwrap_or(0)))?;
            self.types.insert(types)
        };
        let btf = Btf::read(types, Endian::HOST).map_err(|_| unreadable(0))?;
        btf.find(kind, name).ok_or_else(|| ModuleLoadError::NoHook { hook: hook.section() })
    }
}

/// Where the kernel remembers that a task makes a call of 32 bits: the byte offset of
/// `thread_info.status` in `struct task_struct`. `None` where the kernel does not tell, or has no
/// such member.
#[must_use]
pub fn thread_status_offset() -> Option<u32> {
    let types = fs::read(KERNEL_TYPES).ok()?;
    let btf = Btf::read(&types, Endian::HOST).ok()?;
    Some(member(&btf, "task_struct", "thread_info")? + member(&btf, "thread_info", "status")?)
}

/// Members of the kernel's structures, each by its path from the structure: their byte offsets, in
/// that order. `None` if the kernel does not tell its types, or has no such member.
#[must_use]
pub fn member_offsets<const N: usize>(paths: [&[&str]; N]) -> Option<[u32; N]> {
    let types = fs::read(KERNEL_TYPES).ok()?;
    let btf = Btf::read(&types, Endian::HOST).ok()?;
    let mut offsets = [0; N];
    for (slot, path) in offsets.iter_mut().zip(paths) {
        let (of, members) = path.split_first()?;
        let mut of = btf.find(kind::STRUCT, of)?;
        for name in members {
            let (offset, ty) = find_member(&btf, of, name, MAX_NESTING)?;
            (*slot, of) = (*slot + offset, ty);
        }
    }
    Some(offsets)
}

/// The byte offset of a member of a structure.
fn member(btf: &Btf<'_>, of: &str, name: &str) -> Option<u32> {
    find_member(btf, btf.find(kind::STRUCT, of)?, name, MAX_NESTING).map(|(offset, _)| offset)
}

/// How deep structures without names are looked into.
const MAX_NESTING: u32 = 8;

/// The byte offset of a member and its type, also in structures and unions without names.
fn find_member(btf: &Btf<'_>, of: u32, name: &str, nesting: u32) -> Option<(u32, u32)> {
    let found = btf.get(of)?;
    // Names of types stand for others.
    if !matches!(found.kind, kind::STRUCT | kind::UNION) {
        let nesting = nesting.checked_sub(1).filter(|_| kind::is_alias(found.kind))?;
        return find_member(btf, found.size_or_type, name, nesting);
    }
    (0..usize::from(found.parts)).map(|part| part * 3).find_map(|at| {
        let of_member = found.word(at).and_then(|at| btf.string(at))?;
        // Bits; where structures have members of single bits, the upper eight say how many.
        let offset = (found.word(at + 2)? & 0x00ff_ffff) / 8;
        let ty = found.word(at + 1)?;
        if of_member == name {
            return Some((offset, ty));
        }
        let nesting = nesting.checked_sub(1).filter(|_| of_member.is_empty())?;
        let (below, ty) = find_member(btf, ty, name, nesting)?;
        Some((offset + below, ty))
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
