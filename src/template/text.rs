//! `Template`: a text field of a component that may be a template.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

use super::compile::code::Code;
use super::compile::{Program, program};
use super::config::{Config, Scope};
use super::error::{Fault, FaultKind, Gap, TemplateError};
use super::eval::{Names, missed, render};
use super::field::context;
use super::value::TValue;
use super::{Literal, PyType};
use crate::manifest::{Here, Place};

/// Text that may be a Jinja template over the names of the scope `S`. Cheap to clone.
pub struct Template<S> {
    inner: Arc<Inner>,
    scope: PhantomData<fn(&S)>,
}

#[derive(Debug)]
struct Inner {
    source: Arc<str>,
    program: Arc<Program>,
    at: Option<Place>,
    parameters: Arc<Map<String, Value>>,
    parameter_value: OnceLock<TValue>,
    /// Whether the first value was the template's own text.
    is_plain: OnceLock<bool>,
}

impl<S: Scope> Template<S> {
    /// Compiles `text`, which stands nowhere and has no parameters.
    ///
    /// # Errors
    /// When the syntax is wrong, or a filter or test is unknown.
    pub fn new(text: &str) -> Result<Self, TemplateError> {
        Self::with(text, None, Arc::default())
    }

    /// Compiles `text` with its place and its component's parameters.
    ///
    /// # Errors
    /// When the syntax is wrong, or a filter or test is unknown.
    pub fn with(
        text: &str,
        at: Option<Place>,
        parameters: Arc<Map<String, Value>>,
    ) -> Result<Self, TemplateError> {
        let program = program(text).map_err(|e| e.placed(at.as_ref(), context::<S>()))?;
        Ok(Self {
            inner: Arc::new(Inner {
                source: Arc::from(text),
                program,
                at,
                parameters,
                parameter_value: OnceLock::new(),
                is_plain: OnceLock::new(),
            }),
            scope: PhantomData,
        })
    }

    pub(crate) fn here(text: &str, here: Option<&Here>) -> Result<Self, TemplateError> {
        Self::with(
            text,
            here.map(|h| h.at.clone()),
            here.map_or_else(Arc::default, |h| Arc::clone(&h.parameters)),
        )
    }

    /// The value, as airbyte-cdk's `InterpolatedString.eval`: an empty or undefined result is
    /// taken from the template's own text. A template whose first value is its own text, as after
    /// a `TypeError`, is taken for plain text from then on.
    ///
    /// # Errors
    /// When a name is not in scope, or Python would raise.
    pub fn eval(&self, scope: &S) -> Result<Literal, TemplateError> {
        self.eval_as(scope, &[])
    }

    /// [`Template::eval`], where a literal of a type that is not `valid` stays text. All types are
    /// valid when none is named.
    ///
    /// # Errors
    /// As [`Template::eval`].
    pub fn eval_as(&self, scope: &S, valid: &[PyType]) -> Result<Literal, TemplateError> {
        let code = match self.program() {
            Program::Literal(value) if valid.is_empty() => return Ok(value.clone()),
            Program::Literal(_) => false,
            _ => true,
        };
        if code && self.inner.is_plain.get() == Some(&true) {
            return Ok(Literal::Str(self.inner.source.to_string()));
        }
        // The default is the same template, which gives the same nothing again.
        let value = match self.render(scope)? {
            Rendered::Text(text) => literal(text, valid),
            Rendered::Undefined(fault) => return Err(self.fault(&fault, scope)),
        };
        if code {
            let source = &*self.inner.source;
            (self.inner.is_plain)
                .get_or_init(|| matches!(&value, Literal::Str(text) if text == source));
        }
        Ok(value)
    }

    /// The value, as airbyte-cdk's `JinjaInterpolation.eval`: an empty or undefined result gives
    /// way to `default`, which may be a template too; a literal of a type that is not `valid`
    /// stays text. All types are valid when none is named.
    ///
    /// # Errors
    /// When a name is not in scope, or Python would raise.
    pub fn eval_or(
        &self,
        scope: &S,
        default: Option<&str>,
        valid: &[PyType],
    ) -> Result<Literal, TemplateError> {
        if let Rendered::Text(text) = self.render(scope)?
            && !text.is_empty()
        {
            return Ok(literal(text, valid));
        }
        let Some(default) = default else {
            return Ok(Literal::None);
        };
        let default = Self::with(
            default,
            self.inner.at.clone(),
            Arc::clone(&self.inner.parameters),
        )?;
        match default.render_unchecked(scope)? {
            Rendered::Text(text) => Ok(literal(text, valid)),
            Rendered::Undefined(fault) => Err(default.fault(&fault, scope)),
        }
    }

    /// The value as JSON.
    ///
    /// # Errors
    /// As [`Template::eval`].
    pub fn json(&self, scope: &S) -> Result<Value, TemplateError> {
        self.eval(scope).map(Literal::into_json)
    }

    /// Python's `str()` of the value.
    ///
    /// # Errors
    /// As [`Template::eval`].
    pub fn text(&self, scope: &S) -> Result<String, TemplateError> {
        match self.eval(scope)? {
            Literal::Str(text) => Ok(text),
            other => Ok(other.to_python_str()),
        }
    }

    /// The first key that it looks up in vain: why it comes out as nothing. It is evaluated once
    /// more for that. The keys that there are need all of what is looked into; they are left out
    /// unless wanted.
    pub fn gap(&self, scope: &S, with_keys: bool) -> Option<Gap> {
        let code = self.code()?;
        let names = Bound {
            scope,
            inner: &self.inner,
        };
        let missed = missed(code, &names);
        let first = missed.first()?;
        Some(Gap::of(first, with_keys, &self.inner.source, self.at()))
    }

    fn fault(&self, fault: &Fault, scope: &S) -> TemplateError {
        let mut names = context::<S>();
        names.retain(|name| {
            *name == "parameters" || *name == "config" || { scope.lookup(unalias(name)).is_some() }
        });
        fault
            .told(&self.inner.source, &names)
            .placed(self.inner.at.as_ref(), names)
    }

    fn render(&self, scope: &S) -> Result<Rendered, TemplateError> {
        if let Program::Forbidden = self.program() {
            let fault = Fault::other(FORBIDDEN);
            return Err(self.fault(&fault, scope));
        }
        self.render_unchecked(scope)
    }

    fn render_unchecked(&self, scope: &S) -> Result<Rendered, TemplateError> {
        let code = match self.program() {
            Program::Literal(_) | Program::Forbidden => {
                return Ok(Rendered::Text(super::compile::plain_text(
                    &self.inner.source,
                )));
            }
            Program::Code(code) => code,
        };
        let names = Bound {
            scope,
            inner: &self.inner,
        };
        match render(code, &names) {
            Ok(text) => Ok(Rendered::Text(text)),
            Err(fault) => match fault.kind {
                FaultKind::Type => Ok(Rendered::Text(self.inner.source.to_string())),
                FaultKind::Undefined => Ok(Rendered::Undefined(fault)),
                FaultKind::Other => Err(self.fault(&fault, scope)),
            },
        }
    }
}

/// What airbyte-cdk 7.39.1 says (`jinja.py`).
const FORBIDDEN: &str = "`stream_state` is no longer supported for interpolation. We recommend using `stream_interval` instead. Please reference the CDK Migration Guide for more information.";

enum Rendered {
    Text(String),
    Undefined(Box<Fault>),
}

fn literal(text: String, valid: &[PyType]) -> Literal {
    match super::python::literal::parse(&text) {
        Some(value) if valid.is_empty() || valid.iter().any(|t| t.holds(&value)) => value,
        _ => Literal::Str(text),
    }
}

impl<S> Template<S> {
    fn program(&self) -> &Program {
        &self.inner.program
    }

    /// What it was compiled to; none for plain text.
    pub(super) fn code(&self) -> Option<&Code> {
        match self.program() {
            Program::Code(code) => Some(code),
            Program::Literal(_) | Program::Forbidden => None,
        }
    }

    /// The template as its author wrote it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.inner.source
    }

    /// Where it stands in its manifest.
    #[must_use]
    pub fn at(&self) -> Option<&Place> {
        self.inner.at.as_ref()
    }

    /// `$parameters` of its component.
    #[must_use]
    pub fn parameters(&self) -> &Arc<Map<String, Value>> {
        &self.inner.parameters
    }

    /// Whether it may read `name`, or another name of the same thing. A literal reads nothing.
    #[must_use]
    pub fn reads(&self, name: &str) -> bool {
        let name = unalias(name);
        self.names().iter().any(|n| unalias(n) == name)
    }

    /// Whether it reads nothing but `config` and `parameters`: its value is the same all over.
    #[must_use]
    pub fn reads_only_config(&self) -> bool {
        self.names()
            .iter()
            .all(|n| matches!(&**n, "config" | "parameters"))
    }

    /// Whether it is plain text, which is always evaluated to the same value.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        matches!(self.program(), Program::Literal(_))
    }

    /// Names that it reads, macros and filters aside, as they are written.
    #[must_use]
    pub fn names(&self) -> &[Arc<str>] {
        match self.program() {
            Program::Code(code) => &code.reads,
            _ => &[],
        }
    }
}

/// The name that an alias stands for.
fn unalias(name: &str) -> &str {
    match name {
        "stream_interval" | "stream_partition" => "stream_slice",
        other => other,
    }
}

/// A scope and the template's own parameters.
struct Bound<'a, S> {
    scope: &'a S,
    inner: &'a Inner,
}

impl<S: Scope> Names for Bound<'_, S> {
    fn config(&self) -> &Config {
        self.scope.config()
    }

    fn lookup(&self, name: &str) -> Option<TValue> {
        match name {
            "config" => Some(self.scope.config().value().clone()),
            "parameters" => Some(
                self.inner
                    .parameter_value
                    .get_or_init(|| {
                        TValue::from_json(&Value::Object((*self.inner.parameters).clone()))
                    })
                    .clone(),
            ),
            other => self.scope.lookup(unalias(other)),
        }
    }
}

impl<S> Clone for Template<S> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            scope: PhantomData,
        }
    }
}

impl<S> fmt::Debug for Template<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.inner.source).finish()
    }
}

impl<S> PartialEq for Template<S> {
    fn eq(&self, other: &Self) -> bool {
        self.inner.source == other.inner.source && self.inner.parameters == other.inner.parameters
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::template::lazy::{Lazy, lazy};
    use crate::template::scope::{ConfigOnly, Record};

    fn config() -> Config {
        Config::new(json!({"a": 1}), Arc::new(Clock::new(Some(0), 0.0)))
    }

    #[test]
    fn it_says_what_it_reads_under_any_name() {
        let t = Template::<ConfigOnly>::new("{{ stream_interval.x or now_utc() }}").unwrap();
        assert!(t.reads("stream_slice") && t.reads("stream_partition"));
        assert!(!t.reads("now_utc") && !t.reads("record") && !t.reads_only_config());
        let t = Template::<ConfigOnly>::new("{% for r in config %}{{ r }}{% endfor %}").unwrap();
        assert!(t.reads_only_config() && t.reads("config") && !t.reads("r"));
    }

    #[test]
    fn a_template_that_gives_its_own_text_first_is_plain_text_from_then_on() {
        let record = |value| {
            Record::new(
                config(),
                super::super::json(&json!({"n": value})),
                TValue::None,
                None,
            )
        };
        let (text, number) = (record(json!("x")), record(json!(1)));
        let t = Template::new("{{ record.n + 1 }}").unwrap();
        assert_eq!(t.json(&text).unwrap(), "{{ record.n + 1 }}");
        assert_eq!(t.json(&number).unwrap(), "{{ record.n + 1 }}");
        let t = Template::new("{{ record.n + 1 }}").unwrap();
        assert_eq!(t.json(&number).unwrap(), 2);
        assert_eq!(t.json(&text).unwrap(), "{{ record.n + 1 }}");
        assert_eq!(t.json(&number).unwrap(), 2);
    }

    /// A record that may be asked for `x` alone.
    #[derive(Debug)]
    struct OnlyX;

    impl Lazy for OnlyX {
        fn get(&self, key: &str) -> Option<Value> {
            assert_eq!(key, "x", "only `x` is needed");
            Some(json!({"y": [1]}))
        }

        fn whole(&self) -> Value {
            panic!("nothing needs all of it")
        }
    }

    #[test]
    fn a_lazy_record_gives_the_asked_field_and_no_more() {
        let scope = Record::new(config(), lazy(Arc::new(OnlyX)), TValue::None, None);
        for text in ["{{ record.x.y[0] }}", "{{ record['x']['y'][0] }}"] {
            let t = Template::new(text).unwrap();
            assert_eq!(t.eval(&scope).unwrap(), Literal::Int(1), "{text}");
        }
    }

    #[test]
    fn an_endless_expression_is_an_error() {
        let text = format!("{{{{ {} }}}}", vec!["1"; 1000].join(" + "));
        let error = Template::<ConfigOnly>::new(&text).unwrap_err();
        assert!(error.message().contains("too deep"), "{error}");
    }
}
