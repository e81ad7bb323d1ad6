//! `JsonItemsDecoder`.

use std::fmt;
use std::io::Read;

use schemars::JsonSchema;
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::encoding::Encoding;
use super::{Cut, Decode, Decoded, Each, PART};
use crate::message::Text;

/// Reads the items of one list of a JSON body.
///
/// For bodies of one large list: each item counts as a body of its own, and the rest is passed
/// over. The items are read one after the other: memory does not grow with the body. Templates see an
/// empty object as `response`. As airbyte-cdk 7.39.1,
/// `composite_raw_decoder.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct JsonItemsDecoder {
    /// Keys down to the list, with dots between them, such as `data.users`; `item` stands for the
    /// items of a list on the way.
    items_path: String,
    /// Character encoding of the body. Default: `utf-8`.
    #[serde(default)]
    encoding: Encoding,
}

impl Decode for JsonItemsDecoder {
    fn decode(&self, body: Vec<u8>, depth: usize) -> Decoded {
        let cut = Cut { depth, most: PART };
        Decoded::of_parts(|each| self.stream(&mut body.as_slice(), cut, each))
    }

    fn shows_body(&self) -> bool {
        false
    }

    fn stream(&self, content: &mut dyn Read, cut: Cut, each: &mut Each<'_>) {
        if self.items_path.is_empty() {
            each(Decoded::broken(
                "`items_path` of `JsonItemsDecoder` is empty",
            ));
            return;
        }
        let mut unchanged = |_: &mut String| Ok(());
        let text = self.encoding.reader(content, &mut unchanged);
        let mut body = serde_json::Deserializer::from_reader(text);
        let mut items = Items {
            list: Vec::new(),
            cut,
            each,
            is_wanted: true,
        };
        let below = Below {
            path: &self.items_path,
            items: &mut items,
        };
        let read = below.deserialize(&mut body).and_then(|()| body.end());
        items.finish(read.err().map(|error| match error.is_io() {
            true => error.to_string(),
            false => format!("the body is not JSON: {error}"),
        }));
    }
}

/// Items that were found, until there are enough for a part.
struct Items<'a, 'e> {
    /// JSON text: a list without its end.
    list: Vec<u8>,
    cut: Cut,
    each: &'a mut Each<'e>,
    is_wanted: bool,
}

/// Takes items, as long as more are wanted.
trait Take {
    fn take(&mut self, item: &RawValue) -> bool;
}

impl Take for Items<'_, '_> {
    fn take(&mut self, item: &RawValue) -> bool {
        self.list
            .push(if self.list.is_empty() { b'[' } else { b',' });
        self.list.extend_from_slice(item.get().as_bytes());
        if self.list.len() >= self.cut.most {
            self.hand_out(None);
        }
        self.is_wanted
    }
}

impl Items<'_, '_> {
    fn hand_out(&mut self, broken: Option<String>) {
        let mut list = std::mem::take(&mut self.list);
        let mut part = Decoded::default();
        if !list.is_empty() {
            list.push(b']');
            match Text::parse(list, self.cut.depth + 1) {
                Ok(list) => part.documents = list.items().collect(),
                Err(fault) => part.broken = Some(fault.to_string()),
            }
        }
        part.broken = part.broken.or(broken);
        let is_broken = part.broken.is_some();
        self.is_wanted = (self.each)(part) && !is_broken;
    }

    fn finish(mut self, broken: Option<String>) {
        if self.is_wanted && (broken.is_some() || !self.list.is_empty()) {
            self.hand_out(broken);
        }
    }
}

/// A value within which the list is looked for, by what is left of the path; nothing is left at the
/// list itself. Whatever else is there is passed over.
struct Below<'p, 'i> {
    path: &'p str,
    items: &'i mut dyn Take,
}

impl<'p> Below<'p, '_> {
    /// What is left of the path below `key`, which may hold dots.
    fn rest(&self, key: &str) -> Option<&'p str> {
        match self.path.strip_prefix(key)? {
            _ if self.path.is_empty() => None,
            "" => Some(""),
            rest => rest.strip_prefix('.').filter(|rest| !rest.is_empty()),
        }
    }

    fn child<'s>(&'s mut self, path: &'p str) -> Below<'p, 's> {
        Below {
            path,
            items: self.items,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Below<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Below<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match self.rest(&key) {
                Some(path) => map.next_value_seed(self.child(path))?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        if self.path.is_empty() {
            while let Some(item) = list.next_element::<Box<RawValue>>()? {
                if !self.items.take(&item) {
                    return Err(de::Error::custom("no more items are wanted"));
                }
            }
            return Ok(());
        }
        let path = self.rest("item");
        loop {
            let more = match path {
                Some(path) => list.next_element_seed(self.child(path))?.is_some(),
                None => list.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                return Ok(());
            }
        }
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{page, values};

    fn items(path: &str, body: &str) -> Vec<serde_json::Value> {
        let yaml = format!("{{type: JsonItemsDecoder, items_path: '{path}'}}");
        values(&yaml, body.as_bytes())
    }

    #[test]
    fn finds_the_items_of_a_nested_list() {
        let body = r#"{"n": 2, "data": {"users": [{"id": 1}, 2]}, "a.b": [3], "l": [[4], [5]]}"#;
        assert_eq!(items("data.users", body), [json!({"id": 1}), json!(2)]);
        assert_eq!(items("a.b", body), [json!(3)]);
        assert_eq!(items("l.item", body), [json!(4), json!(5)]);
        assert!(items("data", body).is_empty());
        assert!(items("nope", body).is_empty());
    }

    #[test]
    fn other_encodings_and_broken_bodies() {
        let yaml = "{type: JsonItemsDecoder, items_path: a, encoding: latin-1}";
        assert_eq!(values(yaml, b"{\"a\": [\"\xe9\"]}"), [json!("é")]);
        assert!(page(yaml, b"{\"a\": [").broken.is_some());
    }
}
