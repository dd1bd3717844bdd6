//! How much one message may carry, and how deep.

use super::{Actor, Reply};
use crate::error::{Error, ErrorCode, Result};
use crate::value::Value;

impl Actor {
    /// Makes an answer what its caller may get; answers its bytes.
    pub(super) fn check_reply(&self, reply: &mut Result<Reply>, is_head: bool) -> Result<usize> {
        match reply {
            Ok(Reply::Value(value)) => self.check_message("result", std::slice::from_ref(value)),
            Ok(Reply::Response(response)) => {
                if is_head {
                    response.body = None;
                }
                self.check_size("response", response.size())
            }
            // Its texts were cut when it was thrown.
            Err(error) => {
                let thrown = Value::Error(error.clone());
                Ok(thrown.size() - thrown.overhead())
            }
        }
    }

    /// Checks the use of a member: its name comes in, too, and callers may choose any. Answers its bytes.
    pub fn check_use(&self, name: &str, args: &[Value]) -> Result<usize> {
        Ok(self.check_size("name", name.len())? + self.check_message("arguments", args)?)
    }

    /// Checks what crosses; answers its bytes.
    pub fn check_message(&self, what: &str, values: &[Value]) -> Result<usize> {
        values.iter().try_for_each(Value::check_depth)?;
        self.check_size(what, values.iter().map(Value::size).sum())
    }

    pub fn check_size(&self, what: &str, size: usize) -> Result<usize> {
        let limit = self.limits.message_bytes;
        if size as u64 <= limit {
            return Ok(size);
        }
        let messages = match what {
            "request" | "response" => "Requests and responses",
            _ => "Serialized RPC arguments or return values",
        };
        let path = &self.path;
        Err(Error::new(
            ErrorCode::LimitMessage,
            format!(
                "{messages} are limited to {limit} bytes, but the {what} of {path} had {size} bytes."
            ),
        ))
    }
}
