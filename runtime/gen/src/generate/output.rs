//! Writing the tables: all files or none, and the MANIFEST that tells what they are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::debian::Package;
use crate::error::Error;

/// The new text of files, by path below the folder of tables.
pub(crate) type Files = BTreeMap<PathBuf, String>;

/// What the MANIFEST says about sources: `name`, `what`.
pub(crate) struct Origin {
    /// Version of the newest kernel.
    pub(crate) kernel: String,
    /// Version of the older one.
    pub(crate) old: String,
    /// The packages that both come from.
    pub(crate) packages: Vec<Package>,
}

const ABOUT: &str = "\
# What these tables are: sorted rows, tab-separated, one fact a line. `filterc-gen generate`
# writes them from the kernel's source and the hand-written files under curated/, where each
# row has its evidence. The formats are in src/rows.rs.
#
# Name and value: the kernel of the tables, the older one for what left it, the packages of
# both with version and SHA-256, the generator, and the number of rows of each file.
";

/// Adds the MANIFEST to the files: rows are counted in them, and in the files of the folder
/// that this run did not make.
pub(crate) fn add_manifest(files: &mut Files, tables: &Path, origin: &Origin) -> Result<(), Error> {
    let mut rows: BTreeMap<String, usize> = BTreeMap::new();
    let mut count = |path: &Path, text: &str| {
        let name = path.with_extension("").to_string_lossy().into_owned();
        rows.insert(name, text.lines().count());
    };
    for folder in ["", "syscalls"] {
        let path = tables.join(folder);
        let io = |error| Error::io(&path, &error);
        for entry in fs::read_dir(&path).map_err(io)? {
            let file = entry.map_err(io)?.path();
            if file.extension().is_some_and(|extension| extension == "tsv") {
                let name = Path::new(folder).join(file.file_name().unwrap_or_default());
                let text = fs::read_to_string(&file).map_err(|error| Error::io(&file, &error))?;
                count(&name, &text);
            }
        }
    }
    for (path, text) in &*files {
        count(path, text);
    }
    let mut text = ABOUT.to_owned();
    let mut line = |name: &str, value: &str| text.push_str(&format!("{name}\t{value}\n"));
    line("kernel", &origin.kernel);
    line("kernel_old", &origin.old);
    for package in &origin.packages {
        let value = format!("{} {}", package.version, package.sha256);
        line(&format!("package/{}", package.name), &value);
    }
    line("generator", env!("CARGO_PKG_VERSION"));
    for (name, rows) in rows {
        line(&name, &rows.to_string());
    }
    files.insert(PathBuf::from("MANIFEST"), text);
    Ok(())
}

/// A copy of the crate's tables and curated files, for stages to work on.
#[derive(Debug)]
pub(crate) struct Stage {
    /// The copy of the crate's folder.
    pub(crate) folder: PathBuf,
}

impl Stage {
    pub(crate) fn copy(crate_dir: &Path, folder: &Path) -> Result<Self, Error> {
        for part in ["curated", "tables", "tables/syscalls"] {
            let (from, to) = (crate_dir.join(part), folder.join(part));
            fs::create_dir_all(&to).map_err(|error| Error::io(&to, &error))?;
            for path in files_in(&from)? {
                let copy = to.join(path.file_name().unwrap_or_default());
                fs::copy(&path, &copy).map_err(|error| Error::io(&path, &error))?;
            }
        }
        Ok(Self { folder: folder.to_owned() })
    }

    pub(crate) fn tables(&self) -> PathBuf {
        self.folder.join("tables")
    }

    /// Puts files into the copy.
    pub(crate) fn put(&self, files: Files) -> Result<(), Error> {
        for (name, text) in files {
            let path = self.tables().join(name);
            fs::write(&path, text).map_err(|error| Error::io(&path, &error))?;
        }
        Ok(())
    }

    /// The tables of the copy.
    pub(crate) fn files(&self) -> Result<Files, Error> {
        let mut files = Files::new();
        for folder in ["", "syscalls"] {
            for path in files_in(&self.tables().join(folder))? {
                let name = Path::new(folder).join(path.file_name().unwrap_or_default());
                let is_text = name == Path::new("MANIFEST")
                    || name.extension().is_some_and(|extension| extension == "tsv");
                if is_text {
                    let text = fs::read_to_string(&path);
                    files.insert(name, text.map_err(|error| Error::io(&path, &error))?);
                }
            }
        }
        Ok(files)
    }
}

/// The files of a folder; its folders are left out.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let io = |error| Error::io(folder, &error);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Writes all files, or leaves everything as it was: each is written beside its place first.
/// Returns how many changed.
pub(crate) fn write(files: &Files, tables: &Path) -> Result<usize, Error> {
    let mut staged = Vec::new();
    for (name, text) in files {
        let path = tables.join(name);
        if fs::read_to_string(&path).is_ok_and(|old| old == *text) {
            continue;
        }
        let mut beside = path.clone().into_os_string();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let result = fs::write(&beside, text);
        staged.push((beside, path));
        if let Err(error) = result {
            return Err(abandon(&staged, &error));
        }
    }
    for (beside, path) in &staged {
        if let Err(error) = fs::rename(beside, path) {
            return Err(abandon(&staged, &error));
        }
    }
    Ok(staged.len())
}

/// Takes away what lies beside its place.
fn abandon(staged: &[(PathBuf, PathBuf)], error: &std::io::Error) -> Error {
    for (beside, _) in staged {
        // It may be in its place, or never have been written.
        let _ = fs::remove_file(beside);
    }
    let last = staged.last().map(|(_, path)| path.as_path()).unwrap_or(Path::new("tables"));
    Error::io(last, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> Files {
        list.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect()
    }

    #[test]
    fn the_manifest_counts_what_is_there_and_what_will_be() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("syscalls")).unwrap();
        fs::write(folder.path().join("sets.tsv"), "a\nb\n").unwrap();
        fs::write(folder.path().join("syscalls/toy.tsv"), "old\n").unwrap();
        let mut files = files(&[("forms.tsv", "f\n"), ("syscalls/toy.tsv", "1\n2\n3\n")]);
        let package =
            Package { name: "p".to_owned(), version: "1-1".to_owned(), sha256: "ab".to_owned() };
        let origin = Origin {
            kernel: "7.3.4".to_owned(),
            old: "6.12.1".to_owned(),
            packages: vec![package],
        };
        add_manifest(&mut files, folder.path(), &origin).unwrap();
        let text = &files[Path::new("MANIFEST")];
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let generator = concat!("generator\t", env!("CARGO_PKG_VERSION"));
        assert_eq!(
            lines,
            [
                "kernel\t7.3.4",
                "kernel_old\t6.12.1",
                "package/p\t1-1 ab",
                generator,
                "forms\t1",
                "sets\t2",
                "syscalls/toy\t3",
            ]
        );
    }

    #[test]
    fn all_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        fs::write(folder.path().join("a.tsv"), "old\n").unwrap();
        // The second has no folder to go to.
        let broken = files(&[("a.tsv", "new\n"), ("none/b.tsv", "new\n")]);
        assert!(write(&broken, folder.path()).is_err());
        assert_eq!(
            (read("a.tsv").as_str(), fs::read_dir(folder.path()).unwrap().count()),
            ("old\n", 1)
        );
        let good = files(&[("a.tsv", "new\n"), ("b.tsv", "new\n")]);
        assert_eq!(write(&good, folder.path()).unwrap(), 2);
        assert_eq!((read("a.tsv").as_str(), read("b.tsv").as_str()), ("new\n", "new\n"));
        assert_eq!(write(&good, folder.path()).unwrap(), 0);
    }
}
