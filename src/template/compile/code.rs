//! Compiled templates: a tree that owns its text, and stands without its source.

use std::sync::Arc;

use crate::template::builtin::{Filter, Test};
use crate::template::error::Span;
use crate::template::value::TValue;

/// A compiled template.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) body: Vec<Stmt>,
    /// Names that have to be in scope.
    pub(crate) reads: Vec<Arc<str>>,
    /// Where each of them is read first.
    pub(crate) read_at: Vec<Span>,
    /// Whether it may change a list or mapping that it was given.
    pub(crate) mutates: bool,
}

/// A statement.
#[derive(Debug)]
pub(crate) enum Stmt {
    /// Text as it is.
    Raw(Arc<str>),
    /// `{{ … }}`
    Emit(Expr),
    If(Expr, Vec<Stmt>, Vec<Stmt>),
    For(Arc<For>),
    /// `{% set target = expr %}`
    Set(Target, Expr),
    /// `{% set name %}…{% endset %}`, perhaps through filters.
    SetBlock(Target, Vec<Stmt>, Vec<FilterCall>),
    With(Vec<(Target, Expr)>, Vec<Stmt>),
    FilterBlock(Vec<FilterCall>, Vec<Stmt>),
    Macro(Arc<MacroCode>),
    /// `{% call(…) macro(…) %}…{% endcall %}`
    Call(Box<Call>, Arc<MacroCode>, Span),
    /// A block, or anything else whose body is rendered as it stands, in a scope of its own.
    Block(Vec<Stmt>),
    /// `include`, `import`, `extends`: there is nothing to load, which Python says by `TypeError`.
    Load(Span),
}

/// `{% for %}`
#[derive(Debug)]
pub(crate) struct For {
    pub(crate) target: Target,
    pub(crate) iter: Expr,
    pub(crate) filter: Option<Expr>,
    pub(crate) recursive: bool,
    pub(crate) body: Vec<Stmt>,
    pub(crate) otherwise: Vec<Stmt>,
}

/// What is assigned to.
#[derive(Debug)]
pub(crate) enum Target {
    Name(Arc<str>),
    /// `ns.name`
    Attr(Arc<str>, Arc<str>),
    Tuple(Vec<Target>),
}

/// `{% macro %}`
#[derive(Debug)]
pub(crate) struct MacroCode {
    pub(crate) name: Arc<str>,
    pub(crate) args: Vec<Arc<str>>,
    /// Defaults of the last arguments.
    pub(crate) defaults: Vec<Expr>,
    pub(crate) body: Vec<Stmt>,
}

/// An expression and where it stands in the source.
#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) span: Span,
    pub(crate) kind: ExprKind,
}

/// Kinds of expressions.
#[derive(Debug)]
pub(crate) enum ExprKind {
    Const(TValue),
    Var(Arc<str>),
    Attr(Box<Expr>, Arc<str>),
    Item(Box<Expr>, Box<Expr>),
    Slice(Box<[Expr; 4]>),
    Call(Box<Call>),
    Filter(Box<FilterCall>, Box<Expr>),
    Test(Box<TestCall>),
    Not(Box<Expr>),
    Neg(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    Concat(Vec<Expr>),
    Compare(Box<Expr>, Vec<(Comparison, Expr)>),
    If(Box<[Expr; 2]>, Option<Box<Expr>>),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
}

impl Expr {
    /// Whether the name is read in it, or within it.
    pub(crate) fn mentions(&self, name: &str) -> bool {
        let args = |args: &[Arg]| args.iter().any(|arg| arg.value().mentions(name));
        match &self.kind {
            ExprKind::Const(_) => false,
            ExprKind::Var(var) => **var == *name,
            ExprKind::Attr(of, _) | ExprKind::Not(of) | ExprKind::Neg(of) => of.mentions(name),
            ExprKind::Item(one, other)
            | ExprKind::And(one, other)
            | ExprKind::Or(one, other)
            | ExprKind::Binary(_, one, other) => one.mentions(name) || other.mentions(name),
            ExprKind::Slice(parts) => parts.iter().any(|it| it.mentions(name)),
            ExprKind::Call(call) => call.callee.mentions(name) || args(&call.args),
            ExprKind::Filter(filter, of) => of.mentions(name) || args(&filter.args),
            ExprKind::Test(test) => test.subject.mentions(name) || args(&test.args),
            ExprKind::Compare(first, rest) => {
                first.mentions(name) || rest.iter().any(|(_, it)| it.mentions(name))
            }
            ExprKind::If(parts, otherwise) => {
                parts.iter().any(|it| it.mentions(name))
                    || otherwise.as_ref().is_some_and(|it| it.mentions(name))
            }
            ExprKind::Concat(list) | ExprKind::List(list) | ExprKind::Tuple(list) => {
                list.iter().any(|it| it.mentions(name))
            }
            ExprKind::Dict(pairs) => {
                (pairs.iter()).any(|(key, value)| key.mentions(name) || value.mentions(name))
            }
        }
    }
}

/// Arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Rem,
    Pow,
}

/// Comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
}

/// A call of a value or of a method.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) callee: Expr,
    pub(crate) args: Vec<Arg>,
}

/// An argument.
#[derive(Debug)]
pub(crate) enum Arg {
    Pos(Expr),
    Key(Arc<str>, Expr),
    Spread(Expr),
    SpreadKeys(Expr),
}

impl Arg {
    fn value(&self) -> &Expr {
        match self {
            Self::Pos(value)
            | Self::Key(_, value)
            | Self::Spread(value)
            | Self::SpreadKeys(value) => value,
        }
    }
}

/// `| name(args)`
#[derive(Debug)]
pub(crate) struct FilterCall {
    pub(crate) filter: &'static Filter,
    pub(crate) args: Vec<Arg>,
    pub(crate) span: Span,
}

/// `is name(args)`
#[derive(Debug)]
pub(crate) struct TestCall {
    pub(crate) test: &'static Test,
    pub(crate) subject: Expr,
    pub(crate) args: Vec<Arg>,
}
