//! Opening.

use std::ffi::CString;
use std::os::fd::OwnedFd;

use rustix::fs::{
    CWD, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, major, minor, openat, openat2,
};
use rustix::io::Errno;
use rustix::process::umask;

use super::outcome::{Failure, Outcome};
use crate::caller::Caller;
use crate::calls::How;
use crate::view::path::{Found, own_link};
use crate::view::task::terminal;

/// `/dev/tty`: the terminal of whoever opens it.
const OWN_TERMINAL: (u32, u32) = (5, 0);

pub(super) fn open(
    caller: &mut Caller<'_>,
    argument: u8,
    folder: Option<u8>,
) -> Result<Outcome, Failure> {
    let how = caller.how()?;
    let flags = how.oflags();
    if how.flags > u64::from(u32::MAX) {
        return Err(Errno::INVAL.into());
    }
    let close_on_exec = flags.contains(OFlags::CLOEXEC);
    let found = caller.take_path(argument, folder)?.found?;
    if let Some(object) = &found.object {
        device(caller.tid, &fstat(object)?)?;
    }
    let makes = flags.intersects(OFlags::CREATE | OFlags::TMPFILE);
    let opening = Opening {
        strict: caller.name == "openat2",
        mask: if makes { caller.status()?.umask } else { 0 },
        how,
    };
    let before = makes.then(|| umask(Mode::from_raw_mode(opening.mask)));
    let fd = caller.as_task(|| opening.open(found));
    if let Some(before) = before {
        umask(before);
    }
    let fd = fd??;
    Ok(Outcome::Descriptor { fd, close_on_exec })
}

/// Refuses what would be another thing if the task itself opened it.
fn device(tid: u32, stat: &Stat) -> Result<(), Errno> {
    let number = (major(stat.st_rdev), minor(stat.st_rdev));
    if FileType::from_raw_mode(stat.st_mode) != FileType::CharacterDevice || number != OWN_TERMINAL
    {
        return Ok(());
    }
    let (ours, theirs) = (terminal(std::process::id())?, terminal(tid)?);
    // As for one that has no terminal.
    if ours == theirs && ours != 0 { Ok(()) } else { Err(Errno::NXIO) }
}

struct Opening {
    how: How,
    mask: u32,
    /// Whether unknown flags are errors.
    strict: bool,
}

impl Opening {
    fn open(&self, found: Found) -> Result<OwnedFd, Failure> {
        let flags = self.how.oflags();
        if flags.contains(OFlags::PATH) {
            return Ok(self.path_only(found)?);
        }
        let create = flags.contains(OFlags::CREATE);
        match found.entry {
            // To make a file, the folder and the name in it are what was judged: whatever has the
            // name when it is opened has the path, unless it is a link.
            Some(_) if create && found.folder => Err(Errno::ISDIR.into()),
            Some((parent, name)) if create => self.create(&parent, &name),
            Some(_) | None => {
                let object = found.object.ok_or(Errno::NOENT)?;
                // A link that is not followed. Its own link under /proc would be opened else.
                if is_link(&object)? {
                    return Err(Errno::LOOP.into());
                }
                Ok(self.kernel(CWD, own_link(&object).as_str(), flags - OFlags::NOFOLLOW)?)
            }
        }
    }

    fn create(&self, parent: &OwnedFd, name: &CString) -> Result<OwnedFd, Failure> {
        let flags = self.how.oflags();
        match self.kernel(parent, name.as_c_str(), flags | OFlags::NOFOLLOW) {
            Err(Errno::LOOP) if self.how.manner().follow => Err(Failure::Changed),
            result => Ok(result?),
        }
    }

    /// `O_PATH`: what the walk has opened is what is wanted.
    fn path_only(&self, found: Found) -> Result<OwnedFd, Errno> {
        let object = found.object.ok_or(Errno::NOENT)?;
        let kind = FileType::from_raw_mode(fstat(&object)?.st_mode);
        let folder = self.how.oflags().contains(OFlags::DIRECTORY);
        if folder && kind != FileType::Directory { Err(Errno::NOTDIR) } else { Ok(object) }
    }

    fn kernel<P: rustix::path::Arg>(
        &self,
        at: impl std::os::fd::AsFd,
        path: P,
        flags: OFlags,
    ) -> Result<OwnedFd, Errno> {
        // Of two processes that open a terminal it is not the monitor that it becomes the terminal
        // of; and nothing that is started here has what is opened.
        let flags = flags | OFlags::NOCTTY | OFlags::CLOEXEC;
        let mode = Mode::from_bits_retain(u32::try_from(self.how.mode).unwrap_or(u32::MAX));
        if self.strict {
            openat2(at, path, flags, mode, ResolveFlags::empty())
        } else {
            openat(at, path, flags, mode)
        }
    }
}

fn is_link(object: &OwnedFd) -> Result<bool, Errno> {
    Ok(FileType::from_raw_mode(fstat(object)?.st_mode) == FileType::Symlink)
}
