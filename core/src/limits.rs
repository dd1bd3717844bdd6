//! What one event, one virtual machine and one database may use.

use crate::error::{Error, Result};
use crate::value::{Value, ValueMap};

/// Upper bounds of one guest. All are on by default; guests get the lowest of the runtime's, the
/// code's and the class's.
///
/// | Limit | Of | At the limit | Can the guest catch it? |
/// |---|---|---|---|
/// | `cpu_ms` | an event | event and instance end: LIMIT_CPU | no |
/// | `wall_ms` | an event | event and instance end: LIMIT_WALL | no |
/// | `block_ms` | a section | the object is reset: LIMIT_WALL | no |
/// | `memory_bytes` | a virtual machine | event and instance end: LIMIT_MEMORY | no |
/// | `storage_bytes` | a database | event and instance end: LIMIT_STORAGE | no |
/// | `subrequests` | an event | the call is refused: LIMIT_SUBREQUESTS | yes; each further call is refused, too |
/// | `message_bytes` | a message | the call or its answer is refused: LIMIT_MESSAGE | yes, by the caller |
/// | `log_bytes` | an event | the log is cut, `truncated` is set | there is no error |
/// | `facet_depth` | an object | the facet is refused: LIMIT_DEPTH | yes |
/// | `facets` | an actor; an object's tree | the facet is refused: LIMIT_FACETS | yes |
///
/// What ends an event discards what it has not committed, and the next event starts afresh. What is refused has
/// not happened, so that going on gains a guest nothing. Stack exhaustion is an ordinary error, LIMIT_STACK if it
/// leaves the guest; a hundred nested calls of a chain are the most, LIMIT_DEPTH beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// CPU time of one event in milliseconds, host functions excluded. Default 1,000.
    pub cpu_ms: u64,
    /// Time of one event from delivery to answer in milliseconds, waits included. Default 30,000.
    pub wall_ms: u64,
    /// Time that `blockConcurrencyWhile()` and `transaction()` may take in milliseconds. Beyond it the
    /// object is reset. Default 30,000.
    pub block_ms: u64,
    /// Memory of one virtual machine in bytes. Default 64 MiB.
    pub memory_bytes: u64,
    /// Size of one database in bytes. Default 1 GiB.
    pub storage_bytes: u64,
    /// Calls that one event may make to the outside: stubs, fetch, host functions. Default 1,000.
    pub subrequests: u64,
    /// Size of one message (arguments or result) in bytes. Default 32 MiB.
    pub message_bytes: u64,
    /// Log text kept per event in bytes; what is beyond is cut, without an error. Default 256 KiB.
    pub log_bytes: u64,
    /// Levels of facets below an object, the object included. Default 16.
    pub facet_depth: u64,
    /// Facets that one object or facet may have as children, and that an object may have at all levels together.
    /// Default 10,000.
    pub facets: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            cpu_ms: 1_000,
            wall_ms: 30_000,
            block_ms: 30_000,
            memory_bytes: 64 << 20,
            storage_bytes: 1 << 30,
            subrequests: 1_000,
            message_bytes: 32 << 20,
            log_bytes: 256 << 10,
            facet_depth: 16,
            facets: 10_000,
        }
    }
}

/// Smallest memory in which a guest's virtual machine and its libraries fit.
pub(crate) const MIN_MEMORY_BYTES: u64 = 1 << 20;

/// Limits that are set; the others stay as they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitsPatch([Option<u64>; FIELDS.len()]);

/// The limits as JavaScript and as the other languages spell them.
const FIELDS: [(&str, &str); 10] = [
    ("cpuMs", "cpu_ms"),
    ("wallMs", "wall_ms"),
    ("blockMs", "block_ms"),
    ("memoryBytes", "memory_bytes"),
    ("storageBytes", "storage_bytes"),
    ("subRequests", "subrequests"),
    ("messageBytes", "message_bytes"),
    ("logBytes", "log_bytes"),
    ("facetDepth", "facet_depth"),
    ("facets", "facets"),
];

impl LimitsPatch {
    /// Limits by the names of the fields of [`Limits`].
    ///
    /// ```
    /// let limits = facetbox::LimitsPatch::new([("cpu_ms", 50), ("memory_bytes", 16 << 20)])?;
    /// # assert_eq!(facetbox::Limits::default().with(limits).cpu_ms, 50);
    /// # Ok::<(), facetbox::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`LimitsPatch::from_value`].
    pub fn new<'a>(limits: impl IntoIterator<Item = (&'a str, u64)>) -> Result<LimitsPatch> {
        // More than the range of the integer is more than any limit may be.
        let whole = |limit| i64::try_from(limit).unwrap_or(i64::MAX);
        let limits = limits.into_iter().map(|(name, limit)| (name, whole(limit)));
        LimitsPatch::from_value(&Value::Map(ValueMap::from_iter(limits)))
    }

    /// Reads limits from a map with the keys of WorkerCode's `limits`: `cpuMs`, `wallMs`, `blockMs`,
    /// `memoryBytes`, `storageBytes`, `subRequests`, `messageBytes`, `logBytes`, `facetDepth`, `facets`;
    /// or with the names of the fields of [`Limits`].
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an unknown key and for a value that is no whole number above 0; the
    /// message names the key, the value and the accepted range.
    pub fn from_value(value: &Value) -> Result<LimitsPatch> {
        let mut patch = LimitsPatch::default();
        if value.is_nullish() {
            return Ok(patch);
        }
        let map = value.as_map().ok_or_else(|| {
            Error::type_error(format!("limits must be a map, got {}.", value.type_name()))
        })?;
        for (key, value) in map.iter() {
            let field =
                FIELDS.iter().position(|(a, b)| *a == key || *b == key).ok_or_else(|| {
                    let known =
                        FIELDS.map(|(a, b)| if a == b { a.into() } else { format!("{a} or {b}") });
                    let known = known.join(", ");
                    Error::type_error(format!("Unknown limit '{key}'; known limits: {known}."))
                })?;
            if value.is_nullish() {
                continue;
            }
            patch.0[field] = Some(check(key, value)?);
        }
        Ok(patch)
    }

    /// Sets every limit, to no more than `limits`: what a guest loads gets no more than the guest has.
    pub(crate) fn within(self, limits: Limits) -> LimitsPatch {
        LimitsPatch(limits.lowered(self).fields().map(|limit| Some(*limit)))
    }
}

fn check(key: &str, value: &Value) -> Result<u64> {
    let min = if ["memoryBytes", "memory_bytes"].contains(&key) { MIN_MEMORY_BYTES } else { 1 };
    let max = 1u64 << 50;
    match value.as_i64().and_then(|n| u64::try_from(n).ok()) {
        Some(n) if (min..=max).contains(&n) => Ok(n),
        _ => {
            let got = match value {
                Value::Int(n) => n.to_string(),
                Value::Float(n) => n.to_string(),
                other => other.type_name().into(),
            };
            Err(Error::type_error(format!(
                "Limit '{key}' must be a whole number from {min} to {max}, got {got}."
            )))
        }
    }
}

impl Limits {
    /// Replaces what `patch` sets: how a host raises or lowers the runtime's defaults.
    #[must_use]
    pub fn with(mut self, patch: LimitsPatch) -> Limits {
        for (field, value) in self.fields().into_iter().zip(patch.0) {
            if let Some(value) = value {
                *field = value;
            }
        }
        self
    }

    /// Takes from `patch` what is lower: how code and classes narrow what they get.
    #[must_use]
    pub fn lowered(mut self, patch: LimitsPatch) -> Limits {
        for (field, value) in self.fields().into_iter().zip(patch.0) {
            *field = value.map_or(*field, |value| value.min(*field));
        }
        self
    }

    fn fields(&mut self) -> [&mut u64; FIELDS.len()] {
        [
            &mut self.cpu_ms,
            &mut self.wall_ms,
            &mut self.block_ms,
            &mut self.memory_bytes,
            &mut self.storage_bytes,
            &mut self.subrequests,
            &mut self.message_bytes,
            &mut self.log_bytes,
            &mut self.facet_depth,
            &mut self.facets,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(key: &str, value: impl Into<Value>) -> Result<LimitsPatch> {
        LimitsPatch::from_value(&Value::Map(ValueMap::from_iter([(key, value)])))
    }

    #[test]
    fn code_can_lower_but_not_raise() {
        let limits = Limits::default();
        assert_eq!(limits.lowered(patch("cpuMs", 50).unwrap()).cpu_ms, 50);
        assert_eq!(limits.lowered(patch("cpuMs", 5_000).unwrap()).cpu_ms, 1_000);
        assert_eq!(limits.with(patch("cpuMs", 5_000).unwrap()).cpu_ms, 5_000);
    }

    #[test]
    fn what_a_guest_loads_gets_no_more_than_the_guest_has() {
        let guest = Limits::default().lowered(patch("cpuMs", 50).unwrap());
        for asked in [LimitsPatch::default(), patch("cpuMs", 900).unwrap()] {
            assert_eq!(Limits::default().lowered(asked.within(guest)), guest);
        }
        let less = patch("cpuMs", 5).unwrap().within(guest);
        assert_eq!(Limits::default().lowered(less).cpu_ms, 5);
    }

    #[test]
    fn zero_never_means_unlimited() {
        for bad in [Value::Int(0), Value::Int(-1), Value::Float(f64::NAN), "1".into()] {
            let error = patch("wallMs", bad).unwrap_err();
            assert!(error.message().contains("wallMs"), "{error}");
        }
        let error = patch("cpuMs", -5).unwrap_err();
        assert!(error.message().ends_with("from 1 to 1125899906842624, got -5."), "{error}");
        assert!(LimitsPatch::new([("cpu_ms", u64::MAX)]).is_err());
        assert!(patch("memoryBytes", 1).is_err());
        assert!(patch("memory_bytes", 1).is_err());
        assert!(patch("cpu", 1).unwrap_err().message().contains("cpuMs"));
        assert_eq!(patch("cpu_ms", 50).unwrap(), patch("cpuMs", 50).unwrap());
    }
}
