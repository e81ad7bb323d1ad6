//! Arguments of a call, and Python's way of binding them to names.

use std::sync::Arc;

use crate::template::error::{Eval, Fault};
use crate::template::value::TValue;

/// Evaluated arguments.
#[derive(Debug, Default)]
pub(crate) struct Args {
    pub(crate) pos: Vec<TValue>,
    pub(crate) named: Vec<(Arc<str>, TValue)>,
}

impl Args {
    pub(crate) fn of(pos: Vec<TValue>) -> Self {
        Self {
            pos,
            named: Vec::new(),
        }
    }

    /// Binds to `names`, of which the first `required` have to be given.
    pub(crate) fn bind<const N: usize>(
        self,
        function: &str,
        names: [&str; N],
        required: usize,
    ) -> Eval<[Option<TValue>; N]> {
        let mut bound = [const { None }; N];
        if self.pos.len() > N {
            return Err(Fault::types(format!(
                "`{function}` takes at most {N} arguments, {} were given",
                self.pos.len()
            )));
        }
        for (slot, value) in bound.iter_mut().zip(self.pos) {
            *slot = Some(value);
        }
        for (name, value) in self.named {
            match names.iter().position(|n| **n == *name) {
                Some(i) if bound.get(i).is_some_and(Option::is_none) => {
                    if let Some(slot) = bound.get_mut(i) {
                        *slot = Some(value);
                    }
                }
                Some(_) => {
                    return Err(Fault::types(format!(
                        "`{function}` got several values for `{name}`"
                    )));
                }
                None => {
                    return Err(Fault::types(format!(
                        "`{function}` has no argument `{name}`"
                    )));
                }
            }
        }
        if let Some(missing) = bound.iter().take(required).position(Option::is_none) {
            return Err(Fault::types(format!(
                "`{function}` needs the argument `{}`",
                names.get(missing).unwrap_or(&"")
            )));
        }
        Ok(bound)
    }

    /// Binds no argument at all.
    pub(crate) fn none(self, function: &str) -> Eval<()> {
        self.bind(function, [], 0).map(|[]| ())
    }

    /// Binds exactly one argument.
    pub(crate) fn one(self, function: &str, name: &str) -> Eval<TValue> {
        let [value] = self.bind(function, [name], 1)?;
        Ok(value.unwrap_or_default())
    }
}
