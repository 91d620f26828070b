//! Programs of the kernel: loading, trying, attaching.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};

use filterc_abi::Endian;
use filterc_ebpf::btf::{FunctionType, LineRecord};
use filterc_ebpf::machine::{Callee, Op, Symbol};
use filterc_ebpf::{Insn, encode, well_formed};

use super::btf::Btf;
use super::error::{Action, BpfError, Refusal, refused};
use super::map::Map;
use super::sys::{self, Attr, ProgramText};

/// What a program is for (`enum bpf_prog_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProgramKind {
    /// `BPF_PROG_TYPE_TRACEPOINT`: keeps or drops an event.
    Tracepoint,
    /// `BPF_PROG_TYPE_RAW_TRACEPOINT`: the arguments of a tracepoint.
    RawTracepoint,
    /// `BPF_PROG_TYPE_TRACING` at a tracepoint: its arguments with their types. The number is the
    /// kernel's BTF id of the type `btf_trace_NAME`.
    TracepointBtf(u32),
    /// `BPF_PROG_TYPE_LSM`: a hook of a security module. The number is the kernel's BTF id of the
    /// function `bpf_lsm_NAME`.
    Lsm(u32),
    /// `BPF_PROG_TYPE_SYSCALL`: run on request, with any context.
    Syscall,
}

impl ProgramKind {
    /// Type, flags, expected attach type and BTF id.
    const fn numbers(self) -> (u32, u32, u32, u32) {
        const SLEEPABLE: u32 = 1 << 4;
        match self {
            Self::Tracepoint => (5, 0, 0, 0),
            Self::RawTracepoint => (17, 0, 0, 0),
            Self::TracepointBtf(id) => (26, 0, 23, id),
            Self::Lsm(id) => (29, 0, 27, id),
            Self::Syscall => (31, SLEEPABLE, 0, 0),
        }
    }
}

/// How much the verifier tells about programs that it accepts. What it says about those that
/// it refuses is always kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Log {
    /// Nothing.
    #[default]
    Refusals,
    /// How much work it was.
    Statistics,
    /// Every instruction that it looks at, with the registers.
    Instructions,
}

/// A program to be loaded.
#[derive(Clone, Copy, Debug)]
pub struct ProgramSpec<'a> {
    /// What it is for.
    pub kind: ProgramKind,
    /// For people: letters, digits, `_` and `.`, up to 15.
    pub name: &'a str,
    /// Most tracing helpers are for `GPL` only.
    pub license: &'a CStr,
    /// What the verifier tells.
    pub log: Log,
    /// The maps that instructions name by their place (`map[idx:N]`).
    pub maps: &'a [&'a Map],
}

/// What the kernel is told of a program besides: it then quotes lines of the policy.
#[derive(Clone, Copy, Debug)]
pub struct ProgramTypes<'a> {
    /// The types of its module.
    pub btf: &'a Btf,
    /// Its functions.
    pub functions: &'a [FunctionType],
    /// Its lines.
    pub lines: &'a [LineRecord],
}

impl ProgramTypes<'_> {
    fn function_words(&self) -> Vec<u32> {
        self.functions.iter().flat_map(|function| [function.slot, function.id]).collect()
    }

    fn line_words(&self) -> Vec<u32> {
        let words = |line: &LineRecord| [line.slot, line.file, line.text, line.place];
        self.lines.iter().flat_map(words).collect()
    }
}

/// A program that the kernel has accepted.
#[derive(Debug)]
pub struct Program {
    fd: OwnedFd,
    log: String,
}

/// Longest log that is asked for; the kernel's own limit is far above.
const MAX_LOG: u32 = 64 << 20;

impl Program {
    /// Has the kernel verify and translate a program.
    ///
    /// # Errors
    /// The errno, and what the verifier said. A program that is not well-formed, or names maps
    /// that `spec` does not have, is refused with EINVAL and never reaches the kernel.
    pub fn load(insns: &[Insn], spec: &ProgramSpec<'_>) -> Result<Self, Refusal> {
        Self::load_with(insns, spec, None)
    }

    /// The same for a program whose functions have types, and whose instructions lines.
    ///
    /// # Errors
    /// As there; EINVAL where the functions are not those of the program.
    pub fn load_typed(
        insns: &[Insn],
        spec: &ProgramSpec<'_>,
        types: &ProgramTypes<'_>,
    ) -> Result<Self, Refusal> {
        Self::load_with(insns, spec, Some(types))
    }

    fn load_with(
        insns: &[Insn],
        spec: &ProgramSpec<'_>,
        types: Option<&ProgramTypes<'_>>,
    ) -> Result<Self, Refusal> {
        check_places(insns, spec.maps.len())?;
        let bytes = encode(insns, Endian::HOST);
        let descriptors: Vec<RawFd> = spec.maps.iter().map(|map| map.as_fd().as_raw_fd()).collect();
        let license = spec.license;
        let functions = types.map(ProgramTypes::function_words).unwrap_or_default();
        let lines = types.map(ProgramTypes::line_words).unwrap_or_default();
        let btf = types.map(|types| types.btf.as_fd());
        let descriptors = &descriptors;
        let text = ProgramText {
            insns: &bytes,
            license,
            descriptors,
            btf,
            functions: &functions,
            lines: &lines,
        };
        let level = match spec.log {
            Log::Refusals => 0,
            Log::Statistics => 4,
            Log::Instructions => 2,
        };
        let mut log = vec![0; if level == 0 { 0 } else { 1 << 16 }];
        let mut asked = level;
        loop {
            let (result, length) = sys::prog_load(attr(spec), &text, &mut log, asked);
            match result {
                Ok(fd) => return Ok(Self { fd, log: text_of(&log) }),
                // The log did not fit: it has to, for the verdict to be known.
                Err(libc::ENOSPC) if length > length_of(&log) && length <= MAX_LOG => {
                    log = vec![0; length as usize];
                }
                // Only now it matters what the verifier has to say of the one way that is at fault.
                Err(_) if asked != 1 => {
                    asked = 1;
                    log = vec![0; 1 << 16];
                }
                Err(errno) => {
                    let error = refused(Action::Accept)(errno);
                    return Err(Refusal { error, log: text_of(&log) });
                }
            }
        }
    }

    /// What the verifier told, as far as it was asked to.
    #[must_use]
    pub fn log(&self) -> &str {
        &self.log
    }

    /// Runs a program of the kind [`ProgramKind::Syscall`] once: what it returns, and the
    /// context as it leaves it.
    ///
    /// # Errors
    /// What the kernel said: EINVAL for a context that is shorter than the program's accesses.
    pub fn test_run(&self, context: &mut [u8]) -> Result<u32, BpfError> {
        sys::test_run(self.fd.as_fd(), context).map_err(refused(Action::Run))
    }

    /// Attaches a program of the kind [`ProgramKind::RawTracepoint`] to the tracepoint of that
    /// name.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn attach_raw_tracepoint(&self, name: &CStr) -> Result<Link, BpfError> {
        self.open(Some(name))
    }

    /// Attaches a program whose kind says where.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn attach(&self) -> Result<Link, BpfError> {
        self.open(None)
    }

    fn open(&self, name: Option<&CStr>) -> Result<Link, BpfError> {
        let link = sys::raw_tracepoint(self.fd.as_fd(), name).map_err(refused(ATTACH))?;
        Ok(Link { _link: link, _event: None })
    }

    /// Attaches a program of the kind [`ProgramKind::Tracepoint`] to the tracepoint of that id
    /// (the file `id` of its folder in tracefs). It then runs for every task, and decides for
    /// every perf event there.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn attach_tracepoint(&self, id: u64) -> Result<Link, BpfError> {
        const PERF_EVENT: u32 = 41;
        let event = sys::open_tracepoint(id).map_err(refused(Action::OpenTracepoint))?;
        let link = sys::link_create(self.fd.as_fd(), event.as_fd(), PERF_EVENT);
        Ok(Link { _link: link.map_err(refused(ATTACH))?, _event: Some(event) })
    }
}

const ATTACH: Action = Action::Attach;

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A program at its place. Dropping this takes it away.
#[derive(Debug)]
pub struct Link {
    _link: OwnedFd,
    _event: Option<OwnedFd>,
}

/// The kernel takes descriptors by their place from memory: none beyond those that are there.
fn check_places(insns: &[Insn], maps: usize) -> Result<(), Refusal> {
    let invalid = |log: String| Refusal { error: refused(Action::Accept)(libc::EINVAL), log };
    let program = well_formed(insns).map_err(|error| invalid(error.to_string()))?;
    for op in program.ops() {
        let place = if let Op::Address(_, Symbol::MapIndex(at) | Symbol::MapIndexValue(at, _)) = op
        {
            *at
        } else if let Op::Call(Callee::Kernel(_, module)) = op
            && *module != 0
        {
            // Modules are in the same list, which has maps only.
            return Err(invalid("the program calls a function of a module".to_owned()));
        } else {
            continue;
        };
        if usize::try_from(place).ok().is_none_or(|at| at >= maps) {
            return Err(invalid(format!("the program names map {place}, and there are {maps}")));
        }
    }
    Ok(())
}

fn attr(spec: &ProgramSpec<'_>) -> Attr {
    let (kind, flags, attach_type, btf_id) = spec.kind.numbers();
    let attr = Attr::new().u32(0, kind).u32(44, flags).name(48, spec.name);
    attr.u32(68, attach_type).u32(108, btf_id)
}

fn length_of(log: &[u8]) -> u32 {
    u32::try_from(log.len()).unwrap_or(u32::MAX)
}

/// The log up to its NUL.
fn text_of(log: &[u8]) -> String {
    let text = log.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}
