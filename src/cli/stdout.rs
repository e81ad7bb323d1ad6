//! Standard output, and whether anybody takes it.
//!
//! In: bytes, in whole lines. Out: the same on standard output, and a view of how they flow, for those
//! who wait for the end of an interrupted program.

use std::io::{self, StdoutLock, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::clock::monotonic;

/// Bytes that are written at once: a reader who takes these is seen to read.
const PIECE: usize = 16 << 10;
/// How often the flow is looked at.
const TICK: Duration = Duration::from_millis(50);

/// How the lines flow. Written by one thread, looked at by another.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// Lines that wait for the reader; none while nothing is being written.
    waiting: AtomicUsize,
    pieces: AtomicU64,
}

impl Flow {
    /// Returns when lines have waited for as long as `grace` and the reader took nothing: how many
    /// they are.
    pub(super) fn stalled(&self, grace: Duration) -> usize {
        let mut seen = self.pieces.load(Ordering::SeqCst);
        let mut since = monotonic();
        loop {
            thread::park_timeout(TICK);
            let pieces = self.pieces.load(Ordering::SeqCst);
            let waiting = self.waiting.load(Ordering::SeqCst);
            if pieces != seen || waiting == 0 {
                (seen, since) = (pieces, monotonic());
            } else if since.elapsed() >= grace {
                return waiting;
            }
        }
    }
}

/// A destination whose flow is watched: standard output, unless a test has another.
pub(super) struct Watched<W> {
    inner: W,
    flow: Arc<Flow>,
}

impl Watched<StdoutLock<'static>> {
    /// Standard output, for this thread alone.
    pub(super) fn stdout(flow: &Arc<Flow>) -> Self {
        Self {
            inner: io::stdout().lock(),
            flow: Arc::clone(flow),
        }
    }
}

impl<W: Write> Write for Watched<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut left = lines(bytes);
        let mut rest = bytes;
        let mut written = Ok(());
        while written.is_ok() && !rest.is_empty() {
            self.flow.waiting.store(left.max(1), Ordering::SeqCst);
            let (piece, after) = rest.split_at(cut(rest));
            written = self.inner.write_all(piece);
            self.flow.pieces.fetch_add(1, Ordering::SeqCst);
            left -= lines(piece);
            rest = after;
        }
        self.flow.waiting.store(0, Ordering::SeqCst);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn lines(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}

/// Where the next piece ends: behind a line, where there is one.
fn cut(rest: &[u8]) -> usize {
    let piece = rest.get(..PIECE).unwrap_or(rest);
    memchr::memrchr(b'\n', piece).map_or(piece.len(), |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Pieces(Vec<Vec<u8>>);

    impl Write for Pieces {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn pieces_are_cut_between_lines_and_nothing_is_lost() {
        let short = format!("{}\n", "x".repeat(100)).repeat(1000);
        for text in [short.clone(), "y".repeat(50_000) + "\n" + &short] {
            let mut out = Watched {
                inner: Pieces::default(),
                flow: Arc::default(),
            };
            out.write_all(text.as_bytes()).unwrap();
            let pieces = out.inner.0;
            assert!(pieces.iter().all(|piece| piece.len() <= PIECE));
            assert!((pieces.iter().skip(4)).all(|piece| piece.ends_with(b"\n")));
            assert_eq!(pieces.concat(), text.as_bytes());
            assert_eq!(out.flow.waiting.load(Ordering::SeqCst), 0);
        }
    }

    #[test]
    fn a_pipe_that_nobody_reads_stalls() {
        let (reader, writer) = io::pipe().unwrap();
        let flow = Arc::new(Flow::default());
        let mut out = Watched {
            inner: writer,
            flow: Arc::clone(&flow),
        };
        let writing = thread::spawn(move || out.write_all("line\n".repeat(1 << 20).as_bytes()));
        let left = flow.stalled(Duration::from_millis(1));
        assert!(left > 0 && left <= 1 << 20, "{left}");
        drop(reader);
        let error = writing.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
