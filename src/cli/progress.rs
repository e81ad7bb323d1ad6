//! How far a run is, for the person who waits for it: lines that change on a terminal, a line of the
//! log every ten seconds elsewhere.
//!
//! In: the counters of a run, from a thread of its own. Out: standard error.

use std::io::{self, IsTerminal as _};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::error::say;
use super::flags::{Color, LogFormat, Watch};
use super::instant;
use super::report::grouped;
use crate::clock::{Clock, monotonic};
use crate::engine::{Session, Watched, WatchedStream};

/// How often the lines of a terminal are drawn.
const FRAME: Duration = Duration::from_millis(100);
/// How often the log tells.
const LOG: Duration = Duration::from_secs(10);
/// Lines of a terminal: more streams than this are told by their sum.
const LINES: usize = 16;

/// The lines that are drawn now; what else is said goes above them.
static DRAWN: OnceLock<MultiProgress> = OnceLock::new();

/// Lets `say` write to standard error without drawing into it.
pub(super) fn aside(say: impl FnOnce()) {
    match DRAWN.get() {
        Some(lines) => lines.suspend(say),
        None => say(),
    }
}

/// Tells how far a run is, until it is dropped.
pub(super) struct Progress {
    ended: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

/// How it is told.
enum Way {
    Lines(Lines),
    Log(LogFormat, Arc<Clock>),
}

impl Progress {
    /// Starts to tell of the run behind `watched`. `owns_stdout`: records go to standard output, into
    /// which no line is to be drawn.
    pub(super) fn start(
        flags: &Watch,
        watched: Watched,
        session: Arc<Session>,
        clock: Arc<Clock>,
        owns_stdout: bool,
    ) -> Self {
        let ended = Arc::new((Mutex::new(false), Condvar::new()));
        if flags.quiet {
            return Self {
                ended,
                thread: None,
            };
        }
        let is_terminal = io::stderr().is_terminal();
        let is_mixed = owns_stdout && io::stdout().is_terminal();
        let way = if !is_terminal || flags.log_format == LogFormat::Json {
            Way::Log(flags.log_format, clock)
        } else if is_mixed {
            // The records themselves tell how far it is.
            return Self {
                ended,
                thread: None,
            };
        } else {
            match flags.color {
                Color::Auto => {}
                Color::Always => console_colors(true),
                Color::Never => console_colors(false),
            }
            Way::Lines(Lines::new())
        };
        let theirs = Arc::clone(&ended);
        let began = monotonic();
        let tell = move || {
            let mut way = way;
            let every = match way {
                Way::Lines(_) => FRAME,
                Way::Log(..) => LOG,
            };
            while !wait(&theirs, every) {
                let streams = watched.streams();
                let moment = Moment::of(streams, &session, began);
                match &mut way {
                    Way::Lines(lines) => lines.draw(streams, &moment),
                    Way::Log(format, clock) => say(&line(streams, &moment, *format, clock)),
                }
            }
            if let Way::Lines(lines) = way {
                lines.clear();
            }
        };
        let thread = std::thread::Builder::new().name("progress".to_owned());
        // Without a thread for it the run goes on unseen.
        let thread = thread.spawn(tell).ok();
        Self { ended, thread }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let (is_ended, changed) = &*self.ended;
        *is_ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // What it panicked of, it has said.
            let _ = thread.join();
        }
    }
}

/// Waits for `time`; true when the run has ended.
fn wait((is_ended, changed): &(Mutex<bool>, Condvar), time: Duration) -> bool {
    let ended = is_ended.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = changed.wait_timeout_while(ended, time, |ended| !*ended);
    *waited.unwrap_or_else(PoisonError::into_inner).0
}

fn console_colors(are_wanted: bool) {
    console::set_colors_enabled_stderr(are_wanted);
}

/// All streams together at one moment.
struct Moment {
    records: u64,
    requests: u64,
    in_flight: u64,
    elapsed: Duration,
    paused: Option<Duration>,
}

impl Moment {
    fn of(streams: &[WatchedStream], session: &Session, began: Instant) -> Self {
        let sum = |part: fn(&WatchedStream) -> u64| streams.iter().map(part).sum();
        Self {
            records: sum(|stream| stream.stats.records.get()),
            requests: sum(|stream| stream.stats.requests.get()),
            in_flight: sum(|stream| stream.stats.in_flight.get()),
            elapsed: began.elapsed(),
            paused: session.paused(),
        }
    }

    /// Such as `1,200 records, 12 requests, 3 in flight, 120 records/s`.
    fn words(&self) -> String {
        let rate = self.records as f64 / self.elapsed.as_secs_f64().max(0.001);
        let mut words = format!(
            "{} records, {} requests, {} in flight, {rate:.0} records/s",
            grouped(self.records),
            grouped(self.requests),
            self.in_flight,
        );
        if let Some(left) = self.paused {
            words.push_str(&format!(
                ", waiting for a rate limit for {:.0} s",
                left.as_secs_f64().ceil()
            ));
        }
        words
    }
}

fn of_stream(stream: &WatchedStream) -> String {
    format!(
        "{} records, {} requests, {} in flight",
        grouped(stream.stats.records.get()),
        grouped(stream.stats.requests.get()),
        stream.stats.in_flight.get()
    )
}

/// A line of the log.
fn line(streams: &[WatchedStream], moment: &Moment, format: LogFormat, clock: &Clock) -> String {
    let under_way = streams.iter().filter(|stream| stream.stats.is_under_way());
    match format {
        LogFormat::Text => {
            let names: Vec<String> = under_way
                .map(|stream| format!("{}: {}", stream.name, of_stream(stream)))
                .collect();
            format!("{}; {}", moment.words(), names.join("; "))
        }
        LogFormat::Json => {
            let streams: Vec<_> = under_way
                .map(|stream| {
                    json!({
                        "stream": &*stream.name,
                        "records": stream.stats.records.get(),
                        "requests": stream.stats.requests.get(),
                        "in_flight": stream.stats.in_flight.get(),
                    })
                })
                .collect();
            json!({
                "time": instant::written(clock.now()),
                "level": "info",
                "message": moment.words(),
                "streams": streams,
            })
            .to_string()
        }
    }
}

/// Lines on a terminal, one for each stream that is read, and one for all.
struct Lines {
    all: MultiProgress,
    streams: Vec<Option<ProgressBar>>,
    total: ProgressBar,
}

impl Lines {
    fn new() -> Self {
        let all = DRAWN.get_or_init(|| {
            MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10))
        });
        let total = all.add(ProgressBar::new_spinner());
        total.set_style(style("{spinner} {msg}"));
        Self {
            all: all.clone(),
            streams: Vec::new(),
            total,
        }
    }

    fn draw(&mut self, streams: &[WatchedStream], moment: &Moment) {
        self.streams.resize(streams.len(), None);
        let mut shown = self.streams.iter().flatten().count();
        for (stream, bar) in streams.iter().zip(&mut self.streams) {
            if !stream.stats.is_under_way() {
                if let Some(bar) = bar.take() {
                    bar.finish_and_clear();
                    self.all.remove(&bar);
                    shown -= 1;
                }
                continue;
            }
            if bar.is_none() && shown < LINES {
                let new = self
                    .all
                    .insert_before(&self.total, ProgressBar::new_spinner());
                new.set_style(style("{spinner} {prefix:.bold} {wide_msg}"));
                new.set_prefix(stream.name.to_string());
                *bar = Some(new);
                shown += 1;
            }
            if let Some(bar) = bar {
                bar.set_message(of_stream(stream));
                bar.tick();
            }
        }
        self.total.set_message(moment.words());
        self.total.tick();
    }

    fn clear(self) {
        for bar in self.streams.into_iter().flatten() {
            bar.finish_and_clear();
        }
        self.total.finish_and_clear();
        // `say` need not know that nothing is drawn any more.
        let _ = self.all.clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_in_words() {
        let mut moment = Moment {
            records: 12_000,
            requests: 120,
            in_flight: 3,
            elapsed: Duration::from_secs(10),
            paused: None,
        };
        assert_eq!(
            moment.words(),
            "12,000 records, 120 requests, 3 in flight, 1200 records/s"
        );
        moment.paused = Some(Duration::from_millis(1500));
        assert!(
            moment
                .words()
                .ends_with(", waiting for a rate limit for 2 s")
        );
    }

    #[test]
    fn a_line_of_the_log_is_json_where_that_is_asked_for() {
        let moment = Moment {
            records: 1,
            requests: 1,
            in_flight: 0,
            elapsed: Duration::from_secs(1),
            paused: None,
        };
        let clock = Clock::new(Some(0), 0.0);
        let line = line(&[], &moment, LogFormat::Json, &clock);
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["time"], "1970-01-01T00:00:00Z");
        assert_eq!(line["streams"], json!([]));
    }
}
