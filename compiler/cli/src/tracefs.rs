//! The kernel's tracer as files: where it is, its instances, and the filter of an event.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::console::Failure;

/// Where tracefs may be mounted.
const MOUNTS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// A tracing instance, or the tracer's own buffer.
#[derive(Debug)]
pub(crate) struct Instance(PathBuf);

impl Instance {
    /// The instance of that name, made if it is missing and `create` says so; without a name, the
    /// top level, which all users of the machine share.
    pub(crate) fn open(name: Option<&str>, create: bool) -> Result<Self, Failure> {
        let mounted = MOUNTS.iter().map(Path::new).find(|root| root.join("events").is_dir());
        let Some(root) = mounted else {
            let text = "tracefs is not mounted, or not for this user: \
                        mount -t tracefs tracefs /sys/kernel/tracing";
            return Err(Failure::Environment(text.to_owned()));
        };
        let Some(name) = name else { return Ok(Self(root.to_path_buf())) };
        if name.is_empty() || name.starts_with('.') || name.contains('/') {
            let text = format!("--instance {name}: a name has no `/`, and no `.` in front");
            return Err(Failure::Environment(text));
        }
        let folder = root.join("instances").join(name);
        if create && !folder.exists() {
            fs::create_dir(&folder).map_err(|error| Failure::io(&folder, &error))?;
        }
        if !folder.is_dir() {
            let text = format!("there is no tracing instance `{name}`: --create makes it");
            return Err(Failure::Environment(text));
        }
        Ok(Self(folder))
    }

    /// The description of an event's record.
    pub(crate) fn format(&self, event: &str) -> Result<String, Failure> {
        let path = self.0.join(format!("events/syscalls/{event}/format"));
        fs::read_to_string(&path).map_err(|error| Failure::io(&path, &error))
    }

    /// Replaces the filter of an event. If the kernel refuses, the old filter is put back: it
    /// would be gone, and every event let through.
    pub(crate) fn set(&self, event: &str, text: &[u8]) -> Result<(), Failure> {
        let path = self.0.join(format!("events/syscalls/{event}/filter"));
        let old = read(&path).map_err(|error| Failure::io(&path, &error))?;
        let Err(error) = write(&path, text) else { return Ok(()) };
        let log = fs::read(self.0.join("error_log")).unwrap_or_default();
        let old = old.strip_suffix(b"\n").unwrap_or(&old);
        let restored = if old == b"none" { write(&path, b"0") } else { write(&path, old) };
        let restored = match restored {
            Ok(()) => "the old filter is in force again".to_owned(),
            Err(error) => format!("the old filter is gone, and cannot be set again: {error}"),
        };
        Err(Failure::Environment(format!(
            "{}: {error}; {restored}. This is a fault of filterc, please report it.\n{}",
            path.display(),
            String::from_utf8_lossy(&log)
        )))
    }
}

/// The text of a filter. The kernel gives it to the first read alone, as much as that takes.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = vec![0; 1 << 14];
    let length = fs::File::open(path)?.read(&mut text)?;
    text.truncate(length);
    Ok(text)
}

/// The kernel reads a filter from a single write.
fn write(path: &Path, text: &[u8]) -> std::io::Result<()> {
    fs::File::options().write(true).open(path)?.write_all(text)
}

/// How many processors the kernel can have: the largest number, plus one.
pub(crate) fn nr_cpu_ids() -> Option<u32> {
    let possible = fs::read_to_string("/sys/devices/system/cpu/possible").ok()?;
    let last = possible.trim().rsplit(['-', ',']).next()?;
    last.parse::<u32>().ok()?.checked_add(1)
}
