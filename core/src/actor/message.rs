//! What is delivered to an actor, and what it answers.

use crate::alarm::AlarmInfo;
use crate::error::{Error, ErrorCode, Result};
use crate::http::{Request, Response};
use crate::metrics::EventKind;
use crate::value::Value;

/// What is delivered to an actor.
#[derive(Debug)]
pub(crate) enum Message {
    Fetch(Request),
    Call {
        method: String,
        args: Vec<Value>,
        /// Whether it delivers tail events: the only argument is a list of them.
        tail: bool,
    },
    /// Reads a property of the instance; only JavaScript's instances have any.
    #[cfg_attr(not(feature = "quickjs"), expect(dead_code, reason = "only JavaScript asks"))]
    Get {
        property: String,
    },
    /// The actor's alarm is due. Answered with a null.
    Alarm(AlarmInfo),
    /// The alarm of a facet that isn't running is due: its parent starts it. Answered with a null.
    StartFacet {
        name: String,
    },
}

impl Message {
    pub fn call(method: String, args: Vec<Value>) -> Message {
        Message::Call { method, args, tail: false }
    }

    pub fn kind(&self) -> EventKind {
        match self {
            Message::Fetch(_) => EventKind::Fetch,
            Message::Call { tail: true, .. } => EventKind::Tail,
            Message::Call { .. } | Message::Get { .. } | Message::StartFacet { .. } => {
                EventKind::Rpc
            }
            Message::Alarm(_) => EventKind::Alarm,
        }
    }
}

/// What an actor answers.
#[derive(Debug)]
pub(crate) enum Reply {
    Value(Value),
    Response(Response),
}

impl Reply {
    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        match self {
            Reply::Response(response) => Some(response.status()),
            Reply::Value(_) => None,
        }
    }

    pub fn into_value(self) -> Result<Value> {
        match self {
            Reply::Value(value) => Ok(value),
            Reply::Response(_) => Err(Error::new(ErrorCode::Panic, "a call answered a response")),
        }
    }

    pub fn into_response(self) -> Result<Response> {
        match self {
            Reply::Response(response) => Ok(response),
            Reply::Value(_) => Err(Error::new(ErrorCode::Panic, "a fetch answered a value")),
        }
    }
}
