//! Other people's tables, through the clients of their registries: pip, cargo, apt.
//!
//! Versions are pinned where the registry keeps them. apt works in a root of its own; the
//! machine's package lists are not touched, nothing is installed, and the archive is the one
//! that this machine has Debian from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;

/// The versions that the reviewed list was made with.
const SYSTEM_CALLS: &str = "system-calls==7.2";
const LINUX_RAW_SYS: &str = "=0.12.1";
/// Debian's suite with libseccomp 2.6.0.
const SUITE: &str = "trixie";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

fn folder(path: PathBuf) -> Result<PathBuf, Error> {
    fs::create_dir_all(&path).map_err(|error| Error::io(&path, &error))?;
    Ok(path)
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(|error| Error::io(path, &error))
}

/// Runs a program; what it printed.
fn output(command: &mut Command) -> Result<String, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |what: String| Error::Failed(format!("{program}: {what}"));
    let result = command.output().map_err(|error| failed(error.to_string()))?;
    if result.status.success() {
        return Ok(String::from_utf8_lossy(&result.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&result.stderr);
    Err(failed(format!("{}\n{}", result.status, said.trim_end())))
}

/// The only file in a folder whose name begins and ends so.
fn only(folder: &Path, prefix: &str, suffix: &str) -> Result<PathBuf, Error> {
    let io = |error| Error::io(folder, &error);
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        if name.starts_with(prefix) && name.ends_with(suffix) {
            return Ok(path);
        }
    }
    Err(Error::Failed(format!("{}: no {prefix}…{suffix}", folder.display())))
}

/// The Python package, unpacked (a wheel is a zip archive); nothing of it is run.
pub(super) fn system_calls(scratch: &Path) -> Result<PathBuf, Error> {
    let target = folder(scratch.join("system-calls"))?;
    let mut pip = Command::new("pip");
    pip.args(["download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest"]);
    output(pip.arg(&target).arg(SYSTEM_CALLS))?;
    let wheel = only(&target, "system_calls-", ".whl")?;
    output(Command::new("unzip").arg("-qo").arg(wheel).arg("-d").arg(&target))?;
    Ok(target.join("system_calls"))
}

/// The crate, unpacked.
pub(super) fn linux_raw_sys(scratch: &Path) -> Result<PathBuf, Error> {
    let project = folder(scratch.join("linux-raw-sys"))?;
    let source = folder(project.join("src"))?;
    write(&source.join("lib.rs"), "")?;
    let manifest = format!(
        "[package]\nname = \"scratch\"\nedition = \"2021\"\n[workspace]\n\
         [dependencies]\nlinux-raw-sys = \"{LINUX_RAW_SYS}\"\n"
    );
    write(&project.join("Cargo.toml"), &manifest)?;
    output(Command::new("cargo").args(["vendor", "--quiet"]).current_dir(&project))?;
    Ok(project.join("vendor/linux-raw-sys"))
}

/// libseccomp's table, from Debian's source package.
pub(super) fn libseccomp(scratch: &Path) -> Result<PathBuf, Error> {
    let root = folder(scratch.join("libseccomp"))?;
    for name in ["lists/partial", "cache/archives/partial", "state", "parts", "source"] {
        folder(root.join(name))?;
    }
    let archive = archive()?;
    let sources = format!("deb-src [signed-by={KEYRING}] {archive} {SUITE} main\n");
    write(&root.join("sources.list"), &sources)?;
    write(&root.join("status"), "")?;
    let set = |key: &str, name: &str| format!("{key} \"{}\";\n", root.join(name).display());
    let config = [
        set("Dir::State", "state"),
        set("Dir::State::Lists", "lists"),
        set("Dir::State::status", "status"),
        set("Dir::Cache", "cache"),
        set("Dir::Etc::SourceList", "sources.list"),
        set("Dir::Etc::SourceParts", "parts"),
        "APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n".to_owned(),
    ];
    write(&root.join("apt.conf"), &config.concat())?;
    let source = root.join("source");
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("APT_CONFIG", root.join("apt.conf")).current_dir(&source).args(args);
        output(&mut command)
    };
    apt(&["-o", "APT::Update::Error-Mode=any", "update"])?;
    apt(&["source", "--download-only", "libseccomp"])?;
    let tarball = only(&source, "libseccomp_", ".orig.tar.gz")?;
    let mut tar = Command::new("tar");
    tar.arg("-xf").arg(tarball).arg("-C").arg(&source);
    output(tar.args(["--strip-components=2", "--wildcards", "*/src/syscalls.csv"]))?;
    Ok(source.join("syscalls.csv"))
}

/// The archive that this machine has Debian from.
fn archive() -> Result<String, Error> {
    let format = "$(ORIGIN)|$(LABEL)|$(REPO_URI)";
    let listed = output(Command::new("apt-get").args(["indextargets", "--format", format]))?;
    let found = listed.lines().find_map(|line| line.strip_prefix("Debian|Debian|"));
    let unknown = || Error::Failed("this machine's apt knows no archive of Debian".to_owned());
    found.map(str::to_owned).ok_or_else(unknown)
}
