//! The loop: a stop, what it means, and how the task goes on.

use std::collections::HashMap;
use std::io;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use filterc_abi::{Action, Endian, SeccompData};
use filterc_audit::{Answer, Call as Recorded, Event, Exit, Record, Sink};
use filterc_cbpf::{Verified, interpret};
use filterc_loader::ptrace::{self, Call, Change, Ended, Until};

use super::decide::{Decide, Happened, Notice, Verdict, Watch};
use super::guard::{self, Guard};
use super::near::Near;
use super::task::{Pending, Task};
use super::trap;

/// Errnos, which are the same on all machines that a supervisor runs on.
const EPERM: u16 = 1;
const ENOSYS: i64 = 38;
const ESRCH: i32 = 3;
const EINTR: i32 = 4;

/// The filter whose answer `trace` stops calls.
#[derive(Debug)]
pub struct Gate {
    /// The bits that come with it.
    pub bits: u16,
    /// The filter. A call that it does not stop was stopped by one that the command installed
    /// itself: for that one there is no tracer.
    pub program: Verified,
}

impl Gate {
    fn stops(&self, call: &SeccompData) -> bool {
        interpret(&self.program, call, Endian::HOST) == Action::Trace(self.bits).to_ret()
    }
}

/// How tasks are supervised.
#[derive(Debug)]
pub struct Settings {
    /// What stops calls; without it all of them stop.
    pub gate: Option<Gate>,
    /// What closes the ways round.
    pub guard: Guard,
    /// Whether the supervisor moves to the processor that its tasks run on.
    pub near: bool,
}

/// Supervises a process, and all that it makes.
pub struct Supervisor<'s, D, W> {
    settings: Settings,
    decider: D,
    watch: W,
    sink: Option<&'s mut dyn Sink>,
    seq: u64,
    tasks: HashMap<i32, Task>,
    root: i32,
    /// Whether the first process runs its command. Until then, its calls are filterc's own, but
    /// for the `execve` that starts the command.
    started: bool,
    near: Near,
    /// Whether a record was lost that must not be.
    lost: bool,
}

impl<'s, D: Decide, W: Watch> Supervisor<'s, D, W> {
    /// Begins to supervise a process of one thread, which runs on. The thread that calls this is
    /// the one that must call [`Self::run`], and has no other children.
    ///
    /// # Errors
    /// What the kernel says: EPERM where the process may not be traced.
    pub fn seize(
        pid: i32,
        settings: Settings,
        decider: D,
        watch: W,
        sink: Option<&'s mut dyn Sink>,
    ) -> io::Result<Self> {
        ptrace::seize(pid)?;
        let plain = settings.gate.is_none();
        let near = Near::new(settings.near);
        let supervisor = Self {
            settings,
            decider,
            watch,
            sink,
            seq: 0,
            tasks: HashMap::from([(pid, Task::default())]),
            root: pid,
            started: !plain,
            near,
            lost: false,
        };
        if plain {
            // From its next stop on it stops at every call.
            ptrace::interrupt(pid)?;
            while let Some((tid, change)) = supervisor.wait()? {
                match change {
                    Change::Trap => {
                        ptrace::resume(tid, Until::Syscall, 0)?;
                        break;
                    }
                    Change::Signal(signal) => ptrace::resume(tid, Until::Traced, signal)?,
                    Change::GroupStop(_) => ptrace::listen(tid)?,
                    Change::Gone(_) => return Err(io::Error::from_raw_os_error(ESRCH)),
                    Change::Syscall
                    | Change::Seccomp
                    | Change::Created { .. }
                    | Change::Exec
                    | Change::Exit => ptrace::resume(tid, Until::Traced, 0)?,
                }
            }
        }
        Ok(supervisor)
    }

    /// Supervises until no task is left.
    ///
    /// # Errors
    /// Waiting failed, or a record was lost (`--on-loss kill`). Whoever is still supervised dies
    /// when this process ends.
    pub fn run(mut self) -> io::Result<()> {
        while let Some((tid, change)) = self.wait()? {
            match self.on(tid, change) {
                Ok(()) => (),
                // It was killed, or its process has begun another program in another thread.
                Err(error) if error.raw_os_error() == Some(ESRCH) => (),
                Err(error) => {
                    // Whatever it is about to do has not been decided.
                    let errno = error.raw_os_error().unwrap_or(0);
                    self.watch.notice(tid.cast_unsigned(), &Notice::Killed { errno });
                    let _gone = ptrace::kill(tid);
                }
            }
            if self.lost {
                return Err(io::Error::other("a record was lost (`--on-loss kill`)"));
            }
        }
        Ok(())
    }

    fn wait(&self) -> io::Result<Option<(i32, Change)>> {
        loop {
            match ptrace::wait() {
                Err(error) if error.raw_os_error() == Some(EINTR) => {}
                other => return other,
            }
        }
    }

    fn on(&mut self, tid: i32, change: Change) -> io::Result<()> {
        match change {
            Change::Gone(ended) => {
                self.on_gone(tid, ended);
                return Ok(());
            }
            Change::Syscall | Change::Seccomp => return self.on_call(tid),
            Change::GroupStop(_) => return ptrace::listen(tid),
            Change::Signal(signal) => return self.on_signal(tid, signal),
            Change::Created { clone } => self.on_created(tid, clone)?,
            Change::Exec => self.on_exec(tid)?,
            Change::Exit => self.on_exit(tid)?,
            // A new task may be seen before what made it says so.
            Change::Trap => {
                self.tasks.entry(tid).or_default();
                // It may be a thread of a process in which a sequence is under way.
                self.follow(tid);
            }
        }
        self.resume(tid, 0)
    }

    /// Lets a task go on to where it next needs an answer, or has a result to be seen.
    fn resume(&self, tid: i32, signal: i32) -> io::Result<()> {
        let stops = |task: &Task| task.pending.is_some() || task.followed;
        let stops = self.settings.gate.is_none() || self.tasks.get(&tid).is_some_and(stops);
        ptrace::resume(tid, if stops { Until::Syscall } else { Until::Traced }, signal)
    }

    fn on_call(&mut self, tid: i32) -> io::Result<()> {
        self.near.stop_of(tid);
        match (ptrace::call(tid)?, &self.settings.gate) {
            (Call::Seccomp(call, bits), Some(gate))
                if matches!(bits, guard::DEBUGGER | guard::WATCH)
                    || bits == gate.bits && gate.stops(&call) =>
            {
                self.decide(tid, &call)
            }
            // A filter of the command's own asks a tracer, and there is none. In the plain way the
            // call has been decided at its entry.
            (Call::Seccomp(..), _) => {
                self.refuse(tid, -ENOSYS)?;
                self.resume(tid, 0)
            }
            (Call::Entry(call), None) if self.is_judged(tid, &call) => self.decide(tid, &call),
            (Call::Exit(result), _) => self.on_result(tid, result),
            (Call::Entry(call), Some(_)) => {
                let task = self.tasks.entry(tid).or_default();
                task.entered = Some(call).filter(|_| task.followed);
                self.resume(tid, 0)
            }
            (Call::Entry(_) | Call::None, _) => self.resume(tid, 0),
        }
    }

    fn is_judged(&self, tid: i32, call: &SeccompData) -> bool {
        let starts = || {
            let host = filterc_abi::host();
            let execve = host.and_then(|abi| abi.syscall("execve"));
            execve.is_some_and(|execve| execve.nr == call.nr.cast_unsigned())
        };
        call.nr != -1 && (self.started || tid != self.root || starts())
    }

    fn decide(&mut self, tid: i32, call: &SeccompData) -> io::Result<()> {
        let since = Instant::now();
        let mut verdict = self.decider.decide(tid.cast_unsigned(), call);
        let id = tid.cast_unsigned();
        if verdict.uninstrumented {
            self.watch.notice(id, &Notice::Uninstrumented { call: *call });
        }
        if verdict.unsettled && lets_through(verdict.action) {
            self.watch.notice(id, &Notice::Unsettled { call: *call });
            verdict.action = Action::Errno(EPERM);
        }
        let guard = self.settings.guard.answer(call);
        if precedence(guard) < precedence(verdict.action) {
            verdict.rule = None;
            verdict.line = 0;
            verdict.action = guard;
            if guard == Action::Trace(guard::DEBUGGER) {
                let [request, ..] = call.args;
                self.watch.notice(id, &Notice::Debugger { request });
                verdict.action = Action::Errno(EPERM);
            }
        }
        let pending = Pending { call: *call, verdict, result: None, since };
        self.put_into_effect(tid, pending)
    }

    fn put_into_effect(&mut self, tid: i32, pending: Pending) -> io::Result<()> {
        let plain = self.settings.gate.is_none();
        let result = match pending.verdict.action {
            Action::Allow | Action::Log => None,
            Action::Errno(errno) => Some(-i64::from(errno)),
            // There is no listener, and no other tracer.
            Action::Notify | Action::Trace(_) => Some(-ENOSYS),
            Action::Trap(bits) if plain => return self.trap_by_hand(tid, pending, bits),
            Action::Trap(bits) => {
                let task = self.tasks.entry(tid).or_default();
                task.trap = Some((pending.call, bits));
                return self.by_kernel(tid, pending, guard::TRAP);
            }
            Action::KillThread | Action::KillProcess if plain => {
                self.record_call(tid, pending, None);
                return ptrace::kill(tid);
            }
            Action::KillThread => return self.by_kernel(tid, pending, guard::KILL_THREAD),
            Action::KillProcess => return self.by_kernel(tid, pending, guard::KILL_PROCESS),
        };
        match result {
            Some(result) if plain || !ptrace::RESULT_AT_ENTRY => {
                ptrace::set_number(tid, -1)?;
                let task = self.tasks.entry(tid).or_default();
                task.pending = Some(Pending { result: Some(result), ..pending });
            }
            Some(result) => {
                self.refuse(tid, result)?;
                self.record_call(tid, pending, Some(result));
            }
            None if self.sink.is_some() || self.is_told(tid, &pending.call) => {
                self.tasks.entry(tid).or_default().pending = Some(pending);
            }
            None => (),
        }
        self.resume(tid, 0)
    }

    /// Whether the end of a call matters to a sequence.
    fn is_told(&self, tid: i32, call: &SeccompData) -> bool {
        self.decider.begins(call) || self.tasks.get(&tid).is_some_and(|task| task.followed)
    }

    /// Has the kernel kill or signal the task, by a number that the guard's filter answers so.
    fn by_kernel(&mut self, tid: i32, pending: Pending, nr: i32) -> io::Result<()> {
        ptrace::set_number(tid, nr)?;
        self.record_call(tid, pending, None);
        self.resume(tid, 0)
    }

    /// What a filter's `trap` does, without a filter: the call is none, and SIGSYS comes after it.
    /// It kills where it is blocked or ignored.
    fn trap_by_hand(&mut self, tid: i32, pending: Pending, bits: u16) -> io::Result<()> {
        if !trap::is_taken(tid) {
            self.record_call(tid, pending, None);
            return ptrace::kill(tid);
        }
        ptrace::set_number(tid, -1)?;
        let result = Some(i64::from(pending.call.nr));
        let task = self.tasks.entry(tid).or_default();
        task.trap = Some((pending.call, bits));
        task.pending = Some(Pending { result, ..pending });
        self.resume(tid, 0)
    }

    /// Makes a call that has not begun fail, or appear to succeed, with this result.
    fn refuse(&mut self, tid: i32, result: i64) -> io::Result<()> {
        ptrace::set_number(tid, -1)?;
        ptrace::set_result(tid, result)
    }

    fn on_result(&mut self, tid: i32, result: i64) -> io::Result<()> {
        let task = self.tasks.entry(tid).or_default();
        let entered = task.entered.take();
        let pending = task.pending.take();
        let call = pending.as_ref().map(|pending| pending.call).or(entered);
        let mut happened = Vec::new();
        if let Some(mut pending) = pending {
            let result = match pending.result {
                Some(ours) => {
                    ptrace::set_result(tid, ours)?;
                    ours
                }
                None => result,
            };
            if task.trap.is_some() {
                trap::send(tid)?;
            }
            let (done, read) = self.decider.call_ended(tid.cast_unsigned(), &pending.call, result);
            happened = done;
            let known = pending.verdict.read.len();
            for argument in read {
                let all = pending.verdict.read.iter().take(known);
                if all.into_iter().all(|it| it.index != argument.index) {
                    pending.verdict.read.push(argument);
                }
            }
            pending.verdict.read.sort_by_key(|argument| argument.index);
            self.record_call(tid, pending, Some(result));
        } else if let Some(call) = &call {
            (happened, _) = self.decider.call_ended(tid.cast_unsigned(), call, result);
        }
        if call.is_some() {
            self.follow(tid);
        }
        self.react(tid, &happened)?;
        self.resume(tid, 0)
    }

    fn on_signal(&mut self, tid: i32, signal: i32) -> io::Result<()> {
        if signal == trap::SIGSYS
            && let Some((call, bits)) = self.tasks.get_mut(&tid).and_then(|task| task.trap.take())
        {
            trap::explain(tid, &call, bits)?;
        }
        if let Ok(signal) = u8::try_from(signal) {
            self.record(tid, Event::Signal(signal));
            let happened = self.decider.signalled(tid.cast_unsigned(), signal);
            self.react(tid, &happened)?;
        }
        self.follow(tid);
        self.resume(tid, signal)
    }

    /// Stops the tasks of a process at all their calls while a sequence is under way in it, and no
    /// longer.
    fn follow(&mut self, tid: i32) {
        let is = self.decider.is_under_way(tid.cast_unsigned());
        let task = self.tasks.entry(tid).or_default();
        if is == task.followed {
            return;
        }
        task.followed = is;
        if !is {
            return;
        }
        let pid = self.decider.task(tid.cast_unsigned()).pid;
        let others: Vec<i32> = self.tasks.keys().copied().filter(|it| *it != tid).collect();
        for other in others {
            let id = other.cast_unsigned();
            // Until it has stopped, what it does meanwhile is not counted.
            if self.decider.task(id).pid == pid && self.decider.is_under_way(id) {
                self.tasks.entry(other).or_default().followed = true;
                let _gone = ptrace::interrupt(other);
            }
        }
    }

    /// Does what a policy says of sequences that have happened.
    fn react(&mut self, tid: i32, happened: &[Happened]) -> io::Result<()> {
        for Happened { name, logs, kills } in happened {
            self.watch.notice(tid.cast_unsigned(), &Notice::Happened { name: name.clone() });
            for text in logs {
                let (name, text) = (name.clone(), text.clone());
                self.record(tid, Event::Sequence { name, text });
            }
            if *kills {
                ptrace::kill(tid)?;
            }
        }
        Ok(())
    }

    fn on_created(&mut self, tid: i32, clone: bool) -> io::Result<()> {
        let child = i32::try_from(ptrace::message(tid)?).unwrap_or(0);
        self.tasks.entry(child).or_default();
        if self.sink.is_some() {
            let child = child.cast_unsigned();
            let thread = clone && self.decider.task(child).pid != child;
            self.record(tid, Event::Create { child, thread });
        }
        Ok(())
    }

    /// A thread that is not the first becomes the first.
    fn on_exec(&mut self, tid: i32) -> io::Result<()> {
        let former = i32::try_from(ptrace::message(tid)?).unwrap_or(tid);
        if former != tid
            && let Some(task) = self.tasks.remove(&former)
        {
            self.decider.forget(former.cast_unsigned());
            self.tasks.insert(tid, task);
        }
        self.started |= tid == self.root;
        self.decider.forget(tid.cast_unsigned());
        self.remember(tid);
        self.record(tid, Event::Exec);
        Ok(())
    }

    fn on_exit(&mut self, tid: i32) -> io::Result<()> {
        if self.sink.is_some() {
            let status = ptrace::message(tid)?;
            let status = i32::try_from(status & 0xffff).unwrap_or(0);
            self.record_exit(tid, Ended::of_status(status));
        }
        Ok(())
    }

    fn on_gone(&mut self, tid: i32, ended: Ended) {
        if self.tasks.get(&tid).is_some_and(|task| !task.ended) {
            self.record_exit(tid, ended);
        }
        self.tasks.remove(&tid);
        self.decider.ended(tid.cast_unsigned());
        self.decider.forget(tid.cast_unsigned());
        if tid == self.root {
            self.watch.command_ended();
        }
    }

    fn record_exit(&mut self, tid: i32, ended: Ended) {
        // The call that it ended in or by, which never returns.
        let pending = self.tasks.get_mut(&tid).and_then(|task| task.pending.take());
        if let Some(pending) = pending {
            self.record_call(tid, pending, None);
        }
        let byte = |number: i32| u8::try_from(number & 0xff).unwrap_or(0);
        let exit = match ended {
            Ended::Exited(status) => Exit::Status(byte(status)),
            Ended::Signal(signal, core) => Exit::Signal(byte(signal), core),
        };
        self.record(tid, Event::Exit(exit));
        self.tasks.entry(tid).or_default().ended = true;
    }

    fn record_call(&mut self, tid: i32, pending: Pending, ret: Option<i64>) {
        if self.sink.is_none() {
            return;
        }
        let Pending { call, verdict, since, .. } = pending;
        let Verdict { action, rule, line, read, uninstrumented, .. } = verdict;
        let duration = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let answer = Answer { action: action.to_ret(), rule, line };
        let call = Recorded { data: call, read, answer, ret, duration, uninstrumented };
        self.record(tid, Event::Call(Box::new(call)));
    }

    /// What is known of the task, for as long as it runs this program.
    fn remember(&mut self, tid: i32) {
        if self.sink.is_some() {
            let facts = self.decider.task(tid.cast_unsigned());
            self.tasks.entry(tid).or_default().facts = Some(facts);
        }
    }

    fn record(&mut self, tid: i32, event: Event) {
        if self.sink.is_none() {
            return;
        }
        if self.tasks.get(&tid).is_none_or(|task| task.facts.is_none()) {
            self.remember(tid);
        }
        let task = self.tasks.get(&tid).and_then(|task| task.facts.clone()).unwrap_or_default();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let record = Record { time, seq: self.seq, task, event };
        self.seq += 1;
        if let Some(sink) = &mut self.sink
            && !sink.take(&record)
            && sink.on_loss().kills()
        {
            self.lost = true;
        }
    }
}

/// Whether the kernel goes on with the call.
const fn lets_through(action: Action) -> bool {
    matches!(action, Action::Allow | Action::Log)
}

/// The order in which the kernel takes the answers of several filters: the least counts.
const fn precedence(action: Action) -> i32 {
    (action.to_ret() & filterc_abi::seccomp::ret::ACTION_FULL).cast_signed()
}
