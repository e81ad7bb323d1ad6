//! Interrupts: the first asks the work to stop, the second stops the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::{Failure, say};

/// Exit code of a program that a signal ended: 128 + SIGINT.
const INTERRUPTED: i32 = 130;

/// Listens to SIGINT and SIGTERM. The first sets the flag that is returned, and calls `wake` (on a
/// thread of its own), so that whoever waits can look at the flag; the second exits at once.
///
/// Fails when it is called twice, or when the system refuses.
pub(super) fn listen(wake: impl Fn() + Send + 'static) -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            exit_now();
        }
        say("interrupted: finishing what is under way; interrupt again to stop at once");
        wake();
    })
    .map_err(|error| {
        Failure::work(anyhow::Error::new(error).context("cannot listen to signals"))
    })?;
    Ok(stop)
}

#[expect(
    clippy::exit,
    reason = "the user asked twice; nothing may stand between the second signal and the end"
)]
fn exit_now() -> ! {
    std::process::exit(INTERRUPTED)
}
