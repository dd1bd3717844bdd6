//! Event loops of asyncio: calls that they make, and host code that runs on them.
//!
//! Python's half is `facetbox.aio`. Nothing here blocks a loop: a call runs on the runtime's threads and
//! ends with a message to its loop; host code is asked for by a message and answers through an `Ask`.

mod ask;
mod call;
mod class;
mod event_loop;
mod home;
mod mail;
mod scope;

pub use ask::{Ask, Kind, Reply, ask};
pub use call::Call;
pub use class::{event_loop_class, value};
pub use event_loop::EventLoop;
pub use home::Home;
pub use mail::{Counted, Delivery, Inbox};
pub use scope::{EventScope, Guard, Transaction};
