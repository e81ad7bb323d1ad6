//! `datetime.jsonl`: dates, formats and durations.

use serde_json::{Value, json};

use super::parts::{component, config};
use crate::component::cursor::MinMaxDatetime;
use crate::template::datetime;

fn instant(d: &datetime::DateTime) -> Value {
    json!({"iso": d.iso('T'), "epoch_microseconds": d.micros()})
}

pub(super) fn answer(kind: &str, input: &Value) -> Result<Value, String> {
    let text = |key: &str| match &input[key] {
        Value::String(s) => s.clone(),
        other => other.to_string(),
    };
    let at = || datetime::parse_iso(&text("datetime")).map_err(|e| e.to_string());
    match kind {
        "parse" => datetime::parse(&text("value"), &text("format")).map(|d| instant(&d)),
        "format" => return Ok(datetime::format(&at()?, &text("format")).into()),
        "duration" => {
            let duration =
                datetime::Duration::parse(&text("duration")).map_err(|e| e.to_string())?;
            let moved = |d: datetime::Duration| d.add_to(&at()?).map_err(|e| e.to_string());
            return Ok(json!({
                "years": duration.years,
                "months": duration.months,
                "seconds": duration.rest.total_seconds(),
                "added": moved(duration)?.iso('T'),
                "subtracted": moved(duration.negated())?.iso('T'),
            }));
        }
        "min_max" => {
            let definition: MinMaxDatetime = component(&input["definition"])?;
            let at = definition.evaluate("", &config(input)?);
            return at.map(|d| instant(&d)).map_err(|e| e.to_string());
        }
        _ => return Err(format!("unknown kind `{kind}`")),
    }
    .map_err(|e| e.to_string())
}
