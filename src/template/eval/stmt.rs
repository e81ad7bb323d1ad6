//! Statements.

use std::sync::{Arc, Mutex};

use super::call::Callee;
use super::{Loop, Machine, Macro};
use crate::template::compile::code::{Call, FilterCall, For, MacroCode, Stmt, Target};
use crate::template::error::{Eval, Fault};
use crate::template::python::repr;
use crate::template::value::{Key, Object, TValue};

impl Machine<'_> {
    pub(super) fn body(&mut self, stmts: &[Stmt]) -> Eval<()> {
        stmts.iter().try_for_each(|s| self.stmt(s))
    }

    fn stmt(&mut self, stmt: &Stmt) -> Eval<()> {
        match stmt {
            Stmt::Raw(text) => self.out.push_str(text),
            Stmt::Emit(expr) => {
                let value = self.expr(expr)?;
                repr::write_str(&mut self.out, &value);
                if self.out.len() > super::MAX_TEXT {
                    return Err(Fault::other("the text is too long"));
                }
            }
            Stmt::If(test, then, otherwise) => {
                let value = self.expr(test)?;
                self.body(if value.truth() { then } else { otherwise })?;
            }
            Stmt::For(f) => {
                let items = self.expr(&f.iter)?.iterate()?;
                self.for_loop(f, items, 0)?;
            }
            Stmt::Set(target, expr) => {
                let value = self.expr(expr)?;
                self.assign(target, value)?;
            }
            Stmt::SetBlock(target, body, filters) => {
                let text = self.captured(|m| m.scoped(|m| m.body(body)))?;
                let value = self.filtered(text, filters)?;
                self.assign(target, value)?;
            }
            Stmt::With(assignments, body) => self.scoped(|m| {
                let mut values = Vec::with_capacity(assignments.len());
                for (_, expr) in assignments {
                    values.push(m.expr(expr)?);
                }
                for ((target, _), value) in assignments.iter().zip(values) {
                    m.assign(target, value)?;
                }
                m.body(body)
            })?,
            Stmt::FilterBlock(filters, body) => {
                let text = self.captured(|m| m.scoped(|m| m.body(body)))?;
                let value = self.filtered(text, filters)?;
                repr::write_str(&mut self.out, &value);
            }
            Stmt::Macro(code) => {
                let value = self.macro_value(code);
                self.declare(&code.name, value);
            }
            Stmt::Call(call, code, at) => self.call_block(call, code).map_err(|mut fault| {
                fault.span.get_or_insert(*at);
                fault
            })?,
            Stmt::Block(body) => self.scoped(|m| m.body(body))?,
            Stmt::Load(at) => {
                let mut fault = Fault::types("there are no other templates to load");
                fault.span = Some(*at);
                return Err(fault);
            }
        }
        Ok(())
    }

    fn filtered(&mut self, text: String, filters: &[FilterCall]) -> Eval<TValue> {
        let mut value = TValue::from(text);
        for filter in filters {
            value = self.filter(filter, value)?;
        }
        Ok(value)
    }

    fn macro_value(&self, code: &Arc<MacroCode>) -> TValue {
        TValue::object(Object::Macro(Arc::new(Macro {
            name: Arc::clone(&code.name),
            code: Arc::clone(code),
            locals: self.locals.clone(),
        })))
    }

    fn call_block(&mut self, call: &Call, code: &Arc<MacroCode>) -> Eval<()> {
        let caller = self.macro_value(code);
        let mut args = self.args(&call.args)?;
        args.named.push((Arc::from("caller"), caller));
        let callee = self.expr(&call.callee)?;
        let value = self.invoke(Callee::Value(callee), args)?;
        repr::write_str(&mut self.out, &value);
        Ok(())
    }

    /// Declares a name in the scope that is in force.
    pub(super) fn declare(&mut self, name: &Arc<str>, value: TValue) {
        self.locals.push((Arc::clone(name), value));
    }

    fn assign(&mut self, target: &Target, value: TValue) -> Eval<()> {
        match target {
            Target::Name(name) => self.declare(name, value),
            Target::Attr(of, name) => {
                let namespace = self.local(of);
                match namespace {
                    Some(TValue::Object(o)) => match &*o {
                        Object::Namespace(dict) => {
                            dict.update(|d| d.insert(Key::str(name), value));
                        }
                        _ => return Err(not_namespace()),
                    },
                    _ => return Err(not_namespace()),
                }
            }
            Target::Tuple(targets) => {
                let items = value.iterate()?;
                if items.len() != targets.len() {
                    return Err(Fault::other(format!(
                        "{} values are expected, {} were given",
                        targets.len(),
                        items.len()
                    )));
                }
                for (target, item) in targets.iter().zip(items) {
                    self.assign(target, item)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn for_loop(&mut self, f: &Arc<For>, items: Vec<TValue>, depth0: usize) -> Eval<()> {
        let items = match &f.filter {
            None => items,
            Some(filter) => {
                let mut kept = Vec::new();
                for item in items {
                    let mark = self.locals.len();
                    let passes = self
                        .assign(&f.target, item.clone())
                        .and_then(|()| self.expr(filter))
                        .map(|v| v.truth());
                    self.locals.truncate(mark);
                    if passes? {
                        kept.push(item);
                    }
                }
                kept
            }
        };
        if items.is_empty() {
            return self.scoped(|m| m.body(&f.otherwise));
        }
        let seen = Arc::new(Mutex::new(None));
        let name: Arc<str> = Arc::from("loop");
        for (index0, item) in items.iter().enumerate() {
            let state = Loop {
                index0,
                length: items.len(),
                depth0,
                code: f.recursive.then(|| Arc::clone(f)),
                previous: index0.checked_sub(1).and_then(|i| items.get(i)).cloned(),
                next: items.get(index0 + 1).cloned(),
                seen: Arc::clone(&seen),
            };
            self.scoped(|m| {
                m.declare(&name, TValue::object(Object::Loop(state)));
                m.assign(&f.target, item.clone())?;
                m.body(&f.body)
            })?;
        }
        Ok(())
    }
}

fn not_namespace() -> Box<Fault> {
    Fault::other("cannot assign attribute on non-namespace object")
}
