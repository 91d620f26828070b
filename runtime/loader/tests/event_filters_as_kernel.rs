//! Programs of event filters in the kernel: its verifier takes them, it runs them on any context
//! as our interpreter does, and at their tracepoint they keep and drop the events of a thread of
//! ours as the reference says, call by call.
//!
//! A program at a tracepoint runs for everybody and decides for every perf event there. These
//! watch one thread, leave all others alone, and are gone with their test.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "tests say what they expect"
)]
#![expect(unsafe_code, reason = "calls with arguments of all kinds, and perf events")]

#[path = "../../../compiler/codegen/tests/event/mod.rs"]
#[allow(dead_code, reason = "one of the files that include this needs it")]
mod sample;

use std::ffi::{CStr, CString};
use std::fs;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use filterc_abi::Endian;
use filterc_codegen::ebpf::event::{Monitored, Object, Options, emit, maps, module};
use filterc_ebpf::{Fixed, Hook, Host, Unit, interpret, well_formed};
use filterc_hir::event::filter::CmpOp;
use filterc_hir::event::kernel::{self, Accepted, Machine, NoSymbols};
use filterc_hir::event::lower::kernel_text;
use filterc_hir::event::{Filter, Operand, Part, Predicate, Record, Test, TestKind};
use filterc_loader::bpf::{Loaded, ModuleLoadError};
use sample::{EVENT_ID, Mentioned, Random, Sample};

/// The module, if this process may load any.
fn loaded(filter: &Filter, object: &Object, monitored: Monitored, hook: Hook) -> Option<Loaded> {
    let mut module = module(&[(filter, object)], monitored).unwrap();
    module.units.retain(|unit: &Unit| unit.name == "event0");
    for unit in &mut module.units {
        unit.hook = hook.clone();
    }
    match Loaded::load(&module) {
        Ok(loaded) => Some(loaded),
        Err(ModuleLoadError::Bpf { error, what }) if error.is_unavailable() => {
            println!("skipped: {what}: {error}");
            None
        }
        Err(error) => panic!("{error}\n{:?}", filter.predicate),
    }
}

/// Two pages for texts, each with nothing behind it.
struct Pages([*mut u8; 2]);

const PAGE: usize = 4096;

impl Pages {
    fn new() -> Self {
        Self([0, 1].map(|_| {
            let (none, both) = (libc::PROT_NONE, libc::PROT_READ | libc::PROT_WRITE);
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            // SAFETY: new memory at a place of the kernel's choice; its first page becomes ours.
            unsafe {
                let start = libc::mmap(std::ptr::null_mut(), 2 * PAGE, none, flags, -1, 0);
                assert_ne!(start, libc::MAP_FAILED);
                assert_eq!(libc::mprotect(start, PAGE, both), 0);
                start.cast()
            }
        }))
    }

    fn ends(&self) -> [u64; 2] {
        self.0.map(|start| start as u64 + PAGE as u64)
    }

    /// Puts the texts of a sample where it says that they are.
    fn fill(&self, world: &Fixed) {
        for (address, text) in &world.user {
            let start = self
                .0
                .iter()
                .find(|start| (**start as u64..=**start as u64 + PAGE as u64).contains(address));
            let offset = *address as usize - *start.unwrap() as usize;
            assert!(offset + text.len() <= PAGE);
            // SAFETY: inside a page that is ours, as was just seen.
            unsafe {
                let to = start.unwrap().add(offset);
                std::ptr::copy_nonoverlapping(text.as_ptr(), to, text.len());
            }
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        for start in self.0 {
            // SAFETY: the mapping is ours, and nobody has borrowed from it.
            unsafe { libc::munmap(start.cast(), 2 * PAGE) };
        }
    }
}

/// On request, with a context of any bytes: what it returns there is what it returns in our
/// interpreter, texts of this process included.
#[test]
fn programs_run_in_the_kernel_as_in_the_interpreter() {
    let mut random = Random::new(5);
    let (mut runs, mut kept) = (0, 0);
    let pages = Pages::new();
    let options =
        Options { monitored: Monitored::Everybody, event_id: Some(EVENT_ID), counted: None };
    // What the helpers say of us must not change: it is asked for where it matters, below.
    let stays = |filter: &Filter| {
        let parts = ["cpu", "common_pid"];
        let tests = filter.predicate.tests();
        !tests.iter().any(|test| {
            let shown = format!("{:?}", test.kind);
            shown.contains("Comm")
                || parts.iter().any(|name| shown.contains(&format!("\"{name}\"")))
        })
    };
    while runs < 8_000 {
        let filter = sample::filter(&mut random, sample::record(), 2);
        if !stays(&filter) {
            continue;
        }
        let mentioned = Mentioned::by(&filter);
        let Ok(object) = emit(&filter, &options) else { continue };
        let Some(loaded) = loaded(&filter, &object, Monitored::Everybody, Hook::Syscall) else {
            return;
        };
        let (_, _, program) = loaded.programs().next().unwrap();
        let well_formed = well_formed(&object.insns).unwrap();
        let mut host = Host::new(Fixed::default(), Endian::HOST);
        for map in maps(std::slice::from_ref(&object), Monitored::Everybody) {
            host.add_map(map.spec).unwrap();
        }
        for _ in 0..40 {
            let sample = Sample::new(&mut random, &mentioned, pages.ends());
            pages.fill(&sample.world);
            host.environment.clone_from(&sample.world);
            let mut context = sample.record;
            let ours = interpret(&well_formed, &mut host, &mut context, 200_000).unwrap().ret;
            let mut context = sample.record;
            let theirs = program.test_run(&mut context).unwrap();
            assert_eq!(ours, theirs.into(), "{:?}\n{:x?}", filter.predicate, sample.record);
            runs += 1;
            kept += ours;
        }
    }
    println!("{runs} runs, {kept} kept");
    assert!(kept > runs / 10 && kept < runs * 9 / 10);
}

/// A call that fails whatever its other arguments are, with two texts and three numbers.
const EVENT: &str = "sys_enter_setxattr";
/// No flag of that call.
const NO_FLAG: u64 = 1 << 31;

fn event_id() -> Option<u16> {
    let roots = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
    let read = |root: &str| fs::read_to_string(format!("{root}/events/syscalls/{EVENT}/id")).ok();
    roots.iter().find_map(|root| read(root))?.trim().parse().ok()
}

/// The record of that event.
fn record() -> Record {
    let mut record = sample::record();
    record.name = EVENT.to_owned();
    record.fields.retain(|field| field.part != Part::Ret && field.name != "d");
    record
}

/// Counts the events of this thread.
struct Counter(OwnedFd);

impl Counter {
    fn new(id: u16) -> Option<Self> {
        const TYPE_TRACEPOINT: u32 = 2;
        let mut attr = [0_u64; 8];
        attr[0] = u64::from(TYPE_TRACEPOINT) | 64 << 32;
        attr[1] = id.into();
        attr[2] = 1;
        // SAFETY: the attribute has the size that it says, and is only read.
        let fd =
            unsafe { libc::syscall(libc::SYS_perf_event_open, attr.as_ptr(), 0, -1, -1, 8_u64) };
        // SAFETY: a new descriptor that nobody else has.
        (fd >= 0).then(|| Self(unsafe { OwnedFd::from_raw_fd(fd as i32) }))
    }

    fn count(&self) -> u64 {
        let mut count = 0_u64;
        // SAFETY: room for a number.
        let read = unsafe { libc::read(self.0.as_raw_fd(), (&raw mut count).cast(), 8) };
        assert_eq!(read, 8);
        count
    }
}

/// Makes this thread, or stops it being, one that is watched.
fn watch(loaded: &Loaded) {
    const THREAD: libc::c_int = libc::O_EXCL;
    // SAFETY: makes a descriptor of this thread.
    let fd = unsafe {
        let thread = libc::syscall(libc::SYS_gettid);
        let fd = libc::syscall(libc::SYS_pidfd_open, thread, THREAD);
        assert!(fd >= 0);
        OwnedFd::from_raw_fd(fd as i32)
    };
    let tasks = loaded.map("tasks").unwrap();
    tasks.update(&fd.as_raw_fd().to_ne_bytes(), &1_u64.to_ne_bytes(), Default::default()).unwrap();
}

fn call(sample: &Sample) {
    let args: Vec<u64> = sample.record[16..]
        .chunks_exact(8)
        .map(|word| u64::from_ne_bytes(word.try_into().unwrap()))
        .collect();
    let comm = sample.world.comm;
    // SAFETY: a call that refuses its flags before it looks at anything else, and the name.
    let result = unsafe {
        libc::prctl(libc::PR_SET_NAME, comm.as_ptr());
        libc::syscall(libc::SYS_setxattr, args[0], args[1], args[2], args[3], args[4])
    };
    assert_eq!(result, -1);
}

/// This thread on one processor: its number.
fn settle() -> u32 {
    // SAFETY: sets of processors of the size that is said.
    unsafe {
        let cpu = libc::sched_getcpu();
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu as usize, &mut set);
        assert_eq!(libc::sched_setaffinity(0, size_of_val(&set), &raw const set), 0);
        cpu as u32
    }
}

#[test]
fn programs_keep_and_drop_as_the_reference() {
    let mut random = Random::new(7);
    let (Some(id), pages) = (event_id(), Pages::new()) else {
        println!("skipped: no tracefs");
        return;
    };
    let processor = settle();
    // SAFETY: takes no addresses.
    let thread = unsafe { libc::syscall(libc::SYS_gettid) } as u32;
    let options = Options { monitored: Monitored::Tasks, event_id: Some(id), counted: None };
    let hook = Hook::Tracepoint { subsystem: "syscalls".to_owned(), event: EVENT.to_owned() };
    let (mut calls, mut kept) = (0, 0);
    while calls < 6_000 {
        let filter = sample::filter(&mut random, record(), 2);
        let mut mentioned = Mentioned::by(&filter);
        mentioned.numbers.push(thread.into());
        let Ok(object) = emit(&filter, &options) else { continue };
        let Some(loaded) = loaded(&filter, &object, Monitored::Tasks, hook.clone()) else {
            return;
        };
        let Some(counter) = Counter::new(id) else {
            println!("skipped: no perf events");
            return;
        };
        let links = loaded.attach().unwrap();
        for round in 0..40 {
            let mut sample = Sample::new(&mut random, &mentioned, pages.ends());
            pages.fill(&sample.world);
            sample.is_made(id, thread, processor);
            // Strangers first: as long as nobody is watched, all is kept.
            let watched = round >= 5;
            if round == 5 {
                watch(&loaded);
            }
            let before = counter.count();
            call(&sample);
            let expected = !watched || sample.expected(&filter);
            let found = counter.count() - before;
            let context =
                || format!("{:?}\n{:x?}\n{:?}", filter.predicate, sample.record, sample.world);
            assert_eq!(found, expected.into(), "{}", context());
            calls += 1;
            kept += found;
        }
        drop(links);
        let before = counter.count();
        call(&Sample::new(&mut random, &mentioned, pages.ends()).harmless());
        assert_eq!(counter.count(), before + 1, "nothing is left");
    }
    println!("{calls} calls, {kept} kept");
    assert!(kept > calls / 5 && kept < calls * 9 / 10, "{kept} of {calls}");
}

/// Names of the arguments of [`EVENT`]'s call, for those of the samples.
const NAMES: [(&str, &str); 5] =
    [("first", "pathname"), ("second", "name"), ("a", "value"), ("b", "size"), ("c", "flags")];

/// A filter in the kernel's own words, if it has words for it. They may mean something else: by no
/// text can every filter be had.
fn words(filter: &Filter) -> Option<CString> {
    let mut text = kernel_text(filter).ok()?.into_iter().peekable();
    let mut out = Vec::new();
    while let Some(byte) = text.next() {
        if matches!(byte, b'"' | b'\'') {
            out.push(byte);
            // What is quoted is no name.
            for quoted in text.by_ref() {
                out.push(quoted);
                if quoted == byte {
                    break;
                }
            }
            continue;
        }
        let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let mut word = vec![byte];
        while is_of_word(&byte)
            && let Some(next) = text.next_if(is_of_word)
        {
            word.push(next);
        }
        let known = NAMES.iter().find(|(name, _)| name.as_bytes() == word);
        out.extend(known.map_or(word.clone(), |(_, theirs)| theirs.as_bytes().to_vec()));
    }
    Some(CString::new(out).unwrap())
}

fn nr_cpu_ids() -> u32 {
    let possible = fs::read_to_string("/sys/devices/system/cpu/possible").unwrap();
    possible.trim().rsplit(['-', ',']).next().unwrap().parse::<u32>().unwrap() + 1
}

/// Three engines, the same filters and the same calls: the kernel's own filter on a perf event of
/// this thread (`PERF_EVENT_IOC_SET_FILTER`), our program at the tracepoint, and the reference.
#[test]
fn programs_and_the_kernels_own_filters_keep_the_same_events() {
    let mut random = Random::new(11);
    let (Some(id), pages) = (event_id(), Pages::new()) else {
        println!("skipped: no tracefs");
        return;
    };
    let processor = settle();
    // SAFETY: takes no addresses.
    let thread = unsafe { libc::syscall(libc::SYS_gettid) } as u32;
    let options = Options { monitored: Monitored::Tasks, event_id: Some(id), counted: None };
    let hook = Hook::Tracepoint { subsystem: "syscalls".to_owned(), event: EVENT.to_owned() };
    let record = filterc_abi::host().and_then(|abi| Record::of_event(abi, EVENT));
    let Some(record) = record else { return println!("skipped: no tables of this machine") };
    let machine = Machine { nr_cpu_ids: nr_cpu_ids(), symbols: &NoSymbols };
    let (mut filters, mut calls, mut kept) = (0, 0, 0);
    while calls < 10_000 {
        let sampled = sample::filter(&mut random, self::record(), 2);
        let Some(text) = words(&sampled) else { continue };
        let read = kernel::parse(&record, Default::default(), text.as_bytes(), &machine);
        let Ok(Accepted::Filter { predicate, .. }) = read else { continue };
        let filter = Filter { record: record.clone(), predicate };
        let mut mentioned = Mentioned::by(&filter);
        mentioned.numbers.push(thread.into());
        let Ok(object) = emit(&filter, &options) else { continue };
        let samples: Vec<Sample> = (0..60)
            .map(|_| {
                let mut sample = Sample::new(&mut random, &mentioned, pages.ends());
                sample.is_made(id, thread, processor);
                sample
            })
            .collect();
        let decided = |counter: &Counter| -> Vec<u64> {
            let one = |sample: &Sample| {
                pages.fill(&sample.world);
                let before = counter.count();
                call(sample);
                counter.count() - before
            };
            samples.iter().map(one).collect()
        };
        let Some(counter) = Counter::new(id) else {
            println!("skipped: no perf events");
            return;
        };
        counter.filter(&text);
        let theirs = decided(&counter);
        drop(counter);
        let Some(loaded) = loaded(&filter, &object, Monitored::Tasks, hook.clone()) else {
            return;
        };
        let counter = Counter::new(id).unwrap();
        let links = loaded.attach().unwrap();
        watch(&loaded);
        let ours = decided(&counter);
        drop(links);
        for ((sample, theirs), ours) in samples.iter().zip(theirs).zip(ours) {
            let expected = u64::from(sample.expected(&filter));
            assert_eq!(
                (theirs, ours),
                (expected, expected),
                "{text:?}\n{:x?}\n{:?}",
                sample.record,
                sample.world
            );
            calls += 1;
            kept += ours;
        }
        filters += 1;
    }
    println!("{filters} filters and {calls} calls, {kept} kept, 0 differences");
    assert!(kept > calls / 5 && kept < calls * 9 / 10, "{kept} of {calls}");
}

/// What a call costs that a filter drops: nothing watches, the kernel's own filter, a program.
/// For people: nothing is asked of the numbers.
#[test]
fn what_filters_cost() {
    let Some(id) = event_id() else { return println!("skipped: no tracefs") };
    let _ = settle();
    let cost = || {
        let round = |calls: u32| {
            let start = std::time::Instant::now();
            for _ in 0..calls {
                // SAFETY: refused for its flags.
                unsafe { libc::syscall(libc::SYS_setxattr, 0, 0, 3, 0x40, NO_FLAG) };
            }
            start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
        };
        // Short enough that some are not interrupted.
        (0..1_000).map(|_| round(200)).fold(f64::INFINITY, f64::min)
    };
    let alone = cost();
    let number = |value| {
        let operand = Operand::whole(record().field("b").unwrap());
        let kind = TestKind::Compare { mask: operand.mask(), operand, op: CmpOp::Eq, value };
        Predicate::Test(Box::new(Test { span: Default::default(), kind }))
    };
    let hook = Hook::Tracepoint { subsystem: "syscalls".to_owned(), event: EVENT.to_owned() };
    // What asks nothing, and keeps all, so that nobody else is touched; no event of this thread
    // waits for it, and so it ends where what is dropped does. No program can be quicker.
    let floor = {
        let filter = Filter { record: record(), predicate: Predicate::True };
        let options =
            Options { monitored: Monitored::Everybody, event_id: Some(id), counted: None };
        let object = emit(&filter, &options).unwrap();
        assert_eq!(object.insns.len(), 2);
        let loaded = loaded(&filter, &object, options.monitored, hook.clone());
        let Some(loaded) = loaded else { return };
        let _links = loaded.attach().unwrap();
        cost()
    };
    for length in [0, 1, 8, 32] {
        // The kernel's language has no filter without a test.
        let tests: Vec<_> = (0..length.max(1)).map(|value| format!("size == {value}")).collect();
        let Some(counter) = Counter::new(id) else { return println!("skipped: no perf events") };
        counter.filter(&CString::new(tests.join("||")).unwrap());
        let kernel = cost();
        assert_eq!(counter.count(), 0);
        drop(counter);
        let predicate = Predicate::Or((0..length).map(number).collect());
        let filter = Filter { record: record(), predicate };
        let options = Options { monitored: Monitored::Tasks, event_id: Some(id), counted: None };
        let object = emit(&filter, &options).unwrap();
        let Some(loaded) = loaded(&filter, &object, Monitored::Tasks, hook.clone()) else { return };
        let counter = Counter::new(id).unwrap();
        let links = loaded.attach().unwrap();
        let stranger = cost();
        watch(&loaded);
        let before = counter.count();
        let program = cost();
        assert_eq!(counter.count(), before);
        drop(links);
        println!(
            "{length:2} tests, ns a call: {alone:.0} alone, {kernel:.0} dropped by the kernel's \
             filter, {program:.0} by a program, {floor:.0} with one that asks nothing; \
             {stranger:.0} a stranger's, kept"
        );
    }
}

impl Counter {
    /// The kernel's own filter.
    fn filter(&self, text: &CStr) {
        const SET_FILTER: libc::c_ulong = 0x4008_2406;
        // SAFETY: a text with a NUL, which is only read.
        let set = unsafe { libc::ioctl(self.0.as_raw_fd(), SET_FILTER, text.as_ptr()) };
        assert_eq!(set, 0, "{text:?}");
    }
}

impl Sample {
    /// What is so whenever this thread makes the call.
    fn is_made(&mut self, id: u16, thread: u32, processor: u32) {
        let flags = u64::from_ne_bytes(self.record[48..56].try_into().unwrap()) | NO_FLAG;
        self.record[..2].copy_from_slice(&id.to_ne_bytes());
        self.record[4..8].copy_from_slice(&thread.to_ne_bytes());
        let nr = libc::SYS_setxattr as u32;
        self.record[8..12].copy_from_slice(&nr.to_ne_bytes());
        self.record[48..56].copy_from_slice(&flags.to_ne_bytes());
        self.world.processor = processor;
    }

    fn harmless(mut self) -> Self {
        self.record[48..56].copy_from_slice(&NO_FLAG.to_ne_bytes());
        self
    }
}
