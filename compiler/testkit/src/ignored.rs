//! Bits of a call that the kernel does not look at, and the property that no decision depends
//! on them: who sets one gets the same system call, so a filter that minds it is bypassed, or
//! refuses what it means to allow.
//!
//! Which bits these are follows from the tables alone, and owes nothing to the compiler: what
//! is above an argument's effective width, the high words of 32-bit registers, and registers
//! that carry no argument. `nr`, `arch` and the instruction pointer have no such bits. A rule
//! that uses `args[N]` asks for the raw register, so for the calls that it is about this
//! register, and no other, is left out.

use filterc_abi::{Abi, Regs, SeccompData, Status};
use filterc_hir::expr::{Predicate, Relation};
use filterc_hir::policy::{AbiPolicy, Policy, Selector};
use filterc_hir::types::Field;

use crate::rng::Rng;

/// For each argument register, the bits that the kernel does not look at in a call with that
/// number on that ABI.
#[must_use]
pub fn ignored(abi: &'static Abi, nr: u32) -> [u64; 6] {
    let mut used = [0_u64; 6];
    let mut uses = |register: u8, width: u8| {
        if let (Some(used), 1..) = (used.get_mut(usize::from(register)), width) {
            *used |= u64::MAX >> (64 - width.min(64));
        }
    };
    let call = abi.syscall_by_nr(nr);
    // A number without a call is ENOSYS whatever the registers hold. The calls that the
    // architecture handles itself may have arguments that the tables do not know.
    let args = call.map_or(&[][..], |call| call.args);
    if call.is_some_and(|call| call.status == Status::Private && args.is_empty()) {
        (0..6).for_each(|register| uses(register, 64));
    }
    for arg in args {
        match arg.regs {
            Regs::One(register) => uses(register, arg.width),
            Regs::Pair { lo, hi } => {
                uses(lo, arg.width.min(32));
                uses(hi, arg.width.saturating_sub(32));
            }
            Regs::Invisible => (),
        }
    }
    let register = u64::MAX >> (64 - abi.register.min(64));
    used.map(|used| !(used & register))
}

/// The bits whose change must not change the policy's decision about a call.
#[must_use]
pub fn ignored_in(policy: &Policy, call: &SeccompData) -> [u64; 6] {
    let nr = call.nr.cast_unsigned();
    let is_of = |part: &&AbiPolicy| part.abi().audit_arch == call.arch && part.abi().admits(nr);
    // Of a foreign call no argument is looked at.
    let Some(part) = policy.abis().iter().find(is_of) else { return [u64::MAX; 6] };
    let mut ignored = ignored(part.abi(), nr);
    for (bits, raw) in ignored.iter_mut().zip(raw_registers(part, nr)) {
        if raw {
            *bits = 0;
        }
    }
    ignored
}

/// The registers that some rule about a number looks at as `args[N]`.
fn raw_registers(part: &AbiPolicy, nr: u32) -> [bool; 6] {
    let mut raw = [false; 6];
    let covers = |selector: Selector| match selector {
        Selector::Nr(number) => number == nr,
        Selector::Range(first, last) => first <= nr && nr <= last,
        Selector::Known => part.has(nr),
    };
    for arm in part.arms().iter().filter(|arm| covers(arm.selector)) {
        fields(&arm.predicate, &mut |field| {
            let index = field.name().strip_prefix("args[").and_then(|rest| rest.strip_suffix(']'));
            let slot = index.and_then(|index| raw.get_mut(index.parse::<usize>().ok()?));
            if let Some(slot) = slot {
                *slot = true;
            }
        });
    }
    raw
}

fn fields(predicate: &Predicate, visit: &mut dyn FnMut(&Field)) {
    match predicate {
        Predicate::True | Predicate::False => (),
        Predicate::Not(inner) => fields(inner, visit),
        Predicate::And(parts) | Predicate::Or(parts) => {
            parts.iter().for_each(|part| fields(part, visit));
        }
        Predicate::Test(test) => {
            visit(test.field());
            match test.relation() {
                Relation::Compare(..) | Relation::In(_) => (),
                Relation::Field(_, other) => visit(other),
            }
        }
    }
}

/// A decision that depends on bits that the kernel ignores.
#[derive(Clone, Copy, Debug)]
pub struct Dependence {
    /// A call.
    pub call: SeccompData,
    /// The same call to the kernel.
    pub same: SeccompData,
    /// What is decided about the one…
    pub decision: u32,
    /// … and the other.
    pub other: u32,
}

/// Changes what the kernel ignores in each call: all of it, to ones, to zeros, some of it, to
/// the value itself, and in one register after the other. Returns how many changed calls had
/// the decision of the unchanged one.
///
/// # Errors
/// The first that has not.
pub fn check(
    policy: &Policy,
    calls: &[SeccompData],
    mut decide: impl FnMut(&SeccompData) -> u32,
) -> Result<usize, Box<Dependence>> {
    let mut rng = Rng::new(4);
    let mut changed = 0;
    for call in calls {
        let ignored = ignored_in(policy, call);
        let decision = decide(call);
        for same in variants(call, ignored, &mut rng) {
            let other = decide(&same);
            if other != decision {
                return Err(Box::new(Dependence { call: *call, same, decision, other }));
            }
            changed += 1;
        }
    }
    Ok(changed)
}

/// A change of an argument register, given its value, its ignored bits, and random ones.
type Change = fn(u64, u64, u64) -> u64;

const CHANGES: [Change; 6] = [
    |value, ignored, _| value ^ ignored,
    |value, ignored, _| value | ignored,
    |value, ignored, _| value & !ignored,
    |value, ignored, random| value ^ (ignored & random),
    // What a filter compares, where it should not look.
    |value, ignored, _| (value & !ignored) | (value.rotate_left(32) & ignored),
    |value, ignored, _| (value & !ignored) | (value.rotate_left(16) & ignored),
];

fn variants(call: &SeccompData, ignored: [u64; 6], rng: &mut Rng) -> Vec<SeccompData> {
    let mut variants = Vec::new();
    for change in CHANGES {
        let mut same = *call;
        for (arg, ignored) in same.args.iter_mut().zip(ignored) {
            *arg = change(*arg, ignored, rng.next());
        }
        variants.push(same);
    }
    for (register, ignored) in ignored.into_iter().enumerate() {
        let mut same = *call;
        if let Some(arg) = same.args.get_mut(register) {
            *arg ^= ignored;
        }
        variants.push(same);
    }
    variants.retain(|same| same != call);
    variants
}

/// Calls of every number of a policy's ABIs with anything in the registers.
#[must_use]
pub fn random_calls(policy: &Policy, per_number: usize) -> Vec<SeccompData> {
    let mut rng = Rng::new(5);
    let mut calls = Vec::new();
    for part in policy.abis() {
        for nr in part.abi().syscalls().iter().map(|call| call.nr) {
            for _ in 0..per_number {
                let mut args = [0; 6];
                args.fill_with(|| rng.next());
                let instruction_pointer = rng.next();
                let (nr, arch) = (nr.cast_signed(), part.abi().audit_arch);
                calls.push(SeccompData { nr, arch, instruction_pointer, args });
            }
        }
    }
    calls
}
