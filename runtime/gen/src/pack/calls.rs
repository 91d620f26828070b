//! The sections of ABIs and calls.

use std::collections::BTreeMap;

use filterc_abi::layout::{NONE, SIGNED};

use super::bytes::{Bytes, Distinct, id, small};
use super::ids::Ids;
use super::rows::{Arg, Call, SubCall, Tables};
use crate::error::Error;

/// The sections that belong together.
pub(super) struct Calls {
    pub(super) calls: Bytes,
    pub(super) rows: Bytes,
    pub(super) forms: Bytes,
    pub(super) args: Bytes,
    pub(super) sub_calls: Bytes,
}

/// What occurs on several ABIs, each once.
struct Shared {
    rows: Distinct,
    /// Lists of arguments, as their ids.
    forms: Distinct,
    args: Distinct,
    sub_calls: Distinct,
}

pub(super) fn abis<'a>(tables: &'a Tables<'a>, ids: &mut Ids<'a>) -> Result<Bytes, Error> {
    let sorted = tables.abis.is_sorted_by(|a, b| a.name < b.name);
    // The reader takes the first byte for the number of ABIs.
    if !sorted || tables.abis.len() > 127 {
        return Err(Error::Failed("abis.tsv: not sorted, or too long".to_owned()));
    }
    let mut out = Bytes::default();
    out.size(tables.abis.len());
    for abi in &tables.abis {
        ids.string(abi.name, &mut out)?;
        ids.string(abi.token_name, &mut out)?;
        out.u32(abi.token);
        out.u8(small(abi.endian, "byte orders")?);
        out.u8(abi.word);
        out.u8(abi.register);
        out.u32(abi.base);
        out.u8(abi.mark.0);
        out.u32(abi.mark.1);
        ids.version(abi.filters_since, &mut out)?;
        out.u8(small(abi.clone_order, "clone orders")?);
        out.u8(small(abi.pairs, "pairs")?);
        ids.string(abi.folder, &mut out)?;
    }
    Ok(out)
}

pub(super) fn sections<'a>(tables: &'a Tables<'a>, ids: &mut Ids<'a>) -> Result<Calls, Error> {
    let mut shared = Shared {
        rows: Distinct::new("rows of calls"),
        forms: Distinct::new("forms"),
        args: Distinct::new("arguments"),
        sub_calls: Distinct::new("sub-calls"),
    };
    let mut forms = BTreeMap::new();
    for (id, args) in &tables.forms {
        forms.insert(*id, shared.form(args, ids)?);
    }
    let mut lists = Vec::new();
    for (abi, calls) in tables.abis.iter().zip(&tables.calls) {
        let wrong = |call: &Call<'_>, what| {
            Error::Failed(format!("syscalls/{}.tsv: `{}`: {what}", abi.name, call.name))
        };
        let mut list = Bytes::default();
        list.size(calls.len());
        let mut before = abi.base;
        for call in calls {
            let step = call.nr.checked_sub(before);
            let step = step.filter(|step| *step > 0 || list.0.len() < 3);
            list.varint(step.ok_or_else(|| wrong(call, "not sorted by number"))?.into());
            before = call.nr;
            let form = match call.form {
                None => NONE,
                Some(form) => *forms.get(form).ok_or_else(|| wrong(call, "no such form"))?,
            };
            list.u16(shared.row(call, form, ids)?);
        }
        let sub_calls: Vec<_> = tables.sub_calls.iter().filter(|s| s.abi == abi.name).collect();
        if !sub_calls.is_sorted_by_key(|sub| sub.name) {
            return Err(Error::Failed(format!("subcalls.tsv: {} is not sorted", abi.name)));
        }
        list.size(sub_calls.len());
        for sub_call in sub_calls {
            list.u16(shared.sub_call(sub_call, ids)?);
        }
        lists.push(list.0);
    }
    let mut calls = Bytes::default();
    calls.indexed(&lists)?;
    shared.finish(calls)
}

impl Shared {
    fn form<'a>(&mut self, args: &'a [Arg<'a>], ids: &mut Ids<'a>) -> Result<u16, Error> {
        let mut form = Bytes::default();
        for arg in args {
            let mut out = Bytes::default();
            ids.string(arg.name, &mut out)?;
            ids.string(arg.ctype, &mut out)?;
            ids.optional_string(arg.set, &mut out)?;
            out.u8(arg.declared);
            out.u8(arg.width);
            let kind = small(arg.kind, "kinds")?;
            out.u8(if arg.signed { kind | SIGNED } else { kind });
            out.u8(arg.regs.0 | arg.regs.1 << 4);
            form.u16(self.args.id(out)?);
        }
        self.forms.id(form)
    }

    fn row<'a>(&mut self, call: &Call<'a>, form: u16, ids: &mut Ids<'a>) -> Result<u16, Error> {
        let mut out = Bytes::default();
        ids.string(call.name, &mut out)?;
        ids.string(call.entry, &mut out)?;
        out.u16(form);
        out.u8(small(call.status, "statuses")?);
        ids.version(call.since, &mut out)?;
        self.rows.id(out)
    }

    fn sub_call<'a>(&mut self, row: &SubCall<'a>, ids: &mut Ids<'a>) -> Result<u16, Error> {
        let mut out = Bytes::default();
        ids.string(row.name, &mut out)?;
        ids.string(row.multiplexer, &mut out)?;
        out.u32(row.mask);
        out.u32(row.value);
        self.sub_calls.id(out)
    }

    fn finish(self, calls: Bytes) -> Result<Calls, Error> {
        let mut forms = Bytes::default();
        forms.u16(id(self.forms.list().len(), "forms")?);
        let mut position = 0;
        for form in [&Vec::new()].into_iter().chain(self.forms.list()) {
            position += form.len() / 2;
            forms.u16(id(position, "arguments of forms")?);
        }
        self.forms.list().iter().for_each(|form| forms.bytes(form));
        let rows = Bytes(self.rows.list().concat());
        let args = Bytes(self.args.list().concat());
        Ok(Calls { calls, rows, forms, args, sub_calls: Bytes(self.sub_calls.list().concat()) })
    }
}
