//! The header statements: for which ABIs and which kernel a policy is, and what happens
//! to calls that no rule decides.

use filterc_abi::seccomp::MAX_ERRNO;
use filterc_abi::{self as abi, Abi, KernelVersion};
use filterc_grammar::ast::{self, ActionKind, Statement, StatementKind};
use filterc_grammar::source::Span;

use crate::abi_name;
use crate::consteval::Constants;
use crate::error::Kind;
use crate::findings::{Findings, Subject};
use crate::options::Options;
use crate::scope::Scope;

/// What the header statements say.
pub(crate) struct Header<'a> {
    /// The ABIs, in the order of the text; empty only if that is an error.
    pub(crate) abis: Vec<&'static Abi>,
    /// The kernel that the policy is written against.
    pub(crate) kernel: KernelVersion,
    /// Where it is named, if it is.
    pub(crate) kernel_span: Option<Span>,
    /// What decides a call that no rule matches; `None`: `kill_process`.
    pub(crate) default: Option<&'a ast::Action>,
    /// What decides an unknown number; `None`: `errno(ENOSYS)`, `Some(None)`: the default.
    pub(crate) unknown: Option<Option<&'a ast::Action>>,
    /// What decides a foreign call; `None`: `kill_process`.
    pub(crate) foreign: Option<&'a ast::Action>,
}

/// A statement that may stand there once, and where it first stood.
struct Once<T>(Option<(Span, T)>);

impl<T> Once<T> {
    fn set(&mut self, span: Span, value: T, keyword: &str, findings: &mut Findings) {
        match &self.0 {
            Some((first, _)) => {
                let kind = Kind::Repeated { what: keyword.to_owned() };
                findings.because(span, kind, &[(*first, "the first time")]);
            }
            None => self.0 = Some((span, value)),
        }
    }

    fn get(self) -> Option<T> {
        self.0.map(|(_, value)| value)
    }
}

impl<'a> Header<'a> {
    /// Reads the header statements, wherever they stand.
    pub(crate) fn read(
        statements: &'a [Statement],
        options: &Options<'_>,
        findings: &mut Findings,
    ) -> Self {
        let (mut arch, mut kernel) = (Once(None), Once(None));
        let (mut default, mut unknown, mut foreign) = (Once(None), Once(None), Once(None));
        for Statement { span, kind } in statements {
            if let StatementKind::Arch(names) = kind {
                arch.set(*span, names, "arch", findings);
            } else if let StatementKind::Kernel(version) = kind {
                kernel.set(*span, version, "kernel", findings);
            } else if let StatementKind::Default(action) = kind {
                default.set(*span, action, "default", findings);
            } else if let StatementKind::Unknown(action) = kind {
                unknown.set(*span, action.as_ref(), "unknown", findings);
            } else if let StatementKind::Foreign(action) = kind {
                foreign.set(*span, action, "foreign", findings);
            }
        }
        let written = arch.get().map(|names| listed(names, findings));
        let abis = abis(written, options, findings);
        let kernel = kernel.get();
        if let Some(kernel) = kernel {
            before_filters(&abis, kernel, findings);
        }
        Self {
            abis,
            kernel: kernel.map_or(KernelVersion::TABLE, |v| version(v, findings)),
            kernel_span: kernel.map(|version| version.span),
            default: default.get(),
            unknown: unknown.get(),
            foreign: foreign.get(),
        }
    }
}

/// The ABIs of an `arch` statement, those without filters too: what else is wrong with the
/// policy is told for them as well.
fn listed(names: &[ast::Name], findings: &mut Findings) -> Vec<&'static Abi> {
    let mut abis: Vec<(&'static Abi, Span)> = Vec::new();
    for name in names {
        let Some(abi) = abi::abi(&name.text) else {
            let reason = abi::abis_without_tables()
                .iter()
                .find(|(other, _)| *other == name.text)
                .map(|(_, reason)| *reason);
            let kind = Kind::UnknownAbi { name: name.text.clone(), reason };
            let recorded = findings.add(name.span, kind);
            match abi_name::meant(&name.text) {
                _ if reason.is_some() => {}
                Some(abi) => findings.suggest(recorded, abi.name, [abi.name]),
                None => {
                    findings.suggest(recorded, &name.text, abi::abis().iter().map(|abi| abi.name));
                }
            }
            continue;
        };
        if abi.filters_since.is_none() {
            findings.add(name.span, Kind::NoFilters { abi: abi.name });
        }
        match abis.iter().find(|(other, _)| other.name == abi.name) {
            Some((_, first)) => {
                let kind = Kind::Repeated { what: name.text.clone() };
                findings.because(name.span, kind, &[(*first, "the first time")]);
            }
            None => abis.push((abi, name.span)),
        }
    }
    abis.into_iter().map(|(abi, _)| abi).collect()
}

/// The ABIs that count: those asked for, else those written, else the default one.
fn abis(
    written: Option<Vec<&'static Abi>>,
    options: &Options<'_>,
    findings: &mut Findings,
) -> Vec<&'static Abi> {
    if let Some(asked) = &options.abis {
        let mut abis: Vec<&'static Abi> = Vec::with_capacity(asked.len());
        for &abi in asked {
            if !abis.iter().any(|other| other.name == abi.name) {
                abis.push(abi);
            }
        }
        if !abis.is_empty() {
            return refuse_unfiltered(abis, findings);
        }
    }
    if let Some(written) = written {
        return written;
    }
    if options.default_abi.is_none() {
        findings.add(None, Kind::NoAbi);
    }
    refuse_unfiltered(options.default_abi.into_iter().collect(), findings)
}

/// Tells the ABIs without filters among those that no place in the text names.
fn refuse_unfiltered(abis: Vec<&'static Abi>, findings: &mut Findings) -> Vec<&'static Abi> {
    for abi in abis.iter().filter(|abi| abi.filters_since.is_none()) {
        findings.add(None, Kind::NoFilters { abi: abi.name });
    }
    abis
}

/// Warns if the kernel is older than filters are on some ABI.
fn before_filters(abis: &[&'static Abi], written: &ast::Version, findings: &mut Findings) {
    let kernel = KernelVersion { major: written.major, minor: written.minor };
    let since = abis.iter().filter_map(|abi| Some((abi.name, abi.filters_since?)));
    let abis: Vec<_> = since.filter(|(_, since)| *since > kernel).collect();
    // What the parser could not read is 0.0.
    if !abis.is_empty() && kernel.major > 0 {
        findings.add(written.span, Kind::BeforeFilters { kernel, abis });
    }
}

/// A version that the tables know of.
pub(crate) fn version(written: &ast::Version, findings: &mut Findings) -> KernelVersion {
    let version = KernelVersion { major: written.major, minor: written.minor };
    if version > KernelVersion::TABLE {
        findings.add(written.span, Kind::NewerKernel { version });
    }
    version
}

/// An action with its data.
pub(crate) fn action<'a>(
    action: &'a ast::Action,
    scope: &Scope<'a>,
    constants: &Constants<'a>,
    subject: Subject,
    findings: &mut Findings,
) -> Option<abi::Action> {
    let mut data = |name, constant: &'a ast::Constant, max| {
        let value = constants.read(scope, subject, constant, findings)?.number();
        let fitting = u16::try_from(value).ok().filter(|value| *value <= max);
        if fitting.is_none() {
            let kind = Kind::ActionData { action: name, value, max };
            findings.about(constant.span, kind, subject);
        }
        fitting
    };
    Some(match &action.kind {
        ActionKind::Allow => abi::Action::Allow,
        ActionKind::Log => abi::Action::Log,
        ActionKind::Notify => abi::Action::Notify,
        ActionKind::Trace(None) => abi::Action::Trace(0),
        ActionKind::Trace(Some(value)) => abi::Action::Trace(data("trace", value, u16::MAX)?),
        ActionKind::Trap(None) => abi::Action::Trap(0),
        ActionKind::Trap(Some(value)) => abi::Action::Trap(data("trap", value, u16::MAX)?),
        ActionKind::Errno(value) => {
            let errno = data("errno", value, MAX_ERRNO)?;
            if errno == 0 {
                findings.add(action.span, Kind::FakedSuccess);
            }
            abi::Action::Errno(errno)
        }
        ActionKind::KillThread => abi::Action::KillThread,
        ActionKind::KillProcess => abi::Action::KillProcess,
    })
}

/// The one action for all foreign calls, of what `foreign` comes to on each listed ABI: that
/// of the first. The errno of an ABI that is not listed cannot be known; where even those
/// listed differ, that is told.
pub(crate) fn foreign(
    header: &Header<'_>,
    on_each: &[(&'static str, abi::Action)],
    findings: &mut Findings,
) -> abi::Action {
    let Some((_, first)) = on_each.first() else { return abi::Action::KillProcess };
    let mut values: Vec<(&'static str, u16)> = Vec::new();
    for (abi, action) in on_each {
        if let abi::Action::Errno(errno) = action
            && values.iter().all(|(_, other)| other != errno)
        {
            values.push((abi, *errno));
        }
    }
    if let (2.., Some(written)) = (values.len(), header.foreign) {
        findings.add(written.span, Kind::ForeignErrno { values });
    }
    *first
}
