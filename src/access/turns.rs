//! Turns at work that costs much: so many at once, never all for one asker, strangers last.

use crate::error::{Error, Result};
use parking_lot::{Mutex, MutexGuard};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// The first character of the name that a stranger counts under; no account's name begins with it.
pub const STRANGER: char = '@';

/// What is demanded and given.
#[derive(Clone, Copy, Debug)]
pub struct TurnBounds {
    /// At work at once.
    pub at_once: usize,
    /// Of one asker.
    pub each: usize,
    /// Askers that wait for their turn; further ones are refused.
    pub waiting: usize,
    /// The longest that anybody waits.
    pub patience: Duration,
}

/// Turns at one kind of work. Cheap to clone.
#[derive(Clone)]
pub struct Turns(Arc<Inner>);

struct Inner {
    /// What the work is, as those are told who are refused: `+compile/`.
    what: &'static str,
    bounds: TurnBounds,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: HashMap<String, usize>,
    all: usize,
    strangers: usize,
    queue: VecDeque<Waiting>,
    next: u64,
}

struct Waiting {
    number: u64,
    asker: String,
    tell: oneshot::Sender<Turn>,
}

/// A turn; it ends when this is dropped.
pub struct Turn {
    turns: Turns,
    asker: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.end(&self.asker);
    }
}

/// Takes one who left out of the queue.
struct Queued<'a>(&'a Turns, u64);

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.lock().queue.retain(|waiting| waiting.number != self.1);
    }
}

impl Turns {
    pub fn new(what: &'static str, bounds: TurnBounds) -> Self {
        let at_once = bounds.at_once.max(1);
        let bounds = TurnBounds { at_once, each: bounds.each.clamp(1, at_once), ..bounds };
        Self(Arc::new(Inner { what, bounds, state: Mutex::default() }))
    }

    /// Waits for a turn of this asker.
    ///
    /// # Errors
    /// `Busy` if too many wait already, or one has waited for too long.
    pub async fn take(&self, asker: &str) -> Result<Turn> {
        let (number, turn) = match self.enter(asker)? {
            Entered::Now(turn) => return Ok(turn),
            Entered::Waits(number, turn) => (number, turn),
        };
        let _queued = Queued(self, number);
        match tokio::time::timeout(self.0.bounds.patience, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(self.refusal()),
        }
    }

    /// A turn, if there is one at once.
    pub fn try_take(&self, asker: &str) -> Option<Turn> {
        let mut state = self.lock();
        self.fits(&state, asker).then(|| self.begin(&mut state, asker))
    }

    fn enter(&self, asker: &str) -> Result<Entered> {
        let mut state = self.lock();
        // Whoever waits could not begin, or would have.
        if self.fits(&state, asker) {
            return Ok(Entered::Now(self.begin(&mut state, asker)));
        }
        let own = state.queue.iter().filter(|waiting| waiting.asker == asker).count();
        // Half of the queue is left to others.
        if state.queue.len() >= self.0.bounds.waiting || own >= self.0.bounds.waiting.div_ceil(2) {
            return Err(self.refusal());
        }
        let (tell, turn) = oneshot::channel();
        state.next += 1;
        let number = state.next;
        state.queue.push_back(Waiting { number, asker: asker.to_owned(), tell });
        Ok(Entered::Waits(number, turn))
    }

    fn refusal(&self) -> Error {
        Error::Busy(format!("the server is busy with {}: try again in a minute", self.0.what))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock()
    }

    /// Whether one more of this asker can begin. Strangers leave a quarter to those who are known.
    fn fits(&self, state: &State, asker: &str) -> bool {
        let TurnBounds { at_once, each, .. } = self.0.bounds;
        let strangers = (at_once - at_once / 4).max(1);
        state.all < at_once
            && state.running.get(asker).is_none_or(|own| *own < each)
            && (!asker.starts_with(STRANGER) || state.strangers < strangers)
    }

    fn begin(&self, state: &mut State, asker: &str) -> Turn {
        state.all += 1;
        state.strangers += usize::from(asker.starts_with(STRANGER));
        *state.running.entry(asker.to_owned()).or_insert(0) += 1;
        Turn { turns: self.clone(), asker: asker.to_owned() }
    }

    fn end(&self, asker: &str) {
        let mut state = self.lock();
        state.all -= 1;
        state.strangers -= usize::from(asker.starts_with(STRANGER));
        if let Some(own) = state.running.get_mut(asker) {
            *own -= 1;
            if *own == 0 {
                state.running.remove(asker);
            }
        }
        let next = self.next(&mut state);
        drop(state);
        // Who has left meanwhile gives the turn back, which is an end as well.
        if let Some((tell, turn)) = next {
            drop(tell.send(turn));
        }
    }

    /// Who is next: one that is known before strangers, of these the one with the fewest turns.
    fn next(&self, state: &mut State) -> Option<(oneshot::Sender<Turn>, Turn)> {
        let able = state.queue.iter().enumerate().filter(|(_, waiting)| self.fits(state, &waiting.asker));
        let first = able.min_by_key(|(at, waiting)| {
            let own = state.running.get(&waiting.asker).copied().unwrap_or(0);
            (waiting.asker.starts_with(STRANGER), own, *at)
        });
        let at = first.map(|(at, _)| at)?;
        let waiting = state.queue.remove(at)?;
        let turn = self.begin(state, &waiting.asker);
        Some((waiting.tell, turn))
    }
}

enum Entered {
    Now(Turn),
    Waits(u64, oneshot::Receiver<Turn>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use proptest::prelude::*;

    fn turns(at_once: usize, each: usize, waiting: usize) -> Turns {
        Turns::new("work", TurnBounds { at_once, each, waiting, patience: Duration::from_secs(60) })
    }

    #[tokio::test]
    async fn one_asker_never_has_all_turns_and_strangers_leave_some_to_those_who_are_known() {
        let turns = turns(4, 2, 8);
        let mine = [turns.try_take("@1"), turns.try_take("@1")];
        assert!(turns.try_take("@1").is_none(), "two of four");
        let other = turns.try_take("@2").expect("another's turn");
        assert!(turns.try_take("@3").is_none(), "a quarter is for those who are known");
        assert!(turns.try_take("alice").is_some());
        drop((mine, other));
        assert!(turns.try_take("@3").is_some());
    }

    #[tokio::test]
    async fn who_is_known_comes_before_strangers_and_who_leaves_is_forgotten() {
        let turns = turns(1, 1, 8);
        let first = turns.take("@1").await.expect("free");
        let mut stranger = Box::pin(turns.take("@2"));
        let mut gone = Box::pin(turns.take("bob"));
        let mut known = Box::pin(turns.take("alice"));
        for waiting in [&mut stranger, &mut gone, &mut known] {
            assert!(waiting.as_mut().now_or_never().is_none());
        }
        drop(gone);
        drop(first);
        assert!(stranger.as_mut().now_or_never().is_none());
        drop(known.as_mut().now_or_never().expect("her turn"));
        assert!(stranger.as_mut().now_or_never().expect("last").is_ok());
    }

    #[tokio::test]
    async fn a_queue_has_an_end_and_one_asker_gets_half_of_it() {
        let turns = turns(1, 1, 4);
        let _running = turns.take("a").await.expect("free");
        let mut waiting: Vec<_> = ["a", "a", "b", "b"].map(|asker| Box::pin(turns.take(asker))).into();
        assert!(waiting.iter_mut().take(2).all(|one| one.as_mut().now_or_never().is_none()));
        assert!(matches!(turns.take("a").now_or_never(), Some(Err(Error::Busy(_)))), "half is for others");
        assert!(waiting.iter_mut().skip(2).all(|one| one.as_mut().now_or_never().is_none()));
        assert!(matches!(turns.take("c").now_or_never(), Some(Err(Error::Busy(_)))));
    }

    proptest! {
        /// Whatever comes, begins, ends and gives up: no bound is ever passed and no turn is lost.
        #[test]
        fn no_turn_is_lost_and_no_bound_is_passed(steps in proptest::collection::vec((0u8..3, 0usize..5), 1..200)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let _inside = runtime.enter();
            let turns = turns(3, 2, 6);
            let askers = ["@1", "@2", "alice", "bob", "@3"];
            let (mut running, mut waiting) = (Vec::new(), Vec::new());
            for (step, which) in steps {
                match step {
                    0 => {
                        let asker = askers[which];
                        let turns = turns.clone();
                        waiting.push(Box::pin(async move { turns.take(asker).await }));
                    }
                    1 if !running.is_empty() => drop(running.swap_remove(which % running.len())),
                    _ if !waiting.is_empty() => drop(waiting.swap_remove(which % waiting.len())),
                    _ => {}
                }
                waiting.retain_mut(|one| match one.as_mut().now_or_never() {
                    Some(Ok(turn)) => { running.push(turn); false }
                    Some(Err(_)) => false,
                    None => true,
                });
                let state = turns.lock();
                prop_assert!(state.all <= 3 && state.running.values().all(|own| *own <= 2));
                prop_assert_eq!(state.all, state.running.values().sum::<usize>());
                prop_assert!(state.queue.len() <= 6);
            }
            drop(waiting);
            drop(running);
            let state = turns.lock();
            prop_assert!(state.all == 0 && state.queue.is_empty() && state.running.is_empty());
        }
    }
}
