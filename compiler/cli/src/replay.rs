//! Calls that show a difference, decided by the running kernel: both programs are put in force in a
//! child, the calls are made there, and what the filters returned is told by errno; none of the
//! calls is executed.

use filterc::{Options, compile};
use filterc_abi::{Endian, SeccompData};
use filterc_cbpf::Verified;
use filterc_loader::probe::{self, Call, Decision, ProbeError};
use serde_json::{Value, json};

use crate::console::Failure;
use crate::sides::{self, Judged};

/// A call and what both sides are said to return for it.
pub(crate) type Shown<'s> = (&'s SeccompData, [u32; 2]);

/// What the kernel said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replay {
    /// Calls that were decided as they were shown.
    pub(crate) seen: usize,
    /// Calls that could not be made here, by why.
    pub(crate) not: Vec<(&'static str, usize)>,
    /// Why nothing was asked.
    pub(crate) skipped: Option<String>,
}

/// Asks the kernel about each call, under both sides' programs.
pub(crate) fn replay(
    sides: &[Judged<'_>; 2],
    shown: &[Shown<'_>],
    endian: Endian,
    options: &Options,
) -> Result<Replay, Failure> {
    let mut replay = Replay::default();
    if endian != Endian::HOST {
        replay.skipped = Some("this machine has the other byte order".to_owned());
        return Ok(replay);
    }
    let mut programs = Vec::new();
    for side in sides {
        match program(side, endian, options) {
            Ok(program) => programs.push(program),
            Err(why) => {
                replay.skipped = Some(why);
                return Ok(replay);
            }
        }
    }
    let mut calls = Vec::new();
    for (call, expected) in shown {
        match real(call, sides, *expected, endian) {
            Ok(real) => calls.push((real, *call, *expected)),
            Err(why) => replay.not(why),
        }
    }
    let real: Vec<Call> = calls.iter().map(|(real, _, _)| *real).collect();
    let mut decided = Vec::new();
    for program in &programs {
        match probe::decisions(program, &real) {
            Ok(decisions) => decided.push(decisions),
            Err(ProbeError::Unavailable(why)) => {
                replay.skipped = Some(why.to_string());
                return Ok(replay);
            }
            Err(error) => {
                replay.skipped = Some(error.to_string());
                return Ok(replay);
            }
        }
    }
    for (at, (_, call, expected)) in calls.iter().enumerate() {
        for (decisions, expected) in decided.iter().zip(expected) {
            match decisions.get(at) {
                Some(Decision::Ret(value)) if value == expected => {}
                Some(Decision::Ret(value)) => return Err(otherwise(call, *value, *expected)),
                Some(Decision::Exempt) | None => {}
            }
        }
        match decided.first().and_then(|decisions| decisions.get(at)) {
            Some(Decision::Exempt) | None => replay.not("the kernel asks no filter about it"),
            Some(Decision::Ret(_)) => replay.seen += 1,
        }
    }
    Ok(replay)
}

fn otherwise(call: &SeccompData, value: u32, expected: u32) -> Failure {
    let call = filterc::describe::notation(call);
    Failure::Environment(format!(
        "{call}: this kernel's answer is {value:#010x}, not {expected:#010x}: a fault of filterc or \
         of the kernel, please report it"
    ))
}

/// The program of a side.
fn program(side: &Judged<'_>, endian: Endian, options: &Options) -> Result<Verified, String> {
    match side {
        Judged::Program(program) => Ok(program.clone()),
        Judged::Ebpf(_) => Err("a program of eBPF is no filter of seccomp".to_owned()),
        Judged::Policy(policy, sources) => {
            let (source, options) = sides::again(policy, sources, options);
            let compiled = compile(&source, &options).map_err(|list| list.to_string())?;
            Ok(compiled.program_for(endian).verified().clone())
        }
    }
}

/// A call as this machine can make it, if it is decided alike where it is made from.
fn real(
    call: &SeccompData,
    sides: &[Judged<'_>; 2],
    expected: [u32; 2],
    endian: Endian,
) -> Result<Call, &'static str> {
    let real = Call::of(call).ok_or("another machine's")?;
    let there = real.seccomp_data();
    if sides.each_ref().map(|side| side.value(&there, &[], endian)) == expected {
        Ok(real)
    } else {
        Err("decided by where it is made from")
    }
}

impl Replay {
    fn not(&mut self, why: &'static str) {
        match self.not.iter_mut().find(|(other, _)| *other == why) {
            Some((_, count)) => *count += 1,
            None => self.not.push((why, 1)),
        }
    }

    /// A line about it.
    pub(crate) fn text(&self) -> String {
        if let Some(why) = &self.skipped {
            return format!("not replayed on this kernel: {why}\n");
        }
        let mut text = format!("{} of the calls were so decided by this kernel, too", self.seen);
        for (why, count) in &self.not {
            text.push_str(&format!("; {count} not asked: {why}"));
        }
        text.push('\n');
        text
    }

    pub(crate) fn json(&self) -> Value {
        let not: serde_json::Map<String, Value> =
            self.not.iter().map(|(why, count)| ((*why).to_owned(), json!(count))).collect();
        json!({ "seen": self.seen, "not_asked": not, "skipped": self.skipped })
    }
}
