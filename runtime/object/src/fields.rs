//! What a file asks of the kernel's structures.

use filterc_ebpf::btf::{Btf, ext, kind};
use filterc_ebpf::field::{Shape, Step};
use filterc_ebpf::{Field, FieldUse, Question};

use crate::error::ObjectError;

/// The questions of a section, in order; the slot of each is in the section.
pub(crate) fn fields(btf: &Btf<'_>, section: &ext::Section) -> Result<Vec<FieldUse>, ObjectError> {
    let mut fields = Vec::with_capacity(section.fields.len());
    for record in &section.fields {
        let question = Question::of_number(record.question).ok_or_else(|| {
            let what = format!("relocations of the kind {} (CO-RE)", record.question);
            ObjectError::unsupported(what)
        })?;
        if !record.offset.is_multiple_of(8) {
            return Err(damaged());
        }
        let path = btf.string(record.path).ok_or_else(damaged)?;
        let field = field(btf, record.structure, path)?;
        fields.push(FieldUse { slot: record.offset / 8, question, field });
    }
    fields.sort_by_key(|it| it.slot);
    Ok(fields)
}

fn damaged() -> ObjectError {
    ObjectError::damaged("the list of fields")
}

/// The field at the end of a path: places of members, behind the place of the structure itself.
fn field(btf: &Btf<'_>, structure: u32, path: &str) -> Result<Field, ObjectError> {
    let mut inside = btf.followed(structure).ok_or_else(damaged)?;
    let unsupported = |what: &str| Err(ObjectError::unsupported(format!("{what} (CO-RE)")));
    if inside.kind != kind::STRUCT || inside.name.is_empty() {
        return unsupported("questions about what is no structure with a name");
    }
    let name = inside.name.to_owned();
    let Some(("0", path)) = path.split_once(':') else {
        return unsupported("questions about elements of arrays");
    };
    let (mut steps, mut above) = (Vec::new(), 0_u32);
    for place in path.split(':') {
        let place = place.parse().map_err(|_| damaged())?;
        let member = inside.members().nth(place);
        let member = match member {
            Some(member) if member.bits == 0 && member.bit_offset.is_multiple_of(8) => member,
            Some(_) => return unsupported("questions about bits of numbers"),
            None if inside.kind == kind::ARRAY => {
                return unsupported("questions about elements of arrays");
            }
            None => return Err(damaged()),
        };
        let offset = above.checked_add(member.bit_offset / 8).ok_or_else(damaged)?;
        inside = btf.followed(member.of).ok_or_else(damaged)?;
        let name = btf.string(member.name).ok_or_else(damaged)?;
        // What is in a structure without a name is a member of that around it.
        if name.is_empty() && matches!(inside.kind, kind::STRUCT | kind::UNION) {
            above = offset;
            continue;
        }
        above = 0;
        let shape = match inside.kind {
            kind::PTR => Shape::Pointer,
            kind::INT => Shape::Number(inside.size_or_type),
            kind::STRUCT if !inside.name.is_empty() => Shape::Structure(inside.name.to_owned()),
            _ => return unsupported("questions about members that are no numbers or addresses"),
        };
        steps.push(Step { name: name.to_owned(), offset, shape });
    }
    Ok(Field { structure: name, steps })
}
