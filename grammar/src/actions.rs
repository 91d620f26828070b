//! What the grammar's productions do: build nodes, check what LR(1) cannot.
//!
//! Guarantees: no node is higher than [`MAX_NESTING`]. A node that would be is
//! reported once and replaced by an `Error` node, so that every tree can be walked
//! and dropped recursively, whatever the text was.

use crate::ast::{
    Argument, BinOp, Call, CallExample, CmpOp, Constant, ConstantKind, Field, Item, Mask, Name,
    Predicate, PredicateKind, Relation, Statement, Str, Test, Version,
};
use crate::error::{Error, Kind, span};
use crate::limits::MAX_NESTING;
use crate::number;
use crate::source::{FileId, Span};

/// What the grammar makes, by entry.
#[derive(Debug)]
pub(crate) enum Tree {
    Statement(Box<Statement>),
    Predicate(Predicate),
    Constant(Constant),
    Call(Box<CallExample>),
}

/// A node and how many nodes the longest path below it has.
#[derive(Debug)]
pub(crate) struct Deep<T> {
    pub(crate) node: T,
    pub(crate) height: usize,
}

impl<T> Deep<T> {
    /// A node without nodes below it.
    pub(crate) const fn flat(node: T) -> Self {
        Self { node, height: 0 }
    }
}

impl Deep<Predicate> {
    /// The first two of a list.
    pub(crate) fn and(self, second: Self) -> Deep<Vec<Predicate>> {
        Deep { node: vec![self.node, second.node], height: self.height.max(second.height) }
    }
}

impl Deep<Vec<Predicate>> {
    /// The list with one more.
    pub(crate) fn with(mut self, one: Deep<Predicate>) -> Self {
        self.height = self.height.max(one.height);
        self.node.push(one.node);
        self
    }
}

impl Argument {
    /// A value, or `_`.
    pub(crate) fn constant(c: Deep<Constant>) -> Self {
        let hole = matches!(&c.node.kind, ConstantKind::Name(name) if name == "_");
        if hole { Self::Any } else { Self::Constant(c.node) }
    }
}

/// A field before it is built: small, since the parser moves it about.
#[derive(Debug)]
pub(crate) enum FieldParts {
    /// From, to; modifiers included.
    Name(u32, u32),
    /// From, where the name ends, to, the index.
    Index(u32, u32, u32, Box<Constant>),
}

impl FieldParts {
    pub(crate) fn indexed(index: Deep<Constant>, l: u32, m: u32, r: u32) -> Deep<Self> {
        Deep { node: Self::Index(l, m, r, Box::new(index.node)), height: index.height }
    }
}

/// An item of a set before it is built.
#[derive(Debug)]
pub(crate) struct ItemParts(Constant, Option<Box<Behind>>);

/// What an item is more than a constant.
#[derive(Debug)]
enum Behind {
    Last(Constant),
    /// A text, and the constant is none.
    Text(Str),
}

impl ItemParts {
    pub(crate) fn one(c: Deep<Constant>) -> Deep<Self> {
        Deep { node: Self(c.node, None), height: c.height }
    }

    pub(crate) fn range(a: Deep<Constant>, b: Deep<Constant>) -> Deep<Self> {
        Deep {
            node: Self(a.node, Some(Box::new(Behind::Last(b.node)))),
            height: a.height.max(b.height),
        }
    }

    pub(crate) fn text(text: Str) -> Deep<Self> {
        let none = Constant { kind: ConstantKind::Error, span: text.span };
        Deep::flat(Self(none, Some(Box::new(Behind::Text(text)))))
    }

    fn build(self) -> Item {
        let Self(first, behind) = self;
        match behind.map(|behind| *behind) {
            None => Item::One(first),
            Some(Behind::Last(last)) => Item::Range(first, last),
            Some(Behind::Text(text)) => Item::Text(text),
        }
    }
}

/// The right side of a test before it is built.
#[derive(Debug)]
pub(crate) enum Right {
    Compare(CmpOp, Constant),
    Field(CmpOp, FieldParts),
    Other(Box<Relation>),
}

impl Right {
    pub(crate) fn compare(op: CmpOp, c: Deep<Constant>) -> Deep<Self> {
        Deep { node: Self::Compare(op, c.node), height: c.height }
    }

    pub(crate) fn field(op: CmpOp, field: Deep<FieldParts>) -> Deep<Self> {
        Deep { node: Self::Field(op, field.node), height: field.height }
    }

    pub(crate) fn other(relation: Relation) -> Deep<Self> {
        Deep::flat(Self::Other(Box::new(relation)))
    }

    pub(crate) fn set(items: Vec<Deep<ItemParts>>) -> Deep<Self> {
        let height = items.iter().map(|item| item.height).max().unwrap_or_default();
        let items = items.into_iter().map(|item| item.node.build()).collect();
        Deep { node: Self::Other(Box::new(Relation::In(items))), height }
    }
}

/// The text that is being parsed, and what was found wrong with it.
#[derive(Debug)]
pub(crate) struct Context<'s> {
    pub(crate) file: FileId,
    pub(crate) text: &'s str,
    pub(crate) errors: Vec<Error>,
    too_deep: bool,
}

/// The rest of `first op second op …`.
type Rest = std::iter::Peekable<std::vec::IntoIter<(BinOp, Deep<Constant>)>>;

impl<'s> Context<'s> {
    pub(crate) const fn new(file: FileId, text: &'s str) -> Self {
        Self { file, text, errors: Vec::new(), too_deep: false }
    }

    /// Forgets what was found since the first `errors` errors: the text is parsed again.
    pub(crate) fn rewind(&mut self, errors: usize) {
        self.errors.truncate(errors);
        self.too_deep = self.errors.iter().any(|error| error.kind == Kind::TooDeep);
    }

    pub(crate) const fn span(&self, l: u32, r: u32) -> Span {
        span(self.file, l, r)
    }

    pub(crate) fn slice(&self, l: u32, r: u32) -> &'s str {
        self.text.get(l as usize..r as usize).unwrap_or_default()
    }

    fn error(&mut self, kind: Kind, span: Span) {
        self.errors.push(Error { kind, span });
    }

    /// One more level above nodes of `height`; `None`, and reported, if that is one too many.
    fn raise(&mut self, height: usize, span: Span) -> Option<usize> {
        if height < MAX_NESTING {
            return Some(height + 1);
        }
        // Above the limit the count begins anew: say it once.
        if !self.too_deep {
            self.too_deep = true;
            self.error(Kind::TooDeep, span);
        }
        None
    }

    // ---- Names and literals

    pub(crate) fn name(&self, l: u32, r: u32) -> Name {
        let text = self.slice(l, r);
        Name { text: text.strip_prefix('@').unwrap_or(text).to_owned(), span: self.span(l, r) }
    }

    fn quoted(&self, l: u32, r: u32, open: usize) -> Str {
        let text = self.slice(l, r);
        let inner = text.len().checked_sub(1).and_then(|end| text.get(open..end));
        Str { text: inner.unwrap_or_default().to_owned(), span: self.span(l, r) }
    }

    pub(crate) fn string(&self, l: u32, r: u32) -> Str {
        self.quoted(l, r, "\"".len())
    }

    pub(crate) fn cpus(&self, l: u32, r: u32) -> Str {
        self.quoted(l, r, "CPUS{".len())
    }

    pub(crate) const fn bad_string(&self, l: u32, r: u32) -> Str {
        Str { text: String::new(), span: self.span(l, r) }
    }

    pub(crate) fn version(&mut self, l: u32, r: u32) -> Version {
        let span = self.span(l, r);
        let numbers = self.slice(l, r).split_once('.').and_then(|(major, minor)| {
            Some((major.parse::<u16>().ok()?, minor.parse::<u16>().ok()?))
        });
        if let Some((major, minor)) = numbers {
            return Version { major, minor, span };
        }
        self.error(Kind::MalformedVersion, span);
        Version { major: 0, minor: 0, span }
    }

    pub(crate) fn call_example(
        &self,
        call: Call,
        args: Vec<Argument>,
        l: u32,
        r: u32,
    ) -> Box<CallExample> {
        Box::new(CallExample { call, args, span: self.span(l, r) })
    }

    // ---- Constants

    const fn flat_constant(&self, kind: ConstantKind, l: u32, r: u32) -> Deep<Constant> {
        Deep::flat(Constant { kind, span: self.span(l, r) })
    }

    pub(crate) fn integer(&self, l: u32, r: u32) -> Deep<Constant> {
        // The lexer lets only integers through.
        let kind =
            number::integer(self.slice(l, r)).map_or(ConstantKind::Error, ConstantKind::Integer);
        self.flat_constant(kind, l, r)
    }

    pub(crate) fn character(&self, l: u32, r: u32) -> Deep<Constant> {
        let c = self.slice(l, r).chars().nth(1).map_or(0, u64::from);
        self.flat_constant(ConstantKind::Integer(c), l, r)
    }

    pub(crate) fn constant_name(&self, l: u32, r: u32) -> Deep<Constant> {
        self.flat_constant(ConstantKind::Name(self.slice(l, r).to_owned()), l, r)
    }

    pub(crate) const fn bad_constant(&self, l: u32, r: u32) -> Deep<Constant> {
        self.flat_constant(ConstantKind::Error, l, r)
    }

    fn raise_constant(&mut self, height: usize, kind: ConstantKind, span: Span) -> Deep<Constant> {
        match self.raise(height, span) {
            Some(height) => Deep { node: Constant { kind, span }, height },
            None => Deep::flat(Constant { kind: ConstantKind::Error, span }),
        }
    }

    pub(crate) fn complement(&mut self, c: Deep<Constant>, l: u32, r: u32) -> Deep<Constant> {
        let kind = ConstantKind::Complement(Box::new(c.node));
        self.raise_constant(c.height, kind, self.span(l, r))
    }

    pub(crate) fn negate(&mut self, c: Deep<Constant>, l: u32, r: u32) -> Deep<Constant> {
        let kind = ConstantKind::Negate(Box::new(c.node));
        self.raise_constant(c.height, kind, self.span(l, r))
    }

    pub(crate) fn constant_paren(&mut self, c: Deep<Constant>, l: u32, r: u32) -> Deep<Constant> {
        let span = self.span(l, r);
        if matches!(c.node.kind, ConstantKind::Paren(_)) {
            return Deep { node: Constant { span, ..c.node }, height: c.height };
        }
        let kind = ConstantKind::Paren(Box::new(c.node));
        self.raise_constant(c.height, kind, span)
    }

    /// `first op second op …`, grouped by how tightly the operators bind.
    pub(crate) fn constant(
        &mut self,
        first: Deep<Constant>,
        rest: Vec<(BinOp, Deep<Constant>)>,
    ) -> Deep<Constant> {
        self.climb(0, first, &mut rest.into_iter().peekable())
    }

    /// Recursion ends at [`BinOp::LEVELS`].
    fn climb(&mut self, level: u8, first: Deep<Constant>, rest: &mut Rest) -> Deep<Constant> {
        if level == BinOp::LEVELS {
            return first;
        }
        let mut head = self.climb(level + 1, first, rest);
        let mut tail = Vec::new();
        while let Some((op, operand)) = rest.next_if(|(op, _)| op.level() == level) {
            let operand = self.climb(level + 1, operand, rest);
            head.height = head.height.max(operand.height);
            tail.push((op, operand.node));
        }
        let Some((_, last)) = tail.last() else { return head };
        let span = head.node.span.to(last.span);
        self.raise_constant(head.height, ConstantKind::Binary(Box::new(head.node), tail), span)
    }

    // ---- Tests

    /// A field with the modifiers that are written into it.
    pub(crate) fn field(&self, l: u32, r: u32) -> Field {
        let whole = self.slice(l, r);
        let name = whole.strip_suffix(".function").unwrap_or(whole);
        let function = name.len() < whole.len();
        let base = name.strip_suffix(".ustring").unwrap_or(name);
        let ustring = base.len() < name.len();
        let end = l + u32::try_from(base.len()).unwrap_or_default();
        let name = Name { text: base.to_owned(), span: self.span(l, end) };
        Field { name, index: None, ustring, function, span: self.span(l, r) }
    }

    fn build_field(&mut self, parts: FieldParts) -> Field {
        match parts {
            FieldParts::Name(l, r) => self.field(l, r),
            FieldParts::Index(l, m, r, index) => self.indexed(*index, l, m, r),
        }
    }

    /// `args[N]`; the name ends at `m`.
    pub(crate) fn indexed(&mut self, index: Constant, l: u32, m: u32, r: u32) -> Field {
        let name = self.name(l, m);
        if !matches!(name.text.as_str(), "args" | "argv") {
            self.error(Kind::NotIndexed(name.text.clone()), name.span);
        }
        let span = self.span(l, r);
        Field { name, index: Some(index), ustring: false, function: false, span }
    }

    fn build_relation(&mut self, right: Right) -> Relation {
        match right {
            Right::Compare(op, constant) => Relation::Compare(op, constant),
            Right::Field(op, parts) => Relation::CompareField(op, self.build_field(parts)),
            Right::Other(relation) => *relation,
        }
    }

    pub(crate) fn any_bit(
        &mut self,
        field: Deep<FieldParts>,
        mask: Deep<Constant>,
        l: u32,
        r: u32,
    ) -> Deep<Predicate> {
        self.test(field, Some(mask), Right::other(Relation::AnyBit), l, r)
    }

    pub(crate) fn test(
        &mut self,
        field: Deep<FieldParts>,
        mask: Option<Deep<Constant>>,
        right: Deep<Right>,
        l: u32,
        r: u32,
    ) -> Deep<Predicate> {
        let field = Deep { node: self.build_field(field.node), height: field.height };
        let relation = Deep { node: self.build_relation(right.node), height: right.height };
        self.built_test(field, mask, relation, l, r)
    }

    /// The same, with what it is made of built already.
    pub(crate) fn built_test(
        &mut self,
        field: Deep<Field>,
        mask: Option<Deep<Constant>>,
        relation: Deep<Relation>,
        l: u32,
        r: u32,
    ) -> Deep<Predicate> {
        let mask_height = mask.as_ref().map_or(0, |mask| mask.height);
        let height = field.height.max(mask_height).max(relation.height);
        let mask = mask.map(|mask| Mask { constant: mask.node, parenthesised: false });
        let (field, mut relation) = (field.node, relation.node);
        if field.ustring
            && let Relation::Compare(op, constant) = &relation
            && self.slice(constant.span.start, constant.span.end).starts_with('\'')
        {
            // Behind `.ustring` even a single character is a string.
            let text = self.string(constant.span.start, constant.span.end);
            relation = Relation::CompareString(*op, text);
        }
        let test = Test { field, mask, relation };
        self.raise_predicate(height, PredicateKind::Test(Box::new(test)), self.span(l, r))
    }

    /// `(field & constant) right`; `m` is where the parenthesis ends.
    pub(crate) fn masked(
        &mut self,
        inner: Deep<Predicate>,
        right: Deep<Right>,
        l: u32,
        m: u32,
        r: u32,
    ) -> Deep<Predicate> {
        let relation = Deep { node: self.build_relation(right.node), height: right.height };
        self.built_masked(inner, relation, l, m, r)
    }

    /// The same, with the right side built already.
    pub(crate) fn built_masked(
        &mut self,
        inner: Deep<Predicate>,
        relation: Deep<Relation>,
        l: u32,
        m: u32,
        r: u32,
    ) -> Deep<Predicate> {
        let height = inner.height.max(relation.height);
        let node =
            if let PredicateKind::Paren(inner) = inner.node.kind { *inner } else { inner.node };
        let failed = matches!(node.kind, PredicateKind::Error);
        if let PredicateKind::Test(mut test) = node.kind
            && test.relation == Relation::AnyBit
            && let Some(mask) = &mut test.mask
        {
            mask.parenthesised = true;
            test.relation = relation.node;
            return self.raise_predicate(height, PredicateKind::Test(test), self.span(l, r));
        }
        if !failed {
            self.error(Kind::NotMasked, self.span(l, m));
        }
        self.bad_predicate(l, r)
    }

    // ---- Predicates

    const fn flat_predicate(&self, kind: PredicateKind, l: u32, r: u32) -> Deep<Predicate> {
        Deep::flat(Predicate { kind, span: self.span(l, r) })
    }

    pub(crate) const fn bad_predicate(&self, l: u32, r: u32) -> Deep<Predicate> {
        self.flat_predicate(PredicateKind::Error, l, r)
    }

    pub(crate) const fn truth(&self, value: bool, l: u32, r: u32) -> Deep<Predicate> {
        let kind = if value { PredicateKind::True } else { PredicateKind::False };
        self.flat_predicate(kind, l, r)
    }

    pub(crate) fn let_name(&self, l: u32, r: u32) -> Deep<Predicate> {
        self.flat_predicate(PredicateKind::Let(self.name(l, r)), l, r)
    }

    fn raise_predicate(
        &mut self,
        height: usize,
        kind: PredicateKind,
        span: Span,
    ) -> Deep<Predicate> {
        match self.raise(height, span) {
            Some(height) => Deep { node: Predicate { kind, span }, height },
            None => Deep::flat(Predicate { kind: PredicateKind::Error, span }),
        }
    }

    pub(crate) fn or(&mut self, all: Deep<Vec<Predicate>>, l: u32, r: u32) -> Deep<Predicate> {
        self.raise_predicate(all.height, PredicateKind::Or(all.node), self.span(l, r))
    }

    pub(crate) fn and(&mut self, all: Deep<Vec<Predicate>>, l: u32, r: u32) -> Deep<Predicate> {
        self.raise_predicate(all.height, PredicateKind::And(all.node), self.span(l, r))
    }

    /// `!!!a` becomes `!a`: the kernel takes thousands of them, and a tree may not.
    pub(crate) fn not(&mut self, inner: Deep<Predicate>, l: u32, r: u32) -> Deep<Predicate> {
        let span = self.span(l, r);
        if let PredicateKind::Not(second) = inner.node.kind {
            if matches!(second.kind, PredicateKind::Not(_)) {
                return Deep { node: Predicate { span, ..*second }, height: inner.height - 1 };
            }
            let node = Predicate { kind: PredicateKind::Not(second), span: inner.node.span };
            return self.raise_predicate(inner.height, PredicateKind::Not(Box::new(node)), span);
        }
        self.raise_predicate(inner.height, PredicateKind::Not(Box::new(inner.node)), span)
    }

    /// `((a))` becomes `(a)`, for the same reason.
    pub(crate) fn paren(&mut self, inner: Deep<Predicate>, l: u32, r: u32) -> Deep<Predicate> {
        let span = self.span(l, r);
        if matches!(inner.node.kind, PredicateKind::Paren(_)) {
            return Deep { node: Predicate { span, ..inner.node }, height: inner.height };
        }
        self.raise_predicate(inner.height, PredicateKind::Paren(Box::new(inner.node)), span)
    }
}
