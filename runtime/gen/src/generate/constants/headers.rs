//! The headers that constants are looked for in, and the folders they are found in.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::extract::extract;
use super::targets::{AsmHeaders, Target};
use crate::error::Error;

/// Headers of the kernel's inside that hold constants of the interface.
const INTERNAL: [&str; 10] = [
    "linux/fs.h",
    "linux/net.h",
    "linux/sched/coredump.h",
    "linux/socket.h",
    "linux/splice.h",
    "linux/swap.h",
    "linux/syslog.h",
    "net/bluetooth/bluetooth.h",
    "scsi/scsi_ioctl.h",
    "scsi/sg.h",
];

/// Those of an architecture; not every one has all. The first comes before [`INTERNAL`].
const INTERNAL_ASM: [&str; 4] = ["asm/socket.h", "asm/cacheflush.h", "asm/pci.h", "asm/spu.h"];

/// The header with the names that only C libraries have; written by who calls.
pub(crate) const LIBC: &str = "libc/constants.h";

/// What headers ask of a C library, as far as constants depend on it: the types are the
/// kernel's own.
const SHIMS: [(&str, &str); 15] = [
    ("endian.h", "#include <asm/byteorder.h>\n"),
    ("limits.h", "#include <linux/limits.h>\n"),
    ("netinet/if_ether.h", "#include <linux/if_ether.h>\n"),
    ("netinet/in.h", "#include <linux/in.h>\n#include <linux/in6.h>\n"),
    ("stdbool.h", "#define bool _Bool\n#define true 1\n#define false 0\n"),
    (
        "stddef.h",
        "#ifndef FILTERC_STDDEF\n#define FILTERC_STDDEF\n\
         typedef __SIZE_TYPE__ size_t;\ntypedef __PTRDIFF_TYPE__ ptrdiff_t;\n\
         #define NULL ((void *)0)\n#define offsetof __builtin_offsetof\n#endif\n",
    ),
    (
        "stdint.h",
        "#ifndef FILTERC_STDINT\n#define FILTERC_STDINT\n#include <linux/types.h>\n\
         typedef __u8 uint8_t;\ntypedef __s8 int8_t;\ntypedef __u16 uint16_t;\n\
         typedef __s16 int16_t;\ntypedef __u32 uint32_t;\ntypedef __s32 int32_t;\n\
         typedef __u64 uint64_t;\ntypedef __s64 int64_t;\ntypedef __UINTPTR_TYPE__ uintptr_t;\n\
         typedef __INTPTR_TYPE__ intptr_t;\n#endif\n",
    ),
    ("stdlib.h", ""),
    ("string.h", "#include <stddef.h>\n"),
    ("sys/ioctl.h", "#include <linux/ioctl.h>\n#include <asm/ioctls.h>\n"),
    (
        "sys/socket.h",
        "#ifndef FILTERC_SOCKET\n#define FILTERC_SOCKET\n#include <linux/socket.h>\n\
         typedef __kernel_sa_family_t sa_family_t;\n\
         struct sockaddr { sa_family_t sa_family; char sa_data[14]; };\n#endif\n",
    ),
    ("sys/time.h", "#include <linux/time.h>\n"),
    (
        "sys/types.h",
        "#ifndef FILTERC_TYPES\n#define FILTERC_TYPES\n#include <stddef.h>\n#include <stdint.h>\n\
         typedef __kernel_ssize_t ssize_t;\ntypedef __kernel_pid_t pid_t;\n\
         typedef __kernel_uid32_t uid_t;\ntypedef __kernel_gid32_t gid_t;\n\
         typedef __kernel_mode_t mode_t;\ntypedef __kernel_off_t off_t;\n\
         typedef __kernel_loff_t loff_t;\ntypedef __kernel_old_time_t time_t;\n\
         typedef __kernel_caddr_t caddr_t;\ntypedef __u64 dev_t;\ntypedef __kernel_ino_t ino_t;\n\
         typedef __kernel_key_t key_t;\ntypedef __kernel_clockid_t clockid_t;\n\
         typedef __kernel_timer_t timer_t;\ntypedef unsigned char u_char;\n\
         typedef unsigned short u_short;\ntypedef unsigned int u_int;\n\
         typedef unsigned long u_long;\ntypedef __u8 u_int8_t;\ntypedef __u16 u_int16_t;\n\
         typedef __u32 u_int32_t;\ntypedef __u64 u_int64_t;\n#endif\n",
    ),
    ("time.h", "#include <linux/time.h>\n"),
    ("unistd.h", ""),
];

/// Included before every header: macros use names of these without including them
/// (`OPEN_TREE_CLOEXEC` is `O_CLOEXEC`).
pub(crate) const PRELUDE: [&str; 7] = [
    "linux/const.h",
    "sys/types.h",
    "sys/time.h",
    "sys/socket.h",
    "linux/ioctl.h",
    "linux/fcntl.h",
    "linux/stat.h",
];

/// What single headers need besides.
const NEEDS: [(&str, &str); 13] = [
    ("asm/cmb.h", "asm/dasd.h"),
    ("asm/ioctls.h", "linux/serial.h"),
    ("asm/ioctls.h", "linux/termios.h"),
    ("linux/fs.h", "linux/blktrace_api.h"),
    ("linux/fs.h", "linux/fiemap.h"),
    ("linux/hdlc/ioctl.h", "linux/if.h"),
    ("linux/if_pppox.h", "linux/in.h"),
    ("linux/ivtvfb.h", "linux/videodev2.h"),
    ("linux/ppp-ioctl.h", "linux/filter.h"),
    ("linux/raid/md_u.h", "linux/major.h"),
    ("linux/sctp.h", "internal/linux/socket.h"),
    ("linux/sonet.h", "linux/atmioc.h"),
    ("misc/xilinx_sdfec.h", "stdbool.h"),
];

/// The folders of headers, prepared.
pub(crate) struct Headers {
    linux: PathBuf,
    libc_dev: PathBuf,
    scratch: PathBuf,
    /// Installed headers for all architectures, by their path in an `#include`.
    shared: BTreeMap<String, Arc<str>>,
}

impl Headers {
    /// Writes what headers need besides those that are there, into `scratch`.
    pub(crate) fn prepare(linux: &Path, libc_dev: &Path, scratch: &Path) -> Result<Self, Error> {
        for (path, text) in SHIMS {
            write(&scratch.join("shim").join(path), text)?;
        }
        let first = "#define __KERNEL__\n#define IS_ENABLED(option) 0\n";
        write(&scratch.join("internal/first.h"), first)?;
        for path in INTERNAL {
            let text = read(&linux.join("include").join(path))?;
            write(&scratch.join("internal").join(path), &extract(&text))?;
        }
        let include = libc_dev.join("usr/include");
        let mut shared = BTreeMap::new();
        for folder in folders(&include)? {
            // A folder for each Debian architecture, and what only `asm/` may include.
            if !folder.contains("-linux-gnu") && folder != "asm-generic" {
                walk(&include, &folder, &mut shared)?;
            }
        }
        Ok(Self {
            linux: linux.to_owned(),
            libc_dev: libc_dev.to_owned(),
            scratch: scratch.to_owned(),
            shared,
        })
    }

    /// Prepares the folders of one target; returns them in the order of the search.
    pub(crate) fn of_target(&self, target: &Target) -> Result<TargetHeaders, Error> {
        let own = self.scratch.join("target").join(target.abi);
        let installed = |name: &str| self.libc_dev.join("usr/lib/linux/uapi").join(name);
        let (asm, kernel_arch) = match target.asm {
            AsmHeaders::Installed(name) => (installed(name), name),
            AsmHeaders::Source(name) => {
                self.complete(name, &own)?;
                (own.clone(), name)
            }
        };
        for (path, text) in target.overlay {
            write(&own.join(path), text)?;
        }
        let mut headers = self.shared.clone();
        let include = self.linux.join("arch").join(kernel_arch).join("include");
        for path in INTERNAL_ASM {
            let source = include.join(path);
            let text = if source.exists() { extract(&read(&source)?) } else { String::new() };
            write(&own.join("internal").join(path), &text)?;
            headers.insert(format!("internal/{path}"), text.into());
        }
        walk(&asm, "asm", &mut headers)?;
        walk(&own, "asm", &mut headers)?;
        let internal = INTERNAL.iter().map(|path| format!("internal/{path}"));
        for path in internal.chain([LIBC.to_owned()]) {
            let text = read(&self.scratch.join(&path))?;
            headers.insert(path, text.into());
        }
        let include = self.libc_dev.join("usr/include");
        let folders = vec![own, asm, include, self.scratch.join("shim"), self.scratch.clone()];
        Ok(TargetHeaders { folders, headers })
    }

    /// The headers of an architecture as `headers_install` would put them: its own from
    /// the source, the others from `asm-generic`.
    fn complete(&self, arch: &str, own: &Path) -> Result<(), Error> {
        let include = self.linux.join("arch").join(arch).join("include/uapi");
        let mut found = BTreeMap::new();
        walk(&include, "asm", &mut found)?;
        for (path, text) in &found {
            let for_users = |line: &&str| !line.contains("<linux/compiler");
            let lines: Vec<&str> = text.lines().filter(for_users).collect();
            write(&own.join(path), &(lines.join("\n") + "\n"))?;
        }
        let asm = self.linux.join("include/uapi/asm-generic/Kbuild");
        let kbuild = read(&include.join("asm/Kbuild"))? + &read(&asm)?;
        for (kind, name) in kbuild.lines().filter_map(|line| line.split_once("-y += ")) {
            let path = format!("asm/{}", name.trim());
            if found.contains_key(&path) {
                continue;
            }
            match kind {
                "mandatory" | "generic" => {
                    let text = format!("#include <asm-generic/{}>\n", name.trim());
                    write(&own.join(path), &text)?;
                }
                // Numbers of calls: they are no constants of ours.
                _ => write(&own.join(path), "")?,
            }
        }
        Ok(())
    }
}

/// The headers of one target.
pub(crate) struct TargetHeaders {
    /// In the order of the search.
    pub(crate) folders: Vec<PathBuf>,
    /// Path in an `#include`, and text.
    pub(crate) headers: BTreeMap<String, Arc<str>>,
}

impl TargetHeaders {
    /// The path in an `#include` of a file that the compiler names.
    pub(crate) fn relative<'p>(&self, path: &'p str) -> Option<&'p str> {
        let strip = |folder: &PathBuf| path.strip_prefix(folder.to_str()?)?.strip_prefix('/');
        self.folders.iter().find_map(strip)
    }

    /// The lines that include headers, with what they need.
    pub(crate) fn lines(headers: &[&str]) -> String {
        let mut text = String::new();
        let mut include = |path: &str| {
            let _ = writeln!(text, "#include <{path}>");
        };
        PRELUDE.iter().for_each(|path| include(path));
        for header in headers {
            let needs = NEEDS.iter().filter(|(path, _)| path == header);
            needs.for_each(|(_, path)| include(path));
            if header.starts_with("internal/") {
                include("internal/first.h");
            }
            if header.starts_with("internal/") && !header.starts_with("internal/asm/") {
                include("internal/asm/socket.h");
            }
            include(header);
        }
        text
    }
}

pub(crate) fn read(path: &Path) -> Result<String, Error> {
    let bytes = fs::read(path).map_err(|error| Error::io(path, &error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

pub(crate) fn write(path: &Path, text: &str) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| Error::io(folder, &error))?;
    }
    fs::write(path, text).map_err(|error| Error::io(path, &error))
}

fn folders(path: &Path) -> Result<Vec<String>, Error> {
    let entries = fs::read_dir(path).map_err(|error| Error::io(path, &error))?;
    let names = entries.filter_map(Result::ok).filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> =
        names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

/// Reads the `.h` files under a folder; none, if it does not exist.
fn walk(root: &Path, folder: &str, into: &mut BTreeMap<String, Arc<str>>) -> Result<(), Error> {
    let path = root.join(folder);
    let Ok(entries) = fs::read_dir(&path) else { return Ok(()) };
    for entry in entries.filter_map(Result::ok) {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let inner = format!("{folder}/{name}");
        if entry.path().is_dir() {
            walk(root, &inner, into)?;
        } else if name.ends_with(".h") {
            into.insert(inner, read(&entry.path())?.into());
        }
    }
    Ok(())
}
