//! Attributes and methods of dates and durations in templates.

use chrono::{Datelike as _, NaiveDate, NaiveTime, TimeDelta, Timelike as _};

use super::types::offset_text;
use super::{Date, DateError, DateTime, Duration, Time, Zone, civil, strftime};
use crate::template::error::{Eval, Fault};
use crate::template::eval::Args;
use crate::template::python::repr;
use crate::template::value::{Object, TValue};

const DATE_METHODS: &[&str] = &[
    "strftime",
    "isoformat",
    "replace",
    "weekday",
    "isoweekday",
    "isocalendar",
    "toordinal",
    "ctime",
    "timetuple",
    "__format__",
    "fromisoformat",
    "today",
];
const DATETIME_METHODS: &[&str] = &[
    "strftime",
    "isoformat",
    "replace",
    "weekday",
    "isoweekday",
    "isocalendar",
    "toordinal",
    "ctime",
    "timestamp",
    "date",
    "time",
    "timetz",
    "astimezone",
    "utcoffset",
    "tzname",
    "strptime",
    "fromtimestamp",
    "fromisoformat",
];

/// Whether the Python type has such a method.
pub(crate) fn has_method(of: &Object, name: &str) -> bool {
    match of {
        Object::DateTime(_) => DATETIME_METHODS.contains(&name),
        Object::Date(_) => DATE_METHODS.contains(&name),
        Object::Time(_) => matches!(name, "strftime" | "isoformat" | "replace"),
        Object::Delta(_) => name == "total_seconds",
        Object::Duration(_) => matches!(name, "totimedelta" | "total_seconds"),
        _ => false,
    }
}

/// The part of that name.
pub(crate) fn attribute(of: &Object, name: &str) -> Option<TValue> {
    let count = |n: u32| TValue::Int(i64::from(n));
    match of {
        Object::DateTime(d) => Some(match name {
            "hour" => count(d.local.hour()),
            "minute" => count(d.local.minute()),
            "second" => count(d.local.second()),
            "microsecond" => count(d.microsecond()),
            "fold" => TValue::Int(0),
            "tzinfo" => d
                .zone
                .as_ref()
                .map_or(TValue::None, |z| TValue::str(&z.name)),
            _ => return of_day(d.local.date(), name),
        }),
        Object::Date(d) => of_day(d.0, name),
        Object::Time(t) => Some(match name {
            "hour" => count(t.0.hour()),
            "minute" => count(t.0.minute()),
            "second" => count(t.0.second()),
            "microsecond" => count(t.0.nanosecond() / 1000),
            _ => return None,
        }),
        Object::Delta(d) => Some(TValue::Int(match name {
            "days" => d.days(),
            "seconds" => d.seconds(),
            "microseconds" => d.microseconds(),
            _ => return None,
        })),
        Object::Duration(d) => Some(match name {
            "years" => TValue::Float(d.years),
            "months" => TValue::Float(d.months),
            "tdelta" => d.rest.into_value(),
            _ => return attribute(&Object::Delta(d.rest), name),
        }),
        _ => None,
    }
}

fn of_day(day: NaiveDate, name: &str) -> Option<TValue> {
    Some(TValue::Int(match name {
        "year" => i64::from(day.year()),
        "month" => i64::from(day.month()),
        "day" => i64::from(day.day()),
        _ => return None,
    }))
}

fn fault(error: DateError) -> Box<Fault> {
    Fault::other(error.0)
}

fn text(value: Option<TValue>, what: &str) -> Eval<String> {
    match value {
        Some(TValue::Str(s)) => Ok(s.to_string()),
        other => Err(Fault::types(format!(
            "`{what}` must be str, not `{}`",
            other.unwrap_or_default().type_name()
        ))),
    }
}

/// Calls a method that [`has_method`] knows.
pub(crate) fn call_method(of: &Object, name: &str, args: Args) -> Eval<TValue> {
    match of {
        Object::DateTime(d) => of_datetime(d, name, args),
        Object::Date(d) => of_date(*d, name, args),
        Object::Time(t) => match name {
            "isoformat" => Ok(TValue::from(t.iso())),
            "strftime" => {
                let format = text(Some(args.one(name, "format")?), "format")?;
                let at = civil(1900, 1, 1).map(|d| d.and_time(t.0));
                let at = at.ok_or_else(|| Fault::other("no such day"))?;
                let at = DateTime {
                    local: at,
                    zone: None,
                };
                Ok(TValue::from(strftime(&at, &format)))
            }
            _ => Err(Fault::types("`replace` of a time is not supported")),
        },
        Object::Delta(d) => {
            args.none(name)?;
            Ok(TValue::Float(d.total_seconds()))
        }
        Object::Duration(d) if name == "total_seconds" => {
            args.none(name)?;
            Ok(TValue::Float(d.rest.total_seconds()))
        }
        Object::Duration(d) => totimedelta(d, args),
        _ => Err(Fault::types(format!("`{name}` cannot be called"))),
    }
}

/// `Duration.totimedelta(start, end)`
fn totimedelta(d: &Duration, args: Args) -> Eval<TValue> {
    let [start, _] = args.bind("totimedelta", ["start", "end"], 1)?;
    let Some(TValue::Object(o)) = start else {
        return Err(Fault::types("`start` must be a date"));
    };
    let Object::DateTime(start) = &*o else {
        return Err(Fault::types("`start` must be a date"));
    };
    let end = d.add_to(start).map_err(fault)?;
    Ok(super::Delta(end.micros() - start.micros()).into_value())
}

fn calendar(day: NaiveDate, name: &str) -> Option<TValue> {
    let weekday = i64::from(day.weekday().num_days_from_monday());
    Some(match name {
        "weekday" => TValue::Int(weekday),
        "isoweekday" => TValue::Int(weekday + 1),
        "toordinal" => TValue::Int(i64::from(day.num_days_from_ce())),
        "isocalendar" => {
            let week = day.iso_week();
            TValue::tuple(vec![
                TValue::Int(i64::from(week.year())),
                TValue::Int(i64::from(week.week())),
                TValue::Int(weekday + 1),
            ])
        }
        _ => return None,
    })
}

fn part(value: Option<TValue>, old: u32) -> Eval<u32> {
    match value {
        None => Ok(old),
        Some(value) => value
            .as_int()
            .ok_or_else(|| Fault::types("an integer is required"))
            .and_then(|n| u32::try_from(n).map_err(|_| Fault::other("the part is out of range"))),
    }
}

fn of_date(d: Date, name: &str, args: Args) -> Eval<TValue> {
    match name {
        "strftime" => {
            let format = text(Some(args.one(name, "format")?), "format")?;
            Ok(TValue::from(strftime(&d.midnight(), &format)))
        }
        "isoformat" => args.none(name).map(|()| TValue::from(d.iso())),
        "ctime" => Ok(TValue::from(strftime(
            &d.midnight(),
            "%a %b %e %H:%M:%S %Y",
        ))),
        "replace" => {
            let [year, month, day] = args.bind(name, ["year", "month", "day"], 0)?;
            replaced(d.0, year, month, day).map(|d| Date(d).into_value())
        }
        _ => calendar(d.0, name)
            .ok_or_else(|| Fault::types(format!("`{name}` of a date is not supported"))),
    }
}

fn replaced(
    old: NaiveDate,
    year: Option<TValue>,
    month: Option<TValue>,
    day: Option<TValue>,
) -> Eval<NaiveDate> {
    let year = part(year, u32::try_from(old.year()).unwrap_or(1))?;
    civil(
        i32::try_from(year).unwrap_or(0),
        part(month, old.month())?,
        part(day, old.day())?,
    )
    .ok_or_else(|| Fault::other("the date is out of range"))
}

fn of_datetime(d: &DateTime, name: &str, args: Args) -> Eval<TValue> {
    match name {
        "strftime" => {
            let format = text(Some(args.one(name, "format")?), "format")?;
            Ok(TValue::from(strftime(d, &format)))
        }
        "isoformat" => {
            let [separator, spec] = args.bind(name, ["sep", "timespec"], 0)?;
            let separator = match separator {
                None => 'T',
                Some(value) => {
                    let text = text(Some(value), "sep")?;
                    let mut chars = text.chars();
                    match (chars.next(), chars.next()) {
                        (Some(c), None) => c,
                        _ => return Err(Fault::types("`sep` must be one character")),
                    }
                }
            };
            isoformat(d, separator, spec.as_ref().and_then(TValue::as_str))
        }
        "ctime" => Ok(TValue::from(strftime(d, "%a %b %e %H:%M:%S %Y"))),
        "timestamp" => args.none(name).map(|()| TValue::Float(d.timestamp())),
        "date" => args.none(name).map(|()| Date(d.local.date()).into_value()),
        "time" | "timetz" => args
            .none(name)
            .map(|()| TValue::object(Object::Time(Time(d.local.time())))),
        "utcoffset" => Ok(d.zone.as_ref().map_or(TValue::None, |z| {
            super::Delta(i64::from(z.offset) * 1_000_000).into_value()
        })),
        "tzname" => Ok(d
            .zone
            .as_ref()
            .map_or(TValue::None, |z| TValue::str(&z.name))),
        "astimezone" => Ok(d.to_utc().into_value()),
        "strptime" => {
            let [value, format] = args.bind(name, ["date_string", "format"], 2)?;
            super::strptime(&text(value, "date_string")?, &text(format, "format")?)
                .map(DateTime::into_value)
                .map_err(fault)
        }
        "fromisoformat" => super::parse_iso(&text(Some(args.one(name, "date_string")?), name)?)
            .map(DateTime::into_value)
            .map_err(fault),
        "fromtimestamp" => {
            let [seconds, zone] = args.bind(name, ["timestamp", "tz"], 1)?;
            let seconds = seconds
                .unwrap_or_default()
                .as_float()
                .ok_or_else(|| Fault::types("a number is required"))?;
            let at = DateTime::from_timestamp(seconds).map_err(fault)?;
            Ok(at.with_zone(zone.map(|_| Zone::utc())).into_value())
        }
        "replace" => replace(d, args),
        _ => calendar(d.local.date(), name)
            .ok_or_else(|| Fault::types(format!("`{name}` of a date is not supported"))),
    }
}

fn isoformat(d: &DateTime, separator: char, spec: Option<&str>) -> Eval<TValue> {
    let format = match spec {
        None | Some("auto") => return Ok(TValue::from(d.iso(separator))),
        Some("hours") => "%H",
        Some("minutes") => "%H:%M",
        Some("seconds") => "%H:%M:%S",
        Some("milliseconds") => "%H:%M:%S.%_",
        Some("microseconds") => "%H:%M:%S.%f",
        Some(_) => return Err(Fault::other("unknown timespec value")),
    };
    let time = strftime(d, format).replace("%_", &format!("{:03}", d.microsecond() / 1000));
    let zone = d
        .zone
        .as_ref()
        .map_or_else(String::new, |z| offset_text(z.offset, ":"));
    Ok(TValue::from(format!(
        "{}{separator}{time}{zone}",
        Date(d.local.date()).iso()
    )))
}

fn replace(d: &DateTime, args: Args) -> Eval<TValue> {
    let names = [
        "year",
        "month",
        "day",
        "hour",
        "minute",
        "second",
        "microsecond",
        "tzinfo",
    ];
    let [year, month, day, hour, minute, second, micros, zone] = args.bind("replace", names, 0)?;
    let date = replaced(d.local.date(), year, month, day)?;
    let time = NaiveTime::from_hms_micro_opt(
        part(hour, d.local.hour())?,
        part(minute, d.local.minute())?,
        part(second, d.local.second())?,
        part(micros, d.microsecond())?,
    )
    .ok_or_else(|| Fault::other("the time is out of range"))?;
    let zone = match zone {
        None => d.zone.clone(),
        Some(TValue::None) => None,
        Some(other) => Some(Zone {
            name: repr::to_str(&other).into(),
            ..Zone::utc()
        }),
    };
    Ok(DateTime {
        local: date.and_time(time),
        zone,
    }
    .into_value())
}

/// `a + b` and `a - b` where one of them is a date or a duration; `None` when Python has no such.
pub(crate) fn add(a: &Object, b: &TValue, minus: bool) -> Option<Eval<TValue>> {
    let TValue::Object(b) = b else {
        return None;
    };
    let sign = if minus { -1 } else { 1 };
    let moved = |at: &DateTime, by: &Duration| {
        let by = if minus { by.negated() } else { *by };
        Some(by.add_to(at).map(DateTime::into_value).map_err(fault))
    };
    let fixed = |rest: super::Delta| Duration {
        years: 0.0,
        months: 0.0,
        rest,
    };
    match (a, &**b) {
        (Object::DateTime(at), Object::Delta(by)) => moved(at, &fixed(*by)),
        (Object::DateTime(at), Object::Duration(by)) => moved(at, by),
        (Object::Date(day), Object::Delta(by)) => {
            let days = TimeDelta::days(by.days().checked_mul(sign)?);
            let moved = day.0.checked_add_signed(days);
            Some(
                moved
                    .filter(|d| (1..=9999).contains(&d.year()))
                    .map(|d| Date(d).into_value())
                    .ok_or_else(|| Fault::other("date value out of range")),
            )
        }
        (Object::Date(day), Object::Duration(by)) => {
            let by = if minus { by.negated() } else { *by };
            let by = Duration {
                rest: super::Delta(by.rest.days().checked_mul(86_400_000_000)?),
                ..by
            };
            Some(
                by.shift(day.midnight().local)
                    .map(|at| Date(at.date()).into_value())
                    .map_err(fault),
            )
        }
        (Object::Delta(x), Object::Delta(y)) => Some(
            y.0.checked_mul(sign)
                .and_then(|y| x.0.checked_add(y))
                .map(|sum| super::Delta(sum).into_value())
                .ok_or_else(|| Fault::other("the duration is too long")),
        ),
        (Object::Duration(x), Object::Duration(y)) => Some(Ok(combined(x, y, minus))),
        (Object::Duration(x), Object::Delta(y)) => Some(Ok(combined(x, &fixed(*y), minus))),
        (Object::Delta(x), Object::Duration(y)) => Some(Ok(combined(&fixed(*x), y, minus))),
        (Object::Delta(_) | Object::Duration(_), Object::DateTime(_) | Object::Date(_))
            if !minus =>
        {
            let swapped = match a {
                Object::Delta(d) => d.into_value(),
                Object::Duration(d) => TValue::object(Object::Duration(*d)),
                _ => return None,
            };
            add(b, &swapped, false)
        }
        (Object::DateTime(x), Object::DateTime(y)) if minus => {
            if x.zone.is_some() != y.zone.is_some() {
                return Some(Err(Fault::types(
                    "can't subtract offset-naive and offset-aware datetimes",
                )));
            }
            Some(Ok(super::Delta(x.micros() - y.micros()).into_value()))
        }
        (Object::Date(x), Object::Date(y)) if minus => {
            let days = x.0.signed_duration_since(y.0).num_days();
            Some(Ok(super::Delta(days * 86_400_000_000).into_value()))
        }
        _ => None,
    }
}

fn combined(x: &Duration, y: &Duration, minus: bool) -> TValue {
    let y = if minus { y.negated() } else { *y };
    let sum = Duration {
        years: x.years + y.years,
        months: x.months + y.months,
        rest: super::Delta(x.rest.0.saturating_add(y.rest.0)),
    };
    if sum.is_fixed() {
        sum.rest.into_value()
    } else {
        TValue::object(Object::Duration(sum))
    }
}
