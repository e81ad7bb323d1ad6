//! Expressions.

use std::sync::Arc;

use super::call::{Callee, attribute};
use super::{Args, Machine, get_attr, get_item};
use crate::template::builtin::global;
use crate::template::compile::code::{Arg, Call, Comparison, Expr, ExprKind, FilterCall, TestCall};
use crate::template::error::{Eval, Fault, Missing, Span};
use crate::template::python::{compare, operators, repr};
use crate::template::value::{Dict, Key, Object, TValue, Undefined};

impl Machine<'_> {
    /// The value of an expression; a fault says where it happened.
    pub(super) fn expr(&mut self, expr: &Expr) -> Eval<TValue> {
        self.kind(expr).map_err(|mut fault| {
            fault.span.get_or_insert(expr.span);
            fault
        })
    }

    fn kind(&mut self, expr: &Expr) -> Eval<TValue> {
        Ok(match &expr.kind {
            ExprKind::Const(value) => value.clone(),
            ExprKind::Var(name) => self.variable(name),
            ExprKind::Attr(of, name) => {
                let found = get_attr(&self.expr(of)?, name)?;
                self.looked_up(found, of.span, expr.span)
            }
            ExprKind::Item(of, key) => {
                let value = self.expr(of)?;
                let key = self.expr(key)?;
                let found = get_item(&value, &key)?;
                self.looked_up(found, of.span, expr.span)
            }
            ExprKind::Slice(parts) => {
                let [of, start, stop, step] = &**parts;
                let of = self.expr(of)?;
                let (start, stop, step) = (self.expr(start)?, self.expr(stop)?, self.expr(step)?);
                of.slice(&start, &stop, &step)?
            }
            ExprKind::Call(call) => self.call(call, expr.span)?,
            ExprKind::Filter(filter, inner) => {
                let value = self.expr(inner)?;
                self.filter(filter, value)?
            }
            ExprKind::Test(test) => TValue::Bool(self.test(test)?),
            ExprKind::Not(inner) => TValue::Bool(!self.truth(inner)?),
            ExprKind::Neg(inner) => operators::negate(&self.expr(inner)?)?,
            ExprKind::And(a, b) => {
                let a = self.expr(a)?;
                if a.truth() { self.expr(b)? } else { a }
            }
            ExprKind::Or(a, b) => {
                let a = self.expr(a)?;
                if a.truth() { a } else { self.expr(b)? }
            }
            ExprKind::Binary(op, a, b) => {
                let a = self.expr(a)?;
                let b = self.expr(b)?;
                operators::binary(*op, &a, &b)?
            }
            ExprKind::Concat(parts) => {
                let mut text = String::new();
                for part in parts {
                    let value = self.expr(part)?;
                    repr::write_str(&mut text, &value);
                }
                TValue::from(text)
            }
            ExprKind::Compare(first, rest) => {
                let mut left = self.expr(first)?;
                for (op, right) in rest {
                    let right = self.expr(right)?;
                    if !compared(*op, &left, &right)? {
                        return Ok(TValue::Bool(false));
                    }
                    left = right;
                }
                TValue::Bool(true)
            }
            ExprKind::If(parts, otherwise) => {
                let [test, then] = &**parts;
                if self.truth(test)? {
                    self.expr(then)?
                } else if let Some(otherwise) = otherwise {
                    self.expr(otherwise)?
                } else {
                    TValue::undefined(
                        "the inline if-expression evaluated to false and no else section was defined",
                    )
                }
            }
            ExprKind::List(items) => TValue::list(self.all(items)?),
            ExprKind::Tuple(items) => TValue::tuple(self.all(items)?),
            ExprKind::Dict(pairs) => {
                let mut dict = Dict::with_capacity(pairs.len());
                for (key, value) in pairs {
                    let key = Key::new(self.expr(key)?.plain())?;
                    dict.insert(key, self.expr(value)?);
                }
                TValue::dict(dict)
            }
        })
    }

    /// Tells what is missing where it stands: `whole` is the look-up, `of` what is looked into.
    fn looked_up(&mut self, mut found: TValue, of: Span, whole: Span) -> TValue {
        if let TValue::Undefined(undefined) = &mut found
            && let Some(Undefined::Missing(missing)) = Arc::get_mut(undefined)
        {
            missing.spans = Some((of, whole));
            if let Some(missed) = &mut self.missed {
                missed.push(missing.clone());
            }
        }
        found
    }

    /// Notes the key of a `get` that is not there.
    fn got(&mut self, of: &TValue, spans: (Span, Span), args: &Args) {
        if let Some(missed) = &mut self.missed
            && let Some(key @ TValue::Str(name)) = args.pos.first()
            && of.item(key).is_none()
        {
            missed.push(Missing {
                of: of.clone(),
                key: Arc::clone(name),
                spans: Some(spans),
            });
        }
    }

    fn all(&mut self, items: &[Expr]) -> Eval<Vec<TValue>> {
        items.iter().map(|i| self.expr(i)).collect()
    }

    fn truth(&mut self, expr: &Expr) -> Eval<bool> {
        let value = self.expr(expr)?;
        Ok(value.truth())
    }

    /// A name that the template itself declared.
    pub(super) fn local(&self, name: &str) -> Option<TValue> {
        self.locals
            .iter()
            .rev()
            .find(|(n, _)| **n == *name)
            .map(|(_, v)| v.clone())
    }

    fn variable(&mut self, name: &Arc<str>) -> TValue {
        if !self.locals.is_empty()
            && let Some(value) = self.local(name)
        {
            return value;
        }
        if self.copying {
            if let Some((_, copy)) = self.copies.iter().find(|(n, _)| n == name) {
                return copy.clone();
            }
            if let Some(value) = self.names.lookup(name) {
                let copy = value.deep_copy();
                self.copies.push((Arc::clone(name), copy.clone()));
                return copy;
            }
        } else if let Some(value) = self.names.lookup(name) {
            return value;
        }
        if **name == *"self" {
            return TValue::object(Object::Template);
        }
        global(name).map_or_else(
            || TValue::undefined(format!("`{name}` is undefined")),
            |f| TValue::object(Object::Function(f)),
        )
    }

    pub(super) fn args(&mut self, args: &[Arg]) -> Eval<Args> {
        let mut bound = Args {
            pos: Vec::with_capacity(args.len()),
            named: Vec::new(),
        };
        for arg in args {
            match arg {
                Arg::Pos(e) => bound.pos.push(self.expr(e)?),
                Arg::Key(name, e) => bound.named.push((Arc::clone(name), self.expr(e)?)),
                Arg::Spread(e) => bound.pos.extend(self.expr(e)?.iterate()?),
                Arg::SpreadKeys(e) => match self.expr(e)?.plain() {
                    TValue::Dict(d) => {
                        for (key, value) in d.get().iter() {
                            let Some(name) = key.value().as_str() else {
                                return Err(Fault::types("keywords must be strings"));
                            };
                            bound.named.push((Arc::from(name), value.clone()));
                        }
                    }
                    other => {
                        return Err(Fault::types(format!(
                            "argument after ** must be a mapping, not `{}`",
                            other.type_name()
                        )));
                    }
                },
            }
        }
        Ok(bound)
    }

    fn call(&mut self, call: &Call, whole: Span) -> Eval<TValue> {
        let callee = match &call.callee.kind {
            ExprKind::Attr(of, name) => {
                let value = self.expr(of)?;
                if super::call::has_method(&value, name) {
                    if self.missed.is_some() && **name == *"get" {
                        let args = self.args(&call.args)?;
                        self.got(&value, (of.span, whole), &args);
                    }
                    Callee::Method(value, Arc::clone(name))
                } else {
                    let found = get_attr(&value, name)?;
                    Callee::Value(self.looked_up(found, of.span, call.callee.span))
                }
            }
            ExprKind::Var(name) if self.locals.is_empty() && self.names.lookup(name).is_none() => {
                match global(name) {
                    Some(function) => Callee::Function(function),
                    None => Callee::Value(self.variable(name)),
                }
            }
            _ => Callee::Value(self.expr(&call.callee)?),
        };
        let args = self.args(&call.args)?;
        self.invoke(callee, args)
    }

    pub(super) fn filter(&mut self, filter: &FilterCall, value: TValue) -> Eval<TValue> {
        let args = self.args(&filter.args)?;
        (filter.filter.call)(self, value, args).map_err(|mut fault| {
            fault.span.get_or_insert(filter.span);
            fault
        })
    }

    fn test(&mut self, test: &TestCall) -> Eval<bool> {
        let value = self.expr(&test.subject)?;
        let args = self.args(&test.args)?;
        (test.test.call)(&value, args)
    }
}

/// Whether a comparison holds.
pub(crate) fn compared(op: Comparison, a: &TValue, b: &TValue) -> Eval<bool> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    match op {
        Comparison::Eq => return Ok(compare::equal(a, b)),
        Comparison::Ne => return Ok(!compare::equal(a, b)),
        Comparison::In => return compare::contains(b, a),
        Comparison::NotIn => return compare::contains(b, a).map(|found| !found),
        _ => {}
    }
    let order = compare::order(a, b)?;
    Ok(match op {
        Comparison::Lt => order == Some(Less),
        Comparison::Le => matches!(order, Some(Less | Equal)),
        Comparison::Gt => order == Some(Greater),
        _ => matches!(order, Some(Greater | Equal)),
    })
}

/// `a.b.0` by a dotted path, as `map(attribute=…)` and its kin take it.
pub(crate) fn by_path(value: &TValue, path: &TValue) -> Eval<TValue> {
    let Some(text) = path.as_str() else {
        return get_item(value, path);
    };
    let mut value = value.clone();
    for part in text.split('.') {
        let key = part
            .parse::<i64>()
            .ok()
            .filter(|_| part.bytes().all(|b| b.is_ascii_digit()))
            .map_or_else(|| TValue::str(part), TValue::Int);
        value = get_item(&value, &key)?;
    }
    Ok(value)
}

/// Whether Python has such an attribute at all; used by `is callable`.
pub(crate) fn is_callable(value: &TValue) -> bool {
    match value {
        TValue::Missing | TValue::Undefined(_) => true,
        TValue::Object(o) => matches!(
            &**o,
            Object::Function(_) | Object::Method(..) | Object::Macro(_) | Object::Joiner(..)
        ),
        other => attribute(other, "__call__").is_some(),
    }
}
