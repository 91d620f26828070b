//! The words of a finding, made from its data: one line of message, what to say at
//! the place itself, and what to do about it.

use filterc_abi::KernelVersion;

use crate::error::{Blindness, Definition, Kind, Limit};
use crate::types::{self, Type};
use crate::unasked;
use crate::wording::{few, list, number};

impl Definition {
    /// The keyword.
    pub(crate) const fn keyword(self) -> &'static str {
        match self {
            Self::Const => "const",
            Self::Group => "group",
            Self::Let => "let",
            Self::Param => "param",
            Self::Label => "label",
        }
    }

    /// The name as the policy spells it.
    pub(crate) fn spell(self, name: &str) -> String {
        match self {
            Self::Const | Self::Let | Self::Param | Self::Label => name.to_owned(),
            Self::Group => format!("@{name}"),
        }
    }
}

/// One line, without a full stop.
pub(crate) fn message(kind: &Kind) -> String {
    match kind {
        Kind::UnknownCall { name, .. } => format!("unknown system call `{name}`"),
        Kind::UnknownGroup { name, .. } => format!("unknown group `@{name}`"),
        Kind::NoSuchField { name, .. } => format!("no field `{name}`"),
        Kind::UnknownConstant { name, .. } => format!("unknown constant `{name}`"),
        Kind::UnknownAbi { name, reason: None, .. } => format!("unknown ABI `{name}`"),
        Kind::UnknownAbi { name, reason: Some(_), .. } => format!("no tables for ABI `{name}`"),
        Kind::UnknownLet { name, .. } => format!("unknown predicate `{name}`"),
        Kind::DefinedTwice { definition, name } => {
            format!("{} `{}` is defined twice", definition.keyword(), definition.spell(name))
        }
        Kind::Repeated { what } => format!("`{what}` stands here twice"),
        Kind::Cycle { definition, .. } => {
            format!("this {} needs itself", definition.keyword())
        }
        Kind::DoesNotFit { value, ty, .. } => format!("{} does not fit {ty}", number(*value)),
        Kind::NeverTrue { .. } => "this test is never true".to_owned(),
        Kind::NeverFalse { .. } => "this test is always true".to_owned(),
        Kind::PointerOperation { field } => format!("`{field}` is an address"),
        Kind::Incomparable { left, right } => {
            format!("`{}` and `{}` cannot be compared", left.0, right.0)
        }
        Kind::MaskedComparison { .. } => "a masked field is compared with a field".to_owned(),
        Kind::EmptyRange { .. } => "empty range".to_owned(),
        Kind::Overflow => "constant beyond 64 bits".to_owned(),
        Kind::BadShift { amount } => format!("shift by {amount}"),
        Kind::ActionData { action, value, .. } => {
            format!("{} is out of range for `{action}`", number(*value))
        }
        Kind::BadNumber { value, .. } => format!("{} is no system-call number", number(*value)),
        Kind::NoCallLeft => "this rule covers no call on any ABI".to_owned(),
        Kind::NumberOfRange => "`nr` in a predicate on a range of numbers".to_owned(),
        Kind::RangeOfCalls { .. } => "a range of numbers that has known calls".to_owned(),
        Kind::ForeignPart { .. } => "a range of numbers that is partly foreign".to_owned(),
        Kind::NotOfAny { field } => format!("`{field}` is not a field of every call"),
        Kind::Multiplexed { multiplexer, .. } | Kind::MultiplexedNumber { multiplexer } => {
            format!("a predicate that a caller can go round by `{multiplexer}`")
        }
        Kind::OutOfSight { what, .. } => format!("a seccomp filter cannot see `{what}`"),
        Kind::NotForTarget { keyword, .. } => format!("`{keyword}` is not for seccomp filters"),
        Kind::NewerKernel { version } => format!("kernel {version} is newer than the tables"),
        Kind::NotOnAbi { name } => format!("constant `{name}` is not on every ABI in question"),
        Kind::BadIndex { .. } => "no such argument register".to_owned(),
        Kind::TooLarge(Limit::Findings) => "too many findings".to_owned(),
        Kind::TooLarge(_) => "policy too large".to_owned(),
        Kind::NoAbi => "the policy does not say for which ABI it is".to_owned(),
        Kind::NotText { field, .. } => format!("`{field}` is not a string"),
        Kind::Unasked(unasked) => unasked::message(unasked),
        Kind::TextOperation => "`comm` is a text".to_owned(),
        Kind::LabelOperation => "`label` is a set of labels".to_owned(),
        Kind::NoObject { call } => format!("`{call}` names no object"),
        Kind::UnknownLabel { name } => format!("no label is called `{name}`"),
        Kind::LabelPattern { .. } => "this is no pattern of paths".to_owned(),
        Kind::TooManyLabels => "too many labels".to_owned(),
        Kind::NoFilters { abi } => format!("`{abi}` has no seccomp filters"),
        Kind::BeforeFilters { kernel, .. } => {
            format!("kernel {kernel} is older than seccomp filters")
        }
        Kind::ForeignErrno { .. } => "one errno, different numbers".to_owned(),
        Kind::InMemory { field, call, .. } => {
            format!("`{field}` of `{call}` is in memory, where a filter cannot see it")
        }
        Kind::UnknownType { name } => format!("unknown type `{name}`"),
        Kind::ParamMismatch { param, field, .. } => {
            format!("parameter `{}` cannot be compared with `{}`", param.0, field.0)
        }
        Kind::MaskedParam { .. } => "a masked field is ordered with a parameter".to_owned(),
        Kind::ParamMisplaced { param, .. } => format!("`{param}` is a parameter"),
        Kind::ParamHidesConstant { name } => {
            format!("param `{name}` has the name of a kernel constant")
        }
        Kind::TooManyParams => "too many parameters".to_owned(),
        Kind::Unused { definition, name } => {
            format!("{} `{}` is never used", definition.keyword(), definition.spell(name))
        }
        Kind::HidesConstant { name, .. } => {
            format!("const `{name}` hides the kernel's with another value")
        }
        Kind::GroupVersion { name, missing: true } => {
            format!("`@{name}` needs a kernel version")
        }
        Kind::GroupVersion { name, missing: false } => {
            format!("`@{name}` takes no kernel version")
        }
        Kind::HidesGroup { name } => format!("group `@{name}` hides the one that filterc has"),
        Kind::FakedSuccess => "`errno(0)` fakes success".to_owned(),
        Kind::AddressConstant { field } => format!("`{field}` is only an address"),
        Kind::WrongSet { name, field, .. } => format!("`{name}` is not a value for `{field}`"),
        Kind::DifferentCalls { .. } => "one number, different calls".to_owned(),
        Kind::SettledTest { holds, .. } => {
            format!(
                "this test is {} true for the rule's calls",
                if *holds { "always" } else { "never" }
            )
        }
        Kind::Advice(advice) => advice.message(),
        Kind::Event(fault) => fault.message(),
    }
}

/// What to say at the place; `about` are the calls and ABIs concerned, perhaps empty.
pub(crate) fn label(kind: &Kind, about: &str) -> String {
    match kind {
        Kind::UnknownCall { elsewhere, .. } if !elsewhere.is_empty() => {
            format!("none of the policy's ABIs has it, though {} would", few(elsewhere))
        }
        Kind::UnknownCall { .. } => "no listed ABI has it".to_owned(),
        Kind::UnknownGroup { .. } | Kind::UnknownLet { .. } => "not defined".to_owned(),
        Kind::NoSuchField { .. } => format!("no argument has this name{about}"),
        Kind::UnknownConstant { .. } => {
            "neither the policy nor the kernel has a constant of this name".to_owned()
        }
        Kind::UnknownAbi { reason, .. } => reason.unwrap_or("the kernel has none").to_owned(),
        Kind::DefinedTwice { .. } | Kind::Repeated { .. } => "the second time".to_owned(),
        Kind::Cycle { definition, names } => cycle(*definition, names),
        Kind::DoesNotFit { ty, ordered, .. } => format!("{}{about}", extent(*ty, *ordered)),
        Kind::NeverTrue { reason } | Kind::NeverFalse { reason } => format!("{reason}{about}"),
        Kind::PointerOperation { .. } => {
            format!("an address can be compared by `==` and `!=` only{about}")
        }
        Kind::Incomparable { left, right } => {
            format!("`{}` is {}, `{}` is {}{about}", left.0, left.1, right.0, right.1)
        }
        Kind::MaskedComparison { right } => format!("`{right}` is a field, not a constant{about}"),
        Kind::EmptyRange { first, last } => format!("{first} comes after {last}"),
        Kind::Overflow => "the result needs more than 64 bits".to_owned(),
        Kind::BadShift { .. } => "must be 0…63".to_owned(),
        Kind::ActionData { max, .. } => format!("must be 0…{max}"),
        Kind::BadNumber { value, foreign } => bad_number(*value, *foreign, about),
        Kind::NoCallLeft => "every call is skipped".to_owned(),
        Kind::NumberOfRange => "the range says which numbers are meant".to_owned(),
        Kind::RangeOfCalls { calls } => covered(calls),
        Kind::ForeignPart { other: Some(other) } => {
            format!("some of these numbers are of `{other}`, which the policy does not list")
        }
        Kind::ForeignPart { other: None } => "not all of these numbers are the ABI's".to_owned(),
        Kind::NotOfAny { .. } => "its calls differ in their arguments".to_owned(),
        Kind::Multiplexed { multiplexer, .. } | Kind::MultiplexedNumber { multiplexer } => {
            format!("`{multiplexer}` does the same, its arguments out of sight{about}")
        }
        Kind::OutOfSight { blindness: Blindness::SeventhRegister, .. } => {
            format!("{}{about}", blind(Blindness::SeventhRegister))
        }
        Kind::OutOfSight { blindness, .. } => blind(*blindness).to_owned(),
        Kind::NotForTarget { reason, .. } => (*reason).to_owned(),
        Kind::NewerKernel { .. } => format!("the tables end with {}", KernelVersion::TABLE),
        Kind::NotOnAbi { .. } => format!("it has no value{about}"),
        Kind::BadIndex { what } => format!("{what}; the registers are args[0]…args[5]"),
        Kind::TooLarge(limit) => too_large(*limit),
        Kind::NoAbi => String::new(),
        Kind::NotText { ty, .. } => format!("it is {ty}{about}"),
        Kind::Unasked(unasked) => unasked::label(unasked, about),
        Kind::TextOperation => "only a text or a pattern can be asked for".to_owned(),
        Kind::LabelOperation => "only sets of labels can be asked for".to_owned(),
        Kind::NoObject { .. } => {
            "no hook of the kernel's security modules shows one, so it would have no label"
                .to_owned()
        }
        Kind::UnknownLabel { .. } => "not defined".to_owned(),
        Kind::LabelPattern { why } => (*why).to_owned(),
        Kind::TooManyLabels => format!("a policy has at most {}", crate::facts::MAX_LABELS),
        Kind::NoFilters { .. } => {
            "the kernel takes no filter there: nothing would hold a process to the policy"
                .to_owned()
        }
        Kind::BeforeFilters { abis, .. } => {
            let since = |(abi, since): &(&str, _)| format!("{since} on `{abi}`");
            format!("they came with {}", abis.iter().map(since).collect::<Vec<_>>().join(", "))
        }
        Kind::ForeignErrno { values } => {
            let value = |(abi, errno): &(&str, u16)| format!("{errno} on `{abi}`");
            format!(
                "{}: a foreign call gets the first",
                values.iter().map(value).collect::<Vec<_>>().join(", ")
            )
        }
        Kind::InMemory { pointer, .. } => {
            format!("it is behind the pointer `{pointer}`{about}")
        }
        Kind::UnknownType { .. } => "parameters have no such type".to_owned(),
        Kind::ParamMismatch { param, field, .. } => {
            format!("`{}` is {}, `{}` is {}{about}", param.0, param.1, field.0, field.1)
        }
        Kind::MaskedParam { param } => format!("`{param}` has no value yet{about}"),
        Kind::ParamMisplaced { dispatch: true, .. } => {
            "which calls and ABIs a rule is about must be known here".to_owned()
        }
        Kind::ParamMisplaced { dispatch: false, .. } => {
            "its value is known only when the filter is loaded".to_owned()
        }
        Kind::ParamHidesConstant { .. } => "whoever reads it takes it for that one".to_owned(),
        Kind::TooManyParams => format!("a policy has at most {}", crate::limits::MAX_PARAMS),
        Kind::Unused { .. } => "never used".to_owned(),
        Kind::HidesConstant { value, kernel, .. } => {
            format!("{} here, {} in the kernel{about}", number(*value), number(*kernel))
        }
        Kind::GroupVersion { missing: true, .. } => "for calls since which kernel?".to_owned(),
        Kind::GroupVersion { .. } => "its calls are the same for each".to_owned(),
        Kind::HidesGroup { .. } => "these are other calls than the builtin group's".to_owned(),
        Kind::FakedSuccess => "the call is skipped, and the caller told it succeeded".to_owned(),
        Kind::AddressConstant { .. } => {
            "what it points at is out of sight, and another address may hold the same".to_owned()
        }
        Kind::WrongSet { when: None, .. } => format!("it belongs to another argument{about}"),
        Kind::WrongSet { when: Some(when), .. } => format!("not while {when}{about}"),
        Kind::DifferentCalls { calls } => different(calls),
        Kind::SettledTest { of_any: true, .. } => {
            "`any` stands for the calls of the policy's kernel, which has no such number".to_owned()
        }
        Kind::SettledTest { of_any: false, .. } => {
            "the calls and ABIs that it is about settle it".to_owned()
        }
        Kind::Advice(advice) => advice.label(about),
        Kind::Event(fault) => fault.label(),
    }
}

/// What to do, one line each.
pub(crate) fn help(kind: &Kind) -> Vec<String> {
    let one = |text: &str| vec![text.to_owned()];
    match kind {
        Kind::UnknownCall { elsewhere, .. } if elsewhere.is_empty() => {
            one("a call newer than the tables can be named `syscall(NUMBER)`")
        }
        Kind::UnknownAbi { .. } => {
            let filtered = filterc_abi::abis().iter().filter(|abi| abi.filters_since.is_some());
            let names: Vec<&str> = filtered.map(|abi| abi.name).collect();
            vec![format!("the ABIs are {}", names.join(", "))]
        }
        Kind::DoesNotFit { .. } => one("a field has the width and sign that the kernel uses"),
        Kind::NeverTrue { .. } => {
            one("a test that decides nothing is a mistake: correct or remove it")
        }
        Kind::NeverFalse { .. } => one("leave the test out, or correct its constant"),
        Kind::PointerOperation { .. } => one("use `args[N]` to compare the register's raw bits"),
        Kind::MaskedComparison { .. } => one("only whole fields can be compared with each other"),
        Kind::ActionData { action: "errno", .. } => {
            one("the kernel cuts a larger errno to 4095: no caller could tell it from another")
        }
        Kind::NumberOfRange => one("name the numbers in the list: `syscall(10..19), syscall(30)`"),
        Kind::RangeOfCalls { .. } => {
            one("a call by its name has the right number on each ABI, and its arguments have types")
        }
        Kind::ForeignPart { .. } => one("the `foreign` statement decides those"),
        Kind::BadNumber { foreign: true, .. } => one("the `foreign` statement decides such calls"),
        Kind::NotOfAny { .. } => {
            one("fields of every call: nr, arch, instruction_pointer, args[0]…args[5]")
        }
        Kind::Multiplexed { multiplexer, direct } => {
            let without = format!(
                "or leave the predicate out: that covers the call's part of `{multiplexer}` too"
            );
            decide(multiplexer, *direct).into_iter().chain([without]).collect()
        }
        // Here leaving the predicate out covers the number alone.
        Kind::MultiplexedNumber { multiplexer } => decide(multiplexer, true),
        Kind::DifferentCalls { .. } => {
            one("name the call, or say which ABI is meant: `if arch == AUDIT_ARCH_…`")
        }
        Kind::SettledTest { of_any: true, .. } => {
            one("such numbers are for `unknown`, or for a rule that names `syscall(NUMBER)`")
        }
        Kind::SettledTest { of_any: false, .. } => one("leave the test out, or correct it"),
        Kind::OutOfSight { blindness, .. } => one(who_can_see(*blindness)),
        Kind::Unasked(unasked) => unasked::help(unasked),
        Kind::TextOperation => one("write `comm == \"name\"`, `!=`, or `comm ~ \"pattern*\"`"),
        Kind::LabelOperation => {
            one("write `label & NAME`, `label & (NAME | NAME)`, `label == NAME`, `label == 0`, or \
             `(label & (NAME | NAME)) == NAME`")
        }
        Kind::NoObject { .. } => {
            let mut calls: Vec<&str> = filterc_abi::objects::OBJECT_HOOKS
                .iter()
                .flat_map(|hook| hook.calls.iter().copied())
                .collect();
            calls.sort_unstable();
            calls.dedup();
            vec![format!("calls that do: {}", list(&calls))]
        }
        Kind::UnknownLabel { .. } => one("define it: `label NAME = \"/folder/**\", \"/file\"`"),
        Kind::LabelPattern { .. } => {
            one("a pattern is a whole path, such as \"/etc/passwd\", \"/dev/tty*\" or \"/tmp/**\"")
        }
        Kind::NewerKernel { .. } => one("a newer call can be named `syscall(NUMBER)`"),
        Kind::NotOnAbi { .. } => one(
            "ask only where it exists, behind a test of `arch`, or define it with `const` or `-D`",
        ),
        Kind::TooLarge(_) => {
            one("the limits are far beyond what fits a filter of 4096 instructions")
        }
        Kind::NoAbi => {
            one("add `arch NAME` or pass `--arch NAME`: this machine's ABI has no tables")
        }
        Kind::BeforeFilters { .. } => {
            one("such a kernel refuses the filter: raise `kernel`, or leave those ABIs out")
        }
        Kind::ForeignErrno { .. } => {
            one("write the number that is meant, or a policy for each of these ABIs")
        }
        Kind::Advice(advice) => advice.help(),
        Kind::Event(fault) => fault.help(),
        // What can be done is found with the call at hand.
        Kind::InMemory { .. } => Vec::new(),
        Kind::HidesConstant { .. } => one("choose another name"),
        Kind::NoCallLeft => {
            one("on no listed ABI has the policy's kernel one of them as a call of its own")
        }
        Kind::UnknownGroup { .. } => {
            one("`filterc list --groups` shows the groups that need no definition")
        }
        Kind::GroupVersion { name, missing: true } => vec![format!("write `@{name}(6.6)`")],
        Kind::GroupVersion { name, .. } => vec![format!("write `@{name}`")],
        Kind::HidesGroup { name } => {
            vec![format!("choose another name, or leave the definition out to use `@{name}`")]
        }
        Kind::FakedSuccess => one("if that is meant, say so in a comment; else name an errno"),
        Kind::WrongSet { set, .. } => vec![members(set)],
        Kind::ParamMismatch { ordered: true, .. } => {
            one("an order needs one width and one sign: choose the field's type for the parameter")
        }
        Kind::ParamMismatch { .. } => {
            one("equality needs one width: choose the field's type for the parameter")
        }
        Kind::MaskedParam { .. } => {
            one("under a mask, a parameter can be compared by `==` and `!=`")
        }
        Kind::ParamMisplaced { dispatch: false, .. } => one(
            "it can stand right of a comparison, or as an item of a set; elsewhere use a `const`",
        ),
        Kind::ParamMisplaced { dispatch: true, .. } => one("use a `const`, and `-D` to set it"),
        Kind::ParamHidesConstant { .. } => one("choose another name"),
        Kind::UnknownType { .. } => one("`fd`, `uid`, `size_t` and `u32` are some of them"),
        Kind::UnknownCall { .. }
        | Kind::NoSuchField { .. }
        | Kind::UnknownConstant { .. }
        | Kind::UnknownLet { .. }
        | Kind::DefinedTwice { .. }
        | Kind::Repeated { .. }
        | Kind::Cycle { .. }
        | Kind::Incomparable { .. }
        | Kind::EmptyRange { .. }
        | Kind::Overflow
        | Kind::BadShift { .. }
        | Kind::ActionData { .. }
        | Kind::BadNumber { .. }
        | Kind::NotForTarget { .. }
        | Kind::BadIndex { .. }
        | Kind::NotText { .. }
        | Kind::TooManyLabels
        | Kind::NoFilters { .. }
        | Kind::TooManyParams
        | Kind::Unused { .. }
        | Kind::AddressConstant { .. } => Vec::new(),
    }
}

fn members(set: &str) -> String {
    let members: Vec<&str> =
        filterc_abi::set(set).into_iter().flat_map(|set| set.members()).collect();
    format!("its values are {}", list(&members))
}

/// What can become of a multiplexer; `direct` if there is another way to its calls.
fn decide(multiplexer: &str, direct: bool) -> Vec<String> {
    let then = if direct { "libraries then call directly" } else { "there is no other way, then" };
    vec![
        format!("refuse the multiplexer: `errno(ENOSYS) {multiplexer}`; {then}"),
        format!("or allow it whatever the arguments: `allow {multiplexer}`"),
        format!("or leave it to a supervisor: `notify {multiplexer}`"),
    ]
}

/// One number's call on each ABI.
fn different(calls: &[(&'static str, Option<&'static str>)]) -> String {
    let on = |&(abi, call): &(&str, Option<&str>)| match call {
        Some(call) => format!("`{call}` on `{abi}`"),
        None => format!("none known on `{abi}`"),
    };
    calls.iter().map(on).collect::<Vec<_>>().join(", ")
}

/// The calls that a range covers on each ABI.
fn covered(calls: &[(&'static str, Vec<&'static str>)]) -> String {
    const SHOWN: usize = 4;
    let on = |(abi, calls): &(&str, Vec<&str>)| {
        let names: Vec<String> = calls.iter().take(SHOWN).map(|call| format!("`{call}`")).collect();
        let more = match calls.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{}{more} on `{abi}`", names.join(", "))
    };
    calls.iter().map(on).collect::<Vec<_>>().join("; ")
}

/// The line that offers names near a mistyped one.
pub(crate) fn did_you_mean(kind: &Kind, similar: &[String]) -> Option<String> {
    let sigil = if matches!(kind, Kind::UnknownGroup { .. }) { "@" } else { "" };
    let names: Vec<String> = similar.iter().map(|name| format!("`{sigil}{name}`")).collect();
    let (last, rest) = names.split_last()?;
    let or = if rest.is_empty() { "" } else { " or " };
    Some(format!("did you mean {}{or}{last}?", rest.join(", ")))
}

fn cycle(definition: Definition, names: &[String]) -> String {
    let mut path: Vec<String> = names.iter().map(|name| definition.spell(name)).collect();
    path.extend(path.first().cloned());
    const SHOWN: usize = 12;
    if path.len() > SHOWN {
        path.truncate(SHOWN);
        path.push("…".to_owned());
    }
    path.join(" → ")
}

fn extent(ty: Type, ordered: bool) -> String {
    let values = format!("a value is {}…{}", ty.min(), ty.max());
    if ty.kind() == types::Kind::Pointer {
        format!("an address here has {} bits", ty.width())
    } else if ordered {
        values
    } else {
        format!("{values}, a bit pattern 0…{:#x}", ty.mask())
    }
}

fn bad_number(value: i128, foreign: bool, about: &str) -> String {
    if foreign {
        format!("this number is a foreign ABI's{about}")
    } else if value == -1 || value == i128::from(u32::MAX) {
        "a tracer writes −1 to skip a call: it always counts as unknown".to_owned()
    } else {
        "must be 0…0xfffffffe".to_owned()
    }
}

const fn blind(blindness: Blindness) -> &'static str {
    match blindness {
        Blindness::Memory => "it is behind a pointer, and a seccomp filter cannot follow one",
        Blindness::Task => "a seccomp filter is not told who calls",
        Blindness::Exit => "a seccomp filter runs before the call, which has no result yet",
        Blindness::Object => "a seccomp filter is not told which object a call names",
        Blindness::EventFilter => "this is a form of the kernel's event filters",
        Blindness::SeventhRegister => "a seccomp filter sees six argument registers",
    }
}

const fn who_can_see(blindness: Blindness) -> &'static str {
    match blindness {
        Blindness::Memory => "targets that can: the monitor, where it performs the call itself",
        Blindness::Task => {
            "targets that can: the monitor, and for pid, tid, uid, gid, comm, cgroup and cpu \
             `tp_btf`, `raw_tracepoint` and `lsm`"
        }
        Blindness::Exit => "targets that can: exit events, the monitor and eBPF programs",
        Blindness::Object => "targets that can: the monitor, and for `label` the target `lsm`",
        Blindness::EventFilter => "targets that can: event filters (`event SUBSYSTEM:NAME if …`)",
        Blindness::SeventhRegister => "targets that can: the monitor",
    }
}

fn too_large(limit: Limit) -> String {
    let (what, most) = match limit {
        Limit::Arms => ("pairs of a rule and a call", crate::limits::MAX_ARMS),
        Limit::Nodes => {
            ("tests and constants with every `let` written out", crate::limits::MAX_NODES)
        }
        Limit::Calls => ("calls with every group written out", crate::limits::MAX_CALLS),
        Limit::Nesting => ("levels with every `let` written out", crate::limits::MAX_NESTING),
        Limit::Findings => ("findings; the others are not shown", crate::limits::MAX_FINDINGS),
    };
    format!("more than {most} {what}")
}
