//! Pseudo filter code, as users of libseccomp know it from `seccomp_export_pfc`: for each
//! architecture what becomes of each call that does not come to the default, with arguments in
//! halves of 32 bits.
//!
//! ```text
//! text  = for each token: if ($arch == TOKEN) block; then the action for all others
//! block = if (TEST) block [else block] …, action NAME;
//! ```
//!
//! A block is read from above; what it does not decide goes on behind it. libseccomp writes down
//! the rules that it was given; here it is the decision DAG before numbers are searched for, which
//! says the same as the program.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use filterc_abi::seccomp::offset;
use filterc_abi::{Action, Syscall};
use filterc_check::halves;
use filterc_ir::passes::PASSES;
use filterc_ir::{Cmp, Dag, Node, NodeId, Objective, Root, Test, Word};

use crate::compiled::{Compiled, CompiledProgram};

/// Codes of what cannot be written.
pub const CODES: &[&str] = &["F0728", "F0729"];

/// Lines that are written at most: branches that many calls share are written for each.
const MAX_LINES: usize = 100_000;

/// Why there is no pseudo filter code for a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPfc {
    /// F0728: it has no words for something.
    NoWords {
        /// For what.
        what: String,
    },
    /// F0729: it would be longer than anybody reads.
    TooLong {
        /// Lines that there may be.
        limit: usize,
    },
}

impl NoPfc {
    /// Its code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoWords { .. } => "F0728",
            Self::TooLong { .. } => "F0729",
        }
    }
}

impl fmt::Display for NoPfc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWords { what } => write!(f, "pseudo filter code has no words for {what}"),
            Self::TooLong { limit } => {
                write!(f, "the pseudo filter code would have more than {limit} lines")
            }
        }
    }
}

impl std::error::Error for NoPfc {}

/// The pseudo filter code of one of a policy's programs.
///
/// # Errors
/// The form has no words for what is decided, or too many would be needed.
pub fn pfc(compiled: &Compiled, program: &CompiledProgram) -> Result<String, NoPfc> {
    let no_words = |what: &str| NoPfc::NoWords { what: what.to_owned() };
    if !compiled.policy().params().is_empty() {
        return Err(no_words("parameters that have no value"));
    }
    let dag = filterc_ir::build(compiled.policy(), program.endian());
    let mut dag = dag.map_err(|_| no_words("a policy of that size"))?;
    // Numbers are told apart by `dispatch`; before it, they stand as they are.
    for pass in PASSES.iter().take_while(|pass| pass.name != "dispatch") {
        if (pass.applies)(&dag) {
            dag = (pass.run)(&dag, &Objective::default());
        }
    }
    let mut writer = Writer { dag: &dag, out: String::new(), lines: 0 };
    for line in ["#", "# pseudo filter code start", "#"] {
        writer.line(0, line)?;
    }
    for root in dag.roots() {
        writer.root(root)?;
    }
    writer.line(0, "# invalid architecture action")?;
    let Node::Leaf(foreign) = dag.node(dag.foreign()) else {
        return Err(no_words("questions about calls of other architectures"));
    };
    writer.action(0, *foreign)?;
    for line in ["#", "# pseudo filter code end", "#"] {
        writer.line(0, line)?;
    }
    Ok(writer.out)
}

/// Numbers that are decided alike, where they lead, and the call if it is one.
struct Cell {
    first: u32,
    last: u32,
    target: NodeId,
    call: Option<&'static Syscall>,
}

/// Which calls a block is about.
#[derive(Clone, Copy)]
struct Context {
    token: u32,
    first: u32,
    last: u32,
}

struct Writer<'d> {
    dag: &'d Dag,
    out: String,
    lines: usize,
}

impl Writer<'_> {
    fn line(&mut self, level: usize, text: &str) -> Result<(), NoPfc> {
        self.lines += 1;
        if self.lines > MAX_LINES {
            return Err(NoPfc::TooLong { limit: MAX_LINES });
        }
        // Writing to a string cannot fail.
        let _ = writeln!(self.out, "{:1$}{text}", "", 2 * level);
        Ok(())
    }

    fn action(&mut self, level: usize, action: Action) -> Result<(), NoPfc> {
        let name = match action {
            Action::Allow => "ALLOW".to_owned(),
            Action::Log => "LOG".to_owned(),
            Action::Notify => "NOTIFY".to_owned(),
            Action::Trace(data) => format!("TRACE({data})"),
            Action::Trap(0) => "TRAP".to_owned(),
            Action::Trap(_) => {
                return Err(NoPfc::NoWords { what: format!("the data of `{action}`") });
            }
            Action::Errno(errno) => format!("ERRNO({errno})"),
            Action::KillThread => "KILL".to_owned(),
            Action::KillProcess => "KILL_PROCESS".to_owned(),
        };
        self.line(level, &format!("action {name};"))
    }

    /// All calls with a token.
    fn root(&mut self, root: &Root) -> Result<(), NoPfc> {
        let token = root.audit_arch;
        let cells = self.cells(root);
        let default = self.default(&cells);
        self.line(0, &format!("# filter for arch {} ({token})", root.abis.join(", ")))?;
        self.line(0, &format!("if ($arch == {token})"))?;
        for Cell { first, last, target, call } in cells {
            if self.leaf(target) == Some(default) {
                continue;
            }
            let context = Context { token, first, last };
            if let Some(call) = call {
                let title = format!("# filter for syscall \"{}\" ({first})", call.name);
                self.line(1, &title)?;
                self.line(1, &format!("if ($syscall == {first})"))?;
                self.block(2, target, context, default)?;
            } else if first == last {
                self.line(1, &format!("# filter for syscall {first}, which no call has"))?;
                self.line(1, &format!("if ($syscall == {first})"))?;
                self.block(2, target, context, default)?;
            } else {
                self.line(
                    1,
                    &format!("# filter for syscalls {first} to {last}, which no call has"),
                )?;
                self.line(1, &format!("if ($syscall >= {first})"))?;
                self.line(2, &format!("if ($syscall <= {last})"))?;
                self.block(3, target, context, default)?;
            }
        }
        self.line(1, "# default action")?;
        self.action(1, default)
    }

    /// What is decided at a node, from a level on; what comes to the default is left to what stands
    /// behind, and `false` says that something was.
    fn block(
        &mut self,
        level: usize,
        node: NodeId,
        context: Context,
        default: Action,
    ) -> Result<bool, NoPfc> {
        let mut at = self.resolve(node, context);
        loop {
            let (test, then, otherwise) = match self.dag.node(at) {
                Node::Leaf(action) => return self.action(level, *action).map(|()| true),
                Node::Branch { test, then, otherwise } => (*test, *then, *otherwise),
                Node::Switch(_) => {
                    let what = "numbers that arguments decide about".to_owned();
                    return Err(NoPfc::NoWords { what });
                }
            };
            self.line(level, &format!("if ({})", words(self.dag, test)?))?;
            let ends = self.block(level + 1, then, context, default)?;
            at = self.resolve(otherwise, context);
            if self.leaf(at) == Some(default) {
                return Ok(false);
            }
            // What always comes to an action needs no other arm.
            if !ends {
                self.line(level, "else")?;
                self.block(level + 1, at, context, default)?;
                return Ok(false);
            }
        }
    }

    fn leaf(&self, node: NodeId) -> Option<Action> {
        match self.dag.node(node) {
            Node::Leaf(action) => Some(*action),
            Node::Branch { .. } | Node::Switch(_) => None,
        }
    }

    /// The first node that asks something that is not known.
    fn resolve(&self, node: NodeId, context: Context) -> NodeId {
        let mut at = node;
        loop {
            at = match self.dag.node(at) {
                Node::Switch(cases) => {
                    let after = cases.partition_point(|case| case.first <= context.first);
                    match cases.get(after.saturating_sub(1)) {
                        Some(case) => case.target,
                        None => return at,
                    }
                }
                Node::Branch { test: Test::Word { word, mask, cmp, value }, then, otherwise } => {
                    let known = match *word {
                        Word::ARCH => Some(context.token),
                        // Cells end where a test of the whole number changes its answer.
                        Word::NR if *mask == u32::MAX || context.first == context.last => {
                            Some(context.first)
                        }
                        _ => None,
                    };
                    let Some(known) = known else { return at };
                    let holds = match cmp {
                        Cmp::Eq => known & mask == *value,
                        Cmp::Ge => known & mask >= *value,
                    };
                    if holds { *then } else { *otherwise }
                }
                Node::Leaf(_) | Node::Branch { .. } => return at,
            };
        }
    }

    /// All numbers, cut where a call begins or ends and where something else is decided.
    fn cells(&self, root: &Root) -> Vec<Cell> {
        let calls: BTreeMap<u32, &'static Syscall> =
            root.abis().flat_map(|abi| abi.syscalls().iter().map(|call| (call.nr, call))).collect();
        let mut cuts: BTreeSet<u32> = BTreeSet::from([0]);
        for nr in calls.keys() {
            cuts.insert(*nr);
            cuts.extend(nr.checked_add(1));
        }
        for node in self.dag.nodes() {
            match node {
                Node::Switch(cases) => cuts.extend(cases.iter().map(|case| case.first)),
                Node::Branch { test: Test::Word { word: Word::NR, value, .. }, .. } => {
                    cuts.insert(*value);
                    cuts.extend(value.checked_add(1));
                }
                Node::Leaf(_) | Node::Branch { .. } => {}
            }
        }
        let ends = cuts.iter().skip(1).map(|next| next - 1).chain([u32::MAX]);
        let mut cells: Vec<Cell> = Vec::new();
        for (first, last) in cuts.iter().copied().zip(ends) {
            let context = Context { token: root.audit_arch, first, last };
            let (target, call) = (self.resolve(root.node, context), calls.get(&first).copied());
            match cells.last_mut() {
                Some(old) if call.is_none() && old.call.is_none() && old.target == target => {
                    old.last = last;
                }
                _ => cells.push(Cell { first, last, target, call }),
            }
        }
        cells
    }

    /// What most calls are refused by, unless almost all are allowed: a list of what is allowed, or
    /// of what is not.
    fn default(&self, cells: &[Cell]) -> Action {
        let mut counts: BTreeMap<Action, usize> = BTreeMap::new();
        let calls = cells.iter().filter(|cell| cell.call.is_some());
        for action in calls.filter_map(|cell| self.leaf(cell.target)) {
            *counts.entry(action).or_default() += 1;
        }
        let allowed = counts.remove(&Action::Allow).unwrap_or_default();
        let refused: usize = counts.values().sum();
        match counts.into_iter().max_by_key(|(_, count)| *count) {
            Some((action, _)) if refused * 8 > allowed => action,
            Some(_) | None => Action::Allow,
        }
    }
}

/// A test, as libseccomp spells it: numbers are decimal, masks are not.
fn words(dag: &Dag, test: Test) -> Result<String, NoPfc> {
    let no_words = |what: &str| Err(NoPfc::NoWords { what: what.to_owned() });
    let (word, mask, cmp, value) = match test {
        Test::Word { word, mask, cmp, value } => (word, mask, cmp, value),
        Test::Words { .. } | Test::Fields { .. } => {
            return no_words("arguments that are compared with each other");
        }
        Test::Field { .. } => return no_words("an argument in one piece"),
    };
    let place = match word {
        Word::NR => "$syscall".to_owned(),
        Word::ARCH => "$arch".to_owned(),
        _ => match argument(dag, word) {
            Some(place) => place,
            None => return no_words("`instruction_pointer`"),
        },
    };
    let mask = if mask == u32::MAX { String::new() } else { format!(" & {mask:#010x}") };
    let cmp = match cmp {
        Cmp::Eq => "==",
        Cmp::Ge => ">=",
    };
    Ok(format!("{place}{mask} {cmp} {value}"))
}

/// The half of an argument that a word is.
fn argument(dag: &Dag, word: Word) -> Option<String> {
    let endian = dag.endian();
    (0..6).find_map(|index| {
        let (low, high) = halves(offset::ARGS + 8 * index, endian);
        match word.index() {
            half if half == low => Some(format!("$a{index}.lo32")),
            half if half == high => Some(format!("$a{index}.hi32")),
            _ => None,
        }
    })
}
