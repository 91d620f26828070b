//! Where paths lead, held against where the kernel goes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::fs;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use rustix::thread::gettid;

use super::*;

fn own_tid() -> u32 {
    gettid().as_raw_nonzero().get().cast_unsigned()
}

fn text(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

fn here(path: &[u8], manner: Manner) -> Resolved {
    resolve(own_tid(), Start::Cwd, path, manner)
}

/// A folder for a test; its own path has no links.
fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    (folder, path)
}

/// `a/b/c` are folders, `a/f` is a file, and there are links.
fn tree() -> (tempfile::TempDir, PathBuf) {
    let (guard, path) = place();
    fs::create_dir_all(path.join("a/b/c")).unwrap();
    fs::write(path.join("a/f"), "x").unwrap();
    let links = [
        ("up", ".."),
        ("abs", path.join("a").to_str().unwrap()),
        ("a/slash", "b/"),
        ("a/file", "f"),
        ("a/file_slash", "f/"),
        ("a/b/loop", "loop2"),
        ("a/b/loop2", "loop"),
        ("a/b/dangling", "nowhere"),
        ("a/b/c/far", "../../../a/./b//c/../../f"),
        ("a/self", "/proc/self/cwd"),
        ("a/root", "/"),
    ]
    .map(|(name, to)| (name, to.to_owned()));
    for (name, to) in links {
        symlink(to, path.join(name)).unwrap();
    }
    (guard, path)
}

const PARTS: &[&str] = &[
    "a",
    "b",
    "c",
    "f",
    "up",
    "abs",
    "slash",
    "file",
    "file_slash",
    "loop",
    "dangling",
    "far",
    "self",
    "root",
    "..",
    ".",
    "",
    "missing",
];

/// All paths of up to three parts, and what the kernel itself makes of them.
#[test]
fn paths_lead_where_the_kernel_goes() {
    let (_guard, base) = tree();
    let mut checked = 0;
    for prefix in ["", "a", "a/b/c"] {
        for one in PARTS {
            for two in PARTS {
                for three in ["", "/", "/f", "/..", "/c/far", "/loop", "/missing/x"] {
                    let path = format!("{}/{prefix}/{one}/{two}{three}", base.display());
                    for follow in [true, false] {
                        as_kernel(path.as_bytes(), follow);
                        checked += 1;
                    }
                }
            }
        }
    }
    assert!(checked > 10_000);
}

fn as_kernel(path: &[u8], follow: bool) {
    let nofollow = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
    let expected = open_path(CWD, path, nofollow);
    let shown = String::from_utf8_lossy(path).into_owned();
    for entry in [true, false] {
        // To make, remove or rename an entry, a link with a slash behind it is not followed.
        if entry && shown.ends_with('/') && !follow {
            continue;
        }
        let Resolved { path: name, found } = here(path, Manner { follow, empty: false, entry });
        let slash = found.as_ref().is_ok_and(|found| found.folder);
        let object = found
            .as_ref()
            .map_err(|errno| *errno)
            .and_then(|found| found.object.as_ref().ok_or(Errno::NOENT));
        match (&expected, object) {
            (Ok(expected), Ok(object)) => {
                let (left, right) = (fstat(expected).unwrap(), fstat(object).unwrap());
                let same = (left.st_ino, left.st_dev) == (right.st_ino, right.st_dev);
                assert!(same, "{shown} {follow} {entry}");
                assert_eq!(name, link::name(expected).unwrap(), "{shown} {follow} {entry}");
            }
            (Err(expected), Err(errno)) => assert_eq!(*expected, errno, "{shown} {follow} {entry}"),
            // A slash behind a file is for who opens it to refuse: making it has another error.
            (Err(Errno::NOTDIR), Ok(_)) if entry && slash => {}
            (expected, got) => panic!("{shown} {follow} {entry}: {expected:?} {got:?}"),
        }
    }
}

#[test]
fn a_missing_entry_has_its_folder_and_name() {
    let (_guard, base) = tree();
    let path = base.join("abs/../a/b/c/../new");
    let resolved = here(text(&path), Manner::ENTRY);
    assert_eq!(resolved.path, text(&base.join("a/b/new")));
    let found = resolved.found.unwrap();
    assert!(found.object.is_none() && !found.folder);
    let (folder, name) = found.entry.unwrap();
    assert_eq!(name.as_bytes(), b"new");
    assert_eq!(fstat(&folder).unwrap().st_ino, fs::metadata(base.join("a/b")).unwrap().ino());
    // What a dangling link leads to is what is made.
    let resolved = here(text(&base.join("a/b/dangling")), Manner { follow: true, ..Manner::ENTRY });
    assert_eq!(resolved.path, text(&base.join("a/b/nowhere")));
    let resolved = here(text(&base.join("a/b/dangling")), Manner::ENTRY);
    assert_eq!(resolved.path, text(&base.join("a/b/dangling")));
}

#[test]
fn what_leads_nowhere_keeps_the_rest() {
    let (_guard, base) = tree();
    let resolved = here(text(&base.join("abs/missing/../x")), Manner::OBJECT);
    assert_eq!(resolved.path, text(&base.join("a/missing/../x")));
    assert_eq!(resolved.found.unwrap_err(), Errno::NOENT);
}

#[test]
fn long_names_and_paths_are_refused() {
    let error = |path: &[u8]| here(path, Manner::OBJECT).found.unwrap_err();
    assert_eq!(error(&[b"/".as_slice(), &[b'x'; 256]].concat()), Errno::NAMETOOLONG);
    assert_eq!(error(&[b'/'; PATH_MAX]), Errno::NAMETOOLONG);
    assert_eq!(error(b""), Errno::NOENT);
    assert!(here(&[b'/'; PATH_MAX - 1], Manner::OBJECT).found.is_ok());
}

#[test]
fn own_links_are_the_tasks() {
    // A child that waits: its `self` is not ours.
    let mut child =
        std::process::Command::new("sleep").arg("60").current_dir("/usr").spawn().unwrap();
    let tid = child.id();
    let of = |path: &[u8]| resolve(tid, Start::Cwd, path, Manner::OBJECT).path;
    let results = [
        (of(b"/proc/self/cwd"), b"/usr".to_vec()),
        (of(b"/proc/thread-self/cwd/."), b"/usr".to_vec()),
        (of(b"/proc/self/status"), format!("/proc/{tid}/status").into_bytes()),
        (of(b"/proc/self/task/../root/etc"), b"/etc".to_vec()),
        (of(b"/proc/mounts"), format!("/proc/{tid}/mounts").into_bytes()),
        (of(b"."), b"/usr".to_vec()),
        (of(b"../usr/./bin/.."), b"/usr".to_vec()),
    ];
    child.kill().unwrap();
    child.wait().unwrap();
    for (path, expected) in results {
        assert_eq!(String::from_utf8_lossy(&path), String::from_utf8_lossy(&expected));
    }
}

#[test]
fn descriptors_begin_paths() {
    let (_guard, base) = tree();
    let folder = fs::File::open(base.join("a")).unwrap();
    let file = fs::File::open(base.join("a/f")).unwrap();
    let at = |fd: &fs::File, path: &[u8], manner| {
        resolve(own_tid(), Start::Descriptor(fd.as_raw_fd()), path, manner)
    };
    assert_eq!(at(&folder, b"file", Manner::OBJECT).path, text(&base.join("a/f")));
    assert_eq!(at(&file, b"x", Manner::OBJECT).found.unwrap_err(), Errno::NOTDIR);
    assert_eq!(at(&file, b"", Manner::OBJECT).found.unwrap_err(), Errno::NOENT);
    let empty = Manner { empty: true, ..Manner::OBJECT };
    assert_eq!(at(&file, b"", empty).path, text(&base.join("a/f")));
    let none = resolve(own_tid(), Start::Descriptor(123_456), b"x", Manner::OBJECT);
    assert_eq!(none.found.unwrap_err(), Errno::BADF);
    assert_eq!(Start::of_register(0xffff_ff9c), Start::Cwd);
    assert_eq!(Start::of_register(u64::MAX - 99), Start::Cwd);
    assert_eq!(Start::of_register(0x1_0000_0005), Start::Descriptor(5));
}

#[test]
fn another_root_is_the_tasks() {
    let (_guard, base) = tree();
    symlink("/a/f", base.join("inside")).unwrap();
    let outside = fs::File::open("/usr").unwrap();
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let (tell, told) = std::sync::mpsc::channel();
    let root = base.clone();
    let thread = std::thread::spawn(move || {
        filterc_loader::task::own_fs().unwrap();
        let changed = rustix::process::chroot(&root).and_then(|()| rustix::process::chdir("/a"));
        tell.send(changed.map(|()| own_tid())).unwrap();
        let _ = wait.recv();
    });
    let Ok(tid) = told.recv().unwrap() else {
        println!("skipped: no right to change the root");
        return;
    };
    let at = |start, path: &[u8]| resolve(tid, start, path, Manner::OBJECT);
    let found = |path: &[u8]| {
        let resolved = at(Start::Cwd, path);
        resolved.found.unwrap();
        String::from_utf8(resolved.path).unwrap()
    };
    assert_eq!(found(b"/inside"), "/a/f");
    assert_eq!(found(b"../inside"), "/a/f");
    assert_eq!(found(b"/../../../a"), "/a");
    assert_eq!(found(b"../../../.."), "/");
    assert_eq!(found(b"b/../../../a/root"), "/");
    assert_eq!(found(b"b/c/far"), "/a/f");
    assert_eq!(at(Start::Cwd, b"/etc/passwd").found.unwrap_err(), Errno::NOENT);
    // A folder that its root is not above: nothing there has an absolute path.
    let escaped = at(Start::Descriptor(outside.as_raw_fd()), b"bin/..");
    assert_eq!(escaped.path, b"(unreachable)/usr");
    done.send(()).unwrap();
    thread.join().unwrap();
}

#[test]
fn links_of_others_in_folders_for_all_are_not_followed() {
    let (_guard, base) = place();
    let made = fs::write(base.join("f"), "x")
        .and_then(|()| symlink("f", base.join("l")))
        .and_then(|()| std::os::unix::fs::lchown(base.join("l"), Some(12345), None));
    let protected = fs::read("/proc/sys/fs/protected_symlinks").is_ok_and(|text| text == b"1\n");
    if made.is_err() || !protected {
        println!("skipped: not root, or fs.protected_symlinks is off");
        return;
    }
    fs::set_permissions(&base, std::os::unix::fs::PermissionsExt::from_mode(0o1777)).unwrap();
    std::os::unix::fs::chown(&base, Some(54321), None).unwrap();
    as_kernel(text(&base.join("l")), true);
    let resolved = here(text(&base.join("l")), Manner { entry: true, ..Manner::OBJECT });
    assert_eq!(resolved.found.unwrap_err(), Errno::ACCESS);
}
