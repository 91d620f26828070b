//! Writing results: atomically, and only when there is something to write.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes a file so that whoever looks sees the old contents or the new, never a part:
/// a temporary file beside it is renamed over it. An existing file's permissions are kept.
///
/// A path that is not a regular file (`/dev/stdout`, a pipe) is written to directly.
///
/// # Errors
/// What the operating system refused; the old file is then still there.
pub fn write_atomically(path: &Path, contents: &[u8]) -> io::Result<()> {
    Staged::new(path, contents)?.finish()
}

/// Writes several files, none of them unless all their contents are on the disk. What can
/// still fail then is their renaming, one after the other.
///
/// # Errors
/// The first file that could not be written, and why.
pub fn write_all_atomically(files: &[(PathBuf, Vec<u8>)]) -> Result<(), (PathBuf, io::Error)> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |error| (path, error)
    };
    let mut staged = Vec::with_capacity(files.len());
    for (path, contents) in files {
        staged.push((path, Staged::new(path, contents).map_err(failed(path))?));
    }
    staged.into_iter().try_for_each(|(path, staged)| staged.finish().map_err(failed(path)))
}

/// Contents on their way to a file.
enum Staged<'c> {
    /// Not a regular file: written to as it is.
    Direct(fs::File, &'c [u8]),
    /// A temporary file beside the one that it will replace.
    Beside(tempfile::NamedTempFile, PathBuf),
}

impl<'c> Staged<'c> {
    fn new(path: &Path, contents: &'c [u8]) -> io::Result<Self> {
        let old = fs::metadata(path).ok();
        if old.as_ref().is_some_and(|metadata| !metadata.is_file()) {
            return Ok(Self::Direct(fs::OpenOptions::new().write(true).open(path)?, contents));
        }
        let (file, target) = beside(path, old, contents)?;
        Ok(Self::Beside(file, target))
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Direct(mut file, contents) => file.write_all(contents),
            Self::Beside(file, target) => {
                file.persist(&target).map_err(|error| error.error)?;
                Ok(())
            }
        }
    }
}

/// The contents in a temporary file, and the file that it will replace.
fn beside(
    path: &Path,
    old: Option<fs::Metadata>,
    contents: &[u8],
) -> io::Result<(tempfile::NamedTempFile, PathBuf)> {
    // A link stays a link: what it points at is replaced.
    let target = if old.is_some() { fs::canonicalize(path)? } else { path.to_path_buf() };
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".filterc-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As `File::create` would: readable by all, cut by the umask.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    // The temporary file's own name would only puzzle whoever reads the error.
    let plain = |error: io::Error| match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::from(error.kind()),
    };
    let mut file = builder.tempfile_in(folder).map_err(plain)?;
    file.write_all(contents)?;
    if let Some(metadata) = old {
        file.as_file().set_permissions(metadata.permissions())?;
    }
    file.as_file().sync_all()?;
    Ok((file, target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_whole_files_and_keeps_permissions_and_links() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("policy.bpf");
        write_atomically(&file, b"one").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link.bpf");
        symlink("policy.bpf", &link).unwrap();
        write_atomically(&link, b"two").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        // Nothing is left behind beside the file and the link.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn of_several_files_all_are_written_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| (folder.path().join(name), name.as_bytes().to_vec());
        write_all_atomically(&[file("a"), file("b")]).unwrap();
        assert_eq!(fs::read(folder.path().join("b")).unwrap(), b"b");
        let (path, _) = write_all_atomically(&[file("c"), file("no/d")]).unwrap_err();
        assert_eq!(path, folder.path().join("no/d"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "c is not there");
    }

    #[test]
    fn a_missing_folder_is_an_error_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write_atomically(&folder.path().join("no/such.bpf"), b"x").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_device_is_written_to_not_replaced() {
        write_atomically(Path::new("/dev/null"), b"x").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
