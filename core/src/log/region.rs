//! The regions of the log's file, and which of them are in use.

use std::io;

use twox_hash::XxHash3_64;

use super::record::u64_at;

/// Bytes of a region. All of them are written when the file grows, so that a sync of a record has nothing to do but
/// to bring its bytes to the disk.
pub(crate) const REGION_BYTES: usize = 1 << 20;
/// Where the first record of a region begins.
pub(super) const HEADER_BYTES: usize = 64;

const MAGIC: &[u8; 8] = b"FbxLog 2";
/// The same before pages were without their zeros.
const MAGIC_1: &[u8; 8] = b"FbxLog 1";

/// What a region says about one use of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Header {
    /// Counts the uses of regions, from 1. The log goes on from one number to the next.
    pub number: u64,
    /// The number of the oldest region whose records matter.
    pub oldest: u64,
    /// The sequence of its first record.
    pub first: u64,
    /// Random: the seed of the checksums in it.
    pub salt: u64,
}

impl Header {
    /// The header of a region's next use.
    pub fn new(number: u64, oldest: u64, first: u64) -> io::Result<Header> {
        let mut salt = [0; 8];
        getrandom::fill(&mut salt).map_err(io::Error::other)?;
        Ok(Header { number, oldest, first, salt: u64::from_le_bytes(salt) })
    }

    pub fn encode(&self, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        bytes.extend(MAGIC);
        for field in [self.number, self.oldest, self.first, self.salt] {
            bytes.extend(field.to_le_bytes());
        }
        let checksum = XxHash3_64::oneshot(&bytes[start..]);
        bytes.extend(checksum.to_le_bytes());
        bytes.resize(start + HEADER_BYTES, 0);
    }

    /// The header that bytes begin with, if they do.
    pub fn decode(bytes: &[u8]) -> Option<Header> {
        let bytes = bytes.get(..HEADER_BYTES)?;
        let is_known = bytes.starts_with(MAGIC) || bytes.starts_with(MAGIC_1);
        let valid = is_known && u64_at(bytes, 40) == XxHash3_64::oneshot(&bytes[..40]);
        valid.then(|| Header {
            number: u64_at(bytes, 8),
            oldest: u64_at(bytes, 16),
            first: u64_at(bytes, 24),
            salt: u64_at(bytes, 32),
        })
    }
}

/// Which regions of the file are used for what.
#[derive(Default)]
pub(super) struct Regions {
    /// The number of each region's last use; 0 for none.
    numbers: Vec<u64>,
}

impl Regions {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.numbers.len()
    }

    /// Adds one at the end of the file.
    pub fn add(&mut self) {
        self.numbers.push(0);
    }

    /// One whose records don't matter to whoever reads that those from `oldest` on do.
    pub fn free(&self, oldest: u64) -> Option<usize> {
        self.numbers.iter().position(|number| *number < oldest)
    }

    /// Uses one.
    pub fn take(&mut self, slot: usize, number: u64) {
        self.numbers[slot] = number;
    }

    /// How many may be used next.
    pub fn free_count(&self, oldest: u64) -> usize {
        self.numbers.iter().filter(|number| **number < oldest).count()
    }

    /// The number of the last use of the one at the end of the file.
    pub fn last(&self) -> Option<u64> {
        self.numbers.last().copied()
    }

    /// Forgets the one at the end of the file.
    pub fn pop(&mut self) {
        self.numbers.pop();
    }
}

/// Where a region begins in the file.
pub(super) fn start(slot: usize) -> u64 {
    (slot * REGION_BYTES) as u64
}
