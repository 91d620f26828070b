//! An unpacked kernel source tree: its version and its files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Folders that hold the definitions of system calls. A call whose definition moved
/// elsewhere fails the run: it is not typed wrongly.
const FOLDERS: [&str; 13] = [
    "arch",
    "block",
    "drivers/char",
    "drivers/pci",
    "fs",
    "include",
    "init",
    "io_uring",
    "ipc",
    "kernel",
    "mm",
    "net",
    "security",
];

/// An unpacked kernel source tree.
pub(crate) struct Tree {
    root: PathBuf,
    version: String,
}

impl Tree {
    /// The tree in that folder, whose `Makefile` tells the version.
    pub(crate) fn open(root: &Path) -> Result<Self, Error> {
        let path = root.join("Makefile");
        let makefile = fs::read_to_string(&path).map_err(|error| Error::io(&path, &error))?;
        let number = |name: &str| {
            makefile.lines().find_map(|line| {
                let value = line.strip_prefix(name)?.trim_start().strip_prefix('=')?.trim();
                value.parse::<u32>().ok()
            })
        };
        let parts = (number("VERSION"), number("PATCHLEVEL"), number("SUBLEVEL"));
        let (Some(major), Some(minor), Some(patch)) = parts else {
            return Err(Error::Failed(format!("{}: not a kernel's Makefile", path.display())));
        };
        Ok(Self { root: root.to_owned(), version: format!("{major}.{minor}.{patch}") })
    }

    /// `7.3.4`.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// The text of a file; bytes that are not UTF-8 (names in comments) are replaced.
    pub(crate) fn read(&self, path: &str) -> Result<String, Error> {
        read(&self.root.join(path))
    }

    /// The text of a file, if there is one.
    pub(crate) fn read_if_there(&self, path: &str) -> Result<Option<String>, Error> {
        if self.root.join(path).exists() { self.read(path).map(Some) } else { Ok(None) }
    }

    /// Paths of all C and assembler files in the folders that define system calls, sorted.
    pub(crate) fn sources(&self) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        let mut folders: Vec<String> = FOLDERS.iter().map(|&folder| folder.to_owned()).collect();
        while let Some(folder) = folders.pop() {
            let path = self.root.join(&folder);
            let io = |error| Error::io(&path, &error);
            for entry in fs::read_dir(&path).map_err(io)? {
                let entry = entry.map_err(io)?;
                let name = entry.file_name();
                let Some(name) = name.to_str() else { continue };
                let kind = entry.file_type().map_err(io)?;
                if kind.is_dir() {
                    folders.push(format!("{folder}/{name}"));
                } else if kind.is_file() && (name.ends_with(".c") || name.ends_with(".S")) {
                    found.push(format!("{folder}/{name}"));
                }
            }
        }
        found.sort_unstable();
        Ok(found)
    }
}

fn read(path: &Path) -> Result<String, Error> {
    let bytes = fs::read(path).map_err(|error| Error::io(path, &error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_makefile_tells_the_version() {
        let folder = tempfile::tempdir().unwrap();
        let write = |text: &str| fs::write(folder.path().join("Makefile"), text).unwrap();
        write("# SPDX\nVERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 4\nEXTRAVERSION =\n");
        assert_eq!(Tree::open(folder.path()).unwrap().version(), "7.3.4");
        write("all: this that\n");
        assert!(Tree::open(folder.path()).is_err());
    }
}
