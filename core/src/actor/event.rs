//! One event on its way through an actor, and the chain of calls that it belongs to.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_lite::future;

use super::exceptions::Exceptions;
use super::section::Sections;
use super::{Actor, Hold, Turn};
use crate::bindings::Calls;
use crate::error::{Error, ErrorCode, Result};
use crate::storage::{Span, Storage};
use crate::tail::Record;

/// The clock has to be read anew.
const UNREAD: u64 = u64::MAX;

/// How many calls may be nested in one chain.
const MAX_CHAIN: u32 = 100;

/// An event in an actor. Its ancestors are the events that wait for its answer.
pub(crate) struct Event {
    pub actor: Arc<Actor>,
    pub parent: Option<Arc<Event>>,
    /// When it was delivered.
    pub begun: Instant,
    pub deadline: Instant,
    /// The latest reading of the clock, in nanoseconds after `begun`, while nothing has taken time since.
    read_ns: AtomicU64,
    depth: u32,
    /// Whether it has its actor's turn.
    holding: AtomicBool,
    /// Whether it gives that up as soon as it waits, unless it is in a section.
    lends: AtomicBool,
    /// See [`Event::has_kept`].
    has_kept: AtomicBool,
    /// The turn of events that come back into the actor from this event's own chain.
    reentry: Turn,
    /// The savepoints that were open when it took the turn: those of an ancestor in the same actor.
    savepoints: AtomicUsize,
    pub(super) sections: Sections,
    cpu_ns: AtomicU64,
    /// What compiling its code has taken, which has a limit of its own.
    compile_ns: AtomicU64,
    subrequests: AtomicU64,
    /// Those of them that were calls of bindings.
    calls: Calls,
    /// Those that its code may throw on.
    pub exceptions: Exceptions,
    /// Whether its message is being handed to an event loop at this moment.
    handing: AtomicBool,
    /// Bytes of its arguments or request.
    bytes_in: AtomicU64,
    /// Log text so far.
    log_bytes: AtomicU64,
    /// Whether it delivers tail events, or comes from one that does: nobody's `tails` hear of it, else an
    /// event could call forth others without end.
    of_tail: AtomicBool,
    /// What its listeners want to know, if it has any.
    record: OnceLock<Box<Record>>,
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Event>>> = const { RefCell::new(None) };
}

impl Drop for Event {
    fn drop(&mut self) {
        self.actor.events.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Event {
    pub fn new(actor: &Arc<Actor>, parent: Option<Arc<Event>>) -> Result<Arc<Event>> {
        let depth = parent.as_ref().map_or(0, |parent| parent.depth + 1);
        if depth >= MAX_CHAIN {
            return Err(Error::new(
                ErrorCode::LimitDepth,
                format!("Calls are nested deeper than the limit of {MAX_CHAIN}."),
            ));
        }
        let begun = Instant::now();
        let of_tail = parent.as_ref().is_some_and(|parent| parent.is_of_tail());
        let event = Event {
            actor: actor.clone(),
            parent,
            begun,
            deadline: begun + Duration::from_millis(actor.limits.wall_ms),
            read_ns: AtomicU64::new(0),
            depth,
            holding: AtomicBool::new(false),
            lends: AtomicBool::new(false),
            has_kept: AtomicBool::new(false),
            reentry: Turn::default(),
            savepoints: AtomicUsize::new(0),
            sections: Sections::default(),
            cpu_ns: AtomicU64::new(0),
            compile_ns: AtomicU64::new(0),
            subrequests: AtomicU64::new(0),
            calls: Calls::default(),
            exceptions: Exceptions::default(),
            handing: AtomicBool::new(false),
            bytes_in: AtomicU64::new(0),
            log_bytes: AtomicU64::new(0),
            of_tail: AtomicBool::new(of_tail),
            record: OnceLock::new(),
        };
        actor.events.fetch_add(1, Ordering::AcqRel);
        Ok(Arc::new(event))
    }

    /// An event of work that another one has left behind, of tail events or not as that one was.
    pub fn left_behind(actor: &Arc<Actor>, of_tail: bool) -> Result<Arc<Event>> {
        let event = Event::new(actor, None)?;
        event.of_tail.store(of_tail, Ordering::Relaxed);
        Ok(event)
    }

    /// The event whose host code runs on this thread, if any.
    pub fn current() -> Option<Arc<Event>> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Runs host code of this event on this thread.
    pub fn enter<T>(self: &Arc<Event>, code: impl FnOnce() -> T) -> T {
        struct Restore(Option<Arc<Event>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(self.0.take());
            }
        }
        let _restore = Restore(CURRENT.replace(Some(self.clone())));
        self.takes_time();
        code()
    }

    /// Hands its message to an event loop: whoever is asked meanwhile gives the answer to it.
    pub fn hand<T>(self: &Arc<Event>, code: impl FnOnce() -> T) -> T {
        self.handing.store(true, Ordering::Relaxed);
        let handed = self.enter(code);
        self.handing.store(false, Ordering::Relaxed);
        handed
    }

    /// Whether its message is being handed to an event loop at this moment.
    pub fn is_handing(&self) -> bool {
        self.handing.load(Ordering::Relaxed)
    }

    /// Whether its end, once its message is answered, takes no time and nobody but code of the host waits for it: it has
    /// nothing to commit.
    pub fn ends_at_once(&self) -> bool {
        self.parent.is_none()
            && !self.is_of_tail()
            && self.actor.storage().is_ok_and(Storage::is_idle)
    }

    /// Commits what it has written, because it is about to say something to the outside. What is in an
    /// explicit transaction that may wait is committed with that.
    ///
    /// # Errors
    /// INVALID_ARGUMENT from within a `transactionSync()`; those of the commit.
    pub async fn before_leaving(self: &Arc<Event>) -> Result<()> {
        if self.actor.class.is_event_loop() {
            return self.flush_when_free(self).await;
        }
        // Without the turn it has committed already, and another event may be in the middle of its own.
        if !self.is_holding() {
            return self.actor.flush_deferred();
        }
        can_leave(self.actor.flush()?)
    }

    /// Like [`Event::before_leaving`], before a call of another actor. If that is one of its own facets, what was
    /// committed gets durable with what that writes, or before anything leaves one of them.
    ///
    /// # Errors
    /// As [`Event::before_leaving`].
    pub async fn before_calling(self: &Arc<Event>, other: &Actor) -> Result<()> {
        let is_own = other.parent().is_some_and(|(parent, _)| Arc::ptr_eq(parent, &self.actor));
        // Code on an event loop goes on while the call does.
        if !is_own || self.actor.class.is_event_loop() || !self.is_holding() {
            return self.before_leaving().await;
        }
        can_leave(self.actor.flush_ahead()?)
    }

    /// Commits, for a guest that has called code of the host, what that code has written in the actors that wait for
    /// the event: because it calls others, or because its answer goes on.
    ///
    /// # Errors
    /// INVALID_ARGUMENT from within a `transactionSync()` of such code; those of the commit.
    pub async fn settle_callers(self: &Arc<Event>) -> Result<()> {
        if self.actor.class.as_guest().is_none() {
            return Ok(());
        }
        for event in self.ancestors() {
            // A guest's storage is written by the guest alone, maybe at this moment by another event of it. And of
            // one actor's events the innermost tells which transaction may be open: that of its section.
            let inner = |other: &&Arc<Event>| !Arc::ptr_eq(other, event);
            let mut inner = self.ancestors().take_while(inner);
            if event.actor.class.as_guest().is_some()
                || inner.any(|other| Arc::ptr_eq(&other.actor, &event.actor))
            {
                continue;
            }
            if event.actor.class.is_event_loop() {
                self.flush_when_free(event).await?;
            } else {
                // It waits for this: nobody would end a transaction that is waited for.
                can_leave(event.actor.flush()?)?;
            }
        }
        Ok(())
    }

    /// Waits, in a class on an event loop, until no section of others keeps the turn: what comes in from
    /// outside is kept out of it as other events are. In other classes of the host what was written before the call is
    /// durable after it.
    ///
    /// # Errors
    /// DEADLOCK; the actor's error if it is broken; those of the commit.
    pub async fn before_returning(self: &Arc<Event>) -> Result<()> {
        if !self.actor.class.is_event_loop() || self.is_within() {
            // A guest says nothing to the outside before it commits again; code of the host may.
            let is_guest = self.actor.class.as_guest().is_some();
            return if is_guest { Ok(()) } else { self.actor.flush_deferred() };
        }
        let broken = async { Err(self.actor.end().await) };
        // Boxed as what few calls come to: what a call may come to is moved with each.
        Box::pin(future::or(Hold::take(self), broken)).await.map(drop)
    }

    /// Whether it keeps the turn itself, or has come back into what an ancestor keeps it for.
    fn is_within(&self) -> bool {
        self.is_holding() || self.keeper().is_some()
    }

    /// Commits what `writer` has written, this event or one that waits for it, as soon as no explicit transaction
    /// of others is open: in a class on an event loop any thread may be in the middle of one.
    async fn flush_when_free(self: &Arc<Event>, writer: &Event) -> Result<()> {
        while let Some((span, ended)) =
            writer.actor.flush_unless(|span| writer.is_held_up_by(span))?
        {
            // Its code may wait for this event. Whoever has the turn has the transaction.
            let _wait = match span {
                Span::Async => writer.actor.turn.wait_beside(self)?,
                Span::Sync => None,
            };
            ended.await;
        }
        Ok(())
    }

    /// Whether, in a class on an event loop, what it has written can't be committed before an explicit
    /// transaction has ended: one whose code runs on the loop at this moment, or one of another event. Its own
    /// may wait for what it says.
    fn is_held_up_by(&self, span: Span) -> bool {
        span == Span::Sync || !self.is_within()
    }

    /// Commits what it has written, because it has ended. Transactions that its code has left behind are
    /// rolled back.
    pub async fn settle(self: &Arc<Event>) -> Result<()> {
        if self.actor.class.is_event_loop() {
            return self.before_leaving().await;
        }
        if !self.is_holding() {
            return self.actor.flush_deferred();
        }
        self.leave_sections();
        if let Ok(storage) = self.actor.storage() {
            let outer = self.savepoints.load(Ordering::Relaxed);
            if storage.depth() > outer {
                storage.end(outer + 1, false)?;
            }
            if !storage.is_idle() {
                self.takes_time();
            }
        }
        self.actor.flush().map(drop)
    }

    /// Counts a call to the outside.
    pub fn count_subrequest(&self) -> Result<()> {
        let limit = self.actor.limits.subrequests;
        if self.subrequests.fetch_add(1, Ordering::Relaxed) >= limit {
            let path = &self.actor.path;
            let message = format!(
                "The event made more than {limit} calls to the outside, the limit subRequests of {path}."
            );
            return Err(Error::new(ErrorCode::LimitSubrequests, message).with_path(path.as_str()));
        }
        Ok(())
    }

    /// Calls to the outside so far.
    pub fn subrequests(&self) -> u64 {
        self.subrequests.load(Ordering::Relaxed)
    }

    /// Which bindings it has called.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// Bytes of its arguments or request.
    pub fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Ordering::Relaxed)
    }

    pub fn set_bytes_in(&self, bytes: usize) {
        self.bytes_in.store(bytes as u64, Ordering::Relaxed);
    }

    /// Counts log text; answers how much there was before.
    pub fn count_log_bytes(&self, bytes: u64) -> u64 {
        self.log_bytes.fetch_add(bytes, Ordering::Relaxed)
    }

    pub fn record(&self) -> Option<&Record> {
        self.record.get().map(|record| &**record)
    }

    pub fn set_record(&self, record: Record) {
        let _ = self.record.set(Box::new(record));
    }

    pub fn is_of_tail(&self) -> bool {
        self.of_tail.load(Ordering::Relaxed)
    }

    pub fn set_of_tail(&self) {
        self.of_tail.store(true, Ordering::Relaxed);
    }

    /// The time. The clock isn't read where nothing has taken time since it was, which costs more than much of what
    /// a short event does.
    pub fn now(&self) -> Instant {
        self.begun + self.elapsed()
    }

    /// The time since it was delivered, as [`Event::now`] has it.
    pub fn elapsed(&self) -> Duration {
        match self.read_ns.load(Ordering::Relaxed) {
            UNREAD => self.begun.elapsed(),
            nanos => Duration::from_nanos(nanos),
        }
    }

    /// Notes what the clock shows now.
    pub fn has_read(&self, now: Instant) {
        let nanos = now.saturating_duration_since(self.begun).as_nanos() as u64;
        self.read_ns.store(nanos, Ordering::Relaxed);
    }

    /// Notes that something takes time: a wait, a start, code of the host, a commit.
    pub fn takes_time(&self) {
        self.read_ns.store(UNREAD, Ordering::Relaxed);
    }

    /// CPU time of the guest so far.
    pub fn cpu_used(&self) -> Duration {
        Duration::from_nanos(self.cpu_ns.load(Ordering::Relaxed))
    }

    pub fn add_cpu(&self, time: Duration) {
        self.cpu_ns.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    pub fn add_compile(&self, time: Duration) {
        self.compile_ns.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// CPU time that it is told to have taken.
    pub fn cpu_charged(&self) -> Duration {
        self.cpu_used() + Duration::from_nanos(self.compile_ns.load(Ordering::Relaxed))
    }

    /// CPU time that is left of the limit.
    pub fn cpu_left(&self) -> Duration {
        let limit = Duration::from_millis(self.actor.limits.cpu_ms);
        limit.saturating_sub(self.cpu_used())
    }

    /// Says whether it has the turn of its actor.
    pub fn set_holding(&self, holding: bool) {
        if holding && self.keeper().is_some() {
            let open = self.actor.storage().map_or(0, Storage::depth);
            self.savepoints.store(open, Ordering::Relaxed);
        }
        if self.is_holding() == holding {
            return;
        }
        // Nobody else says so: whoever does runs the event.
        self.holding.store(holding, Ordering::Release);
        if let Some(record) = self.record() {
            record.turn(self, holding);
        }
    }

    pub fn is_holding(&self) -> bool {
        self.holding.load(Ordering::Acquire)
    }

    /// Says whether it gives the turn up as soon as it waits, unless it is in a section.
    pub fn set_lends(&self, lends: bool) {
        self.lends.store(lends, Ordering::Relaxed);
        if !lends {
            self.note_kept();
        }
    }

    pub(super) fn note_kept(&self) {
        self.has_kept.store(true, Ordering::Relaxed);
    }

    /// Whether it has ever kept the turn while it waited, of those that may give it up.
    pub fn has_kept(&self) -> bool {
        self.has_kept.load(Ordering::Relaxed)
    }

    /// Whether it keeps its actor's turn while it waits for calls that it has made. One that doesn't runs at this moment, or
    /// ends: who calls its actor meanwhile waits for that, since another event may have the turn next.
    pub fn keeps_turn(&self) -> bool {
        self.is_holding() && (!self.lends.load(Ordering::Relaxed) || self.in_section())
    }

    /// The turn of events of its own chain that come back into the actor while it keeps the actor's.
    pub(super) fn reentry(&self) -> &Turn {
        &self.reentry
    }

    /// Lets an ancestor end whose time is over. It waits on this thread, so that it hears of that only when what it
    /// waits for has to wait, too.
    pub async fn give_way(&self) {
        if self.parent.is_some() {
            let now = Instant::now();
            if self.ancestors().any(|event| event.deadline <= now) {
                future::yield_now().await;
            }
        }
    }

    /// The nearest ancestor in the same actor that keeps its turn.
    pub fn keeper(&self) -> Option<&Arc<Event>> {
        let same = |event: &&Arc<Event>| Arc::ptr_eq(&event.actor, &self.actor);
        self.ancestors().filter(same).find(|event| event.keeps_turn())
    }

    /// Whether `other` is this event or waits for it, directly or not.
    pub fn descends_from(self: &Arc<Event>, other: &Arc<Event>) -> bool {
        self.chain().any(|event| Arc::ptr_eq(event, other))
    }

    /// The event, and those that wait for it.
    pub(super) fn chain(self: &Arc<Event>) -> impl Iterator<Item = &Arc<Event>> {
        std::iter::successors(Some(self), |event| event.parent.as_ref())
    }

    pub(super) fn ancestors(&self) -> impl Iterator<Item = &Arc<Event>> {
        std::iter::successors(self.parent.as_ref(), |event| event.parent.as_ref())
    }
}

/// Whether something may be said to the outside while such an explicit transaction is open.
fn can_leave(open: Option<Span>) -> Result<()> {
    if open != Some(Span::Sync) {
        return Ok(());
    }
    let message = "The body of transactionSync() can't call others: do that before or after it.";
    Err(Error::named(ErrorCode::InvalidArgument, "Error", message))
}
