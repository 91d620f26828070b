//! One call of one task, and what is found out about it: each thing once, when it is first asked
//! for, so that what was judged is what is acted on.

use std::cell::{Cell, OnceCell, RefCell};

use filterc_abi::{Abi, SeccompData};
use filterc_audit::record::Argument;
use rustix::io::Errno;

use crate::calls::{How, manner};
use crate::rights::{Rights, Taken};
use crate::view::address::Address;
use crate::view::memory::{OfThread, PATH_MAX, TEXT_MAX, Width, text, words};
use crate::view::path::{Manner, Resolved, Scene, Start};
use crate::view::task::Status;

/// A call that is looked at.
pub struct Caller<'a> {
    /// The thread.
    pub tid: u32,
    /// The registers.
    pub data: &'a SeccompData,
    /// The ABI, by the token and the number.
    pub abi: &'static Abi,
    /// The call's name; empty for a number that no table knows.
    pub name: &'static str,
    rights: &'a Rights,
    args: [u64; 6],
    texts: [OnceCell<Result<Vec<u8>, Errno>>; 6],
    paths: [OnceCell<Resolved>; 6],
    address: OnceCell<Result<Address, Errno>>,
    words: OnceCell<Result<Vec<Vec<u8>>, Errno>>,
    how: OnceCell<Result<How, Errno>>,
    status: OnceCell<Result<Status, Errno>>,
    taken: OnceCell<Result<Taken, Errno>>,
    in_memory: Cell<bool>,
    seen: RefCell<Vec<Argument>>,
}

/// How the name of a socket begins that a descriptor is of, under `/proc/PID/fd`.
pub(crate) const SOCKET: &[u8] = b"socket:";

/// Most bytes of an argument that a record keeps.
const SEEN_MAX: usize = 4096;

impl<'a> Caller<'a> {
    /// A call of a thread; `None` for a token that is no ABI's.
    #[must_use]
    pub fn new(tid: u32, data: &'a SeccompData, rights: &'a Rights) -> Option<Self> {
        let nr = data.nr.cast_unsigned();
        let abi = filterc_abi::abi_of_call(data.arch, nr)?;
        let name = abi.syscall_by_nr(nr).map_or("", |call| call.name);
        // The kernel cuts the registers of such calls.
        let cut = if abi.register == 32 { 0xffff_ffff } else { u64::MAX };
        Some(Self {
            tid,
            data,
            abi,
            name,
            rights,
            args: data.args.map(|arg| arg & cut),
            texts: Default::default(),
            paths: Default::default(),
            address: OnceCell::new(),
            words: OnceCell::new(),
            how: OnceCell::new(),
            status: OnceCell::new(),
            taken: OnceCell::new(),
            in_memory: Cell::new(false),
            seen: RefCell::default(),
        })
    }

    /// The arguments, as the ABI hands them to the kernel.
    #[must_use]
    pub const fn args(&self) -> &[u64; 6] {
        &self.args
    }

    /// One of them; those that are not there are 0.
    #[must_use]
    pub fn arg(&self, index: u8) -> u64 {
        self.args.get(usize::from(index)).copied().unwrap_or_default()
    }

    /// Whether something was found out that rests on memory.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        self.in_memory.get()
    }

    /// What was seen of memory, for records.
    #[must_use]
    pub fn seen(&self) -> Vec<Argument> {
        let mut seen = self.seen.borrow().clone();
        seen.sort_by_key(|argument| argument.index);
        seen
    }

    fn saw(&self, index: u8, bytes: &[u8]) {
        let kept = bytes.get(..SEEN_MAX).unwrap_or(bytes).to_vec();
        let cut = bytes.len() > SEEN_MAX;
        self.seen.borrow_mut().push(Argument { index, bytes: kept, cut });
    }

    fn memory(&self) -> OfThread {
        self.in_memory.set(true);
        OfThread(self.tid)
    }

    /// Whether ids of users and groups are the same numbers for the task.
    ///
    /// # Errors
    /// Where it cannot be looked at.
    pub fn has_same_users(&self) -> Result<bool, Errno> {
        self.rights.has_same_users(self.tid)
    }

    /// The rights that acts for the task are done with.
    ///
    /// # Errors
    /// [`Errno::PERM`] where this process cannot take them on.
    pub fn as_task<T>(&self, act: impl FnOnce() -> T) -> Result<T, Errno> {
        let taken = self.taken.get_or_init(|| {
            if self.rights.are_none() {
                Ok(Taken::OWN)
            } else {
                self.rights.of(self.tid, self.status()?)
            }
        });
        self.rights.with(taken.as_ref().map_err(|errno| *errno)?, act)
    }

    /// What the task's `status` says: of a task that waits it stays true.
    ///
    /// # Errors
    /// Where it is gone.
    pub fn status(&self) -> Result<&Status, Errno> {
        let status = self.status.get_or_init(|| Status::read(self.tid));
        status.as_ref().map_err(|errno| *errno)
    }

    /// The bytes up to a NUL behind an argument.
    ///
    /// # Errors
    /// [`Errno::FAULT`], [`Errno::NAMETOOLONG`].
    pub fn text(&self, argument: u8) -> Result<&[u8], Errno> {
        let cell = self.texts.get(usize::from(argument)).ok_or(Errno::INVAL)?;
        let result = cell.get_or_init(|| {
            let bytes = text(&self.memory(), self.arg(argument), PATH_MAX.max(TEXT_MAX));
            if let Ok(bytes) = &bytes {
                self.saw(argument, bytes);
            }
            bytes
        });
        result.as_deref().map_err(|errno| *errno)
    }

    /// Where the path behind an argument leads, which begins at the descriptor in another.
    ///
    /// # Errors
    /// As [`Caller::text`]; what keeps this process from looking. That the path leads nowhere is
    /// no error of this kind.
    pub fn path(&self, argument: u8, folder: Option<u8>) -> Result<&Resolved, Errno> {
        let cell = self.paths.get(usize::from(argument)).ok_or(Errno::INVAL)?;
        if let Some(resolved) = cell.get() {
            return Ok(resolved);
        }
        let path = self.text(argument)?;
        let resolved = self.resolve(path, argument, folder)?;
        Ok(cell.get_or_init(|| resolved))
    }

    fn resolve(&self, path: &[u8], argument: u8, folder: Option<u8>) -> Result<Resolved, Errno> {
        let start = folder.map_or(Start::Cwd, |folder| Start::of_register(self.arg(folder)));
        let manner = if self.opens() {
            let how = self.how()?;
            if how.resolve != 0 {
                // As a kernel without `openat2`: programs that know it know that there are such.
                return Err(Errno::NOSYS);
            }
            how.manner()
        } else {
            manner(self.name, argument, &self.args)
        };
        match Scene::new(self.tid, start, path) {
            Ok(scene) => self.as_task(|| scene.resolve(path, manner)),
            Err(errno) => Ok(Resolved { path: path.to_vec(), found: Err(errno) }),
        }
    }

    /// Takes what a path led to, to act on it.
    ///
    /// # Errors
    /// As [`Caller::path`].
    pub fn take_path(&mut self, argument: u8, folder: Option<u8>) -> Result<Resolved, Errno> {
        self.path(argument, folder)?;
        let cell = self.paths.get_mut(usize::from(argument)).ok_or(Errno::INVAL)?;
        cell.take().ok_or(Errno::INVAL)
    }

    /// Forgets where a path led, so that it is walked again.
    pub fn forget_path(&mut self, argument: u8) {
        if let Some(cell) = self.paths.get_mut(usize::from(argument)) {
            cell.take();
        }
    }

    /// Resolves a path of the task that is no argument's, as one that must be there.
    ///
    /// # Errors
    /// As [`Caller::path`].
    pub fn other_path(&self, path: &[u8], manner: Manner) -> Result<Resolved, Errno> {
        let scene = Scene::new(self.tid, Start::Cwd, path)?;
        self.as_task(|| scene.resolve(path, manner))
    }

    /// Whether the call is one of those that open a file.
    #[must_use]
    pub fn opens(&self) -> bool {
        matches!(self.name, "open" | "openat" | "openat2" | "creat")
    }

    /// How a call opens.
    ///
    /// # Errors
    /// Those of [`How::read`].
    pub fn how(&self) -> Result<How, Errno> {
        let [_, one, two, three, ..] = self.args;
        *self.how.get_or_init(|| match self.name {
            "open" => Ok(How::of_registers(one, two)),
            "creat" => {
                let flags = rustix::fs::OFlags::CREATE
                    | rustix::fs::OFlags::WRONLY
                    | rustix::fs::OFlags::TRUNC;
                Ok(How::of_registers(flags.bits().into(), one))
            }
            "openat" => Ok(How::of_registers(two, three)),
            "openat2" => How::read(&self.memory(), two, three),
            _ => Err(Errno::INVAL),
        })
    }

    /// The socket address behind an argument.
    ///
    /// # Errors
    /// Those of [`Address::read`].
    pub fn address(&self, address: u8, length: u8) -> Result<&Address, Errno> {
        let result = self.address.get_or_init(|| {
            let read = Address::read(&self.memory(), self.arg(address), self.arg(length));
            if let Ok(read) = &read {
                self.saw(address, read.as_bytes());
            }
            read
        });
        result.as_ref().map_err(|errno| *errno)
    }

    /// Whether an argument is the descriptor of a socket.
    ///
    /// # Errors
    /// What keeps it from being looked at; that there is none is no error.
    pub fn is_socket(&self, argument: u8) -> Result<bool, Errno> {
        // Threads share their table of descriptors as they do memory.
        self.in_memory.set(true);
        let fd = self.arg(argument) & 0xffff_ffff;
        let link = format!("/proc/{}/fd/{fd}", self.tid);
        match rustix::fs::readlink(link, Vec::new()) {
            Ok(name) => {
                self.saw(argument, name.as_bytes());
                Ok(name.as_bytes().starts_with(SOCKET))
            }
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// The words of a command behind an argument.
    ///
    /// # Errors
    /// Those of [`words`].
    pub fn words(&self, argument: u8) -> Result<&[Vec<u8>], Errno> {
        let result = self.words.get_or_init(|| {
            let width = if self.abi.word == 32 { Width::Bits32 } else { Width::Bits64 };
            let read = words(&self.memory(), self.arg(argument), width);
            if let Ok(read) = &read {
                self.saw(argument, &read.join(&0));
            }
            read
        });
        result.as_deref().map_err(|errno| *errno)
    }
}
