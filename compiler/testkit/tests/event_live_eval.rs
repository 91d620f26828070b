//! The running kernel keeps and drops more than 100,000 events as the reference says: filters of
//! our making in private tracing instances, calls made by children of our own.
//!
//! Between any two calls stands one of another event that no filter is on, so that it is the
//! place in the buffer that says which call an event is of.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skipped"
)]

use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::AsRawFd as _;

use filterc_abi::{Facts, x86_64};
use filterc_cbpf as cbpf;
use filterc_grammar::source::FileId;
use filterc_hir::event::eval::Event;
use filterc_hir::event::kernel::{self, Accepted, Machine, NoSymbols};
use filterc_hir::event::{Filter, Part, Record, matches};
use filterc_loader::probe::{self, Call, Entry, Observed, ProbeError};
use filterc_testkit::event_text;
use filterc_testkit::events::{Content, bytes};
use filterc_testkit::rng::Rng;
use filterc_testkit::tracing::{Answer, Instance};

/// Filters at a time, each in an instance of its own.
const INSTANCES: usize = 8;

/// Calls that each of them sees.
const CALLS: usize = 48;

/// How often.
const ROUNDS: usize = 400;

/// The event between two calls.
const MARKER: &str = "sys_enter_getppid";

/// Events whose calls do no harm, whatever their arguments.
const EVENTS: [&str; 8] = [
    "sys_enter_faccessat",
    "sys_enter_kcmp",
    "sys_exit_lseek",
    "sys_enter_getpid",
    "sys_enter_faccessat2",
    "sys_enter_perf_event_open",
    "sys_enter_lseek",
    "sys_enter_fadvise64",
];

const NAMES: [&str; 7] = ["run", "xrun", "123456789012run", "v8n", "a", "ab", "1*"];

const TEXTS: [&str; 17] = [
    "", "a", "b", "ab", "axb", "a*b", "xab", "cb", "[a", "]a", "*", "a\\", "1*", "9", "^a", "!",
    "foo",
];

/// The state of a child when it makes a call.
struct Made {
    args: [u64; 6],
    comm: &'static str,
    cpu: u32,
    /// Position in the list of calls.
    at: usize,
}

/// Memory that children share with us by being our copies.
struct Memory {
    texts: Vec<CString>,
    names: Vec<CString>,
    masks: Vec<Vec<u64>>,
}

impl Memory {
    fn new(cpus: u32) -> Self {
        let mut texts: Vec<CString> =
            TEXTS.iter().map(|text| CString::new(*text).unwrap()).collect();
        // Of long texts only the first 1023 bytes count.
        texts.push(CString::new(format!("{}b", "a".repeat(1022))).unwrap());
        texts.push(CString::new(format!("{}b", "a".repeat(1023))).unwrap());
        let names = NAMES.iter().map(|name| CString::new(*name).unwrap()).collect();
        let mask = |cpu: u32| {
            let mut mask = vec![0; 16];
            mask[cpu as usize / 64] = 1 << (cpu % 64);
            mask
        };
        Self { texts, names, masks: (0..cpus).map(mask).collect() }
    }

    fn read(&self, address: u64) -> Option<Vec<u8>> {
        let text = self.texts.iter().find(|text| text.as_ptr() as u64 == address)?;
        Some(text.as_bytes().to_vec())
    }
}

fn cpus() -> u32 {
    let possible = fs::read_to_string("/sys/devices/system/cpu/possible").unwrap();
    possible.trim().rsplit(['-', ',']).next().unwrap().parse::<u32>().unwrap() + 1
}

fn call(name: &str, args: [u64; 6]) -> Call {
    let nr = x86_64().syscall(name).unwrap().nr;
    Call { entry: Entry::Native, nr, args }
}

/// A filter of the language that the kernel takes.
fn filter(record: &Record, rng: &mut Rng, machine: &Machine<'_>) -> (Vec<u8>, Filter) {
    loop {
        let text = event_text::text(record, rng);
        let accepted = kernel::parse(record, FileId::default(), &text, machine);
        if let Ok(Accepted::Filter { predicate, .. }) = accepted {
            return (text, Filter { record: record.clone(), predicate });
        }
    }
}

/// A value that filters are likely to be about.
fn value(rng: &mut Rng) -> u64 {
    const LIKELY: [u64; 14] = [
        0,
        1,
        2,
        3,
        7,
        8,
        16,
        255,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        0xffff_ff9c,
        0x7fff_ffff_ffff_ffff,
        0x8000_0000_0000_0000,
    ];
    let base = *rng.pick(&LIKELY).unwrap();
    match rng.below(8) {
        0 => rng.next(),
        1 => base | 1 << 32,
        2 => base.wrapping_neg(),
        3 => base.wrapping_add(1),
        4 => base | 0xffff_ffff_0000_0000,
        _ => base,
    }
}

fn arguments(record: &Record, rng: &mut Rng, memory: &Memory, seekable: u64) -> [u64; 6] {
    const UNREADABLE: [u64; 4] = [0, 8, 0x7fff_ffff_f000, 0xffff_8000_0000_0000];
    let mut args = [0; 6];
    for (position, arg) in args.iter_mut().enumerate() {
        let is_text = record
            .fields
            .iter()
            .any(|field| matches!(field.part, Part::Text(at) if usize::from(at) == position));
        *arg = if is_text && rng.below(6) > 0 {
            rng.pick(&memory.texts).unwrap().as_ptr() as u64
        } else if is_text {
            *rng.pick(&UNREADABLE).unwrap()
        } else {
            value(rng)
        };
    }
    match record.name.as_str() {
        // A file with any position, so that the call returns it.
        "sys_exit_lseek" if rng.below(8) > 0 => [seekable, args[1], 0, 0, 0, 0],
        // No attributes: nothing is opened.
        "sys_enter_perf_event_open" => {
            [*rng.pick(&UNREADABLE).unwrap(), args[1], args[2], args[3], args[4], 0]
        }
        _ => args,
    }
}

/// The calls of a child, and which of them are about the event.
fn calls(record: &Record, rng: &mut Rng, memory: &Memory, seekable: u64) -> (Vec<Call>, Vec<Made>) {
    let name = record.name.strip_prefix("sys_enter_").or(record.name.strip_prefix("sys_exit_"));
    let (mut list, mut made) = (Vec::new(), Vec::new());
    let (mut comm, mut cpu) = ("", 0);
    // A child shares the places in files that it has from us: what it seeks in is not to be the
    // file that a log goes to.
    for standard in 0..3 {
        list.push(call("dup2", [seekable, standard, 0, 0, 0, 0]));
    }
    for index in 0..CALLS {
        if index % 6 == 0 {
            let (which, to) = (rng.below(NAMES.len()), rng.below(memory.masks.len()));
            (comm, cpu) = (NAMES[which], u32::try_from(to).unwrap());
            let mask = memory.masks[to].as_ptr() as u64;
            list.push(call("sched_setaffinity", [0, 128, mask, 0, 0, 0]));
            list.push(call("prctl", [15, memory.names[which].as_ptr() as u64, 0, 0, 0, 0]));
        }
        let args = arguments(record, rng, memory, seekable);
        list.push(call("getppid", [0; 6]));
        made.push(Made { args, comm, cpu, at: list.len() });
        list.push(call(name.unwrap(), args));
    }
    list.push(call("getppid", [0; 6]));
    (list, made)
}

/// How many events stand between each two markers, and the thread's id as the kernel has it.
fn between(trace: &[u8], event: &str) -> (Vec<usize>, u32) {
    let (name, behind) = match event.strip_prefix("sys_enter_") {
        Some(name) => (name, "("),
        None => (event.strip_prefix("sys_exit_").unwrap(), " -> "),
    };
    let own = format!(": sys_{name}{behind}");
    let text = String::from_utf8_lossy(trace);
    let (mut counts, mut pid) = (Vec::new(), 0);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if line.contains(": sys_getppid(") {
            let task = line.split(" [").next().unwrap();
            pid = task.rsplit('-').next().unwrap().trim().parse().unwrap();
            counts.push(0);
        } else if let Some(count) = counts.last_mut().filter(|_| line.contains(&own)) {
            *count += 1;
        }
    }
    (counts, pid)
}

struct Live {
    instances: Vec<Instance>,
    memory: Memory,
    machine: Machine<'static>,
    allow: cbpf::Verified,
    seekable: File,
    tally: [usize; 2],
    /// How many answers would be others if only the low half of an argument counted, or of what
    /// is returned, or if the name or the processor were another.
    noticed: [usize; 4],
    /// How many events the kernel answered for a moment at which the scheduler wanted to run.
    rescheduled: usize,
}

impl Live {
    fn new() -> Result<Self, String> {
        let thread = fs::read_link("/proc/thread-self").map_err(|error| error.to_string())?;
        let thread = thread.file_name().unwrap().to_str().unwrap().to_owned();
        let mut instances = Vec::new();
        for number in 0..INSTANCES {
            let mut instance = Instance::create(&format!("eval{number}"))?;
            instance.write("trace_options", b"event-fork").map_err(|error| error.to_string())?;
            instance
                .write("set_event_pid", thread.as_bytes())
                .map_err(|error| error.to_string())?;
            // All at once: a child makes calls of one of them, and enabling takes long.
            for event in EVENTS.iter().chain([&MARKER]) {
                instance.enable(event).map_err(|error| error.to_string())?;
            }
            instances.push(instance);
        }
        let program = cbpf::assemble("ret allow").unwrap();
        Ok(Self {
            instances,
            memory: Memory::new(cpus()),
            machine: Machine { nr_cpu_ids: cpus(), symbols: &NoSymbols },
            allow: cbpf::verify(&program).unwrap(),
            seekable: File::open("/proc/self/mem").map_err(|error| error.to_string())?,
            tally: [0; 2],
            noticed: [0; 4],
            rescheduled: 0,
        })
    }

    /// One child under one filter an instance; what differs.
    fn round(&mut self, event: &str, rng: &mut Rng) -> Result<Vec<String>, ProbeError> {
        let record = Record::of_event(x86_64(), event).unwrap();
        let id = self.instances[0].read(&format!("events/syscalls/{event}/id")).unwrap();
        let id: u16 = std::str::from_utf8(&id).unwrap().trim().parse().unwrap();
        let mut filters = Vec::new();
        for instance in &self.instances {
            let (text, filter) = filter(&record, rng, &self.machine);
            assert_eq!(instance.filter(event, &text).unwrap(), Answer::Accepted);
            instance.take().unwrap();
            filters.push((text, filter));
        }
        let seekable = self.seekable.as_raw_fd().unsigned_abs().into();
        let (calls, made) = calls(&record, rng, &self.memory, seekable);
        let observed = probe::run(&self.allow, &calls)?;
        let mut differences = Vec::new();
        for (instance, (text, filter)) in self.instances.iter().zip(&filters) {
            let (counts, pid) = between(&instance.take().unwrap(), event);
            assert_eq!(counts.len(), CALLS + 1, "{event}: an event was lost");
            for (made, count) in made.iter().zip(counts) {
                let Observed::Returned(ret) = observed[made.at] else {
                    panic!("{:x?}: {:?}", made.args, observed[made.at])
                };
                let content = Content {
                    event_id: id,
                    flags: 0,
                    pid,
                    nr: calls[made.at].nr,
                    args: made.args,
                    ret: ret.cast_unsigned(),
                };
                let says = |content: &Content, comm: &str, cpu| {
                    let (record, comm) = (&bytes(&record, content), comm.as_bytes());
                    let (endian, memory) = (filter.record.endian, &|at| self.memory.read(at));
                    let who = Facts::default();
                    matches(filter, &Event { record, endian, cpu, who, comm, memory })
                };
                let kept = says(&content, made.comm, made.cpu);
                self.tally[usize::from(kept)] += 1;
                let low = content.args.map(|arg| arg & 0xffff_ffff);
                let wrong = [
                    says(&Content { args: low, ..content }, made.comm, made.cpu),
                    says(
                        &Content { ret: content.ret & 0xffff_ffff, ..content },
                        made.comm,
                        made.cpu,
                    ),
                    says(&content, "other", made.cpu),
                    says(&content, made.comm, made.cpu ^ 1),
                ];
                for (noticed, wrong) in self.noticed.iter_mut().zip(wrong) {
                    *noticed += usize::from(wrong != kept);
                }
                // `common_flags` says whether the scheduler wants to run, which may be at any time.
                let moments = [0x02, 0x04, 0x06, 0x20, 0x22, 0x24, 0x26];
                let may_be = |flags| {
                    let content = Content { flags, ..content };
                    usize::from(says(&content, made.comm, made.cpu)) == count
                };
                if count != usize::from(kept) && moments.into_iter().any(may_be) {
                    self.rescheduled += 1;
                } else if count != usize::from(kept) {
                    let text: String = text.iter().map(|byte| char::from(*byte)).collect();
                    differences.push(format!(
                        "{event}: {text:?}: {:x?} ret {ret:#x} {} cpu {}: {count} events, not {kept}",
                        made.args, made.comm, made.cpu
                    ));
                }
            }
        }
        Ok(differences)
    }
}

#[test]
fn the_kernel_keeps_events_as_we_do() {
    let mut live = match Live::new() {
        Ok(live) => live,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let mut rng = Rng::new(2);
    let mut differences = Vec::new();
    for round in 0..ROUNDS {
        match live.round(EVENTS[round % EVENTS.len()], &mut rng) {
            Ok(found) => differences.extend(found),
            Err(ProbeError::Unavailable(reason)) => return println!("skipped: {reason}"),
            Err(error) => panic!("{error}"),
        }
        if differences.len() > 20 {
            break;
        }
    }
    let [dropped, kept] = live.tally;
    println!(
        "{} evaluations, {kept} kept; wrong rules: {:?}; rescheduled: {}",
        dropped + kept,
        live.noticed,
        live.rescheduled
    );
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(live.rescheduled < (dropped + kept) / 1_000, "{}", live.rescheduled);
    assert!(live.noticed.iter().all(|noticed| *noticed > 100), "{:?}", live.noticed);
    assert!(kept + dropped >= 100_000 && kept > 20_000 && dropped > 20_000);
}
