//! Making, removing and renaming entries of folders.

use std::ffi::CString;
use std::os::fd::OwnedFd;

use rustix::fs::{
    AtFlags, CWD, Mode, RenameFlags, linkat, mkdirat, renameat_with, symlinkat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::umask;

use super::outcome::{DONE, Failure, Outcome, low};
use crate::caller::Caller;
use crate::view::path::{Found, Last, own_link};

/// A folder, and a name in it.
struct Entry {
    folder: OwnedFd,
    name: CString,
}

/// What the kernel says where the last component is no name.
struct Unnamed {
    dot: Errno,
    dot_dot: Errno,
    root: Errno,
}

const UNLINK: Unnamed = Unnamed { dot: Errno::ISDIR, dot_dot: Errno::ISDIR, root: Errno::ISDIR };
const RMDIR: Unnamed = Unnamed { dot: Errno::INVAL, dot_dot: Errno::NOTEMPTY, root: Errno::BUSY };
const MAKE: Unnamed = Unnamed { dot: Errno::EXIST, dot_dot: Errno::EXIST, root: Errno::EXIST };
const RENAME: Unnamed = Unnamed { dot: Errno::BUSY, dot_dot: Errno::BUSY, root: Errno::BUSY };

impl Entry {
    fn of(found: Found, unnamed: &Unnamed) -> Result<Self, Errno> {
        let Some((folder, name)) = found.entry else {
            return Err(match found.last {
                Last::Dot => unnamed.dot,
                Last::DotDot => unnamed.dot_dot,
                Last::Object | Last::Name => unnamed.root,
            });
        };
        // These calls do not follow a link for the slash behind it; what they say to the slash is
        // the kernel's.
        let name = if found.folder {
            CString::new([name.as_bytes(), b"/"].concat()).map_err(|_| Errno::INVAL)?
        } else {
            name
        };
        Ok(Self { folder, name })
    }
}

/// Performs one of these calls.
pub(super) fn perform(caller: &mut Caller<'_>) -> Result<Outcome, Failure> {
    match caller.name {
        "unlink" => remove(caller, 0, None, AtFlags::empty()),
        "rmdir" => remove(caller, 0, None, AtFlags::REMOVEDIR),
        "unlinkat" => {
            let flags = AtFlags::from_bits_retain(low(caller.arg(2)));
            if !AtFlags::REMOVEDIR.contains(flags) {
                return Err(Errno::INVAL.into());
            }
            remove(caller, 1, Some(0), flags)
        }
        "mkdir" => make_folder(caller, 0, None, 1),
        "mkdirat" => make_folder(caller, 1, Some(0), 2),
        "rename" => rename(caller, (0, None), (1, None), 0),
        "renameat" => rename(caller, (1, Some(0)), (3, Some(2)), 0),
        "renameat2" => {
            let flags = low(caller.arg(4));
            rename(caller, (1, Some(0)), (3, Some(2)), flags)
        }
        "link" => link(caller, (0, None), (1, None)),
        "linkat" => {
            let known = AtFlags::SYMLINK_FOLLOW | AtFlags::EMPTY_PATH;
            if !known.contains(AtFlags::from_bits_retain(low(caller.arg(4)))) {
                return Err(Errno::INVAL.into());
            }
            link(caller, (1, Some(0)), (3, Some(2)))
        }
        "symlink" => symlink(caller, (1, None)),
        "symlinkat" => symlink(caller, (2, Some(1))),
        _ => Err(Errno::NOSYS.into()),
    }
}

/// An argument that is a path, and the one that it begins at.
type Path = (u8, Option<u8>);

fn entry(caller: &mut Caller<'_>, path: Path, unnamed: &Unnamed) -> Result<Entry, Errno> {
    Entry::of(caller.take_path(path.0, path.1)?.found?, unnamed)
}

fn remove(
    caller: &mut Caller<'_>,
    path: u8,
    folder: Option<u8>,
    flags: AtFlags,
) -> Result<Outcome, Failure> {
    let unnamed = if flags.is_empty() { &UNLINK } else { &RMDIR };
    let Entry { folder, name } = entry(caller, (path, folder), unnamed)?;
    caller.as_task(|| unlinkat(&folder, name.as_c_str(), flags))??;
    Ok(DONE)
}

fn make_folder(
    caller: &mut Caller<'_>,
    path: u8,
    folder: Option<u8>,
    mode: u8,
) -> Result<Outcome, Failure> {
    // A `umode_t`.
    let mode = Mode::from_bits_retain(low(caller.arg(mode)) & 0xffff);
    let Entry { folder, name } = entry(caller, (path, folder), &MAKE)?;
    masked(caller, || mkdirat(&folder, name.as_c_str(), mode))?;
    Ok(DONE)
}

fn rename(caller: &mut Caller<'_>, from: Path, to: Path, flags: u32) -> Result<Outcome, Failure> {
    let from = entry(caller, from, &RENAME)?;
    let to = entry(caller, to, &RENAME)?;
    let flags = RenameFlags::from_bits_retain(flags);
    caller.as_task(|| {
        let (old, new) = (from.name.as_c_str(), to.name.as_c_str());
        renameat_with(&from.folder, old, &to.folder, new, flags)
    })??;
    Ok(DONE)
}

fn link(caller: &mut Caller<'_>, from: Path, to: Path) -> Result<Outcome, Failure> {
    let from = caller.take_path(from.0, from.1)?.found?.object.ok_or(Errno::NOENT)?;
    let to = entry(caller, to, &MAKE)?;
    caller.as_task(|| {
        let name = to.name.as_c_str();
        linkat(CWD, own_link(&from), &to.folder, name, AtFlags::SYMLINK_FOLLOW)
    })??;
    Ok(DONE)
}

fn symlink(caller: &mut Caller<'_>, path: Path) -> Result<Outcome, Failure> {
    let text = CString::new(caller.text(0)?).map_err(|_| Errno::INVAL)?;
    if text.is_empty() {
        return Err(Errno::NOENT.into());
    }
    let Entry { folder, name } = entry(caller, path, &MAKE)?;
    caller.as_task(|| symlinkat(text.as_c_str(), &folder, name.as_c_str()))??;
    Ok(DONE)
}

/// Makes something with the task's umask.
pub(super) fn masked<T>(
    caller: &Caller<'_>,
    make: impl FnOnce() -> Result<T, Errno>,
) -> Result<T, Errno> {
    let before = umask(Mode::from_raw_mode(caller.status()?.umask));
    let result = caller.as_task(make);
    umask(before);
    result?
}
