//! What can be wrong with an event filter, and what it hardly means: as data, then in words.

use crate::types::Type;
use crate::wording::number;

/// What a filter does that its record does not allow, or hardly means.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// F0270: there is no such event.
    UnknownEvent {
        /// `SUBSYSTEM:NAME`.
        name: String,
    },
    /// F0271: the event's record has no field of that name.
    NoField {
        /// The name.
        name: String,
        /// The event.
        event: String,
    },
    /// F0272: a number is compared as a text, or the other way round.
    WrongSort {
        /// The field.
        field: String,
        /// Whether the field is a text.
        is_text: bool,
        /// Whether the text lies behind a pointer, which can be compared as a number after all.
        is_pointer: bool,
    },
    /// F0273: the constant is none of the field's.
    DoesNotFit {
        /// The field.
        field: String,
        /// The constant.
        value: i128,
        /// The type of what is compared.
        ty: Type,
        /// How to say it, if there is a way.
        instead: Option<String>,
    },
    /// F0274: the operator is none of the form's.
    Operator {
        /// What the form is, and its operators.
        form: &'static str,
    },
    /// F0275: `.function` of a field that is no address, or of a function that is not known.
    Function {
        /// Why not.
        reason: &'static str,
    },
    /// F0276: a malformed list of processors, or one with a processor that is none.
    Cpus {
        /// How many processors there can be.
        nr_cpu_ids: u32,
    },
    /// F0277: `.u32` and its like, or `args[N]`, where the field has no such bits.
    View {
        /// Why not.
        reason: String,
    },
    /// F0278: two fields of different width or sign.
    Incomparable {
        /// Their types.
        left: Type,
        /// Their types.
        right: Type,
    },
    /// F0279: a text that the kernel cannot be given.
    Text {
        /// Why not.
        reason: &'static str,
    },
    /// F0360: the record has more bits of an argument than the kernel uses.
    IgnoredBits {
        /// The argument.
        field: String,
        /// What the kernel uses of it.
        ty: Type,
        /// The test that looks at these bits alone.
        instead: String,
    },
    /// F0361: no event satisfies the test.
    NeverTrue {
        /// Why.
        reason: &'static str,
        /// Whether it is of a pointer without `.ustring`.
        is_pointer: bool,
    },
    /// F0362: the kernel cuts the constant to the field's width.
    Cut {
        /// The field's type.
        ty: Type,
        /// What is left.
        left: u64,
    },
    /// F0363: a pattern for the end of `comm` finds names of 15 bytes only.
    SuffixOfComm,
    /// F0364: a pattern that begins with a digit has no wildcards.
    DeadWildcards,
    /// F0365: a text that cannot be read does not differ from anything.
    UnreadableDiffers,
}

impl Fault {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownEvent { .. } => "F0270",
            Self::NoField { .. } => "F0271",
            Self::WrongSort { .. } => "F0272",
            Self::DoesNotFit { .. } => "F0273",
            Self::Operator { .. } => "F0274",
            Self::Function { .. } => "F0275",
            Self::Cpus { .. } => "F0276",
            Self::View { .. } => "F0277",
            Self::Incomparable { .. } => "F0278",
            Self::Text { .. } => "F0279",
            Self::IgnoredBits { .. } => "F0360",
            Self::NeverTrue { .. } => "F0361",
            Self::Cut { .. } => "F0362",
            Self::SuffixOfComm => "F0363",
            Self::DeadWildcards => "F0364",
            Self::UnreadableDiffers => "F0365",
        }
    }

    pub(crate) fn message(&self) -> String {
        match self {
            Self::UnknownEvent { name } => format!("unknown event `{name}`"),
            Self::NoField { name, event } => format!("`{event}` has no field `{name}`"),
            Self::WrongSort { field, is_text: true, .. } => format!("`{field}` is a text"),
            Self::WrongSort { field, .. } => format!("`{field}` is a number"),
            Self::DoesNotFit { field, value, .. } => {
                format!("{} is no value of `{field}`", number(*value))
            }
            Self::Operator { .. } => "this operator has no meaning here".to_owned(),
            Self::Function { .. } => "no function of the kernel".to_owned(),
            Self::Cpus { .. } => "no list of processors".to_owned(),
            Self::View { .. } => "the field has no such bits".to_owned(),
            Self::Incomparable { .. } => "two fields of different types".to_owned(),
            Self::Text { .. } => "no text for the kernel".to_owned(),
            Self::IgnoredBits { field, .. } => {
                format!("the event has bits of `{field}` that the kernel does not use")
            }
            Self::NeverTrue { .. } => "no event satisfies this test".to_owned(),
            Self::Cut { .. } => "the kernel cuts this constant".to_owned(),
            Self::SuffixOfComm => "this pattern finds names of 15 bytes only".to_owned(),
            Self::DeadWildcards => "these wildcards are plain characters".to_owned(),
            Self::UnreadableDiffers => "a text that cannot be read satisfies neither".to_owned(),
        }
    }

    pub(crate) fn label(&self) -> String {
        match self {
            Self::UnknownEvent { .. } => "no system call has such an event".to_owned(),
            Self::NoField { .. } => "not in its record".to_owned(),
            Self::WrongSort { is_text: true, .. } => "compared with a number".to_owned(),
            Self::WrongSort { .. } => "compared with a text".to_owned(),
            Self::DoesNotFit { ty, .. } => {
                format!("the event has {ty} here: {}…{}", ty.min(), ty.max())
            }
            Self::Operator { form } => (*form).to_owned(),
            Self::Function { reason } | Self::Text { reason } | Self::NeverTrue { reason, .. } => {
                (*reason).to_owned()
            }
            Self::Cpus { nr_cpu_ids } => match nr_cpu_ids.checked_sub(1) {
                Some(last) => format!("as in 0-1,3; the last processor is {last}"),
                None => "how many processors there are is not known".to_owned(),
            },
            Self::View { reason } => reason.clone(),
            Self::Incomparable { left, right } => format!("{left} and {right}"),
            Self::IgnoredBits { ty, .. } => {
                format!("the call uses {ty}; with other bits set, it does the same unseen")
            }
            Self::Cut { ty, left } => format!("of {ty}, {} is left", number((*left).into())),
            Self::SuffixOfComm => {
                "the kernel compares the end of its buffer, not that of the name".to_owned()
            }
            Self::DeadWildcards => "the pattern begins with a digit".to_owned(),
            Self::UnreadableDiffers => "and callers can see to it that theirs is one".to_owned(),
        }
    }

    pub(crate) fn help(&self) -> Vec<String> {
        let text = match self {
            Self::WrongSort { field, is_text: true, is_pointer: true } => {
                format!("its address is `{field}.u64`; the text there is `{field}.ustring`")
            }
            Self::DoesNotFit { instead: Some(instead), .. } | Self::IgnoredBits { instead, .. } => {
                format!("these bits alone: `{instead}`")
            }
            Self::SuffixOfComm => "write `*…*`".to_owned(),
            Self::UnreadableDiffers => "`!(… == …)` holds for it".to_owned(),
            Self::NeverTrue { is_pointer: true, .. } => {
                "the text in the caller's memory is behind `.ustring`".to_owned()
            }
            Self::UnknownEvent { .. }
            | Self::NoField { .. }
            | Self::WrongSort { .. }
            | Self::DoesNotFit { .. }
            | Self::Operator { .. }
            | Self::Function { .. }
            | Self::Cpus { .. }
            | Self::View { .. }
            | Self::Incomparable { .. }
            | Self::Text { .. }
            | Self::NeverTrue { .. }
            | Self::Cut { .. }
            | Self::DeadWildcards => return Vec::new(),
        };
        vec![text]
    }
}
