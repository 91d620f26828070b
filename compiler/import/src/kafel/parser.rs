//! From words to statements.

use filterc_abi::Action;
use filterc_abi::seccomp::MAX_ERRNO;
use filterc_grammar::source::Span;

use crate::fault::Fault;
use crate::kafel::lexer::{Kind, Token};

/// A file with all that it includes.
pub(super) struct Program {
    pub(super) statements: Vec<Statement>,
}

pub(super) enum Statement {
    Policy(Named, Vec<Block>),
    Block(Block),
    Default(Action, Span),
}

/// A part of a policy.
pub(super) enum Block {
    Use(Named),
    Action(Action, Vec<Item>),
}

/// A rule.
pub(super) struct Item {
    pub(super) callee: Callee,
    /// The names that it gives the call's arguments.
    pub(super) args: Option<Vec<String>>,
    /// The architectures to which it is confined; all if there are none.
    pub(super) on: Vec<Named>,
    pub(super) when: Option<Formula>,
    pub(super) span: Span,
}

pub(super) enum Callee {
    Name(Named),
    Number(u64, Span),
}

pub(super) struct Named {
    pub(super) text: String,
    pub(super) span: Span,
}

/// A condition.
pub(super) enum Formula {
    Any(Vec<Formula>),
    All(Vec<Formula>),
    Not(Box<Formula>),
    Compare(Compare, Term, Term, Span),
}

/// The comparisons.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// What is compared.
pub(super) enum Term {
    Number(u64),
    Name(String, Span),
    And(Box<Term>, Box<Term>),
    Or(Box<Term>, Box<Term>),
}

type Fallible<T> = Result<T, (Span, Fault)>;

/// Parentheses in parentheses, at most.
const MOST_NESTED: usize = 64;

struct Parser {
    tokens: std::vec::IntoIter<Token>,
    next: Option<Token>,
    end: Span,
    nested: usize,
}

/// Reads a program.
pub(super) fn parse(tokens: Vec<Token>) -> Fallible<Program> {
    let end = tokens.last().map_or_else(Span::default, |last| last.span);
    let mut tokens = tokens.into_iter();
    let next = tokens.next();
    let mut parser = Parser { tokens, next, end, nested: 0 };
    let mut statements = Vec::new();
    while parser.next.is_some() {
        parser.statement(&mut statements)?;
    }
    Ok(Program { statements })
}

impl Parser {
    fn bump(&mut self) -> Option<Token> {
        std::mem::replace(&mut self.next, self.tokens.next())
    }

    fn here(&self) -> Span {
        self.next.as_ref().map_or(self.end, |token| token.span)
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(&self.next, Some(Token { kind: Kind::Sign(found), .. }) if *found == sign)
    }

    fn word(&self) -> Option<&str> {
        match &self.next {
            Some(Token { kind: Kind::Name(name), .. }) => Some(name),
            Some(Token { kind: Kind::Number(_) | Kind::Sign(_), .. }) | None => None,
        }
    }

    fn eat(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        if found {
            self.bump();
        }
        found
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.word() == Some(word);
        if found {
            self.bump();
        }
        found
    }

    fn unexpected<T>(&self, expected: &'static str) -> Fallible<T> {
        let found = match &self.next {
            Some(Token { kind: Kind::Name(name), .. }) => format!("`{name}`"),
            Some(Token { kind: Kind::Number(number), .. }) => format!("the number {number}"),
            Some(Token { kind: Kind::Sign(sign), .. }) => format!("`{sign}`"),
            None => "the end".to_owned(),
        };
        Err((self.here(), Fault::Unexpected { expected, found }))
    }

    fn need(&mut self, sign: &str, expected: &'static str) -> Fallible<()> {
        if self.eat(sign) { Ok(()) } else { self.unexpected(expected) }
    }

    fn name(&mut self, expected: &'static str) -> Fallible<Named> {
        let span = self.here();
        match self.word().map(str::to_owned) {
            Some(text) => {
                self.bump();
                Ok(Named { text, span })
            }
            None => self.unexpected(expected),
        }
    }

    fn number(&mut self, expected: &'static str) -> Fallible<(u64, Span)> {
        match &self.next {
            Some(Token { kind: Kind::Number(number), span }) => {
                let found = (*number, *span);
                self.bump();
                Ok(found)
            }
            Some(_) | None => self.unexpected(expected),
        }
    }

    fn statement(&mut self, statements: &mut Vec<Statement>) -> Fallible<()> {
        let span = self.here();
        match self.word() {
            Some("POLICY") => {
                self.bump();
                let name = self.name("the name of a policy")?;
                self.need("{", "`{`")?;
                let mut blocks = Vec::new();
                while !self.eat("}") {
                    if !blocks.is_empty() {
                        self.need(",", "`,` or `}`")?;
                    }
                    blocks.push(self.block()?);
                }
                statements.push(Statement::Policy(name, blocks));
            }
            Some("DEFAULT") => {
                self.bump();
                let action = self.action()?;
                statements.push(Statement::Default(action, span));
            }
            Some(_) => {
                statements.push(Statement::Block(self.block()?));
                while self.eat(",") {
                    statements.push(Statement::Block(self.block()?));
                }
            }
            None => return self.unexpected("POLICY, USE, DEFAULT or an action"),
        }
        Ok(())
    }

    fn block(&mut self) -> Fallible<Block> {
        if self.eat_word("USE") {
            return Ok(Block::Use(self.name("the name of a policy")?));
        }
        let action = self.action()?;
        self.need("{", "`{`")?;
        let mut items = Vec::new();
        while !self.eat("}") {
            if !items.is_empty() {
                self.need(",", "`,` or `}`")?;
            }
            items.push(self.item()?);
        }
        Ok(Block::Action(action, items))
    }

    fn action(&mut self) -> Fallible<Action> {
        let name = match self.word() {
            Some(_) => self.name("an action")?,
            None => return self.unexpected("an action"),
        };
        Ok(match name.text.as_str() {
            "ALLOW" => Action::Allow,
            "LOG" => Action::Log,
            "KILL" | "KILL_THREAD" | "DENY" => Action::KillThread,
            "KILL_PROCESS" => Action::KillProcess,
            "USER_NOTIF" => Action::Notify,
            // The kernel cuts an errno, so that it is the largest one.
            "ERRNO" => Action::Errno(self.data()?.min(MAX_ERRNO)),
            "TRACE" => Action::Trace(self.data()?),
            "TRAP" => Action::Trap(self.data()?),
            _ => {
                const THERE_ARE: &str = "there are ALLOW, LOG, KILL, KILL_THREAD, DENY, \
                                         KILL_PROCESS, USER_NOTIF, ERRNO, TRACE and TRAP";
                return Err((name.span, Fault::UnknownAction(name.text, THERE_ARE)));
            }
        })
    }

    fn data(&mut self) -> Fallible<u16> {
        self.need("(", "`(`")?;
        let (number, span) = self.number("a number")?;
        self.need(")", "`)`")?;
        const WHY: &str = "it is at most 65535";
        let data = u16::try_from(number).ok();
        data.ok_or_else(|| (span, Fault::BadNumber(number.to_string(), WHY)))
    }

    fn item(&mut self) -> Fallible<Item> {
        let span = self.here();
        let constant = match &self.next {
            Some(Token { kind: Kind::Number(number), .. }) => Some(*number),
            Some(_) | None => None,
        };
        let callee = if let Some(number) = constant {
            self.bump();
            Callee::Number(number, span)
        } else if self.eat_word("SYSCALL") {
            self.need("[", "`[`")?;
            let (number, span) = self.number("the number of a call")?;
            self.need("]", "`]`")?;
            Callee::Number(number, span)
        } else {
            Callee::Name(self.name("the name of a system call")?)
        };
        let args = if self.is_sign("(") { Some(self.arguments()?) } else { None };
        let mut on = Vec::new();
        if self.eat_word("ON") {
            if self.eat("{") {
                on.push(self.name("an architecture")?);
                while self.eat(",") {
                    on.push(self.name("an architecture")?);
                }
                self.need("}", "`,` or `}`")?;
            } else {
                on.push(self.name("an architecture")?);
            }
        }
        let mut when = None;
        if self.eat("{") && !self.eat("}") {
            when = Some(self.formula()?);
            self.need("}", "`}` or an operator")?;
        }
        Ok(Item { callee, args, on, when, span })
    }

    fn arguments(&mut self) -> Fallible<Vec<String>> {
        self.need("(", "`(`")?;
        let mut names: Vec<String> = Vec::new();
        while !self.eat(")") {
            if !names.is_empty() {
                self.need(",", "`,` or `)`")?;
            }
            let name = self.name("the name of an argument")?;
            if names.contains(&name.text) {
                let what = format!("the argument `{}` stands twice", name.text);
                return Err((name.span, Fault::SaidTwice(what, name.span)));
            }
            if names.len() == 6 {
                let fault = Fault::NoArgument("a call".to_owned(), name.text);
                return Err((name.span, fault));
            }
            names.push(name.text);
        }
        Ok(names)
    }

    fn deeper(&mut self) -> Fallible<()> {
        self.nested += 1;
        if self.nested > MOST_NESTED {
            return Err((self.here(), Fault::TooDeep(MOST_NESTED)));
        }
        Ok(())
    }

    /// Alternatives with commas between them.
    fn formula(&mut self) -> Fallible<Formula> {
        let mut parts = vec![self.any()?];
        while self.eat(",") {
            parts.push(self.any()?);
        }
        Ok(Formula::Any(parts))
    }

    fn any(&mut self) -> Fallible<Formula> {
        let mut parts = vec![self.all()?];
        while self.eat("||") {
            parts.push(self.all()?);
        }
        Ok(Formula::Any(parts))
    }

    fn all(&mut self) -> Fallible<Formula> {
        let mut parts = vec![self.primary()?];
        while self.eat("&&") {
            parts.push(self.primary()?);
        }
        Ok(Formula::All(parts))
    }

    fn primary(&mut self) -> Fallible<Formula> {
        if self.eat("!") {
            self.deeper()?;
            let inner = self.primary()?;
            self.nested -= 1;
            return Ok(Formula::Not(Box::new(inner)));
        }
        let span = self.here();
        // Parentheses may be around a term of a comparison or around a formula.
        if self.is_sign("(") && self.encloses_formula() {
            self.bump();
            self.deeper()?;
            let inner = self.formula()?;
            self.nested -= 1;
            self.need(")", "`)` or an operator")?;
            return Ok(inner);
        }
        let left = self.term()?;
        let op = match &self.next {
            Some(Token { kind: Kind::Sign(sign), .. }) => match *sign {
                "==" => Compare::Eq,
                "!=" => Compare::Ne,
                "<" => Compare::Lt,
                "<=" => Compare::Le,
                ">" => Compare::Gt,
                ">=" => Compare::Ge,
                _ => return self.unexpected("a comparison"),
            },
            Some(_) | None => return self.unexpected("a comparison"),
        };
        self.bump();
        let right = self.term()?;
        Ok(Formula::Compare(op, left, right, span))
    }

    /// Whether there is a comparison or a connective before the parenthesis that is next is closed.
    fn encloses_formula(&self) -> bool {
        let mut depth = 1_usize;
        for token in self.tokens.as_slice() {
            match &token.kind {
                Kind::Sign("(") => depth += 1,
                Kind::Sign(")") if depth == 1 => return false,
                Kind::Sign(")") => depth -= 1,
                Kind::Sign("==" | "!=" | "<" | "<=" | ">" | ">=" | "!" | "||" | "&&" | ",") => {
                    return true;
                }
                Kind::Sign("{" | "}") => return false,
                Kind::Sign(_) | Kind::Name(_) | Kind::Number(_) => {}
            }
        }
        false
    }

    fn term(&mut self) -> Fallible<Term> {
        let mut term = self.conjunct()?;
        while self.eat("|") {
            term = Term::Or(Box::new(term), Box::new(self.conjunct()?));
        }
        Ok(term)
    }

    fn conjunct(&mut self) -> Fallible<Term> {
        let mut term = self.operand()?;
        while self.eat("&") {
            term = Term::And(Box::new(term), Box::new(self.operand()?));
        }
        Ok(term)
    }

    fn operand(&mut self) -> Fallible<Term> {
        if self.eat("(") {
            self.deeper()?;
            let term = self.term()?;
            self.nested -= 1;
            self.need(")", "`)` or an operator")?;
            return Ok(term);
        }
        match &self.next {
            Some(Token { kind: Kind::Number(number), .. }) => {
                let number = *number;
                self.bump();
                Ok(Term::Number(number))
            }
            Some(_) | None => {
                let name = self.name("a number or an argument")?;
                Ok(Term::Name(name.text, name.span))
            }
        }
    }
}
