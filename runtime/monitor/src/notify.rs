//! The supervisor of user notifications.
//!
//! * A call for which no memory was looked at goes on in the kernel, or is answered.
//! * A call for which memory was looked at, and that may go on, is performed here
//!   ([`mod@crate::perform`]): the kernel would look at the memory a second time. Where it cannot be
//!   performed it goes on only if the policy says `racy`; otherwise it fails with EPERM.
//! * Whatever was found out of `/proc` or memory counts only if the call still waits afterwards:
//!   its task's number can have become another's.
//!
//! Some thread always waits for calls: an act that blocks (a FIFO, a slow peer) keeps nobody else
//! waiting. A task that is killed, or whose call is interrupted, interrupts the act; what it has done
//! by then stays done.
//!
//! A signal that comes before a call is received interrupts it: it is made again, or where the task's
//! handler is one without `SA_RESTART`, it fails with EINTR, also a call that otherwise never does.
//! One that comes later waits for the answer, from Linux 5.19 on (`WAIT_KILLABLE_RECV`); before, an
//! act may be begun twice.
//!
//! An action that only the kernel can carry out is carried out as far as it goes: `kill_thread`
//! kills the process, `trap` sends SIGSYS without the details and makes the call fail with ENOSYS,
//! `notify` and `trace` fail with ENOSYS, as without somebody who listens.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};
use std::time::{Duration, Instant, SystemTime};

use filterc_abi::{Action, SeccompData};
use filterc_audit::{Answer, Call, Event, Record, Sink, Task};
use filterc_hir::policy::Policy;
use filterc_hir::questions::performed;
use filterc_loader::notify::{AddFd, Listener, Notification};
use filterc_loader::task::{interrupt, own_fs, prepare_interruption, signal_thread};
use filterc_loader::wait;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::caller::Caller;
use crate::judge::{Judge, Verdict, number};
use crate::perform::{Failure, Outcome, perform};
use crate::rights::Rights;
use crate::view::task::{self, Status};

/// Threads that answer, at most; a call that comes when all of them are in acts that block waits.
const THREADS_MAX: usize = 256;
/// Threads that wait for calls, where there were more to do.
const SPARE: usize = 2;
/// How often acts are looked at whose task may have gone.
const LOOK: Duration = Duration::from_millis(50);
/// Looks without an act, after which it is waited for one.
const QUIET: u32 = 20;
/// How often a call is judged anew because its path changed under the act.
const TRIES: u32 = 16;
/// SIGSYS, on all architectures but mips.
const SIGSYS: i32 = if cfg!(any(target_arch = "mips", target_arch = "mips64")) { 12 } else { 31 };

/// The codes of what a supervised command can fail with: no notifications, no processes, no supervisor
/// any more, no answers.
pub const CODES: &[&str] = &["F0920", "F0921", "F0922", "F0923"];

/// What is supervised, and how.
#[derive(Debug)]
pub struct Supervision<'p> {
    /// The policy.
    pub policy: &'p Policy,
    /// The values of its parameters.
    pub params: &'p [u64],
    /// The line of each rule, by its position.
    pub lines: &'p [u32],
}

/// A supervisor.
struct Supervisor<'p, 's> {
    what: Supervision<'p>,
    listener: Listener,
    rights: Rights,
    sink: Option<Mutex<Numbered<'s>>>,
    waiting: AtomicUsize,
    threads: AtomicUsize,
    done: AtomicBool,
    /// Threads of this process: all of them, and by the call that they perform.
    all: Mutex<Vec<u32>>,
    acts: Mutex<BTreeMap<u64, u32>>,
    acting: Condvar,
    /// Whether whoever looks after acts waits to be told of one.
    resting: AtomicBool,
    /// The first record that was lost in a way that must end the command.
    lost: AtomicBool,
    answered: AtomicU64,
}

/// Records in the order of their numbers.
struct Numbered<'s> {
    sink: &'s mut (dyn Sink + Send),
    next: u64,
}

/// What became of a supervision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Calls that were answered.
    pub answered: u64,
    /// Whether it ended because a record was lost.
    pub lost: bool,
}

/// Answers calls until no task is left under the filter, or a record is lost that must not be.
///
/// # Errors
/// What keeps this process from supervising at all; tasks are answered ENOSYS by the kernel then.
pub fn supervise(
    what: Supervision<'_>,
    listener: Listener,
    sink: Option<&mut (dyn Sink + Send)>,
) -> io::Result<Ended> {
    prepare_interruption()?;
    // What each thread will do: where this is forbidden, nobody could answer.
    own_fs()?;
    // Older kernels do not know it; it only makes answers quicker.
    let _unknown = listener.take_turns();
    let supervisor = Supervisor {
        what,
        listener,
        rights: Rights::own()?,
        sink: sink.map(|sink| Mutex::new(Numbered { sink, next: 0 })),
        waiting: AtomicUsize::new(0),
        threads: AtomicUsize::new(0),
        done: AtomicBool::new(false),
        all: Mutex::default(),
        acts: Mutex::default(),
        acting: Condvar::new(),
        resting: AtomicBool::new(false),
        lost: AtomicBool::new(false),
        answered: AtomicU64::new(0),
    };
    thread::scope(|scope| {
        let mut made = 0;
        for _ in 0..SPARE {
            made += usize::from(supervisor.start(scope).is_ok());
        }
        let looking = thread::Builder::new().spawn_scoped(scope, || supervisor.look_after_acts());
        if made == 0 || looking.is_err() {
            supervisor.done.store(true, Ordering::Release);
        }
        supervisor.wait_for_end()?;
        looking.map(drop)
    })?;
    let answered = supervisor.answered.load(Ordering::Relaxed);
    Ok(Ended { answered, lost: supervisor.lost.load(Ordering::Relaxed) })
}

/// What happens to a thread that panicked is not hidden from the others, and keeps none of them
/// from answering.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn own_tid() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned()
}

impl<'p> Supervisor<'p, '_> {
    /// Waits until no task is left, then ends the threads.
    fn wait_for_end(&self) -> io::Result<()> {
        use std::os::fd::AsFd as _;
        let mut result = Ok(());
        while !self.done.load(Ordering::Acquire) {
            match wait::hung_up(self.listener.as_fd(), Duration::from_millis(500)) {
                Ok(false) => {}
                Ok(true) => break,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        self.done.store(true, Ordering::Release);
        // With the lock: between its last look and its rest it would not hear this.
        drop(lock(&self.acts));
        self.acting.notify_all();
        // A thread may just be on its way into the system call that is to be interrupted.
        while self.threads.load(Ordering::Acquire) != 0 {
            for tid in lock(&self.all).iter() {
                let _gone = interrupt(*tid);
            }
            thread::sleep(Duration::from_millis(2));
        }
        result
    }

    /// One thread more, if the system lets this process have it: else those that there are go on.
    fn start<'scope, 'env>(&'scope self, scope: &'scope Scope<'scope, 'env>) -> io::Result<()> {
        self.threads.fetch_add(1, Ordering::AcqRel);
        let made = thread::Builder::new().spawn_scoped(scope, move || {
            let tid = own_tid();
            lock(&self.all).push(tid);
            // Without a umask of its own a thread may not perform anything.
            if own_fs().is_ok() {
                self.work(scope);
            }
            lock(&self.all).retain(|other| *other != tid);
            self.threads.fetch_sub(1, Ordering::AcqRel);
        });
        if made.is_err() {
            self.threads.fetch_sub(1, Ordering::AcqRel);
        }
        made.map(drop)
    }

    fn work<'scope, 'env>(&'scope self, scope: &'scope Scope<'scope, 'env>) {
        let mut judge = Judge::new(self.what.policy, self.what.params, self.what.lines);
        while !self.done.load(Ordering::Acquire) {
            self.waiting.fetch_add(1, Ordering::AcqRel);
            let received = self.listener.receive();
            let waiting = self.waiting.fetch_sub(1, Ordering::AcqRel) - 1;
            let Ok(notification) = received else {
                // The task is gone, or this thread is to end, or all tasks are gone: newer kernels
                // say so at once, and whoever waits for it does not need to hurry.
                thread::yield_now();
                continue;
            };
            if waiting == 0 && self.threads.load(Ordering::Acquire) < THREADS_MAX {
                // Where the system has no more threads, those that there are go on.
                let _more = self.start(scope);
            }
            self.handle(&mut judge, &notification);
            self.answered.fetch_add(1, Ordering::Relaxed);
            if self.waiting.load(Ordering::Acquire) > SPARE {
                return;
            }
        }
    }

    /// Interrupts acts for tasks that wait no more. Nobody is told of an act that is quicker than a
    /// look: that would cost more than the act.
    fn look_after_acts(&self) {
        let mut quiet = 0;
        loop {
            let mut acts = lock(&self.acts);
            if self.done.load(Ordering::Acquire) {
                return;
            }
            quiet = if acts.is_empty() { quiet + 1 } else { 0 };
            if quiet > QUIET {
                self.resting.store(true, Ordering::Release);
                acts = self.acting.wait(acts).unwrap_or_else(PoisonError::into_inner);
                self.resting.store(false, Ordering::Release);
                quiet = 0;
            }
            for (id, tid) in acts.iter() {
                if !self.listener.is_valid(*id) {
                    let _gone = interrupt(*tid);
                }
            }
            drop(acts);
            thread::sleep(LOOK);
        }
    }

    fn handle(&self, judge: &mut Judge<'p>, notification: &Notification) {
        let (begin, Notification { id, tid, data }) = (Instant::now(), *notification);
        // A task of another namespace of processes, of which nothing can be seen.
        if tid == 0 {
            self.answer(id, Err(Errno::PERM));
            return;
        }
        let mut tries = 0;
        loop {
            let Some(mut caller) = Caller::new(tid, &data, &self.rights) else {
                let action = judge.foreign(&data);
                self.carry_out(notification, action);
                return;
            };
            let verdict = judge.judge(&caller);
            if !self.listener.is_valid(id) {
                return;
            }
            let goes_on = matches!(verdict.action, Action::Allow | Action::Log);
            let task = self.sink.as_ref().map(|_| task::described(tid));
            let ret = if !goes_on || !verdict.in_memory {
                self.carry_out(notification, verdict.action)
            } else if performed(caller.name) && !verdict.racy {
                match self.act(notification, &mut caller) {
                    Ok(ret) => ret,
                    Err(Failure::Changed) if tries < TRIES => {
                        tries += 1;
                        continue;
                    }
                    Err(Failure::Changed) => self.answer(id, Err(Errno::LOOP)),
                    Err(Failure::Errno(errno)) => self.answer(id, Err(errno)),
                }
            } else if verdict.racy {
                self.carry_out(notification, Action::Allow)
            } else {
                self.answer(id, Err(Errno::PERM))
            };
            if let Some(task) = task {
                self.record(task, &data, &caller, &verdict, ret, begin);
            }
            return;
        }
    }

    /// Performs the call and answers; what it returned.
    fn act(
        &self,
        notification: &Notification,
        caller: &mut Caller<'_>,
    ) -> Result<Option<i64>, Failure> {
        let id = notification.id;
        lock(&self.acts).insert(id, own_tid());
        if self.resting.load(Ordering::Acquire) {
            self.acting.notify_all();
        }
        let outcome = perform(caller);
        lock(&self.acts).remove(&id);
        match outcome? {
            Outcome::Value(value) => Ok(self.send(id, Ok(value))),
            Outcome::Descriptor { fd, close_on_exec } => {
                use std::os::fd::AsFd as _;
                let how = AddFd { at: None, close_on_exec, send: true };
                let fd = fd.as_fd();
                match self.listener.add_fd(id, fd, how) {
                    Ok(number) => Ok(Some(number.into())),
                    // Before Linux 5.14 these are two acts.
                    Err(error) if error.raw_os_error() == Some(22) => {
                        let how = AddFd { send: false, ..how };
                        match self.listener.add_fd(id, fd, how) {
                            Ok(number) => Ok(self.send(id, Ok(number.into()))),
                            Err(error) => Err(as_errno(&error).into()),
                        }
                    }
                    Err(error) => Err(as_errno(&error).into()),
                }
            }
        }
    }

    /// What an action means for a call that waits; what the call returns, where that is known.
    fn carry_out(&self, notification: &Notification, action: Action) -> Option<i64> {
        let id = notification.id;
        match action {
            Action::Allow | Action::Log => {
                // Where that fails, nobody waits.
                let _gone = self.listener.let_continue(id);
                None
            }
            Action::Errno(0) => self.send(id, Ok(0)),
            Action::Errno(errno) => {
                let _gone = self.listener.answer(id, Err(errno));
                Some(-i64::from(errno))
            }
            Action::Notify | Action::Trace(_) => self.answer(id, Err(Errno::NOSYS)),
            Action::Trap(_) => {
                if let Ok(status) = Status::read(notification.tid)
                    && self.listener.is_valid(id)
                {
                    let _gone = signal_thread(status.pid, notification.tid, SIGSYS);
                }
                self.answer(id, Err(Errno::NOSYS))
            }
            Action::KillThread | Action::KillProcess => {
                if self.kill(notification).is_err() {
                    return self.answer(id, Err(Errno::PERM));
                }
                None
            }
        }
    }

    /// Kills the process, which never learns of the call's result.
    fn kill(&self, notification: &Notification) -> Result<(), Errno> {
        let pid = Status::read(notification.tid)?.pid;
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
        // From here on the descriptor is of that process, and of no other with its number.
        if self.listener.is_valid(notification.id) {
            pidfd_send_signal(pidfd, Signal::KILL)?;
        }
        Ok(())
    }

    fn send(&self, id: u64, result: Result<i64, u16>) -> Option<i64> {
        // Where that fails, nobody waits.
        let sent = self.listener.answer(id, result);
        sent.ok().map(|()| result.unwrap_or_else(|errno| -i64::from(errno)))
    }

    fn answer(&self, id: u64, result: Result<i64, Errno>) -> Option<i64> {
        self.send(id, result.map_err(number))
    }

    fn record(
        &self,
        task: Task,
        data: &SeccompData,
        caller: &Caller<'_>,
        verdict: &Verdict,
        ret: Option<i64>,
        begin: Instant,
    ) {
        let Some(sink) = &self.sink else { return };
        let Verdict { action, rule, line, uninstrumented, .. } = *verdict;
        let call = Call {
            data: *data,
            read: caller.seen(),
            answer: Answer { action: action.to_ret(), rule, line },
            ret,
            duration: u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX),
            uninstrumented,
        };
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let time = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        let mut numbered = lock(sink);
        let seq = numbered.next;
        numbered.next += 1;
        let record = Record { time, seq, task, event: Event::Call(Box::new(call)) };
        if !numbered.sink.take(&record) && numbered.sink.on_loss().kills() {
            self.lost.store(true, Ordering::Relaxed);
            self.done.store(true, Ordering::Release);
        }
    }
}

fn as_errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
