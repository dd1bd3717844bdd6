//! What a listener is told.

use std::fmt;

use super::Outcome;
use crate::bindings::BindingCalls;

/// What one event did. Texts are as guests wrote them: treat them as untrusted input.
#[derive(Clone, Debug, PartialEq)]
pub struct TailEvent {
    /// The namespace of the object; `None` for an entrypoint, which belongs to none.
    pub namespace: Option<String>,
    /// The object's id as 64 hex digits; `None` for an entrypoint.
    pub object_id: Option<String>,
    /// The name that the object's id was made from, if it was.
    pub object_name: Option<String>,
    /// The names of the facets below the object that lead to the actor; empty for the object itself.
    pub facets: Vec<String>,
    /// The class or export that the actor is an instance of.
    pub entrypoint: String,
    /// What the event was.
    pub event: TailInfo,
    /// How it ended.
    pub outcome: Outcome,
    /// When it was delivered, in Unix milliseconds.
    pub timestamp: i64,
    /// CPU time of the guest in milliseconds, its SQL included; 0 for host classes.
    pub cpu_ms: f64,
    /// Time from delivery to answer in milliseconds, waits included.
    pub wall_ms: f64,
    /// What it logged, in order.
    pub logs: Vec<TailLog>,
    /// What it threw without catching it: the error that it ended with comes last.
    pub exceptions: Vec<TailException>,
    /// Whether logs or exceptions were left out because they took more than the limit `log_bytes`.
    pub truncated: bool,
    /// Rows that it read: entries of the key-value store, and rows of SQL as far as SQLite counts them.
    pub rows_read: u64,
    /// Rows that it wrote, without entries of indexes.
    pub rows_written: u64,
    /// Calls that it made to the outside: stubs, host functions, `fetch()`.
    pub subrequests: u64,
    /// How often it called each binding of its `env`, in the order of the first calls. What it called that it was
    /// given otherwise counts among `subrequests` only, and uses of a loader here only.
    pub bindings: Vec<BindingCalls>,
    /// Events that this listener has missed since the one before, because it was too slow.
    pub dropped: u64,
}

/// What an event was.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TailInfo {
    /// A request.
    Fetch {
        /// Its method.
        method: String,
        /// Its URL, whole.
        url: String,
        /// The status of the response; `None` if there was none.
        status: Option<u16>,
    },
    /// The call of a method, the use of a property, or the call of a function that a guest has passed on.
    Rpc {
        /// The method's or property's name; empty for a function.
        method: String,
    },
    /// The alarm.
    Alarm {
        /// When it was due, in Unix milliseconds.
        scheduled_time: i64,
        /// How many attempts have failed before.
        retry_count: u32,
    },
    /// A delivery of tail events to this actor.
    Tail {
        /// For each of them the class or export that it is about.
        consumed: Vec<String>,
    },
    /// Work that an earlier event has left behind: a timer, `waitUntil`, a call that nobody waited for.
    Task,
}

impl TailInfo {
    /// The type as text: `fetch`, `rpc`, `alarm`, `tail` or `task`.
    pub const fn kind(&self) -> &'static str {
        match self {
            TailInfo::Fetch { .. } => "fetch",
            TailInfo::Rpc { .. } => "rpc",
            TailInfo::Alarm { .. } => "alarm",
            TailInfo::Tail { .. } => "tail",
            TailInfo::Task => "task",
        }
    }
}

/// How important a line of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// `console.debug`, `console.trace`.
    Debug,
    /// `console.info`.
    Info,
    /// `console.log`, `print`.
    Log,
    /// `console.warn`.
    Warn,
    /// `console.error`.
    Error,
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl LogLevel {
    /// Its text, such as `warn`.
    pub const fn as_str(self) -> &'static str {
        match self {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Log => "log",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        }
    }

    /// The level that a function of `console` logs with.
    pub(crate) fn of_function(name: &str) -> LogLevel {
        match name {
            "debug" | "trace" => LogLevel::Debug,
            "info" => LogLevel::Info,
            "warn" => LogLevel::Warn,
            "error" => LogLevel::Error,
            _ => LogLevel::Log,
        }
    }
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct TailLog {
    /// When, in Unix milliseconds.
    pub timestamp: i64,
    /// How important it is.
    pub level: LogLevel,
    /// The arguments as one text, separated by blanks.
    pub message: String,
}

/// An error that nobody caught.
#[derive(Clone, Debug, PartialEq)]
pub struct TailException {
    /// When, in Unix milliseconds.
    pub timestamp: i64,
    /// The error's name, such as `TypeError`.
    pub name: String,
    /// Its message.
    pub message: String,
    /// The guest's stack, `module:line` on each line; `None` if it isn't known.
    pub stack: Option<String>,
}

impl TailEvent {
    /// About how much memory it takes.
    pub(super) fn size(&self) -> usize {
        let info = match &self.event {
            TailInfo::Fetch { method, url, .. } => method.len() + url.len(),
            TailInfo::Rpc { method } => method.len(),
            TailInfo::Tail { consumed } => {
                consumed.iter().map(|name| size_of::<String>() + name.len()).sum()
            }
            TailInfo::Alarm { .. } | TailInfo::Task => 0,
        };
        let logs = self.logs.iter().map(|log| size_of::<TailLog>() + log.message.len());
        let exceptions = self.exceptions.iter().map(|exception| {
            let stack = exception.stack.as_ref().map_or(0, String::len);
            size_of::<TailException>() + exception.name.len() + exception.message.len() + stack
        });
        let names = self.bindings.iter().map(|calls| size_of::<BindingCalls>() + calls.name.len());
        let info = info + names.sum::<usize>();
        size_of::<TailEvent>() + info + logs.chain(exceptions).sum::<usize>()
    }
}
