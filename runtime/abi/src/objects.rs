//! Where the kernel shows security modules the object that a call names.
//!
//! Curated by hand. A hook is listed if its arguments have been the same since Linux 5.7, when
//! programs came to hooks, and a call with a hook if it comes there with each object that it opens,
//! makes, removes, names anew or looks at by a path. Sources: `include/linux/lsm_hook_defs.h` for
//! hooks and arguments; `fs/open.c` (`do_dentry_open`, which `fs/exec.c` opens programs with too),
//! `fs/namei.c` (`vfs_create`, `vfs_mkdir`, `vfs_mknod`, `vfs_symlink`, `vfs_link`, `vfs_unlink`,
//! `vfs_rmdir`, `vfs_rename`), `fs/stat.c` (`vfs_getattr`, `do_readlinkat`) and `fs/exec.c` for the
//! calls.
//!
//! A call comes to a hook as often as it has an object for it: a `rename` shows two, and one
//! `openat` may make a file and then open it. It does not come there for the folders on the way.

/// What an argument of a hook leads to the object by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Handle {
    /// `struct file *`: an open file.
    File,
    /// `const struct path *`: an entry, and where it is mounted.
    Path,
    /// `struct dentry *`: an entry of a folder. It may have no object yet.
    Dentry,
}

/// An object that a hook shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shown {
    /// Which argument.
    pub argument: u8,
    /// What it is.
    pub handle: Handle,
}

/// A hook, and the calls that name the objects that it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ObjectHook {
    /// Its name, as in `security_NAME`.
    pub name: &'static str,
    /// How many arguments it has.
    pub arguments: u8,
    /// The objects, in the order in which they are decided about.
    pub shows: &'static [Shown],
    /// The calls, by name, sorted.
    pub calls: &'static [&'static str],
}

const fn shown(argument: u8, handle: Handle) -> Shown {
    Shown { argument, handle }
}

/// All hooks, sorted by name.
pub const OBJECT_HOOKS: &[ObjectHook] = &[
    ObjectHook {
        name: "file_open",
        arguments: 1,
        shows: &[shown(0, Handle::File)],
        calls: &["creat", "execve", "execveat", "open", "open_by_handle_at", "openat", "openat2"],
    },
    ObjectHook {
        name: "inode_create",
        arguments: 3,
        shows: &[shown(1, Handle::Dentry)],
        calls: &["creat", "mknod", "mknodat", "open", "openat", "openat2"],
    },
    ObjectHook {
        name: "inode_getattr",
        arguments: 1,
        shows: &[shown(0, Handle::Path)],
        calls: &[
            "fstatat64",
            "lstat",
            "lstat64",
            "newfstatat",
            "oldlstat",
            "oldstat",
            "stat",
            "stat64",
            "statx",
        ],
    },
    ObjectHook {
        name: "inode_link",
        arguments: 3,
        shows: &[shown(0, Handle::Dentry), shown(2, Handle::Dentry)],
        calls: &["link", "linkat"],
    },
    ObjectHook {
        name: "inode_mkdir",
        arguments: 3,
        shows: &[shown(1, Handle::Dentry)],
        calls: &["mkdir", "mkdirat"],
    },
    ObjectHook {
        name: "inode_mknod",
        arguments: 4,
        shows: &[shown(1, Handle::Dentry)],
        calls: &["mknod", "mknodat"],
    },
    ObjectHook {
        name: "inode_readlink",
        arguments: 1,
        shows: &[shown(0, Handle::Dentry)],
        calls: &["readlink", "readlinkat"],
    },
    ObjectHook {
        name: "inode_rename",
        arguments: 4,
        shows: &[shown(1, Handle::Dentry), shown(3, Handle::Dentry)],
        calls: &["rename", "renameat", "renameat2"],
    },
    ObjectHook {
        name: "inode_rmdir",
        arguments: 2,
        shows: &[shown(1, Handle::Dentry)],
        calls: &["rmdir", "unlinkat"],
    },
    ObjectHook {
        name: "inode_symlink",
        arguments: 3,
        shows: &[shown(1, Handle::Dentry)],
        calls: &["symlink", "symlinkat"],
    },
    ObjectHook {
        name: "inode_unlink",
        arguments: 2,
        shows: &[shown(1, Handle::Dentry)],
        calls: &["unlink", "unlinkat"],
    },
];

/// The hook of that name.
#[must_use]
pub fn object_hook(name: &str) -> Option<&'static ObjectHook> {
    OBJECT_HOOKS.iter().find(|hook| hook.name == name)
}

/// Whether some hook shows an object that the call of that name names.
#[must_use]
pub fn names_object(call: &str) -> bool {
    OBJECT_HOOKS.iter().any(|hook| hook.calls.contains(&call))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_and_calls_are_sorted_and_calls_are_of_some_abi() {
        assert!(OBJECT_HOOKS.is_sorted_by(|a, b| a.name < b.name));
        for hook in OBJECT_HOOKS {
            assert!(hook.calls.is_sorted_by(|a, b| a < b), "{}", hook.name);
            assert!(hook.shows.iter().all(|shown| shown.argument < hook.arguments));
            for call in hook.calls {
                let known = crate::abis().iter().any(|abi| abi.syscall(call).is_some());
                assert!(known, "{call} of {}", hook.name);
            }
        }
        assert!(names_object("openat") && !names_object("getpid"));
        assert_eq!(object_hook("inode_rename").map(|hook| hook.shows.len()), Some(2));
    }
}
