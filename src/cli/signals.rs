//! Interrupts: the first asks the work to stop, the second stops the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::error::{Failure, say};
use super::stdout::Flow;

/// Exit code of a program that a signal ended: 128 + SIGINT.
const INTERRUPTED: i32 = 130;
/// How long an interrupted program waits for a reader who takes nothing.
const GRACE: Duration = Duration::from_secs(1);
/// How long it takes at most to say a word, should nobody read standard error either.
const WORD: Duration = Duration::from_millis(200);

/// Listens to SIGINT and SIGTERM. The first sets the flag that is returned; the second exits at once.
/// After the first, lines that nobody takes do not keep the program either.
///
/// Fails when it is called twice, or when the system refuses.
pub(super) fn listen(flow: &Arc<Flow>) -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let flow = Arc::clone(flow);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            exit_now();
        }
        let flow = Arc::clone(&flow);
        thread::spawn(move || watch(&flow));
        say("interrupted: finishing what is under way; interrupt again to stop at once");
    })
    .map_err(|error| {
        Failure::work(anyhow::Error::new(error).context("cannot listen to signals"))
    })?;
    Ok(stop)
}

/// Ends the program when its output stands still. Else it ends by itself, and this thread with it.
fn watch(flow: &Flow) {
    let lines = flow.stalled(GRACE);
    let s = if lines == 1 { "" } else { "s" };
    let words = format!(
        "error: nobody reads the output: at least {lines} line{s} could not be written to it"
    );
    let caller = thread::current();
    thread::spawn(move || {
        say(&words);
        caller.unpark();
    });
    thread::park_timeout(WORD);
    exit_now();
}

#[expect(
    clippy::exit,
    reason = "the user wants the end; nothing may stand between the signal and it"
)]
fn exit_now() -> ! {
    std::process::exit(INTERRUPTED)
}
