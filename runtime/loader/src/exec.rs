//! Starting a command under a filter: everything but the one `execve` is done beforehand.
//!
//! The search along `PATH` happens in [`Exec::prepare`], before a filter is in force, and
//! [`Exec::exec`] makes exactly one system call. That call is governed by the filter, so
//! [`Exec::seccomp_data`] tells what it will look like, down to the pointers, and the
//! policy can be asked about it while there is still somebody to report to.
//!
//! Unlike `execvp`, a script without a `#!` line is not handed to a shell: that would be a
//! second `execve`.
#![expect(unsafe_code, reason = "execve with vectors of pointers")]

use std::ffi::{CString, OsStr, OsString, c_char};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::{env, io};

use filterc_abi::SeccompData;

use crate::entry::{self, Regs};
use crate::error::LoadError;
use crate::sys;

/// A command that is ready to be started.
#[derive(Debug)]
pub struct Exec {
    path: CString,
    // The vectors point into these.
    _arguments: Vec<CString>,
    _environment: Vec<CString>,
    argv: Vec<*const c_char>,
    envp: Vec<*const c_char>,
}

/// Where commands are looked for when `PATH` is not set, as in libc.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

impl Exec {
    /// Looks a command up along this process's `PATH`, and prepares it to run in this
    /// process's environment. The first element is its name, all of them are its `argv`.
    ///
    /// # Errors
    /// When there is no such command, or it cannot be executed.
    pub fn prepare(command: &[CString]) -> Result<Self, LoadError> {
        let environment = env::vars_os().filter_map(|(name, value)| variable(&name, &value));
        let path = env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
        Self::prepare_in(command, &path, environment.collect())
    }

    /// [`Exec::prepare`] with a `PATH` and an environment of the caller's.
    ///
    /// # Errors
    /// When there is no such command, or it cannot be executed.
    pub fn prepare_in(
        command: &[CString],
        path: &OsStr,
        environment: Vec<CString>,
    ) -> Result<Self, LoadError> {
        let name = command.first().cloned().unwrap_or_default();
        let arguments = command.to_vec();
        Ok(Self {
            path: search(OsStr::from_bytes(name.as_bytes()), path)?,
            argv: vector(&arguments),
            envp: vector(&environment),
            _arguments: arguments,
            _environment: environment,
        })
    }

    /// The file that will be executed.
    #[must_use]
    pub fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(self.path.as_bytes()))
    }

    /// The call that [`Exec::exec`] will make, as a filter will see it; `None` on machines
    /// without tables, or where the address of the instruction is not known.
    #[must_use]
    pub fn seccomp_data(&self) -> Option<SeccompData> {
        let [path, argv, envp] = self.pointers();
        Some(SeccompData {
            nr: i32::try_from(libc::SYS_execve).ok()?,
            arch: filterc_abi::host()?.audit_arch,
            instruction_pointer: entry::AVAILABLE.then(entry::native_instruction_pointer)?,
            args: [path, argv, envp, 0, 0, 0],
        })
    }

    /// Replaces this process by the command. Returns only where that failed.
    #[must_use]
    pub fn exec(&self) -> io::Error {
        let [path, argv, envp] = self.pointers();
        let nr = libc::SYS_execve.cast_unsigned();
        let regs = Regs { nr, args: [path, argv, envp, 0, 0, 0] };
        // SAFETY: the addresses are those of a string and of null-terminated vectors of
        // strings, all of which `self` holds.
        let result = unsafe { entry::enter_native(&regs) };
        io::Error::from_raw_os_error(i32::try_from(-result).unwrap_or(libc::EINVAL))
    }

    fn pointers(&self) -> [u64; 3] {
        let address = |pointer: *const *const c_char| pointer.expose_provenance() as u64;
        let path = self.path.as_ptr().expose_provenance() as u64;
        [path, address(self.argv.as_ptr()), address(self.envp.as_ptr())]
    }
}

/// A null-terminated vector of pointers to strings. It stays right when the strings' owner
/// moves, since they lie on the heap.
fn vector(strings: &[CString]) -> Vec<*const c_char> {
    let pointers = strings.iter().map(|string| string.as_ptr());
    let mut vector: Vec<_> = pointers.chain([std::ptr::null()]).collect();
    // Their addresses travel to the kernel as numbers.
    for pointer in &mut vector {
        let _exposed = pointer.expose_provenance();
    }
    vector
}

fn variable(name: &OsStr, value: &OsStr) -> Option<CString> {
    CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).ok()
}

/// The file to execute: the name itself if it has a slash, else the first executable file of
/// that name along `path`.
fn search(name: &OsStr, path: &OsStr) -> Result<CString, LoadError> {
    if name.as_bytes().contains(&b'/') {
        return executable(PathBuf::from(name));
    }
    let not_found = || LoadError::CommandNotFound { command: name.to_string_lossy().into_owned() };
    if name.is_empty() {
        return Err(not_found());
    }
    let mut refused = None;
    for directory in env::split_paths(path) {
        // An empty element means the current directory.
        let directory = if directory.as_os_str().is_empty() { ".".into() } else { directory };
        match executable(directory.join(name)) {
            Ok(file) => return Ok(file),
            Err(error @ LoadError::CommandNotExecutable { errno: libc::EACCES, .. }) => {
                refused.get_or_insert(error);
            }
            Err(_) => {}
        }
    }
    Err(refused.unwrap_or_else(not_found))
}

fn executable(path: PathBuf) -> Result<CString, LoadError> {
    let refused = |errno| LoadError::CommandNotExecutable { path: path.clone(), errno };
    let file = OsString::from(&path).into_vec();
    let file = CString::new(file).map_err(|_| refused(libc::EINVAL))?;
    sys::may_execute(&file).map_err(refused)?;
    if path.is_dir() { Err(refused(libc::EISDIR)) } else { Ok(file) }
}
