//! Tail events: what every event of every actor did, told after its end.
//!
//! An event that somebody listens to collects its logs and exceptions in a [`Record`](record); without a
//! listener there is none. At its end it becomes a [`TailEvent`] in a bounded [`queue`] for each listener:
//! the runtime's [`TailReceiver`], which has a thread of its own, and the `tails` of the code that ran,
//! which are called as events of their own.

mod event;
mod outcome;
mod queue;
mod receiver;
mod record;
mod target;
mod value;

pub use event::{LogLevel, TailEvent, TailException, TailInfo, TailLog};
pub use outcome::Outcome;
pub(crate) use receiver::Receiver;
pub use receiver::TailReceiver;
pub(crate) use record::{Observation, Record};
pub use target::Tail;
pub(crate) use target::Targets;
