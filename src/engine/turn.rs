//! Pages of one partition come out in their order, although several may be worked on at once.
//!
//! The next page is asked for as soon as its token is known, while the page before is still worked
//! on by another thread. Each page takes the next number, and waits for its turn before it hands its
//! records on. The holder of a turn waits for nothing but the output, so nobody waits for ever.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Whose turn it is among the pages of one partition.
#[derive(Debug, Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    now: u64,
    failed: bool,
    /// Pages that wait. A wake-up that nobody waits for would cost a call of the system for each page.
    waiting: usize,
}

/// A page's turn. It is passed on, or kept by a page that fails: then [`Turns::fail`] wakes the others.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
}

impl Turns {
    /// Waits for the turn of page `number` (from 0). `None` when an earlier page failed: then this
    /// page's records must not come out.
    pub(super) fn wait(&self, number: u64) -> Option<Turn<'_>> {
        let mut state = self.lock();
        if state.now < number && !state.failed {
            state.waiting += 1;
            state = self
                .changed
                .wait_while(state, |s| s.now < number && !s.failed)
                .unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        (!state.failed).then_some(Turn { turns: self })
    }

    /// Notes that the page whose turn it is failed: those after it are dropped.
    pub(super) fn fail(&self) {
        self.change(|state| state.failed = true);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        if state.waiting > 0 {
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Whether a page of this partition failed.
    pub(super) fn has_failed(&self) -> bool {
        self.lock().failed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// Lets the next page's records out.
    pub(super) fn pass(self) {
        self.turns.change(|state| state.now += 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_come_out_in_their_order() {
        let turns = Turns::default();
        let out = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for number in (0..8).rev() {
                let (turns, out) = (&turns, &out);
                scope.spawn(move || {
                    let turn = turns.wait(number).unwrap();
                    out.lock().unwrap().push(number);
                    turn.pass();
                });
            }
        });
        assert_eq!(*out.lock().unwrap(), (0..8).collect::<Vec<_>>());
    }

    #[test]
    fn pages_behind_a_failed_one_are_dropped() {
        let turns = Turns::default();
        turns.wait(0).unwrap().pass();
        assert!(
            turns.wait(1).is_some(),
            "a turn that is not passed on is kept"
        );
        assert!(!turns.has_failed());
        turns.fail();
        assert!(turns.wait(2).is_none());
    }
}
