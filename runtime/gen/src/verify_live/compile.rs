//! Recipes into scripts for one ABI: names into numbers, texts and structures into memory.

use std::collections::BTreeMap;

use filterc_abi::{Abi, Arg, Regs, Status, Syscall};
use filterc_loader::probe::Entry;
use filterc_loader::probe::script::{Action, MEMORY, Operand, Script, Step as RawStep};

use super::recipe::{Argument, Item, Line, Mark, Part, Size, Step, Value};
use crate::error::Error;

const PAGE: usize = 4096;

/// An argument that a script probes.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    /// Name of the argument.
    pub(super) arg: &'static Arg,
    /// The register that carries it, or the half of it that is probed.
    pub(super) register: usize,
    pub(super) mark: Mark,
}

/// A recipe for one ABI.
#[derive(Debug)]
pub(super) struct Compiled {
    /// File and line.
    pub(super) place: String,
    pub(super) call: &'static Syscall,
    pub(super) script: Script,
    /// Index of the step that probes.
    pub(super) step: usize,
    pub(super) probes: Vec<Probe>,
    /// Of which steps only success counts.
    pub(super) success: Vec<bool>,
}

/// Everything of one ABI.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) abi: &'static Abi,
    pub(super) memory: Vec<u8>,
    pub(super) recipes: Vec<Compiled>,
    /// Call, argument, reason.
    pub(super) none: Vec<(String, Option<String>, String)>,
}

/// Compiles all lines for an ABI. `entry` is how its calls enter the kernel.
pub(super) fn plan(
    abi: &'static Abi,
    entry: Entry,
    files: &[(&str, Vec<(usize, Line)>)],
) -> Result<Plan, Error> {
    let mut compiler = Compiler {
        abi,
        entry,
        memory: Vec::new(),
        texts: BTreeMap::new(),
        data: BTreeMap::new(),
        resources: BTreeMap::new(),
    };
    let mut recipes = Vec::new();
    let mut none = Vec::new();
    for (file, lines) in files {
        for (number, line) in lines {
            let place = format!("{file}:{number}");
            let failed = |what: String| Error::Failed(format!("{place} ({}): {what}", abi.name));
            match line {
                Line::Data { name, items } => compiler.define(name, items).map_err(failed)?,
                Line::Recipe { abi: Some(only), .. } | Line::Let { abi: Some(only), .. }
                    if only != abi.name => {}
                Line::Let { name, steps, .. } => {
                    compiler.resources.insert(name.clone(), steps.clone());
                }
                Line::Recipe { abi: only, steps } => match compiler.recipe(steps, &place) {
                    Ok(recipe) => recipes.push(recipe),
                    // What is written for both may not be there on i386.
                    Err(Fault::NoCall(_)) if only.is_none() && abi.name == "i386" => {}
                    Err(fault) => return Err(failed(fault.to_string())),
                },
                Line::None { call, arg, reason } => {
                    none.push((call.clone(), arg.clone(), reason.clone()));
                }
            }
        }
    }
    Ok(Plan { abi, memory: compiler.memory, recipes, none })
}

/// Why a recipe cannot be compiled.
#[derive(Debug)]
enum Fault {
    /// The ABI lacks the call.
    NoCall(String),
    /// Anything else.
    Other(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoCall(name) => write!(f, "no call {name}"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

impl From<String> for Fault {
    fn from(what: String) -> Self {
        Self::Other(what)
    }
}

struct Compiler {
    abi: &'static Abi,
    entry: Entry,
    memory: Vec<u8>,
    texts: BTreeMap<String, u64>,
    data: BTreeMap<String, u64>,
    resources: BTreeMap<String, Vec<Step>>,
}

/// A script in the making.
#[derive(Default)]
struct Draft {
    script: Script,
    success: Vec<bool>,
    /// Results with names.
    names: BTreeMap<String, usize>,
    probing: Option<(usize, &'static Syscall, Vec<Probe>)>,
}

impl Compiler {
    fn here(&self) -> u64 {
        MEMORY + self.memory.len() as u64
    }

    fn align(&mut self, to: usize) {
        self.memory.resize(self.memory.len().next_multiple_of(to), 0);
    }

    fn text(&mut self, text: &str) -> u64 {
        if let Some(address) = self.texts.get(text) {
            return *address;
        }
        let address = self.here();
        self.memory.extend(text.bytes().chain([0]));
        self.texts.insert(text.to_owned(), address);
        address
    }

    fn define(&mut self, name: &str, items: &[Item]) -> Result<(), String> {
        // Texts and other data that the items point at lie before them.
        let mut values = Vec::new();
        for item in items {
            values.push(match item {
                Item::Text(_) => 0,
                Item::Number(_, value) => self.number(value)?,
            });
        }
        let pages = items.iter().any(|item| matches!(item, Item::Number(Size::Page, _)));
        self.align(if pages { PAGE } else { 16 });
        let address = self.here();
        for (item, value) in items.iter().zip(values) {
            let count = usize::try_from(value).unwrap_or(0);
            let bytes = match item {
                Item::Text(text) => {
                    self.memory.extend(text.bytes().chain([0]));
                    continue;
                }
                Item::Number(Size::Zero, _) => vec![0; count],
                Item::Number(Size::Page, _) => vec![0; count * PAGE],
                Item::Number(Size::Bits(bits), _) => low_bytes(value, *bits),
                Item::Number(Size::Long, _) => low_bytes(value, self.abi.word),
            };
            self.memory.extend(bytes);
        }
        self.data.insert(name.to_owned(), address);
        Ok(())
    }

    /// A value without results.
    fn number(&mut self, value: &Value) -> Result<u64, String> {
        match self.operand(value, &BTreeMap::new())? {
            Operand::Value(value) => Ok(value),
            Operand::Result(_) => Err("a result stands where a number should".to_owned()),
        }
    }

    fn operand(
        &mut self,
        value: &Value,
        names: &BTreeMap<String, usize>,
    ) -> Result<Operand, String> {
        if let [Part::Name(name, 0)] = value.as_slice()
            && let Some(step) = names.get(name)
        {
            return Ok(Operand::Result(*step));
        }
        let mut sum = 0;
        for part in value {
            sum |= match part {
                Part::Number(number) => *number,
                Part::Text(text) => self.text(text),
                Part::Name(name, plus) => {
                    let base = self.data.get(name).copied().or_else(|| self.constant(name));
                    base.ok_or_else(|| format!("`{name}` is not known"))? + plus
                }
            };
        }
        Ok(Operand::Value(sum))
    }

    /// Constants are sign-extended, as a C compiler passes an int to `syscall()`.
    fn constant(&self, name: &str) -> Option<u64> {
        let value = self.abi.constant(name)?;
        u64::try_from(value).ok().or_else(|| i64::try_from(value).ok().map(i64::cast_unsigned))
    }

    fn recipe(&mut self, steps: &[Step], place: &str) -> Result<Compiled, Fault> {
        let mut draft = Draft::default();
        for step in steps {
            self.step(step, &mut draft)?;
        }
        let probing = draft.probing.ok_or_else(|| "no argument is marked".to_owned())?;
        let (step, call, probes) = probing;
        Ok(Compiled {
            place: place.to_owned(),
            call,
            script: draft.script,
            step,
            probes,
            success: draft.success,
        })
    }

    fn step(&mut self, step: &Step, draft: &mut Draft) -> Result<(), Fault> {
        for argument in &step.args {
            for part in &argument.value {
                if let Part::Name(name, _) = part {
                    self.resource(name, draft)?;
                }
            }
        }
        let mut args = [Operand::Value(0); 6];
        for (slot, argument) in args.iter_mut().zip(&step.args) {
            *slot = self.operand(&argument.value, &draft.names)?;
        }
        let index = draft.script.steps.len();
        let action = match step.call.as_str() {
            "child" => Action::Child,
            "load" => Action::Load,
            name => {
                let found =
                    self.abi.syscall(name).filter(|call| call.status != Status::Unimplemented);
                let call = found.ok_or_else(|| Fault::NoCall(name.to_owned()))?;
                let probes = marked(call, &step.args)?;
                if !probes.is_empty() {
                    if draft.probing.is_some() {
                        return Err("two steps have marks".to_owned().into());
                    }
                    draft.probing = Some((index, call, probes));
                }
                Action::Call { entry: self.entry, nr: call.nr }
            }
        };
        draft.script.steps.push(RawStep { action, args });
        draft.success.push(step.success);
        if let Some(name) = &step.name {
            draft.names.insert(name.clone(), index);
        }
        Ok(())
    }

    /// Puts the steps that make a resource before those that use it.
    fn resource(&mut self, name: &str, draft: &mut Draft) -> Result<(), Fault> {
        if draft.names.contains_key(name) {
            return Ok(());
        }
        let Some(steps) = self.resources.get(name).cloned() else { return Ok(()) };
        // The name is the first result, unless a later step takes it.
        let taken = steps.iter().any(|step| step.name.as_deref() == Some(name));
        let mut steps = steps.into_iter();
        if let Some(first) = steps.next() {
            let own = if taken { first.name.clone() } else { Some(name.to_owned()) };
            self.step(&Step { name: own, ..first }, draft)?;
        }
        steps.try_for_each(|step| self.step(&step, draft))
    }
}

fn low_bytes(value: u64, bits: u8) -> Vec<u8> {
    value.to_le_bytes().into_iter().take(usize::from(bits / 8)).collect()
}

/// The marked arguments of a call: arguments of a recipe are registers.
fn marked(call: &'static Syscall, args: &[Argument]) -> Result<Vec<Probe>, String> {
    let mut probes = Vec::new();
    for (register, argument) in args.iter().enumerate() {
        if argument.mark == Mark::None {
            continue;
        }
        let carries = |arg: &&Arg| match arg.regs {
            Regs::One(one) => usize::from(one) == register,
            Regs::Pair { lo, hi } => [lo, hi].map(usize::from).contains(&register),
            Regs::Invisible => false,
        };
        let arg = call.args.iter().find(carries);
        let arg = arg.ok_or_else(|| format!("{} has no argument {register}", call.name))?;
        probes.push(Probe { arg, register, mark: argument.mark });
    }
    Ok(probes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests say what they expect")]

    use super::super::recipe::parse;
    use super::*;

    fn compile(abi: &str, text: &str) -> Result<Plan, Error> {
        let lines = parse("test", text).unwrap();
        plan(filterc_abi::abi(abi).unwrap(), Entry::Native, &[("test", lines)])
    }

    #[test]
    fn resources_come_before_their_use_and_once() {
        let text = "data name = \"abc\", u16 0x102, long name\n\
                    let dir = open(name, O_RDONLY)\n\
                    let file = openat(dir, \"f\", O_RDWR)\n\
                    readv(~file, ~name, 1); close(file); close(dir)";
        let plan = compile("x86_64", text);
        // A name cannot point at itself.
        assert!(plan.unwrap_err().to_string().contains("`name` is not known"));
        let plan = compile("x86_64", &text.replace("long name", "long 5")).unwrap();
        assert_eq!(plan.memory.get(..16).unwrap(), b"abc\0\x02\x01\x05\0\0\0\0\0\0\0f\0");
        let recipe = &plan.recipes[0];
        let numbers: Vec<u32> = recipe
            .script
            .steps
            .iter()
            .map(|step| match step.action {
                Action::Call { nr, .. } => nr,
                Action::Child | Action::Load => panic!("{step:?}"),
            })
            .collect();
        assert_eq!(numbers, [2, 257, 19, 3, 3]);
        assert_eq!(recipe.step, 2);
        assert_eq!(recipe.script.steps[2].args[0], Operand::Result(1));
        let names: Vec<&str> = recipe.probes.iter().map(|probe| probe.arg.name).collect();
        assert_eq!(names, ["fd", "vec"]);
    }

    #[test]
    fn words_have_the_width_of_the_abi() {
        let text = "data d = long -1, u8 7\nread(~0, d, 1)";
        assert_eq!(compile("i386", text).unwrap().memory, [255, 255, 255, 255, 7]);
        assert_eq!(compile("x86_64", text).unwrap().memory.len(), 9);
    }

    #[test]
    fn faults() {
        let message = |text: &str| compile("x86_64", text).unwrap_err().to_string();
        assert_eq!(message("nosuch(~1)"), "test:1 (x86_64): no call nosuch");
        assert!(message("read(1)").contains("no argument is marked"));
        assert!(message("read(1, 2, 3, ~4)").contains("no argument 3"));
        assert!(message("read(~1); read(~1)").contains("two steps"));
        assert!(message("read(~NOSUCH)").contains("`NOSUCH` is not known"));
        assert!(
            compile("i386", "arch_prctl(~1); io_setup(1); newfstatat(1)")
                .unwrap()
                .recipes
                .is_empty()
        );
    }
}
