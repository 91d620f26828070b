//! The reader of the DAG's textual form, which [`crate::print`] defines.
//!
//! Nodes are taken as they stand: what the text says is what [`crate::validate()`] judges.

use std::error::Error;
use std::fmt;

use filterc_abi::{Action, Endian, Fact};
use filterc_hir::policy::RuleId;
use filterc_hir::types::Place;

use crate::dag::{Case, Dag, Node, NodeId, Origin, Root};
use crate::test::{Cmp, Half, Operand, Test, Word};

/// A text that is not a DAG.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParseError {
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: not a line of a decision DAG", self.line)
    }
}

impl Error for ParseError {}

/// Reads a DAG.
///
/// # Errors
/// The first line that is not understood; the one after the last if something is missing.
pub fn parse(text: &str) -> Result<Dag, ParseError> {
    let mut reader = Reader::default();
    let mut count = 0;
    for line in text.lines() {
        count += 1;
        reader.line(line).ok_or(ParseError { line: count })?;
    }
    let error = ParseError { line: count + 1 };
    let (Some(endian), Some(foreign)) = (reader.endian, reader.foreign) else { return Err(error) };
    let Reader { nodes, origins, roots, .. } = reader;
    Ok(Dag { endian, nodes, origins, roots, foreign })
}

#[derive(Default)]
struct Reader {
    endian: Option<Endian>,
    nodes: Vec<Node>,
    origins: Vec<Origin>,
    roots: Vec<Root>,
    foreign: Option<NodeId>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Option<()> {
        let (line, comment) = line.split_once('#').unwrap_or((line, ""));
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            ["dag", "little"] => self.endian = Some(Endian::Little),
            ["dag", "big"] => self.endian = Some(Endian::Big),
            ["foreign", id] => self.foreign = Some(node_id(id)?),
            ["root", abis, token, id] => self.roots.push(Root {
                abis: abis.split('+').map(str::to_owned).collect(),
                audit_arch: u32::try_from(number(token)?).ok()?,
                node: node_id(id)?,
            }),
            [id, "=", rest @ ..] => {
                (node_id(id)?.index() == self.nodes.len()).then_some(())?;
                self.nodes.push(node(rest)?);
                self.origins.push(origin(comment)?);
            }
            _ => return None,
        }
        Some(())
    }
}

fn node(words: &[&str]) -> Option<Node> {
    match words {
        ["leaf", text] => Some(Node::Leaf(action(text)?)),
        ["branch", question @ .., "?", then, ":", otherwise] => Some(Node::Branch {
            test: test(question)?,
            then: node_id(then)?,
            otherwise: node_id(otherwise)?,
        }),
        ["switch", cases @ ..] => {
            cases.split(|word| *word == ",").map(case).collect::<Option<_>>().map(Node::Switch)
        }
        _ => None,
    }
}

fn case(words: &[&str]) -> Option<Case> {
    let [first, "->", target] = words else { return None };
    Some(Case { first: first.parse().ok()?, target: node_id(target)? })
}

fn test(words: &[&str]) -> Option<Test> {
    let (left, mask, comparison, right) = match words {
        [left, "&", mask, comparison, right] => (left, Some(number(mask)?), comparison, right),
        [left, comparison, right] => (left, None, comparison, right),
        _ => return None,
    };
    let cmp = match *comparison {
        "==" => Cmp::Eq,
        ">=" => Cmp::Ge,
        _ => return None,
    };
    if let Some(left) = word(left) {
        let mask = mask.map_or(Some(u32::MAX), |mask| u32::try_from(mask).ok())?;
        return Some(match word(right) {
            Some(right) => Test::Words { left, cmp, right, mask },
            None => {
                let value = u32::try_from(number(right)?).ok()?;
                Test::Word { word: left, mask, cmp, value }
            }
        });
    }
    let field = operand(left)?;
    match (operand(right), mask) {
        (Some(right), mask) => {
            let mask = mask.unwrap_or_else(|| field.mask());
            Some(Test::Fields { left: field, cmp, right, mask })
        }
        (None, mask) => {
            let mask = mask.unwrap_or_else(|| field.mask());
            Some(Test::Field { field, mask, cmp, value: number(right)? })
        }
    }
}

fn word(text: &str) -> Option<Word> {
    if let Some(half) = text.strip_prefix("param") {
        let (param, half) = half.split_once('.')?;
        let high = match half {
            "lo" => false,
            "hi" => true,
            _ => return None,
        };
        return Word::param(Half { param: param.parse().ok()?, high });
    }
    match text.strip_prefix("fact") {
        Some(position) => Word::of_facts(position.parse().ok()?),
        None => Word::new(text.strip_prefix("word")?.parse().ok()?),
    }
}

fn operand(text: &str) -> Option<Operand> {
    let (name, ty) = text.split_once(':')?;
    let place = match name {
        "nr" => Place::Nr,
        "arch" => Place::Arch,
        "instruction_pointer" => Place::InstructionPointer,
        _ if let Some(fact) = Fact::ALL.into_iter().find(|fact| fact.name() == name) => {
            Place::Fact(fact)
        }
        _ => match name.strip_prefix("arg(").and_then(|rest| rest.strip_suffix(')')) {
            Some(pair) => {
                let (lo, hi) = pair.split_once(',')?;
                Place::Pair { lo: lo.parse().ok()?, hi: hi.parse().ok()? }
            }
            None => match name.strip_prefix("param") {
                Some(position) => Place::Param(position.parse().ok()?),
                None => match name.strip_prefix("answer") {
                    Some(position) => Place::Answer(position.parse().ok()?),
                    None => Place::Arg(name.strip_prefix("arg")?.parse().ok()?),
                },
            },
        },
    };
    let (signed, width) = match ty.strip_prefix('s') {
        Some(width) => (true, width),
        None => (false, ty.strip_prefix('u')?),
    };
    Operand::new(place, width.parse().ok()?, signed)
}

fn action(text: &str) -> Option<Action> {
    let (name, data) = match text.strip_suffix(')') {
        Some(rest) => {
            let (name, data) = rest.split_once('(')?;
            (name, Some(data.parse().ok()?))
        }
        None => (text, None),
    };
    match (name, data) {
        ("allow", None) => Some(Action::Allow),
        ("log", None) => Some(Action::Log),
        ("notify", None) => Some(Action::Notify),
        ("trace", data) => Some(Action::Trace(data.unwrap_or(0))),
        ("trap", data) => Some(Action::Trap(data.unwrap_or(0))),
        ("errno", Some(errno)) => Some(Action::Errno(errno)),
        ("kill_thread", None) => Some(Action::KillThread),
        ("kill_process", None) => Some(Action::KillProcess),
        _ => None,
    }
}

fn origin(comment: &str) -> Option<Origin> {
    let words: Vec<&str> = comment.split_whitespace().collect();
    match words.as_slice() {
        [] => Some(Origin::Nobody),
        ["rule", rule] => Some(Origin::Rule(RuleId(rule.parse().ok()?))),
        ["rules", "from", rule] => Some(Origin::Several(RuleId(rule.parse().ok()?))),
        _ => None,
    }
}

fn node_id(text: &str) -> Option<NodeId> {
    text.strip_prefix('n')?.parse().ok().map(NodeId::new)
}

fn number(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}
