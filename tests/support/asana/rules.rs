//! Rules: which requests the server treats otherwise than it should, and how.

use serde_json::{Value, json};

use super::http::{Request, Response};

/// Requests to answer in another way: those of a path, from the `nth` on, so many times.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    path: String,
    skip: usize,
    times: usize,
    answer: Answer,
}

#[derive(Clone, Debug)]
pub(super) enum Answer {
    Response(Response),
    /// Closes the connection without an answer.
    HangUp,
    /// Lets the client wait, for longer than any test.
    Hold,
    /// Forgets all page tokens, and then answers as ever.
    ExpireOffsets,
}

impl Rule {
    /// All requests whose path ends with `path` (`/tasks`, `/projects/123/sections`) get `status`
    /// with an error of Asana's form.
    pub(crate) fn status(path: &str, status: u16) -> Self {
        let body =
            json!({"errors": [{"message": format!("told to answer {status}"), "help": "none"}]});
        Self::new(path, Answer::Response(Response::json(status, &body)))
    }

    /// The same requests get this body.
    pub(crate) fn body(path: &str, body: &Value) -> Self {
        Self::new(path, Answer::Response(Response::json(200, body)))
    }

    /// There is no answer, for longer than any test takes.
    pub(crate) fn hold(path: &str) -> Self {
        Self::new(path, Answer::Hold)
    }

    /// The connection is closed instead of an answer.
    pub(crate) fn hang_up(path: &str) -> Self {
        Self::new(path, Answer::HangUp)
    }

    /// All page tokens have expired when the request comes.
    pub(crate) fn expire_offsets(path: &str) -> Self {
        Self::new(path, Answer::ExpireOffsets)
    }

    fn new(path: &str, answer: Answer) -> Self {
        Self {
            path: path.to_owned(),
            skip: 0,
            times: usize::MAX,
            answer,
        }
    }

    /// Begins with the `nth` matching request; the first is 1.
    pub(crate) fn nth(mut self, nth: usize) -> Self {
        self.skip = nth.saturating_sub(1);
        self
    }

    /// Ends after `times` matching requests.
    pub(crate) fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Adds a header to the answer, such as `Retry-After`.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        if let Answer::Response(response) = &mut self.answer {
            response.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    pub(super) fn apply(&mut self, request: &Request) -> Option<Answer> {
        if !request.path.ends_with(&self.path) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.times = self.times.checked_sub(1)?;
        Some(self.answer.clone())
    }
}
