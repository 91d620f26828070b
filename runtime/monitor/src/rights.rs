//! Acting with another task's rights: its effective user, groups and capabilities, for one thread and
//! one act.
//!
//! A monitor that has more rights than who asks it would otherwise lend them. One that has no
//! privileges cannot take others' rights, and then acts only for tasks whose rights are its own.

use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_thread_groups,
    set_thread_res_gid, set_thread_res_uid,
};

use crate::view::task::Status;

/// The monitor's own rights.
#[derive(Clone, Debug)]
pub struct Rights {
    user: u32,
    group: u32,
    groups: Vec<u32>,
    capabilities: CapabilitySets,
    users: Vec<u8>,
}

/// Changing users, groups and capabilities of a thread.
const NEEDED: CapabilitySet = CapabilitySet::SETUID.union(CapabilitySet::SETGID);

/// The rights of a task, to act with.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Where they are not the monitor's own.
    other: Option<Other>,
}

#[derive(Clone, Debug)]
struct Other {
    user: u32,
    group: u32,
    groups: Vec<u32>,
    effective: CapabilitySet,
}

impl Taken {
    /// Those of the monitor itself.
    pub const OWN: Self = Self { other: None };
}

impl Rights {
    /// Those of this thread.
    ///
    /// # Errors
    /// Where `/proc` cannot be read.
    pub fn own() -> Result<Self, Errno> {
        let tid = rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned();
        let status = Status::read(tid)?;
        let ([_, user, ..], [_, group, ..]) = (status.uids, status.gids);
        let capabilities = capabilities(None)?;
        Ok(Self { user, group, groups: status.groups, capabilities, users: users(tid)? })
    }

    /// Whether every task that was started with these rights, and can gain none
    /// (`no_new_privs`), has them or fewer: nothing needs to be taken on then.
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.user != 0 && self.capabilities.effective.is_empty()
    }

    /// Which rights a task has. They stay the same while it waits for its call.
    ///
    /// # Errors
    /// [`Errno::PERM`] where this process cannot take them on; what keeps it from looking.
    pub fn of(&self, tid: u32, status: &Status) -> Result<Taken, Errno> {
        let ([_, user, _, fs_user], [_, group, _, fs_group]) = (status.uids, status.gids);
        if (user, group) != (fs_user, fs_group) {
            // What file servers did; it cannot be told by whose rights they want to act.
            return Err(Errno::PERM);
        }
        // Capabilities over another namespace of users are none over this one.
        let theirs = if status.capabilities != 0 && users(tid)? == self.users {
            CapabilitySet::from_bits_retain(status.capabilities)
        } else {
            CapabilitySet::empty()
        };
        let effective = theirs.intersection(self.capabilities.permitted);
        let same = user == self.user && group == self.group && status.groups == self.groups;
        if same && effective == self.capabilities.effective {
            return Ok(Taken { other: None });
        }
        if !self.capabilities.effective.contains(NEEDED) {
            return Err(Errno::PERM);
        }
        let other = Other { user, group, groups: status.groups.clone(), effective };
        Ok(Taken { other: Some(other) })
    }

    /// Does something with rights that a task has.
    ///
    /// # Errors
    /// What the kernel says to taking them on.
    pub fn with<T>(&self, rights: &Taken, act: impl FnOnce() -> T) -> Result<T, Errno> {
        let Some(other) = &rights.other else { return Ok(act()) };
        let taken = self.take(other);
        let result = taken.map(|()| act());
        if self.restore().is_err() {
            // This thread would go on with rights that are nobody's.
            std::process::abort();
        }
        result
    }

    /// Whether ids of users and groups are the same numbers for a task.
    ///
    /// # Errors
    /// Where it cannot be looked at.
    pub fn has_same_users(&self, tid: u32) -> Result<bool, Errno> {
        Ok(users(tid)? == self.users)
    }

    fn take(&self, other: &Other) -> Result<(), Errno> {
        set_groups(&other.groups)?;
        set_group(other.group)?;
        // The kernel clears the effective capabilities with this, or not: they are set below.
        set_user(other.user)?;
        let effective = other.effective;
        set_capabilities(None, CapabilitySets { effective, ..self.capabilities })
    }

    fn restore(&self) -> Result<(), Errno> {
        set_capabilities(None, self.capabilities)?;
        set_user(self.user)?;
        set_group(self.group)?;
        set_groups(&self.groups)?;
        set_capabilities(None, self.capabilities)
    }
}

fn set_groups(groups: &[u32]) -> Result<(), Errno> {
    let groups: Vec<Gid> = groups.iter().map(|group| Gid::from_raw(*group)).collect();
    set_thread_groups(&groups)
}

/// The namespace of users that a thread is in.
fn users(tid: u32) -> Result<Vec<u8>, Errno> {
    let link = format!("/proc/{tid}/ns/user");
    Ok(rustix::fs::readlink(link, Vec::new())?.into_bytes())
}

/// The effective user of this thread, and with it the one whose rights it uses files with. The others
/// stay, so that there is a way back, and so that nobody else may touch this process.
fn set_user(user: u32) -> Result<(), Errno> {
    set_thread_res_uid(None, Uid::from_raw(user), None)
}

fn set_group(group: u32) -> Result<(), Errno> {
    set_thread_res_gid(None, Gid::from_raw(group), None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn own_status() -> Status {
        Status::read(rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned()).unwrap()
    }

    #[test]
    fn rights_are_those_of_the_task_for_one_act() {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: not root");
            return;
        }
        let mut command = std::process::Command::new("sleep");
        std::os::unix::process::CommandExt::uid(&mut command, 12345);
        std::os::unix::process::CommandExt::gid(&mut command, 23456);
        let mut child = command.arg("60").spawn().unwrap();
        let rights = Rights::own().unwrap();
        let taken = rights.of(child.id(), &Status::read(child.id()).unwrap()).unwrap();
        let before = own_status();
        let during =
            rights.with(&taken, || (own_status(), std::fs::File::open("/etc/shadow").map(|_| ())));
        child.kill().unwrap();
        child.wait().unwrap();
        let (status, opened) = during.unwrap();
        assert_eq!((status.uids, status.gids), ([0, 12345, 0, 12345], [0, 23456, 0, 23456]));
        assert_eq!((status.groups.len(), status.capabilities), (0, 0));
        assert!(opened.is_err(), "a file of root's was opened for somebody else");
        let after = own_status();
        assert_eq!((after.uids, after.gids), (before.uids, before.gids));
        assert_eq!((after.groups, after.capabilities), (before.groups, before.capabilities));
    }

    #[test]
    fn own_rights_are_not_changed() {
        let own = std::process::id();
        let rights = Rights::own().unwrap();
        let taken = rights.of(own, &own_status()).unwrap();
        assert!(taken.other.is_none());
        assert_eq!(rights.with(&taken, || 7), Ok(7));
        assert_eq!(rights.has_same_users(own), Ok(true));
    }
}
