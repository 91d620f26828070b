//! Random eBPF programs for the oracles, as text: nearly all of them pass the kernel's
//! verifier, and what they compute hangs on everything that they did.
//!
//! R6 holds the context and R10 the frame; R1 is for addresses; the other registers hold
//! numbers between statements. The stack is written before it is read.

use std::fmt::Write as _;

#[path = "../random/mod.rs"]
mod random;

pub use random::Random;

impl Random {
    /// A 64-bit number that is likely to matter.
    pub fn number(&mut self) -> u64 {
        match self.below(6) {
            0 => self.pick(&[0, 1, 2, 3, 7, 8, 31, 32, 63, 64, 255, 256, 0xffff]),
            1 => u64::MAX - u64::from(self.below(4)),
            2 => (1 << self.below(64)) - u64::from(self.below(2)),
            3 => u64::from(self.below(u32::MAX)),
            4 => u64::from(self.pick(&[0x7fff_ffff_u32, 0x8000_0000, 0xffff_ffff])),
            _ => self.word(),
        }
    }
}

#[allow(dead_code, reason = "one of the test files that include this does without")]
/// Bytes of the context: 64 that programs read, and room for registers at the end.
pub const CONTEXT: usize = 64 + 8 * REGISTERS.len();

/// Registers that hold numbers between statements.
const REGISTERS: [u32; 8] = [0, 2, 3, 4, 5, 7, 8, 9];

#[allow(dead_code, reason = "one of the test files that include this does without")]
/// Maps that programs name by place: an array of four, a hash of three, both with values of 16
/// bytes, and a ring buffer.
pub const MAPS: usize = 3;

/// What programs may contain.
#[derive(Clone, Copy, Debug)]
pub struct Features {
    /// Maps and ring buffers.
    pub maps: bool,
    /// Helpers that say who runs the program, and that read memory.
    pub helpers: bool,
    /// Calls of functions.
    pub functions: bool,
    /// Address of readable memory of the task.
    pub user: u64,
}

/// A program as text. The last 64 bytes of the context get the registers.
pub fn program(random: &mut Random, features: Features, statements: u32) -> String {
    let functions = if features.functions { random.below(3) } else { 0 };
    let mut writer = Writer {
        random,
        features,
        text: String::new(),
        labels: 0,
        function: 0,
        functions,
        called: 0,
        in_loop: false,
    };
    writer.prologue();
    writer.statements(statements);
    while writer.called < functions {
        writer.call();
    }
    for (place, reg) in REGISTERS.iter().enumerate() {
        writer.line(&format!("*(u64 *)(r6 + {}) = r{reg}", 64 + 8 * place));
    }
    writer.line("exit");
    for function in 1..=functions {
        writer.function = function;
        writer.text.push_str(&format!("f{function}:\n"));
        writer.line("r7 = *(u64 *)(r2 + 8)");
        writer.line("*(u64 *)(r2 + 16) = r3");
        writer.prologue();
        writer.statements(statements / 3 + 1);
        writer.line("exit");
    }
    writer.text
}

struct Writer<'r> {
    random: &'r mut Random,
    features: Features,
    text: String,
    labels: u32,
    /// The function that is being written; 0 is the program itself.
    function: u32,
    functions: u32,
    /// The last one that is called: functions call later ones, and each must be called.
    called: u32,
    /// R9 counts.
    in_loop: bool,
}

const ALU: [&str; 10] = ["+", "-", "*", "/", "%", "|", "&", "^", "s/", "s%"];
const SHIFTS: [&str; 3] = ["<<", ">>", "s>>"];
const TESTS: [&str; 11] = ["==", "!=", ">", ">=", "<", "<=", "s>", "s>=", "s<", "s<=", "&"];

impl Writer<'_> {
    fn line(&mut self, line: &str) {
        writeln!(self.text, "    {line}").unwrap();
    }

    fn label(&mut self) -> String {
        self.labels += 1;
        format!("l{}", self.labels)
    }

    fn place(&mut self, label: &str) {
        writeln!(self.text, "{label}:").unwrap();
    }

    /// A register that holds a number, to be read.
    fn number(&mut self) -> u32 {
        self.random.pick(&REGISTERS)
    }

    /// A register that may be changed.
    fn target(&mut self) -> u32 {
        loop {
            let reg = self.number();
            if reg != 9 || !self.in_loop {
                return reg;
            }
        }
    }

    fn constant(&mut self) -> i32 {
        let number = self.random.number().to_le_bytes();
        i32::from_le_bytes([number[0], number[1], number[2], number[3]])
    }

    fn reload(&mut self, reg: u32) {
        let offset = 8 * self.random.below(8);
        self.line(&format!("r{reg} = *(u64 *)(r6 + {offset})"));
    }

    /// R1 holds the context.
    fn prologue(&mut self) {
        self.line("r6 = r1");
        for reg in REGISTERS {
            if self.random.chance(80) {
                self.reload(reg);
            } else {
                let number = self.random.number();
                self.line(&format!("r{reg} = {number:#x} ll"));
            }
        }
        for slot in 1..=12 {
            let reg = self.number();
            self.line(&format!("*(u64 *)(r10 - {}) = r{reg}", 8 * slot));
        }
    }

    fn statements(&mut self, count: u32) {
        for _ in 0..count {
            self.statement(2);
        }
    }

    fn statement(&mut self, depth: u32) {
        match self.random.below(40) {
            0..=13 => self.arithmetic(),
            14..=16 => self.unary(),
            17..=18 => self.context(),
            19..=21 => self.stack(),
            22..=23 => self.atomic("r10", -64, 64),
            24 => self.variable_stack(),
            25..=28 if depth > 0 => self.branch(depth),
            29 if depth > 0 && !self.in_loop => self.counted(),
            30 => self.spill(),
            31..=33 if self.features.maps => self.map(),
            34 if self.features.maps => self.ring(),
            35..=36 if self.features.helpers => self.helper(),
            37 if self.function < self.functions && !self.in_loop => self.call(),
            _ => self.arithmetic(),
        }
    }

    fn arithmetic(&mut self) {
        let (dst, src) = (self.target(), self.number());
        let letter = self.random.pick(&['r', 'w']);
        let bits = if letter == 'r' { 64 } else { 32 };
        let line = match self.random.below(8) {
            0 => {
                let k = self.constant();
                format!("{letter}{dst} = {k}")
            }
            1 => format!("{letter}{dst} = {letter}{src}"),
            2 => {
                let (shift, k) = (self.random.pick(&SHIFTS), self.random.below(bits));
                format!("{letter}{dst} {shift}= {k}")
            }
            3 => {
                let shift = self.random.pick(&SHIFTS);
                format!("{letter}{dst} {shift}= {letter}{src}")
            }
            4 | 5 => {
                let alu = self.random.pick(&ALU);
                let k = match self.constant() {
                    0 if alu.ends_with(['/', '%']) => -1,
                    k => k,
                };
                format!("{letter}{dst} {alu}= {k}")
            }
            _ => {
                let alu = self.random.pick(&ALU);
                format!("{letter}{dst} {alu}= {letter}{src}")
            }
        };
        self.line(&line);
    }

    fn unary(&mut self) {
        let (dst, src) = (self.target(), self.number());
        let line = match self.random.below(6) {
            0 => format!("r{dst} = -r{dst}"),
            1 => format!("w{dst} = -w{dst}"),
            2 => {
                let order = self.random.pick(&["le", "be", "bswap"]);
                let bits = self.random.pick(&[16, 32, 64]);
                format!("r{dst} = {order}{bits} r{dst}")
            }
            3 => {
                let bits = self.random.pick(&[8, 16, 32]);
                format!("r{dst} = (s{bits})r{src}")
            }
            4 => {
                let bits = self.random.pick(&[8, 16]);
                format!("w{dst} = (s{bits})w{src}")
            }
            _ => {
                let number = self.random.number();
                format!("r{dst} = {number:#x} ll")
            }
        };
        self.line(&line);
    }

    /// `(type, bytes)`
    fn access(&mut self, load: bool) -> (&'static str, u32) {
        let types = [("u8", 1), ("u16", 2), ("u32", 4), ("u64", 8)];
        let signed = [("s8", 1), ("s16", 2), ("s32", 4)];
        if load && self.random.chance(35) {
            self.random.pick(&signed)
        } else {
            self.random.pick(&types)
        }
    }

    fn load_or_store(&mut self, base: &str, start: i32, length: u32) {
        let load = self.random.chance(60);
        let (kind, size) = self.access(load);
        let offset = start + i32::try_from(size * self.random.below(length / size)).unwrap();
        let line = if load {
            let dst = self.target();
            format!("r{dst} = *({kind} *)({base} {offset:+})")
        } else if self.random.chance(30) {
            let k = self.constant();
            format!("*({kind} *)({base} {offset:+}) = {k}")
        } else {
            let src = self.number();
            format!("*({kind} *)({base} {offset:+}) = r{src}")
        };
        self.line(&line);
    }

    fn context(&mut self) {
        self.load_or_store("r6", 0, 64);
    }

    fn stack(&mut self) {
        self.load_or_store("r10", -64, 64);
    }

    fn atomic(&mut self, base: &str, start: i32, length: u32) {
        let (letter, bits, size) = self.random.pick(&[('r', 64, 8), ('w', 32, 4)]);
        let offset = start + i32::try_from(size * self.random.below(length / size)).unwrap();
        let suffix = if bits == 64 { "_64" } else { "32_32" };
        let src = self.target();
        let line = match self.random.below(4) {
            0 => {
                let alu = self.random.pick(&["+", "|", "&", "^"]);
                format!("lock *(u{bits} *)({base} {offset:+}) {alu}= {letter}{src}")
            }
            1 => {
                let alu = self.random.pick(&["add", "or", "and", "xor"]);
                format!(
                    "{letter}{src} = atomic_fetch_{alu}((u{bits} *)({base} {offset:+}), {letter}{src})"
                )
            }
            2 => format!("{letter}{src} = xchg{suffix}({base} {offset:+}, {letter}{src})"),
            _ if base == "r0" => return,
            _ => {
                // As often as not what is there.
                if self.random.chance(50) {
                    self.line(&format!("r0 = *(u{bits} *)({base} {offset:+})"));
                }
                self.line(&format!(
                    "{letter}0 = cmpxchg{suffix}({base} {offset:+}, {letter}0, {letter}{src})"
                ));
                format!("{letter}0 = {letter}0")
            }
        };
        self.line(&line);
    }

    /// A load from the stack at an offset that only the verifier's bounds make safe.
    fn variable_stack(&mut self) {
        let (dst, index) = (self.target(), self.number());
        let bound = self.random.pick(&[(0x38, "u64"), (0x3c, "u32"), (0x3f, "u8"), (0x3e, "s16")]);
        self.line(&format!("r1 = r{index}"));
        if self.random.chance(50) {
            self.line(&format!("r1 &= {}", bound.0));
        } else {
            let unit = match bound.1 {
                "u64" => 8,
                "u32" => 4,
                "s16" => 2,
                _ => 1,
            };
            let skip = self.label();
            self.line(&format!("if r1 < {} goto {skip}", 64 / unit));
            self.line("r1 = 3");
            self.place(&skip);
            self.line(&format!("r1 *= {unit}"));
        }
        self.line("r1 += r10");
        self.line(&format!("r{dst} = *({} *)(r1 - 64)", bound.1));
    }

    fn branch(&mut self, depth: u32) {
        let letter = self.random.pick(&['r', 'w']);
        let (left, right) = (self.number(), self.number());
        let test = self.random.pick(&TESTS);
        let operand = match self.random.chance(50) {
            true => format!("{letter}{right}"),
            false => self.constant().to_string(),
        };
        let (no, end) = (self.label(), self.label());
        self.line(&format!("if {letter}{left} {test} {operand} goto {no}"));
        for _ in 0..=self.random.below(3) {
            self.statement(depth - 1);
        }
        let goto = self.random.pick(&["goto", "gotol"]);
        let has_else = self.random.chance(40);
        if has_else {
            self.line(&format!("{goto} {end}"));
        }
        self.place(&no);
        if has_else {
            for _ in 0..=self.random.below(2) {
                self.statement(depth - 1);
            }
            self.place(&end);
        }
    }

    /// A loop of up to eight rounds.
    fn counted(&mut self) {
        let again = self.label();
        if self.random.chance(50) {
            let rounds = 1 + self.random.below(6);
            self.line(&format!("r9 = {rounds}"));
        } else {
            self.line("r9 &= 3");
            self.line("r9 += 1");
        }
        self.place(&again);
        self.in_loop = true;
        for _ in 0..=self.random.below(3) {
            self.statement(0);
        }
        self.in_loop = false;
        self.line("r9 += -1");
        self.line(&format!("if r9 s> 0 goto {again}"));
    }

    /// The context pointer goes through the stack.
    fn spill(&mut self) {
        self.line("*(u64 *)(r10 - 104) = r6");
        self.line("r6 = 0");
        self.line("r6 = *(u64 *)(r10 - 104)");
    }

    /// R2 to R5 are numbers again after a call.
    fn after_call(&mut self) {
        for reg in 2..=5 {
            self.reload(reg);
        }
    }

    /// R2 is the address of a key that often exists.
    fn key(&mut self) {
        let key = self.number();
        let mask = self.random.pick(&[1, 3, 3, 7]);
        self.line(&format!("r1 = r{key}"));
        self.line(&format!("r1 &= {mask}"));
        self.line("*(u32 *)(r10 - 72) = r1");
        self.line("r2 = r10");
        self.line("r2 += -72");
    }

    fn map(&mut self) {
        let map = self.random.below(2);
        match self.random.below(8) {
            0..=3 => self.lookup(map),
            4..=6 => {
                let (low, high) = (self.number(), self.number());
                self.line(&format!("*(u64 *)(r10 - 96) = r{low}"));
                self.line(&format!("*(u64 *)(r10 - 88) = r{high}"));
                self.key();
                self.line("r3 = r10");
                self.line("r3 += -96");
                let flags = self.random.pick(&[0, 0, 0, 1, 2, 3, 4]);
                self.line(&format!("r4 = {flags}"));
                self.line(&format!("r1 = map[idx:{map}] ll"));
                self.line("call bpf_map_update_elem");
                self.after_call();
            }
            _ => {
                self.key();
                self.line("r1 = map[idx:1] ll");
                self.line("call bpf_map_delete_elem");
                self.after_call();
            }
        }
    }

    fn lookup(&mut self, map: u32) {
        self.key();
        self.line(&format!("r1 = map[idx:{map}] ll"));
        self.line("call bpf_map_lookup_elem");
        self.after_call();
        let none = self.label();
        self.line(&format!("if r0 == 0 goto {none}"));
        for _ in 0..=self.random.below(3) {
            if self.random.chance(30) {
                self.value_atomic();
            } else {
                self.value_access();
            }
        }
        if self.random.chance(30) {
            let index = self.random.pick(&[7, 8]);
            self.line(&format!("r1 = r{index}"));
            self.line("r1 &= 8");
            self.line("r0 += r1");
        }
        self.line("r0 = *(u64 *)(r0 + 0)");
        self.place(&none);
    }

    /// An access through R0, which must stay.
    fn value_access(&mut self) {
        let load = self.random.chance(50);
        let (kind, size) = self.access(load);
        let offset = size * self.random.below(16 / size);
        let reg = self.random.pick(&[2, 3, 4, 5, 7, 8]);
        if load {
            self.line(&format!("r{reg} = *({kind} *)(r0 + {offset})"));
        } else {
            self.line(&format!("*({kind} *)(r0 + {offset}) = r{reg}"));
        }
    }

    fn value_atomic(&mut self) {
        let reg = self.random.pick(&[2, 3, 4, 5, 7, 8]);
        let offset = 8 * self.random.below(2);
        let line = match self.random.below(3) {
            0 => format!("lock *(u64 *)(r0 + {offset}) += r{reg}"),
            1 => format!("r{reg} = xchg_64(r0 + {offset}, r{reg})"),
            _ => format!("w{reg} = atomic_fetch_xor((u32 *)(r0 + {offset}), w{reg})"),
        };
        self.line(&line);
    }

    fn ring(&mut self) {
        if self.random.chance(50) {
            let (size, flags) = (self.random.below(65), self.random.pick(&[0, 1, 2, 4]));
            self.line("r1 = map[idx:2] ll");
            self.line("r2 = r10");
            self.line("r2 += -64");
            self.line(&format!("r3 = {}", size.max(1)));
            self.line(&format!("r4 = {flags}"));
            self.line("call bpf_ringbuf_output");
            self.after_call();
            return;
        }
        let words = 1 + self.random.below(4);
        self.line("r1 = map[idx:2] ll");
        self.line(&format!("r2 = {}", 8 * words));
        self.line("r3 = 0");
        self.line("call bpf_ringbuf_reserve");
        self.after_call();
        let full = self.label();
        self.line(&format!("if r0 == 0 goto {full}"));
        for word in 0..words {
            let reg = self.random.pick(&[2, 3, 4, 5, 7, 8]);
            self.line(&format!("*(u64 *)(r0 + {}) = r{reg}", 8 * word));
        }
        let end = self.random.pick(&["submit", "submit", "discard"]);
        self.line("r1 = r0");
        self.line("r2 = 0");
        self.line(&format!("call bpf_ringbuf_{end}"));
        self.after_call();
        self.line("r0 = 1");
        self.place(&full);
    }

    fn helper(&mut self) {
        let user = self.features.user;
        match self.random.below(8) {
            0 => self.line("call bpf_get_current_pid_tgid"),
            1 => self.line("call bpf_get_current_uid_gid"),
            2 => self.line("call bpf_get_current_cgroup_id"),
            3 => {
                let size = 1 + self.random.below(24);
                self.buffer(size);
                self.line("call bpf_get_current_comm");
            }
            4 => {
                let size = self.random.below(25);
                self.buffer(size);
                let from = self.random.pick(&["r6", "r10", "5", "0"]);
                self.line(&format!("r3 = {from}"));
                if from == "r10" {
                    // Apart from the buffer: how the kernel copies onto itself is its own.
                    self.line("r3 += -96");
                }
                let text = self.random.pick(&["", "_str"]);
                self.line(&format!("call bpf_probe_read_kernel{text}"));
            }
            _ => {
                let size = self.random.below(25);
                self.buffer(size);
                let from = self.random.pick(&[user, user + 3, 16, 0, 0xffff_ffff_ffff_f000]);
                self.line(&format!("r3 = {from:#x} ll"));
                let text = self.random.pick(&["", "_str"]);
                self.line(&format!("call bpf_probe_read_user{text}"));
            }
        }
        self.after_call();
    }

    /// R1 and R2 are a piece of the stack.
    fn buffer(&mut self, size: u32) {
        let offset = -64 + i32::try_from(self.random.below(65 - size)).unwrap();
        self.line("r1 = r10");
        self.line(&format!("r1 += {offset}"));
        self.line(&format!("r2 = {size}"));
    }

    /// A function gets the context, and a piece of our stack.
    fn call(&mut self) {
        let next = (self.called + 1).min(self.functions);
        let callee = if self.called < self.functions || self.function >= self.called {
            next.max(self.function + 1)
        } else {
            self.function + 1 + self.random.below(self.functions - self.function)
        };
        self.called = self.called.max(callee);
        self.line("r1 = r6");
        self.line("r2 = r10");
        self.line("r2 += -64");
        self.line(&format!("call f{callee}"));
        self.after_call();
    }
}
