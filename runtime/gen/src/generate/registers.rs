//! Which registers carry an argument.

use std::collections::BTreeMap;
use std::path::Path;

use filterc_abi::{Endian, Pairs, Regs};

use super::abis::{Abi, View};
use super::curated::{Row, Sheet};
use super::define::Param;
use super::resolve::Entry;
use super::types::{Type, Types};
use crate::error::Error;

/// An argument with its registers. The type is missing where a definition has halves: it is
/// that of the same argument elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) declared: Option<(String, Type)>,
    pub(crate) regs: Regs,
}

/// What a definition's parameters stand for, where they are not arguments themselves.
#[derive(Debug)]
enum Meaning {
    /// Keeps a register free.
    Unused,
    /// The argument of that name.
    Name(String),
    /// With the next one, the halves of the argument of that name. The type is there where
    /// no definition has it whole.
    Halves { next: String, name: String, order: Order, ctype: Option<String> },
}

#[derive(Clone, Copy, Debug)]
enum Order {
    LowFirst,
    HighFirst,
    /// As the machine's bytes.
    Endian,
}

/// Curated meanings of parameters, by function and parameter.
pub(crate) struct Parameters {
    rows: BTreeMap<(String, String), (Meaning, Row)>,
}

impl Parameters {
    /// Reads `parameters.tsv`: functions (`/32`: where registers have 32 bits), parameter or
    /// two, `-`, a name, or a name and the order of halves.
    pub(crate) fn read(crate_dir: &Path) -> Result<Self, Error> {
        Self::from_rows(Sheet::read(crate_dir, "parameters", 3)?.into_rows())
    }

    fn from_rows(sheet: impl Iterator<Item = Row>) -> Result<Self, Error> {
        let mut rows = BTreeMap::new();
        for row in sheet {
            let words = |index| row.words(index).into_iter().map(str::to_owned);
            let functions: Vec<String> = words(0).collect();
            let params: Vec<String> = words(1).collect();
            for function in functions {
                let meaning = match (params.as_slice(), row.words(2).as_slice()) {
                    ([_], []) => Meaning::Unused,
                    ([_], [name]) => Meaning::Name((*name).to_owned()),
                    ([_, next], [name, order, ctype @ ..]) if ctype.len() < 2 => Meaning::Halves {
                        next: next.clone(),
                        name: (*name).to_owned(),
                        ctype: ctype.first().map(|&ctype| ctype.to_owned()),
                        order: match *order {
                            "low-first" => Order::LowFirst,
                            "high-first" => Order::HighFirst,
                            "endian" => Order::Endian,
                            _ => return Err(row.error("no such order")),
                        },
                    },
                    _ => return Err(row.error("not a parameter and what it means")),
                };
                let first = params.first().cloned().unwrap_or_default();
                if rows.insert((function, first), (meaning, row.clone())).is_some() {
                    return Err(row.error("a second row for the same parameter"));
                }
            }
        }
        Ok(Self { rows })
    }

    fn find(&self, function: &str, param: &str, register: u8) -> Option<&(Meaning, Row)> {
        let find = |function: &str| self.rows.get(&(function.to_owned(), param.to_owned()));
        find(function).or_else(|| find(&format!("{function}/{register}")))
    }

    /// Every row is about a function that a table leads to, and a parameter of it; all that
    /// are not are told at once.
    pub(crate) fn check(&self, entries: &BTreeMap<String, Vec<Param>>) -> Result<(), Error> {
        let useless = self.rows.iter().filter(|((function, param), _)| {
            let name = function.split('/').next().unwrap_or(function);
            !entries.get(name).is_some_and(|params| params.iter().any(|p| p.name == *param))
        });
        let told: Vec<String> = useless
            .map(|((function, param), (_, row))| {
                row.error(&format!("no table leads to {function} with {param}")).to_string()
            })
            .collect();
        if told.is_empty() { Ok(()) } else { Err(Error::Failed(told.join("\n"))) }
    }
}

/// Hands out registers, from the first.
struct Registers<'a> {
    abi: &'a Abi,
    /// Of those that carry arguments; a filter may see them elsewhere.
    next: u8,
}

impl Registers<'_> {
    fn one(&mut self) -> Regs {
        let reg = self.next.saturating_add(self.abi.first);
        self.next = self.next.saturating_add(1);
        if reg < 6 { Regs::One(reg) } else { Regs::Invisible }
    }

    /// The next two, in that order. Of a value that it sees half, a filter knows nothing.
    fn two(&mut self, order: Order) -> Regs {
        let regs = (self.one(), self.one());
        let low_first = match order {
            Order::LowFirst => true,
            Order::HighFirst => false,
            Order::Endian => self.abi.endian == Endian::Little,
        };
        match regs {
            (Regs::One(lo), Regs::One(hi)) if low_first => Regs::Pair { lo, hi },
            (Regs::One(hi), Regs::One(lo)) => Regs::Pair { lo, hi },
            _ => Regs::Invisible,
        }
    }

    fn align(&mut self) {
        if self.abi.pairs == Pairs::Even {
            self.next = self.next.next_multiple_of(2);
        }
    }
}

/// The arguments of an entry point with their registers.
pub(crate) fn assign(
    entry: &Entry,
    abi: &Abi,
    view: &View,
    types: &Types,
    parameters: &Parameters,
) -> Result<Vec<Slot>, Error> {
    let broken = |param: &Param, what: &str| {
        let Entry { symbol, .. } = entry;
        Error::Failed(format!("{}: {symbol}: {} {}: {what}", abi.name, param.ctype, param.name))
    };
    let mut registers = Registers { abi, next: 0 };
    let mut slots = Vec::new();
    let mut params = entry.params.iter();
    while let Some(param) = params.next() {
        let name = match parameters.find(&entry.symbol, &param.name, abi.register) {
            Some((Meaning::Unused, _)) => {
                registers.one();
                continue;
            }
            Some((Meaning::Halves { next, name, order, ctype }, row)) => {
                if params.next().is_none_or(|param| param.name != *next) {
                    return Err(row.error(&format!("{next} does not follow in {}", entry.symbol)));
                }
                let regs = registers.two(*order);
                let declared = match ctype {
                    Some(ctype) => {
                        let ty = types.find(ctype, &abi.name, view.long);
                        Some((ctype.clone(), ty.ok_or_else(|| row.error("no such type"))?))
                    }
                    None => None,
                };
                slots.push(Slot { name: name.clone(), declared, regs });
                continue;
            }
            Some((Meaning::Name(name), _)) => name,
            None => &param.name,
        };
        if param.halves {
            let regs = registers.two(Order::Endian);
            slots.push(Slot { name: name.clone(), declared: None, regs });
            continue;
        }
        let find = |long| types.find(&param.ctype, &abi.name, long);
        let (Some(mut ty), Some(narrow)) = (find(view.long), find(abi.register)) else {
            return Err(broken(param, "a type that types.tsv lacks"));
        };
        let regs = if narrow.width <= abi.register {
            // A 64-bit kernel's `long` on a 32-bit ABI: the other half of the register is
            // nothing that the caller sets.
            ty.width = ty.width.min(abi.register);
            registers.one()
        } else if view.long > abi.register {
            return Err(broken(param, "64 bits in a register of 32"));
        } else {
            registers.align();
            registers.two(Order::Endian)
        };
        let declared = Some((param.ctype.clone(), ty));
        slots.push(Slot { name: name.clone(), declared, regs });
    }
    Ok(slots)
}

#[cfg(test)]
#[path = "registers_tests.rs"]
mod tests;
