//! Changing what a path names.

use std::os::fd::OwnedFd;

use filterc_abi::Pairs;
use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, Uid, chmodat, chownat, fstat, ftruncate, openat,
};
use rustix::io::Errno;

use super::outcome::{DONE, Failure, Outcome, low};
use crate::caller::Caller;
use crate::view::path::own_link;

/// Performs one of these calls.
pub(super) fn perform(caller: &mut Caller<'_>) -> Result<Outcome, Failure> {
    let known = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
    let check = |flags: u64| {
        let flags = AtFlags::from_bits_retain(low(flags));
        if known.contains(flags) { Ok(()) } else { Err(Errno::INVAL) }
    };
    match caller.name {
        "chmod" => change_mode(caller, 0, None),
        "fchmodat" => change_mode(caller, 1, Some(0)),
        "fchmodat2" => {
            check(caller.arg(3))?;
            change_mode(caller, 1, Some(0))
        }
        "chown" | "chown32" | "lchown" | "lchown32" => change_owner(caller, 0, None),
        "fchownat" => {
            check(caller.arg(4))?;
            change_owner(caller, 1, Some(0))
        }
        "truncate" | "truncate64" => truncate(caller),
        _ => Err(Errno::NOSYS.into()),
    }
}

fn object(caller: &mut Caller<'_>, path: u8, folder: Option<u8>) -> Result<OwnedFd, Errno> {
    caller.take_path(path, folder)?.found?.object.ok_or(Errno::NOENT)
}

fn change_mode(caller: &mut Caller<'_>, path: u8, folder: Option<u8>) -> Result<Outcome, Failure> {
    let mode = Mode::from_bits_retain(low(caller.arg(path + 1)) & 0o7777);
    let object = object(caller, path, folder)?;
    caller.as_task(|| chmodat(CWD, own_link(&object), mode, AtFlags::empty()))??;
    Ok(DONE)
}

fn change_owner(caller: &mut Caller<'_>, path: u8, folder: Option<u8>) -> Result<Outcome, Failure> {
    if !caller.has_same_users()? {
        return Err(Errno::PERM.into());
    }
    let short = caller.abi.syscall(caller.name).is_some_and(|call| call.entry.ends_with("16"));
    // All ones: it stays.
    let id = |register: u64| match (short, low(register)) {
        (true, id) => Some(id & 0xffff).filter(|id| *id != 0xffff),
        (false, id) => Some(id).filter(|id| *id != u32::MAX),
    };
    let user = id(caller.arg(path + 1)).map(Uid::from_raw);
    let group = id(caller.arg(path + 2)).map(Gid::from_raw);
    let object = object(caller, path, folder)?;
    caller.as_task(|| chownat(&object, c"", user, group, AtFlags::EMPTY_PATH))??;
    Ok(DONE)
}

fn truncate(caller: &mut Caller<'_>) -> Result<Outcome, Failure> {
    let length = length(caller)?;
    let object = object(caller, 0, None)?;
    match FileType::from_raw_mode(fstat(&object)?.st_mode) {
        FileType::RegularFile => {}
        FileType::Directory => return Err(Errno::ISDIR.into()),
        FileType::Symlink
        | FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => return Err(Errno::INVAL.into()),
    }
    let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
    let act = || ftruncate(openat(CWD, own_link(&object), flags, Mode::empty())?, length);
    caller.as_task(act)??;
    Ok(DONE)
}

/// The new length, which is signed.
fn length(caller: &Caller<'_>) -> Result<u64, Errno> {
    let [_, one, two, three, ..] = *caller.args();
    let length = match (caller.name, caller.abi.pairs) {
        ("truncate64", Pairs::Any) => one | two << 32,
        ("truncate64", Pairs::Even) => two | three << 32,
        _ if caller.abi.register == 32 => {
            return u64::try_from(low(one).cast_signed()).map_err(|_| Errno::INVAL);
        }
        _ => one,
    };
    if length.cast_signed() < 0 { Err(Errno::INVAL) } else { Ok(length) }
}
