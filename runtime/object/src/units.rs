//! Programs put together: the entry from the section of its hook, and what it calls from
//! `.text`, as libbpf does when it loads them.

use std::collections::{BTreeMap, BTreeSet};

use filterc_ebpf::insn::code::{CALL, JMP, WIDE};
use filterc_ebpf::{FieldUse, Function as Named, Insn, Line, MAX_INSNS, Unit};

use crate::contents::{Code, Contents, Function, Place, Relocation};
use crate::error::ObjectError;

/// Kinds of constants and calls, in the field of the source register (`linux/bpf.h`).
const FUNCTION: u8 = 4;
const MAP_INDEX: u8 = 5;
const MAP_INDEX_VALUE: u8 = 6;
const CALL_FUNCTION: u8 = 1;

/// The programs of a file, in the order of its symbols.
pub(crate) fn units(contents: &Contents) -> Result<Vec<Unit>, ObjectError> {
    let index = contents.functions.iter().enumerate();
    let index = index.map(|(at, function)| ((function.section, function.first), at)).collect();
    let mut units = Vec::new();
    let mut room = MAX_INSNS;
    for (at, function) in contents.functions.iter().enumerate() {
        let Some(code) = contents.code.get(&function.section) else { continue };
        let Some(hook) = code.hook()? else { continue };
        if !function.global {
            let what = format!("a static function in `{}`", code.name);
            return Err(ObjectError::unsupported(what));
        }
        let program = Linker { contents, index: &index, parts: Vec::new(), bases: BTreeMap::new() };
        let (insns, functions, lines, fields) = program.link(at, room)?;
        room -= insns.len();
        units.push(Unit { name: function.name.clone(), hook, insns, functions, lines, fields });
    }
    Ok(units)
}

/// A program in the making.
struct Linker<'a> {
    contents: &'a Contents,
    /// Functions by section and first slot.
    index: &'a BTreeMap<(usize, usize), usize>,
    /// Functions by their place in the file's list, in the order in which they follow each other.
    parts: Vec<usize>,
    /// The first slot of each.
    bases: BTreeMap<usize, usize>,
}

type Linked = (Vec<Insn>, Vec<Named>, Vec<Line>, Vec<FieldUse>);

impl Linker<'_> {
    /// `room`: how many slots the program may have. A file whose programs have functions in common
    /// is shorter than they are.
    fn link(mut self, entry: usize, room: usize) -> Result<Linked, ObjectError> {
        self.parts = vec![entry];
        self.parts.extend(self.reached(entry)?);
        let mut next = 0;
        for part in &self.parts {
            self.bases.insert(*part, next);
            next += self.function(*part)?.slots;
            if next > room {
                return Err(ObjectError::unsupported("programs of more than a million slots"));
            }
        }
        let (mut insns, mut functions) = (Vec::new(), Vec::new());
        let (mut lines, mut fields) = (Vec::new(), Vec::new());
        for part in &self.parts {
            let function = self.function(*part)?;
            let slot = number(insns.len());
            functions.push(Named { name: function.name.clone(), slot });
            let code = self.code(function)?;
            lines.extend(self.lines(function, &code.name, slot));
            fields.extend(self.fields(function, &code.name, slot));
            for slot in function.first..function.first + function.slots {
                let insn = code.insns.get(slot).copied().unwrap_or_default();
                let before = slot.checked_sub(1).filter(|before| *before >= function.first);
                let first = before.and_then(|before| Some((code.insns.get(before)?, before)));
                let offset = first.and_then(|(it, at)| self.offset(*it, at, function.section));
                insns.push(match offset {
                    Some(imm) => Insn { imm, ..insn },
                    None => self.resolved(insn, slot, function.section, insns.len())?,
                });
            }
        }
        Ok((insns, functions, lines, fields))
    }

    fn function(&self, at: usize) -> Result<&Function, ObjectError> {
        self.contents.functions.get(at).ok_or_else(|| ObjectError::damaged("its functions"))
    }

    fn code(&self, function: &Function) -> Result<&Code, ObjectError> {
        let code = self.contents.code.get(&function.section);
        code.ok_or_else(|| ObjectError::damaged("its functions"))
    }

    /// The functions that the entry calls, and those that these call, in the order of the file's
    /// section.
    fn reached(&self, entry: usize) -> Result<Vec<usize>, ObjectError> {
        let (mut found, mut open) = (BTreeSet::new(), vec![entry]);
        while let Some(at) = open.pop() {
            let function = self.function(at)?;
            let code = self.code(function)?;
            for slot in function.first..function.first + function.slots {
                let Some(insn) = code.insns.get(slot) else { continue };
                let Some(target) = self.target(*insn, slot, function.section)? else { continue };
                let order = (self.function(target)?.first, target);
                if target != entry && found.insert(order) {
                    open.push(target);
                }
            }
        }
        Ok(found.into_iter().map(|(_, at)| at).collect())
    }

    /// The function that an instruction calls, or takes the address of.
    fn target(
        &self,
        insn: Insn,
        slot: usize,
        section: usize,
    ) -> Result<Option<usize>, ObjectError> {
        let bad = || ObjectError::damaged("a call of what is no function");
        let relocation = self.relocation(section, slot);
        let place = relocation.and_then(|it| self.contents.places.get(&it.symbol)).copied();
        let is_call = insn.opcode == JMP | CALL && insn.src == CALL_FUNCTION;
        let distance = i64::from(insn.imm);
        let (section, target) = match (relocation, place) {
            (Some(Relocation { call: true, .. }), Some(Place::Code(section, first))) if is_call => {
                // The constant counts from the symbol, and from the next slot.
                (section, number64(first) + distance + 1)
            }
            (Some(Relocation { call: false, .. }), Some(Place::Code(section, first)))
                if insn.opcode == WIDE =>
            {
                (section, number64(first) + distance / 8)
            }
            (None, _) if is_call => (section, number64(slot) + distance + 1),
            (Some(Relocation { call: true, .. }), _) => return Err(bad()),
            _ => return Ok(None),
        };
        let target = usize::try_from(target).map_err(|_| bad())?;
        self.index.get(&(section, target)).copied().map(Some).ok_or_else(bad)
    }

    fn relocation(&self, section: usize, slot: usize) -> Option<Relocation> {
        self.contents.code.get(&section)?.relocations.get(&slot).copied()
    }

    /// An instruction with what its relocation says, at slot `at` of the program.
    fn resolved(
        &self,
        insn: Insn,
        slot: usize,
        section: usize,
        at: usize,
    ) -> Result<Insn, ObjectError> {
        if let Some(target) = self.target(insn, slot, section)? {
            let base = self.bases.get(&target).copied().unwrap_or_default();
            let imm = i32::try_from(number64(base) - number64(at) - 1);
            let imm = imm.map_err(|_| ObjectError::damaged("a call too far"))?;
            let src = if insn.opcode == WIDE { FUNCTION } else { CALL_FUNCTION };
            return Ok(Insn { src, imm, ..insn });
        }
        let Some(relocation) = self.relocation(section, slot) else { return Ok(insn) };
        let place = self.contents.places.get(&relocation.symbol).copied();
        let wide = insn.opcode == WIDE && !relocation.call;
        let number = |at: usize| i32::try_from(at).unwrap_or(i32::MAX);
        match place {
            Some(Place::Map(at)) if wide => Ok(Insn { src: MAP_INDEX, imm: number(at), ..insn }),
            Some(Place::Value(at, _)) if wide => {
                Ok(Insn { src: MAP_INDEX_VALUE, imm: number(at), ..insn })
            }
            Some(_) => Err(ObjectError::damaged("a relocation to a map")),
            None => Err(ObjectError::unsupported("variables of other files")),
        }
    }

    /// The offset in a map's value, for the second slot of an instruction whose first says it.
    fn offset(&self, first: Insn, slot: usize, section: usize) -> Option<i32> {
        let relocation = self.relocation(section, slot)?;
        let Some(Place::Value(_, offset)) = self.contents.places.get(&relocation.symbol) else {
            return None;
        };
        let offset = u32::try_from(*offset).ok()?;
        Some(first.imm.cast_unsigned().wrapping_add(offset).cast_signed())
    }

    /// The lines of a function, which begins at slot `base` of the program. Those without a number
    /// are there for the kernel's sake.
    fn lines(&self, function: &Function, section: &str, base: u32) -> Vec<Line> {
        let lines = self.contents.lines.get(section).map(Vec::as_slice).unwrap_or_default();
        let start = lines.partition_point(|line| (line.slot as usize) < function.first);
        let end = function.first + function.slots;
        let lines = lines.get(start..).unwrap_or_default().iter();
        let inside = lines.take_while(|line| (line.slot as usize) < end).filter_map(|line| {
            let slot = (line.slot as usize).checked_sub(function.first)?;
            (line.line != 0).then(|| Line { slot: base + number(slot), ..line.clone() })
        });
        inside.collect()
    }

    /// What a function, which begins at slot `base` of the program, asks of structures.
    fn fields(&self, function: &Function, section: &str, base: u32) -> Vec<FieldUse> {
        let all = self.contents.fields.get(section).map(Vec::as_slice).unwrap_or_default();
        let inside = all.iter().filter_map(|it| {
            let slot = (it.slot as usize).checked_sub(function.first)?;
            let slot = number(Some(slot).filter(|slot| *slot < function.slots)?);
            Some(FieldUse { slot: base + slot, ..it.clone() })
        });
        inside.collect()
    }
}

fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn number64(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
