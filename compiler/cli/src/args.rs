//! The command line: what can be written, and nothing of what is done about it.

use clap::{Parser, Subcommand};

use crate::commands::{
    asm, attach, audit, audit_policy, check, compile, completions, diff, disasm, doc, equiv, eval,
    event, explain, explain_call, explain_denial, fmt, import, learn, lift, list, load, man, merge,
    report, run, subset, test, verify,
};
use crate::options::{ColorChoice, MessageFormat};

/// Compile system-call filter policies to seccomp bytecode.
#[derive(Debug, Parser)]
#[command(
    name = "filterc",
    version,
    about,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    arg_required_else_help = true,
    after_help = EXIT_STATUS
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) compile: compile::CompileArgs,

    /// When to colour diagnostics; NO_COLOR in the environment turns `auto` off
    #[arg(long, value_enum, default_value_t = ColorChoice::Auto, global = true, value_name = "WHEN")]
    pub(crate) color: ColorChoice,

    /// How diagnostics are written: for people, or one JSON object a line
    #[arg(long, value_enum, default_value_t = MessageFormat::Human, global = true, value_name = "FORMAT")]
    pub(crate) message_format: MessageFormat,
}

const EXIT_STATUS: &str = "\
Exit status: 0 done; 1 the policy is at fault, or the answer is no; \
2 bad usage, or input or output failed.";

/// Everything but the compiler itself.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a policy and write nothing
    Check(check::CheckArgs),
    /// Format policies
    Fmt(fmt::FmtArgs),
    /// Show a program as assembly text
    Disasm(disasm::DisasmArgs),
    /// Assemble a program
    Asm(asm::AsmArgs),
    /// Say whether the kernel would take a program
    Verify(verify::VerifyArgs),
    /// Say whether two policies or programs decide the same for every call
    Equiv(equiv::EquivArgs),
    /// Say whether the second policy or program is nowhere weaker than the first
    Subset(subset::SubsetArgs),
    /// Show where two policies or programs differ
    Diff(diff::DiffArgs),
    /// Make one policy of two: all that one of them allows, or that both do
    Merge(merge::MergeArgs),
    /// Make a policy of what a program was seen to do, or add to one
    Learn(learn::LearnArgs),
    /// Make a policy of programs
    Lift(lift::LiftArgs),
    /// Write a page for browsers about a policy
    Report(report::ReportArgs),
    /// Show stored audit records, those that a predicate wants
    Audit(audit::AuditArgs),
    /// Report what a reviewer would flag in a policy or program
    AuditPolicy(audit_policy::AuditPolicyArgs),
    /// Say what a policy decides about one call, by which rule
    Eval(eval::EvalArgs),
    /// Explain what becomes of a call: why, and what would allow it
    ExplainCall(explain_call::ExplainCallArgs),
    /// Explain the denied calls of a log or a trace
    ExplainDenial(explain_denial::ExplainDenialArgs),
    /// Run the tests of a policy, and recorded calls
    Test(test::TestArgs),
    /// Check, explain or set a filter of the kernel's tracer for an event of a system call
    Event(event::EventArgs),
    /// Make a policy of a foreign one
    Import(import::ImportArgs),
    /// Run a command under a policy
    Run(run::RunArgs),
    /// Have the kernel verify eBPF programs, and let them go again
    Load(load::LoadArgs),
    /// Tell what a policy says of the calls of running tasks, and prevent none
    Attach(attach::AttachArgs),
    /// Show what is known of a system call, constant, group or ABI
    Doc(doc::DocArgs),
    /// List system calls, or the groups of them
    List(list::ListArgs),
    /// Explain the code of a diagnostic
    Explain(explain::ExplainArgs),
    /// Print a shell's completion script
    Completions(completions::CompletionsArgs),
    /// Print the manual page
    Man(man::ManArgs),
}
