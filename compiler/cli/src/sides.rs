//! Two policies or programs that are held against each other: reading them, and what each
//! says to a call.

use std::path::{Path, PathBuf};

use clap::Args;
use filterc::{Options, Source, analyse, describe, params, render};
use filterc_abi::{Action, Endian, SeccompData};
use filterc_cbpf::{self as cbpf, Verified, interpret, interpret_traced};
use filterc_check::{Side, Unknown};
use filterc_ebpf as ebpf;
use filterc_grammar::diagnostic::Severity;
use filterc_grammar::source::{FileId, SourceMap};
use filterc_hir::eval::{Reason, decide_with};
use filterc_hir::policy::{AbiPolicy, Param, Policy};

use crate::console::{self, Console, Failure};
use crate::decide;
use crate::foreign::{self, Format, Reading, Text};
use crate::input;
use crate::options::{ByteOrder, PolicyArgs};

/// Which two.
#[derive(Args, Debug)]
pub(crate) struct SidesArgs {
    /// A policy in any form that `import` reads, a program, or an eBPF object file, of which the
    /// function `decide` is looked at; `-` is standard input
    #[arg(value_name = "A")]
    pub(crate) left: PathBuf,

    /// Another
    #[arg(value_name = "B")]
    pub(crate) right: PathBuf,

    /// Byte order of the machine; by default that of the policies' ABIs, else the host's
    #[arg(long, value_enum)]
    endian: Option<ByteOrder>,

    #[command(flatten)]
    reading: ReadingArgs,

    /// The same of A alone
    #[arg(long, value_name = "OPTION=VALUE")]
    left_is: Vec<String>,

    /// The same of B alone
    #[arg(long, value_name = "OPTION=VALUE")]
    right_is: Vec<String>,

    #[command(flatten)]
    policy_args: PolicyArgs,
}

/// Whether calls are also decided by the running kernel.
#[derive(Args, Debug)]
pub(crate) struct ReplayArgs {
    /// Also have this kernel decide the calls that are shown, under both filters
    #[arg(long)]
    replay: bool,
}

/// How policies of other forms are read.
#[derive(Args, Debug, Default)]
pub(crate) struct ReadingArgs {
    /// The form of what is read, where it does not show
    #[arg(long, value_enum, value_name = "FORMAT")]
    from: Option<Format>,

    /// What a policy of another form leaves open: as the options of `import`, such as cap=docker,
    /// kernel=5.10, thread=vmm or raw; its machine is the first of `--arch`
    #[arg(long = "reading", value_name = "OPTION=VALUE")]
    options: Vec<String>,
}

impl ReadingArgs {
    /// Whether a form is named.
    pub(crate) const fn is_given(&self) -> bool {
        self.from.is_some()
    }

    /// How an input is read, with options of its own.
    fn reading(&self, own: (&str, &[String]), policy: &Options) -> Result<Reading, Failure> {
        let arch = policy.abis.as_ref().and_then(|abis| abis.first()).map(|abi| abi.name);
        let mut reading = Reading::new(arch)?;
        reading.format = self.from;
        reading.include.clone_from(&policy.include_paths);
        reading.define(&policy.defines);
        for option in &self.options {
            reading.with("--reading", option)?;
        }
        for option in own.1 {
            reading.with(own.0, option)?;
        }
        Ok(reading)
    }
}

/// What they turned out to be.
pub(crate) struct Sides {
    pub(crate) left: Input,
    pub(crate) right: Input,
    /// Parameters that are left open.
    pub(crate) params: Vec<Param>,
    /// The byte orders in which the question makes sense.
    pub(crate) orders: Vec<Endian>,
    /// The options that policies were read with, if this kernel is asked, too.
    pub(crate) replay: Option<Options>,
}

impl Sides {
    /// Refuses parameters without values, where an answer is about one program.
    pub(crate) fn without_params(&self) -> Result<(), Failure> {
        match self.params.first() {
            None => Ok(()),
            Some(param) => Err(Failure::Environment(format!(
                "parameter `{}` has no value: give it one, as `--param {}=VALUE`",
                param.name, param.name
            ))),
        }
    }
}

/// Reads both. What is wrong with one of them is of status 2: 1 is for an answer that is no.
pub(crate) fn read(args: &SidesArgs, console: &Console) -> Result<Sides, Failure> {
    if args.left == Path::new("-") && args.right == Path::new("-") {
        return Err(Failure::Environment("standard input can be one side only".to_owned()));
    }
    let options = input::options(&args.policy_args, console)?;
    let of = |path, own| side_as(path, &args.reading, own, &options, console);
    let mut left = of(&args.left, ("--left-is", args.left_is.as_slice()))?;
    let mut right = of(&args.right, ("--right-is", args.right_is.as_slice()))?;
    let params = with_params(args, &options.params, &mut left, &mut right)?;
    let orders = byte_orders(args, &left, &right);
    Ok(Sides { left, right, params, orders, replay: None })
}

/// Reads both, and whether this kernel is asked, too.
pub(crate) fn read_for(
    args: &SidesArgs,
    replay: &ReplayArgs,
    console: &Console,
) -> Result<Sides, Failure> {
    let sides = read(args, console)?;
    let options = replay.replay.then(|| input::options(&args.policy_args, console)).transpose()?;
    Ok(Sides { replay: options, ..sides })
}

/// What a file turned out to be.
pub(crate) enum Input {
    Policy(Box<Policy>, SourceMap),
    Bytes(Vec<u8>),
    /// The function of an object file that decides, and the byte order of its machine.
    Object(Box<ebpf::Verified>, Endian),
}

/// What a policy that was read can be compiled from: its text, which for a foreign one is that of the
/// import, and its ABIs, as what `--arch` chose of a foreign one is in that text already.
pub(crate) fn again(policy: &Policy, sources: &SourceMap, options: &Options) -> (Source, Options) {
    let root = sources.get(FileId::default());
    let (name, text) = root.map_or(("", ""), |it| (it.name.as_str(), it.text.as_str()));
    let abis = policy.abis().iter().map(AbiPolicy::abi).collect();
    (Source::text(name, text), Options { abis: Some(abis), ..options.clone() })
}

/// Reads a policy or a program whose form shows.
pub(crate) fn side(path: &Path, options: &Options, console: &Console) -> Result<Input, Failure> {
    read_as(path, &ReadingArgs::default(), options, console)
}

/// Reads a policy or a program of any form.
pub(crate) fn read_as(
    path: &Path,
    reading: &ReadingArgs,
    options: &Options,
    console: &Console,
) -> Result<Input, Failure> {
    side_as(path, reading, ("", &[]), options, console)
}

/// Reads a policy or a program of any form; `own` are options for it alone, and what they are
/// called.
pub(crate) fn side_as(
    path: &Path,
    args: &ReadingArgs,
    own: (&str, &[String]),
    options: &Options,
    console: &Console,
) -> Result<Input, Failure> {
    let is = |extension: &str| path.extension().is_some_and(|it| it == extension);
    let mut all = args.options.iter().chain(own.1);
    let given = args.from.is_some() || all.any(|option| option.starts_with("from="));
    if is("flt") && !given {
        return policy(&input::source(path)?, options, console);
    }
    let bytes = input::bytes(path)?;
    if !given && filterc_object::is_object(&bytes) {
        let (decide, endian) = decide::read(&bytes, path)?;
        return Ok(Input::Object(Box::new(decide), endian));
    }
    let is_program = [Endian::Little, Endian::Big].into_iter().any(|endian| {
        cbpf::decode(&bytes, endian).is_ok_and(|program| cbpf::verify(&program).is_ok())
    });
    if !given && (is_program || is("bpf")) {
        return Ok(Input::Bytes(bytes));
    }
    let reading = args.reading(own, options)?;
    if reading.format == Some(Format::Bpf) {
        return Ok(Input::Bytes(bytes));
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        Failure::Environment(format!("{}: neither a policy nor a program", path.display()))
    })?;
    let stdin = path == Path::new("-");
    let name = if stdin { "<stdin>".to_owned() } else { path.display().to_string() };
    let format = reading.format.map_or_else(|| form(path, &text), Ok)?;
    if format != Format::Flt {
        let text = Text { path: path.to_path_buf(), name, text };
        return imported(format, text, &reading, options, console);
    }
    // A policy includes what is beside it.
    let source = if stdin { Source::text(name, text) } else { input::source(path)? };
    policy(&source, options, console)
}

/// The form of a text, if there is one that it can be. What is none of them is shown as a
/// policy: then it tells what is wrong with it.
fn form(path: &Path, text: &str) -> Result<Format, Failure> {
    let found = foreign::detect(path, text);
    match found.as_slice() {
        [] => Ok(Format::Flt),
        [one] => Ok(*one),
        several => {
            let names: Vec<&str> = several.iter().map(|format| format.name()).collect();
            Err(Failure::Environment(format!(
                "{}: this can be {}: say which with --from",
                path.display(),
                names.join(" or ")
            )))
        }
    }
}

/// A policy of another form as one of ours.
fn imported(
    format: Format,
    text: Text,
    reading: &Reading,
    options: &Options,
    console: &Console,
) -> Result<Input, Failure> {
    let name = text.name.clone();
    match foreign::import(format, std::slice::from_ref(&text), reading) {
        Ok(imported) => {
            for note in &imported.notes {
                console.note(&format!("{name}: {note}"));
            }
            // The text says for which ABIs it is, and defines what it needs.
            let options = Options { abis: None, defines: Vec::new(), ..options.clone() };
            let source =
                Source::text(format!("{name} ({})", format.name()), imported.document.to_text());
            policy(&source, &options, console)
        }
        Err(wrong) => {
            console.diagnostics(&wrong.sources, &wrong.list);
            Err(Failure::Environment(format!("{name}: it could not be read")))
        }
    }
}

fn policy(source: &Source, options: &Options, console: &Console) -> Result<Input, Failure> {
    let analysis = analyse(source, options);
    let errors = analysis.diagnostics.iter().any(|it| it.severity == Severity::Error);
    match analysis.policy {
        Some(policy) if !errors => {
            warned(source, analysis.diagnostics.len(), console);
            Ok(Input::Policy(Box::new(policy), analysis.sources))
        }
        Some(_) | None => {
            console.diagnostics(&analysis.sources, &analysis.diagnostics);
            Err(Failure::Environment(format!("{}: it could not be read", source.name())))
        }
    }
}

/// Says how many warnings there are: what they say is not what was asked.
fn warned(source: &Source, count: usize, console: &Console) {
    let warnings = match count {
        0 => return,
        1 => "1 warning, which".to_owned(),
        count => format!("{count} warnings, which"),
    };
    console.note(&format!("{}: {warnings} `filterc audit-policy` shows", source.name()));
}

/// Gives the policies the values of `--param`; without any, makes parameters with one name the
/// same in both: the question then is about all values. Returns those that are left open.
fn with_params(
    args: &SidesArgs,
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
        let is_program = |side: &Input| matches!(side, Input::Bytes(_) | Input::Object(..));
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
            Self::Bytes(_) | Self::Object(..) => &[],
        }
    }
}

/// The byte orders in which the question makes sense.
fn byte_orders(args: &SidesArgs, left: &Input, right: &Input) -> Vec<Endian> {
    if let Some(order) = args.endian {
        return vec![order.into()];
    }
    // A machine has one order, whatever else the policies cover.
    let of_object = |input: &Input| match input {
        Input::Object(_, endian) => Some(*endian),
        Input::Policy(..) | Input::Bytes(_) => None,
    };
    if let Some(endian) = of_object(left).or_else(|| of_object(right)) {
        return vec![endian];
    }
    let policies = [left, right].into_iter().filter_map(|input| match input {
        Input::Policy(policy, _) => Some(policy),
        Input::Bytes(_) | Input::Object(..) => None,
    });
    let mut orders: Vec<Endian> =
        policies.flat_map(|policy| policy.abis()).map(|part| part.abi().endian).collect();
    orders.sort();
    orders.dedup();
    if orders.is_empty() { vec![Endian::HOST] } else { orders }
}

/// A side on machines of one byte order.
pub(crate) enum Judged<'i> {
    Policy(&'i Policy, &'i SourceMap),
    Program(Verified),
    /// A function of eBPF.
    Ebpf(&'i ebpf::Verified),
}

impl<'i> Judged<'i> {
    pub(crate) fn new(input: &'i Input, path: &Path, endian: Endian) -> Result<Self, Failure> {
        let fault = |text: String| Failure::Environment(format!("{}: {text}", path.display()));
        let bytes = match input {
            Input::Policy(policy, sources) => return Ok(Self::Policy(policy, sources)),
            Input::Object(decide, order) if *order == endian => return Ok(Self::Ebpf(decide)),
            Input::Object(..) => {
                return Err(fault(
                    "an object file for machines of the other byte order".to_owned(),
                ));
            }
            Input::Bytes(bytes) => bytes,
        };
        let program = cbpf::decode(bytes, endian).map_err(|error| fault(error.to_string()))?;
        let verified = cbpf::verify(&program)
            .map_err(|error| fault(format!("the kernel would not take it: {error}")))?;
        Ok(Self::Program(verified))
    }

    pub(crate) fn side(&self) -> Side<'_> {
        match self {
            Self::Policy(policy, _) => Side::Policy(policy),
            Self::Program(program) => Side::Program(program),
            Self::Ebpf(decide) => Side::Ebpf(decide),
        }
    }

    /// What it returns for a call.
    pub(crate) fn value(&self, call: &SeccompData, params: &[u64], endian: Endian) -> u32 {
        match self {
            Self::Policy(policy, _) => {
                decide_with(&policy.of_order(endian), params, call).action.to_ret()
            }
            Self::Program(program) => interpret(program, call, endian),
            // Without an end, whatever calls it would be killed: no verified program is like that.
            Self::Ebpf(decide) => decide::run(decide, call, endian)
                .map_or_else(|| Action::KillProcess.to_ret(), |(value, _)| value),
        }
    }

    /// File, line and column of the rule that decides a call, if a rule does.
    pub(crate) fn place(
        &self,
        call: &SeccompData,
        endian: Endian,
    ) -> Option<(String, usize, usize)> {
        let Self::Policy(policy, sources) = self else { return None };
        let Reason::Rule(rule) = decide_with(&policy.of_order(endian), &[], call).reason else {
            return None;
        };
        let span = policy.rules().get(rule.0 as usize)?.span;
        let (line, column) = sources.line_column(span);
        Some((sources.get(span.file)?.name.clone(), line, column))
    }

    /// What the side says to a call, and by which rule or instructions.
    pub(crate) fn why(&self, call: &SeccompData, params: &[u64], endian: Endian) -> String {
        match self {
            Self::Policy(policy, sources) => {
                let decision = decide_with(&policy.of_order(endian), params, call);
                let (action, reason) =
                    (console::action(decision.action, call), console::reason(decision.reason));
                let text = format!("{action}, {reason}");
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
                let action = console::action(Action::from_ret(trace.outcome.ret), call);
                format!("{action}, by the instructions {}", describe::path(&trace.pcs))
            }
            Self::Ebpf(decide) => match decide::run(decide, call, endian) {
                Some((value, path)) => {
                    let action = console::action(Action::from_ret(value), call);
                    format!("{action}, by the instructions {} of `decide`", describe::path(&path))
                }
                None => "comes to no end".to_owned(),
            },
        }
    }
}

/// That no answer was found.
pub(crate) fn undecided(unknown: &Unknown) -> Failure {
    let why = describe::unknown(unknown).join("; ");
    Failure::Environment(format!("not found out, so no answer: {why}"))
}
