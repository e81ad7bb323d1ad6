//! The failure of a whole verb, told in the Airbyte protocol beside the words on standard error:
//! a platform reads standard output only.

use std::io::{self, BufWriter};

use super::error::{Failure, say};
use crate::clock::Clock;
use crate::message::{self, CheckStatus, ConnectionStatus, FailureType, Message};
use crate::output::{AirbyteOutput, Output as _};

/// The failure as a trace, as airbyte-cdk 7.39.1 writes it before it ends (`_run.py`,
/// `exception_handler.py`).
pub(super) fn trace(failure: &Failure) -> Message {
    Message::Failure(message::Failure {
        message: failure.message(),
        failure_type: if failure.is_of_input() {
            FailureType::ConfigError
        } else {
            FailureType::SystemError
        },
        ..message::Failure::default()
    })
}

/// The failure as the answer of a check (`entrypoint.py`).
pub(super) fn failed_check(failure: &Failure) -> Message {
    Message::ConnectionStatus(ConnectionStatus {
        status: CheckStatus::Failed,
        message: Some(failure.message()),
    })
}

/// Writes one message to standard output.
pub(super) fn print(message: &Message) -> io::Result<()> {
    let clock = Clock::system();
    let mut output = AirbyteOutput::new(BufWriter::new(io::stdout().lock()), move || clock.now());
    output.write(message)?;
    output.finish()
}

/// Tells a failure in the protocol by `form`, and hands it on.
pub(super) fn telling<T>(
    result: Result<T, Failure>,
    form: fn(&Failure) -> Message,
) -> Result<T, Failure> {
    if let Err(failure) = &result
        && !failure.is_closed_pipe()
        && let Err(error) = print(&form(failure))
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        say(&format!("error: the output could not be written: {error}"));
    }
    result
}
