//! `filterc run --strict`: a command that may read, write and end, and nothing else.
//!
//! The kernel's strict mode cannot be kept over the `execve` that starts a command, so a filter says
//! the same. It lets one more call through: that `execve`, known by the address of the instruction
//! that makes it and by the addresses of its three arguments, all of which the kernel chose at random
//! when filterc was started. A command that could guess them could start another program, under the
//! same filter.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use clap::ValueEnum;
use filterc::{Compiled, Options, Source, compile};
use filterc_loader::Exec;
use filterc_monitor::ptrace::codes;

use super::running::coded;
use crate::console::Failure;

/// What a command may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Strict {
    /// `read`, `write`, `exit`, `exit_group` and `rt_sigreturn`: for programs without a C library,
    /// which make no other call from their first instruction on
    Bare,
    /// And what a statically linked C program does before `main` and to get memory, which concerns
    /// itself alone
    Static,
}

/// What every command may do.
const BARE: &str = "default kill_process\nunknown kill_process\nforeign kill_process\n\
    allow read, write, exit, exit_group, rt_sigreturn\n";

/// What the start of a C program does to its own memory and thread; what it asks about the world is
/// answered as if there were nothing.
const STATIC: &str = "\
    allow brk, munmap, set_tid_address, set_robust_list, rseq, getrandom\n\
    allow mmap if flags & MAP_ANONYMOUS != 0 && prot & PROT_EXEC == 0\n\
    allow mprotect if prot & PROT_EXEC == 0\n\
    allow prlimit64 if new_rlim == 0 && pid == 0\n\
    errno(ENOENT) readlink, readlinkat\n\
    errno(EBADF) fstat, newfstatat\n\
    errno(ENOTTY) ioctl\n";

/// The policy, for this command on this machine.
pub(super) fn policy(strict: Strict, exec: &Exec) -> Result<Compiled, Failure> {
    if !is_static(exec.path()) {
        let text = format!(
            "{}: no program that is linked statically: an interpreter or a dynamic loader would \
             have to open files",
            exec.path().display()
        );
        return Err(coded(codes::NOT_STATIC, text));
    }
    let host = filterc_abi::host();
    let (Some(host), Some(call)) = (host, exec.seccomp_data()) else {
        let why =
            "`--strict` does not work on this machine: it is not known where `execve` is made";
        return Err(Failure::Environment(why.to_owned()));
    };
    let [path, argv, envp, ..] = call.args;
    let mut text = format!("arch {}\n{BARE}", host.name);
    if strict == Strict::Static {
        text.push_str(STATIC);
        if host.syscall("arch_prctl").is_some() {
            text.push_str("allow arch_prctl if option == ARCH_SET_FS\nerrno(EINVAL) arch_prctl\n");
        }
    }
    text.push_str(&format!(
        "allow execve if instruction_pointer == {:#x} && args[0] == {path:#x} \
         && args[1] == {argv:#x} && args[2] == {envp:#x}\n",
        call.instruction_pointer
    ));
    Ok(compile(&Source::text("<strict>", text), &Options::default())?)
}

/// The type of a program header that names a dynamic loader.
const PT_INTERP: u32 = 3;

/// Most bytes before the end of a program's headers.
const HEAD: u64 = 1 << 16;

/// Whether a file is a 64-bit program of this machine's byte order that names no loader.
fn is_static(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    read.is_ok() && names_no_loader(&head).unwrap_or(false)
}

fn names_no_loader(head: &[u8]) -> Option<bool> {
    if !head.starts_with(b"\x7fELF\x02") {
        return Some(false);
    }
    let half = |at: usize| Some(u16::from_ne_bytes(*head.get(at..)?.first_chunk()?));
    let offset = u64::from_ne_bytes(*head.get(32..)?.first_chunk()?);
    let (size, count) = (usize::from(half(54)?), usize::from(half(56)?));
    let headers = head.get(usize::try_from(offset).ok()?..)?.get(..size.checked_mul(count)?)?;
    let mut headers = headers.chunks_exact(size.max(1));
    Some(headers.all(|header| {
        header.first_chunk().is_some_and(|kind| u32::from_ne_bytes(*kind) != PT_INTERP)
    }))
}
