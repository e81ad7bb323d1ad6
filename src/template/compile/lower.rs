//! minijinja's syntax tree → [`Code`].

use std::sync::Arc;

use minijinja::machinery::{Span, ast, parse};
use minijinja::value::ValueKind;
use num_bigint::BigInt;

use super::code::{
    Arg, Call, Code, Comparison, Expr, ExprKind, FilterCall, For, MacroCode, Operator, Stmt,
    Target, TestCall,
};
use super::names;
use crate::template::builtin::{filter_names, find_filter, find_test, test_names};
use crate::template::error::{self, TemplateError};
use crate::template::value::TValue;

/// Methods that change a list or a dict in place.
const MUTATORS: &[&str] = &[
    "append",
    "clear",
    "extend",
    "insert",
    "pop",
    "popitem",
    "remove",
    "reverse",
    "setdefault",
    "sort",
    "update",
];

/// Compiles a template.
pub(super) fn lower(text: &str) -> Result<Code, TemplateError> {
    let source = if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text.to_owned()
    };
    let parsed = parse(&source, "<template>", Default::default());
    let relaxed;
    let parsed = match parsed {
        Err(e) if source.contains(':') => {
            relaxed = without_colons(&source);
            parse(&relaxed, "<template>", Default::default()).map_err(|_| e)
        }
        other => other,
    };
    let tree = parsed.map_err(|e| {
        let message = e
            .detail()
            .map_or_else(|| e.kind().to_string(), |d| format!("{}: {d}", e.kind()));
        TemplateError::new(message, text, e.range().map(error::Span::from))
    })?;
    let ast::Stmt::Template(template) = &tree else {
        return Err(TemplateError::new("no template", text, None));
    };
    let mut lowering = Lowering {
        source: text,
        mutates: false,
        depth: 0,
    };
    let body = lowering.body(&template.children)?;
    let (reads, read_at) = names::undeclared(&template.children).into_iter().unzip();
    Ok(Code {
        body,
        reads,
        read_at,
        mutates: lowering.mutates,
    })
}

/// jinja2 allows a colon before the end of a block's tag, as in `{% for x in y: %}`: blanks take
/// its place.
fn without_colons(source: &str) -> String {
    let mut bytes = source.as_bytes().to_vec();
    for (end, _) in source.match_indices("%}") {
        let before = source.get(..end).unwrap_or_default();
        let before = before.strip_suffix(['-', '+']).unwrap_or(before).trim_end();
        if before.ends_with(':')
            && let Some(colon) = bytes.get_mut(before.len() - 1)
        {
            *colon = b' ';
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| source.to_owned())
}

struct Lowering<'a> {
    source: &'a str,
    mutates: bool,
    depth: usize,
}

/// How deep an expression may be: it is evaluated by recursion, on a thread's small stack.
const MAX_DEPTH: usize = 150;

type Lowered<T> = Result<T, TemplateError>;

impl Lowering<'_> {
    fn fault<T>(&self, message: impl Into<String>, span: Span) -> Lowered<T> {
        Err(TemplateError::new(message, self.source, Some(span.into())))
    }

    fn body(&mut self, stmts: &[ast::Stmt<'_>]) -> Lowered<Vec<Stmt>> {
        stmts.iter().map(|s| self.stmt(s)).collect()
    }

    fn stmt(&mut self, stmt: &ast::Stmt<'_>) -> Lowered<Stmt> {
        use ast::Stmt as S;
        Ok(match stmt {
            S::Template(t) => Stmt::Block(self.body(&t.children)?),
            S::EmitRaw(raw) => Stmt::Raw(Arc::from(raw.raw)),
            S::EmitExpr(e) => Stmt::Emit(self.expr(&e.expr)?),
            S::IfCond(c) => Stmt::If(
                self.expr(&c.expr)?,
                self.body(&c.true_body)?,
                self.body(&c.false_body)?,
            ),
            S::ForLoop(f) => Stmt::For(Arc::new(For {
                target: self.target(&f.target)?,
                iter: self.expr(&f.iter)?,
                filter: f.filter_expr.as_ref().map(|e| self.expr(e)).transpose()?,
                recursive: f.recursive,
                body: self.body(&f.body)?,
                otherwise: self.body(&f.else_body)?,
            })),
            S::Set(s) => Stmt::Set(self.target(&s.target)?, self.expr(&s.expr)?),
            S::SetBlock(s) => Stmt::SetBlock(
                self.target(&s.target)?,
                self.body(&s.body)?,
                s.filter
                    .as_ref()
                    .map_or(Ok(Vec::new()), |f| self.filter_chain(f))?,
            ),
            S::WithBlock(w) => Stmt::With(
                w.assignments
                    .iter()
                    .map(|(t, e)| Ok((self.target(t)?, self.expr(e)?)))
                    .collect::<Lowered<_>>()?,
                self.body(&w.body)?,
            ),
            S::FilterBlock(f) => {
                Stmt::FilterBlock(self.filter_chain(&f.filter)?, self.body(&f.body)?)
            }
            S::AutoEscape(a) => {
                return self.fault("`autoescape` is not supported", a.span());
            }
            S::Block(b) => Stmt::Block(self.body(&b.body)?),
            S::Import(s) => Stmt::Load(s.span().into()),
            S::FromImport(s) => Stmt::Load(s.span().into()),
            S::Extends(s) => Stmt::Load(s.span().into()),
            S::Include(s) => Stmt::Load(s.span().into()),
            S::Macro(m) => Stmt::Macro(self.macro_code(m)?),
            S::CallBlock(c) => Stmt::Call(
                Box::new(self.call(&c.call)?),
                self.macro_code(&c.macro_decl)?,
                c.span().into(),
            ),
            // jinja2 has it as an extension that the reference does not load.
            S::Do(d) => return self.fault("unknown statement `do`", d.span()),
        })
    }

    fn macro_code(&mut self, m: &ast::Macro<'_>) -> Lowered<Arc<MacroCode>> {
        let args = m
            .args
            .iter()
            .map(|a| match a {
                ast::Expr::Var(v) => Ok(Arc::from(v.id)),
                other => self.fault("the argument is no name", other.span()),
            })
            .collect::<Lowered<_>>()?;
        Ok(Arc::new(MacroCode {
            name: Arc::from(m.name),
            args,
            defaults: m
                .defaults
                .iter()
                .map(|e| self.expr(e))
                .collect::<Lowered<_>>()?,
            body: self.body(&m.body)?,
        }))
    }

    fn target(&mut self, expr: &ast::Expr<'_>) -> Lowered<Target> {
        Ok(match expr {
            ast::Expr::Var(v) => Target::Name(Arc::from(v.id)),
            ast::Expr::List(l) => Target::Tuple(
                l.items
                    .iter()
                    .map(|i| self.target(i))
                    .collect::<Lowered<_>>()?,
            ),
            ast::Expr::Tuple(l) => Target::Tuple(
                l.items
                    .iter()
                    .map(|i| self.target(i))
                    .collect::<Lowered<_>>()?,
            ),
            ast::Expr::GetAttr(a) => match &a.expr {
                ast::Expr::Var(v) => Target::Attr(Arc::from(v.id), Arc::from(a.name)),
                other => return self.fault("cannot assign to this", other.span()),
            },
            other => return self.fault("cannot assign to this", other.span()),
        })
    }

    /// `a | b | c` of a block: innermost first.
    fn filter_chain(&mut self, expr: &ast::Expr<'_>) -> Lowered<Vec<FilterCall>> {
        let ast::Expr::Filter(f) = expr else {
            return self.fault("a filter is expected", expr.span());
        };
        let mut chain = f
            .expr
            .as_ref()
            .map_or(Ok(Vec::new()), |inner| self.filter_chain(inner))?;
        chain.push(self.filter_call(f)?);
        Ok(chain)
    }

    fn filter_call(&mut self, f: &ast::Spanned<ast::Filter<'_>>) -> Lowered<FilterCall> {
        let Some(filter) = find_filter(f.name) else {
            // The span reaches over the arguments.
            let name = error::Span::at(f.span(), f.name.len());
            let message = format!("no filter named `{}`", f.name);
            let fault = TemplateError::new(message, self.source, Some(name));
            return Err(fault.meant(f.name, filter_names()));
        };
        Ok(FilterCall {
            filter,
            args: self.args(&f.args)?,
            span: f.span().into(),
        })
    }

    fn exprs(&mut self, exprs: &[ast::Expr<'_>]) -> Lowered<Vec<Expr>> {
        exprs.iter().map(|e| self.expr(e)).collect()
    }

    fn boxed(&mut self, expr: &ast::Expr<'_>) -> Lowered<Box<Expr>> {
        self.expr(expr).map(Box::new)
    }

    fn expr(&mut self, expr: &ast::Expr<'_>) -> Lowered<Expr> {
        if self.depth >= MAX_DEPTH {
            return self.fault("the expression is too deep", expr.span());
        }
        self.depth += 1;
        let lowered = self.expr_inside(expr);
        self.depth -= 1;
        lowered
    }

    fn expr_inside(&mut self, expr: &ast::Expr<'_>) -> Lowered<Expr> {
        use ast::Expr as E;
        let span = expr.span();
        let kind = match expr {
            E::Const(c) => match constant(&c.value) {
                Some(value) => ExprKind::Const(value),
                None => return self.fault("the constant is not supported", span),
            },
            E::Var(v) => ExprKind::Var(Arc::from(v.id)),
            E::GetAttr(a) => {
                self.mutates |= MUTATORS.contains(&a.name);
                ExprKind::Attr(self.boxed(&a.expr)?, Arc::from(a.name))
            }
            E::GetItem(i) => ExprKind::Item(self.boxed(&i.expr)?, self.boxed(&i.subscript_expr)?),
            E::Slice(s) => {
                let mut bound = |e: &Option<E<'_>>| match e {
                    Some(e) => self.expr(e),
                    None => Ok(Expr {
                        span: span.into(),
                        kind: ExprKind::Const(TValue::None),
                    }),
                };
                let bounds = (bound(&s.start)?, bound(&s.stop)?, bound(&s.step)?);
                ExprKind::Slice(Box::new([
                    self.expr(&s.expr)?,
                    bounds.0,
                    bounds.1,
                    bounds.2,
                ]))
            }
            E::UnaryOp(u) => match u.op {
                ast::UnaryOpKind::Not => ExprKind::Not(self.boxed(&u.expr)?),
                ast::UnaryOpKind::Neg => ExprKind::Neg(self.boxed(&u.expr)?),
            },
            E::BinOp(b) => self.binary(b)?,
            E::Compare(c) => ExprKind::Compare(
                self.boxed(&c.expr)?,
                c.ops
                    .iter()
                    .map(|op| Ok((comparison(op.op), self.expr(&op.expr)?)))
                    .collect::<Lowered<_>>()?,
            ),
            E::IfExpr(i) => ExprKind::If(
                Box::new([self.expr(&i.test_expr)?, self.expr(&i.true_expr)?]),
                i.false_expr.as_ref().map(|e| self.boxed(e)).transpose()?,
            ),
            E::Filter(f) => {
                let Some(inner) = &f.expr else {
                    return self.fault("a filter needs a value", span);
                };
                ExprKind::Filter(Box::new(self.filter_call(f)?), self.boxed(inner)?)
            }
            E::Test(t) => {
                let Some(test) = find_test(t.name) else {
                    let message = format!("no test named `{}`", t.name);
                    let fault = TemplateError::new(message, self.source, Some(span.into()));
                    return Err(fault.meant(t.name, test_names()));
                };
                ExprKind::Test(Box::new(TestCall {
                    test,
                    subject: self.expr(&t.expr)?,
                    args: self.args(&t.args)?,
                }))
            }
            E::Call(c) => ExprKind::Call(Box::new(self.call(c)?)),
            E::List(l) => ExprKind::List(self.exprs(&l.items)?),
            E::Tuple(t) => ExprKind::Tuple(self.exprs(&t.items)?),
            E::Map(m) => ExprKind::Dict(
                m.keys
                    .iter()
                    .zip(&m.values)
                    .map(|(k, v)| Ok((self.expr(k)?, self.expr(v)?)))
                    .collect::<Lowered<_>>()?,
            ),
        };
        let mut span = error::Span::from(span);
        // The parser has what is taken from a value begin behind it.
        let first = match &kind {
            ExprKind::Attr(of, _) | ExprKind::Item(of, _) | ExprKind::Filter(_, of) => Some(&**of),
            ExprKind::Call(call) => Some(&call.callee),
            ExprKind::Slice(parts) => parts.first(),
            ExprKind::Test(test) => Some(&test.subject),
            _ => None,
        };
        if let Some(first) = first {
            span.start = span.start.min(first.span.start);
        }
        Ok(Expr { span, kind })
    }

    fn binary(&mut self, b: &ast::BinOp<'_>) -> Lowered<ExprKind> {
        use ast::BinOpKind as B;
        let operator = match b.op {
            B::ScAnd => return Ok(ExprKind::And(self.boxed(&b.left)?, self.boxed(&b.right)?)),
            B::ScOr => return Ok(ExprKind::Or(self.boxed(&b.left)?, self.boxed(&b.right)?)),
            B::Concat => {
                let mut parts = Vec::new();
                let left = self.expr(&b.left)?;
                match left.kind {
                    ExprKind::Concat(inner) => parts.extend(inner),
                    kind => parts.push(Expr {
                        span: left.span,
                        kind,
                    }),
                }
                parts.push(self.expr(&b.right)?);
                return Ok(ExprKind::Concat(parts));
            }
            B::Add => Operator::Add,
            B::Sub => Operator::Sub,
            B::Mul => Operator::Mul,
            B::Div => Operator::Div,
            B::FloorDiv => Operator::FloorDiv,
            B::Rem => Operator::Rem,
            B::Pow => Operator::Pow,
            B::Eq | B::Ne | B::Lt | B::Lte | B::Gt | B::Gte | B::In => {
                let op = match b.op {
                    B::Eq => Comparison::Eq,
                    B::Ne => Comparison::Ne,
                    B::Lt => Comparison::Lt,
                    B::Lte => Comparison::Le,
                    B::Gt => Comparison::Gt,
                    B::Gte => Comparison::Ge,
                    _ => Comparison::In,
                };
                return Ok(ExprKind::Compare(
                    self.boxed(&b.left)?,
                    vec![(op, self.expr(&b.right)?)],
                ));
            }
        };
        Ok(ExprKind::Binary(
            operator,
            self.boxed(&b.left)?,
            self.boxed(&b.right)?,
        ))
    }

    fn call(&mut self, c: &ast::Call<'_>) -> Lowered<Call> {
        Ok(Call {
            callee: self.expr(&c.expr)?,
            args: self.args(&c.args)?,
        })
    }

    fn args(&mut self, args: &[ast::CallArg<'_>]) -> Lowered<Vec<Arg>> {
        args.iter()
            .map(|arg| {
                Ok(match arg {
                    ast::CallArg::Pos(e) => Arg::Pos(self.expr(e)?),
                    ast::CallArg::Kwarg(name, e) => Arg::Key(Arc::from(*name), self.expr(e)?),
                    ast::CallArg::PosSplat(e) => Arg::Spread(self.expr(e)?),
                    ast::CallArg::KwargSplat(e) => Arg::SpreadKeys(self.expr(e)?),
                })
            })
            .collect()
    }
}

fn comparison(op: ast::CompareOpKind) -> Comparison {
    use ast::CompareOpKind as C;
    match op {
        C::Eq => Comparison::Eq,
        C::Ne => Comparison::Ne,
        C::Lt => Comparison::Lt,
        C::Lte => Comparison::Le,
        C::Gt => Comparison::Gt,
        C::Gte => Comparison::Ge,
        C::In => Comparison::In,
        C::NotIn => Comparison::NotIn,
    }
}

fn constant(value: &minijinja::Value) -> Option<TValue> {
    Some(match value.kind() {
        ValueKind::None | ValueKind::Undefined => TValue::None,
        ValueKind::Bool => TValue::Bool(value.is_true()),
        ValueKind::Number if value.is_integer() => match i64::try_from(value.clone()) {
            Ok(i) => TValue::Int(i),
            Err(_) => TValue::int(BigInt::from(u128::try_from(value.clone()).ok()?)),
        },
        ValueKind::Number => TValue::Float(f64::try_from(value.clone()).ok()?),
        ValueKind::String => TValue::str(value.as_str()?),
        _ => return None,
    })
}
