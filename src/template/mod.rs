//! Jinja templates of a manifest, with the results that the reference gets from them.
//!
//! In: a template's text, once, and then a [scope](Scope) of values each time. Out: the rendered
//! text turned back into a [`Literal`], as `airbyte_cdk`'s `JinjaInterpolation` does. It must not
//! know components, HTTP or records: values come in as [`TValue`], lazily where they are large.
//!
//! `minijinja` parses (`compile`); what the syntax tree means is Python's to say, so
//! `eval` walks it over Python-like values.

mod builtin;
mod compile;
mod condition;
mod config;
pub mod datetime;
mod error;
mod eval;
mod field;
mod json;
mod lazy;
mod python;
pub mod scope;
mod text;
mod threshold;
mod value;

pub(crate) use builtin::uuid4;
pub use condition::Condition;
pub use config::{Config, Scope};
pub use error::{Gap, TemplateError};
pub use json::JsonTemplate;
pub use lazy::{Lazy, headers, json, lazy, slice};
pub use python::literal::{Literal, PyType};
pub use text::Template;
pub use threshold::Number;
pub use value::TValue;
