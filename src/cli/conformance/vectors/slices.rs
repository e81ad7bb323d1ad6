//! `slices.jsonl`: partitions and windows.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::parts::{component, config};
use crate::component::cursor::{Cursor, Given, Split, partition_key};
use crate::component::partition_router::{Gathering, PartitionRouter, Source, merge};
use crate::message::StreamSlice;
use crate::template::Config;

pub(super) fn answer(input: &Value) -> Result<Value, String> {
    let routers = match &input["partition_router"] {
        Value::Array(routers) => routers.iter().collect(),
        Value::Null => Vec::new(),
        router => vec![router],
    };
    let split = match routers.is_empty() {
        true => Split::Whole,
        false => Split::Partitions,
    };
    let config = config(input)?;
    let mut product = vec![Vec::new()];
    for router in routers {
        let partitions = partitions(&component(router)?, &config)?;
        let longer = product.iter().flat_map(|head: &Vec<StreamSlice>| {
            let longer =
                |next: &StreamSlice| [head.as_slice(), std::slice::from_ref(next)].concat();
            partitions.iter().map(longer).collect::<Vec<_>>()
        });
        product = longer.collect();
    }
    let mut slices: Vec<_> = product.iter().map(|slices| merge(slices.iter())).collect();
    if input
        .get("incremental_sync")
        .is_some_and(|cursor| !cursor.is_null())
    {
        let cursor: Cursor = component(&input["incremental_sync"])?;
        let cursor = cursor.evaluate(&Given {
            config: &config,
            field: None,
            state: input["state"].as_object().unwrap_or(&Map::new()),
            split,
        });
        let cursor = cursor.map_err(|e| e.to_string())?;
        let mut seen = HashSet::new();
        slices.retain(|slice| seen.insert(partition_key(&slice.partition)));
        let windows = slices.iter().map(|slice| cursor.windows(slice));
        let windows = windows.collect::<Result<Vec<_>, _>>();
        slices = windows.map_err(|e| e.to_string())?.concat();
    }
    let slice = |s: &StreamSlice| json!({"partition": s.partition, "cursor_slice": s.cursor_slice});
    Ok(slices.iter().map(slice).collect())
}

/// The partitions of a router whose values all come from lists.
fn partitions(router: &PartitionRouter, config: &Config) -> Result<Vec<StreamSlice>, String> {
    let gather = router.gather(config).map_err(|e| e.to_string())?;
    let mut gathering = Gathering::from(&gather);
    let mut partitions = Vec::new();
    for source in router.sources() {
        let Source::List(list) = source else {
            return Err("a parent stream cannot be read here".to_owned());
        };
        for slice in list.partitions(config).map_err(|e| e.to_string())? {
            partitions.extend(gathering.take(slice));
        }
    }
    partitions.extend(gathering.finish());
    Ok(partitions)
}
