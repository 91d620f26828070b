//! The object that a path names where a task stands: its root, its working folder or one of its
//! descriptors, its `/proc/self`.
//!
//! The way is walked by descriptors, one component after the other, and what was looked at is
//! handed out: the object itself, or the folder and the name in it. What the path is called at the
//! end is the kernel's own word for that very object ([`Resolved::path`]), without `.`, `..` and
//! symbolic links, seen from the task's root.
//!
//! The walk has the rights of the calling thread.

use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, StatxFlags, fstat, fstatfs, openat2, statx,
};
use rustix::io::Errno;

use super::memory::PATH_MAX;

mod by_descriptor;
mod link;

pub use by_descriptor::own_link;
use by_descriptor::{PROC_SUPER_MAGIC, open_path};

/// Most symbolic links on one way (`MAXSYMLINKS`).
const LINKS_MAX: u32 = 40;
/// Longest name of a folder's entry.
const NAME_MAX: usize = 255;
/// Begins the path of an object that the task's root is not above, as in the kernel's own words.
const UNREACHABLE: &[u8] = b"(unreachable)";

/// How a path is to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// Whether a symbolic link at the end is followed.
    pub follow: bool,
    /// Whether an empty path names the folder that it would begin at (`AT_EMPTY_PATH`).
    pub empty: bool,
    /// Whether the folder and the name in it are wanted, to make, remove or rename it.
    pub entry: bool,
}

impl Manner {
    /// For calls that use what is there.
    pub const OBJECT: Self = Self { follow: true, empty: false, entry: false };
    /// For calls that use what is there, be it a symbolic link.
    pub const LINK: Self = Self { follow: false, empty: false, entry: false };
    /// For calls that make, remove or rename an entry.
    pub const ENTRY: Self = Self { follow: false, empty: false, entry: true };
}

/// Where a relative path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the task's working folder.
    Cwd,
    /// At one of its descriptors.
    Descriptor(i32),
}

impl Start {
    /// What the register of a call says.
    #[must_use]
    pub fn of_register(register: u64) -> Self {
        // An `int`.
        let low = u32::try_from(register & 0xffff_ffff).unwrap_or_default().cast_signed();
        if low == AT_FDCWD { Self::Cwd } else { Self::Descriptor(low) }
    }
}

const AT_FDCWD: i32 = -100;

/// How the last component was spelled, where it is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// A name.
    Name,
    /// `.`
    Dot,
    /// `..`
    DotDot,
    /// `/` and nothing behind, an empty path, or a link of `/proc` that leads somewhere without a
    /// path.
    Object,
}

/// Where a path led.
#[derive(Debug)]
pub struct Found {
    /// The object (`O_PATH`), if there is one.
    pub object: Option<OwnedFd>,
    /// The folder (`O_PATH`) and the name in it: always there where [`Manner::entry`] asked for it
    /// and the last component is a name, or where there is no object.
    pub entry: Option<(OwnedFd, CString)>,
    /// How the last component was spelled.
    pub last: Last,
    /// Whether a slash stood at the end: only a folder will do.
    pub folder: bool,
}

/// What became of a path.
#[derive(Debug)]
pub struct Resolved {
    /// What it is called from the task's root. Where nothing was found: the way up to there, and
    /// the rest as it was written.
    pub path: Vec<u8>,
    /// Where it led; the error is the one that the kernel would have told the task.
    pub found: Result<Found, Errno>,
}

/// Resolves a path of a task with the rights of this thread.
#[must_use]
pub fn resolve(tid: u32, start: Start, path: &[u8], manner: Manner) -> Resolved {
    match Scene::new(tid, start, path) {
        Ok(scene) => scene.resolve(path, manner),
        Err(errno) => Resolved { path: path.to_vec(), found: Err(errno) },
    }
}

/// Where a path of a task begins. It is found with other rights than it is walked with: that a task
/// may not look at itself through `/proc` (it has changed its user, say) keeps it from nothing.
#[derive(Debug)]
pub struct Scene {
    space: Space,
    begin: OwnedFd,
}

impl Scene {
    /// Where this path of the task begins.
    ///
    /// # Errors
    /// [`Errno::BADF`]: it has no such descriptor; [`Errno::NOENT`], [`Errno::SRCH`]: it has ended;
    /// [`Errno::ACCESS`] and the like: it may not be looked at.
    pub fn new(tid: u32, start: Start, path: &[u8]) -> Result<Self, Errno> {
        let space = Space::of(tid)?;
        let begin = if path.first() == Some(&b'/') {
            space.root.try_clone().map_err(|_| Errno::NFILE)?
        } else {
            folder(tid, start)?
        };
        Ok(Self { space, begin })
    }

    /// Walks the path, with the rights of this thread.
    #[must_use]
    pub fn resolve(self, path: &[u8], manner: Manner) -> Resolved {
        let Self { space, begin } = self;
        let fail = |errno| Resolved { path: path.to_vec(), found: Err(errno) };
        if path.len() >= PATH_MAX {
            return fail(Errno::NAMETOOLONG);
        }
        if path.is_empty() {
            if !manner.empty {
                return fail(Errno::NOENT);
            }
            return space.named(begin, Last::Object, false);
        }
        if !manner.entry
            && let Some(object) = space.at_once(&begin, path, manner)
        {
            return space.named(object, Last::Object, path.last() == Some(&b'/'));
        }
        Walk::new(&space, begin, path, manner).run()
    }
}

/// Opens what a task's path begins at.
fn folder(tid: u32, start: Start) -> Result<OwnedFd, Errno> {
    let path = match start {
        Start::Cwd => format!("/proc/{tid}/cwd"),
        Start::Descriptor(fd) => format!("/proc/{tid}/fd/{fd}"),
    };
    open_path(CWD, path.as_str(), OFlags::empty()).map_err(|errno| match (errno, start) {
        (Errno::NOENT, Start::Descriptor(_)) => Errno::BADF,
        (errno, Start::Cwd | Start::Descriptor(_)) => errno,
    })
}

/// What tells folders apart: where they are mounted, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    mount: u64,
    device: (u32, u32),
    inode: u64,
}

impl Identity {
    fn of(fd: BorrowedFd<'_>, path: &CStr, flags: AtFlags) -> Result<Self, Errno> {
        let wanted = StatxFlags::INO | StatxFlags::MNT_ID;
        let it = statx(fd, path, flags | AtFlags::NO_AUTOMOUNT, wanted)?;
        let device = (it.stx_dev_major, it.stx_dev_minor);
        Ok(Self { mount: it.stx_mnt_id, device, inode: it.stx_ino })
    }

    fn of_fd(fd: &OwnedFd) -> Result<Self, Errno> {
        Self::of(fd.as_fd(), c"", AtFlags::EMPTY_PATH)
    }
}

/// The root of this process, which stays what it was at first.
fn own_root() -> Option<Identity> {
    static ROOT: OnceLock<Option<Identity>> = OnceLock::new();
    *ROOT.get_or_init(|| Identity::of(CWD, c"/", AtFlags::empty()).ok())
}

/// Where a task's paths live.
#[derive(Debug)]
struct Space {
    tid: u32,
    root: OwnedFd,
    /// Its identity.
    identity: Identity,
    /// Whether it is this process's as well.
    ours: bool,
    /// What this process calls it.
    name: Vec<u8>,
}

impl Space {
    fn of(tid: u32) -> Result<Self, Errno> {
        let root = open_path(CWD, format!("/proc/{tid}/root").as_str(), OFlags::DIRECTORY)?;
        let identity = Identity::of_fd(&root)?;
        let ours = Some(identity) == own_root();
        let name = if ours { Vec::new() } else { link::name(&root)? };
        Ok(Self { tid, root, identity, ours, name })
    }

    /// The whole way by the kernel in one call, where it would be the same one for the task; `None`
    /// where the walk has to find out.
    fn at_once(&self, begin: &OwnedFd, path: &[u8], manner: Manner) -> Option<OwnedFd> {
        let absolute = path.first() == Some(&b'/');
        let beneath = match (self.ours, absolute) {
            (true, _) => ResolveFlags::empty(),
            (false, true) => ResolveFlags::IN_ROOT,
            (false, false) => return None,
        };
        let nofollow = if manner.follow { OFlags::empty() } else { OFlags::NOFOLLOW };
        let flags = OFlags::PATH | OFlags::CLOEXEC | nofollow;
        // Links that lead to what has no path, such as those of `/proc/self`, are ours there.
        let resolve = beneath | ResolveFlags::NO_MAGICLINKS;
        let object = openat2(begin, path, flags, Mode::empty(), resolve).ok()?;
        // So is `/proc/self`, an ordinary link.
        let on_proc = fstatfs(&object).ok()?.f_type == PROC_SUPER_MAGIC;
        (!on_proc).then_some(object)
    }

    /// What an object is called from the task's root.
    fn path_of(&self, object: &OwnedFd) -> Result<Vec<u8>, Errno> {
        let path = link::name(object)?;
        if self.ours || self.name == b"/" {
            return Ok(path);
        }
        Ok(match path.strip_prefix(self.name.as_slice()) {
            Some([]) => b"/".to_vec(),
            Some(rest @ [b'/', ..]) => rest.to_vec(),
            Some(_) | None => [UNREACHABLE, path.as_slice()].concat(),
        })
    }

    fn named(&self, object: OwnedFd, last: Last, folder: bool) -> Resolved {
        match self.path_of(&object) {
            Ok(path) => {
                let found = Found { object: Some(object), entry: None, last, folder };
                Resolved { path, found: Ok(found) }
            }
            Err(errno) => Resolved { path: Vec::new(), found: Err(errno) },
        }
    }
}

/// A walk: what is still to come, from where.
struct Walk<'s> {
    space: &'s Space,
    here: OwnedFd,
    /// The components to come; an empty one at the end stands for the slash there.
    rest: VecDeque<Vec<u8>>,
    links: u32,
    manner: Manner,
    last: Last,
}

/// What a step came to.
enum Step {
    On,
    Done(Found),
}

impl<'s> Walk<'s> {
    fn new(space: &'s Space, begin: OwnedFd, path: &[u8], manner: Manner) -> Self {
        let (rest, last) = (components(path), Last::Object);
        Self { space, here: begin, rest, links: 0, manner, last }
    }

    fn run(mut self) -> Resolved {
        loop {
            let Some(component) = self.rest.pop_front() else {
                let (space, last) = (self.space, self.last);
                return space.named(self.here, last, false);
            };
            match self.step(&component) {
                Ok(Step::On) => {}
                Ok(Step::Done(found)) => return self.found(found),
                Err(errno) => {
                    self.rest.push_front(component);
                    return self.lost(errno);
                }
            }
        }
    }

    fn found(&self, found: Found) -> Resolved {
        let path = match (&found.entry, &found.object) {
            (Some((folder, name)), _) => {
                self.space.path_of(folder).map(|path| joined(path, name.as_bytes()))
            }
            (None, Some(object)) => self.space.path_of(object),
            (None, None) => Err(Errno::NOENT),
        };
        match path {
            Ok(path) => Resolved { path, found: Ok(found) },
            Err(errno) => Resolved { path: Vec::new(), found: Err(errno) },
        }
    }

    fn lost(&self, errno: Errno) -> Resolved {
        let path = self.space.path_of(&self.here).unwrap_or_default();
        let path = self.rest.iter().fold(path, |path, part| joined(path, part));
        Resolved { path, found: Err(errno) }
    }

    /// Goes over one component.
    fn step(&mut self, component: &[u8]) -> Result<Step, Errno> {
        match component {
            // A slash at the end, behind what is no folder, or `.`.
            b"" | b"." => {
                self.here = open_path(self.here.as_fd(), c".", OFlags::DIRECTORY)?;
                if component == b"." {
                    self.last = Last::Dot;
                }
            }
            b".." => {
                self.last = Last::DotDot;
                if Identity::of_fd(&self.here)? != self.space.identity {
                    self.here = open_path(self.here.as_fd(), c"..", OFlags::DIRECTORY)?;
                }
            }
            name if name.len() > NAME_MAX => return Err(Errno::NAMETOOLONG),
            name => return self.name(name),
        }
        Ok(Step::On)
    }

    fn name(&mut self, name: &[u8]) -> Result<Step, Errno> {
        let name = CString::new(name).map_err(|_| Errno::INVAL)?;
        if link::is_of_monitor(self.space.tid, &self.here, &name)? {
            return Err(Errno::ACCESS);
        }
        self.last = Last::Name;
        let slash = self.rest.front().is_some_and(Vec::is_empty);
        let is_last = self.rest.is_empty() || slash;
        let object = match open_path(self.here.as_fd(), &*name, OFlags::NOFOLLOW) {
            Ok(object) => object,
            Err(Errno::NOENT) if is_last => {
                let entry = Some((self.here.try_clone().map_err(|_| Errno::NFILE)?, name));
                let last = Last::Name;
                return Ok(Step::Done(Found { object: None, entry, last, folder: slash }));
            }
            Err(errno) => return Err(errno),
        };
        let stat = fstat(&object)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        // A slash behind a link makes it one that is followed, except where the entry itself is
        // to be made, removed or renamed: what those calls say to it is for the kernel to say.
        let follow = !is_last || self.manner.follow || (slash && !self.manner.entry);
        if kind == FileType::Symlink && follow {
            return self.follow(&object, &name);
        }
        if !is_last {
            self.here = object;
            return Ok(Step::On);
        }
        if slash && kind != FileType::Directory && !self.manner.entry {
            return Err(Errno::NOTDIR);
        }
        let entry = Some((self.here.try_clone().map_err(|_| Errno::NFILE)?, name));
        Ok(Step::Done(Found { object: Some(object), entry, last: Last::Name, folder: slash }))
    }

    /// Goes where a link leads.
    fn follow(&mut self, object: &OwnedFd, name: &CStr) -> Result<Step, Errno> {
        self.links += 1;
        if self.links > LINKS_MAX {
            return Err(Errno::LOOP);
        }
        match link::target(self.space.tid, &self.here, object, name)? {
            link::Target::Text(text) => {
                if text.is_empty() {
                    return Err(Errno::NOENT);
                }
                if text.first() == Some(&b'/') {
                    self.here = self.space.root.try_clone().map_err(|_| Errno::NFILE)?;
                    self.last = Last::Object;
                }
                let mut rest = components(&text);
                // Slashes at the link's end count only where nothing comes behind it.
                if !self.rest.is_empty() && rest.back().is_some_and(Vec::is_empty) {
                    rest.pop_back();
                }
                rest.append(&mut self.rest);
                self.rest = rest;
            }
            link::Target::Object(object) => {
                self.here = object;
                self.last = Last::Object;
            }
        }
        Ok(Step::On)
    }
}

/// The components of a path; an empty one at the end where a slash stands there.
fn components(path: &[u8]) -> VecDeque<Vec<u8>> {
    let names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
    let mut all: VecDeque<Vec<u8>> = names.map(<[u8]>::to_vec).collect();
    if !all.is_empty() && path.last() == Some(&b'/') {
        all.push_back(Vec::new());
    }
    all
}

fn joined(mut path: Vec<u8>, name: &[u8]) -> Vec<u8> {
    if path.last() != Some(&b'/') {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;
