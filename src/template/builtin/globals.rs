//! Functions: the macros of airbyte-cdk 7.39.1 (`macros.py`) and jinja2's globals.

use std::sync::Mutex;

use chrono::TimeDelta;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Builtin;
use super::encode::quote_plus;
use crate::template::datetime::{self, Date, DateError, DateTime, Duration};
use crate::template::error::{Eval, Fault};
use crate::template::eval::{Args, Machine};
use crate::template::python::{compare, containers, repr};
use crate::template::value::{Key, Object, Shared, TValue};

macro_rules! all {
    ($($name:literal => $call:expr),* $(,)?) => {
        &[$(Builtin { name: $name, call: $call }),*]
    };
}

pub(super) const ALL: &[Builtin] = all! {
    "now_utc" => |m, args| {
        args.none("now_utc")?;
        Ok(DateTime::utc(m.now()).into_value())
    },
    "today_utc" => |m, args| {
        args.none("today_utc")?;
        Ok(Date(m.now().date_naive()).into_value())
    },
    "today_with_timezone" => today_with_timezone,
    "timestamp" => timestamp,
    "str_to_datetime" => |_, args| {
        let text = args.one("str_to_datetime", "s")?;
        str_to_datetime(&text).map(DateTime::into_value)
    },
    "max" => |_, args| extreme(args, true),
    "min" => |_, args| extreme(args, false),
    "day_delta" => day_delta,
    "duration" => duration,
    "format_datetime" => format_datetime,
    "sanitize_url" => |_, args| {
        let value = args.one("sanitize_url", "value")?;
        Ok(TValue::from(quote_plus(text(&value)?)))
    },
    "camel_case_to_snake_case" => camel_case_to_snake_case,
    "generate_uuid" => |_, args| {
        args.none("generate_uuid")?;
        Ok(TValue::from(uuid4()))
    },
    "dict" => |_, args| {
        let mut dict = match args.pos.as_slice() {
            [] => crate::template::value::Dict::new(),
            [one] => containers::pairs(one)?,
            _ => return Err(Fault::types("dict expected at most 1 argument")),
        };
        dict.extend(args.named.into_iter().map(|(k, v)| (Key::str(&k), v)));
        Ok(TValue::dict(dict))
    },
    "namespace" => |_, args| {
        let mut dict = crate::template::value::Dict::new();
        for more in &args.pos {
            dict.extend(containers::pairs(more)?);
        }
        dict.extend(args.named.into_iter().map(|(k, v)| (Key::str(&k), v)));
        Ok(TValue::object(Object::Namespace(Shared::new(dict))))
    },
    "cycler" => |_, args| {
        if args.pos.is_empty() {
            return Err(Fault::other("at least one item has to be provided"));
        }
        Ok(TValue::object(Object::Cycler(args.pos, Mutex::new(0))))
    },
    "joiner" => |_, args| {
        let [separator] = args.bind("joiner", ["sep"], 0)?;
        let separator = separator.map_or_else(|| ", ".to_owned(), |s| repr::to_str(&s));
        Ok(TValue::object(Object::Joiner(separator, Mutex::new(false))))
    },
    "lipsum" => lipsum,
};

fn fault(error: DateError) -> Box<Fault> {
    Fault::other(error.0)
}

fn text(value: &TValue) -> Eval<&str> {
    if value.is_undefined() {
        return Err(Fault::types("text is expected, not an undefined value"));
    }
    value
        .as_str()
        .ok_or_else(|| Fault::types(format!("text is expected, not `{}`", value.type_name())))
}

fn today_with_timezone(m: &mut Machine<'_>, args: Args) -> Eval<TValue> {
    let zone = args.one("today_with_timezone", "timezone")?;
    if zone.is_undefined() {
        return Err(zone.use_fault());
    }
    let zone = zone
        .as_str()
        .ok_or_else(|| Fault::other("unknown time zone"))?;
    let zone =
        TimeZone::get(zone).map_err(|_| Fault::other(format!("unknown time zone `{zone}`")))?;
    let now = m.now();
    // An instant that has no offset is beyond the years that either library knows.
    let offset = Timestamp::from_second(now.timestamp())
        .map(|instant| zone.to_offset(instant).seconds())
        .unwrap_or_default();
    Ok(Date((now + TimeDelta::seconds(i64::from(offset))).date_naive()).into_value())
}

fn timestamp(_: &mut Machine<'_>, args: Args) -> Eval<TValue> {
    let value = args.one("timestamp", "dt")?;
    match value {
        TValue::Int(_) | TValue::Big(_) | TValue::Float(_) | TValue::Bool(_) => {
            crate::template::python::number::int_of(&value)
        }
        other => Ok(TValue::Float(str_to_datetime(&other)?.timestamp())),
    }
}

fn str_to_datetime(value: &TValue) -> Eval<DateTime> {
    // `isoparse` asks what it is given for an attribute.
    if value.is_undefined() {
        return Err(value.use_fault());
    }
    // Of what is as short as no date, it says so before it looks at the type.
    if matches!(
        value,
        TValue::List(_) | TValue::Tuple(_) | TValue::Dict(_) | TValue::Bytes(_)
    ) && value.len()? < 4
    {
        return Err(Fault::other("the date is too short"));
    }
    datetime::parse_iso(text(value)?)
        .map(|d| d.to_utc())
        .map_err(fault)
}

fn extreme(args: Args, largest: bool) -> Eval<TValue> {
    let name = if largest { "max" } else { "min" };
    if !args.named.is_empty() {
        return Err(Fault::types(format!("{name}() takes no named arguments")));
    }
    let items = match args.pos.as_slice() {
        [] => return Err(Fault::types(format!("{name} expected at least 1 argument"))),
        [one] => one.iterate()?,
        several => several.to_vec(),
    };
    let mut items = items.into_iter();
    let mut best = items
        .next()
        .ok_or_else(|| Fault::other(format!("{name}() arg is an empty sequence")))?;
    for item in items {
        let order = compare::order(&item, &best)?;
        let wanted = if largest {
            std::cmp::Ordering::Greater
        } else {
            std::cmp::Ordering::Less
        };
        if order == Some(wanted) {
            best = item;
        }
    }
    Ok(best)
}

fn day_delta(m: &mut Machine<'_>, args: Args) -> Eval<TValue> {
    let [days, format] = args.bind("day_delta", ["num_days", "format"], 1)?;
    let days = days
        .unwrap_or_default()
        .as_float()
        .ok_or_else(|| Fault::types("unsupported type for timedelta days component"))?;
    let delta = datetime::from_seconds(days * 86_400.0).map_err(fault)?;
    let at = m
        .now()
        .checked_add_signed(TimeDelta::microseconds(delta.0))
        .ok_or_else(|| Fault::other("date value out of range"))?;
    let format = format.unwrap_or_else(|| TValue::str("%Y-%m-%dT%H:%M:%S.%f%z"));
    Ok(TValue::from(datetime::strftime(
        &DateTime::utc(at),
        text(&format)?,
    )))
}

fn duration(_: &mut Machine<'_>, args: Args) -> Eval<TValue> {
    let value = args.one("duration", "datestring")?;
    let duration = Duration::parse(text(&value)?).map_err(fault)?;
    Ok(if duration.is_fixed() {
        duration.rest.into_value()
    } else {
        TValue::object(Object::Duration(duration))
    })
}

fn format_datetime(_: &mut Machine<'_>, args: Args) -> Eval<TValue> {
    let [dt, format, input] = args.bind("format_datetime", ["dt", "format", "input_format"], 2)?;
    let dt = dt.unwrap_or_default();
    let format = format.unwrap_or_default();
    if let TValue::Object(o) = &dt
        && let Object::DateTime(d) = &**o
    {
        return Ok(TValue::from(datetime::strftime(d, text(&format)?)));
    }
    let input = input.filter(TValue::truth);
    let at = if dt.as_big().is_some() {
        let input = input.unwrap_or_else(|| TValue::str("%s"));
        let seconds = crate::template::python::number::int_of(&dt)?;
        datetime::parse(&repr::to_str(&seconds), text(&input)?).map_err(fault)?
    } else if let Some(input) = input {
        let at = datetime::strptime(text(&dt)?, text(&input)?).map_err(fault)?;
        if at.zone.is_none() {
            at.with_zone(Some(datetime::Zone::utc()))
        } else {
            at
        }
    } else {
        str_to_datetime(&dt)?
    };
    Ok(TValue::from(datetime::format(&at, text(&format)?)))
}

fn camel_case_to_snake_case(_: &mut Machine<'_>, args: Args) -> Eval<TValue> {
    let value = args.one("camel_case_to_snake_case", "value")?;
    let mut out = String::new();
    for (i, c) in text(&value)?.chars().enumerate() {
        if i > 0 && c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c);
    }
    Ok(TValue::from(out.to_lowercase()))
}

/// A random UUID (RFC 9562, version 4). The standard library's hash keys are random for each map.
pub(crate) fn uuid4() -> String {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    let random = || RandomState::new().build_hasher().finish();
    let (a, b) = (random(), random());
    let high = (a & !0xf000) | 0x4000;
    let low = (b & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

/// Differs: always the same text, which nobody can tell from the random one.
fn lipsum(_: &mut Machine<'_>, args: Args) -> Eval<TValue> {
    let [n, ..] = args.bind("lipsum", ["n", "html", "min", "max"], 0)?;
    let n = n.and_then(|n| n.as_int()).unwrap_or(5).clamp(0, 100);
    let paragraph = "<p>Lorem ipsum dolor sit amet, consectetur adipiscing elit.</p>";
    let all: Vec<&str> = (0..n).map(|_| paragraph).collect();
    Ok(TValue::from(all.join("\n\n")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use crate::clock::Clock;
    use crate::template::scope::ConfigOnly;
    use crate::template::{Config, Template};

    #[test]
    fn a_zone_has_its_own_day_also_after_the_years_of_its_table() {
        // 2050-07-01T04:30:00Z: half past midnight in New York's summer time.
        let clock = Arc::new(Clock::new(Some(2_540_262_600_000_000), 0.0));
        let config = Config::new(json!({}), clock);
        let today = |zone: &str| {
            let text = format!("{{{{ today_with_timezone('{zone}') }}}}");
            let template = Template::<ConfigOnly>::new(&text).unwrap();
            let scope = ConfigOnly {
                config: config.clone(),
            };
            template.json(&scope).ok()
        };
        assert_eq!(today("America/New_York"), Some(json!("2050-07-01")));
        assert_eq!(today("US/Eastern"), Some(json!("2050-07-01")));
        assert_eq!(today("America/Chicago"), Some(json!("2050-06-30")));
        assert_eq!(today("utc"), Some(json!("2050-07-01")));
        assert_eq!(today("Europe/Atlantis"), None);
    }
}
