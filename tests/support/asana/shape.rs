//! Records made from the schemas of `asana.yaml`: every field has a value somewhere, and each is null somewhere.

use serde_json::{Map, Value, json};

/// The schemas of the manifest, by stream.
pub(super) struct Shapes(Value);

impl Shapes {
    pub(super) fn of(manifest: &str) -> Self {
        let mut document: Value = serde_yaml::from_str(manifest).expect("asana.yaml is YAML");
        Self(document["schemas"].take())
    }

    /// The `n`th record of a stream's shape; `n` decides what is null and how long arrays are.
    pub(super) fn record(&self, stream: &str, resource_type: &str, gid: &str, n: usize) -> Value {
        let mut fill = Fill { gid, n, fields: 0 };
        let mut record = Map::new();
        for (name, schema) in self.properties(stream) {
            let value = match name.as_str() {
                "gid" => json!(gid),
                "resource_type" => json!(resource_type),
                "name" => json!(format!("{resource_type} {n} «é»\t\"{gid}\"")),
                _ => fill.value(schema, name, false),
            };
            record.insert(name.clone(), value);
        }
        Value::Object(record)
    }

    /// Makes the object `field` of a record mean another record.
    pub(super) fn link(&self, stream: &str, record: &mut Value, field: &str, target: &Value) {
        let schema = &self.0[stream]["properties"][field];
        record[field] = self.reference(schema, target);
    }

    /// Makes the array `field` of a record mean other records.
    pub(super) fn link_all(
        &self,
        stream: &str,
        record: &mut Value,
        field: &str,
        targets: &[&Value],
    ) {
        let schema = &self.0[stream]["properties"][field]["items"];
        record[field] = targets
            .iter()
            .map(|target| self.reference(schema, target))
            .collect();
    }

    /// The shape of `stream`, with what `record` has of it.
    pub(super) fn narrow(&self, stream: &str, record: &Value) -> Value {
        self.properties(stream)
            .map(|(name, _)| (name.clone(), record[name].clone()))
            .collect()
    }

    fn properties(&self, stream: &str) -> impl Iterator<Item = (&String, &Value)> {
        let properties = self.0[stream]["properties"].as_object();
        properties.expect("each stream has a schema").iter()
    }

    fn reference(&self, schema: &Value, target: &Value) -> Value {
        let gid = target["gid"].as_str().unwrap_or_default();
        let mut value = Fill {
            gid,
            n: 0,
            fields: 0,
        }
        .value(schema, "", true);
        for field in ["gid", "resource_type", "name"] {
            if value.get(field).is_some() {
                value[field] = target[field].clone();
            }
        }
        value
    }
}

struct Fill<'a> {
    gid: &'a str,
    n: usize,
    /// Fields filled so far: no two of a record have the same value.
    fields: usize,
}

impl Fill<'_> {
    fn value(&mut self, schema: &Value, name: &str, needed: bool) -> Value {
        self.fields += 1;
        let turn = self.n + self.fields;
        let kind = schema["type"][1].as_str().unwrap_or("string");
        if !needed && turn.is_multiple_of(5) && !matches!(name, "gid" | "resource_type") {
            return Value::Null;
        }
        match kind {
            "object" => {
                let properties = schema["properties"].as_object().into_iter().flatten();
                properties
                    .map(|(key, inner)| (key.clone(), self.field(inner, key, name)))
                    .collect()
            }
            "array" => (0..turn % 3)
                .map(|_| self.value(&schema["items"], name, true))
                .collect(),
            "boolean" => json!(turn.is_multiple_of(2)),
            "integer" => json!(turn),
            "number" if turn.is_multiple_of(2) => json!(turn),
            "number" => json!(turn as f64 + 0.25),
            _ => match schema["format"].as_str() {
                Some("date") => json!(format!("2026-{:02}-{:02}", turn % 12 + 1, turn % 28 + 1)),
                Some(_) => json!(instant(turn)),
                None if name.ends_with("url") => {
                    json!(format!("https://example.com/{}/{turn}?a=1&b=2", self.gid))
                }
                None => json!(format!("{name} {turn}")),
            },
        }
    }

    fn field(&mut self, schema: &Value, name: &str, owner: &str) -> Value {
        match name {
            "gid" => {
                self.fields += 1;
                json!(format!("{}{:03}", self.gid, self.fields))
            }
            "resource_type" => json!(owner.strip_suffix('s').unwrap_or(owner)),
            _ => self.value(schema, name, false),
        }
    }
}

/// An instant of 2026 that grows with `n`, as Asana writes it.
pub(super) fn instant(n: usize) -> String {
    format!(
        "2026-{:02}-{:02}T{:02}:{:02}:00.{:03}Z",
        n / 28 % 12 + 1,
        n % 28 + 1,
        n % 24,
        n % 60,
        n % 1000
    )
}
