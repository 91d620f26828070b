//! What a compilation makes: a policy, and its programs.

use filterc_abi::Endian;
use filterc_cbpf::{Insn, Table, Verified};
use filterc_check::Proof;
use filterc_grammar::ast::Statement;
use filterc_grammar::diagnostic::Diagnostic;
use filterc_grammar::source::SourceMap;
use filterc_hir::policy::{Policy, RuleId};
use filterc_ir as ir;

use crate::objective::Shares;

/// A policy and the program that was made of it.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub(crate) name: String,
    pub(crate) sources: SourceMap,
    pub(crate) statements: Vec<Statement>,
    pub(crate) policy: Policy,
    pub(crate) warnings: Vec<Diagnostic>,
    pub(crate) defines: Vec<(String, i128)>,
    /// The program of the first byte order, and those of others: never none.
    pub(crate) program: CompiledProgram,
    pub(crate) others: Vec<CompiledProgram>,
}

/// One program, decoded again from its bytes and verified.
#[derive(Clone, Debug)]
pub struct CompiledProgram {
    pub(crate) endian: Endian,
    pub(crate) abi_names: Vec<&'static str>,
    pub(crate) dag: ir::Dag,
    pub(crate) objective: ir::Objective,
    pub(crate) shares: Shares,
    pub(crate) bytes: Vec<u8>,
    pub(crate) verified: Verified,
    /// The parameters that have no value, and where they go.
    pub(crate) table: Table,
    pub(crate) origin: Vec<Option<RuleId>>,
    pub(crate) proof: Option<Proof>,
}

impl Compiled {
    /// The name of the policy's source.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All files read.
    #[must_use]
    pub const fn sources(&self) -> &SourceMap {
        &self.sources
    }

    /// The statements of all files, includes in place.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The typed policy: what the program is held against. Where parameters were given values,
    /// it has constants in their places.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Warnings, in the order of the text.
    #[must_use]
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The constants that the compilation was given, values of parameters among them.
    #[must_use]
    pub fn defines(&self) -> &[(String, i128)] {
        &self.defines
    }

    /// The program; of the first byte order, where the policy's ABIs have two.
    #[must_use]
    pub const fn program(&self) -> &CompiledProgram {
        &self.program
    }

    /// The programs, one for each byte order among the policy's ABIs.
    pub fn programs(&self) -> impl Iterator<Item = &CompiledProgram> {
        std::iter::once(&self.program).chain(&self.others)
    }

    /// The program for machines of that byte order, or the only one.
    #[must_use]
    pub fn program_for(&self, endian: Endian) -> &CompiledProgram {
        self.programs().find(|program| program.endian() == endian).unwrap_or(&self.program)
    }
}

impl CompiledProgram {
    /// The byte order of the machines that it is for.
    #[must_use]
    pub const fn endian(&self) -> Endian {
        self.endian
    }

    /// Names of the ABIs that it decides; all others are foreign.
    #[must_use]
    pub fn abi_names(&self) -> &[&'static str] {
        &self.abi_names
    }

    /// The decision DAG that it was made of, after all passes.
    #[must_use]
    pub const fn dag(&self) -> &ir::Dag {
        &self.dag
    }

    /// What it was made to cost little of.
    #[must_use]
    pub const fn objective(&self) -> &ir::Objective {
        &self.objective
    }

    /// Where it was known from how often calls are made.
    #[must_use]
    pub const fn shares(&self) -> Shares {
        self.shares
    }

    /// Whether parameters have no value yet: what the program decides as it stands is decided
    /// by chance.
    #[must_use]
    pub fn is_unpatched(&self) -> bool {
        !self.table.params.is_empty()
    }

    /// The parameters that have no value, and where they go.
    #[must_use]
    pub const fn table(&self) -> &Table {
        &self.table
    }

    /// `struct sock_filter[]`, as the kernel takes it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The instructions.
    #[must_use]
    pub fn insns(&self) -> &[Insn] {
        self.verified.insns()
    }

    /// The program, ready to be interpreted or loaded, unless it [is
    /// unpatched](Self::is_unpatched).
    #[must_use]
    pub const fn verified(&self) -> &Verified {
        &self.verified
    }

    /// That it decides what the policy says, for every call and all values of parameters; `None`
    /// if no proof was asked for.
    #[must_use]
    pub const fn proof(&self) -> Option<Proof> {
        self.proof
    }

    /// For each instruction, the rule that it is there for; none for dispatch and defaults.
    #[must_use]
    pub fn origin(&self) -> &[Option<RuleId>] {
        &self.origin
    }
}
