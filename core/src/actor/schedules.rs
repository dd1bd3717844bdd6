//! Every order in which events can take turns: nobody is let in twice, forgotten, or stuck.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_lite::future::{block_on, poll_once};

use super::{Actor, Event, Hold};
use crate::error::{ErrorCode, Result};
use crate::{Class, DurableObject, Runtime};

struct Object;
impl DurableObject for Object {}

/// What a chain of calls does: takes the turns of these actors, each call within the one before, and gives
/// them back.
type Script = &'static [usize];

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

type Taking = Pin<Box<dyn Future<Output = Result<Hold>> + Send>>;

/// A chain on its way.
struct Chain {
    script: Script,
    /// The turns that it has, the outermost first.
    holds: Vec<Hold>,
    taking: Option<(Arc<Event>, Taking)>,
    woken: Arc<Woken>,
    done: bool,
}

impl Chain {
    fn new(script: Script) -> Chain {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        Chain { script, holds: Vec::new(), taking: None, woken, done: false }
    }

    fn can_go_on(&self) -> bool {
        !self.done && self.woken.0.load(Ordering::Relaxed)
    }

    /// One poll, or the end. Answers the actor whose turn it began to wait for, and whether it got it.
    fn step(
        &mut self,
        actors: &[Arc<Actor>],
        refused: &mut usize,
    ) -> Result<(Option<usize>, bool)> {
        let Some(&target) = self.script.get(self.holds.len()) else {
            self.end();
            return Ok((None, false));
        };
        let begins = self.taking.is_none();
        if begins {
            let event =
                Event::new(&actors[target], self.holds.last().map(|hold| hold.event().clone()))?;
            let taken = event.clone();
            self.taking = Some((event, Box::pin(async move { Hold::take(&taken).await })));
        }
        let Some((_, taking)) = &mut self.taking else { return Ok((None, false)) };
        self.woken.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(self.woken.clone());
        let poll = taking.as_mut().poll(&mut Context::from_waker(&waker));
        let got = match poll {
            Poll::Pending => false,
            Poll::Ready(Ok(hold)) => {
                self.taking = None;
                self.holds.push(hold);
                self.woken.0.store(true, Ordering::Relaxed);
                true
            }
            Poll::Ready(Err(error)) => {
                assert_eq!(error.code(), ErrorCode::Deadlock);
                *refused += 1;
                self.end();
                false
            }
        };
        Ok((begins.then_some(target), got))
    }

    /// Gives up what it waits for and what it has.
    fn end(&mut self) {
        self.taking = None;
        while self.holds.pop().is_some() {}
        self.done = true;
    }
}

/// What a schedule has led to.
#[derive(Default)]
struct Seen {
    schedules: usize,
    refused: usize,
}

/// Runs chains in the order that `choices` gives, and then in the first that is possible. Answers how many
/// choices there were at each step.
fn run(
    actors: &[Arc<Actor>],
    scripts: &[Script],
    cancels: bool,
    choices: &[usize],
    refused: &mut usize,
) -> Result<Vec<usize>> {
    let mut chains: Vec<_> = scripts.iter().map(|script| Chain::new(script)).collect();
    let mut counts = Vec::new();
    let mut waiting = Vec::new(); // chains that wait for the turn of actor 0 from outside, in order
    while chains.iter().any(|chain| !chain.done) {
        let steps = (0..chains.len()).filter(|at| chains[*at].can_go_on()).map(|at| (at, false));
        let waits = |at: &usize| cancels && chains[*at].taking.is_some();
        let ends = (0..chains.len()).filter(waits).map(|at| (at, true));
        let possible: Vec<_> = steps.chain(ends).collect();
        assert!(possible.iter().any(|(_, ends)| !ends), "stuck after {choices:?}");
        let (at, ends) = possible[choices.get(counts.len()).copied().unwrap_or_default()];
        counts.push(possible.len());
        if ends {
            chains[at].end();
            waiting.retain(|other| *other != at);
        } else {
            let outside = chains[at].holds.is_empty();
            let (began, got) = chains[at].step(actors, refused)?;
            if outside && began == Some(0) {
                waiting.push(at);
            }
            if got && outside && scripts[at][0] == 0 {
                assert_eq!(waiting.remove(0), at, "not first come, first served: {choices:?}");
            }
        }
        for actor in 0..actors.len() {
            let has = |chain: &&Chain| chain.script[..chain.holds.len()].contains(&actor);
            assert!(chains.iter().filter(has).count() <= 1, "two at once after {choices:?}");
        }
    }
    assert!(actors[0].runtime.waits.is_empty(), "waits are left after {choices:?}");
    Ok(counts)
}

fn actors() -> Result<(Runtime, Vec<Arc<Actor>>)> {
    let runtime = Runtime::open_in_memory()?;
    let namespace = runtime.namespace("Object", Class::host("Object", |_, _| Ok(Object)))?;
    let actor = |name: &&str| namespace.actor(&namespace.id_from_name(name));
    let actors = ["a", "b", "c"].iter().map(actor).collect::<Result<_>>()?;
    Ok((runtime, actors))
}

/// Tries every schedule of the chains.
fn explore(scripts: &[Script], cancels: bool) -> Result<Seen> {
    let (_runtime, actors) = actors()?;
    let (mut seen, mut choices) = (Seen::default(), Vec::new());
    loop {
        let counts = run(&actors, scripts, cancels, &choices, &mut seen.refused)?;
        seen.schedules += 1;
        choices.resize(counts.len(), 0);
        // The last choice that has an alternative takes it; those after it begin anew.
        while let Some(last) = choices.pop() {
            if last + 1 < counts[choices.len()] {
                choices.push(last + 1);
                break;
            }
        }
        if choices.is_empty() {
            return Ok(seen);
        }
    }
}

#[test]
fn three_events_of_one_actor_take_turns_in_order() -> Result<()> {
    let seen = explore(&[&[0], &[0], &[0]], false)?;
    assert_eq!((seen.schedules, seen.refused), (36, 0));
    Ok(())
}

#[test]
fn events_that_give_up_waiting_are_skipped() -> Result<()> {
    let seen = explore(&[&[0], &[0], &[0]], true)?;
    assert_eq!((seen.schedules, seen.refused), (198, 0));
    Ok(())
}

#[test]
fn a_chain_comes_back_into_its_own_actors() -> Result<()> {
    let seen = explore(&[&[0, 1, 0, 1], &[0], &[1]], false)?;
    assert!(seen.schedules > 100 && seen.refused == 0, "{} schedules", seen.schedules);
    Ok(())
}

#[test]
fn chains_that_would_wait_for_each_other_are_refused_and_never_stuck() -> Result<()> {
    let cycles: [&[Script]; 2] = [&[&[0, 1], &[1, 0]], &[&[0, 1], &[1, 2], &[2, 0]]];
    for scripts in cycles {
        let seen = explore(scripts, false)?;
        // Some schedules close the cycle, and one chain of each such gives way.
        assert!(seen.refused > 0 && seen.refused < seen.schedules, "{}", seen.schedules);
    }
    assert_eq!(explore(&[&[0, 1], &[0, 1], &[1]], false)?.refused, 0);
    Ok(())
}

#[test]
fn an_event_that_waits_twice_waits_on_after_the_first() -> Result<()> {
    let (_runtime, actors) = actors()?;
    let poll = |taking: &mut Taking| block_on(poll_once(taking)).transpose();
    let take = |event: &Arc<Event>| -> Taking {
        let event = event.clone();
        Box::pin(async move { Hold::take(&event).await })
    };
    let new =
        |actor: usize, parent: Option<&Arc<Event>>| Event::new(&actors[actor], parent.cloned());
    let outer = block_on(Hold::take(&new(1, None)?))?;
    let first = block_on(Hold::take(&new(0, None)?))?;
    // Of one event, as two calls at once that code on an event loop has made.
    let twice = new(0, Some(outer.event()))?;
    let between = new(0, None)?;
    let (mut once, mut other, mut again) = (take(&twice), take(&between), take(&twice));
    for taking in [&mut once, &mut other, &mut again] {
        assert!(poll(taking)?.is_none());
    }
    drop(first);
    drop(poll(&mut once)?);
    let other = poll(&mut other)?;
    assert!(other.is_some());
    let mut crossing = take(&new(1, Some(&between))?);
    let refused = poll(&mut crossing).err().map(|error| error.code());
    assert_eq!(refused, Some(ErrorCode::Deadlock));
    Ok(())
}
