//! Object ids: 16 bytes that are random or derived from a name, and 16 bytes that prove the namespace.
//!
//! The scheme is workerd's: `key = SHA-256(namespace name)`, `base = HMAC(key, name)[..16]` or random,
//! `check = HMAC(key, base)[..16]`, printed as 64 lower-case hex digits.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorCode, Result};

/// Names longer than this many bytes are not told to the object.
const MAX_VISIBLE_NAME: usize = 1024;

/// Identifies one object of a namespace.
///
/// Ids are equal when their bytes are, whatever their names.
#[derive(Clone)]
pub struct ObjectId {
    bytes: [u8; 32],
    name: Option<Arc<str>>,
}

impl ObjectId {
    /// The name it was made from, if it was and was not read back from text.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// The id as the object itself sees it: without a name that is too long.
    pub(crate) fn for_object(&self) -> ObjectId {
        let name = self.name.clone().filter(|name| name.len() <= MAX_VISIBLE_NAME);
        ObjectId { bytes: self.bytes, name }
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "ObjectId({self}, {name:?})"),
            None => write!(f, "ObjectId({self})"),
        }
    }
}

impl PartialEq for ObjectId {
    fn eq(&self, other: &ObjectId) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for ObjectId {}

impl std::hash::Hash for ObjectId {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

/// Makes and checks the ids of one namespace.
#[derive(Clone)]
pub(crate) struct IdScheme {
    key: [u8; 32],
}

impl IdScheme {
    pub fn new(namespace: &str) -> IdScheme {
        IdScheme { key: Sha256::digest(namespace.as_bytes()).into() }
    }

    pub fn of_name(&self, name: &str) -> ObjectId {
        self.complete(self.hmac(name.as_bytes()), Some(name.into()))
    }

    pub fn unique(&self) -> Result<ObjectId> {
        let mut base = [0; 16];
        getrandom::fill(&mut base).map_err(|e| {
            Error::new(ErrorCode::Storage, format!("The system gave no random bytes: {e}"))
        })?;
        Ok(self.complete(base, None))
    }

    pub fn parse(&self, text: &str) -> Result<ObjectId> {
        let bytes = parse_hex(text)
            .ok_or_else(|| Error::type_error("Invalid Durable Object ID: must be 64 hex digits"))?;
        let (base, check) = bytes.split_at(16);
        if self.hmac(base) != check {
            return Err(Error::type_error("Durable Object ID is not valid for this namespace."));
        }
        Ok(ObjectId { bytes, name: None })
    }

    /// Whether `id` was made by a namespace of this name.
    pub fn owns(&self, id: &ObjectId) -> bool {
        self.hmac(&id.bytes[..16]) == id.bytes[16..]
    }

    fn complete(&self, base: [u8; 16], name: Option<Arc<str>>) -> ObjectId {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&base);
        bytes[16..].copy_from_slice(&self.hmac(&base));
        ObjectId { bytes, name }
    }

    fn hmac(&self, data: &[u8]) -> [u8; 16] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("any key length is valid");
        mac.update(data);
        let mut half = [0; 16];
        half.copy_from_slice(&mac.finalize().into_bytes()[..16]);
        half
    }
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |d: u8| char::from(d).to_digit(16);
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_values_of_workerd() {
        let scheme = IdScheme::new("mykey");
        for (name, expected) in [
            ("name", "3652ef6221834806dc8df802d1d216e27b7d07e0a6b7adf6cfdaeec90f06459a"),
            ("http://foo/", "59002eb8cf872e541722977a258a12d6a93bbe8192b502e1c0cb250aa91af234"),
            ("http://foo/bar", "02b496f65dd35cbac90e3e72dc5a398ee93926ea4a3821e26677082d2e6f9b79"),
        ] {
            assert_eq!(scheme.of_name(name).to_string(), expected);
        }
    }

    #[test]
    fn text_round_trips_and_foreign_ids_are_refused() {
        let (ours, theirs) = (IdScheme::new("a"), IdScheme::new("b"));
        let id = ours.unique().unwrap();
        assert_eq!(ours.parse(&id.to_string().to_uppercase()).unwrap(), id);
        assert!(theirs.parse(&id.to_string()).is_err());
        assert!(ours.owns(&id) && !theirs.owns(&id));
        assert!(ours.parse("goodbye").is_err());
    }

    #[test]
    fn long_names_are_not_told_to_the_object() {
        let scheme = IdScheme::new("a");
        assert!(scheme.of_name(&"a".repeat(1024)).for_object().name().is_some());
        assert!(scheme.of_name(&"a".repeat(1025)).for_object().name().is_none());
    }
}
