//! From kernel sources and the curated files to the tables.

mod abis;
mod agree;
mod calls;
mod code;
mod condition;
mod curated;
mod debian;
mod define;
mod forms;
mod kconfig;
mod kinds;
pub(crate) mod lists;
mod names;
mod output;
mod overlay;
mod registers;
mod resolve;
pub(crate) mod since;
mod syscalls;
mod table;
mod tree;
mod types;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use self::debian::{Package, Wanted};
use self::output::{Files, Origin, Stage};
use self::tree::Tree;
use crate::error::Error;

/// Options of this subcommand.
#[derive(Args, Debug)]
pub(crate) struct GenerateArgs {
    /// Make only some of the tables
    #[arg(long, value_enum, value_name = "PART")]
    only: Option<Part>,

    /// Debian's archive [default: the one that this machine's apt has Debian from]
    #[arg(long, value_name = "URI")]
    mirror: Option<String>,

    /// Suites with the packages of the kernels
    #[arg(
        long,
        value_name = "SUITE",
        value_delimiter = ',',
        default_value = "trixie,trixie-backports"
    )]
    suites: Vec<String>,

    /// Keys of the archive
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/usr/share/keyrings/debian-archive-keyring.gpg"
    )]
    keyring: PathBuf,

    /// Package with an older kernel, for what the newest has no more
    #[arg(long, value_name = "PACKAGE", default_value = "linux-source-6.12")]
    old: String,

    /// Use this unpacked source of the newest kernel, and fetch nothing
    #[arg(long, value_name = "DIR", requires_all = ["libc_dev", "linux_old", "package_info"])]
    linux: Option<PathBuf>,

    /// Unpacked linux-libc-dev of it: the folder that has `usr` in it
    #[arg(long, value_name = "DIR", requires = "linux")]
    libc_dev: Option<PathBuf>,

    /// Unpacked source of the older kernel
    #[arg(long, value_name = "DIR", requires = "linux")]
    linux_old: Option<PathBuf>,

    /// What was unpacked: lines of package, version and SHA-256
    #[arg(long, value_name = "FILE", requires = "linux")]
    package_info: Option<PathBuf>,
}

/// A part of the tables that can be made alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Groups, families, aliases, arguments in memory, multiplexed calls, versions: they need
    /// no kernel sources
    Curated,
}

/// Unpacked sources.
struct Sources {
    linux: PathBuf,
    /// The folder that has `usr` in it.
    #[expect(dead_code, reason = "constants are read from it")]
    libc_dev: PathBuf,
    old: PathBuf,
    packages: Vec<Package>,
}

/// Runs it; what it returns is printed.
pub(crate) fn run(args: &GenerateArgs, crate_dir: &Path) -> Result<String, Error> {
    let scratch = tempfile::TempDir::with_prefix("filterc-gen-")
        .map_err(|error| Error::Failed(format!("a scratch folder: {error}")))?;
    let tables = crate_dir.join("tables");
    // Stages read each other's tables, so they work on a copy: what is there stays as it is
    // until all of them are done.
    let stage = Stage::copy(crate_dir, &scratch.path().join("abi"))?;
    let kernel = if args.only == Some(Part::Curated) {
        lists::write(&stage.folder)?;
        "the curated tables".to_owned()
    } else {
        let sources = sources(args, scratch.path())?;
        let (new, old) = (Tree::open(&sources.linux)?, Tree::open(&sources.old)?);
        let origin = Origin {
            kernel: new.version().to_owned(),
            old: old.version().to_owned(),
            packages: sources.packages,
        };
        stage.put(syscalls::generate(crate_dir, new, old)?)?;
        lists::write(&stage.folder)?;
        let mut manifest = Files::new();
        output::add_manifest(&mut manifest, &stage.tables(), &origin)?;
        stage.put(manifest)?;
        format!("Linux {}", origin.kernel)
    };
    let files = stage.files()?;
    let changed = output::write(&files, &tables)?;
    crate::pack::write(crate_dir)?;
    Ok(format!("{kernel}: {} files, {changed} changed\n", files.len()))
}

/// The sources that are given, or Debian's.
fn sources(args: &GenerateArgs, scratch: &Path) -> Result<Sources, Error> {
    let given = (&args.linux, &args.libc_dev, &args.linux_old, &args.package_info);
    if let (Some(linux), Some(libc_dev), Some(old), Some(info)) = given {
        let text = std::fs::read_to_string(info).map_err(|error| Error::io(info, &error))?;
        let (linux, libc_dev, old) = (linux.clone(), libc_dev.clone(), old.clone());
        return Ok(Sources { linux, libc_dev, old, packages: packages(&text, info)? });
    }
    let fetched = debian::fetch(
        scratch,
        &Wanted {
            mirror: args.mirror.clone(),
            suites: args.suites.clone(),
            keyring: args.keyring.clone(),
            old: args.old.clone(),
        },
    )?;
    let mut packages = vec![fetched.linux.1, fetched.libc_dev.1, fetched.old.1];
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Sources {
        linux: fetched.linux.0,
        libc_dev: fetched.libc_dev.0,
        old: fetched.old.0,
        packages,
    })
}

/// `name version sha256`, a line each; sorted.
fn packages(text: &str, path: &Path) -> Result<Vec<Package>, Error> {
    let mut packages = Vec::new();
    for line in text.lines() {
        let [name, version, sha256] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            let what = format!("{}: not package, version, SHA-256: {line}", path.display());
            return Err(Error::Failed(what));
        };
        let (name, version) = (name.to_owned(), version.to_owned());
        packages.push(Package { name, version, sha256: sha256.to_owned() });
    }
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(packages)
}
