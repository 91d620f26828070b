//! Which arguments of calls lead to objects by memory: paths with the folders that they begin at,
//! and socket addresses with their lengths.
//!
//! Curated by hand, by the names that the tables have for arguments, which are the same on every
//! ABI. A path is listed if the kernel looks it up as the caller would: `symlink`'s first text is
//! what the link will say, and is not looked up. Sources: `fs/open.c`, `fs/namei.c`, `fs/stat.c`,
//! `fs/exec.c`, `fs/utimes.c`, `fs/xattr.c`, `fs/namespace.c`, `fs/statfs.c`, `fs/fhandle.c`,
//! `fs/file_attr.c`, `fs/fsopen.c`, `fs/notify`, `kernel/acct.c`, `mm/swapfile.c` for paths;
//! `net/socket.c` for addresses.

use crate::{ArgKind, Regs, Syscall};

/// A path among the arguments of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    /// The calls, sorted.
    calls: &'static [&'static str],
    /// The argument that points to the path.
    path: &'static str,
    /// The argument with the folder that it begins at, or `""`: the caller's own.
    folder: &'static str,
}

const fn row(calls: &'static [&'static str], path: &'static str, folder: &'static str) -> Row {
    Row { calls, path, folder }
}

const PATHS: &[Row] = &[
    row(
        &[
            "faccessat",
            "faccessat2",
            "fchmodat",
            "fchmodat2",
            "fchownat",
            "file_getattr",
            "file_setattr",
            "fstatat64",
            "futimesat",
            "mknodat",
            "newfstatat",
            "open_tree",
            "open_tree_attr",
            "openat",
            "openat2",
            "statx",
            "utimensat",
            "utimensat_time64",
        ],
        "filename",
        "dfd",
    ),
    row(
        &[
            "access", "chdir", "chmod", "chown", "chown32", "chroot", "execve", "lchown",
            "lchown32", "lstat", "lstat64", "mknod", "oldlstat", "oldstat", "open", "stat",
            "stat64", "utime", "utimes",
        ],
        "filename",
        "",
    ),
    row(&["execveat"], "filename", "fd"),
    row(
        &[
            "fanotify_mark",
            "getxattrat",
            "listxattrat",
            "mkdirat",
            "readlinkat",
            "removexattrat",
            "setxattrat",
            "unlinkat",
        ],
        "pathname",
        "dfd",
    ),
    row(
        &[
            "creat",
            "getxattr",
            "inotify_add_watch",
            "lgetxattr",
            "listxattr",
            "llistxattr",
            "lremovexattr",
            "lsetxattr",
            "mkdir",
            "removexattr",
            "rmdir",
            "setxattr",
            "statfs",
            "statfs64",
            "unlink",
        ],
        "pathname",
        "",
    ),
    row(&["link", "rename"], "oldname", ""),
    row(&["link", "rename", "symlink"], "newname", ""),
    row(&["linkat", "renameat", "renameat2"], "oldname", "olddfd"),
    row(&["linkat", "renameat", "renameat2", "symlinkat"], "newname", "newdfd"),
    row(&["readlink", "truncate", "truncate64"], "path", ""),
    row(&["fspick", "mount_setattr"], "path", "dfd"),
    row(&["move_mount"], "from_pathname", "from_dfd"),
    row(&["move_mount"], "to_pathname", "to_dfd"),
    row(&["name_to_handle_at"], "name", "dfd"),
    row(&["acct", "umount", "umount2"], "name", ""),
    row(&["swapoff", "swapon"], "specialfile", ""),
    row(&["mount"], "dir_name", ""),
    row(&["pivot_root"], "new_root", ""),
    row(&["pivot_root"], "put_old", ""),
    row(&["uselib"], "library", ""),
];

/// Socket addresses: call, argument that points to one, argument with its length.
const ADDRESSES: &[(&str, &str, &str)] = &[
    ("bind", "umyaddr", "addrlen"),
    ("connect", "uservaddr", "addrlen"),
    ("sendto", "addr", "addr_len"),
];

/// Vectors of words: call, argument that points to one.
const WORDS: &[(&str, &str)] = &[("execve", "argv"), ("execveat", "argv")];

/// A path that a call is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PathArgument {
    /// The name of the argument that points to it.
    pub name: &'static str,
    /// The register that points to it.
    pub path: u8,
    /// The register with the folder that it begins at; `None`: the caller's own.
    pub folder: Option<u8>,
}

/// The registers of a socket address that a call is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressArgument {
    /// What points to it.
    pub address: u8,
    /// Its length.
    pub length: u8,
}

impl Syscall {
    /// The paths that it looks up, in the order of its registers.
    #[must_use]
    pub fn paths(&self) -> Vec<PathArgument> {
        let rows = PATHS.iter().filter(|row| row.calls.contains(&self.name));
        let mut paths: Vec<PathArgument> = rows.filter_map(|row| self.path_of(row)).collect();
        paths.sort_by_key(|path| path.path);
        paths
    }

    fn path_of(&self, row: &Row) -> Option<PathArgument> {
        let folder = match row.folder {
            "" => None,
            name => Some(self.register(name)?),
        };
        Some(PathArgument { name: row.path, path: self.register(row.path)?, folder })
    }

    /// The socket address that it reads.
    #[must_use]
    pub fn address(&self) -> Option<AddressArgument> {
        let (_, address, length) = ADDRESSES.iter().find(|(call, ..)| *call == self.name)?;
        Some(AddressArgument { address: self.register(address)?, length: self.register(length)? })
    }

    /// The register that points to the words of a command.
    #[must_use]
    pub fn words(&self) -> Option<u8> {
        let (_, words) = WORDS.iter().find(|(call, _)| *call == self.name)?;
        self.register(words)
    }

    /// The register that an argument fills, or is the low part of.
    #[must_use]
    pub fn register(&self, name: &str) -> Option<u8> {
        match self.arg(name)?.regs {
            Regs::One(register) => Some(register),
            Regs::Pair { .. } | Regs::Invisible => None,
        }
    }

    /// The register of an argument that is a descriptor.
    #[must_use]
    pub fn descriptor(&self, name: &str) -> Option<u8> {
        self.arg(name).filter(|arg| arg.kind == ArgKind::Fd)?;
        self.register(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The call of that name on every ABI that has it, and not only as a number.
    fn calls(name: &str) -> Vec<&'static Syscall> {
        let abis = crate::abis().iter().filter_map(|abi| abi.syscall(name));
        let is_visible = |call: &&Syscall| {
            !call.args.is_empty() && call.args.iter().all(|arg| arg.regs != Regs::Invisible)
        };
        abis.filter(is_visible).collect()
    }

    #[test]
    fn arguments_are_those_of_the_tables() {
        for row in PATHS {
            assert!(row.calls.is_sorted_by(|a, b| a < b), "{row:?}");
            for name in row.calls {
                let calls = calls(name);
                assert!(!calls.is_empty(), "{name}");
                for call in calls {
                    let arg = call.arg(row.path).unwrap_or_else(|| panic!("{name} {row:?}"));
                    assert_eq!(arg.kind, ArgKind::Pointer, "{name}");
                    assert!(call.path_of(row).is_some(), "{name} {row:?}");
                    let is_fd = call.descriptor(row.folder).is_some();
                    assert!(row.folder.is_empty() || is_fd, "{name}");
                }
            }
        }
        for (name, ..) in ADDRESSES {
            assert!(calls(name).iter().all(|call| call.address().is_some()), "{name}");
        }
        for (name, _) in WORDS {
            assert!(calls(name).iter().all(|call| call.words().is_some()), "{name}");
        }
    }

    /// Whatever the tables name like a path beside a folder is one that this list has.
    #[test]
    fn no_path_beside_a_folder_is_missing() {
        for abi in crate::abis() {
            for call in abi.syscalls() {
                let mut args = call.args.windows(2);
                let beside = args.any(|pair| {
                    let [folder, path] = pair else { return false };
                    folder.set == Some("at_dirfd")
                        && path.kind == ArgKind::Pointer
                        && path.regs != Regs::Invisible
                });
                // What `open_by_handle_at` is given is no path.
                let is_path = beside && call.name != "open_by_handle_at";
                assert!(!is_path || !call.paths().is_empty(), "{} {}", abi.name, call.name);
            }
        }
    }

    #[test]
    fn both_paths_of_a_renaming() {
        let call = crate::x86_64().syscall("renameat2").unwrap();
        let paths: Vec<_> = call.paths().iter().map(|path| (path.path, path.folder)).collect();
        assert_eq!(paths, [(1, Some(0)), (3, Some(2))]);
    }
}
