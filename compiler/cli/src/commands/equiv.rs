//! `filterc equiv old.flt new.flt`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use filterc::{Options, Source, analyse, describe, params, render};
use filterc_abi::{Action, Endian};
use filterc_cbpf::{self as cbpf, Verified, interpret_traced};
use filterc_check::{Budget, Counterexample, Proof, Side, Unknown, Verdict, equivalent};
use filterc_grammar::diagnostic::Severity;
use filterc_grammar::source::SourceMap;
use filterc_hir::eval::{Reason, decide_with};
use filterc_hir::policy::{Param, Policy};
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
    let options = input::options(&args.policy_args, console)?;
    let mut left = read(&args.left, &options, console)?;
    let mut right = read(&args.right, &options, console)?;
    let params = with_params(args, &options.params, &mut left, &mut right)?;
    let orders = byte_orders(args, &left, &right);
    let mut proofs = Vec::new();
    for endian in orders {
        let sides =
            [Judged::new(&left, &args.left, endian)?, Judged::new(&right, &args.right, endian)?];
        let [left, right] = sides.each_ref().map(Judged::side);
        match equivalent(left, right, endian, &Budget::default()) {
            Verdict::Equal(proof) => proofs.push(proof),
            Verdict::Differ(found) => {
                let why = sides.each_ref().map(|side| side.why(&found, endian));
                let text = match args.json {
                    true => differ_json(&found, &params, &why),
                    false => differ_text(args, &found, &params, &why),
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

fn read(path: &Path, options: &Options, console: &Console) -> Result<Input, Failure> {
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
        return policy(&Source::text(name, text), options, console);
    }
    policy(&input::source(path)?, options, console)
}

fn policy(source: &Source, options: &Options, console: &Console) -> Result<Input, Failure> {
    let analysis = analyse(source, options);
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

/// Gives the policies the values of `--param`; without any, makes parameters with one name the
/// same in both: the question then is about all values. Returns those that are left open.
fn with_params(
    args: &EquivArgs,
    given: &[(String, i128)],
    left: &mut Input,
    right: &mut Input,
) -> Result<Vec<Param>, Failure> {
    let mut known: Vec<Param> = Vec::new();
    for (side, path) in [(&*left, &args.left), (&*right, &args.right)] {
        for param in side.params() {
            match known.iter().find(|other| other.name == param.name) {
                None => known.push(param.clone()),
                Some(other) if (other.min, other.max) == (param.min, param.max) => {}
                Some(_) => {
                    return Err(Failure::Environment(format!(
                        "{}: parameter `{}` takes other values than that of the other side",
                        path.display(),
                        param.name
                    )));
                }
            }
        }
    }
    let names: Vec<&str> = known.iter().map(|param| param.name.as_str()).collect();
    if given.is_empty() {
        let is_program = |side: &Input| matches!(side, Input::Bytes(_));
        if (is_program(left) || is_program(right)) && !known.is_empty() {
            return Err(Failure::Environment(format!(
                "a program has no parameters: give them values, as `--param {}=VALUE`",
                names.first().unwrap_or(&"NAME")
            )));
        }
    } else if let Some((name, _)) = given.iter().find(|(name, _)| !names.contains(&&**name)) {
        return Err(Failure::Environment(format!(
            "--param {name}: neither side has such a parameter"
        )));
    }
    for side in [left, right] {
        let Input::Policy(policy, _) = side else { continue };
        **policy = if given.is_empty() {
            let too_many = || Failure::Environment("the sides have too many parameters".to_owned());
            policy.in_order_of(&names).ok_or_else(too_many)?
        } else {
            let own = |name: &str| policy.params().iter().any(|param| param.name == name);
            let given: Vec<_> = given.iter().filter(|(name, _)| own(name)).cloned().collect();
            let values = params::values(policy, &given);
            policy.bound(&values.map_err(|error| Failure::Environment(error.message))?)
        };
    }
    Ok(if given.is_empty() { known } else { Vec::new() })
}

impl Input {
    fn params(&self) -> &[Param] {
        match self {
            Self::Policy(policy, _) => policy.params(),
            Self::Bytes(_) => &[],
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
    fn why(&self, found: &Counterexample, endian: Endian) -> String {
        match self {
            Self::Policy(policy, sources) => {
                let decision = decide_with(&policy.of_order(endian), &found.params, &found.call);
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
                let trace = interpret_traced(program, &found.call, endian);
                let action = Action::from_ret(trace.outcome.ret);
                format!("{action}, by the instructions {}", describe::path(&trace.pcs))
            }
        }
    }
}

fn differ_text(
    args: &EquivArgs,
    found: &Counterexample,
    params: &[Param],
    why: &[String; 2],
) -> String {
    let [left, right] = why;
    format!(
        "different: {}{}\n    {}: {:#010x}, {left}\n    {}: {:#010x}, {right}\n",
        describe::call(&found.call),
        describe::params(params, &found.params),
        args.left.display(),
        found.left,
        args.right.display(),
        found.right
    )
}

fn differ_json(found: &Counterexample, params: &[Param], why: &[String; 2]) -> String {
    let [left, right] = why;
    let named = params.iter().zip(found.params);
    let named: BTreeMap<&str, u64> =
        named.map(|(param, value)| (param.name.as_str(), value)).collect();
    let mut object = json!({
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
    if let (false, Some(fields)) = (named.is_empty(), object.as_object_mut()) {
        fields.insert("params".to_owned(), json!(named));
    }
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
