//! What programs in the kernel tell of calls, as audit records: one for each call, with what else
//! is known of the task by the time that it is told.

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use filterc::CompiledModule;
use filterc_abi as abi;
use filterc_audit::{Answer, Call, Event, Record, Sink, Task};
use filterc_ebpf::audit::{Moment, Record as Told};
use filterc_hir::eval::{Reason, decide};
use filterc_loader::clock;

/// Makes records and hands them on.
pub(crate) struct Recorder {
    seq: u64,
    /// Calls that have begun, by thread.
    begun: HashMap<u32, Told>,
    /// What was found of threads since records were last read.
    tasks: HashMap<u32, Task>,
    /// Whether the ends of calls are told.
    ends: bool,
    offset: u64,
    lost: u64,
    /// Of the last record.
    time: u64,
    policy: Option<Box<CompiledModule>>,
}

impl Recorder {
    /// `ends`: whether the ends of calls are told, too. The policy says which rule it was.
    pub(crate) fn new(ends: bool, policy: Option<Box<CompiledModule>>) -> Self {
        let (begun, tasks) = (HashMap::new(), HashMap::new());
        Self { seq: 0, begun, tasks, ends, offset: clock::since_epoch(), lost: 0, time: 0, policy }
    }

    /// Records are read now: what was known of tasks may have changed.
    pub(crate) fn look_again(&mut self) {
        self.tasks.clear();
        self.offset = clock::since_epoch();
    }

    /// One record of the kernel.
    pub(crate) fn told(&mut self, told: Told, sink: &mut impl Sink) {
        match told.moment {
            Moment::Enter if self.ends => {
                // Of one that is still there, the end was not told.
                if let Some(before) = self.begun.insert(told.tid, told) {
                    self.record(&before, None, 0, sink);
                }
            }
            Moment::Enter | Moment::Hook => self.record(&told, None, 0, sink),
            Moment::Exit => {
                let begun = self.begun.remove(&told.tid);
                let same = begun.filter(|begun| begun.call.nr == told.call.nr);
                let (start, taken) = match same {
                    Some(begun) => (begun, told.time.saturating_sub(begun.time)),
                    None => (told, 0),
                };
                if let (Some(begun), None) = (begun, same) {
                    self.record(&begun, None, 0, sink);
                }
                self.record(&start, Some(told.ret), taken, sink);
            }
        }
    }

    /// The kernel says that it has had no room for so many, in all.
    pub(crate) fn lost(&mut self, total: u64, sink: &mut impl Sink) {
        let more = total.saturating_sub(self.lost);
        if more == 0 {
            return;
        }
        self.lost = total;
        let time = self.time;
        let record =
            Record { time, seq: self.seq, task: Task::default(), event: Event::Lost(more) };
        self.seq += more;
        sink.take(&record);
    }

    /// Calls that have begun and are not ended: `exit` never does.
    pub(crate) fn finish(&mut self, sink: &mut impl Sink) {
        let mut begun: Vec<Told> = self.begun.drain().map(|(_, told)| told).collect();
        begun.sort_by_key(|told| (told.time, told.tid));
        for told in begun {
            self.record(&told, None, 0, sink);
        }
    }

    fn record(&mut self, told: &Told, ret: Option<i64>, duration: u64, sink: &mut impl Sink) {
        let task = self.tasks.entry(told.tid).or_insert_with(|| task(told.tgid, told.tid)).clone();
        let (answer, named) = self.answer(told);
        let known = abi::abi_of_call(told.call.arch, told.call.nr.cast_unsigned())
            .and_then(|abi| abi.syscall_by_nr(told.call.nr.cast_unsigned()));
        let call = Call {
            data: told.call,
            read: Vec::new(),
            answer,
            ret,
            duration,
            uninstrumented: known.is_none() && !named,
        };
        let time = told.time.saturating_add(self.offset);
        self.time = time;
        let record = Record { time, seq: self.seq, task, event: Event::Call(Box::new(call)) };
        self.seq += 1;
        // What it loses, it tells of.
        sink.take(&record);
    }

    /// What was answered, by which rule, and whether a rule decided. A program tells the answer
    /// alone; the policy has the same for the same call, or it looked at something else as well.
    fn answer(&self, told: &Told) -> (Answer, bool) {
        let unknown = Answer { action: told.action, rule: None, line: 0 };
        let Some(compiled) = &self.policy else { return (unknown, false) };
        let decision = decide(compiled.policy(), &told.call);
        let Reason::Rule(rule) = decision.reason else { return (unknown, false) };
        if decision.action.to_ret() != told.action {
            return (unknown, false);
        }
        let origin = compiled.policy().rules().get(rule.0 as usize);
        let line = origin.map_or(0, |origin| compiled.sources().line_column(origin.span).0);
        let line = u32::try_from(line).unwrap_or(0);
        (Answer { rule: Some(rule.0), line, ..unknown }, true)
    }
}

/// What the kernel's file system of processes says of a task; nothing if it has ended.
fn task(pid: u32, tid: u32) -> Task {
    let folder = format!("/proc/{pid}/task/{tid}");
    let comm = fs::read(format!("{folder}/comm")).unwrap_or_default();
    let comm = comm.strip_suffix(b"\n").unwrap_or(&comm).to_vec();
    let exe = fs::read_link(format!("{folder}/exe")).unwrap_or_default();
    let exe = exe.as_os_str().as_bytes().to_vec();
    // A name of a program may be no UTF-8.
    let status = fs::read(format!("{folder}/status")).unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let (ppid, uid) = (field("PPid:").unwrap_or(0), field("Uid:").unwrap_or(0));
    Task { pid, tid, ppid, uid, comm, exe }
}
