//! Random event filters, and records for them that are likely to matter.

use filterc_abi::{Endian, Facts};
use filterc_ebpf::Fixed;
use filterc_hir::event::eval::Event;
use filterc_hir::event::filter::{CmpOp, CpusOp, Matcher, MatcherKind, Never, Text};
use filterc_hir::event::{
    Field, Filter, Operand, Part, Predicate, Record, Test, TestKind, matches,
};

/// xorshift64*: the same numbers on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from((self.word() >> 32) % bound as u64).unwrap()
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A number of which the tests and the records have the same few.
    pub(crate) fn number(&mut self) -> u64 {
        match self.below(5) {
            0 | 1 => self.below(5) as u64,
            2 => *self.pick(&[
                0x7fff_ffff,
                0x8000_0000,
                0xffff_ff9c,
                0xffff_ffff,
                0x1_0000_0000,
                0x7fff_ffff_ffff_ffff,
                0x8000_0000_0000_0000,
            ]),
            3 => u64::MAX - self.below(4) as u64,
            _ => 1 << self.below(64),
        }
    }

    /// A short text over few letters.
    pub(crate) fn text(&mut self, longest: usize) -> Vec<u8> {
        let length = self.below(longest + 1);
        (0..length).map(|_| *self.pick(b"aab/.~\xe4")).collect()
    }
}

fn field(name: &str, part: Part, offset: u16, size: u8, signed: bool) -> Field {
    Field { name: name.to_owned(), ctype: String::new(), part, offset, size, signed }
}

/// A record like that of a call with numbers and texts.
pub(crate) fn record() -> Record {
    let mut fields = vec![
        field("common_type", Part::Type, 0, 2, false),
        field("common_flags", Part::Flags, 2, 1, false),
        field("common_preempt_count", Part::PreemptCount, 3, 1, false),
        field("common_pid", Part::Pid, 4, 4, true),
        field("__syscall_nr", Part::Nr, 8, 4, true),
        field("first", Part::Text(0), 16, 8, false),
        field("second", Part::Text(1), 24, 8, false),
        field("ret", Part::Ret, 64, 8, true),
    ];
    for (index, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let place = u8::try_from(index + 2).unwrap();
        fields.push(field(name, Part::Arg(place), 16 + 8 * u16::from(place), 8, false));
    }
    Record {
        subsystem: "syscalls".to_owned(),
        name: "sys_enter_renameat".to_owned(),
        nr: Some(264),
        endian: Endian::HOST,
        fields,
    }
}

/// The same predicate, with most of its numbers those of the caller.
pub(crate) fn of_caller(predicate: &mut Predicate, record: &Record, random: &mut Random) {
    match predicate {
        Predicate::True | Predicate::False => {}
        Predicate::Not(inner) => of_caller(inner, record, random),
        Predicate::And(parts) | Predicate::Or(parts) => {
            parts.iter_mut().for_each(|part| of_caller(part, record, random));
        }
        Predicate::Test(test) => {
            let mut change = |operand: &mut Operand| {
                let name = match operand.width {
                    64 => "cgroup",
                    _ => *random.pick(&["pid", "uid", "gid", "cgroup"]),
                };
                if random.chance(75) {
                    operand.field = record.seen(name).unwrap();
                }
            };
            match &mut test.kind {
                TestKind::Compare { operand, .. }
                | TestKind::AnyBit { operand, .. }
                | TestKind::In { operand, .. }
                | TestKind::Cpus { operand, .. }
                | TestKind::Function { operand, .. } => change(operand),
                TestKind::Fields { left, right, .. } => {
                    change(left);
                    change(right);
                }
                TestKind::Text { .. } | TestKind::Never { .. } => {}
            }
        }
    }
}

/// Bytes of such a record.
pub(crate) const LENGTH: usize = 72;

/// The event's number.
pub(crate) const EVENT_ID: u16 = 700;

fn operand(random: &mut Random, record: &Record) -> Operand {
    const NAMES: [&str; 8] =
        ["common_type", "common_pid", "__syscall_nr", "ret", "a", "b", "c", "cpu"];
    // In the place of what the event does not have stands the last that all have.
    let name = *random.pick(&NAMES);
    let name = if record.field(name).is_some() { name } else { "c" };
    let field = record.field(name).unwrap();
    let mut operand = Operand::whole(field);
    if random.chance(25) {
        let widths: Vec<u8> =
            [8, 16, 32, 64].into_iter().filter(|width| *width <= operand.width).collect();
        operand.width = *random.pick(&widths);
        operand.signed = random.chance(50);
    }
    operand
}

fn pattern(random: &mut Random) -> Vec<u8> {
    let length = random.below(9);
    let mut pattern = Vec::new();
    for _ in 0..length {
        match random.below(12) {
            0..4 => pattern.push(b'*'),
            4 => pattern.push(b'?'),
            5 => {
                let class: &[&[u8]] = &[
                    b"[a-b]", b"[!a]", b"[.-~]", b"[]a]", b"[!]-b]", b"[a", b"[b-a]", b"\\*", b"\\",
                ];
                pattern.extend(*random.pick(class));
            }
            _ => pattern.extend(random.text(2)),
        }
    }
    pattern
}

fn matcher(random: &mut Random) -> Matcher {
    let kind = *random.pick(&[
        MatcherKind::Exact,
        MatcherKind::Prefix,
        MatcherKind::Suffix,
        MatcherKind::Substring,
        MatcherKind::Glob,
    ]);
    let pattern = match kind {
        MatcherKind::Glob => pattern(random),
        MatcherKind::Exact | MatcherKind::Prefix => {
            let longest = *random.pick(&[3, 9, 20]);
            random.text(longest)
        }
        MatcherKind::Suffix | MatcherKind::Substring => random.text(4),
    };
    Matcher { kind, pattern }
}

fn kind(random: &mut Random, record: &Record) -> TestKind {
    const OPS: [CmpOp; 6] = [CmpOp::Eq, CmpOp::Ne, CmpOp::Lt, CmpOp::Le, CmpOp::Gt, CmpOp::Ge];
    let operand = operand(random, record);
    let bits = operand.mask();
    let mask = if random.chance(30) { random.word() & random.word() & bits } else { bits };
    match random.below(12) {
        0..3 => {
            let (op, value) = (*random.pick(&OPS), random.number() & bits);
            TestKind::Compare { operand, mask, op, value }
        }
        3 => TestKind::AnyBit { operand, mask: random.number() & bits },
        4 => {
            let ranges =
                (0..random.below(9)).map(|_| (random.number() & bits, random.number() & bits));
            let ranges = ranges.collect();
            TestKind::In { operand, mask, ranges }
        }
        5 => {
            let names: &[&str] = &["a", "b", "c"];
            let mut pair = [0, 1]
                .map(|_| record.field(random.pick::<&str>(names)).map(Operand::whole).unwrap());
            let (width, signed) = (*random.pick(&[8, 16, 32, 64]), random.chance(50));
            for one in &mut pair {
                (one.width, one.signed) = (width, signed);
            }
            let [left, right] = pair;
            TestKind::Fields { left, op: *random.pick(&OPS), right }
        }
        6 => {
            let op = *random.pick(&[CpusOp::Is, CpusOp::IsNot, CpusOp::In]);
            let mut cpus: Vec<u32> = (0..random.below(6)).map(|_| random.below(8) as u32).collect();
            cpus.sort_unstable();
            cpus.dedup();
            TestKind::Cpus { operand, op, cpus, nr_cpu_ids: *random.pick(&[1, 2, 4, 200]) }
        }
        7 => {
            let name = *random.pick(&["a", "b"]);
            let operand = Operand::whole(record.field(name).unwrap());
            let (start, end) = (random.number(), random.number());
            TestKind::Function { operand, inside: random.chance(50), start, end }
        }
        8 if random.chance(30) => TestKind::Never { field: operand.field, why: Never::Stacktrace },
        _ => {
            let source = match random.below(5) {
                0 => Text::Comm,
                1 => Text::User(record.field("second").unwrap()),
                _ => Text::User(record.field("first").unwrap()),
            };
            TestKind::Text { source, matcher: matcher(random), negated: random.chance(30) }
        }
    }
}

/// A predicate of some depth.
pub(crate) fn predicate(random: &mut Random, record: &Record, depth: usize) -> Predicate {
    let parts = |random: &mut Random| {
        (0..random.below(3) + 1).map(|_| predicate(random, record, depth - 1)).collect()
    };
    match random.below(if depth == 0 { 20 } else { 60 }) {
        0 => Predicate::True,
        1 => Predicate::False,
        2..20 => {
            let kind = kind(random, record);
            Predicate::Test(Box::new(Test { span: Default::default(), kind }))
        }
        20..38 => Predicate::And(parts(random)),
        38..54 => Predicate::Or(parts(random)),
        _ => Predicate::Not(Box::new(predicate(random, record, depth - 1))),
    }
}

/// A filter of some depth.
pub(crate) fn filter(random: &mut Random, record: Record, depth: usize) -> Filter {
    let predicate = predicate(random, &record, depth);
    Filter { record, predicate }
}

/// What the tests of a filter mention: records of these are likely to matter.
#[derive(Default)]
pub(crate) struct Mentioned {
    pub(crate) numbers: Vec<u64>,
    pub(crate) texts: Vec<Vec<u8>>,
}

impl Mentioned {
    pub(crate) fn by(filter: &Filter) -> Self {
        let mut mentioned = Self::default();
        for test in filter.predicate.tests() {
            match &test.kind {
                TestKind::Compare { value, .. } => mentioned.numbers.push(*value),
                TestKind::AnyBit { mask, .. } => mentioned.numbers.push(*mask),
                TestKind::In { ranges, .. } => {
                    mentioned
                        .numbers
                        .extend(ranges.iter().flat_map(|(first, last)| [*first, *last]));
                }
                TestKind::Cpus { cpus, .. } => {
                    mentioned.numbers.extend(cpus.iter().map(|cpu| u64::from(*cpu)));
                }
                TestKind::Function { start, end, .. } => mentioned.numbers.extend([*start, *end]),
                TestKind::Text { matcher, .. } => mentioned.texts.push(matcher.pattern.clone()),
                TestKind::Fields { .. } | TestKind::Never { .. } => {}
            }
        }
        mentioned
    }

    /// A number, or one beside it.
    pub(crate) fn number(&self, random: &mut Random) -> u64 {
        if self.numbers.is_empty() || random.chance(30) {
            return random.number();
        }
        let beside = random.below(3) as u64;
        let high = if random.chance(20) { random.word() << 32 } else { 0 };
        random.pick(&self.numbers).wrapping_add(beside).wrapping_sub(1) ^ high
    }

    /// A text that a pattern may match, or nearly.
    pub(crate) fn text(&self, random: &mut Random, longest: usize) -> Vec<u8> {
        if self.texts.is_empty() || random.chance(30) {
            return random.text(longest);
        }
        let mut text = Vec::new();
        for byte in random.pick(&self.texts).clone() {
            match byte {
                b'*' => text.extend(random.text(3)),
                b'?' | b'[' => text.extend(random.text(1)),
                byte => text.push(byte),
            }
        }
        match random.below(4) {
            0 => text.extend(random.text(3)),
            1 => drop(text.splice(..0, random.text(3))),
            2 if !text.is_empty() => {
                let at = random.below(text.len());
                text[at] = *random.pick(b"ab/~");
            }
            _ => {}
        }
        text
    }
}

/// A record and the world around it.
pub(crate) struct Sample {
    pub(crate) record: [u8; LENGTH],
    pub(crate) world: Fixed,
}

fn text(random: &mut Random, mentioned: &Mentioned) -> Vec<u8> {
    match random.below(12) {
        // Longer than what is looked at, and as long, and one less.
        0 => {
            let length = *random.pick(&[1022, 1023, 1024, 1100]);
            let mut text: Vec<u8> = (0..length).map(|_| *random.pick(b"ab")).collect();
            text.push(0);
            text
        }
        // The page ends before the text does.
        1 => {
            let length = *random.pick(&[0, 1, 5, 8, 300, 1023, 1024]);
            vec![b'a'; length]
        }
        _ => {
            let longest = *random.pick(&[2, 4, 12, 30]);
            let mut text = mentioned.text(random, longest);
            text.push(0);
            text.extend(random.text(9));
            text
        }
    }
}

impl Sample {
    /// With texts that end where `pages` says, and nothing is readable behind.
    pub(crate) fn new(random: &mut Random, mentioned: &Mentioned, pages: [u64; 2]) -> Self {
        let mut record = [0; LENGTH];
        let mut world = Fixed::default();
        let pid = mentioned.number(random) as u32;
        record[..2].copy_from_slice(&EVENT_ID.to_ne_bytes());
        record[4..8].copy_from_slice(&pid.to_ne_bytes());
        record[8..12].copy_from_slice(&(mentioned.number(random) as u32).to_ne_bytes());
        for (index, word) in record[16..].chunks_exact_mut(8).enumerate() {
            let value = match index {
                0 | 1 if random.chance(85) => {
                    let text = text(random, mentioned);
                    let address = pages[index] - text.len() as u64;
                    world.user.push((address, text));
                    address
                }
                // The same text twice.
                1 => world.user.first().map_or(0, |(address, _)| *address),
                _ => mentioned.number(random),
            };
            word.copy_from_slice(&value.to_ne_bytes());
        }
        world.pid_tgid = random.word() << 32 | u64::from(pid);
        world.processor = random.below(5) as u32;
        let mut comm = mentioned.text(random, 15);
        comm.truncate(15);
        world.comm[..comm.len()].copy_from_slice(&comm);
        Self { record, world }
    }

    /// The same, made by somebody that the filter may ask for.
    pub(crate) fn by_somebody(mut self, random: &mut Random, mentioned: &Mentioned) -> Self {
        let low = |word: u64| word & 0xffff_ffff;
        let tid = low(self.world.pid_tgid);
        self.world.pid_tgid = mentioned.number(random) << 32 | tid;
        self.world.uid_gid = mentioned.number(random) << 32 | low(mentioned.number(random));
        self.world.cgroup_id = mentioned.number(random);
        self
    }

    /// What the reference says.
    pub(crate) fn expected(&self, filter: &Filter) -> bool {
        let memory = |address: u64| {
            let (start, bytes) =
                self.world.user.iter().find(|(start, bytes)| {
                    (*start..start + bytes.len() as u64).contains(&address)
                })?;
            let rest = &bytes[usize::try_from(address - start).unwrap()..];
            match rest.iter().position(|byte| *byte == 0) {
                Some(end) => Some(rest[..end].to_vec()),
                None if rest.len() > 1023 => Some(rest.to_vec()),
                None => None,
            }
        };
        let length = self.world.comm.iter().position(|byte| *byte == 0).unwrap();
        let event = Event {
            record: &self.record,
            endian: Endian::HOST,
            cpu: self.world.processor,
            who: Facts {
                pid: (self.world.pid_tgid >> 32) as u32,
                uid: self.world.uid_gid as u32,
                gid: (self.world.uid_gid >> 32) as u32,
                cgroup: self.world.cgroup_id,
                ..Facts::default()
            },
            comm: &self.world.comm[..length],
            memory: &memory,
        };
        matches(filter, &event)
    }
}
