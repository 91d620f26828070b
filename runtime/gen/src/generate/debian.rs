//! Kernel sources from Debian's binary packages, through an apt root of our own.
//!
//! Nothing is installed and the system's own package lists are not touched: lists, caches
//! and the list of sources lie in a scratch folder. The archive's signature is checked by
//! apt, the hash of each file by apt and by us.

use std::cmp::Reverse;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;

/// What is to be fetched, and from where.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The archive; none: the one that this machine's apt has Debian from.
    pub(crate) mirror: Option<String>,
    /// The suites that may have the newest kernel and the older one.
    pub(crate) suites: Vec<String>,
    /// Keys of the archive.
    pub(crate) keyring: PathBuf,
    /// The package with the older kernel.
    pub(crate) old: String,
}

/// A package of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) sha256: String,
}

/// What was fetched and unpacked.
pub(crate) struct Fetched {
    /// The newest kernel's source.
    pub(crate) linux: (PathBuf, Package),
    /// Its headers for programs, as the folder that has `usr` in it.
    pub(crate) libc_dev: (PathBuf, Package),
    /// The older kernel's source.
    pub(crate) old: (PathBuf, Package),
}

/// Large folders that no fact comes from.
const UNUSED: [&str; 7] = [
    "*/Documentation",
    "*/drivers/gpu",
    "*/drivers/media",
    "*/drivers/net",
    "*/drivers/staging",
    "*/sound",
    "*/tools/testing",
];

/// Fetches and unpacks everything into a folder.
pub(crate) fn fetch(scratch: &Path, wanted: &Wanted) -> Result<Fetched, Error> {
    let root = Root::create(scratch, wanted)?;
    let newest = newest(&root.apt_cache(&["pkgnames", "linux-source-"])?)
        .ok_or_else(|| Error::Failed("the archive has no linux-source package".to_owned()))?;
    let source = root.package(&newest, None)?;
    let headers = root.package("linux-libc-dev", Some(&source.version))?;
    let old = root.package(&wanted.old, None)?;
    Ok(Fetched {
        linux: (root.unpack_source(&source)?, source),
        libc_dev: (root.unpack(&headers)?, headers),
        old: (root.unpack_source(&old)?, old),
    })
}

/// An apt root of our own.
struct Root {
    folder: PathBuf,
    config: PathBuf,
}

impl Root {
    /// Makes it, and fetches the package lists.
    fn create(scratch: &Path, wanted: &Wanted) -> Result<Self, Error> {
        let mirror = match &wanted.mirror {
            Some(mirror) => mirror.clone(),
            None => system_mirror()?,
        };
        for folder in ["lists/partial", "cache/archives/partial", "state", "parts", "deb"] {
            let path = scratch.join(folder);
            fs::create_dir_all(&path).map_err(|error| Error::io(&path, &error))?;
        }
        let write = |name: &str, text: String| {
            let path = scratch.join(name);
            fs::write(&path, text).map(|()| path.clone()).map_err(|error| Error::io(&path, &error))
        };
        let signed = wanted.keyring.display();
        let line = |suite: &String| format!("deb [signed-by={signed}] {mirror} {suite} main\n");
        write("sources.list", wanted.suites.iter().map(line).collect())?;
        write("status", String::new())?;
        let set = |key: &str, file: &str| format!("{key} \"{}\";\n", scratch.join(file).display());
        let config = [
            set("Dir::State", "state"),
            set("Dir::State::Lists", "lists"),
            set("Dir::State::status", "status"),
            set("Dir::Cache", "cache"),
            set("Dir::Etc::SourceList", "sources.list"),
            set("Dir::Etc::SourceParts", "parts"),
            // Root's files here are for root alone.
            "APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n".to_owned(),
            "Acquire::Retries \"3\";\n".to_owned(),
        ];
        let config = write("apt.conf", config.concat())?;
        let root = Self { folder: scratch.to_owned(), config };
        // Without this, a list that could not be fetched is only warned about.
        root.run("apt-get", &["-o", "APT::Update::Error-Mode=any", "update"])?;
        Ok(root)
    }

    fn run(&self, program: &str, args: &[&str]) -> Result<String, Error> {
        let mut command = Command::new(program);
        command.args(args).env("APT_CONFIG", &self.config).current_dir(self.folder.join("deb"));
        output(&mut command)
    }

    fn apt_cache(&self, args: &[&str]) -> Result<String, Error> {
        self.run("apt-cache", args)
    }

    /// The archive's record of a package, of that version or of the newest.
    fn package(&self, name: &str, version: Option<&str>) -> Result<Package, Error> {
        let records = packages(&self.apt_cache(&["show", name])?);
        let found = records.iter().find(|found| version.is_none_or(|v| found.version == v));
        let version = version.unwrap_or("any version");
        found
            .cloned()
            .ok_or_else(|| Error::Failed(format!("the archive has no {name} of {version}")))
    }

    /// Downloads a package, checks its hash, and unpacks it; where it lies then.
    fn unpack(&self, package: &Package) -> Result<PathBuf, Error> {
        let Package { name, version, sha256 } = package;
        self.run("apt-get", &["download", &format!("{name}={version}")])?;
        let file = self.file(name)?;
        let sum = output(Command::new("sha256sum").arg("-b").arg(&file))?;
        if !sum.starts_with(sha256.as_str()) {
            let what = format!("{}: its hash is not the archive's {sha256}", file.display());
            return Err(Error::Failed(what));
        }
        let target = self.folder.join(name);
        output(Command::new("dpkg-deb").arg("-x").arg(&file).arg(&target))?;
        fs::remove_file(&file).map_err(|error| Error::io(&file, &error))?;
        Ok(target)
    }

    /// The same for a package that holds a source tree in an archive; where the tree lies.
    fn unpack_source(&self, package: &Package) -> Result<PathBuf, Error> {
        let folder = self.unpack(package)?;
        let archive = folder.join(format!("usr/src/{}.tar.xz", package.name));
        let mut tar = Command::new("tar");
        tar.args(UNUSED.map(|pattern| format!("--exclude={pattern}")));
        output(tar.arg("-xf").arg(&archive).arg("-C").arg(&folder))?;
        fs::remove_file(&archive).map_err(|error| Error::io(&archive, &error))?;
        Ok(folder.join(&package.name))
    }

    /// The downloaded file of a package.
    fn file(&self, name: &str) -> Result<PathBuf, Error> {
        let folder = self.folder.join("deb");
        let io = |error| Error::io(&folder, &error);
        let prefix = format!("{name}_");
        for entry in fs::read_dir(&folder).map_err(io)? {
            let path = entry.map_err(io)?.path();
            let file = path.file_name().and_then(OsStr::to_str);
            if file.is_some_and(|file| file.starts_with(&prefix)) {
                return Ok(path);
            }
        }
        Err(Error::Failed(format!("apt-get download left no file of {name}")))
    }
}

/// Runs a program; what it printed.
fn output(command: &mut Command) -> Result<String, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let result = command.output().map_err(|error| {
        Error::Failed(format!("{program}: {error}; `generate` needs apt, dpkg and tar, or --linux"))
    })?;
    if result.status.success() {
        return Ok(String::from_utf8_lossy(&result.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&result.stderr);
    Err(Error::Failed(format!("{program}: {}\n{}", result.status, said.trim_end())))
}

/// The archive that this machine has Debian from.
fn system_mirror() -> Result<String, Error> {
    let format = "$(ORIGIN)|$(LABEL)|$(REPO_URI)";
    let listed = output(Command::new("apt-get").args(["indextargets", "--format", format]))?;
    mirror(&listed).ok_or_else(|| {
        Error::Failed("this machine's apt knows no archive of Debian: use --mirror".to_owned())
    })
}

/// The first archive whose origin and label are Debian's (security updates have another).
fn mirror(listed: &str) -> Option<String> {
    listed.lines().find_map(|line| {
        let mut parts = line.split('|');
        let ours = (parts.next()?, parts.next()?) == ("Debian", "Debian");
        parts.next().filter(|uri| ours && !uri.is_empty()).map(str::to_owned)
    })
}

/// Of `linux-source-X.Y` packages, the one with the highest version.
fn newest(names: &str) -> Option<String> {
    let version = |name: &str| {
        let (major, minor) = name.strip_prefix("linux-source-")?.split_once('.')?;
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    };
    let names = names.lines().map(str::trim).filter(|name| version(name).is_some());
    names.min_by_key(|name| Reverse(version(name))).map(str::to_owned)
}

/// The packages of `apt-cache show`, newest first as it prints them.
fn packages(records: &str) -> Vec<Package> {
    let record = |text: &str| {
        let field = |name: &str| {
            let mut lines = text.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
        };
        Some(Package {
            name: field("Package")?,
            version: field("Version")?,
            sha256: field("SHA256").filter(|sum| sum.len() == 64)?,
        })
    };
    records.split("\n\n").filter_map(record).collect()
}

#[cfg(test)]
#[path = "debian_tests.rs"]
mod tests;
