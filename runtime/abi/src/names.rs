//! The names of the enumerations, as the tables and the documentation spell them.

use crate::{ArgKind, CloneOrder, Pairs, SetKind, Status};

impl CloneOrder {
    /// All orders.
    pub const ALL: [Self; 4] = [Self::Default, Self::Backwards, Self::Backwards2, Self::Backwards3];

    /// Its name in the tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Backwards => "backwards",
            Self::Backwards2 => "backwards2",
            Self::Backwards3 => "backwards3",
        }
    }
}

impl Pairs {
    /// All ways.
    pub const ALL: [Self; 3] = [Self::Whole, Self::Any, Self::Even];

    /// Its name in the tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Whole => "-",
            Self::Any => "any",
            Self::Even => "even",
        }
    }
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Implemented, Self::Unimplemented, Self::Private];

    /// Its name in the tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Implemented => "ok",
            Self::Unimplemented => "ni",
            Self::Private => "private",
        }
    }
}

impl ArgKind {
    /// All kinds.
    pub const ALL: [Self; 14] = [
        Self::Int,
        Self::Flags,
        Self::Enum,
        Self::Fd,
        Self::Pid,
        Self::Uid,
        Self::Gid,
        Self::Signal,
        Self::Mode,
        Self::Size,
        Self::Offset,
        Self::Id,
        Self::Address,
        Self::Pointer,
    ];

    /// Its name in the tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Flags => "flags",
            Self::Enum => "enum",
            Self::Fd => "fd",
            Self::Pid => "pid",
            Self::Uid => "uid",
            Self::Gid => "gid",
            Self::Signal => "signal",
            Self::Mode => "mode",
            Self::Size => "size",
            Self::Offset => "offset",
            Self::Id => "id",
            Self::Address => "address",
            Self::Pointer => "pointer",
        }
    }
}

impl SetKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Flags, Self::Enum, Self::Mixed];

    /// Its name in the tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flags => "flags",
            Self::Enum => "enum",
            Self::Mixed => "mixed",
        }
    }
}
