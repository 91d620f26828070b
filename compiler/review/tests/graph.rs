//! Drawings: their paths, written as rules again, are proved to be the policy; what is written is
//! well-formed whatever it is about.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skipped"
)]

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use filterc::{Options, Source, analyse};
use filterc_abi::{self as abi, Abi, Action, Endian, KernelVersion};
use filterc_check::{Budget, Side, differences};
use filterc_grammar::diagnostic::Severity;
use filterc_hir::policy::{AbiPolicy, Policy};
use filterc_relate::{Numbers, numbers};
use filterc_review::graph::{self, Drawn, Edge, Graph, Kind, NoGraph};

fn policy(source: &Source) -> Policy {
    let analysis = analyse(source, &Options::default());
    let errors = analysis.diagnostics.iter().filter(|it| it.severity == Severity::Error);
    let messages: Vec<_> = errors.map(|it| (it.code.0, &it.message)).collect();
    analysis.policy.unwrap_or_else(|| panic!("{messages:?}"))
}

/// The policies of the corpus that have no open parameters, with their names.
fn corpus() -> Vec<(String, Policy)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/policies");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let policies = files.iter().filter(|file| file.extension().is_some_and(|it| it == "flt"));
    policies
        .map(|file| {
            let source = Source::read(file).unwrap();
            let policy = policy(&source);
            (file.file_stem().unwrap().to_str().unwrap().to_owned(), policy)
        })
        .filter(|(_, policy)| policy.params().is_empty())
        .collect()
}

fn drawn(title: &str, policy: &Policy, endian: Endian, only: &[String]) -> Result<Graph, NoGraph> {
    let abis: Vec<&'static Abi> = policy.abis().iter().map(AbiPolicy::abi).collect();
    let side = Side::Policy(policy);
    let drawn = Drawn { title, side, endian, abis: &abis, profile: None, only };
    graph::graph(&drawn, &Budget::default())
}

/// What is asked on each path from a node, and what it comes to.
fn paths(graph: &Graph, from: usize) -> Vec<(Vec<String>, Action)> {
    if let Kind::End(action) = graph.nodes[from].kind {
        return vec![(Vec::new(), action)];
    }
    let mut all = Vec::new();
    for edge in graph.edges.iter().filter(|edge| edge.from == from) {
        for (mut asked, action) in paths(graph, edge.to) {
            asked.extend(edge.when.clone());
            all.push((asked, action));
        }
    }
    all
}

fn leads_to(graph: &Graph, from: usize) -> Vec<usize> {
    graph.edges.iter().filter(|edge| edge.from == from).map(|edge| edge.to).collect()
}

/// What is drawn of one ABI, as a policy for it.
fn rules(graph: &Graph, abi: &'static Abi) -> String {
    let is_named = |name: &str| graph.nodes.iter().position(|node| node.text == name);
    let others = paths(graph, is_named("other architectures").unwrap());
    assert_eq!(others.len(), 1, "{others:?}");
    let foreign = others[0].1;
    let KernelVersion { major, minor } = KernelVersion::TABLE;
    let mut text = format!(
        "arch {}\nkernel {major}.{minor}\ndefault kill_process\nforeign {foreign}\n",
        abi.name
    );
    let Some(own) = is_named(abi.name) else { return text };
    let groups = leads_to(graph, own);
    let minus_one = groups
        .iter()
        .copied()
        .find(|at| graph.nodes[*at].numbers.iter().any(|span| span.1 == u32::MAX));
    if let Some(at) = minus_one {
        writeln!(text, "unknown {}", paths(graph, at)[0].1).unwrap();
    }
    // Rules of calls that carry others come first: later ones are not to reach these by that way.
    let carries = |name: &str| abi.sub_calls().iter().any(|sub| sub.multiplexer == name);
    for group in &groups {
        for name in graph.nodes[*group].calls.iter().filter(|name| carries(name)) {
            write(&mut text, graph, *group, name);
            // The typing rules want to see that nothing is left.
            writeln!(text, "kill_process {name}").unwrap();
        }
    }
    for group in groups {
        let node = &graph.nodes[group];
        let mut calls: Vec<String> = node.calls.iter().map(|name| (*name).to_owned()).collect();
        let numbers = node.numbers.iter().filter(|_| Some(group) != minus_one);
        calls.extend(numbers.map(|(first, last)| format!("syscall({first:#x}..{last:#x})")));
        if calls.is_empty() {
            continue;
        }
        write(&mut text, graph, group, &calls.join(", "));
    }
    text
}

/// The rules of calls that are drawn in one box.
fn write(text: &mut String, graph: &Graph, group: usize, calls: &str) {
    for (asked, action) in paths(graph, group) {
        let condition = match asked.as_slice() {
            [] => String::new(),
            all => format!(" if {}", all.join(" && ")),
        };
        writeln!(text, "{action} {calls}{condition}").unwrap();
    }
}

#[test]
fn paths_are_the_policy() {
    let (mut questions, mut speechless) = (0, 0);
    for (name, whole) in corpus() {
        for endian in [Endian::Little, Endian::Big] {
            let abis: Vec<_> = whole.abis().iter().map(AbiPolicy::abi).collect();
            let own = || abis.iter().copied().filter(|abi| abi.endian == endian);
            if own().next().is_none() {
                continue;
            }
            let graph = drawn(&name, &whole, endian, &[]).unwrap();
            questions += graph.nodes.iter().filter(|node| node.kind == Kind::Question).count();
            for abi in own() {
                let text = rules(&graph, abi);
                let again = policy(&Source::text("again.flt", text.as_str()));
                let sides = (Side::Policy(&whole), Side::Policy(&again));
                let mut found = differences(sides.0, sides.1, endian, &Budget::default()).unwrap();
                let silent = silent(&graph);
                speechless += abi.syscalls().iter().filter(|it| silent.contains(&it.name)).count();
                // The rules are those of one ABI, and of calls for whose conditions there are words.
                found.retain(|it| {
                    let is_own = it.arch.0 <= abi.audit_arch && abi.audit_arch <= it.arch.1;
                    let said = |numbers: &Numbers| match numbers {
                        Numbers::Call(call) => !silent.contains(&call.name),
                        Numbers::Unknown(..) => true,
                    };
                    is_own && numbers(abi, it.nr).iter().any(said)
                });
                assert!(found.is_empty(), "{name} on {}: {found:?}\n{text}", abi.name);
            }
        }
    }
    assert!(questions > 300, "{questions} questions");
    // Of more than 10,000 calls with rules on all ABIs: 64-bit arguments in two registers.
    assert!(speechless < 60, "{speechless} calls without words");
}

/// Calls with an answer for which the language has no words of bearable length.
fn silent(graph: &Graph) -> Vec<&'static str> {
    let silent = |edge: &&Edge| edge.when.is_none() && !edge.label.is_empty();
    let mut waiting: Vec<usize> = graph.edges.iter().filter(silent).map(|it| it.from).collect();
    let mut names = Vec::new();
    while let Some(at) = waiting.pop() {
        names.extend(&graph.nodes[at].calls);
        waiting.extend(graph.edges.iter().filter(|edge| edge.to == at).map(|edge| edge.from));
    }
    names
}

/// A drawing that is wrong by one answer is found to be.
#[test]
fn a_wrong_answer_is_noticed() {
    let text = "arch x86_64\ndefault errno(EPERM)\nallow read if fd < 3\nallow write\n";
    let whole = policy(&Source::text("p.flt", text));
    let mut graph = drawn("p", &whole, Endian::Little, &[]).unwrap();
    let abi = abi::x86_64();
    let differ = |graph: &Graph| {
        let again = policy(&Source::text("again.flt", rules(graph, abi).as_str()));
        let sides = (Side::Policy(&whole), Side::Policy(&again));
        !differences(sides.0, sides.1, Endian::Little, &Budget::default()).unwrap().is_empty()
    };
    assert!(!differ(&graph));
    let asked: Vec<usize> = (0..graph.edges.len())
        .filter(|at| graph.nodes[graph.edges[*at].from].kind == Kind::Question)
        .collect();
    let (one, other) = (graph.edges[asked[0]].to, graph.edges[asked[1]].to);
    (graph.edges[asked[0]].to, graph.edges[asked[1]].to) = (other, one);
    assert!(differ(&graph));
}

/// What comes to a node goes on from there, and all of it is all calls.
#[test]
fn shares_are_kept() {
    for (name, whole) in corpus() {
        for endian in [Endian::Little, Endian::Big] {
            let Ok(graph) = drawn(&name, &whole, endian, &[]) else { continue };
            for (at, node) in graph.nodes.iter().enumerate() {
                if matches!(node.kind, Kind::End(_)) || graph.edges.iter().all(|it| it.from != at) {
                    continue;
                }
                let out = graph.edges.iter().filter(|edge| edge.from == at);
                let out: f64 = out.map(|edge| edge.share).sum();
                let text = &node.text;
                assert!((out - node.share).abs() < 1e-9, "{name}: {text}: {out} {}", node.share);
            }
            let all = graph.nodes[0].share;
            assert!((0.97..1.001).contains(&all), "{name}: {all}");
        }
    }
}

#[test]
fn docker_is_drawn_as_people_speak_of_it() {
    let (_, whole) = corpus().into_iter().find(|(name, _)| name == "docker-default").unwrap();
    let graph = drawn("docker", &whole, Endian::Little, &[]).unwrap();
    assert!(graph.nodes.len() <= 24, "{} boxes", graph.nodes.len());
    let has = |text: &str| graph.nodes.iter().any(|node| node.text == text);
    assert!(has("personality") && has("other architectures") && has("errno(EPERM)"));
    let most = graph.edges.iter().map(|edge| edge.share).fold(0.0, f64::max);
    assert!(most > 0.9, "{most}");
}

#[test]
fn some_calls_can_be_drawn_alone() {
    let (_, whole) = corpus().into_iter().find(|(name, _)| name == "docker-default").unwrap();
    let only = ["clone".to_owned(), "read".to_owned()];
    let graph = drawn("docker", &whole, Endian::Little, &only).unwrap();
    let calls: Vec<_> = graph.nodes.iter().flat_map(|node| node.calls.clone()).collect();
    assert_eq!(calls.len(), 2, "{calls:?}");
    let none = ["nosuchcall".to_owned()];
    let error = drawn("docker", &whole, Endian::Little, &none).unwrap_err();
    assert!(matches!(&error, NoGraph::NoCall { name } if name == "nosuchcall"), "{error}");
}

/// Tags that are open at the end, after a walk over all of them.
fn open(text: &str) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    for tag in text.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap();
        let name = tag.split([' ', '\n']).next().unwrap().to_owned();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop().as_deref(), Some(name)),
            None if tag.ends_with('/') => {}
            None => open.push(name),
        }
    }
    open
}

#[test]
fn text_is_nothing_but_text() {
    let title = "</title><script>alert(1)</script>&\"'\u{0}\u{ffff}";
    for (_, whole) in corpus() {
        let endian = whole.abis()[0].abi().endian;
        let graph = drawn(title, &whole, endian, &[]).unwrap();
        let svg = graph::svg(&graph);
        assert_eq!(open(&svg), Vec::<String>::new());
        assert!(!svg.contains("<script") && !svg.contains(['\u{0}', '\u{ffff}']));
        assert!(!svg.contains("href"), "nothing is loaded");
        let again = graph::svg(&drawn(title, &whole, endian, &[]).unwrap());
        assert_eq!(svg, again);
    }
}

/// Boxes of one column do not touch.
#[test]
fn boxes_are_apart() {
    for (name, whole) in corpus() {
        let graph = drawn(&name, &whole, whole.abis()[0].abi().endian, &[]).unwrap();
        let svg = graph::svg(&graph);
        let number = |tag: &str, name: &str| -> f64 {
            let rest = tag.split_once(&format!(" {name}=\"")).unwrap().1;
            rest.split('"').next().unwrap().parse().unwrap()
        };
        let boxes: Vec<[f64; 4]> = svg
            .split("<rect class=\"fg-box")
            .skip(1)
            .map(|tag| ["x", "y", "width", "height"].map(|name| number(tag, name)))
            .collect();
        assert_eq!(boxes.len(), graph.nodes.len(), "{name}");
        for (at, [x, y, width, height]) in boxes.iter().enumerate() {
            for [other_x, other_y, ..] in &boxes[at + 1..] {
                let beside = other_x >= &(x + width) || other_x < x;
                let apart = beside || other_y >= &(y + height) || *other_y < *y;
                assert!(apart, "{name}: {x} {y}");
            }
        }
    }
}

/// Graphviz takes what is written for it.
#[test]
fn graphviz_draws_it() {
    if Command::new("dot").arg("-V").output().is_err() {
        println!("skipped: there is no `dot`");
        return;
    }
    let title = "a \"title\"\\ & <b>";
    for (name, whole) in corpus() {
        let graph = drawn(title, &whole, whole.abis()[0].abi().endian, &[]).unwrap();
        if graph.nodes.len() > 150 {
            continue;
        }
        let mut command = Command::new("dot");
        command.arg("-Tsvg").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // What is wrong is told below.
        let _ = child.stdin.take().unwrap().write_all(graph::dot(&graph).as_bytes());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("a system call"));
    }
}

/// Codes of what cannot be drawn: F0726, more than fits, and F0727, no such call.
#[test]
fn what_cannot_be_drawn_has_a_code() {
    let calls: Vec<&str> = abi::x86_64()
        .syscalls()
        .iter()
        .map(|call| call.name)
        .filter(|it| *it != "clone3")
        .collect();
    let mut text = "arch x86_64\ndefault errno(EPERM)\n".to_owned();
    for (at, name) in calls.iter().enumerate() {
        let condition: Vec<String> =
            (0..5).map(|arg| format!("args[{arg}] == {}", 1000 * at + 7 * arg + 1)).collect();
        writeln!(text, "allow {name} if {}", condition.join(" && ")).unwrap();
    }
    let whole = policy(&Source::text("large.flt", text.as_str()));
    let error = drawn("large", &whole, Endian::Little, &[]).unwrap_err();
    assert_eq!(error.code(), Some("F0726"), "{error}");
    let only = ["read".to_owned()];
    assert!(drawn("large", &whole, Endian::Little, &only).is_ok());
    let error = drawn("large", &whole, Endian::Little, &["no".to_owned()]).unwrap_err();
    assert_eq!(error.code(), Some("F0727"), "{error}");
}
