//! Several routers at once: every combination of their partitions.

use serde_json::{Map, Value};

use crate::component::requester::{BodyData, RequestParts};
use crate::message::StreamSlice;

/// One partition out of one of each router. Of equal keys the first router's counts; keys of later
/// routers come first, as in the reference (`cartesian_product_stream_slicer.py`).
#[must_use]
pub fn merge<'s>(slices: impl DoubleEndedIterator<Item = &'s StreamSlice>) -> StreamSlice {
    let mut merged = StreamSlice::default();
    for slice in slices.rev() {
        extend(&mut merged.partition, &slice.partition);
        extend(&mut merged.cursor_slice, &slice.cursor_slice);
        extend(&mut merged.extra_fields, &slice.extra_fields);
    }
    merged
}

/// Puts `over` over `parts`, key by key at the first level.
pub(in crate::component) fn overlay(parts: &mut RequestParts, over: RequestParts) {
    parts.params.extend(over.params);
    parts.headers.extend(over.headers);
    parts.body_json.extend(over.body_json);
    parts.body_data = match (parts.body_data.take(), over.body_data) {
        (Some(BodyData::Form(mut fields)), Some(BodyData::Form(more))) => {
            fields.extend(more);
            Some(BodyData::Form(fields))
        }
        (below, over) => over.or(below),
    };
    parts.path = over.path.or(parts.path.take());
}

fn extend(map: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (key, value) in more {
        map.insert(key.clone(), value.clone());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_router_wins() {
        let slice = |partition: Value| StreamSlice {
            partition: partition.as_object().unwrap().clone(),
            ..StreamSlice::default()
        };
        let (a, b) = (
            slice(json!({"x": 1, "y": 2})),
            slice(json!({"x": 3, "z": 4})),
        );
        let merged = merge([&a, &b].into_iter());
        assert_eq!(
            Value::Object(merged.partition),
            json!({"x": 1, "z": 4, "y": 2})
        );
    }
}
