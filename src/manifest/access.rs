//! What serde's visitors go through: the items of a list, the entries of a mapping, the variant
//! of a component.

use std::sync::Arc;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, EnumAccess, IntoDeserializer as _, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

use super::decoder::{Decoder, Unknown};
use super::failure::{Failure, one_of};
use super::frame::{Frame, Run, Step};
use super::lint::Lint;
use super::node::{Entry, Map, Node, NodeValue};

/// The items of a list.
pub(super) struct Items<'a> {
    run: &'a Run,
    up: &'a Frame<'a>,
    items: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
}

impl<'a> Items<'a> {
    pub(super) fn new(run: &'a Run, up: &'a Frame<'a>, items: &'a [Node]) -> Items<'a> {
        Items {
            run,
            up,
            items: items.iter().enumerate(),
        }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failure> {
        for (i, node) in self.items.by_ref() {
            let frame = Frame {
                up: Some(self.up),
                step: Step::Index(i),
                node,
                via: node.via.within(&self.up.via),
                injected: false,
            };
            if self.run.skips(&frame) {
                continue;
            }
            return seed.deserialize(Decoder::new(self.run, frame)).map(Some);
        }
        Ok(None)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// The entries of a mapping.
pub(super) struct Entries<'a> {
    run: &'a Run,
    up: &'a Frame<'a>,
    entries: indexmap::map::Iter<'a, Arc<str>, Entry>,
    /// The struct's name and fields, if it is one.
    target: Option<(&'static str, &'static [&'static str])>,
    value: Option<Decoder<'a>>,
}

impl<'a> Entries<'a> {
    pub(super) fn of_map(run: &'a Run, up: &'a Frame<'a>, map: &'a Map) -> Entries<'a> {
        Entries {
            run,
            up,
            entries: map.iter(),
            target: None,
            value: None,
        }
    }

    pub(super) fn of_struct(
        run: &'a Run,
        up: &'a Frame<'a>,
        map: &'a Map,
        name: &'static str,
        fields: &'static [&'static str],
    ) -> Entries<'a> {
        Entries {
            target: Some((name, fields)),
            ..Entries::of_map(run, up, map)
        }
    }

    /// Says that another component stands where only one can.
    pub(super) fn check_type(&self) {
        let Some((name, fields)) = self.target else {
            return;
        };
        let entry = self.up.node.as_map().and_then(|map| map.get("type"));
        let Some(Entry {
            node: kind,
            injected: false,
            ..
        }) = entry
        else {
            return;
        };
        if fields.contains(&"type") || kind.as_str() == Some(name) {
            return;
        }
        if let Some(found) = kind.as_str() {
            self.run.lint(Lint {
                name: "other-type",
                message: format!("found a `{found}` where only a `{name}` can stand"),
                at: kind.at.clone(),
                via: self.up.via.clone(),
                help: None,
            });
        }
    }

    /// Whether an entry is no field of a struct but says what the struct is.
    fn is_about_itself(&self, key: &str) -> bool {
        self.target.is_some_and(|(_, fields)| {
            matches!(key, "type" | "$parameters") && !fields.contains(&key)
        })
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failure> {
        while let Some((key, entry)) = self.entries.next() {
            if self.is_about_itself(key) {
                continue;
            }
            let frame = Frame {
                up: Some(self.up),
                step: Step::Key(key),
                node: &entry.node,
                via: if entry.injected {
                    entry.node.via.clone()
                } else {
                    entry.node.via.within(&self.up.via)
                },
                injected: entry.injected,
            };
            if self.run.skips(&frame) {
                continue;
            }
            let unknown = match self.target {
                Some((owner, fields)) if !entry.injected => Some(Unknown {
                    key,
                    key_at: &entry.key_at,
                    owner,
                    fields,
                }),
                _ => None,
            };
            let text: StrDeserializer<'_, Failure> = (&**key).into_deserializer();
            let found = seed
                .deserialize(text)
                .map_err(|failure| failure.at(&frame, &entry.key_at))?;
            self.value = Some(Decoder {
                run: self.run,
                frame,
                unknown,
                chosen: false,
            });
            return Ok(Some(found));
        }
        Ok(None)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Failure> {
        let Some(decoder) = self.value.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        let frame = decoder.frame.clone();
        seed.deserialize(decoder)
            .map_err(|failure| failure.in_frame(&frame))
    }
}

/// The variant that a value names.
pub(super) struct Component<'a> {
    variant: &'a str,
    named_by: &'a Node,
}

impl<'a> Component<'a> {
    pub(super) fn new(
        decoder: &Decoder<'a>,
        variants: &'static [&'static str],
    ) -> Result<Component<'a>, Failure> {
        let node = decoder.frame.node;
        let fail = |message: String, at: &Node| {
            Err(<Failure as de::Error>::custom(message).at(&decoder.frame, &at.at))
        };
        match &node.value {
            NodeValue::Str(variant) => Ok(Component {
                variant,
                named_by: node,
            }),
            NodeValue::Map(map) => match map.get("type").map(|entry| &entry.node) {
                Some(named_by) => match &named_by.value {
                    NodeValue::Str(variant) => Ok(Component { variant, named_by }),
                    other => fail(
                        format!("`type` is {}, expected {}", other.kind(), one_of(variants)),
                        named_by,
                    ),
                },
                None => fail(
                    format!("missing `type`, expected {}", one_of(variants)),
                    node,
                ),
            },
            other => fail(
                format!(
                    "invalid type: {}, expected {}",
                    other.kind(),
                    one_of(variants)
                ),
                node,
            ),
        }
    }

    pub(super) fn of(self, decoder: Decoder<'a>) -> Variant<'a> {
        Variant {
            component: self,
            decoder,
        }
    }
}

/// A component about to be decoded as its variant.
pub(super) struct Variant<'a> {
    component: Component<'a>,
    decoder: Decoder<'a>,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Failure;
    type Variant = Variant<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Variant<'a>), Failure> {
        let name: StrDeserializer<'_, Failure> = self.component.variant.into_deserializer();
        let variant = seed
            .deserialize(name)
            .map_err(|failure| failure.at(&self.decoder.frame, &self.component.named_by.at))?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        seed.deserialize(Decoder {
            chosen: true,
            ..self.decoder
        })
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        serde::Deserializer::deserialize_seq(self.decoder, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let decoder = Decoder {
            chosen: true,
            ..self.decoder
        };
        decoder.fields("component", fields, visitor)
    }
}
