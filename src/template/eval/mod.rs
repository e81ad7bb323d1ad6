//! Renders compiled templates as jinja2's sandbox does.
//!
//! In: [`Code`] and [`Names`]. Out: text, or the Python exception as a [`Fault`].

mod args;
mod call;
mod expr;
mod stmt;

use std::sync::{Arc, Mutex};

use super::compile::code::{Code, For, MacroCode};
use super::config::Config;
use super::error::{Eval, Fault, Missing};
use super::value::TValue;

pub(crate) use args::Args;
pub(crate) use call::{apply_method, attribute, get_attr, get_item};
pub(crate) use expr::{by_path, compared, is_callable};

/// Where names get their values from.
pub(crate) trait Names {
    /// The configuration, for its clock.
    fn config(&self) -> &Config;
    /// The value of a name; `None` when it is not in scope.
    fn lookup(&self, name: &str) -> Option<TValue>;
}

/// How deep macros and recursive loops may call each other.
const MAX_DEPTH: usize = 100;

/// How much text one evaluation may make: `{{ 'x' * 10 ** 10 }}` is an error, not an abort.
pub(crate) const MAX_TEXT: usize = 1 << 28;

/// Renders a template.
pub(crate) fn render(code: &Code, names: &dyn Names) -> Eval<String> {
    let mut machine = Machine::new(code, names);
    match machine.run(code) {
        Ok(()) => Ok(machine.out),
        Err(mut fault) => {
            fault.rendered = machine.out;
            Err(fault)
        }
    }
}

/// The keys that a template looks up in vain, in their order.
pub(crate) fn missed(code: &Code, names: &dyn Names) -> Vec<Missing> {
    let mut machine = Machine::new(code, names);
    machine.missed = Some(Vec::new());
    // A fault is told by whoever needs the value.
    let _ = machine.run(code);
    machine.missed.unwrap_or_default()
}

/// One evaluation.
pub(crate) struct Machine<'a> {
    names: &'a dyn Names,
    /// Names declared by the template, the last first in force.
    locals: Vec<(Arc<str>, TValue)>,
    /// Values of names that this evaluation may change, apart from everybody else's.
    copies: Vec<(Arc<str>, TValue)>,
    copying: bool,
    out: String,
    depth: usize,
    /// Keys that were looked up in vain, where somebody wants to know.
    missed: Option<Vec<Missing>>,
}

impl<'a> Machine<'a> {
    fn new(code: &Code, names: &'a dyn Names) -> Self {
        Self {
            names,
            locals: Vec::new(),
            copies: Vec::new(),
            copying: code.mutates,
            out: String::new(),
            depth: 0,
            missed: None,
        }
    }

    fn run(&mut self, code: &Code) -> Eval<()> {
        for (name, at) in code.reads.iter().zip(&code.read_at) {
            if self.names.lookup(name).is_none() {
                let mut fault = Fault::other(format!("`{name}` is not in scope"));
                fault.span = Some(*at);
                fault.unknown = Some(Arc::clone(name));
                return Err(fault);
            }
        }
        self.body(&code.body)
    }
}

impl Machine<'_> {
    /// Now, in UTC.
    pub(crate) fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.names.config().clock().now_utc()
    }

    /// What `run` writes, instead of writing it.
    fn captured(&mut self, run: impl FnOnce(&mut Self) -> Eval<()>) -> Eval<String> {
        let outer = std::mem::take(&mut self.out);
        let result = run(self);
        let inner = std::mem::replace(&mut self.out, outer);
        result.map(|()| inner)
    }

    /// Runs in a scope of its own: what is declared in it is gone afterwards.
    fn scoped(&mut self, run: impl FnOnce(&mut Self) -> Eval<()>) -> Eval<()> {
        let mark = self.locals.len();
        let result = run(self);
        self.locals.truncate(mark);
        result
    }

    fn deeper<T>(&mut self, run: impl FnOnce(&mut Self) -> Eval<T>) -> Eval<T> {
        if self.depth >= MAX_DEPTH {
            return Err(Fault::other("macros or loops call each other too deeply"));
        }
        self.depth += 1;
        let result = run(self);
        self.depth -= 1;
        result
    }
}

/// A macro and what was declared where it stands.
#[derive(Debug)]
pub struct Macro {
    pub(crate) name: Arc<str>,
    pub(crate) code: Arc<MacroCode>,
    pub(crate) locals: Vec<(Arc<str>, TValue)>,
}

/// `loop`: one iteration of a `for`.
#[derive(Debug)]
pub struct Loop {
    pub(crate) index0: usize,
    pub(crate) length: usize,
    pub(crate) depth0: usize,
    pub(crate) previous: Option<TValue>,
    pub(crate) next: Option<TValue>,
    /// The loop itself where it is recursive: `loop(items)` runs it again.
    pub(crate) code: Option<Arc<For>>,
    /// What `loop.changed()` was last asked with.
    pub(crate) seen: Arc<Mutex<Option<Vec<TValue>>>>,
}
