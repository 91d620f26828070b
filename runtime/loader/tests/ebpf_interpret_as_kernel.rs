//! The eBPF interpreter against the running kernel: the same registers, context, maps and
//! records after every run of every program.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "tests say what they expect"
)]

mod ebpf_sample;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

use ebpf_sample::{CONTEXT, Features, MAPS, Random, program};
use filterc_abi::Endian;
use filterc_ebpf::interp::MapId;
use filterc_ebpf::{
    DisasmOptions, Fixed, Host, Insn, Target, WellFormed, assemble, disassemble, interpret, verify,
    well_formed,
};
use filterc_loader::bpf::{
    BpfError, Log, Map, MapKind, MapSpec, Program, ProgramKind, ProgramSpec, Refusal, RingReader,
};

const FUEL: u64 = 1 << 20;

/// Programs, and runs of each: more than the 100,000 runs that the project asks for.
const PROGRAMS: usize = 4_000;
const RUNS: usize = 40;

const ARRAY: MapSpec =
    MapSpec { kind: MapKind::Array, key_size: 4, value_size: 16, max_entries: 4 };
const HASH: MapSpec = MapSpec { kind: MapKind::Hash, key_size: 4, value_size: 16, max_entries: 3 };
const RING: MapSpec =
    MapSpec { kind: MapKind::Ringbuf, key_size: 0, value_size: 0, max_entries: 4096 };

fn load(insns: &[Insn], maps: &[&Map], log: Log) -> Result<Program, Refusal> {
    let kind = ProgramKind::Syscall;
    Program::load(insns, &ProgramSpec { kind, name: "filterc_test", license: c"GPL", log, maps })
}

/// Whether this process may load programs at all.
fn available() -> bool {
    let trivial = assemble("r0 = 0\nexit").unwrap();
    match load(&trivial, &[], Log::Refusals) {
        Ok(_) => true,
        Err(Refusal { error, .. }) if error.is_unavailable() => {
            println!("skipped: {error}");
            false
        }
        Err(refusal) => panic!("{refusal}"),
    }
}

/// Text in our memory for programs to read.
static USER: [u8; 32] = *b"text of the task\0xyz\0\0\0\0\0\0\0\0\0\0\0\0";

fn user_address() -> u64 {
    USER.as_ptr().expose_provenance() as u64
}

/// What helpers say of this thread.
fn environment() -> Fixed {
    let pid = u64::from(std::process::id());
    let thread = fs::read_link("/proc/thread-self").unwrap();
    let tid: u64 = thread.file_name().unwrap().to_str().unwrap().parse().unwrap();
    let name = fs::read("/proc/thread-self/comm").unwrap();
    let mut comm = [0; 16];
    for (slot, byte) in comm.iter_mut().zip(name.strip_suffix(b"\n").unwrap()) {
        *slot = *byte;
    }
    let owner = fs::metadata("/proc/thread-self").unwrap();
    Fixed {
        pid_tgid: pid << 32 | tid,
        uid_gid: u64::from(owner.gid()) << 32 | u64::from(owner.uid()),
        comm,
        cgroup_id: cgroup_id(),
        user: vec![(user_address(), USER.to_vec())],
        ..Fixed::default()
    }
}

/// The id of a cgroup is the number of its folder's inode.
fn cgroup_id() -> u64 {
    let groups = fs::read_to_string("/proc/thread-self/cgroup").unwrap();
    let path = groups.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
    ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        .iter()
        .find(|root| {
            fs::metadata(format!("{root}/cgroup.procs")).is_ok() || root.ends_with("unified")
        })
        .and_then(|root| fs::metadata(format!("{root}{path}")).ok())
        .map_or(1, |folder| folder.ino())
}

fn any_context(random: &mut Random) -> [u8; CONTEXT] {
    let mut context = [0; CONTEXT];
    for word in context[..64].chunks_exact_mut(8) {
        word.copy_from_slice(&random.number().to_le_bytes());
    }
    context
}

/// Maps of the kernel, and the same ones here.
struct Pair {
    maps: Vec<Map>,
    reader: RingReader,
    host: Host<Fixed>,
    twins: Vec<MapId>,
}

impl Pair {
    fn new(environment: &Fixed) -> Result<Self, BpfError> {
        let mut host = Host::new(environment.clone(), Endian::HOST);
        let (mut maps, mut twins) = (Vec::new(), Vec::new());
        for spec in [ARRAY, HASH, RING] {
            maps.push(Map::create(spec, "filterc_test")?);
            twins.push(host.add_map(spec).unwrap());
        }
        assert_eq!(maps.len(), MAPS);
        Ok(Self { reader: RingReader::new(&maps[2])?, maps, host, twins })
    }

    #[track_caller]
    fn assert_same(&mut self, text: &dyn Fn() -> String) {
        for place in 0..2 {
            let (map, twin) = (&self.maps[place], self.twins[place]);
            for key in 0..8_u32 {
                let key = key.to_ne_bytes();
                let theirs = map.lookup(&key).unwrap();
                assert_eq!(theirs.as_deref(), self.host.lookup(twin, &key), "{}", text());
            }
        }
    }
}

/// Runs a program on both sides, and compares everything that it could have changed.
fn compare(
    insns: &[Insn],
    ours: &WellFormed,
    kernel: &Program,
    pair: &mut Pair,
    random: &mut Random,
) {
    for run in 0..RUNS {
        let before = any_context(random);
        let (mut theirs, mut mine) = (before, before);
        let text = || {
            let text = disassemble(insns, &DisasmOptions { plain: true });
            format!("run {run} with {before:?} of\n{text}")
        };
        let value = kernel.test_run(&mut theirs).unwrap();
        let outcome = interpret(ours, &mut pair.host, &mut mine, FUEL)
            .unwrap_or_else(|fault| panic!("{fault}: {}", text()));
        assert_eq!(theirs, mine, "context after {}", text());
        assert_eq!(u64::from(value), outcome.ret & 0xffff_ffff, "{}", text());
        let records = pair.host.consume(pair.twins[2]);
        assert_eq!(pair.reader.consume(), records, "records of {}", text());
        pair.assert_same(&text);
    }
}

/// What the verifier objects to, without numbers and registers.
fn reason(log: &str) -> String {
    let mut lines = log.lines().rev().filter(|line| !line.starts_with("processed"));
    let line = lines.next().unwrap_or_default();
    line.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect()
}

#[test]
fn same_outcome_of_random_programs() {
    if !available() {
        return;
    }
    let environment = environment();
    let mut random = Random::new(11);
    let (mut accepted, mut refused) = (0, BTreeMap::new());
    let mut steps_of_all = 0;
    for number in 0..PROGRAMS {
        let features = Features {
            maps: number % 3 == 1,
            helpers: number % 5 < 2,
            functions: number % 2 == 1,
            user: user_address(),
        };
        let length = 4 + random.below(40);
        let text = program(&mut random, features, length);
        let insns = assemble(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let ours = well_formed(&insns).unwrap();
        let mut pair = Pair::new(&environment).unwrap();
        let maps: Vec<&Map> = pair.maps.iter().collect();
        match load(&insns, &maps, Log::Refusals) {
            Ok(kernel) => {
                compare(&insns, &ours, &kernel, &mut pair, &mut random);
                accepted += 1;
                steps_of_all += insns.len();
            }
            Err(refusal) => *refused.entry(reason(&refusal.log)).or_insert(0) += 1,
        }
    }
    println!(
        "{accepted} programs of {steps_of_all} slots, {} runs, 0 differences",
        accepted * RUNS
    );
    println!("refused by the kernel: {refused:#?}");
    assert!(accepted * RUNS > 100_000);
}

/// Signals and registers, which random programs do not ask for: no signal at all is sent, and a
/// task has registers. Control groups are kept from programs that can be run on request.
#[test]
fn helpers_that_random_programs_do_not_call() {
    if !available() {
        return;
    }
    let text = "r6 = r1\nr1 = 0\ncall bpf_send_signal\nr7 = r0\n\
                call bpf_get_current_task_btf\nr1 = r0\ncall bpf_task_pt_regs\n\
                if r0 != 0 goto is\nr7 |= 256\nis: *(u64 *)(r6 + 0) = r7\nr0 = 0\nexit";
    let insns = assemble(text).unwrap();
    let kernel = load(&insns, &[], Log::Refusals).unwrap();
    let environment = Fixed { task: 1 << 63, registers: 1 << 62, ..Fixed::default() };
    let mut host = Host::new(environment, Endian::HOST);
    let (mut theirs, mut mine) = ([7; CONTEXT], [7; CONTEXT]);
    kernel.test_run(&mut theirs).unwrap();
    interpret(&well_formed(&insns).unwrap(), &mut host, &mut mine, FUEL).unwrap();
    assert_eq!(theirs, mine);
    let spec = MapSpec { kind: MapKind::CgroupArray, key_size: 4, value_size: 4, max_entries: 3 };
    let map = Map::create(spec, "filterc_test").unwrap();
    let asks = "r1 = map[idx:0] ll\nr2 = 0\ncall bpf_current_task_under_cgroup\nr0 = 0\nexit";
    let insns = assemble(asks).unwrap();
    assert!(verify(&insns, &Target { maps: &[spec], ..Target::SYSCALL }).is_err());
    assert!(load(&insns, &[&map], Log::Refusals).is_err());
}

/// Values that operations treat in ways of their own.
const EDGES: [u64; 18] = [
    0,
    1,
    2,
    7,
    31,
    32,
    63,
    64,
    0x7fff,
    0x80ff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_8000_0000,
    u64::MAX,
];

/// Every operation, on R2 and R3, or W2 and W3.
fn operations() -> Vec<String> {
    let mut operations = Vec::new();
    for w in ["r", "w"] {
        for alu in ["+", "-", "*", "/", "s/", "%", "s%", "|", "&", "^", "<<", ">>", "s>>"] {
            operations.push(format!("{w}2 {alu}= {w}3"));
            for k in [1, 2, 31] {
                operations.push(format!("{w}2 {alu}= {k}"));
            }
            if !alu.ends_with(['<', '>']) {
                operations.extend([-1, i32::MIN].map(|k| format!("{w}2 {alu}= {k}")));
            }
        }
        for test in ["==", "!=", ">", ">=", "<", "<=", "s>", "s>=", "s<", "s<=", "&"] {
            operations.push(format!("if {w}2 {test} {w}3 goto +1"));
            for k in [0, -1, 7, i32::MAX, i32::MIN] {
                operations.push(format!("if {w}2 {test} {k} goto +1"));
            }
        }
        operations.extend([format!("{w}2 = {w}3"), format!("{w}2 = -{w}2"), format!("{w}2 = -9")]);
        operations.extend([8, 16].map(|bits| format!("{w}2 = (s{bits}){w}3")));
    }
    operations.push("r2 = (s32)r3".to_owned());
    for order in ["le", "be", "bswap"] {
        operations.extend([16, 32, 64].map(|bits| format!("r2 = {order}{bits} r2")));
    }
    for (w, bits, suffix) in [("r", 64, "_64"), ("w", 32, "32_32")] {
        for alu in ["+", "|", "&", "^"] {
            operations.push(format!("lock *(u{bits} *)(r10 - 8) {alu}= {w}3"));
        }
        for alu in ["add", "or", "and", "xor"] {
            let fetch = format!("{w}3 = atomic_fetch_{alu}((u{bits} *)(r10 - 8), {w}3)");
            operations.push(fetch);
        }
        operations.push(format!("{w}3 = xchg{suffix}(r10 - 8, {w}3)"));
        operations.push(format!("{w}0 = cmpxchg{suffix}(r10 - 8, {w}0, {w}3)"));
    }
    for kind in ["u8", "u16", "u32", "u64", "s8", "s16", "s32"] {
        operations.push(format!("r2 = *({kind} *)(r10 - 8)"));
    }
    for kind in ["u8", "u16", "u32", "u64"] {
        operations.push(format!("*({kind} *)(r10 - 8) = r3"));
        operations.push(format!("*({kind} *)(r10 - 8) = -5"));
    }
    operations
}

#[test]
fn same_value_for_every_operation_at_its_edges() {
    if !available() {
        return;
    }
    let operations = operations();
    for operation in &operations {
        let text = format!(
            "r6 = r1
            r2 = *(u64 *)(r6 + 0)
            r3 = *(u64 *)(r6 + 8)
            r0 = r2
            *(u64 *)(r10 - 8) = r2
            r4 = 5
            {operation}
            r4 = 6
            *(u64 *)(r6 + 16) = r0
            *(u64 *)(r6 + 24) = r2
            *(u64 *)(r6 + 32) = r3
            *(u64 *)(r6 + 40) = r4
            r4 = *(u64 *)(r10 - 8)
            *(u64 *)(r6 + 48) = r4
            exit"
        );
        let insns = assemble(&text).unwrap();
        let kernel = load(&insns, &[], Log::Refusals).unwrap_or_else(|e| panic!("{text}: {e}"));
        let ours = well_formed(&insns).unwrap();
        let mut host = Host::new(Fixed::default(), Endian::HOST);
        for a in EDGES {
            for b in EDGES {
                let mut theirs = [0; 64];
                theirs[..8].copy_from_slice(&a.to_ne_bytes());
                theirs[8..16].copy_from_slice(&b.to_ne_bytes());
                let mut mine = theirs;
                kernel.test_run(&mut theirs).unwrap();
                interpret(&ours, &mut host, &mut mine, FUEL).unwrap();
                assert_eq!(theirs, mine, "{operation} of {a:#x} and {b:#x}");
            }
        }
    }
    let runs = operations.len() * EDGES.len() * EDGES.len();
    println!("{} operations, {runs} runs, 0 differences", operations.len());
}

/// The kernel's text of an instruction as the assembler takes it: the kernel leaves out `ll`, and
/// writes constants of comparisons as 32 bits.
fn understood(text: &str, wide: bool) -> String {
    if wide {
        return format!("{text} ll");
    }
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    if let ["if", left, _, right, "goto", _] = text.split(' ').collect::<Vec<_>>()[..]
        && left.starts_with('r')
        && let Some(hex) = right.strip_prefix("0x")
    {
        words[3] = u32::from_str_radix(hex, 16).unwrap().cast_signed().to_string();
    }
    words.join(" ")
}

#[test]
fn the_kernel_s_text_is_understood() {
    if !available() {
        return;
    }
    let mut random = Random::new(12);
    let (mut compared, mut opcodes) = (0, BTreeMap::new());
    for number in 0..400 {
        let functions = number % 2 == 1;
        let features =
            Features { maps: false, helpers: functions, functions, user: user_address() };
        let insns = assemble(&program(&mut random, features, 30)).unwrap();
        let kernel =
            load(&insns, &[], Log::Instructions).unwrap_or_else(|refusal| panic!("{refusal}"));
        for line in kernel.log().lines() {
            // `12: (b7) r0 = 5                  ; R0=5`
            let Some((pc, rest)) = line.split_once(": (") else { continue };
            let (Ok(pc), Some((_, text))) = (pc.parse::<usize>(), rest.split_once(") ")) else {
                continue;
            };
            let text = text.split(';').next().unwrap().trim();
            let insn = insns[pc];
            let text = understood(text, insn.opcode == 0x18);
            let read = assemble(&text).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(read[0], insn, "{line}");
            compared += 1;
            *opcodes.entry(insn.opcode).or_insert(0) += 1;
        }
    }
    println!("{compared} instructions of {} opcodes", opcodes.len());
    assert!(compared > 10_000 && opcodes.len() > 90, "{opcodes:?}");
}
