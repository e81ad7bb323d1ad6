//! Asana on the loopback: the API as its documents describe it, small, with data that never changes.
//!
//! In: HTTP requests, and rules that make some of them fail. Out: answers, a log of what was asked
//! ([`Server::requests`]), and the truth to compare records with ([`Server::records`]). It knows
//! nothing of the engine; of `asana.yaml` only the schemas, which shape the data.

mod data;
mod fields;
mod http;
mod routes;
mod rules;
mod shape;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

pub(crate) use data::{MANIFEST, ME, Size};
pub(crate) use http::Request;
pub(crate) use rules::Rule;

use data::Data;
use http::{Listener, Response};

/// The token that the server takes from the start.
pub(crate) const TOKEN: &str = "valid-token";

/// A running server; it ends when dropped.
pub(crate) struct Server {
    /// `http://127.0.0.1:PORT`: what stands in a manifest instead of `https://app.asana.com`.
    pub(crate) base_url: String,
    state: Arc<State>,
    _listener: Listener,
}

/// A request, and the status that it was answered with (0: none, as a rule wanted).
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) request: Request,
    pub(crate) status: u16,
}

struct State {
    data: Data,
    changing: Mutex<Changing>,
}

/// What requests change.
#[derive(Default)]
struct Changing {
    log: Vec<Seen>,
    rules: Vec<Rule>,
    /// Page tokens that are alive, with the listing that each belongs to and where it goes on.
    offsets: HashMap<String, (String, usize)>,
    /// Sync tokens, with their resource and the first event that was not yet told.
    syncs: HashMap<String, (String, usize)>,
    /// Organization exports by gid: organization, and how often each has been asked for.
    exports: Vec<(String, usize)>,
    tokens_made: usize,
}

impl Server {
    /// Starts with a small dataset: some lists have two pages, most have less.
    pub(crate) fn start() -> Self {
        Self::with(Size::default())
    }

    /// Starts with a dataset of a given size.
    pub(crate) fn with(size: Size) -> Self {
        let state = Arc::new(State {
            data: Data::new(size),
            changing: Mutex::default(),
        });
        let answering = Arc::clone(&state);
        let listener = Listener::start(move |request, base| answering.answer(request, base));
        Self {
            base_url: listener.base_url.clone(),
            state,
            _listener: listener,
        }
    }

    /// A manifest's text with this server in the place of Asana.
    pub(crate) fn serve(&self, manifest: &str) -> String {
        manifest.replace("https://app.asana.com", &self.base_url)
    }

    /// Adds a rule; of those that match a request the first decides.
    pub(crate) fn rule(&self, rule: Rule) {
        self.state.lock().rules.push(rule);
    }

    /// All requests so far, in the order of their answers.
    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.state.lock().log.clone()
    }

    /// What a full read of a stream of `asana.yaml` must give, slice by slice, each record whole.
    /// Of organization exports: those that have been started, as they are when finished.
    pub(crate) fn records(&self, stream: &str) -> Vec<Value> {
        let data = &self.state.data;
        if stream == "organization_exports" {
            let exports = self.state.lock().exports.clone();
            let gids = (1..).map(routes::export_gid);
            let finished = exports
                .iter()
                .zip(gids)
                .map(|((of, _), gid)| data.export(&gid, of, 2));
            return finished.collect();
        }
        data.records(stream)
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Changing> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request, base: &str) -> Option<Response> {
        let mut changing = self.lock();
        let ruled = changing
            .rules
            .iter_mut()
            .find_map(|rule| rule.apply(request));
        let is_held = matches!(ruled, Some(rules::Answer::Hold));
        let response = match ruled {
            Some(rules::Answer::Response(response)) => Some(response),
            Some(rules::Answer::HangUp | rules::Answer::Hold) => None,
            Some(rules::Answer::ExpireOffsets) => {
                changing.offsets.clear();
                Some(routes::route(&self.data, &mut changing, request, base))
            }
            None => Some(routes::route(&self.data, &mut changing, request, base)),
        };
        changing.log.push(Seen {
            request: request.clone(),
            status: response.as_ref().map_or(0, |r| r.status),
        });
        drop(changing);
        if is_held {
            #[expect(clippy::disallowed_methods, reason = "the client has to wait, really")]
            std::thread::sleep(std::time::Duration::from_secs(60));
        }
        response
    }
}
