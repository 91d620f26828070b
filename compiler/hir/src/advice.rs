//! Warnings about policies that say something, but hardly what was meant: what a mask, a
//! raw register or a refusal leaves open, and what a process or its C library will miss.
//!
//! As data first, then the words, as `message` has them for everything else.

use filterc_abi::KernelVersion;

use crate::wording::{few, list, number};

/// How a constant's bits mislead in `field & constant`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// It is a flag of several bits, of which one is enough.
    SeveralBits,
    /// It is one of several values that share bits.
    Value,
}

/// Why a process needs a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Every signal handler returns by it.
    Handler,
    /// The process ends by it.
    ProcessEnd,
    /// A thread ends by it.
    ThreadEnd,
    /// The kernel makes it to go on with a call that a stop or a signal interrupted.
    Restart,
}

/// What the policy hardly means.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// F0310: a bit of the constant is enough, where all of it is meant.
    PartOfBits {
        /// The constant.
        name: String,
        /// Why a bit of it is not it.
        misfit: Misfit,
        /// The test that asks for it.
        instead: String,
    },
    /// F0311: calls of one family are refused and left open.
    LeftOpen {
        /// What the family does.
        about: &'static str,
        /// Those that some rule refuses, or allows for some arguments only.
        restricted: Vec<&'static str>,
        /// Those that are allowed whatever their arguments are.
        open: Vec<&'static str>,
    },
    /// F0312: rules name calls that the policy's kernel does not have.
    NewerCalls {
        /// The policy's kernel.
        kernel: KernelVersion,
        /// The calls, each with the kernel that has it.
        calls: Vec<(&'static str, KernelVersion)>,
    },
    /// F0313: the policy refuses a call that every process needs.
    Missing {
        /// The call.
        call: &'static str,
        /// What for.
        need: Need,
    },
    /// F0314: an errno that keeps callers from falling back on an older call.
    NoFallback {
        /// The call that is refused.
        call: &'static str,
        /// The call that callers fall back on.
        older: &'static str,
        /// Whether it is `default` that refuses it.
        by_default: bool,
    },
    /// F0315: bits of a register that the kernel ignores decide.
    IgnoredBits {
        /// The register's number.
        register: u8,
        /// The argument that it carries, and its width; `None`: the call does not use it.
        argument: Option<(&'static str, u8)>,
        /// A value of the register that shows it.
        value: u64,
    },
    /// F0316: a constant of a mask that is 0.
    NothingInMask {
        /// The constant.
        name: String,
    },
    /// F0317: a value is looked for in a field that holds flags as well.
    WithFlags {
        /// The field.
        field: String,
        /// The value.
        name: String,
        /// Some of the flags.
        flags: Vec<&'static str>,
        /// The test that leaves the flags out.
        instead: String,
    },
}

impl Advice {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::PartOfBits { .. } => "F0310",
            Self::LeftOpen { .. } => "F0311",
            Self::NewerCalls { .. } => "F0312",
            Self::Missing { .. } => "F0313",
            Self::NoFallback { .. } => "F0314",
            Self::IgnoredBits { .. } => "F0315",
            Self::NothingInMask { .. } => "F0316",
            Self::WithFlags { .. } => "F0317",
        }
    }

    /// One line, without a full stop.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::PartOfBits { name, misfit: Misfit::SeveralBits, .. } => {
                format!("one bit of `{name}` is enough for this test")
            }
            Self::PartOfBits { name, misfit: Misfit::Value, .. } => {
                format!("`{name}` is a value, not a flag")
            }
            Self::LeftOpen { about, .. } => format!("another way is left open: {}", lower(about)),
            Self::NewerCalls { kernel, .. } => {
                format!("rules name calls that kernel {kernel} does not have")
            }
            Self::Missing { call, .. } => format!("`{call}` is refused by default"),
            Self::NoFallback { call, older, .. } => {
                format!("nobody falls back from `{call}` to `{older}` on this errno")
            }
            Self::IgnoredBits { register, .. } => {
                format!("bits of `args[{register}]` that the kernel ignores decide here")
            }
            Self::NothingInMask { name } => format!("`{name}` is 0: it adds nothing to the mask"),
            Self::WithFlags { field, .. } => format!("`{field}` is compared with its flags"),
        }
    }

    /// What to say at the place; `about` are the calls and ABIs concerned, perhaps empty.
    pub(crate) fn label(&self, about: &str) -> String {
        match self {
            Self::PartOfBits { misfit: Misfit::SeveralBits, .. } => {
                format!("it is several bits, and `&` asks for some bit{about}")
            }
            Self::PartOfBits { misfit: Misfit::Value, .. } => {
                format!("other values may share its bits{about}")
            }
            Self::LeftOpen { restricted, .. } => {
                format!("restricts {}{about}", list(restricted))
            }
            Self::NewerCalls { calls, .. } => {
                let since = |(call, since): &(&str, KernelVersion)| format!("`{call}` ({since})");
                let mut shown: Vec<String> = calls.iter().take(4).map(since).collect();
                if calls.len() > shown.len() {
                    shown.push(format!("{} more", calls.len() - shown.len()));
                }
                shown.join(", ")
            }
            Self::Missing { need, .. } => format!("{}{about}", need.meaning()),
            Self::NoFallback { by_default: true, call, .. } => {
                format!("it decides `{call}`, which no rule names{about}")
            }
            Self::NoFallback { by_default: false, .. } => {
                format!("callers take it for the answer{about}")
            }
            Self::IgnoredBits { argument: Some((name, width)), .. } => {
                format!("it carries `{name}`, of which the kernel uses {width} bits{about}")
            }
            Self::IgnoredBits { argument: None, .. } => {
                format!("the call has no argument there{about}")
            }
            Self::NothingInMask { .. } => format!("no bit of it can be set{about}"),
            Self::WithFlags { name, .. } => {
                format!("`{name}` with some flag is another value, and goes round the rule{about}")
            }
        }
    }

    /// What to do, one line each.
    pub(crate) fn help(&self) -> Vec<String> {
        match self {
            Self::PartOfBits { instead, .. } => vec![format!("write `{instead}`")],
            Self::LeftOpen { open, .. } => vec![
                format!("by {}, which the policy allows whatever the arguments are", few(open)),
                "restrict that too, or say `errno(ENOSYS)` for what is not needed".to_owned(),
            ],
            Self::NewerCalls { calls, .. } => {
                let newest = calls.iter().map(|(_, since)| *since).max();
                let raise =
                    newest.map(|kernel| format!("write `kernel {kernel}` if that is meant"));
                let mut help = vec![
                    "their rules decide them all the same; calls as new that no rule names do not \
                     come under `any`, but under `unknown`"
                        .to_owned(),
                ];
                help.extend(raise);
                help
            }
            Self::Missing { call, .. } => vec![format!("add `allow {call}`")],
            Self::NoFallback { call, older, .. } => vec![
                format!("write `errno(ENOSYS) {call}`: then libraries use `{older}`"),
                format!("or refuse `{older}` as well, if neither is meant to work"),
            ],
            Self::IgnoredBits { argument, register, value } => {
                let show = format!("`args[{register}]` = {value:#x} shows it");
                match argument {
                    Some((name, width)) => {
                        let seen = value & (u64::MAX >> (64 - width));
                        vec![
                            format!("{show}: to the kernel this is {}", number(seen.into())),
                            format!("write `{name}` instead of `args[{register}]`"),
                        ]
                    }
                    None => vec![format!("{show}: a caller can put anything there")],
                }
            }
            Self::WithFlags { flags, instead, .. } => {
                vec![format!("its flags are {}", few(flags)), format!("write `{instead}`")]
            }
            Self::NothingInMask { name } => {
                vec![format!("leave it out; to ask for `{name}`, compare with it: `… == {name}`")]
            }
        }
    }
}

/// A title as a part of a sentence; acronyms stay.
fn lower(title: &str) -> String {
    let mut chars = title.chars();
    match chars.next() {
        Some(first) if !title.chars().nth(1).is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(chars).collect()
        }
        Some(_) | None => title.to_owned(),
    }
}

impl Need {
    /// What becomes of a process without the call.
    const fn meaning(self) -> &'static str {
        match self {
            Self::Handler => "every signal handler returns by this call",
            Self::ProcessEnd => "a C library ends the process by this call",
            Self::ThreadEnd => "the policy lets threads be made, and a thread ends by this call",
            Self::Restart => {
                "the kernel makes it to go on with a sleep or wait that was stopped and continued"
            }
        }
    }
}
