//! The one error type, its stable codes and what each host calls them.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Weak};

use crate::value::Value;

/// The result of every fallible operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Declares every error code once: number, wire name, guest-visible name, Python class, Node class
/// and the sentence that documents it. Bindings read this table; none has a list of its own.
macro_rules! error_codes {
    ($($(#[doc = $doc:literal])* $variant:ident = $number:literal, $name:literal, $guest:literal, $class:literal;)*) => {
        /// Stable number of an error, grouped by hundreds: 1 use, 2 not found, 3 guest, 4 limits,
        /// 5 storage, 6 lifecycle, 9 internal. 0 is success in the C ABI and no code here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i32)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[doc = $doc])* $variant = $number,)*
        }

        impl ErrorCode {
            /// Every code, in order of number.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant,)*];

            /// The stable name, such as `LIMIT_CPU`.
            pub const fn name(self) -> &'static str {
                match self { $(ErrorCode::$variant => $name,)* }
            }

            /// The name that guest code reads from such an error when it has no other name.
            pub const fn guest_name(self) -> &'static str {
                match self { $(ErrorCode::$variant => $guest,)* }
            }

            /// The class that languages with exceptions raise, such as `LimitError`.
            pub const fn class(self) -> &'static str {
                match self { $(ErrorCode::$variant => $class,)* }
            }

            /// One sentence of explanation.
            pub const fn describe(self) -> &'static str {
                match self { $(ErrorCode::$variant => concat!($($doc),*).trim_ascii(),)* }
            }

            /// The code with this number.
            pub const fn from_number(number: i32) -> Option<ErrorCode> {
                match number { $($number => Some(ErrorCode::$variant),)* _ => None }
            }

            /// The code with this name.
            pub fn from_name(name: &str) -> Option<ErrorCode> {
                match name { $($name => Some(ErrorCode::$variant),)* _ => None }
            }
        }
    };
}

error_codes! {
    /// An argument or option has a wrong type, value or range.
    InvalidArgument = 101, "INVALID_ARGUMENT", "TypeError", "InvalidArgument";
    /// The runtime or handle was closed.
    Closed = 102, "CLOSED", "Error", "ClosedError";
    /// The runtime was opened in another process, before a fork.
    Forked = 103, "FORKED", "Error", "ForkedError";
    /// The data directory is open in another runtime.
    InUse = 104, "IN_USE", "Error", "InUseError";
    /// The operation or module type is not supported.
    Unsupported = 105, "UNSUPPORTED", "TypeError", "UnsupportedError";
    /// No such namespace, object, facet, method or export.
    NotFound = 201, "NOT_FOUND", "TypeError", "NotFoundError";
    /// Guest code threw an error, with its own name, message and stack.
    GuestError = 301, "GUEST_ERROR", "Error", "GuestError";
    /// Guest code does not load: syntax, missing or cyclic module, size.
    LoadError = 302, "LOAD_ERROR", "SyntaxError", "LoadError";
    /// A value can't cross between host and guest: cycle, depth, type or range.
    ValueError = 303, "VALUE_ERROR", "DataCloneError", "ValueError";
    /// The event used more CPU time than cpu_ms.
    LimitCpu = 401, "LIMIT_CPU", "Error", "LimitError";
    /// The event took longer than wall_ms.
    LimitWall = 402, "LIMIT_WALL", "Error", "LimitError";
    /// The virtual machine needed more memory than memory_bytes.
    LimitMemory = 403, "LIMIT_MEMORY", "RangeError", "LimitError";
    /// The stack of guest or host calls grew too deep.
    LimitStack = 404, "LIMIT_STACK", "RangeError", "LimitError";
    /// The database would grow past storage_bytes.
    LimitStorage = 405, "LIMIT_STORAGE", "Error", "LimitError";
    /// The event made more calls to the outside than subrequests.
    LimitSubrequests = 406, "LIMIT_SUBREQUESTS", "Error", "LimitError";
    /// A message is larger than message_bytes.
    LimitMessage = 407, "LIMIT_MESSAGE", "RangeError", "LimitError";
    /// The object has more facets than the limit.
    LimitFacets = 408, "LIMIT_FACETS", "Error", "LimitError";
    /// Facets or calls are nested deeper than the limit.
    LimitDepth = 409, "LIMIT_DEPTH", "Error", "LimitError";
    /// The database or the file system refused an operation.
    Storage = 501, "STORAGE", "Error", "StorageError";
    /// A file is corrupt, too new or not one of ours; it is left untouched.
    Corrupt = 502, "CORRUPT", "Error", "StorageError";
    /// The object or facet was aborted, with the reason as the message.
    Aborted = 601, "ABORTED", "Error", "AbortedError";
    /// The object was reset and rolled back to its last committed state.
    Reset = 602, "RESET", "Error", "ResetError";
    /// Calls wait for each other in a cycle.
    Deadlock = 603, "DEADLOCK", "Error", "DeadlockError";
    /// A bug in Facetbox or a panic in host code; the object involved was reset.
    Panic = 901, "PANIC", "Error", "PanicError";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An exception of the host's language that travels through a guest, kept as it is.
pub type HostException = Arc<dyn Any + Send + Sync>;

/// Longest message and longest stack, in bytes: guests can't be made to hold more, whoever has written it.
pub(crate) const TEXT_BYTES: usize = 64 << 10;

/// The exception of an error.
#[derive(Clone)]
enum Host {
    Own(HostException),
    /// Kept elsewhere, for as long as it may come out again.
    Lent(Weak<dyn Any + Send + Sync>),
}

#[derive(Clone)]
struct Inner {
    code: ErrorCode,
    name: String,
    message: String,
    stack: Option<String>,
    path: Option<String>,
    cause: Option<Value>,
    host: Option<Host>,
    device: bool,
}

/// What went wrong: a stable code, the name and message that guest and host see, the path of the
/// object or facet, and the guest's stack with `module:line`.
///
/// Cloning is cheap: all clones share one allocation. `Display` gives `Name: message`.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

impl Error {
    /// Makes an error with the code's own guest-visible name.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Error {
        Error::named(code, code.guest_name(), message)
    }

    /// Makes an error with a name such as `RangeError`. Messages are cut after 64 KiB.
    pub fn named(code: ErrorCode, name: impl Into<String>, message: impl Into<String>) -> Error {
        Error(Arc::new(Inner {
            code,
            name: name.into(),
            message: cut(message.into()),
            stack: None,
            path: None,
            cause: None,
            host: None,
            device: false,
        }))
    }

    /// Makes a `TypeError`, the answer to a wrong argument of the guest API.
    pub fn type_error(message: impl Into<String>) -> Error {
        Error::named(ErrorCode::InvalidArgument, "TypeError", message)
    }

    /// Makes an error of guest code.
    pub fn guest(name: impl Into<String>, message: impl Into<String>) -> Error {
        Error::named(ErrorCode::GuestError, name, message)
    }

    /// Adds the guest's stack, one `module:line` per line, unless it has one. Cut after 64 KiB.
    #[must_use]
    pub fn with_stack(mut self, stack: impl Into<String>) -> Error {
        let stack = cut(stack.into());
        if self.0.stack.is_none() && !stack.is_empty() {
            Arc::make_mut(&mut self.0).stack = Some(stack);
        }
        self
    }

    /// Adds the path of the object or facet it happened in, unless it has one.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<String>) -> Error {
        if self.0.path.is_none() {
            Arc::make_mut(&mut self.0).path = Some(path.into());
        }
        self
    }

    /// Replaces the code, keeping everything else.
    #[must_use]
    pub fn with_code(mut self, code: ErrorCode) -> Error {
        if self.0.code != code {
            Arc::make_mut(&mut self.0).code = code;
        }
        self
    }

    /// Adds what led to it: another error as [`Value::Error`], or any value that guest code gave as one.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<Value>) -> Error {
        Arc::make_mut(&mut self.0).cause = Some(cause.into());
        self
    }

    /// Says that the machine's storage has failed, rather than code that uses it: nobody's code is to blame.
    #[must_use]
    pub(crate) fn of_device(mut self) -> Error {
        Arc::make_mut(&mut self.0).device = true;
        self
    }

    /// Whether the machine's storage has failed.
    pub(crate) fn is_of_device(&self) -> bool {
        self.0.device
    }

    /// Attaches the host's own exception, which comes out again where nobody caught it.
    #[must_use]
    pub fn with_host(mut self, exception: HostException) -> Error {
        Arc::make_mut(&mut self.0).host = Some(Host::Own(exception));
        self
    }

    /// As guests have it, who may keep errors without end: without a hold on the host's exception.
    #[must_use]
    pub(crate) fn lent(mut self) -> Error {
        if let Some(Host::Own(exception)) = &self.0.host {
            let lent = Host::Lent(Arc::downgrade(exception));
            Arc::make_mut(&mut self.0).host = Some(lent);
        }
        self
    }

    /// As it leaves the guest that had it: with the host's exception, if that is still there.
    #[must_use]
    pub(crate) fn recalled(mut self) -> Error {
        if let Some(Host::Lent(lent)) = &self.0.host {
            let exception = lent.upgrade().map(Host::Own);
            Arc::make_mut(&mut self.0).host = exception;
        }
        self
    }

    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// The name, such as `TypeError`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The message, without the name.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The guest's stack, innermost frame first, each line `module:line` and a function name.
    pub fn stack(&self) -> Option<&str> {
        self.0.stack.as_deref()
    }

    /// The path `namespace/object/facet/…` of where it happened.
    pub fn path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    /// What led to it, in most cases a [`Value::Error`]; `Error.prototype.cause` of JavaScript.
    pub fn cause(&self) -> Option<&Value> {
        self.0.cause.as_ref()
    }

    /// The host's own exception, if a host function or host class threw it.
    pub fn host_exception(&self) -> Option<&HostException> {
        match &self.0.host {
            Some(Host::Own(exception)) => Some(exception),
            _ => None,
        }
    }
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(TEXT_BYTES));
    text
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.name, self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {self}", self.0.code)?;
        if let Some(path) = &self.0.path {
            write!(f, " (in {path})")?;
        }
        if let Some(stack) = &self.0.stack {
            write!(f, "\n{stack}")?;
        }
        if let Some(cause) = &self.0.cause {
            write!(f, "\ncaused by {cause:?}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.cause() {
            Some(Value::Error(cause)) => Some(cause),
            _ => None,
        }
    }
}

impl PartialEq for Error {
    /// Compares what a host sees: code, name and message.
    fn eq(&self, other: &Error) -> bool {
        self.code() == other.code()
            && self.name() == other.name()
            && self.message() == other.message()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_round_trip() {
        for (i, code) in ErrorCode::ALL.iter().enumerate() {
            assert_eq!(ErrorCode::from_number(*code as i32), Some(*code));
            assert_eq!(ErrorCode::from_name(code.name()), Some(*code));
            assert!(!code.describe().is_empty());
            for later in &ErrorCode::ALL[i + 1..] {
                assert!((*code as i32) < (*later as i32), "{code} and {later} are out of order");
            }
        }
        assert_eq!(ErrorCode::from_number(0), None);
    }

    #[test]
    fn an_error_is_one_word_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn an_error_as_cause_is_the_source() {
        use std::error::Error as _;
        let error = Error::guest("Error", "outer").with_cause(Error::guest("RangeError", "inner"));
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("RangeError: inner"));
        assert!(Error::guest("Error", "x").with_cause(7).source().is_none());
    }

    #[test]
    fn the_innermost_stack_and_path_win() {
        let error = Error::guest("RangeError", "x").with_stack("a:1").with_path("ns/o");
        let error = error.with_stack("b:2").with_path("ns");
        assert_eq!((error.stack(), error.path()), (Some("a:1"), Some("ns/o")));
        assert_eq!(error.to_string(), "RangeError: x");
    }
}
