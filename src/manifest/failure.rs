//! The decoder's error: what went wrong, and, as soon as it is known, where.

use std::fmt;

use serde::de;

use super::error::Error;
use super::frame::Frame;
use super::lint::{did_you_mean, nearest};
use super::located::Aside;
use super::node::{Map, Node};
use super::place::{Place, Via};

/// Boxed, since every step of decoding returns it.
#[derive(Debug)]
pub(super) struct Failure(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    spot: Option<Spot>,
}

#[derive(Debug)]
enum Kind {
    Message(String),
    Missing(&'static str),
    Variant(String, &'static [&'static str]),
    /// Mistakes that were found by a decoder inside of this one, with their own places.
    Known(Vec<Error>),
}

#[derive(Debug)]
struct Spot {
    at: Place,
    via: Via,
    path: String,
    /// Names the value in the tree that is decoded, so that it can be passed over.
    id: String,
    /// The type of the component, if it is one.
    component: Option<String>,
    /// A key that stands there and is spelt nearly as the field that is missing.
    near: Option<String>,
    /// The Python class that the component names, and where.
    class: Option<(String, Place)>,
}

/// The `class_name` of a component.
fn class_of(node: &Node) -> Option<(String, Place)> {
    let class = node.get("class_name")?;
    Some((class.as_str()?.to_owned(), class.at.clone()))
}

impl Failure {
    fn new(kind: Kind) -> Failure {
        Failure(Box::new(Inner { kind, spot: None }))
    }

    pub(super) fn known(errors: Vec<Error>) -> Failure {
        Failure::new(Kind::Known(errors))
    }

    /// Says where, unless it is known already.
    pub(super) fn in_frame(self, frame: &Frame<'_>) -> Failure {
        self.at(frame, &frame.node.at)
    }

    /// The same, for a place that is not the value's own.
    pub(super) fn at(mut self, frame: &Frame<'_>, at: &Place) -> Failure {
        if self.0.spot.is_none() {
            let keys = frame.node.as_map().into_iter().flat_map(Map::keys);
            let near = (self.missing())
                .and_then(|field| nearest(field, keys.map(AsRef::as_ref)))
                .map(str::to_owned);
            self.0.spot = Some(Spot {
                at: at.clone(),
                via: frame.via.clone(),
                path: frame.path(),
                id: frame.id(),
                component: frame.node.type_name().map(str::to_owned),
                near,
                class: class_of(frame.node),
            });
        }
        self
    }

    /// The value that failed.
    pub(super) fn id(&self) -> &str {
        self.0.spot.as_ref().map_or("", |spot| &spot.id)
    }

    /// The field that is missing, if that is what went wrong.
    pub(super) fn missing(&self) -> Option<&'static str> {
        match &self.0.kind {
            Kind::Missing(field) => Some(field),
            _ => None,
        }
    }

    pub(super) fn into_errors(self, fallback: &Place) -> Vec<Error> {
        let Inner { kind, mut spot } = *self.0;
        let class = spot.as_mut().and_then(|spot| spot.class.take());
        let mut help = None;
        let component = spot.as_ref().and_then(|spot| spot.component.as_deref());
        let message = match kind {
            Kind::Message(message) => message,
            Kind::Known(errors) => return errors,
            Kind::Missing(field) => {
                let near = spot.as_ref().and_then(|spot| spot.near.as_deref());
                help = near.map(|near| format!("there is `{near}`; did you mean `{field}`?"));
                match component {
                    Some(component) => format!("missing field `{field}` of `{component}`"),
                    None => format!("missing field `{field}`"),
                }
            }
            Kind::Variant(_, expected) if let Some((class, at)) = class => {
                if let Some(spot) = &mut spot {
                    spot.at = at;
                }
                help = Some(format!("write it as {}", one_of(expected)));
                format!("the class `{class}` is Python, which lowcode does not run")
            }
            Kind::Variant(found, expected) => {
                help = did_you_mean(&found, expected.iter().copied());
                let what = if component.is_some() { "type" } else { "value" };
                format!("unknown {what} `{found}`, expected {}", one_of(expected))
            }
        };
        let mut error = match spot {
            Some(spot) => {
                let mut error = Error::new(message, &spot.at).through(&spot.via);
                error.path = spot.path;
                error
            }
            None => Error::new(message, fallback),
        };
        error.help = help;
        vec![error]
    }
}

/// `a`, `b` or `c`.
pub(super) fn one_of(names: &[&str]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [one] => format!("`{one}`"),
        [first @ .., last] => format!("`{}` or `{last}`", first.join("`, `")),
    }
}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Failure {
        let message = message.to_string();
        match Aside::take_errors(&message) {
            Some(errors) => Failure::known(errors),
            None => Failure::new(Kind::Message(message)),
        }
    }

    fn missing_field(field: &'static str) -> Failure {
        Failure::new(Kind::Missing(field))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Failure {
        Failure::new(Kind::Variant(variant.to_owned(), expected))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.kind {
            Kind::Message(message) => f.write_str(message),
            Kind::Missing(field) => write!(f, "missing field `{field}`"),
            Kind::Variant(found, _) => write!(f, "unknown `{found}`"),
            Kind::Known(errors) => write!(f, "{} mistakes", errors.len()),
        }
    }
}

impl std::error::Error for Failure {}
