//! `DatetimeBasedCursor`.

use std::collections::HashMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::clamping::Clamping;
use super::intervals::Unit;
use super::stream_cursor::{Settings, StreamCursor};
use super::windows::Range;
use super::{CursorValue, Form, Given, Moment, inject, text, wrong};
use crate::component::ComponentError;
use crate::component::requester::{RequestOption, RequestParts};
use crate::message::StreamSlice;
use crate::template::datetime::{DateTime, Delta, Duration};
use crate::template::{Config, Template, scope};

/// Reads what changed since the last run, by an instant in each record.
///
/// The range from the last state (or `start_datetime`) to `end_datetime` is cut into windows of
/// `step`. A window's bounds are sent where `start_time_option` and `end_time_option` say, and
/// templates read them in `stream_interval`. As airbyte-cdk 7.39.1, `cursor.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DatetimeBasedCursor {
    /// The field of a record that holds the instant, at its first level.
    cursor_field: Template<scope::ConfigOnly>,
    /// How instants are written in requests and in the state: the directives of Python's
    /// `strftime`, and `%s` (seconds since 1970), `%s_as_float`, `%ms`, `%epoch_microseconds`,
    /// `%_ms` (milliseconds).
    datetime_format: String,
    /// The earliest instant to read.
    start_datetime: Moment,
    /// How instants are written in records and in an input state: the first format that fits.
    /// Unset: as `datetime_format` says, which is tried after these in any case.
    #[serde(default)]
    cursor_datetime_formats: Option<Vec<String>>,
    /// The latest instant to read. Unset: now.
    #[serde(default)]
    end_datetime: Option<Moment>,
    /// Where requests carry the start of the window.
    #[serde(default)]
    start_time_option: Option<RequestOption>,
    /// Where requests carry the end of the window.
    #[serde(default)]
    end_time_option: Option<RequestOption>,
    /// Name of the window's start in `stream_interval`. Default: `start_time`.
    #[serde(default)]
    partition_field_start: Option<Template<scope::ConfigOnly>>,
    /// Name of the window's end in `stream_interval`. Default: `end_time`.
    #[serde(default)]
    partition_field_end: Option<Template<scope::ConfigOnly>>,
    /// Length of a window, an ISO 8601 duration such as `P1M`; goes with `cursor_granularity`.
    /// Unset: one window.
    #[serde(default)]
    step: Option<Template<scope::ConfigOnly>>,
    /// The smallest step of `datetime_format`, an ISO 8601 duration such as `PT1S`: a window ends
    /// so much before the next one starts. Goes with `step`.
    #[serde(default)]
    cursor_granularity: Option<String>,
    /// How much of what was read is read again, an ISO 8601 duration such as `P1D`. Unset: nothing.
    #[serde(default)]
    lookback_window: Option<Template<scope::ConfigOnly>>,
    /// Moves the bounds of windows to those of days, weeks or months.
    #[serde(default)]
    clamping: Option<DateRangeClamping>,
    /// Whether the API sends all records, newest first: the pages end at the first record that is
    /// not new, and records that are not new are dropped. Default: false.
    #[serde(default)]
    is_data_feed: Option<bool>,
    /// Whether the API sends all records in any order: those that are not new are dropped.
    /// Default: false.
    #[serde(default)]
    is_client_side_incremental: Option<bool>,
    /// Whether a window that starts where it ends is left out. Default: false.
    #[serde(default)]
    is_compare_strictly: Option<bool>,
    /// Whether all partitions of the stream have one state together: for streams with thousands of
    /// them. The state then moves on only when a run has come to its end. Default: false.
    #[serde(default)]
    global_substream_cursor: Option<bool>,
    /// Whether the configured catalog may name another cursor field. Default: false.
    #[serde(default)]
    allow_catalog_defined_cursor_field: Option<bool>,
}

/// Moves the bounds of windows to those of a period.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DateRangeClamping {
    /// The period: `DAY`, `WEEK` or `MONTH`.
    target: Template<scope::ConfigOnly>,
    /// For weeks, `weekday`: the day that they begin with, such as `MONDAY`.
    #[serde(default)]
    target_details: Option<HashMap<String, Value>>,
}

const WEEKDAYS: [&str; 7] = [
    "MONDAY",
    "TUESDAY",
    "WEDNESDAY",
    "THURSDAY",
    "FRIDAY",
    "SATURDAY",
    "SUNDAY",
];

impl DatetimeBasedCursor {
    pub(super) fn cursor_field(&self) -> &Template<scope::ConfigOnly> {
        &self.cursor_field
    }

    pub(super) fn allows_catalog_defined_field(&self) -> bool {
        self.allow_catalog_defined_cursor_field.unwrap_or(false)
    }

    pub(super) fn is_data_feed(&self) -> bool {
        self.is_data_feed.unwrap_or(false)
    }

    pub(super) fn is_client_side(&self) -> bool {
        self.is_client_side_incremental.unwrap_or(false)
    }

    pub(super) fn has_one_window(&self) -> bool {
        let step = self.step.as_ref();
        step.is_none_or(|step| step.source().is_empty()) && self.granularity().is_none()
    }

    pub(super) fn check_splits(&self) -> Result<(), ComponentError> {
        let mistake = |message: String| {
            let message = format!("`request_window_splitting`: {message}");
            Err(ComponentError::config(message).or_at(self.cursor_field.at()))
        };
        let Some(text) = self.granularity() else {
            return mistake("without a `cursor_granularity` no window is the smallest".to_owned());
        };
        if self.is_client_side() {
            return mistake(
                "with `is_client_side_incremental` no request asks for a window".to_owned(),
            );
        }
        let granularity = Duration::parse(text).map_err(|error| self.wrong(&error))?;
        if !granularity.is_fixed() || granularity.rest.0 <= 0 {
            return mistake(format!(
                "the `cursor_granularity` `{text}` has no fixed length above zero"
            ));
        }
        match smallest_unit(&self.datetime_format) {
            Some(unit) if granularity.rest.0 < unit => mistake(format!(
                "the `datetime_format` `{}` cannot tell windows of `{text}` apart",
                self.datetime_format
            )),
            _ => Ok(()),
        }
    }

    fn granularity(&self) -> Option<&str> {
        let text = self.cursor_granularity.as_deref();
        text.filter(|text| !text.is_empty())
    }

    pub(super) fn evaluate(&self, given: &Given<'_>) -> Result<StreamCursor, ComponentError> {
        let config = given.config;
        let field = match given.field {
            Some(field) => field.to_owned(),
            None => text(&self.cursor_field, config)?,
        };
        let set = |template: &Option<Template<_>>| {
            template
                .as_ref()
                .is_some_and(|template| !template.source().is_empty())
        };
        let granularity = self.granularity();
        if set(&self.step) != granularity.is_some() {
            return Err(ComponentError::config(
                "`step` and `cursor_granularity` go together: expected both or neither",
            )
            .or_at(self.cursor_field.at()));
        }
        let granularity = granularity
            .map(|text| Duration::parse(text).map_err(|error| self.wrong(&error)))
            .transpose()?;
        let start = self
            .start_datetime
            .evaluate(&self.datetime_format, config)?;
        // Differs: all windows of a run end at one instant; the reference asks the clock again for
        // each partition.
        let now = DateTime::utc(config.clock().now_utc());
        let end = self.end_datetime.as_ref().filter(|end| end.is_set());
        let end = end.map(|end| end.evaluate(&self.datetime_format, config));
        // As in the reference an end that cannot be read fails the read alone.
        let (end, no_end) = match end.transpose() {
            Ok(end) => (end, None),
            Err(error) => {
                let told = ComponentError::system(error.message).or_at(error.at.as_ref());
                (None, Some(told))
            }
        };
        let (clamping, unit) = self.clamping(config)?;
        let runs_on = end.is_none() && clamping == Clamping::None;
        let mut end = CursorValue::Time(end.unwrap_or(now));
        if clamping != Clamping::None {
            let last = clamping.floor(&end);
            let unit = granularity.as_ref().unwrap_or(&unit);
            end = last
                .and_then(|last| last.minus(unit))
                .map_err(|error| self.wrong(&error))?;
        }
        let mut formats = self.cursor_datetime_formats.clone().unwrap_or_default();
        formats.push(self.datetime_format.clone());
        let settings = Settings {
            field,
            form: Form::Time(formats),
            range: Range {
                start: CursorValue::Time(start),
                end,
                lookback: self.duration(self.lookback_window.as_ref(), config)?,
                step: self.duration(self.step.as_ref(), config)?,
                granularity: granularity.filter(is_some_time),
                clamping,
                strict: self.is_compare_strictly.unwrap_or(false),
            },
            unit: Unit::Time(granularity.filter(is_some_time).unwrap_or(span(1000))),
            bounds: self.bounds(config)?,
            is_bounded: true,
            clock: runs_on.then(|| Arc::clone(config.clock())),
            is_global: self.global_substream_cursor.unwrap_or(false),
            no_end,
        };
        StreamCursor::new(settings, given).map_err(|error| self.wrong(&error))
    }

    pub(super) fn share(
        &self,
        slice: &Arc<StreamSlice>,
        config: &Config,
    ) -> Result<RequestParts, ComponentError> {
        let mut parts = RequestParts::default();
        if self.start_time_option.is_none() && self.end_time_option.is_none() {
            return Ok(parts);
        }
        let (start, end) = self.bounds(config)?;
        inject(
            &mut parts,
            self.start_time_option.as_ref(),
            slice,
            &start,
            config,
        )?;
        inject(
            &mut parts,
            self.end_time_option.as_ref(),
            slice,
            &end,
            config,
        )?;
        Ok(parts)
    }

    /// The names of a window's start and end.
    fn bounds(&self, config: &Config) -> Result<(String, String), ComponentError> {
        let name = |field: &Option<Template<_>>, default: &str| match field
            .as_ref()
            .filter(|field| !field.source().is_empty())
        {
            Some(field) => text(field, config),
            None => Ok(default.to_owned()),
        };
        let start = name(&self.partition_field_start, "start_time")?;
        Ok((start, name(&self.partition_field_end, "end_time")?))
    }

    /// A duration that is more than nothing.
    fn duration(
        &self,
        template: Option<&Template<scope::ConfigOnly>>,
        config: &Config,
    ) -> Result<Option<Duration>, ComponentError> {
        let Some(template) = template else {
            return Ok(None);
        };
        let text = text(template, config)?;
        // What Python takes for false is no duration.
        if matches!(text.as_str(), "" | "0" | "None" | "False") {
            return Ok(None);
        }
        let duration = Duration::parse(&text).map_err(|error| wrong(&error, Some(template)))?;
        Ok(Some(duration).filter(is_some_time))
    }

    /// The period of the windows' bounds, and the unit by which its end is passed.
    fn clamping(&self, config: &Config) -> Result<(Clamping, Duration), ComponentError> {
        const DAY: i64 = 86_400_000_000;
        let Some(clamping) = &self.clamping else {
            return Ok((Clamping::None, span(0)));
        };
        let mistake =
            |message: String| Err(ComponentError::config(message).or_at(clamping.target.at()));
        match text(&clamping.target, config)?.as_str() {
            "DAY" => Ok((Clamping::Day, span(1_000_000))),
            "MONTH" => Ok((Clamping::Month, span(DAY))),
            "WEEK" => {
                let details = clamping.target_details.as_ref();
                let Some(weekday) = details.and_then(|details| details.get("weekday")) else {
                    return mistake("weeks need a `weekday` in `target_details`".to_owned());
                };
                match (0..).zip(WEEKDAYS).find(|(_, name)| weekday == name) {
                    Some((first, _)) => Ok((Clamping::Week(first), span(DAY))),
                    None => mistake(format!(
                        "unknown weekday {weekday}, expected one of {}",
                        WEEKDAYS.join(", ")
                    )),
                }
            }
            other => mistake(format!(
                "unknown period `{other}`, expected `DAY`, `WEEK` or `MONTH`"
            )),
        }
    }

    fn wrong(&self, error: &crate::template::datetime::DateError) -> ComponentError {
        wrong(error, Some(&self.cursor_field))
    }
}

/// Microseconds of the smallest unit that a format of dates writes.
fn smallest_unit(format: &str) -> Option<i64> {
    const UNITS: [(&str, i64); 11] = [
        ("%epoch_microseconds", 1),
        ("%s_as_float", 1),
        ("%f", 1),
        ("%_ms", 1_000),
        ("%ms", 1_000),
        ("%S", 1_000_000),
        ("%s", 1_000_000),
        ("%M", 60_000_000),
        ("%H", 3_600_000_000),
        ("%I", 3_600_000_000),
        ("%d", 86_400_000_000),
    ];
    let units = UNITS
        .iter()
        .filter(|(directive, _)| format.contains(directive));
    units.map(|(_, micros)| *micros).min()
}

fn span(micros: i64) -> Duration {
    Duration {
        years: 0.0,
        months: 0.0,
        rest: Delta(micros),
    }
}

fn is_some_time(duration: &Duration) -> bool {
    !(duration.is_fixed() && duration.rest == Delta(0))
}
