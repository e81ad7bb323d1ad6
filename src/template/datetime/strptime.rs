//! Python's `strptime`, in the C locale.

use chrono::{NaiveDate, NaiveTime, TimeDelta, Weekday};

use super::strftime::{days, months};
use super::{DateError, DateTime, Zone, bad, civil};

/// What the directives found.
#[derive(Default)]
struct Found {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    hour: u32,
    hour12: Option<u32>,
    afternoon: Option<bool>,
    minute: u32,
    second: u32,
    micros: u32,
    ordinal: Option<u32>,
    week: Option<(u32, bool)>,
    weekday: Option<u32>,
    iso: Option<(Option<i32>, Option<u32>)>,
    zone: Option<Zone>,
}

pub(super) fn strptime(text: &str, format: &str) -> Result<DateTime, DateError> {
    let chars: Vec<char> = text.chars().collect();
    let format: Vec<char> = expand(format).chars().collect();
    let wrong = || {
        let format: String = format.iter().collect();
        bad(format!("`{text}` does not match the format `{format}`"))
    };
    let mut found = Found::default();
    let end = run(&chars, 0, &format, 0, &mut found).ok_or_else(wrong)?;
    if end != chars.len() {
        return Err(wrong());
    }
    finish(found).ok_or_else(wrong)
}

/// Directives that stand for others.
fn expand(format: &str) -> String {
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('c') => out.push_str("%a %b %d %H:%M:%S %Y"),
            Some('x') => out.push_str("%m/%d/%y"),
            Some('X') => out.push_str("%H:%M:%S"),
            Some(other) => {
                out.push('%');
                out.push(other);
            }
            None => out.push('%'),
        }
    }
    out
}

/// Matches from `at` on; tries a number's longer reading first, as Python's pattern does.
fn run(text: &[char], at: usize, format: &[char], f: usize, found: &mut Found) -> Option<usize> {
    let Some(c) = format.get(f) else {
        return (at == text.len()).then_some(at);
    };
    if c.is_whitespace() {
        let mut f = f;
        while format.get(f).is_some_and(|c| c.is_whitespace()) {
            f += 1;
        }
        let blanks = text
            .get(at..)?
            .iter()
            .take_while(|c| c.is_whitespace())
            .count();
        return (1..=blanks)
            .rev()
            .find_map(|n| run(text, at + n, format, f, found));
    }
    if *c != '%' {
        // Python's pattern ignores case.
        let same = text
            .get(at)
            .is_some_and(|t| t == c || t.to_lowercase().eq(c.to_lowercase()));
        return same.then(|| run(text, at + 1, format, f + 1, found))?;
    }
    let directive = *format.get(f + 1)?;
    let f = f + 2;
    let (min, max, low, high) = match directive {
        'Y' | 'G' => (4, 4, 0, 9999),
        'm' => (1, 2, 1, 12),
        'd' => (1, 2, 1, 31),
        'H' => (1, 2, 0, 23),
        'I' => (1, 2, 1, 12),
        'M' => (1, 2, 0, 59),
        'S' => (1, 2, 0, 61),
        'y' => (2, 2, 0, 99),
        'j' => (1, 3, 1, 366),
        'U' | 'W' | 'V' => (1, 2, u32::from(directive == 'V'), 53),
        'w' => (1, 1, 0, 6),
        'u' => (1, 1, 1, 7),
        'f' => (1, 6, 0, 999_999),
        _ => return words(text, at, format, f, directive, found),
    };
    let digits = text
        .get(at..)?
        .iter()
        .take(max)
        .take_while(|c| c.is_ascii_digit())
        .count();
    for n in (min..=digits).rev() {
        let read: String = text.get(at..at + n)?.iter().collect();
        let value: u32 = read.parse().ok()?;
        if value < low || value > high {
            continue;
        }
        set(found, directive, value, n);
        if let Some(end) = run(text, at + n, format, f, found) {
            // A later failed try may have left other values behind.
            set(found, directive, value, n);
            return Some(end);
        }
    }
    None
}

fn set(found: &mut Found, directive: char, value: u32, digits: usize) {
    let signed = i32::try_from(value).unwrap_or_default();
    match directive {
        'Y' => found.year = Some(signed),
        'G' => found.iso.get_or_insert((None, None)).0 = Some(signed),
        'V' => found.iso.get_or_insert((None, None)).1 = Some(value),
        'y' => found.year = Some(signed + if signed <= 68 { 2000 } else { 1900 }),
        'm' => found.month = Some(value),
        'd' => found.day = Some(value),
        'H' => found.hour = value,
        'I' => found.hour12 = Some(value),
        'M' => found.minute = value,
        'S' => found.second = value,
        'j' => found.ordinal = Some(value),
        'U' => found.week = Some((value, true)),
        'W' => found.week = Some((value, false)),
        'w' => found.weekday = Some((value + 6) % 7),
        'u' => found.weekday = Some(value - 1),
        'f' => {
            let scale = 10_u32.pow(u32::try_from(6_usize.saturating_sub(digits)).unwrap_or(0));
            found.micros = value * scale;
        }
        _ => {}
    }
}

fn words(
    text: &[char],
    at: usize,
    format: &[char],
    f: usize,
    directive: char,
    found: &mut Found,
) -> Option<usize> {
    let rest = text.get(at..)?;
    let starts = |word: &str| {
        let n = word.chars().count();
        rest.get(..n)
            .is_some_and(|r| r.iter().collect::<String>().eq_ignore_ascii_case(word))
            .then_some(n)
    };
    let pick = |names: &[&'static str], short: bool| {
        names.iter().enumerate().find_map(|(i, name)| {
            let name = if short { name.get(..3)? } else { name };
            Some((u32::try_from(i).ok()?, starts(name)?))
        })
    };
    let n = match directive {
        'a' | 'A' => {
            let (day, n) = pick(days(), directive == 'a')?;
            found.weekday = Some(day);
            n
        }
        'b' | 'B' => {
            let (month, n) = pick(months(), directive == 'b')?;
            found.month = Some(month + 1);
            n
        }
        'p' => {
            let n = starts("AM").or_else(|| starts("PM"))?;
            found.afternoon = Some(rest.first()?.eq_ignore_ascii_case(&'p'));
            n
        }
        'z' => {
            let (zone, n) = offset(rest)?;
            found.zone = Some(zone);
            n
        }
        'Z' => {
            let n = starts("UTC").or_else(|| starts("GMT"))?;
            // Python drops the name of a zone that it parsed: the date stays naive.
            n
        }
        '%' => starts("%")?,
        _ => return None,
    };
    run(text, at + n, format, f, found)
}

/// `Z`, `+hhmm`, `+hh:mm`, each with seconds and a fraction.
fn offset(rest: &[char]) -> Option<(Zone, usize)> {
    let sign = match rest.first()? {
        'Z' => return Some((Zone::utc(), 1)),
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let two = |at: usize| -> Option<i32> {
        let a = rest.get(at)?.to_digit(10)?;
        let b = rest.get(at + 1)?.to_digit(10)?;
        i32::try_from(a * 10 + b).ok()
    };
    let hours = two(1)?;
    let colon = rest.get(3) == Some(&':');
    let step = usize::from(colon);
    let minutes = two(3 + step).filter(|m| *m < 60)?;
    let mut end = 5 + step;
    let mut seconds = 0;
    let more = if colon && rest.get(end) == Some(&':') {
        Some(end + 1)
    } else if colon {
        None
    } else {
        Some(end)
    };
    if let Some(at) = more
        && let Some(s) = two(at).filter(|s| *s < 60)
    {
        seconds = s;
        end = at + 2;
    }
    if hours >= 24 {
        return None;
    }
    let offset = sign * (hours * 3600 + minutes * 60 + seconds);
    Some((Zone::fixed(offset), end))
}

fn finish(found: Found) -> Option<DateTime> {
    let hour = match (found.hour12, found.afternoon) {
        (Some(h), Some(true)) => h % 12 + 12,
        (Some(h), _) => h % 12,
        (None, _) => found.hour,
    };
    let day = day(&found)?;
    // Python reads a leap second as the start of the next minute, and refuses it then.
    let time = NaiveTime::from_hms_micro_opt(hour, found.minute, found.second, found.micros)?;
    Some(DateTime {
        local: day.and_time(time),
        zone: found.zone,
    })
}

fn day(found: &Found) -> Option<NaiveDate> {
    if let Some((year, week)) = found.iso {
        let weekday = Weekday::try_from(u8::try_from(found.weekday?).ok()?).ok()?;
        return NaiveDate::from_isoywd_opt(year?, week?, weekday);
    }
    // Without a year, 29 February is one of a leap year.
    let leap = found.year.is_none() && found.month == Some(2) && found.day == Some(29);
    let year = found.year.unwrap_or(if leap { 1904 } else { 1900 });
    if let Some(ordinal) = found.ordinal {
        if found.month.is_none() && found.day.is_none() {
            // Python counts on: day 366 of a common year is the next year's first.
            let days = i64::from(ordinal) - 1;
            return civil(year, 1, 1)?.checked_add_signed(TimeDelta::days(days));
        }
    } else if let (Some((week, sunday_first)), Some(weekday), Some(_)) =
        (found.week, found.weekday, found.year)
    {
        return by_week(year, week, weekday, sunday_first);
    }
    let day = civil(year, found.month.unwrap_or(1), found.day.unwrap_or(1))?;
    if leap { civil(1900, 2, 29) } else { Some(day) }
}

/// The day of a week that is counted from the year's first Sunday or Monday.
fn by_week(year: i32, week: u32, weekday: u32, sunday_first: bool) -> Option<NaiveDate> {
    use chrono::Datelike as _;
    let first = civil(year, 1, 1)?;
    let first_weekday = first.weekday().num_days_from_monday();
    let (first_weekday, weekday) = if sunday_first {
        ((first_weekday + 1) % 7, (weekday + 1) % 7)
    } else {
        (first_weekday, weekday)
    };
    let week0 = (7 - i64::from(first_weekday)) % 7;
    let days = if week == 0 {
        i64::from(weekday) - i64::from(first_weekday)
    } else {
        week0 + 7 * (i64::from(week) - 1) + i64::from(weekday)
    };
    first.checked_add_signed(TimeDelta::days(days))
}
