//! Nodes and edges of what is decided: numbers with one fate are one node, and questions that are
//! asked alike are one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use filterc::{Profile, Traffic};
use filterc_abi::{self as abi, Abi, Action, Endian, Syscall};
use filterc_check::{Budget, Decision, Part, Side, outcomes};
use filterc_relate::{
    Leads, Numbers, Question, Questions, Reply, Subject, named, numbers, questions,
};

use super::model::{Class, Edge, Graph, Kind, NoGraph, Node};
use crate::words;

/// More boxes are no drawing.
const MAX_NODES: usize = 1500;

/// What is to be drawn.
#[derive(Clone, Copy, Debug)]
pub struct Drawn<'d> {
    /// What the drawing is called.
    pub title: &'d str,
    /// What decides.
    pub side: Side<'d>,
    /// The byte order of its machine.
    pub endian: Endian,
    /// The ABIs that it is about; without any, those that are told from others.
    pub abis: &'d [&'static Abi],
    /// How often calls are made; without one, the shipped ranking.
    pub profile: Option<&'d Profile>,
    /// The calls that the drawing is about; without any, all.
    pub only: &'d [String],
}

/// The drawing of a policy or program.
///
/// # Errors
/// What is decided was not found out within the budget, is too much for a drawing, or one of the calls
/// that it is to be about does not exist.
pub fn graph(drawn: &Drawn<'_>, budget: &Budget) -> Result<Graph, NoGraph> {
    let parts = outcomes(&[drawn.side], drawn.endian, budget).map_err(NoGraph::Unknown)?;
    let abis = told_apart(drawn, &parts);
    if let Some(name) = drawn.only.iter().find(|name| !exists(&abis, name)) {
        return Err(NoGraph::NoCall { name: name.clone() });
    }
    let traffic = Traffic::new(&abis, drawn.profile);
    let mut build = Build {
        abis: &abis,
        traffic: &traffic,
        endian: drawn.endian,
        only: drawn.only,
        nodes: Vec::new(),
        edges: BTreeMap::new(),
        ends: BTreeMap::new(),
        questions: HashMap::new(),
        groups: BTreeMap::new(),
    };
    let start = build.add(Kind::Start, "a system call", "")?;
    for abi in &abis {
        build.abi(start, abi, &parts)?;
    }
    if drawn.only.is_empty() {
        build.others(start, &parts)?;
    }
    let mut graph = build.finish();
    drawn.title.clone_into(&mut graph.title);
    Ok(graph)
}

fn exists(abis: &[&'static Abi], name: &str) -> bool {
    abis.iter().any(|abi| abi.syscall(name).is_some())
}

/// The ABIs that are drawn by themselves: those that were asked for, else those whose token is
/// tested, else the machine's; and others behind their tokens that are not refused as a whole.
fn told_apart(drawn: &Drawn<'_>, parts: &[Part]) -> Vec<&'static Abi> {
    let known = || abi::abis().iter().filter(|abi| abi.endian == drawn.endian);
    let is_tested = |abi: &&'static Abi| {
        // Behind one token, the ABI whose numbers have no mark is the usual one.
        let is_marked = abi.mark.is_some_and(|mark| mark.set);
        !is_marked && parts.iter().any(|part| part.arch == (abi.audit_arch, abi.audit_arch))
    };
    let mut abis: Vec<&'static Abi> =
        drawn.abis.iter().copied().filter(|abi| abi.endian == drawn.endian).collect();
    if abis.is_empty() {
        abis = known().filter(|abi| abi.filters_since.is_some()).filter(is_tested).collect();
    }
    if abis.is_empty() {
        let host = abi::host().filter(|abi| abi.endian == drawn.endian);
        abis.extend(host.or(known().find(|abi| abi.filters_since.is_some())));
    }
    let asked = abis.clone();
    let shares = |other: &Abi| asked.iter().any(|abi| abi.audit_arch == other.audit_arch);
    for other in abi::abis().iter().filter(|other| shares(other)) {
        let is_known = abis.iter().any(|abi| abi.name == other.name);
        if !is_known && other.filters_since.is_some() && !is_one(parts, other) {
            abis.push(other);
        }
    }
    abis
}

/// Whether all calls of an ABI come to one thing.
fn is_one(parts: &[Part], abi: &'static Abi) -> bool {
    let mut found: Vec<Option<&[u32]>> = Vec::new();
    for part in parts.iter().filter(|part| is_of(part, abi)) {
        if !numbers(abi, part.nr).is_empty() {
            found.push(part.decision.only());
        }
    }
    found.iter().all(|only| only.is_some() && Some(only) == found.first())
}

fn is_of(part: &Part, abi: &Abi) -> bool {
    part.arch.0 <= abi.audit_arch && abi.audit_arch <= part.arch.1
}

/// Calls with one fate on one ABI, or numbers that no call has, as they are found.
#[derive(Default)]
struct Together {
    calls: Vec<&'static str>,
    gaps: Vec<(u32, u32)>,
    share: f64,
}

/// What a node of calls is told from others by: where it leads, the calls, and the numbers.
type GroupKey = (usize, Vec<&'static str>, Vec<(u32, u32)>);

/// What a question is told from others by: its text, and its answers.
type QuestionKey = (String, Vec<(Option<String>, usize)>);

struct Build<'b> {
    abis: &'b [&'static Abi],
    traffic: &'b Traffic,
    endian: Endian,
    only: &'b [String],
    nodes: Vec<Node>,
    /// By their ends and their label.
    edges: BTreeMap<(usize, usize, String), Edge>,
    ends: BTreeMap<Action, usize>,
    questions: HashMap<QuestionKey, usize>,
    groups: BTreeMap<GroupKey, usize>,
}

impl Build<'_> {
    fn add(&mut self, kind: Kind, text: &str, note: &str) -> Result<usize, NoGraph> {
        if self.nodes.len() >= MAX_NODES {
            return Err(NoGraph::TooLarge { limit: MAX_NODES });
        }
        let class = match kind {
            Kind::End(action) => Class::of(action),
            Kind::Start | Kind::Abi | Kind::Calls | Kind::Question => Class::Mixed,
        };
        let (text, note) = (text.to_owned(), note.to_owned());
        let (calls, numbers) = (Vec::new(), Vec::new());
        self.nodes.push(Node { kind, text, note, calls, numbers, share: 0.0, class });
        Ok(self.nodes.len() - 1)
    }

    fn edge(&mut self, from: usize, to: usize, label: &str, when: Option<&str>) -> &mut Edge {
        let (when, guessed) = (when.map(str::to_owned), false);
        let new = Edge { from, to, label: label.to_owned(), when, share: 0.0, guessed };
        self.edges.entry((from, to, label.to_owned())).or_insert(new)
    }

    /// The node of an action.
    fn end(&mut self, action: Action) -> Result<usize, NoGraph> {
        if let Some(known) = self.ends.get(&action) {
            return Ok(*known);
        }
        let mut names = self.abis.iter().map(|abi| words::action(action, Some(abi)));
        let first = names.next().unwrap_or_else(|| action.to_string());
        let text = if names.all(|name| name == first) { first } else { action.to_string() };
        let at = self.add(Kind::End(action), &text, "")?;
        self.ends.insert(action, at);
        Ok(at)
    }

    /// All calls of an ABI.
    fn abi(&mut self, start: usize, abi: &'static Abi, parts: &[Part]) -> Result<(), NoGraph> {
        let mut found: BTreeMap<(bool, usize), Together> = BTreeMap::new();
        for part in parts.iter().filter(|part| is_of(part, abi)) {
            for numbers in numbers(abi, part.nr) {
                let (first, last, call) = match numbers {
                    Numbers::Call(call) => (call.nr, call.nr, Some(call)),
                    Numbers::Unknown(first, last) => (first, last, None),
                };
                let is_asked = |name: &str| self.only.iter().any(|only| only == name);
                if !self.only.is_empty() && !call.is_some_and(|call| is_asked(call.name)) {
                    continue;
                }
                let (to, asked) = self.target(abi, &part.decision, first)?;
                let weight = self.traffic.share(abi, first, last);
                let group = found.entry((call.is_none(), to)).or_default();
                group.share += weight;
                match call {
                    Some(call) => {
                        if let Some((questions, nodes)) = &asked {
                            self.follow(abi, call, (&part.decision, questions, nodes), weight);
                        }
                        group.calls.push(call.name);
                    }
                    None => match group.gaps.last_mut() {
                        Some(old) if old.1.checked_add(1) == Some(first) => old.1 = last,
                        _ => group.gaps.push((first, last)),
                    },
                }
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        let share = found.values().fold(0.0, |sum, group| sum + group.share);
        let note = format!("token {:#010x}", abi.audit_arch);
        let own = self.add(Kind::Abi, abi.name, &note)?;
        self.edge(start, own, "", None).share += share;
        let unknown = found.keys().filter(|(is_unknown, _)| *is_unknown).count();
        for ((_, to), group) in found {
            let text = described(abi, &group, unknown == 1);
            self.group(own, to, &text, group)?;
        }
        Ok(())
    }

    /// The node of calls that fare alike, which other ABIs can have too.
    fn group(&mut self, abi: usize, to: usize, text: &str, group: Together) -> Result<(), NoGraph> {
        let key: GroupKey = (to, group.calls, group.gaps);
        let own = match self.groups.get(&key) {
            Some(known) => *known,
            None => {
                let new = self.add(Kind::Calls, text, "")?;
                if let Some(node) = self.nodes.get_mut(new) {
                    (node.calls, node.numbers) = (key.1.clone(), key.2.clone());
                }
                self.groups.insert(key, new);
                new
            }
        };
        self.edge(abi, own, "", None).share += group.share;
        self.edge(own, to, "", None).share += group.share;
        Ok(())
    }

    /// Where a decision begins, and the nodes of its questions.
    #[allow(clippy::type_complexity, reason = "the questions and their nodes go together")]
    fn target(
        &mut self,
        abi: &'static Abi,
        decision: &Decision,
        nr: u32,
    ) -> Result<(usize, Option<(Questions, Vec<usize>)>), NoGraph> {
        if let Some([value]) = decision.only() {
            return Ok((self.end(Action::from_ret(*value))?, None));
        }
        let subject = Subject { arch: abi.audit_arch, nr, endian: self.endian };
        let asked = questions(decision, subject);
        let mut nodes: Vec<usize> = Vec::with_capacity(asked.all.len());
        for question in &asked.all {
            let mut ends = Vec::with_capacity(question.replies.len());
            for reply in &question.replies {
                ends.push(self.leads(decision, reply.leads, &nodes)?);
            }
            let key_of = |(reply, end): (&Reply, &usize)| (reply.when.clone(), *end);
            let key: QuestionKey = (
                question.field.clone().unwrap_or_default(),
                question.replies.iter().zip(&ends).map(key_of).collect(),
            );
            if let Some(known) = self.questions.get(&key) {
                nodes.push(*known);
                continue;
            }
            let (text, labels) = worded(question);
            let own = self.add(Kind::Question, &text, "")?;
            for ((reply, end), label) in question.replies.iter().zip(&ends).zip(labels) {
                self.edge(own, *end, &label, reply.when.as_deref());
            }
            self.questions.insert(key, own);
            nodes.push(own);
        }
        let root = self.leads(decision, asked.root, &nodes)?;
        Ok((root, Some((asked, nodes))))
    }

    fn leads(
        &mut self,
        decision: &Decision,
        leads: Leads,
        nodes: &[usize],
    ) -> Result<usize, NoGraph> {
        match leads {
            Leads::To(at) => Ok(nodes.get(at).copied().unwrap_or_default()),
            Leads::Says(at) => {
                let value = decision.values.get(at).and_then(|values| values.first()).copied();
                self.end(Action::from_ret(value.unwrap_or_default()))
            }
        }
    }

    /// Sends the calls of a number along the answers to its questions. Where it is not known how
    /// it is called, all answers are taken equally often.
    fn follow(
        &mut self,
        abi: &'static Abi,
        call: &'static Syscall,
        (decision, asked, nodes): (&Decision, &Questions, &[usize]),
        weight: f64,
    ) {
        let made = self.traffic.made(abi, call.nr);
        let mut taken: BTreeMap<(usize, usize), f64> = BTreeMap::new();
        for (data, part) in &made {
            let data = data.words(self.endian);
            let word = |index: u8| data.get(usize::from(index)).copied().unwrap_or_default();
            for step in asked.path(decision, word) {
                *taken.entry(step).or_default() += weight * part;
            }
        }
        if made.is_empty() {
            let mut waiting = vec![(asked.root, weight)];
            // Paths are few: a question for each argument.
            while let Some((leads, share)) = waiting.pop() {
                let Leads::To(at) = leads else { continue };
                let replies = asked.all.get(at).map_or(&[][..], |it| it.replies.as_slice());
                let part = share / replies.len().max(1) as f64;
                for (reply, it) in replies.iter().enumerate() {
                    *taken.entry((at, reply)).or_default() += part;
                    waiting.push((it.leads, part));
                }
            }
        }
        for ((at, reply), share) in taken {
            let Some(question) = asked.all.get(at) else { continue };
            let Some(it) = question.replies.get(reply) else { continue };
            let from = nodes.get(at).copied().unwrap_or_default();
            let label = worded(question).1.into_iter().nth(reply).unwrap_or_default();
            let Ok(to) = self.leads(decision, it.leads, nodes) else { continue };
            let edge = self.edge(from, to, &label, it.when.as_deref());
            edge.share += share;
            edge.guessed |= made.is_empty();
        }
    }

    /// Calls of architectures that are not told apart.
    fn others(&mut self, start: usize, parts: &[Part]) -> Result<(), NoGraph> {
        let mut actions: BTreeSet<Action> = BTreeSet::new();
        let own = |part: &Part| {
            let mut tokens = self.abis.iter().map(|abi| abi.audit_arch);
            part.arch.0 == part.arch.1 && tokens.any(|token| token == part.arch.0)
        };
        for part in parts.iter().filter(|part| !own(part)) {
            actions.extend(part.decision.values.iter().flatten().map(|it| Action::from_ret(*it)));
        }
        if actions.is_empty() {
            return Ok(());
        }
        let note = "calls of all other ABIs that the machine has, and of any that come";
        let other = self.add(Kind::Abi, "other architectures", note)?;
        self.edge(start, other, "", None);
        for action in actions {
            let end = self.end(action)?;
            self.edge(other, end, "", None);
        }
        Ok(())
    }

    /// Sums up what comes to each node, and what it leads to.
    fn finish(mut self) -> Graph {
        let edges: Vec<Edge> = self.edges.into_values().collect();
        for edge in &edges {
            if let Some(node) = self.nodes.get_mut(edge.to) {
                node.share += edge.share;
            }
        }
        if let Some(start) = self.nodes.first_mut() {
            start.share =
                edges.iter().filter(|it| it.from == 0).fold(0.0, |sum, it| sum + it.share);
        }
        classify(&mut self.nodes, &edges);
        Graph {
            title: String::new(),
            abis: self.abis.iter().map(|abi| abi.name).collect(),
            only: self.only.to_vec(),
            shares: self.traffic.shares(),
            nodes: self.nodes,
            edges,
        }
    }
}

/// What each node leads to: from the ends back, as often as paths are long.
fn classify(nodes: &mut [Node], edges: &[Edge]) {
    let mut classes: Vec<Option<Class>> =
        nodes.iter().map(|node| matches!(node.kind, Kind::End(_)).then_some(node.class)).collect();
    loop {
        let mut changed = false;
        for edge in edges {
            let Some(below) = classes.get(edge.to).copied().flatten() else { continue };
            let Some(own) = classes.get_mut(edge.from) else { continue };
            let new = own.map_or(below, |own| own.and(below));
            changed |= *own != Some(new);
            *own = Some(new);
        }
        if !changed {
            break;
        }
    }
    for (node, class) in nodes.iter_mut().zip(classes) {
        node.class = class.unwrap_or(Class::Mixed);
    }
}

/// Longer answers are cut short in the drawing.
const LONG: usize = 30;

/// What is asked, and the answers in short.
fn worded(question: &Question) -> (String, Vec<String>) {
    let replies = &question.replies;
    if let [yes, _] = replies.as_slice()
        && let Some(when) = &yes.when
    {
        let (text, answers) = match opposite(when) {
            Some(inner) => (inner, ["no", "yes"]),
            None => (when.as_str(), ["yes", "no"]),
        };
        return (text.to_owned(), answers.map(str::to_owned).to_vec());
    }
    let last = replies.len().saturating_sub(1);
    let label = |(at, reply): (usize, &Reply)| {
        let Some(when) = &reply.when else { return "for some".to_owned() };
        let bare = bare(when, question.field.as_deref());
        let long = bare.chars().count() > LONG;
        match (long, at == last && question.field.is_some()) {
            (true, true) => "otherwise".to_owned(),
            (true, false) => bare.chars().take(LONG - 1).chain(['…']).collect(),
            (false, _) => bare.to_owned(),
        }
    };
    let mut labels: Vec<String> = replies.iter().enumerate().map(label).collect();
    // Two answers to one place would be one edge.
    for at in 1..labels.len() {
        let (before, rest) = labels.split_at_mut(at);
        if let Some(own) = rest.first_mut()
            && before.contains(own)
        {
            own.push_str(&format!(" ({})", at + 1));
        }
    }
    (question.field.clone().unwrap_or_else(|| "the arguments".to_owned()), labels)
}

/// What a predicate denies, if it is nothing but that.
fn opposite(when: &str) -> Option<&str> {
    let inner = when.strip_prefix("!(")?.strip_suffix(')')?;
    let mut depth = 0_usize;
    for c in inner.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    Some(inner)
}

/// An answer without the field that is asked for anyway.
fn bare<'w>(when: &'w str, field: Option<&str>) -> &'w str {
    let rest = field.and_then(|field| when.strip_prefix(field)).map(str::trim_start);
    let Some(rest) = rest.filter(|_| !when.contains("&&") && !when.contains("||")) else {
        return when;
    };
    let is_operator = |it: &&str| rest.starts_with(*it);
    match rest.strip_prefix("== ") {
        Some(value) => value,
        None if ["!=", "<", ">", "in "].iter().any(is_operator) => rest,
        None => when,
    }
}

/// Calls by the groups that they are; numbers by where they are, unless these are all that no call
/// has.
fn described(abi: &'static Abi, group: &Together, is_all: bool) -> String {
    if group.calls.is_empty() {
        let span = |(first, last): &(u32, u32)| match first == last {
            true => format!("{first:#x}"),
            false => format!("{first:#x} to {last:#x}"),
        };
        let spans: Vec<String> = group.gaps.iter().map(span).collect();
        let which = if is_all { "that no call has" } else { &spans.join(", ") };
        return format!("numbers {which}");
    }
    let exists = |name: &str| abi.syscall(name).is_some();
    let mut left: BTreeSet<String> = group.calls.iter().map(|name| (*name).to_owned()).collect();
    let groups = named(&mut left, &exists).into_iter().map(|group| format!("@{group}"));
    groups.chain(left).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denials_and_answers_are_shortened_where_they_mean_the_same() {
        assert_eq!(opposite("!(a & 3)"), Some("a & 3"));
        assert_eq!(opposite("!(a in { (X | 1) })"), Some("a in { (X | 1) }"));
        assert_eq!(opposite("!(a == 1) && !(b == 2)"), None);
        assert_eq!(opposite("a == 1"), None);
        assert_eq!(bare("cmd == F_GETFL", Some("cmd")), "F_GETFL");
        assert_eq!(bare("cmd in { 1, 2 }", Some("cmd")), "in { 1, 2 }");
        assert_eq!(bare("flags & 3", Some("flags")), "flags & 3");
        assert_eq!(bare("cmdx == 1", Some("cmd")), "cmdx == 1");
        assert_eq!(bare("a == 1 || a == 2", Some("a")), "a == 1 || a == 2");
    }
}
