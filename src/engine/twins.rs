//! Answers that reads have for each other, so that the same is asked for once.
//!
//! A stream that goes on from a state and is also the parent of another, which reads it whole, is two
//! streams of the plan: twins. The probes of a check are runs of their own, which read the same parents.
//!
//! In: a request. Out: what came for it when another asked, or leave to ask. Each answer is given to
//! each of the others once, and forgotten with the last of them: who asks for the same again, as a
//! scroll does, gets what the other got the second time.
//!
//! Who waits here waits for a worker that waits for the network and the clock only.

use super::shelf::{Shelf, Shelved};
use crate::http::{Headers, Request, Response};
use crate::plan::Plan;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Header fields with credentials, which may change between two requests for the same.
///
/// As airbyte-cdk 7.39.1, whose requests-cache passes over them too.
const CREDENTIALS: [&str; 2] = ["Authorization", "X-API-KEY"];

/// Runs that come one after the other and may ask for the same, as the probes of a check.
#[derive(Clone, Default)]
pub struct Series {
    answers: Arc<Answers>,
    number: usize,
}

impl Series {
    /// The run after this one.
    pub fn go_on(&mut self) {
        self.number += 1;
    }
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Series").field(&self.number).finish()
    }
}

/// The streams of a run that others share answers with.
pub(super) enum Twins {
    /// For each stream of the plan its twins; none for nearly all.
    Streams(Vec<Vec<usize>>, Answers),
    /// All streams of the run share with all runs behind it.
    Run(Series),
}

#[derive(Default)]
pub(super) struct Answers {
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

/// A hash of the request.
type Key = [u8; 32];

/// A request that was made.
struct Asked {
    number: u64,
    wanted: Wanted,
    /// Not there while it is asked for.
    answer: Option<(Headers, Shelved)>,
}

/// Those who have not had an answer.
enum Wanted {
    /// These streams.
    By(Vec<usize>),
    /// All runs behind this one.
    Behind(usize),
}

/// What is known of a request.
pub(super) enum Told<'a> {
    /// Another asked for it, and this came.
    Answer(Response),
    /// Nobody has asked: the caller does, and tells what came.
    Ask(Asking<'a>),
}

impl Twins {
    pub(super) fn new(plan: &Plan, series: Option<&Series>) -> Self {
        if let Some(series) = series {
            return Self::Run(series.clone());
        }
        let streams = 0..plan.nodes.len();
        let twins = streams.map(|it| plan.twins(it)).collect();
        Self::Streams(twins, Answers::default())
    }

    /// What is known of a request of `stream`; waits for a twin that is asking. None when nobody has
    /// a use for the answer but the stream itself.
    ///
    /// As in the reference only what is asked for with GET or HEAD is shared.
    pub(super) fn look(&self, stream: usize, request: &Request) -> Option<Told<'_>> {
        let (who, others, answers) = match self {
            Self::Streams(twins, answers) => (stream, Some(&twins[stream]), answers),
            Self::Run(series) => (series.number, None, &*series.answers),
        };
        if others.is_some_and(Vec::is_empty) || !matches!(&*request.method, "GET" | "HEAD") {
            return None;
        }
        answers.look(who, others, key(request))
    }

    /// Forgets what is kept for streams that have come to their end.
    pub(super) fn ended(&self, streams: &[usize]) {
        if let Self::Streams(twins, answers) = self
            && streams.iter().any(|&stream| !twins[stream].is_empty())
        {
            answers.ended(streams);
        }
    }

    /// Whether nothing is kept.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let state = match self {
            Self::Streams(_, answers) => answers.lock(),
            Self::Run(series) => series.answers.lock(),
        };
        state.asked.is_empty() && state.shelf.is_empty()
    }
}

impl Answers {
    /// What is known of a request of `who`, whose answer `others` want; all runs behind, if none are
    /// named.
    fn look(&self, who: usize, others: Option<&Vec<usize>>, key: Key) -> Option<Told<'_>> {
        let mut state = self.lock();
        loop {
            let asked = state.asked.get(&key).into_iter().flatten();
            let mut asked = asked.filter(|it| it.wanted.is_by(who)).peekable();
            if asked.peek().is_none() {
                break;
            }
            let Some(number) = asked.find(|it| it.answer.is_some()).map(|it| it.number) else {
                state = (self.news.wait(state)).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            // An answer that cannot be read back is asked for again.
            if let Some(response) = state.take(&key, number, who) {
                return Some(Told::Answer(response));
            }
        }
        let wanted = others.map_or(Wanted::Behind(who), |others| {
            let others = others.iter().filter(|&it| !state.ended.contains(it));
            Wanted::By(others.copied().collect())
        });
        if wanted.is_by_nobody() {
            return None;
        }
        state.count += 1;
        let number = state.count;
        state.asked.entry(key).or_default().push(Asked {
            number,
            wanted,
            answer: None,
        });
        Some(Told::Ask(Asking {
            answers: self,
            key,
            number,
        }))
    }

    fn ended(&self, streams: &[usize]) {
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
                ended.iter().for_each(|&stream| it.wanted.strike(stream));
                it.stays(shelf)
            });
            !list.is_empty()
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wanted {
    fn is_by(&self, who: usize) -> bool {
        match self {
            Self::By(streams) => streams.contains(&who),
            Self::Behind(run) => who > *run,
        }
    }

    fn is_by_nobody(&self) -> bool {
        matches!(self, Self::By(streams) if streams.is_empty())
    }

    /// Notes that `who` has had it, or wants nothing more.
    fn strike(&mut self, who: usize) {
        match self {
            Self::By(streams) => streams.retain(|&stream| stream != who),
            Self::Behind(run) => *run = who.max(*run),
        }
    }
}

impl State {
    /// The answer to a request for one who wants it.
    fn take(&mut self, key: &Key, number: u64, who: usize) -> Option<Response> {
        let list = self.asked.get_mut(key)?;
        let asked = list.iter_mut().find(|it| it.number == number)?;
        asked.wanted.strike(who);
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
        let stays = !self.wanted.is_by_nobody();
        if !stays && let Some((_, shelved)) = self.answer.take() {
            shelf.remove(shelved);
        }
        stays
    }
}

/// A request that the holder makes for itself and others. Dropped without an answer, each of them asks
/// by itself.
pub(super) struct Asking<'a> {
    answers: &'a Answers,
    key: Key,
    number: u64,
}

impl Asking<'_> {
    /// Keeps a page that came. As in the reference, only those with status 200.
    pub(super) fn answered(self, response: &Response) {
        if response.status != 200 {
            return;
        }
        let mut state = self.answers.lock();
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
        let mut state = self.answers.lock();
        if let Some(list) = state.asked.get_mut(&self.key) {
            list.retain(|it| it.number != self.number || it.answer.is_some());
            if list.is_empty() {
                state.asked.remove(&self.key);
            }
        }
        drop(state);
        self.answers.news.notify_all();
    }
}

/// What makes two requests the same: all but the credentials.
fn key(request: &Request) -> Key {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
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
