//! What a guest does for no event of others: work that its event has left behind, and disposers.

use std::sync::Arc;

use rquickjs::{Ctx, Value as JsValue};

use super::instance::JsInstance;
use super::operations::Operation;
use super::outcome::hand_in;
use super::task::Wanted;
use super::vm::Hooks;
use crate::actor::{Actor, Awake, Event, Hold};
use crate::error::Result;
use crate::guest::outside::Answer;
use crate::lanes::Lane;
use crate::metrics::EventKind;
use crate::tail::{Observation, TailInfo};

impl JsInstance {
    /// Lets an operation that its event has left behind go on by itself, unless the instance is ended.
    pub(super) fn go_on_later(&self, event: &Event, operation: Operation) {
        let (actor, of_tail) = (&event.actor, event.is_of_tail());
        let (this, weak, kept) = (self.this.clone(), Arc::downgrade(actor), Awake::new(actor));
        self.vm.shared.timers.leave_behind(operation.number, of_tail);
        let ending = self.vm.shared.ending.clone();
        actor.runtime.executor.spawn_in(event.lane(), async move {
            let answer = ending.or(operation.pending).await;
            let _kept = kept;
            if let (Some(answer), Some(this), Some(actor)) =
                (answer, this.upgrade(), weak.upgrade())
            {
                // In a box, because what waits with it is many times smaller.
                let goes_on = Box::pin(this.go_on(&actor, of_tail, operation.number, answer));
                report(&actor, goes_on.await);
            }
        });
    }

    /// Hands in the end of such an operation; of a timer, that of the one that is due first.
    async fn go_on(
        &self,
        actor: &Arc<Actor>,
        of_tail: bool,
        number: u64,
        answer: Result<Answer>,
    ) -> Result<()> {
        // One at a time: many that wait for the turn would keep callers from it.
        let place = self.vm.shared.left_behind.next().wait().await;
        let event = Event::left_behind(actor, of_tail)?;
        let mut hold = Hold::take(&event).await?;
        drop(place);
        if self.vm.shared.guard.is_stopped() {
            return Ok(());
        }
        let number = match answer {
            Ok(Answer::Due) => self.vm.shared.timers.take_due(of_tail),
            _ => Some(number),
        };
        let Some(number) = number else { return Ok(()) };
        let done = self.run_alone(&event, &mut hold, |ctx, hooks| {
            hand_in(ctx, hooks, number, answer).map(|()| JsValue::new_undefined(ctx.clone()))
        });
        done.await
    }

    /// Tells a function or an object that nobody can use it any more.
    pub(super) fn dispose_later(&self, actor: &Arc<Actor>, number: u32) {
        let (this, weak, kept) = (self.this.clone(), Arc::downgrade(actor), Awake::new(actor));
        actor.runtime.executor.spawn_in(Lane::of(actor), async move {
            let _kept = kept;
            if let (Some(this), Some(actor)) = (this.upgrade(), weak.upgrade()) {
                report(&actor, this.dispose(&actor, number).await);
            }
        });
    }

    async fn dispose(&self, actor: &Arc<Actor>, number: u32) -> Result<()> {
        let place = self.vm.shared.left_behind.next().wait().await;
        let event = Event::new(actor, None)?;
        let mut hold = Hold::take(&event).await?;
        drop(place);
        if self.vm.shared.guard.is_stopped() {
            return Ok(());
        }
        let done = self.run_alone(&event, &mut hold, |_, hooks| hooks.dispose.call((number,)));
        done.await
    }

    /// Runs code of the guest as an event of its own.
    async fn run_alone<F>(&self, event: &Arc<Event>, hold: &mut Hold, entry: F) -> Result<()>
    where
        F: for<'a, 'js> FnOnce(&'a Ctx<'js>, &'a Hooks<'js>) -> rquickjs::Result<JsValue<'js>>,
    {
        let observation = Observation::begin(event, EventKind::Task, || TailInfo::Task);
        let done = self.run(event, hold, Wanted::Nothing, false, entry);
        let done = event.actor.while_running(done).await;
        let ended = event.settle().await.and(done.map(drop));
        observation.end(ended.as_ref().map(|()| None));
        ended
    }
}

fn report(actor: &Actor, done: Result<()>) {
    if let Err(error) = done {
        tracing::warn!(target: "facetbox::guest", path = actor.path, %error, "background work failed");
    }
}
