//! How calls use their path arguments.

use rustix::fs::{AtFlags, OFlags};
use rustix::io::Errno;

use crate::view::memory::{Memory, bytes};
use crate::view::path::Manner;

/// The structure of `openat2`, as far as it is known here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct How {
    /// `O_…`
    pub flags: u64,
    /// The mode of a new file.
    pub mode: u64,
    /// `RESOLVE_…`
    pub resolve: u64,
}

/// Bytes of the first form of the structure, which all kernels take.
const HOW_SIZE: usize = 24;
/// Most bytes of it: a page.
const HOW_MAX: u64 = 4096;

impl How {
    /// Reads the structure.
    ///
    /// # Errors
    /// As the kernel: [`Errno::INVAL`] for one that is too short, [`Errno::TOOBIG`] for one with
    /// parts that are not known here, [`Errno::FAULT`].
    pub fn read(memory: &impl Memory, address: u64, size: u64) -> Result<Self, Errno> {
        let length = usize::try_from(size).map_err(|_| Errno::TOOBIG)?;
        if length < HOW_SIZE {
            return Err(Errno::INVAL);
        }
        if size > HOW_MAX {
            return Err(Errno::TOOBIG);
        }
        let all = bytes(memory, address, length)?;
        let (known, more) = all.split_at(HOW_SIZE);
        if more.iter().any(|byte| *byte != 0) {
            return Err(Errno::TOOBIG);
        }
        let mut words = known.as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word));
        let mut next = || words.next().unwrap_or_default();
        Ok(Self { flags: next(), mode: next(), resolve: next() })
    }

    /// What the older calls say in registers.
    #[must_use]
    pub const fn of_registers(flags: u64, mode: u64) -> Self {
        // An `int`, and a `umode_t`.
        Self { flags: flags & 0xffff_ffff, mode: mode & 0o7777, resolve: 0 }
    }

    /// The flags that matter here.
    #[must_use]
    pub fn oflags(&self) -> OFlags {
        OFlags::from_bits_retain(u32::try_from(self.flags & 0xffff_ffff).unwrap_or_default())
    }

    /// How the path is to be understood.
    #[must_use]
    pub fn manner(&self) -> Manner {
        let flags = self.oflags();
        let create = flags.contains(OFlags::CREATE) && !flags.contains(OFlags::PATH);
        let fresh = create && flags.contains(OFlags::EXCL);
        Manner { follow: !flags.contains(OFlags::NOFOLLOW) && !fresh, empty: false, entry: create }
    }
}

/// How a call that does not open uses the path in an argument, by what its registers say.
#[must_use]
pub fn manner(call: &str, argument: u8, args: &[u64; 6]) -> Manner {
    let [_, _, _, three, four, _] = *args;
    let at = |flags: u64, bit: AtFlags| {
        let flags = AtFlags::from_bits_retain(u32::try_from(flags & 0xffff_ffff).unwrap_or(0));
        flags.contains(bit)
    };
    let by_nofollow = |flags| Manner {
        follow: !at(flags, AtFlags::SYMLINK_NOFOLLOW),
        empty: at(flags, AtFlags::EMPTY_PATH),
        entry: false,
    };
    match (call, argument) {
        ("unlink" | "rmdir" | "mkdir" | "mknod" | "rename", _)
        | ("unlinkat" | "mkdirat" | "mknodat" | "renameat" | "renameat2", _)
        | ("symlink" | "link", 1)
        | ("symlinkat", 2)
        | ("linkat", 3) => Manner::ENTRY,
        ("link", _) | ("lchown" | "lchown32" | "readlink" | "lstat" | "lstat64", _) => Manner::LINK,
        ("linkat", _) => Manner {
            follow: at(four, AtFlags::SYMLINK_FOLLOW),
            empty: at(four, AtFlags::EMPTY_PATH),
            entry: false,
        },
        ("lsetxattr" | "lgetxattr" | "llistxattr" | "lremovexattr", _) => Manner::LINK,
        ("readlinkat", _) => Manner { empty: true, ..Manner::LINK },
        ("fchmodat2" | "newfstatat" | "fstatat64" | "faccessat2" | "utimensat", _) => {
            by_nofollow(three)
        }
        ("fchownat" | "execveat", _) => by_nofollow(four),
        ("statx", _) => by_nofollow(args[2]),
        _ => Manner::OBJECT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn making_a_file_wants_its_entry() {
        let manner = |flags: OFlags| How::of_registers(flags.bits().into(), 0).manner();
        assert_eq!(manner(OFlags::RDONLY), Manner::OBJECT);
        assert_eq!(manner(OFlags::NOFOLLOW), Manner::LINK);
        let follow = Manner { follow: true, ..Manner::ENTRY };
        assert_eq!(manner(OFlags::CREATE), follow);
        assert_eq!(manner(OFlags::CREATE | OFlags::EXCL), Manner::ENTRY);
        assert_eq!(manner(OFlags::CREATE | OFlags::PATH), Manner::OBJECT);
    }

    #[test]
    fn flags_in_registers_say_whether_links_are_followed() {
        let args = |four: u64| [0, 0, 0, 0, four | 0xffff_0000_0000_0000, 0];
        assert_eq!(manner("linkat", 1, &args(0)), Manner::LINK);
        assert_eq!(manner("linkat", 1, &args(0x400)), Manner::OBJECT);
        assert_eq!(manner("linkat", 3, &args(0x400)), Manner::ENTRY);
        assert_eq!(manner("fchownat", 1, &args(0x100)), Manner::LINK);
        assert!(manner("fchownat", 1, &args(0x1000)).empty);
        assert_eq!(manner("chmod", 0, &args(0x100)), Manner::OBJECT);
    }
}
