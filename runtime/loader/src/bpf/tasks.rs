//! Which tasks programs are about: the map `tasks` has a value for each that is watched, whose
//! key is a descriptor of the task.
//!
//! Of control groups of the second version, those that come to be in them later are watched, too
//! ([`super::join`]).
//!
//! Programs that are attached hand the value on to children. So tasks are chosen after that,
//! again and again until there are none that were not seen before: whoever has a child meanwhile
//! is either watched, and so is the child, or is seen with it the next time.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use filterc_ebpf::{MapSpec, audit};

use super::error::ModuleLoadError;
use super::load::Loaded;
use super::map::{Map, Update};
use super::program::{Link, Log, Program, ProgramKind, ProgramSpec};
use super::{join, sys};

/// Rounds after which tasks that only come and go are left alone.
const MAX_ROUNDS: usize = 64;

/// A process, as long as this is held: its number is not given to another.
#[derive(Debug)]
pub struct Process {
    fd: OwnedFd,
    id: u32,
}

impl Process {
    /// The process of that number.
    ///
    /// # Errors
    /// If there is none.
    pub fn open(id: u32) -> Result<Self, ModuleLoadError> {
        let fd = sys::pidfd_open(id, false);
        let fd = fd.map_err(|errno| ModuleLoadError::NoTask { id, errno })?;
        Ok(Self { fd, id })
    }

    /// Its number.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }
}

impl AsFd for Process {
    /// Readable when the process has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Loaded {
    /// Has all threads of a process watched, and their children from now on; `flags` says what of
    /// them is told ([`filterc_ebpf::audit`]).
    ///
    /// # Errors
    /// If the module watches no tasks, there is no such process, or the kernel refuses.
    pub fn watch(&self, process: &Process, flags: u64) -> Result<(), ModuleLoadError> {
        let threads = format!("/proc/{}/task", process.id);
        let list = || -> io::Result<Vec<u32>> {
            let names = fs::read_dir(&threads)?.map(|entry| Ok(entry?.file_name()));
            let names: io::Result<Vec<_>> = names.collect();
            Ok(names?.iter().filter_map(|name| name.to_str()?.parse().ok()).collect())
        };
        let seen = self.watch_all(flags, list).map_err(|error| match error {
            Failed::List(error) => {
                let errno = error.raw_os_error().unwrap_or(libc::ESRCH);
                ModuleLoadError::NoTask { id: process.id, errno }
            }
            Failed::Load(error) => error,
        })?;
        if seen == 0 {
            return Err(ModuleLoadError::NoTask { id: process.id, errno: libc::ESRCH });
        }
        Ok(())
    }

    /// The same of all tasks that are in a control group, or one below it, now: a folder of the
    /// kernel's file system of them. Returns how many there are.
    ///
    /// # Errors
    /// As there; the folder cannot be read.
    pub fn watch_cgroup(&self, folder: &Path, flags: u64) -> Result<usize, CgroupError> {
        let list = || {
            let mut threads = Vec::new();
            threads_below(folder, &mut threads)?;
            Ok(threads)
        };
        self.watch_all(flags, list).map_err(|error| match error {
            Failed::List(error) => CgroupError::Read(error),
            Failed::Load(error) => CgroupError::Load(error),
        })
    }

    /// Has tasks watched that come to be in these control groups, or in some below them, later:
    /// from the first call on that they make there. To be called before the module is attached, so
    /// that this very call is told.
    ///
    /// # Errors
    /// As [`Loaded::watch`]; a folder cannot be opened, or is of the first version of control
    /// groups ([`CgroupError::FirstVersion`]), of which the kernel tells programs nothing.
    pub fn watch_joining(&self, folders: &[PathBuf], flags: u64) -> Result<Groups, CgroupError> {
        let load = |what: &str, error| {
            CgroupError::Load(ModuleLoadError::Bpf { what: format!("map `{what}`"), error })
        };
        let fits = folders.len() <= join::MAX_GROUPS;
        let count = u32::try_from(folders.len()).ok().filter(|_| fits);
        let count = count.ok_or(CgroupError::TooMany)?;
        let [groups, joined] = join::maps(count);
        let make = |(name, spec): (&str, MapSpec)| {
            Map::create(spec, name).map_err(|error| load(name, error))
        };
        let (group_map, joined_map) = (make(groups)?, make(joined)?);
        let update =
            |map: &Map, key: u32, value: &[u8]| map.update(&key.to_ne_bytes(), value, Update::Any);
        update(&joined_map, 0, &flags.to_ne_bytes()).map_err(|error| load("joined", error))?;
        for (number, folder) in (0..count).zip(folders) {
            let opened = File::open(folder).map_err(CgroupError::Read)?;
            let added = update(&group_map, number, &opened.as_raw_fd().to_ne_bytes());
            added.map_err(|error| match error.errno {
                libc::EBADF | libc::EINVAL | libc::ENOENT => CgroupError::FirstVersion,
                _ => load("groups", error),
            })?;
        }
        let tasks = self.tasks().map_err(CgroupError::Load)?;
        let maps = [tasks, &group_map, &joined_map];
        let kind = ProgramKind::RawTracepoint;
        let spec =
            ProgramSpec { kind, name: "join", license: c"GPL", log: Log::Refusals, maps: &maps };
        let insns = join::program(count).unwrap_or_default();
        let of = |error| {
            CgroupError::Load(ModuleLoadError::Bpf { what: "program `join`".to_owned(), error })
        };
        let program = Program::load(&insns, &spec).map_err(|refusal| of(refusal.error))?;
        let link = program.attach_raw_tracepoint(c"sys_enter").map_err(of)?;
        Ok(Groups { _link: link })
    }

    fn watch_all(
        &self,
        flags: u64,
        list: impl Fn() -> io::Result<Vec<u32>>,
    ) -> Result<usize, Failed> {
        let tasks = self.tasks().map_err(Failed::Load)?;
        let mut seen = BTreeSet::new();
        for _ in 0..MAX_ROUNDS {
            let before = seen.len();
            for id in list().map_err(Failed::List)? {
                if !seen.contains(&id) && mark(tasks, id, flags).map_err(Failed::Load)? {
                    seen.insert(id);
                }
            }
            if seen.len() == before {
                break;
            }
        }
        Ok(seen.len())
    }

    fn tasks(&self) -> Result<&Map, ModuleLoadError> {
        let (name, spec) = audit::MAPS.get(audit::TASKS).ok_or(ModuleLoadError::NoTaskMap)?;
        self.map(name).filter(|map| map.spec() == spec).ok_or(ModuleLoadError::NoTaskMap)
    }
}

/// Control groups whose tasks become watched. Dropping this ends that; those that are watched
/// stay so.
#[derive(Debug)]
pub struct Groups {
    _link: Link,
}

/// Why tasks could not be watched.
enum Failed {
    List(io::Error),
    Load(ModuleLoadError),
}

/// Why the tasks of a control group could not be watched.
#[derive(Debug)]
pub enum CgroupError {
    /// The folder cannot be read.
    Read(io::Error),
    /// There are more than [`join::MAX_GROUPS`].
    TooMany,
    /// The group is one of the first version.
    FirstVersion,
    /// The tasks cannot be watched.
    Load(ModuleLoadError),
}

/// Gives a task its value; whether it was still there.
fn mark(tasks: &Map, id: u32, flags: u64) -> Result<bool, ModuleLoadError> {
    let Ok(task) = sys::pidfd_open(id, true) else { return Ok(false) };
    match tasks.update(&task.as_raw_fd().to_ne_bytes(), &flags.to_ne_bytes(), Update::Any) {
        Ok(()) => Ok(true),
        Err(error) if error.errno == libc::ESRCH => Ok(false),
        Err(error) => Err(ModuleLoadError::Bpf { what: "map `tasks`".to_owned(), error }),
    }
}

/// The threads of a control group and of those below it. The first version of control groups has
/// them in `tasks`, the second in `cgroup.threads`.
fn threads_below(folder: &Path, threads: &mut Vec<u32>) -> io::Result<()> {
    let text = match fs::read_to_string(folder.join("cgroup.threads")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::read_to_string(folder.join("tasks"))?
        }
        other => other?,
    };
    threads.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            match threads_below(&entry.path(), threads) {
                // A group that has gone meanwhile has no tasks.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other?,
            }
        }
    }
    Ok(())
}
