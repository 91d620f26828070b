//! `filterc equiv old.flt new.flt`

use std::path::{Path, PathBuf};

use clap::Args;
use filterc::{Source, analyse, describe};
use filterc_abi::{Action, Endian};
use filterc_cbpf::{self as cbpf, Verified};
use filterc_check::{Budget, Counterexample, Proof, Side, Unknown, Verdict, equivalent};
use filterc_grammar::diagnostic::Severity;
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
    Policy(Policy),
    Bytes(Vec<u8>),
}

/// Says whether two policies or programs decide the same for every call.
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
                let text = if args.json { differ_json(&found) } else { differ_text(args, &found) };
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
            Failure::No(format!("{}: neither a policy nor a program", path.display()))
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
            Ok(Input::Policy(policy))
        }
        Some(_) | None => Err(Failure::from(filterc::Diagnostics {
            sources: analysis.sources,
            list: analysis.diagnostics,
        })),
    }
}

/// The byte orders in which the question makes sense.
fn byte_orders(args: &EquivArgs, left: &Input, right: &Input) -> Vec<Endian> {
    if let Some(order) = args.endian {
        return vec![order.into()];
    }
    let policies = [left, right].into_iter().filter_map(|input| match input {
        Input::Policy(policy) => Some(policy),
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
    Policy(&'i Policy),
    Program(Verified),
}

impl<'i> Judged<'i> {
    fn new(input: &'i Input, path: &Path, endian: Endian) -> Result<Self, Failure> {
        let bytes = match input {
            Input::Policy(policy) => return Ok(Self::Policy(policy)),
            Input::Bytes(bytes) => bytes,
        };
        let fault = |text: String| Failure::No(format!("{}: {text}", path.display()));
        let program = cbpf::decode(bytes, endian).map_err(|error| fault(error.to_string()))?;
        let verified = cbpf::verify(&program)
            .map_err(|error| fault(format!("the kernel would not take it: {error}")))?;
        Ok(Self::Program(verified))
    }

    fn side(&self) -> Side<'_> {
        match self {
            Self::Policy(policy) => Side::Policy(policy),
            Self::Program(program) => Side::Program(program),
        }
    }
}

fn answer(ret: u32) -> String {
    format!("{} ({ret:#010x})", Action::from_ret(ret))
}

fn differ_text(args: &EquivArgs, found: &Counterexample) -> String {
    format!(
        "different: {}\n    {}: {}\n    {}: {}\n",
        describe::call(&found.call),
        args.left.display(),
        answer(found.left),
        args.right.display(),
        answer(found.right)
    )
}

fn differ_json(found: &Counterexample) -> String {
    let object = json!({
        "equal": false,
        "call": describe::call(&found.call),
        "nr": found.call.nr,
        "arch": found.call.arch,
        "instruction_pointer": found.call.instruction_pointer,
        "args": found.call.args,
        "left": found.left,
        "right": found.right,
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
    let place = unknown.at.map_or("all calls at once".to_owned(), |(arch, nr)| {
        format!("number {} under architecture {arch:#010x}", nr.cast_signed())
    });
    Failure::Environment(format!("not found out within the budget, at {place}: no answer"))
}
