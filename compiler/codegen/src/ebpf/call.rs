//! The `struct seccomp_data` of a running call, put together in the stack as the kernel does it
//! for a filter: out of the registers that the task came into the kernel with, and of what the
//! kernel remembers of the task.

use filterc_abi::facts::FACTS_SIZE;
use filterc_abi::registers::{Convention, Gone, Machine, Source, Tasks};
use filterc_abi::seccomp;
use filterc_ebpf::audit::{self, Moment, offset};

use super::asking::asked;
use super::who::Asked;

/// How programs get the arguments of a tracepoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// As numbers; memory of the kernel is copied (`raw_tp`).
    Numbers,
    /// With the kernel's types; its memory is read at once (`tp_btf`).
    Types,
}

/// What is where in the stack.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// The machine.
    pub(super) machine: &'static Machine,
    /// The record, and the facts of the call behind it.
    pub(super) record: i32,
    /// The registers that are copied, in pieces.
    pieces: Vec<Piece>,
    /// What was read of the task; nothing is below.
    pub(super) task: i32,
}

/// Registers next to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    from: u32,
    end: u32,
    /// Where in the stack.
    to: i32,
}

/// Pieces with no more bytes between them than this are copied at once: another call costs more.
const GAP: u32 = 64;

impl Frame {
    /// With room for facts if some are asked for.
    pub(super) fn new(machine: &'static Machine, asked: Asked) -> Self {
        Self::with(machine, if asked.any() { FACTS_SIZE } else { 0 })
    }

    /// With room for facts.
    pub(super) fn with_facts(machine: &'static Machine) -> Self {
        Self::with(machine, FACTS_SIZE)
    }

    fn with(machine: &'static Machine, facts: u32) -> Self {
        let record = -at(audit::RECORD_SIZE) - at32(facts);
        let mut pieces: Vec<Piece> = Vec::new();
        for (from, bytes) in machine.read() {
            // Whole words of 8 bytes, as the stack has them; no structure ends within one.
            let (from, end) = (from & !7, (from + bytes).next_multiple_of(8));
            match pieces.last_mut() {
                Some(last) if from <= last.end + GAP => last.end = last.end.max(end),
                _ => pieces.push(Piece { from, end, to: 0 }),
            }
        }
        let mut to = record;
        for piece in &mut pieces {
            to -= at32(piece.end - piece.from);
            piece.to = to;
        }
        Self { machine, record, pieces, task: to - 8 }
    }

    /// The call.
    pub(super) fn call(&self) -> i32 {
        self.record + at(offset::CALL)
    }

    /// The first of the facts.
    pub(super) fn facts(&self) -> i32 {
        self.record + at(audit::RECORD_SIZE)
    }

    /// Where a register is, in the stack or in the kernel.
    fn place(&self, base: Base, offset: u32) -> String {
        if base == Base::Kernel {
            return format!("r9 + {offset}");
        }
        let holds = |piece: &&Piece| (piece.from..piece.end).contains(&offset);
        let piece = self.pieces.iter().find(holds);
        stack(piece.map_or(0, |piece| piece.to + at32(offset - piece.from)))
    }

    /// A load of a register.
    fn register(&self, base: Base, to: &str, offset: u32) -> String {
        let bits = self.machine.word * 8;
        format!("{to} = *(u{bits} *)({})", self.place(base, offset))
    }

    /// A load of a number.
    fn load(&self, base: Base, to: &str, source: Source) -> String {
        match source {
            Source::Register(at) => self.register(base, to, at),
            Source::Word(at) => format!("{to} = *(u32 *)({})", self.place(base, at)),
            Source::Task(_) => format!("{to} = *(u32 *)({})", stack(self.task)),
        }
    }
}

/// Where registers are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    /// In the stack, where they were copied to.
    Stack,
    /// In the kernel, at the address in R9.
    Kernel,
}

/// Puts the call together; R6 is the context and R7 the task. Goes on behind the text, or to
/// `lost`, or to `stranger` where the registers are no longer those of the call.
pub(super) fn put_together(frame: &Frame, moment: Moment, access: Access) -> String {
    let machine = frame.machine;
    let (copies, base) = copies(frame, access, moment);
    let member = |offset: u32| stack(frame.call() + at32(offset));
    let nr_at = member(seccomp::offset::NR);
    let ip_at = member(seccomp::offset::INSTRUCTION_POINTER);
    let number = frame.load(base, "r1", machine.number);
    let mask = match machine.number_mask {
        u32::MAX => String::new(),
        mask => format!("r1 &= {mask}"),
    };
    let gone = match moment {
        Moment::Enter | Moment::Hook => String::new(),
        Moment::Exit => gone(frame, base),
    };
    format!(
        "{mark}
         {copies}
         {task}
         {number}
         {mask}
         {gone}
         *(u32 *)({nr_at}) = r1
         {ip}
         *(u64 *)({ip_at}) = r1
         {arguments}",
        mark = mark(frame),
        task = task(frame),
        ip = frame.register(base, "r1", machine.instruction_pointer),
        arguments = tasks(frame, base),
    )
}

/// Reads nothing where the kernel has other registers than the machine, or has them elsewhere:
/// whoever loads the program puts in where they are.
fn mark(frame: &Frame) -> String {
    frame.machine.mark.map_or_else(String::new, |mark| {
        format!("r1 = {}\nif r1 != {} goto lost", asked(&mark), mark.offset())
    })
}

/// Copies what is needed of the structure of the task.
fn task(frame: &Frame) -> String {
    let told = match frame.machine.tasks {
        Tasks::One(_) => None,
        Tasks::Two { of, .. } => Some(of),
    };
    let sources = [Some(frame.machine.number), told];
    let asks = sources.into_iter().flatten().filter_map(|source| match source {
        Source::Task(path) => Some(path),
        Source::Register(_) | Source::Word(_) => None,
    });
    let copies = asks.map(|path| copied("r7", &asked(&path), frame.task, path.size()));
    copies.collect()
}

/// Leaves the end of a call alone whose registers are gone; R1 is its number.
fn gone(frame: &Frame, base: Base) -> String {
    let register = |at| frame.register(base, "r2", at);
    match frame.machine.gone {
        Gone::Number(numbers) => {
            let tests = numbers.iter().map(|it| format!("if w1 == {it} goto stranger\n"));
            tests.collect()
        }
        Gone::Is(at, value) => format!("{}\nif r2 == {value} goto stranger", register(at)),
        Gone::IsNot(at, value) => format!("{}\nif r2 != {value} goto stranger", register(at)),
        Gone::Has(at, bits) => format!("{}\nif r2 & {bits} goto stranger", register(at)),
    }
}

/// The arguments and the token, as the ABI of the task has them.
fn tasks(frame: &Frame, base: Base) -> String {
    match &frame.machine.tasks {
        Tasks::One(only) => convention(frame, only, base),
        Tasks::Two { of, bit, set, clear } => format!(
            "{told}
             r1 >>= {bit}
             if r1 & 1 goto set
             {clear}
             goto ask
set:     {set}",
            told = frame.load(base, "r1", *of),
            clear = convention(frame, clear, base),
            set = convention(frame, set, base),
        ),
    }
}

fn convention(frame: &Frame, convention: &Convention, base: Base) -> String {
    let arch = stack(frame.call() + at32(seccomp::offset::ARCH));
    let args = frame.call() + at32(seccomp::offset::ARGS);
    let narrow = if convention.narrow { "w1 = w1\n" } else { "" };
    let copies = convention.arguments.iter().zip((args..).step_by(8)).map(|(from, to)| {
        let load = frame.register(base, "r1", *from);
        format!("{load}\n{narrow}*(u64 *)({}) = r1\n", stack(to))
    });
    let copies: String = copies.collect();
    format!("*(u32 *)({arch}) = {}\n{copies}", convention.token.cast_signed())
}

/// Copies bytes of the kernel's to a place of the stack, or gives up.
fn copied(from: &str, offset: &impl std::fmt::Display, to: i32, size: u32) -> String {
    format!(
        "r3 = {from}
             r3 += {offset}
             r1 = r10
             r1 += {to}
             r2 = {size}
             call bpf_probe_read_kernel
             if r0 != 0 goto lost\n"
    )
}

/// What makes the registers readable, and where they are then.
fn copies(frame: &Frame, access: Access, moment: Moment) -> (String, Base) {
    if access == Access::Types && moment != Moment::Hook {
        return ("r9 = *(u64 *)(r6 + 0)".to_owned(), Base::Kernel);
    }
    let from = match moment {
        Moment::Enter | Moment::Exit => "r9 = *(u64 *)(r6 + 0)",
        // No argument of a hook: the kernel says where they are of a task.
        Moment::Hook => "r1 = r7\ncall bpf_task_pt_regs\nr9 = r0",
    };
    let pieces = frame
        .pieces
        .iter()
        .map(|piece| copied("r9", &piece.from, piece.to, piece.end - piece.from));
    (format!("{from}\n{}", pieces.collect::<String>()), Base::Stack)
}

/// A place in the stack, which is below R10.
pub(super) fn stack(at: i32) -> String {
    format!("r10 - {}", -at)
}

pub(super) fn at(offset: usize) -> i32 {
    i32::try_from(offset).unwrap_or(i32::MAX)
}

fn at32(offset: u32) -> i32 {
    i32::try_from(offset).unwrap_or(i32::MAX)
}
