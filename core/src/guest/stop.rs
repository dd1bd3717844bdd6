//! What happens when a guest is stopped, whatever its engine.

use std::sync::Arc;

use super::watchdog::{Interrupt, Stop};
use crate::actor::Actor;
use crate::error::{Error, ErrorCode};

impl Stop {
    /// Ends the instance of `guest` for this reason, and gives the error of the event that hit it.
    /// `full` is what the storage said when it refused to grow.
    pub fn end(self, actor: &Arc<Actor>, guest: &dyn Interrupt, full: Option<Error>) -> Error {
        let (limits, path) = (&actor.limits, &actor.path);
        let (code, message) = match self {
            Stop::Cpu => (
                ErrorCode::LimitCpu,
                match guest.refused() {
                    Some(what) => format!("{what}: a limit of {path}."),
                    None => format!(
                        "The event used more than {} ms of CPU time, the limit cpuMs of {path}.",
                        limits.cpu_ms
                    ),
                },
            ),
            Stop::Wall => (
                ErrorCode::LimitWall,
                format!(
                    "The event took longer than {} ms, the limit wallMs of {path}.",
                    limits.wall_ms
                ),
            ),
            Stop::Memory => (
                ErrorCode::LimitMemory,
                match guest.refused() {
                    Some(what) => format!("{what}: a limit of {path}."),
                    None => format!(
                        "The guest needed more than {} bytes of memory, the limit memoryBytes of {path}.",
                        limits.memory_bytes
                    ),
                },
            ),
            Stop::Storage => {
                let error = full.unwrap_or_else(|| {
                    Error::new(ErrorCode::LimitStorage, format!("The database of {path} is full."))
                });
                actor.reset(&error);
                return error.with_path(path.as_str());
            }
            Stop::Killed => {
                let reset = || Error::new(ErrorCode::Reset, "The object was reset.");
                return actor.broken().cloned().unwrap_or_else(reset);
            }
        };
        let error = Error::new(code, message).with_path(path.as_str());
        let error = error.with_stack(guest.place().unwrap_or_default());
        guest.interrupt(self);
        actor.reset(&error);
        error
    }
}

/// What the guest was refused by its own storage and API is the guest's error to whoever called it; that
/// the storage itself has failed is not.
pub(super) fn leaving(error: Error) -> Error {
    match error.code() {
        _ if error.is_of_device() => error,
        ErrorCode::Storage | ErrorCode::InvalidArgument => error.with_code(ErrorCode::GuestError),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_guest_was_refused_is_its_error_and_what_broke_beneath_it_is_not() {
        let refused = Error::new(ErrorCode::Storage, "no such table: t: SQLITE_ERROR");
        assert_eq!(leaving(refused).code(), ErrorCode::GuestError);
        let broke = Error::new(ErrorCode::Storage, "disk I/O error: SQLITE_IOERR").of_device();
        assert_eq!(leaving(broke.clone()).code(), ErrorCode::Storage);
        assert_eq!(leaving(broke.with_path("N/o")).code(), ErrorCode::Storage);
    }
}
