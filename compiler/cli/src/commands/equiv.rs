//! `filterc equiv old.flt new.flt`

use std::path::{Path, PathBuf};

use clap::Args;
use filterc::{Source, analyse, describe, render};
use filterc_abi::{Action, Endian, SeccompData};
use filterc_cbpf::{self as cbpf, Verified, interpret_traced};
use filterc_check::{Budget, Counterexample, Proof, Side, Unknown, Verdict, equivalent};
use filterc_grammar::diagnostic::Severity;
use filterc_grammar::source::SourceMap;
use filterc_hir::eval::{Reason, decide};
use filterc_hir::policy::Policy;
use serde_json::json;

use crate::console::{Console, Failure, stdout};
use crate::input;
use crate::options::{ByteOrder, PolicyArgs};

/// Arguments of `equiv`.
#[derive(Args, Debug)]
pub(crate) struct EquivArgs {
    /// A policy, or a program (`.bpf`, or bytes that are one); `-` is standard input
    #[arg(value_name = "A")]
    left: PathBuf,

    /// Another
    #[arg(value_name = "B")]
    right: PathBuf,

    /// Byte order of the machine; by default that of the policies' ABIs, else the host's
    #[arg(long, value_enum)]
    endian: Option<ByteOrder>,

    /// Write one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    policy_args: PolicyArgs,
}

/// What a file turned out to be.
enum Input {
    Policy(Box<Policy>, SourceMap),
    Bytes(Vec<u8>),
}

/// Says whether two policies or programs decide the same for every call. Status 1 is for sides
/// that do not: what is wrong with one of them is of status 2 here.
pub(crate) fn run(args: &EquivArgs, console: &Console) -> Result<(), Failure> {
    if args.left == Path::new("-") && args.right == Path::new("-") {
        return Err(Failure::Environment("standard input can be one side only".to_owned()));
    }
    let left = read(&args.left, args, console)?;
    let right = read(&args.right, args, console)?;
    let orders = byte_orders(args, &left, &right);
    let mut proofs = Vec::new();
    for endian in orders {
        let sides =
            [Judged::new(&left, &args.left, endian)?, Judged::new(&right, &args.right, endian)?];
        let [left, right] = sides.each_ref().map(Judged::side);
        match equivalent(left, right, endian, &Budget::default()) {
            Verdict::Equal(proof) => proofs.push(proof),
            Verdict::Differ(found) => {
                let why = sides.each_ref().map(|side| side.why(&found.call, endian));
                let text = match args.json {
                    true => differ_json(&found, &why),
                    false => differ_text(args, &found, &why),
                };
                stdout(text.as_bytes())?;
                return Err(Failure::No(String::new()));
            }
            Verdict::Unknown(unknown) => return Err(undecided(&unknown)),
        }
    }
    let text = if args.json { equal_json(&proofs) } else { equal_text(args, &proofs) };
    stdout(text.as_bytes())
}

fn read(path: &Path, args: &EquivArgs, console: &Console) -> Result<Input, Failure> {
    let is = |extension: &str| path.extension().is_some_and(|it| it == extension);
    if !is("flt") {
        let bytes = input::bytes(path)?;
        let is_program = [Endian::Little, Endian::Big].into_iter().any(|endian| {
            cbpf::decode(&bytes, endian).is_ok_and(|program| cbpf::verify(&program).is_ok())
        });
        if is_program || is("bpf") {
            return Ok(Input::Bytes(bytes));
        }
        let text = String::from_utf8(bytes).map_err(|_| {
            Failure::Environment(format!("{}: neither a policy nor a program", path.display()))
        })?;
        let name = if path == Path::new("-") { "<stdin>".into() } else { path.to_string_lossy() };
        return policy(&Source::text(name, text), args, console);
    }
    policy(&input::source(path)?, args, console)
}

fn policy(source: &Source, args: &EquivArgs, console: &Console) -> Result<Input, Failure> {
    let analysis = analyse(source, &input::options(&args.policy_args, console)?);
    let errors = analysis.diagnostics.iter().any(|it| it.severity == Severity::Error);
    match analysis.policy {
        Some(policy) if !errors => {
            console.diagnostics(&analysis.sources, &analysis.diagnostics);
            Ok(Input::Policy(Box::new(policy), analysis.sources))
        }
        Some(_) | None => {
            console.diagnostics(&analysis.sources, &analysis.diagnostics);
            Err(Failure::Environment(format!("{}: there is nothing to compare", source.name())))
        }
    }
}

/// The byte orders in which the question makes sense.
fn byte_orders(args: &EquivArgs, left: &Input, right: &Input) -> Vec<Endian> {
    if let Some(order) = args.endian {
        return vec![order.into()];
    }
    let policies = [left, right].into_iter().filter_map(|input| match input {
        Input::Policy(policy, _) => Some(policy),
        Input::Bytes(_) => None,
    });
    let mut orders: Vec<Endian> =
        policies.flat_map(|policy| policy.abis()).map(|part| part.abi().endian).collect();
    orders.sort();
    orders.dedup();
    if orders.is_empty() { vec![Endian::HOST] } else { orders }
}

/// A side on machines of one byte order.
enum Judged<'i> {
    Policy(&'i Policy, &'i SourceMap),
    Program(Verified),
}

impl<'i> Judged<'i> {
    fn new(input: &'i Input, path: &Path, endian: Endian) -> Result<Self, Failure> {
        let bytes = match input {
            Input::Policy(policy, sources) => return Ok(Self::Policy(policy, sources)),
            Input::Bytes(bytes) => bytes,
        };
        let fault = |text: String| Failure::Environment(format!("{}: {text}", path.display()));
        let program = cbpf::decode(bytes, endian).map_err(|error| fault(error.to_string()))?;
        let verified = cbpf::verify(&program)
            .map_err(|error| fault(format!("the kernel would not take it: {error}")))?;
        Ok(Self::Program(verified))
    }

    fn side(&self) -> Side<'_> {
        match self {
            Self::Policy(policy, _) => Side::Policy(policy),
            Self::Program(program) => Side::Program(program),
        }
    }

    /// What the side says to a call, and by which rule or instructions.
    fn why(&self, call: &SeccompData, endian: Endian) -> String {
        match self {
            Self::Policy(policy, sources) => {
                let decision = decide(&policy.of_order(endian), call);
                let text = describe::decision(&decision);
                let rule = match decision.reason {
                    Reason::Rule(rule) => policy.rules().get(rule.0 as usize),
                    Reason::Default | Reason::Unknown | Reason::Foreign => None,
                };
                match rule {
                    Some(rule) => format!("{text}, {}", render::position(sources, rule.span)),
                    None => text,
                }
            }
            Self::Program(program) => {
                let trace = interpret_traced(program, call, endian);
                let action = Action::from_ret(trace.outcome.ret);
                format!("{action}, by the instructions {}", describe::path(&trace.pcs))
            }
        }
    }
}

fn differ_text(args: &EquivArgs, found: &Counterexample, why: &[String; 2]) -> String {
    let [left, right] = why;
    format!(
        "different: {}\n    {}: {:#010x}, {left}\n    {}: {:#010x}, {right}\n",
        describe::call(&found.call),
        args.left.display(),
        found.left,
        args.right.display(),
        found.right
    )
}

fn differ_json(found: &Counterexample, why: &[String; 2]) -> String {
    let [left, right] = why;
    let object = json!({
        "equal": false,
        "call": describe::call(&found.call),
        "nr": found.call.nr,
        "arch": found.call.arch,
        "instruction_pointer": found.call.instruction_pointer,
        "args": found.call.args,
        "left": found.left,
        "left_why": left,
        "right": found.right,
        "right_why": right,
    });
    format!("{object}\n")
}

fn equal_text(args: &EquivArgs, proofs: &[Proof]) -> String {
    let rectangles: u64 = proofs.iter().map(|proof| proof.rectangles).sum();
    let nodes = proofs.iter().map(|proof| proof.nodes).max().unwrap_or_default();
    format!(
        "equal: {} and {} decide the same for every call\n    proved in {rectangles} parts, the \
         largest decision diagram with {nodes} nodes\n",
        args.left.display(),
        args.right.display()
    )
}

fn equal_json(proofs: &[Proof]) -> String {
    let parts: u64 = proofs.iter().map(|proof| proof.rectangles).sum();
    let nodes = proofs.iter().map(|proof| proof.nodes).max().unwrap_or_default();
    format!("{}\n", json!({ "equal": true, "parts": parts, "nodes": nodes }))
}

fn undecided(unknown: &Unknown) -> Failure {
    let why = describe::unknown(unknown).join("; ");
    Failure::Environment(format!("not found out, so no answer: {why}"))
}
