//! Numbers that only a monitor sees, as questions: of tasks, of socket addresses, of descriptors.
//!
//! A test is typed like one of a field in a register, and then asked as a whole. Of a task's
//! number two questions are enough, whether it is a value and whether it is at least one: so equal
//! tests are one question, however they are written. Of tasks above the caller it is asked whether
//! one of them has such a number, which is not the opposite of its opposite.

use std::net::IpAddr;

use filterc_abi::Fact;
use filterc_grammar::ast::{self, CmpOp as Op};
use filterc_grammar::source::Span;

use crate::asked::{Address, Seen, any_of, negated_unless};
use crate::error::{Kind, Unasked};
use crate::expr::{CmpOp, Predicate, Range, Relation, Test};
use crate::findings::Subject;
use crate::predicate::Reader;
use crate::questions::{Asked, Number, Who};
use crate::types::{self, Field, Place, Type};

/// Values of a type, first and last.
type Values = (i128, i128);

impl<'a> Reader<'_, 'a> {
    /// A test of a number.
    pub(crate) fn number_question(
        &mut self,
        test: &'a ast::Test,
        seen: Seen,
        name: &str,
        span: Span,
        subject: Subject,
    ) -> Option<Predicate> {
        let ty = type_of(seen)?;
        // Typed as if it stood somewhere: where does not matter to its type.
        let field = Field::new(name.to_owned(), Place::Fact(Fact::Cgroup), ty)?;
        let made = self.number_test(field, test, span, subject)?;
        match seen {
            Seen::Number(..) | Seen::Result => self.of_task((seen, name), ty, &made, span, subject),
            Seen::Family(_) | Seen::Port(_) => {
                self.of_address(seen, name, ty, &made, span, subject)
            }
            Seen::Socket(argument) => {
                let holds = matches!(
                    made.relation(),
                    Relation::Compare(op, bits) if op.holds(&1, bits)
                );
                let asked = Asked::Socket { argument };
                let asked = self.ask(asked, &format!("{name} == 1"), span, subject)?;
                Some(negated_unless(holds, asked))
            }
            Seen::Text(_) | Seen::Ip(_) => None,
        }
    }

    fn of_task(
        &mut self,
        (seen, name): (Seen, &str),
        ty: Type,
        test: &Test,
        span: Span,
        subject: Subject,
    ) -> Option<Predicate> {
        let is_of_many = matches!(seen, Seen::Number(Who::Ancestor, _));
        let mut ask = |op: CmpOp, value: i128| {
            let text = format!("{name} {} {value}", op.symbol());
            let value = i64::try_from(value).ok()?;
            let asked = match seen {
                Seen::Number(who, number) => Asked::Number { who, number, op, value },
                Seen::Text(_)
                | Seen::Family(_)
                | Seen::Port(_)
                | Seen::Ip(_)
                | Seen::Socket(_)
                | Seen::Result => Asked::Result { op, value },
            };
            self.ask(asked, &text, span, subject)
        };
        match test.relation() {
            Relation::Compare(op, bits) => {
                let value = ty.value(*bits);
                match (op, is_of_many) {
                    (CmpOp::Ne, _) => Some(negated_unless(false, ask(CmpOp::Eq, value)?)),
                    (CmpOp::Eq | CmpOp::Ge, _) | (_, true) => ask(*op, value),
                    (CmpOp::Gt, _) => ask(CmpOp::Ge, value + 1),
                    (CmpOp::Le, _) => Some(negated_unless(false, ask(CmpOp::Ge, value + 1)?)),
                    (CmpOp::Lt, _) => Some(negated_unless(false, ask(CmpOp::Ge, value)?)),
                }
            }
            Relation::In(ranges) => {
                let mut parts = Vec::with_capacity(ranges.len());
                for (first, last) in ranges.iter().map(|range| values(ty, *range)) {
                    if first == last {
                        parts.push(ask(CmpOp::Eq, first)?);
                        continue;
                    }
                    if is_of_many {
                        let kind = Kind::Unasked(Unasked::RangeOfMany { field: name.to_owned() });
                        self.findings.about(span, kind, subject);
                        return None;
                    }
                    let mut bounds = Vec::with_capacity(2);
                    if first > ty.min() {
                        bounds.push(ask(CmpOp::Ge, first)?);
                    }
                    if last < ty.max() {
                        bounds.push(negated_unless(false, ask(CmpOp::Ge, last + 1)?));
                    }
                    parts.push(Predicate::And(bounds));
                }
                Some(any_of(parts))
            }
            Relation::Field(..) => None,
        }
    }

    fn of_address(
        &mut self,
        seen: Seen,
        name: &str,
        ty: Type,
        test: &Test,
        span: Span,
        subject: Subject,
    ) -> Option<Predicate> {
        let (holds, ranges) = match test.relation() {
            Relation::Compare(op, bits) => {
                let (value, top) = (ty.value(*bits), ty.max());
                match op {
                    CmpOp::Eq => (true, vec![(value, value)]),
                    CmpOp::Ne => (false, vec![(value, value)]),
                    CmpOp::Lt => (true, vec![(0, value - 1)]),
                    CmpOp::Le => (true, vec![(0, value)]),
                    CmpOp::Gt => (true, vec![(value + 1, top)]),
                    CmpOp::Ge => (true, vec![(value, top)]),
                }
            }
            Relation::In(ranges) => (true, ranges.iter().map(|range| values(ty, *range)).collect()),
            Relation::Field(..) => return None,
        };
        let ranges = joined(ranges);
        let text = format!("{name} in {{ {} }}", shown(&ranges));
        let small = |value: i128| u16::try_from(value).ok();
        let ranges: Option<Vec<_>> =
            ranges.into_iter().map(|(first, last)| small(first).zip(small(last))).collect();
        let ranges = ranges?;
        let asked = match seen {
            Seen::Family(Address { address, length }) => Asked::Family { address, length, ranges },
            Seen::Port(Address { address, length }) => Asked::Port { address, length, ranges },
            Seen::Text(_) | Seen::Number(..) | Seen::Ip(_) | Seen::Socket(_) | Seen::Result => {
                return None;
            }
        };
        Some(negated_unless(holds, self.ask(asked, &text, span, subject)?))
    }

    /// A test of an IP address.
    pub(crate) fn ip_question(
        &mut self,
        test: &'a ast::Test,
        address: Address,
        name: &str,
        span: Span,
        subject: Subject,
    ) -> Option<Predicate> {
        let (written, holds): (Vec<&ast::Str>, _) = match &test.relation {
            _ if test.mask.is_some() => (Vec::new(), true),
            ast::Relation::CompareString(Op::Eq, text) => (vec![text], true),
            ast::Relation::CompareString(Op::Ne, text) => (vec![text], false),
            ast::Relation::In(items) => {
                let texts = items.iter().map(|item| match item {
                    ast::Item::Text(text) => Some(text),
                    ast::Item::One(_) | ast::Item::Range(..) => None,
                });
                (texts.collect::<Option<_>>().unwrap_or_default(), true)
            }
            ast::Relation::CompareString(..)
            | ast::Relation::Glob(_)
            | ast::Relation::AnyBit
            | ast::Relation::Compare(..)
            | ast::Relation::CompareField(..)
            | ast::Relation::Function(..)
            | ast::Relation::Cpus(..) => (Vec::new(), true),
        };
        if written.is_empty() {
            let kind = Kind::Unasked(Unasked::Network { why: "it is compared with texts" });
            self.findings.about(span, kind, subject);
            return None;
        }
        let mut networks = Vec::with_capacity(written.len());
        for text in &written {
            match network(&text.text) {
                Ok(network) => networks.push(network),
                Err(why) => {
                    let kind = Kind::Unasked(Unasked::Network { why });
                    self.findings.about(text.span, kind, subject);
                }
            }
        }
        if networks.len() != written.len() {
            return None;
        }
        networks.sort_unstable();
        networks.dedup();
        let shown: Vec<_> = networks.iter().map(|(ip, bits)| format!("\"{ip}/{bits}\"")).collect();
        let text = format!("{name} in {{ {} }}", shown.join(", "));
        let asked = Asked::Ip { address: address.address, length: address.length, networks };
        Some(negated_unless(holds, self.ask(asked, &text, span, subject)?))
    }
}

/// The type of a number that a monitor sees.
fn type_of(seen: Seen) -> Option<Type> {
    let (width, signed) = match seen {
        Seen::Number(_, Number::Pid | Number::Tid) => (32, true),
        Seen::Number(_, Number::Uid | Number::Gid) => (32, false),
        Seen::Family(_) | Seen::Port(_) => (16, false),
        Seen::Socket(_) => (1, false),
        Seen::Result => (64, true),
        Seen::Text(_) | Seen::Ip(_) => return None,
    };
    Type::new(width, signed, types::Kind::Integer)
}

const fn values(ty: Type, range: Range) -> Values {
    (ty.value(range.first()), ty.value(range.last()))
}

/// Ranges, sorted and apart.
fn joined(mut ranges: Vec<Values>) -> Vec<Values> {
    ranges.sort_unstable();
    let mut joined: Vec<Values> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match joined.last_mut() {
            Some(before) if first <= before.1 + 1 => before.1 = before.1.max(last),
            Some(_) | None => joined.push((first, last)),
        }
    }
    joined
}

fn shown(ranges: &[Values]) -> String {
    let one = |(first, last): &Values| {
        if first == last { first.to_string() } else { format!("{first}..{last}") }
    };
    ranges.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// An address, or a network: `10.0.0.0/8`, `::1`.
fn network(text: &str) -> Result<(IpAddr, u8), &'static str> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr =
        address.parse().map_err(|_| "it is no address like `192.0.2.1` or `2001:db8::1`")?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let digits = |bits: &str| bits.bytes().all(|byte| byte.is_ascii_digit());
    let bits = match bits {
        None => width,
        Some(bits) => {
            let read = bits.parse::<u8>().ok().filter(|read| digits(bits) && *read <= width);
            read.ok_or("behind the `/` stands how many leading bits count")?
        }
    };
    let whole = match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    };
    let kept = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or_default();
    if whole & !kept != 0 {
        return Err("it has bits behind those that count");
    }
    Ok((address, bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_have_no_bits_behind_their_prefix() {
        let good = |text: &str| network(text).map(|(ip, bits)| format!("{ip}/{bits}")).unwrap();
        assert_eq!(good("10.0.0.0/8"), "10.0.0.0/8");
        assert_eq!(good("127.0.0.1"), "127.0.0.1/32");
        assert_eq!(good("::1"), "::1/128");
        assert_eq!(good("fe80::/10"), "fe80::/10");
        assert_eq!(good("0.0.0.0/0"), "0.0.0.0/0");
        for bad in ["10.0.0.1/8", "10.0.0.0/33", "::/129", "10.0.0/8", "1.2.3.4/", "1.2.3.4/+8", ""]
        {
            assert!(network(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ranges_are_joined() {
        assert_eq!(joined(vec![(5, 9), (1, 2), (3, 3), (7, 12)]), [(1, 3), (5, 12)]);
    }
}
