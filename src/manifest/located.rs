//! Values that know where they stand, although serde has no word for it.
//!
//! A value's own `Deserialize` asks for a newtype of a secret name. Our decoder knows the name and
//! lays the place aside for this thread; other decoders do not, and then there is none.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, Visitor};
use serde_json::Value;

use super::decode::decode_within;
use super::error::Error;
use super::lint::Lint;
use super::node::Node;
use super::place::{Place, Via};

/// The newtype that nobody else asks for.
pub(super) const LOCATED: &str = "$lowcode::located";

/// The message that stands for errors laid aside.
const ASIDE: &str = "$lowcode::aside";

thread_local! {
    static ASIDE_HERE: RefCell<Aside> = const {
        RefCell::new(Aside { here: None, errors: Vec::new(), lints: Vec::new() })
    };
}

/// What cannot be passed through serde's traits.
pub(super) struct Aside {
    here: Option<Here>,
    errors: Vec<Error>,
    lints: Vec<Lint>,
}

impl Aside {
    pub(super) fn put_here(here: Here) {
        ASIDE_HERE.with_borrow_mut(|aside| aside.here = Some(here));
    }

    fn take_here() -> Option<Here> {
        ASIDE_HERE.with_borrow_mut(|aside| aside.here.take())
    }

    /// The errors that a message stands for.
    pub(super) fn take_errors(message: &str) -> Option<Vec<Error>> {
        (message == ASIDE)
            .then(|| ASIDE_HERE.with_borrow_mut(|aside| std::mem::take(&mut aside.errors)))
    }

    /// The lints of decoders that ran inside of this one.
    pub(super) fn take_lints() -> Vec<Lint> {
        ASIDE_HERE.with_borrow_mut(|aside| std::mem::take(&mut aside.lints))
    }
}

/// Where a value stands.
#[derive(Clone, Debug)]
pub struct Here {
    /// Where it was written.
    pub at: Place,
    /// The `$ref`s that brought it here, innermost first.
    pub via: Via,
    /// `$parameters` of the nearest component around it, or of itself if it is one.
    pub parameters: Arc<serde_json::Map<String, Value>>,
    /// The way from the definition, with the type of the nearest component.
    pub path: String,
    /// The value as it was written.
    pub node: Node,
}

impl Here {
    /// A mistake inside of the value, with its own place.
    ///
    /// It goes through `E` whole, if `E` belongs to the decoder that is running.
    pub fn mistake<E: de::Error>(&self, error: Error) -> E {
        let mut error = error.through(&self.via);
        error.path.clone_from(&self.path);
        ASIDE_HERE.with_borrow_mut(|aside| aside.errors = vec![error]);
        E::custom(ASIDE)
    }

    /// Decodes the value as something else: for fields that may hold, say, text or a component.
    ///
    /// The places of all mistakes go through `E`, if `E` belongs to the decoder that is running.
    pub fn decode<T: DeserializeOwned, E: de::Error>(&self) -> Result<T, E> {
        let mut lints = Vec::new();
        let done = decode_within(&self.node, Arc::clone(&self.parameters), &mut lints);
        ASIDE_HERE.with_borrow_mut(|aside| aside.lints.extend(lints));
        done.map_err(|errors| {
            ASIDE_HERE.with_borrow_mut(|aside| aside.errors = errors);
            E::custom(ASIDE)
        })
    }
}

/// Decodes a `T` and says where it stood: custom `Deserialize` impls call this with their own
/// deserializer. There is no [`Here`] when that is not the manifest's.
pub fn located<'de, D, T>(deserializer: D) -> Result<(Option<Here>, T), D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Located<T>(PhantomData<T>);

    macro_rules! scalar {
        ($($visit:ident: $type:ty => $wrap:ident),* $(,)?) => { $(
            fn $visit<E: de::Error>(self, value: $type) -> Result<Self::Value, E> {
                let found = T::deserialize(de::value::$wrap::<E>::new(value))?;
                Ok((None, found))
            }
        )* };
    }

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Located<T> {
        type Value = (Option<Here>, T);

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a value")
        }

        fn visit_newtype_struct<D: Deserializer<'de>>(
            self,
            deserializer: D,
        ) -> Result<Self::Value, D::Error> {
            let here = Aside::take_here();
            Ok((here, T::deserialize(deserializer)?))
        }

        // Decoders that do not know newtypes come straight with the value.
        scalar! {
            visit_bool: bool => BoolDeserializer,
            visit_i64: i64 => I64Deserializer,
            visit_u64: u64 => U64Deserializer,
            visit_f64: f64 => F64Deserializer,
            visit_str: &str => StrDeserializer,
            visit_string: String => StringDeserializer,
        }

        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok((
                None,
                T::deserialize(de::value::UnitDeserializer::<E>::new())?,
            ))
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
            let found = T::deserialize(de::value::SeqAccessDeserializer::new(seq))?;
            Ok((None, found))
        }

        fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            let found = T::deserialize(de::value::MapAccessDeserializer::new(map))?;
            Ok((None, found))
        }
    }

    deserializer.deserialize_newtype_struct(LOCATED, Located(PhantomData))
}

/// A value kept as it was written, to be decoded later.
#[derive(Clone, Debug)]
pub struct Raw(pub Node);

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        struct Untouched;

        impl<'de> Visitor<'de> for Untouched {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<Raw, D::Error> {
                if let Some(here) = Aside::take_here() {
                    return Ok(Raw(here.node));
                }
                let nowhere = Place {
                    file: "".into(),
                    line: 0,
                    column: 0,
                };
                let value = Value::deserialize(deserializer)?;
                Ok(Raw(Node::from_json(&value, &nowhere)))
            }
        }

        deserializer.deserialize_newtype_struct(LOCATED, Untouched)
    }
}

impl JsonSchema for Raw {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Raw")
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object" })
    }
}
