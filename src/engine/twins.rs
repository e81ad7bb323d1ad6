//! Answers that reads of one stream share: a stream that goes on from a state and is also the parent
//! of another, which reads it whole, is two streams of the plan, and both may ask for the same.
//!
//! In: a request. Out: what came for it when a twin asked, or leave to ask. Each answer is given to
//! each twin once, and forgotten with the last of them: who asks for the same again, as a scroll does,
//! gets what a twin got the second time.
//!
//! Who waits here waits for a worker that waits for the network and the clock only.

use super::shelf::{Shelf, Shelved};
use crate::http::{Headers, Request, Response};
use crate::plan::Plan;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Header fields with credentials, which may change between two requests for the same.
///
/// As airbyte-cdk 7.39.1, whose requests-cache passes over them too.
const CREDENTIALS: [&str; 2] = ["Authorization", "X-API-KEY"];

/// The answers that twins have for each other.
pub(super) struct Twins {
    /// For each stream of the plan its twins; none for nearly all.
    of: Vec<Vec<usize>>,
    state: Mutex<State>,
    /// An answer has come, or somebody gave up on one.
    news: Condvar,
}

#[derive(Default)]
struct State {
    asked: HashMap<Key, Vec<Asked>>,
    /// Streams that ask for nothing more.
    ended: Vec<usize>,
    shelf: Shelf,
    count: u64,
}

/// A hash of the stream's name and of the request.
type Key = [u8; 32];

/// A request that one of the twins has made.
struct Asked {
    number: u64,
    /// Those who have not had the answer.
    wanted_by: Vec<usize>,
    /// Not there while it is asked for.
    answer: Option<(Headers, Shelved)>,
}

/// What is known of a request.
pub(super) enum Told<'a> {
    /// A twin asked for it, and this came.
    Answer(Response),
    /// Nobody has asked: the caller does, and tells what came.
    Ask(Asking<'a>),
}

impl Twins {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            of: (0..plan.nodes.len()).map(|it| plan.twins(it)).collect(),
            state: Mutex::default(),
            news: Condvar::new(),
        }
    }

    /// What is known of a request of `stream`; waits for a twin that is asking. None when nobody has
    /// a use for the answer but the stream itself.
    ///
    /// As in the reference only what is asked for with GET or HEAD is shared.
    pub(super) fn look(&self, stream: usize, request: &Request) -> Option<Told<'_>> {
        let twins = &self.of[stream];
        if twins.is_empty() || !matches!(request.method.as_str(), "GET" | "HEAD") {
            return None;
        }
        let group = twins.iter().copied().fold(stream, usize::min);
        let key = key(group, request);
        let mut state = self.lock();
        loop {
            let asked = state.asked.get(&key).into_iter().flatten();
            let mut asked = asked.filter(|it| it.wanted_by.contains(&stream)).peekable();
            if asked.peek().is_none() {
                break;
            }
            let Some(number) = asked.find(|it| it.answer.is_some()).map(|it| it.number) else {
                state = (self.news.wait(state)).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            // An answer that cannot be read back is asked for again.
            if let Some(response) = state.take(&key, number, stream) {
                return Some(Told::Answer(response));
            }
        }
        let wanted_by = twins.iter().filter(|&twin| !state.ended.contains(twin));
        let wanted_by: Vec<usize> = wanted_by.copied().collect();
        if wanted_by.is_empty() {
            return None;
        }
        state.count += 1;
        let number = state.count;
        state.asked.entry(key).or_default().push(Asked {
            number,
            wanted_by,
            answer: None,
        });
        Some(Told::Ask(Asking {
            twins: self,
            key,
            number,
        }))
    }

    /// Forgets what is kept for streams that have come to their end.
    pub(super) fn ended(&self, streams: &[usize]) {
        if streams.iter().all(|&stream| self.of[stream].is_empty()) {
            return;
        }
        let mut state = self.lock();
        state.ended.extend(streams);
        let State {
            asked,
            ended,
            shelf,
            ..
        } = &mut *state;
        asked.retain(|_, list| {
            list.retain_mut(|it| {
                it.wanted_by.retain(|stream| !ended.contains(stream));
                it.stays(shelf)
            });
            !list.is_empty()
        });
    }

    /// Whether nothing is kept.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let state = self.lock();
        state.asked.is_empty() && state.shelf.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The answer to a request for one who wants it.
    fn take(&mut self, key: &Key, number: u64, stream: usize) -> Option<Response> {
        let list = self.asked.get_mut(key)?;
        let asked = list.iter_mut().find(|it| it.number == number)?;
        asked.wanted_by.retain(|&other| other != stream);
        let (headers, shelved) = asked.answer.as_ref()?;
        let headers = headers.clone();
        let body = self.shelf.copy(shelved);
        list.retain_mut(|it| it.stays(&mut self.shelf));
        if list.is_empty() {
            self.asked.remove(key);
        }
        Some(Response {
            status: 200,
            headers,
            body: body.ok()?,
            wire_bytes: 0,
        })
    }
}

impl Asked {
    /// Whether it is asked for still, or somebody wants the answer. If not, the answer is given up.
    fn stays(&mut self, shelf: &mut Shelf) -> bool {
        if self.wanted_by.is_empty()
            && let Some((_, shelved)) = self.answer.take()
        {
            shelf.remove(shelved);
            return false;
        }
        !self.wanted_by.is_empty()
    }
}

/// A request that the holder makes for itself and its twins. Dropped without an answer, each of them
/// asks by itself.
pub(super) struct Asking<'a> {
    twins: &'a Twins,
    key: Key,
    number: u64,
}

impl Asking<'_> {
    /// Keeps a page that came. As in the reference, only those with status 200.
    pub(super) fn answered(self, response: &Response) {
        if response.status != 200 {
            return;
        }
        let mut state = self.twins.lock();
        let State { asked, shelf, .. } = &mut *state;
        let list = asked.get_mut(&self.key).into_iter().flatten();
        for it in list.filter(|it| it.number == self.number) {
            let shelved = shelf.put(&response.body);
            it.answer = shelved.map(|shelved| (response.headers.clone(), shelved));
        }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut state = self.twins.lock();
        if let Some(list) = state.asked.get_mut(&self.key) {
            list.retain(|it| it.number != self.number || it.answer.is_some());
            if list.is_empty() {
                state.asked.remove(&self.key);
            }
        }
        drop(state);
        self.twins.news.notify_all();
    }
}

/// What makes two requests the same: all but the credentials.
fn key(group: usize, request: &Request) -> Key {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    add(&group.to_le_bytes());
    add(request.method.as_bytes());
    add(request.url.as_bytes());
    add(&request.body);
    for (name, value) in request.headers.iter() {
        if !(CREDENTIALS.iter()).any(|credential| name.eq_ignore_ascii_case(credential)) {
            add(name.to_ascii_lowercase().as_bytes());
            add(value.as_bytes());
        }
    }
    hash.finalize().into()
}
