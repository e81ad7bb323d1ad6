//! What a response tells of a rate limit, in the spellings that are in use.
//!
//! In: header fields. Out: requests left, the time until there are more, and how long to stay away.

use std::time::Duration;

use chrono::DateTime;

use super::super::Headers;
use crate::clock::Micros;

/// Seconds from which on a number is an instant, since 1970-01-01T00:00:00Z.
const INSTANTS: f64 = 1e9;
/// Seconds from which on an instant is one in milliseconds.
const MILLIS: f64 = 1e11;
/// Seconds from which on a time from now is one in milliseconds: a day.
const DAY: f64 = 86_400.0;

/// What one response says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// Requests left until the reset.
    pub remaining: Option<u64>,
    /// Time until the reset.
    pub reset: Option<Duration>,
    /// Time for which no request is to be sent.
    pub retry_after: Option<Duration>,
}

impl Told {
    /// What `headers` say; `now` is the time at which they came, should they have no `Date`.
    ///
    /// Read are `Retry-After` (RFC 9110, section 10.2.3), `RateLimit` in both of its forms and
    /// `RateLimit-*` (drafts of `ietf-httpapi-ratelimit-headers`), `X-RateLimit-*` and
    /// `X-Rate-Limit-*`, whose reset is in seconds or milliseconds, from now or since 1970.
    #[must_use]
    pub fn of(headers: &Headers, now: Micros) -> Self {
        let mut told = Self::default();
        let until = |text: &str| until(text, || sent(headers).unwrap_or(now));
        for (name, value) in headers.iter() {
            match field(name) {
                None => {}
                Some(Field::Combined) => told.combine(value),
                Some(Field::Remaining) => told.remaining = told.remaining.or_else(|| count(value)),
                Some(Field::Reset) => told.reset = told.reset.or_else(|| until(value)),
                Some(Field::RetryAfter) => told.retry_after = until(value),
            }
        }
        told
    }

    /// Takes the policy with the fewest requests left: `"a";r=5;t=30, "b";r=9;t=60`, or the one of
    /// older drafts: `limit=10, remaining=5, reset=30`.
    fn combine(&mut self, value: &str) {
        let mut policies = vec![(None, None)];
        for piece in value.split([',', ';']) {
            let last = policies.last_mut();
            match (piece.split_once('='), last) {
                (Some((key, number)), Some((remaining, reset))) => match key.trim() {
                    "r" | "remaining" => *remaining = count(number),
                    "t" | "reset" => *reset = seconds(number),
                    _ => {}
                },
                _ => policies.push((None, None)),
            }
        }
        let tightest = policies
            .into_iter()
            .filter_map(|(remaining, reset)| Some((remaining?, reset?)))
            .min_by_key(|(remaining, reset)| (*remaining, std::cmp::Reverse(*reset)));
        if let Some((remaining, reset)) = tightest {
            (self.remaining, self.reset) = (Some(remaining), Some(reset));
        }
    }
}

enum Field {
    Combined,
    Remaining,
    Reset,
    RetryAfter,
}

/// What the field `name` is about. Most names end at their first letter.
fn field(name: &str) -> Option<Field> {
    if !matches!(name.as_bytes().first()?, b'r' | b'R' | b'x' | b'X') {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let name = name.strip_prefix("x-").unwrap_or(&name);
    if name == "retry-after" {
        return Some(Field::RetryAfter);
    }
    let rest = name
        .strip_prefix("ratelimit")
        .or_else(|| name.strip_prefix("rate-limit"))?;
    match rest {
        "" => Some(Field::Combined),
        "-remaining" => Some(Field::Remaining),
        "-reset" | "-reset-after" => Some(Field::Reset),
        _ => None,
    }
}

/// The number that a text begins with, as in `99, 100;w=60`.
fn count(text: &str) -> Option<u64> {
    let text = text.split([',', ';']).next()?.trim();
    text.parse().ok()
}

fn seconds(text: &str) -> Option<Duration> {
    let text = text.split([',', ';']).next()?.trim();
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}

/// The time until an instant, or for a number of seconds. An instant that is over is no time.
fn until(text: &str, now: impl Fn() -> Micros) -> Option<Duration> {
    let text = text.trim();
    let Some(Ok(number)) = text.split([',', ';']).next().map(str::parse::<f64>) else {
        let instant = DateTime::parse_from_rfc2822(text)
            .or_else(|_| DateTime::parse_from_rfc3339(text))
            .ok()?;
        return Some(after(instant.timestamp_micros(), now()));
    };
    if number >= INSTANTS {
        let seconds = if number >= MILLIS {
            number / 1e3
        } else {
            number
        };
        let micros = Duration::try_from_secs_f64(seconds).ok()?.as_micros();
        return Some(after(i64::try_from(micros).ok()?, now()));
    }
    let seconds = if number >= DAY { number / 1e3 } else { number };
    Duration::try_from_secs_f64(seconds).ok()
}

fn after(instant: Micros, now: Micros) -> Duration {
    let micros = instant.saturating_sub(now);
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// When the host sent the response, by its own clock, against which its instants are to be held.
fn sent(headers: &Headers) -> Option<Micros> {
    let date = DateTime::parse_from_rfc2822(headers.get("date")?).ok()?;
    Some(date.timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2025-03-01T00:00:00Z.
    const NOW: Micros = 1_740_787_200_000_000;

    fn told(fields: &[(&str, &str)]) -> (Option<u64>, Option<f64>, Option<f64>) {
        let mut headers = Headers::default();
        for (name, value) in fields {
            headers.add(name, *value);
        }
        let told = Told::of(&headers, NOW);
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        (
            told.remaining,
            seconds(told.reset),
            seconds(told.retry_after),
        )
    }

    #[test]
    fn all_spellings_say_what_is_left_and_until_when() {
        for fields in [
            [("RateLimit-Remaining", "7"), ("RateLimit-Reset", "30")],
            [("x-ratelimit-remaining", "7"), ("x-ratelimit-reset", "30")],
            [
                ("X-Rate-Limit-Remaining", "7"),
                ("X-Rate-Limit-Reset", "1740787230"),
            ],
            [
                ("X-RateLimit-Remaining", "7"),
                ("X-RateLimit-Reset", "1740787230000"),
            ],
            [
                ("X-RateLimit-Remaining", "7, 9"),
                ("X-RateLimit-Reset-After", "30.0"),
            ],
            [
                ("X-RateLimit-Remaining", "7"),
                ("X-RateLimit-Reset", "2025-03-01T00:00:30Z"),
            ],
            [("RateLimit", "limit=10, remaining=7, reset=30"), ("A", "b")],
            [("RateLimit", "\"default\";r=7;t=30"), ("Server", "x")],
            [("RateLimit", "\"a\";r=90;t=5, \"b\";r=7;t=30"), ("X-A", "")],
        ] {
            assert_eq!(told(&fields), (Some(7), Some(30.0), None), "{fields:?}");
        }
    }

    #[test]
    fn an_instant_counts_from_the_host_s_own_time() {
        let fields = [
            ("Date", "Sat, 01 Mar 2025 00:00:20 GMT"),
            ("X-RateLimit-Reset", "1740787230"),
            ("Retry-After", "Sat, 01 Mar 2025 00:00:25 GMT"),
        ];
        assert_eq!(told(&fields), (None, Some(10.0), Some(5.0)));
        // Long over; and a time from now in milliseconds.
        assert_eq!(told(&[("X-RateLimit-Reset", "1000000000")]).1, Some(0.0));
        assert_eq!(told(&[("X-RateLimit-Reset", "90000")]).1, Some(90.0));
    }

    #[test]
    fn what_is_no_number_says_nothing() {
        for value in ["", "soon", "-1", "nan", "1e400", "99999999999999999999999"] {
            let fields = [("RateLimit-Remaining", value), ("Retry-After", value)];
            let (remaining, _, _) = told(&fields);
            assert_eq!(remaining, None, "{value}");
        }
        assert_eq!(told(&[("Retry-After", "soon")]), (None, None, None));
        assert_eq!(told(&[("RateLimit", "\"a\";r=3")]), (None, None, None));
    }
}
