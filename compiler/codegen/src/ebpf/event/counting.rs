//! Programs of event filters that count, made of programs that do not: those of object files.
//!
//! Each becomes a function of one that asks whether the task is watched, calls it, and counts what
//! it said. A program of anybody's will do, if it asks the map `tasks` as ours do: what it says of
//! strangers is not counted, as where a filter is compiled to count.

use filterc_ebpf::asm::error::AsmError;
use filterc_ebpf::{
    Function, Hook, Insn, MapKind, MapSpec, Module, NamedMap, Unit, assemble, audit,
};

use super::count::{COUNTS, COUNTS_SIZE};

/// The module with its programs at events counting; as it is where they count already, or where
/// it has no map of watched tasks.
///
/// # Errors
/// A fault of the text below; there is none.
pub fn counting(mut module: Module) -> Result<Module, AsmError> {
    let [(tasks, _), ..] = audit::MAPS;
    let place = |name: &str| module.maps.iter().position(|map| map.name == name);
    let (Some(tasks), None) = (place(tasks), place(COUNTS)) else { return Ok(module) };
    let counts = module.maps.len();
    let mut number: u32 = 0;
    for unit in &mut module.units {
        if let Hook::Tracepoint { .. } = unit.hook {
            wrap(unit, tasks, counts, number * COUNTS_SIZE)?;
            number += 1;
        }
    }
    if number > 0 {
        let value_size = number * COUNTS_SIZE;
        let spec = MapSpec { kind: MapKind::Array, key_size: 4, value_size, max_entries: 1 };
        module.maps.push(NamedMap { name: COUNTS.to_owned(), spec });
    }
    Ok(module)
}

/// Makes a program a function of one that counts from that byte of the counts on.
fn wrap(unit: &mut Unit, tasks: usize, counts: usize, at: u32) -> Result<(), AsmError> {
    let text = format!(
        "        r6 = r1
         call bpf_get_current_task_btf
         r1 = map[idx:{tasks}] ll
         r2 = r0
         r3 = 0
         r4 = 0
         call bpf_task_storage_get
         if r0 == 0 goto stranger
         r1 = *(u64 *)(r0 + 0)
         if r1 == 0 goto stranger
         r1 = r6
         call filter
         r7 = r0
         r2 = 1
         if w7 == 0 goto dropped
         r1 = map[idx:{counts}][0]+{at} ll
         lock *(u64 *)(r1 + 0) += r2
         r0 = 1
         exit
dropped: r1 = map[idx:{counts}][0]+{dropped} ll
         lock *(u64 *)(r1 + 0) += r2
         r0 = 0
         exit
stranger: r0 = 1
         exit
filter:  exit
",
        dropped = at + 8
    );
    let mut insns: Vec<Insn> = assemble(&text)?;
    // The last one stands for the program.
    insns.pop();
    let by = u32::try_from(insns.len()).unwrap_or(u32::MAX);
    insns.append(&mut unit.insns);
    unit.insns = insns;
    let inner = Function { name: format!("{}_filter", unit.name), slot: 0 };
    if let Some(entry) = unit.functions.first_mut() {
        *entry = inner;
    }
    unit.functions.iter_mut().for_each(|function| function.slot += by);
    unit.functions.insert(0, Function { name: unit.name.clone(), slot: 0 });
    unit.lines.iter_mut().for_each(|line| line.slot += by);
    unit.fields.iter_mut().for_each(|it| it.slot += by);
    Ok(())
}
