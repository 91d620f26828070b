//! Assembly text that asks where the kernel's structures have their members: `r3 += @PATH`.
//!
//! The instruction holds the offset that is known here, and it is noted that whoever loads the
//! program is to put in that of the kernel at hand.

use std::collections::BTreeMap;

use filterc_abi::members::{PATHS, Path};
use filterc_ebpf::asm::assemble_labelled;
use filterc_ebpf::asm::error::AsmError;
use filterc_ebpf::{Field, FieldUse, Insn, Question};

/// How a text asks for a member: `@` and its place in the table.
pub(super) fn asked(path: &Path) -> String {
    let at = PATHS.iter().position(|known| known == path);
    format!("@{}", at.unwrap_or(PATHS.len()))
}

/// Reads such a text.
///
/// # Errors
/// The first fault; what a text of this crate asks for is in the table.
pub(super) fn assemble_asking(text: &str) -> Result<(Vec<Insn>, Vec<FieldUse>), AsmError> {
    let (mut plain, mut uses) = (String::with_capacity(text.len()), BTreeMap::new());
    for (line, content) in text.lines().enumerate() {
        let asked = content.split_once('@').and_then(|(insn, at)| {
            let path = PATHS.get(at.trim().parse::<usize>().ok()?)?;
            Some((insn, path))
        });
        if let Some((insn, path)) = asked {
            let label = format!("asks{line}");
            plain += &format!("{label}: {insn}{}\n", path.offset());
            uses.insert(label, path);
        } else {
            plain += content;
            plain.push('\n');
        }
    }
    let (insns, labels) = assemble_labelled(&plain)?;
    let fields = uses.into_iter().filter_map(|(label, path)| {
        let slot = u32::try_from(*labels.get(&label)?).ok()?;
        Some(FieldUse { slot, question: Question::Offset, field: Field::from(path) })
    });
    let mut fields: Vec<FieldUse> = fields.collect();
    fields.sort_by_key(|it| it.slot);
    Ok((insns, fields))
}
