//! The syntax tree: what was written, before anybody knows what a name means.
//!
//! Every node that a diagnostic may point at carries its [`Span`]. `&&`, `||` and
//! lists are n-ary, so that long ones do not nest; what does nest is limited by the
//! parser ([`crate::parser::MAX_NESTING`]), so that no walk of a tree can overflow
//! the stack. Where the text was wrong, an `Error` node stands in its place.

use crate::source::Span;

/// A whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// The statements, in order.
    pub statements: Vec<Statement>,
}

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The text, without `@` for groups.
    pub text: String,
    /// Where (for groups, `@` included).
    pub span: Span,
}

/// A quoted string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Str {
    /// What stands between the quotes; there are no escapes.
    pub text: String,
    /// Where, quotes included.
    pub span: Span,
}

/// A statement and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// From the keyword to the last token.
    pub span: Span,
    /// Which one.
    pub kind: StatementKind,
}

/// The statements of `design/language.md` section 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatementKind {
    /// `arch x86_64, aarch64`
    Arch(Vec<Name>),
    /// `kernel 6.6`
    Kernel(Version),
    /// `default ACTION`
    Default(Action),
    /// `unknown ACTION`, or `unknown default` (`None`)
    Unknown(Option<Action>),
    /// `foreign ACTION`
    Foreign(Action),
    /// `include "base.flt"`
    Include(Str),
    /// `const NAME = constant`
    Const(Name, Constant),
    /// `group @NAME = calls`
    Group(Name, Vec<Call>),
    /// `let NAME = predicate`
    Let(Name, Predicate),
    /// `ACTION calls [if predicate]`
    Rule(Rule),
    /// `label NAME = "…", …`
    Label(Name, Vec<Str>),
    /// `racy openat, execve`: calls that may go on though memory was looked at for them.
    Racy(Vec<Call>),
    /// `require …`, kept as its tokens' span: no target of this version can check it.
    Require(Span),
    /// `param NAME: TYPE`
    Param(Name, Name),
    /// `test "NAME" { … }`; the span covers the braces and what is between them.
    Test(Str, Span),
    /// `sequence NAME …`; the span covers everything after the name.
    Sequence(Name, Span),
    /// `event SUBSYSTEM:NAME [if predicate]`
    Event {
        /// `syscalls`
        subsystem: Name,
        /// `sys_enter_openat`
        name: Name,
        /// What the record must satisfy.
        predicate: Option<Predicate>,
    },
    /// Text that could not be parsed.
    Error,
}

/// What a `test` claims of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The whole claim.
    pub span: Span,
    /// Which.
    pub kind: ClaimKind,
}

/// The claims of `design/language.md` section 6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimKind {
    /// `CALL [on ABI, …] => EXPECTED`
    Call(CallExample, Vec<Name>, Expected),
    /// `all CALLS [if PREDICATE] [on ABI, …] => EXPECTED`: proved.
    All(Vec<Call>, Option<Predicate>, Vec<Name>, Expected),
    /// `all unknown [on ABI, …] => EXPECTED`: numbers that the policy's kernel lacks and no rule names.
    Unknown(Vec<Name>, Expected),
    /// `all foreign => EXPECTED`: calls of ABIs that are not listed.
    Foreign(Expected),
    /// `same as "FILE" [on ABI, …] [except CALLS]`: proved.
    Same(Str, Vec<Name>, Vec<Call>),
    /// Text that could not be parsed.
    Error,
}

/// What must come of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// `not` stands before the action.
    pub negated: bool,
    /// The action.
    pub action: Action,
    /// `by …`: what must decide so.
    pub by: Option<By>,
}

/// What must decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// `by line N`: the rule that begins on that line of the file that was named.
    Line(u64),
    /// `by default`
    Default,
    /// `by unknown`
    Unknown,
    /// `by foreign`
    Foreign,
}

/// A kernel version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Before the dot.
    pub major: u16,
    /// After the dot.
    pub minor: u16,
    /// Where.
    pub span: Span,
}

/// One rule of the ordered list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What to do.
    pub action: Action,
    /// With which calls.
    pub calls: Vec<Call>,
    /// When; `None` is always.
    pub predicate: Option<Predicate>,
}

/// An action and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Which.
    pub kind: ActionKind,
    /// From the keyword to the closing parenthesis.
    pub span: Span,
}

/// The actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionKind {
    /// `allow`
    Allow,
    /// `log`
    Log,
    /// `notify`
    Notify,
    /// `trace`, `trace(N)`
    Trace(Option<Constant>),
    /// `trap`, `trap(N)`
    Trap(Option<Constant>),
    /// `errno(E)`
    Errno(Constant),
    /// `kill_thread`
    KillThread,
    /// `kill_process`, `kill`
    KillProcess,
}

/// One entry of a list of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// `openat`
    Name(Name),
    /// `@io`
    Group(Name),
    /// `@since(6.6)`: a group that depends on a kernel version
    Versioned(Name, Version, Span),
    /// `any`
    Any(Span),
    /// `syscall(N)`
    Number(Constant, Span),
    /// `syscall(FIRST..LAST)`: all numbers between two, both included
    Range(Constant, Constant, Span),
}

/// A predicate and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predicate {
    /// Which.
    pub kind: PredicateKind,
    /// Where.
    pub span: Span,
}

impl Predicate {
    /// Whether it is written as `true`, perhaps in parentheses.
    #[must_use]
    pub fn is_true(&self) -> bool {
        match &self.kind {
            PredicateKind::True => true,
            PredicateKind::Paren(inner) => inner.is_true(),
            PredicateKind::Or(_)
            | PredicateKind::And(_)
            | PredicateKind::Not(_)
            | PredicateKind::False
            | PredicateKind::Let(_)
            | PredicateKind::Test(_)
            | PredicateKind::Error => false,
        }
    }
}

/// The predicates of `design/language.md` section 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PredicateKind {
    /// `a || b || …`, at least two.
    Or(Vec<Predicate>),
    /// `a && b && …`, at least two.
    And(Vec<Predicate>),
    /// `!a`, `not a`; never more than two deep, since `!!!a` is `!a`.
    Not(Box<Predicate>),
    /// `( a )`, kept so that a tree prints as it was written; `((a))` is one of these.
    Paren(Box<Predicate>),
    /// `true`
    True,
    /// `false`
    False,
    /// A `let` by its name.
    Let(Name),
    /// A test of one field.
    Test(Box<Test>),
    /// Text that could not be parsed.
    Error,
}

/// One test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// What is looked at.
    pub field: Field,
    /// `& constant` before the operator, with or without parentheses.
    pub mask: Option<Mask>,
    /// How it is compared.
    pub relation: Relation,
}

/// The mask of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    /// The bits that are looked at.
    pub constant: Constant,
    /// Whether it was written `(field & constant)`, kept for the formatter.
    pub parenthesised: bool,
}

/// A field and the modifiers behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name: one identifier, dotted (`parent.comm`), or indexed (`args[2]`).
    pub name: Name,
    /// `N` of `args[N]`.
    pub index: Option<Constant>,
    /// `.ustring` stands behind it (kernel form).
    pub ustring: bool,
    /// `.function` stands behind it (kernel form).
    pub function: bool,
    /// Where, modifiers included.
    pub span: Span,
}

/// How a test compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `field & constant` alone: some bit of the mask is set.
    AnyBit,
    /// `== constant` and its like. A lone name on the right may be a constant or a
    /// field: only the checker can tell.
    Compare(CmpOp, Constant),
    /// `== args[N]`, or another field that cannot be a constant.
    CompareField(CmpOp, Field),
    /// `in { item, … }`
    In(Vec<Item>),
    /// `== "text"`, `!= "text"` and (refused later) the ordered ones.
    CompareString(CmpOp, Str),
    /// `~ "pattern"` (kernel form).
    Glob(Str),
    /// `.function == symbol` (kernel form); the operator and the raw symbol.
    Function(CmpOp, Name),
    /// `op CPUS{list}` (kernel form); `None` for `&`, else the operator; the raw list.
    Cpus(Option<CmpOp>, Str),
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CmpOp {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

impl CmpOp {
    /// Its spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }
}

/// One entry of `in { … }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A single value.
    One(Constant),
    /// `first..last`, both included.
    Range(Constant, Constant),
    /// A text.
    Text(Str),
}

impl Item {
    /// Whether it is a text.
    #[must_use]
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }
}

/// A constant expression and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constant {
    /// Which.
    pub kind: ConstantKind,
    /// Where.
    pub span: Span,
}

/// The constant expressions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConstantKind {
    /// A number; its spelling (`0x1f`, `017`, `'a'`) is the text under the span. A quoted
    /// single character is one, too, even where the field turns out to be a string:
    /// only the checker knows the field's type.
    /// The sign is a separate node. At most 64 bits.
    Integer(u64),
    /// A kernel constant, a `const` or a `-D` definition.
    Name(String),
    /// `~ c`
    Complement(Box<Constant>),
    /// `- c`
    Negate(Box<Constant>),
    /// `( c )`, kept so that a tree prints as it was written; `((c))` is one of these.
    Paren(Box<Constant>),
    /// `c op c op …`, operators of one precedence level, left to right; at least one operator.
    Binary(Box<Constant>, Vec<(BinOp, Constant)>),
    /// Text that could not be parsed.
    Error,
}

/// One call as an example, `openat(AT_FDCWD, _, O_RDWR)` or `syscall(999)(1, 2)`: what
/// `filterc eval` is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallExample {
    /// Which call; the parser makes a name or a number.
    pub call: Call,
    /// Its arguments, in order.
    pub args: Vec<Argument>,
    /// Where.
    pub span: Span,
}

/// An argument of an example call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// `_`: any value, zero where one is needed.
    Any,
    /// A value.
    Constant(Constant),
    /// `"text"`: some address at which the text is.
    Text(Str),
}

/// A binary operator of constant expressions, loosest first. As in C, except that
/// comparison is no part of a constant: `|`, then `^`, `&`, `<< >>`, `+ -`, `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BinOp {
    /// `|`
    Or,
    /// `^`
    Xor,
    /// `&`
    And,
    /// `<<`
    Shl,
    /// `>>`
    Shr,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
}

impl BinOp {
    /// Its spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Or => "|",
            Self::Xor => "^",
            Self::And => "&",
            Self::Shl => "<<",
            Self::Shr => ">>",
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
        }
    }

    /// How tightly it binds: 0 is the loosest, [`Self::LEVELS`] is the number of levels.
    #[must_use]
    pub const fn level(self) -> u8 {
        match self {
            Self::Or => 0,
            Self::Xor => 1,
            Self::And => 2,
            Self::Shl | Self::Shr => 3,
            Self::Add | Self::Sub => 4,
            Self::Mul => 5,
        }
    }

    /// Number of precedence levels.
    pub const LEVELS: u8 = 6;
}
