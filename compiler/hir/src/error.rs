//! Everything that can be wrong with the names and types of a policy, as data.
//!
//! The texts are in `message`, the places in `findings`. A code is never reused;
//! its page is `compiler/driver/codes/CODE.md`.

use filterc_abi::KernelVersion;
use filterc_grammar::diagnostic::Severity;

use crate::advice::Advice;
use crate::event_fault::Fault;
use crate::types::Type;

/// The codes of this stage, sorted.
pub const CODES: &[&str] = &[
    "F0201", "F0202", "F0203", "F0204", "F0205", "F0206", "F0207", "F0208", "F0209", "F0210",
    "F0211", "F0212", "F0213", "F0214", "F0215", "F0216", "F0217", "F0218", "F0219", "F0220",
    "F0221", "F0222", "F0223", "F0224", "F0225", "F0226", "F0227", "F0228", "F0229", "F0230",
    "F0240", "F0245", "F0250", "F0251", "F0252", "F0253", "F0254", "F0255", "F0270", "F0271",
    "F0272", "F0273", "F0274", "F0275", "F0276", "F0277", "F0278", "F0279", "F0282", "F0283",
    "F0284", "F0285", "F0286", "F0287", "F0302", "F0303", "F0304", "F0305", "F0306", "F0307",
    "F0308", "F0309", "F0310", "F0311", "F0312", "F0313", "F0314", "F0315", "F0316", "F0317",
    "F0325", "F0326", "F0330", "F0331", "F0340", "F0360", "F0361", "F0362", "F0363", "F0364",
    "F0365", "F0900", "F0901", "F0902", "F0903", "F0904", "F0905", "F0906", "F0907", "F0908",
    "F0915", "F0916", "F0917",
];

/// What a statement defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Definition {
    /// `const`
    Const,
    /// `group`
    Group,
    /// `let`
    Let,
    /// `param`
    Param,
    /// `label`
    Label,
}

/// Why a field cannot be used in a seccomp filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blindness {
    /// It lies in memory behind a pointer, which a filter cannot follow.
    Memory,
    /// It is a property of the calling task, which a filter is not told.
    Task,
    /// It is known only when the call returns.
    Exit,
    /// It is a property of the object that the call names.
    Object,
    /// It is a form of the kernel's event filters.
    EventFilter,
    /// It is beyond the six argument registers that a filter sees.
    SeventhRegister,
}

/// Why a monitor cannot be asked so, or its answer would be worth nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unasked {
    /// F0900: the argument is an address, but not of a path that the kernel looks up.
    Path {
        /// The argument.
        field: String,
        /// The call.
        call: &'static str,
        /// Its paths.
        paths: Vec<&'static str>,
    },
    /// F0901: no text of this sort is like that.
    Pattern {
        /// Why.
        why: &'static str,
    },
    /// F0902: memory is read, and the call may go on then.
    Raced,
    /// F0903: more questions than a policy may have.
    TooMany,
    /// F0904: a text compared with what is none, or in order.
    Text {
        /// The field.
        field: String,
    },
    /// F0904: a number of a monitor compared with what is no constant, or masked.
    Number {
        /// The field.
        field: String,
    },
    /// F0904: a range of numbers, asked of many tasks.
    RangeOfMany {
        /// The field.
        field: String,
    },
    /// F0905: the call is given no socket address.
    Address {
        /// The call.
        call: &'static str,
    },
    /// F0905: the call is given no words of a command.
    Words {
        /// The call.
        call: &'static str,
    },
    /// F0905: the call has no descriptor of that name.
    Descriptor {
        /// The name.
        name: String,
        /// The call.
        call: &'static str,
    },
    /// F0906: no address or network.
    Network {
        /// Why.
        why: &'static str,
    },
    /// F0908: `racy` with a number.
    RacyNumber,
    /// F0915: a reaction that comes too late.
    TooLate,
    /// F0916: no signal of that name.
    Signal {
        /// The name.
        name: String,
    },
    /// F0917: a sequence with too many steps.
    Steps,
    /// F0907: labels, where the monitor does not see the object that is acted on.
    Label {
        /// Why.
        why: &'static str,
    },
}

impl Unasked {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Path { .. } => "F0900",
            Self::Pattern { .. } => "F0901",
            Self::Raced => "F0902",
            Self::TooMany => "F0903",
            Self::Text { .. } | Self::Number { .. } | Self::RangeOfMany { .. } => "F0904",
            Self::Address { .. } | Self::Words { .. } | Self::Descriptor { .. } => "F0905",
            Self::Network { .. } => "F0906",
            Self::Label { .. } => "F0907",
            Self::RacyNumber => "F0908",
            Self::TooLate => "F0915",
            Self::Signal { .. } => "F0916",
            Self::Steps => "F0917",
        }
    }
}

/// Limits that keep a small text from becoming an endless policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Pairs of a rule and a call.
    Arms,
    /// Tests and connectives, every `let` written out.
    Nodes,
    /// Calls, every group written out.
    Calls,
    /// Levels, every `let` written out.
    Nesting,
    /// Findings; the rest is not shown.
    Findings,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// F0201: no listed ABI has a call of that name.
    UnknownCall {
        /// The name.
        name: String,
        /// ABIs that the policy does not list and that have the call.
        elsewhere: Vec<&'static str>,
    },
    /// F0202: `@name` is not defined.
    UnknownGroup {
        /// The name, without `@`.
        name: String,
    },
    /// F0203: the call has no argument of that name, and nothing else has it.
    NoSuchField {
        /// The name.
        name: String,
    },
    /// F0204: neither the policy nor the kernel has such a constant.
    UnknownConstant {
        /// The name.
        name: String,
    },
    /// F0205: no such ABI, or one without tables.
    UnknownAbi {
        /// The name.
        name: String,
        /// Why it has no tables, if it is an ABI of the kernel.
        reason: Option<&'static str>,
    },
    /// F0206: no `let` has that name.
    UnknownLet {
        /// The name.
        name: String,
    },
    /// F0207: two definitions of one name.
    DefinedTwice {
        /// Of which sort.
        definition: Definition,
        /// The name.
        name: String,
    },
    /// F0208: a header statement, or an ABI in `arch`, stands there twice.
    Repeated {
        /// The keyword, or the ABI.
        what: String,
    },
    /// F0209: definitions that need each other.
    Cycle {
        /// Of which sort.
        definition: Definition,
        /// The names, each needing the next, the last the first.
        names: Vec<String>,
    },
    /// F0210: the constant is no value of the field.
    DoesNotFit {
        /// The constant.
        value: i128,
        /// The field's type.
        ty: Type,
        /// Whether an order was asked for, so that a bit pattern does not do.
        ordered: bool,
    },
    /// F0211: no call can make the test true.
    NeverTrue {
        /// Why.
        reason: String,
    },
    /// F0212: no call can make the test false.
    NeverFalse {
        /// Why.
        reason: String,
    },
    /// F0213: an address is ordered or masked.
    PointerOperation {
        /// The field.
        field: String,
    },
    /// F0214: two fields of different width or sign.
    Incomparable {
        /// The left field and its type.
        left: (String, Type),
        /// The right one.
        right: (String, Type),
    },
    /// F0214: a masked field compared with a field.
    MaskedComparison {
        /// The field on the right.
        right: String,
    },
    /// F0215: a range whose first value comes after its last.
    EmptyRange {
        /// The first value.
        first: i128,
        /// The last.
        last: i128,
    },
    /// F0216: a constant expression left the range of 64-bit values.
    Overflow,
    /// F0216: a shift by less than 0 or more than 63.
    BadShift {
        /// By how much.
        amount: i128,
    },
    /// F0217: an action's data is out of range.
    ActionData {
        /// `errno`, `trap` or `trace`.
        action: &'static str,
        /// The data.
        value: i128,
        /// The largest that the kernel passes on.
        max: u16,
    },
    /// F0218: `syscall(N)` with a number that no call of the ABI can have.
    BadNumber {
        /// The number.
        value: i128,
        /// Whether it is one of another ABI behind the same token.
        foreign: bool,
    },
    /// F0230: a predicate on a range of numbers asks for the number.
    NumberOfRange,
    /// F0219: none of the rule's calls is left on any ABI.
    NoCallLeft,
    /// F0220: a field of one call in a predicate on `any`.
    NotOfAny {
        /// The field.
        field: String,
    },
    /// F0221: arguments of a call that also travels through a multiplexer.
    Multiplexed {
        /// `socketcall` or `ipc`.
        multiplexer: &'static str,
        /// Whether the ABI has the call itself, too.
        direct: bool,
    },
    /// F0222: a field or test form that a seccomp filter cannot see.
    OutOfSight {
        /// The field or form.
        what: String,
        /// Why.
        blindness: Blindness,
    },
    /// F0223: a statement that this target has no use for.
    NotForTarget {
        /// Its keyword.
        keyword: &'static str,
        /// Why, and who can.
        reason: &'static str,
    },
    /// F0282: a command name compared with anything but a text.
    TextOperation,
    /// F0283: an object's labels compared with anything but labels.
    LabelOperation,
    /// F0284: a test of labels for a call that names no object.
    NoObject {
        /// The call.
        call: &'static str,
    },
    /// F0285: no `label` has that name.
    UnknownLabel {
        /// The name.
        name: String,
    },
    /// F0286: a pattern of a `label` that no path can match, or that is not understood.
    LabelPattern {
        /// Why.
        why: &'static str,
    },
    /// F0287: more labels than a set has bits.
    TooManyLabels,
    /// F0224: `kernel` is newer than the tables.
    NewerKernel {
        /// The version asked for.
        version: KernelVersion,
    },
    /// F0225: the constant exists, but not on this ABI.
    NotOnAbi {
        /// Its name.
        name: String,
    },
    /// F0226: `args[N]` with N not 0…5, no index, or an index behind another field.
    BadIndex {
        /// What was written, or the index.
        what: String,
    },
    /// F0227: the policy is too large when written out.
    TooLarge(Limit),
    /// F0205: nothing says which ABI the policy is for.
    NoAbi,
    /// F0228: a number compared with a string.
    NotText {
        /// The field.
        field: String,
        /// Its type.
        ty: Type,
    },
    /// F0245: a group's kernel version is missing, or it takes none.
    GroupVersion {
        /// The group, without `@`.
        name: String,
        /// Whether it is missing.
        missing: bool,
    },
    /// F0240: an ABI on which the kernel has no seccomp filters.
    NoFilters {
        /// Its name.
        abi: &'static str,
    },
    /// F0229: the call has such an argument, but in memory.
    InMemory {
        /// The argument.
        field: String,
        /// The call.
        call: &'static str,
        /// The argument that points at it.
        pointer: &'static str,
        /// What lies there.
        note: &'static str,
    },
    /// F0250: no type of parameters has that name.
    UnknownType {
        /// The name.
        name: String,
    },
    /// F0251: a parameter and a field of different width or sign.
    ParamMismatch {
        /// The parameter and its type.
        param: (String, Type),
        /// The field and its type.
        field: (String, Type),
        /// Whether an order was asked for, so that signs count.
        ordered: bool,
    },
    /// F0252: a masked field is ordered with a parameter.
    MaskedParam {
        /// The parameter.
        param: String,
    },
    /// F0253: a parameter stands where a value is needed already, or where none can.
    ParamMisplaced {
        /// The parameter.
        param: String,
        /// Whether it is compared with `nr` or `arch`.
        dispatch: bool,
    },
    /// F0254: a parameter has the name of a kernel constant.
    ParamHidesConstant {
        /// The name.
        name: String,
    },
    /// F0255: too many parameters.
    TooManyParams,
    /// F0302: nothing uses the definition.
    Unused {
        /// Of which sort.
        definition: Definition,
        /// The name.
        name: String,
    },
    /// F0303: a `const` hides a kernel constant with another value.
    HidesConstant {
        /// The name.
        name: String,
        /// The policy's value.
        value: i128,
        /// The kernel's.
        kernel: i128,
    },
    /// F0304: `errno(0)`: the call is skipped, and the caller told that it succeeded.
    FakedSuccess,
    /// F0305: an address compared with something other than 0.
    AddressConstant {
        /// The field.
        field: String,
    },
    /// F0306: a constant that belongs to other arguments than this one.
    WrongSet {
        /// The constant.
        name: String,
        /// The field.
        field: String,
        /// The set of constants that the field takes.
        set: &'static str,
        /// What else must be so that it takes them: `` `option` is `PR_SET_PDEATHSIG` ``.
        when: Option<String>,
    },
    /// F0307: `syscall(N)` is different calls on different ABIs.
    DifferentCalls {
        /// ABIs, each with its call of that number, if the tables have one.
        calls: Vec<(&'static str, Option<&'static str>)>,
    },
    /// F0308: arguments of a `syscall(N)` that also travels through a multiplexer.
    MultiplexedNumber {
        /// `socketcall` or `ipc`.
        multiplexer: &'static str,
    },
    /// F0309: a test of `nr` or `arch` that comes out the same for all the rule's calls.
    SettledTest {
        /// As what.
        holds: bool,
        /// Whether it asks `any` for numbers that `any` does not stand for.
        of_any: bool,
    },
    /// F0325: a range of numbers has those of known calls.
    RangeOfCalls {
        /// ABIs, each with its calls that the range covers.
        calls: Vec<(&'static str, Vec<&'static str>)>,
    },
    /// F0326: a part of a range of numbers is another ABI's.
    ForeignPart {
        /// The ABI that the policy does not list.
        other: Option<&'static str>,
    },
    /// F0330: `kernel` is older than seccomp filters are on some ABIs.
    BeforeFilters {
        /// The kernel.
        kernel: KernelVersion,
        /// Those ABIs, each with its first kernel that has filters.
        abis: Vec<(&'static str, KernelVersion)>,
    },
    /// F0331: the errno of `foreign` has other numbers on other ABIs.
    ForeignErrno {
        /// The ABIs, each with its number.
        values: Vec<(&'static str, u16)>,
    },
    /// F0340: a `group` hides one that needs no definition and has other calls.
    HidesGroup {
        /// The name, without `@`.
        name: String,
    },
    /// F0900 to F0908.
    Unasked(Unasked),
    /// F0310 to F0317.
    Advice(Box<Advice>),
    /// F0270 to F0279 and F0360 to F0365.
    Event(Box<Fault>),
}

impl Kind {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownCall { .. } => "F0201",
            Self::UnknownGroup { .. } => "F0202",
            Self::NoSuchField { .. } => "F0203",
            Self::UnknownConstant { .. } => "F0204",
            Self::UnknownAbi { .. } => "F0205",
            Self::UnknownLet { .. } => "F0206",
            Self::DefinedTwice { .. } => "F0207",
            Self::Repeated { .. } => "F0208",
            Self::Cycle { .. } => "F0209",
            Self::DoesNotFit { .. } => "F0210",
            Self::NeverTrue { .. } => "F0211",
            Self::NeverFalse { .. } => "F0212",
            Self::PointerOperation { .. } => "F0213",
            Self::Incomparable { .. } | Self::MaskedComparison { .. } => "F0214",
            Self::EmptyRange { .. } => "F0215",
            Self::Overflow | Self::BadShift { .. } => "F0216",
            Self::ActionData { .. } => "F0217",
            Self::BadNumber { .. } => "F0218",
            Self::NumberOfRange => "F0230",
            Self::NoCallLeft => "F0219",
            Self::NotOfAny { .. } => "F0220",
            Self::Multiplexed { .. } => "F0221",
            Self::OutOfSight { .. } => "F0222",
            Self::NotForTarget { .. } => "F0223",
            Self::NewerKernel { .. } => "F0224",
            Self::NotOnAbi { .. } => "F0225",
            Self::BadIndex { .. } => "F0226",
            Self::TooLarge(_) => "F0227",
            Self::NoAbi => "F0205",
            Self::NotText { .. } => "F0228",
            Self::TextOperation => "F0282",
            Self::LabelOperation => "F0283",
            Self::NoObject { .. } => "F0284",
            Self::UnknownLabel { .. } => "F0285",
            Self::LabelPattern { .. } => "F0286",
            Self::TooManyLabels => "F0287",
            Self::GroupVersion { .. } => "F0245",
            Self::NoFilters { .. } => "F0240",
            Self::InMemory { .. } => "F0229",
            Self::UnknownType { .. } => "F0250",
            Self::ParamMismatch { .. } => "F0251",
            Self::MaskedParam { .. } => "F0252",
            Self::ParamMisplaced { .. } => "F0253",
            Self::ParamHidesConstant { .. } => "F0254",
            Self::TooManyParams => "F0255",
            Self::Unused { .. } => "F0302",
            Self::HidesConstant { .. } => "F0303",
            Self::FakedSuccess => "F0304",
            Self::AddressConstant { .. } => "F0305",
            Self::WrongSet { .. } => "F0306",
            Self::DifferentCalls { .. } => "F0307",
            Self::MultiplexedNumber { .. } => "F0308",
            Self::SettledTest { .. } => "F0309",
            Self::RangeOfCalls { .. } => "F0325",
            Self::ForeignPart { .. } => "F0326",
            Self::BeforeFilters { .. } => "F0330",
            Self::ForeignErrno { .. } => "F0331",
            Self::HidesGroup { .. } => "F0340",
            Self::Unasked(unasked) => unasked.code(),
            Self::Advice(advice) => advice.code(),
            Self::Event(fault) => fault.code(),
        }
    }

    /// F03xx and F0340 are warnings, all others errors.
    #[must_use]
    pub fn severity(&self) -> Severity {
        if self.code().starts_with("F03") { Severity::Warning } else { Severity::Error }
    }
}
