//! The closing table: what each stream read, and what it cost.
//!
//! In: numbers. Out: text that fits the terminal's width.

use std::fmt::Write as _;

/// What one stream read.
#[derive(Debug, Clone, Default)]
pub(super) struct StreamReport {
    /// Name of the stream.
    pub(super) name: String,
    /// Records that came out.
    pub(super) records: u64,
    /// Records that were taken down, where the destination counts them.
    pub(super) written: Option<u64>,
    /// Requests sent, tries included.
    pub(super) requests: u64,
    /// Tries after the first.
    pub(super) retries: u64,
    /// Bytes of response bodies on the wire.
    pub(super) bytes: u64,
    /// Seconds from its first request to its end.
    pub(super) seconds: f64,
    /// How it ended, in a word or two.
    pub(super) status: String,
    /// What was left out or tolerated, a line each.
    pub(super) notes: Vec<String>,
}

const HEADS: [&str; 8] = [
    "stream", "records", "written", "requests", "retries", "bytes", "time", "status",
];

/// Prints the table on standard error. `columns` is the terminal's width, where it is known.
pub(super) fn print(streams: &[StreamReport], seconds: f64, columns: Option<usize>) {
    let width = columns.map_or(100, |columns| columns.clamp(80, 120));
    super::error::say(&table(streams, seconds, width));
}

/// The same as sentences, for a log that programs read.
pub(super) fn sentences(streams: &[StreamReport]) -> Vec<String> {
    let of = |stream: &StreamReport| {
        let StreamReport {
            name,
            status,
            records,
            requests,
            retries,
            ..
        } = stream;
        let counts =
            format!("{name}: {status}; {records} records, {requests} requests, {retries} retries");
        let notes = stream.notes.iter().map(|note| format!("{name}: {note}"));
        std::iter::once(counts).chain(notes).collect::<Vec<_>>()
    };
    streams.iter().flat_map(of).collect()
}

/// Draws the table, with totals and notes below, in at most `width` columns where the words allow.
fn table(streams: &[StreamReport], seconds: f64, width: usize) -> String {
    let mut rows: Vec<[String; 8]> = vec![HEADS.map(str::to_owned)];
    rows.extend(streams.iter().map(cells));
    if streams.len() > 1 {
        rows.push(cells(&total(streams, seconds)));
    }
    let has_written = streams.iter().any(|stream| stream.written.is_some());
    let mut widths = [0; 8];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let is_shown = |column: usize| column != 2 || has_written;
    // Only names give way, to a bound at which they can still be told apart.
    let shown = widths
        .iter()
        .enumerate()
        .filter(|(column, _)| is_shown(*column));
    let others: usize = shown.skip(1).map(|(_, width)| width + 2).sum();
    widths[0] = widths[0].min(width.saturating_sub(others).max(16));

    let mut out = String::new();
    for (index, row) in rows.iter().enumerate() {
        if index + 1 == rows.len() && streams.len() > 1 {
            out.push_str(&"─".repeat(widths[0] + others));
            out.push('\n');
        }
        let mut line = String::new();
        let cells = row.iter().zip(&widths).enumerate();
        for (column, (cell, &width)) in cells.filter(|(column, _)| is_shown(*column)) {
            // Writing to a `String` cannot fail.
            let _ = match column {
                0 => write!(line, "{:<width$}", shortened(cell, width)),
                7 => write!(line, "  {cell}"),
                _ => write!(line, "  {cell:>width$}"),
            };
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    for stream in streams {
        for note in &stream.notes {
            let _ = writeln!(out, "{}: {note}", stream.name);
        }
    }
    out
}

fn total(streams: &[StreamReport], seconds: f64) -> StreamReport {
    let sum = |part: fn(&StreamReport) -> u64| {
        streams
            .iter()
            .fold(0u64, |all, stream| all.saturating_add(part(stream)))
    };
    StreamReport {
        name: "total".to_owned(),
        records: sum(|s| s.records),
        written: Some(sum(|s| s.written.unwrap_or_default())),
        requests: sum(|s| s.requests),
        retries: sum(|s| s.retries),
        bytes: sum(|s| s.bytes),
        seconds,
        ..StreamReport::default()
    }
}

fn cells(stream: &StreamReport) -> [String; 8] {
    [
        stream.name.clone(),
        grouped(stream.records),
        stream.written.map_or_else(String::new, grouped),
        grouped(stream.requests),
        grouped(stream.retries),
        bytes(stream.bytes),
        time(stream.seconds),
        stream.status.clone(),
    ]
}

fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// A number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn bytes(number: u64) -> String {
    let mut scaled = number as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if scaled < 999.5 {
            return if unit == "B" || scaled >= 99.95 {
                format!("{scaled:.0} {unit}")
            } else {
                format!("{scaled:.1} {unit}")
            };
        }
        scaled /= 1000.0;
    }
    format!("{scaled:.1} TB")
}

fn time(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "–".to_owned();
    }
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
    }
    // Saturates at a time that nobody measures.
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, minutes, seconds) => format!("{minutes} m {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(name: &str, records: u64, status: &str) -> StreamReport {
        StreamReport {
            name: name.to_owned(),
            records,
            requests: records / 100 + 1,
            bytes: records * 2800,
            seconds: records as f64 / 1000.0,
            status: status.to_owned(),
            ..StreamReport::default()
        }
    }

    #[test]
    fn numbers_stand_under_each_other_with_totals_and_notes() {
        let mut tasks = stream("tasks", 1_234_567, "done");
        tasks.retries = 3;
        tasks.notes = vec!["2 partitions skipped: 403".to_owned()];
        let table = table(&[tasks, stream("users", 12, "failed")], 1300.0, 100);
        insta::assert_snapshot!(table, @r"
        stream    records  requests  retries    bytes       time  status
        tasks   1,234,567    12,346        3   3.5 GB  20 m 35 s  done
        users          12         1        0  33.6 kB      0.0 s  failed
        ────────────────────────────────────────────────────────────────
        total   1,234,579    12,347        3   3.5 GB  21 m 40 s
        tasks: 2 partitions skipped: 403
        ");
    }

    #[test]
    fn what_a_database_took_down_has_a_column() {
        let mut tasks = stream("tasks", 1200, "done");
        tasks.written = Some(1200);
        let parent = stream("projects", 3, "done, for its children");
        insta::assert_snapshot!(table(&[tasks, parent], 1.0, 100), @r"
        stream    records  written  requests  retries   bytes   time  status
        tasks       1,200    1,200        13        0  3.4 MB  1.2 s  done
        projects        3                  1        0  8.4 kB  0.0 s  done, for its children
        ────────────────────────────────────────────────────────────────────────────────────
        total       1,203    1,200        14        0  3.4 MB  1.0 s
        ");
    }

    #[test]
    fn long_names_are_cut_to_the_width() {
        let name = "a_stream_whose_name_goes_on_and_on_far_beyond_what_a_terminal_can_show";
        let table = table(&[stream(name, 999, "done")], 1.0, 80);
        assert!(
            table.lines().all(|line| line.chars().count() <= 80),
            "{table}"
        );
        assert!(table.contains('…'), "{table}");
    }

    #[test]
    fn sizes_and_times_are_short() {
        let sizes = [0, 999, 1000, 99_949, 123_456, 999_500, 5_000_000_000_000].map(bytes);
        assert_eq!(
            sizes,
            [
                "0 B", "999 B", "1.0 kB", "99.9 kB", "123 kB", "1.0 MB", "5.0 TB"
            ]
        );
        let times = [0.0, 59.94, 59.96, 3599.0, 3660.0, f64::NAN].map(time);
        assert_eq!(
            times,
            ["0.0 s", "59.9 s", "1 m 00 s", "59 m 59 s", "1 h 01 m", "–"]
        );
    }
}
