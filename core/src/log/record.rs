//! Records as bytes.
//!
//! Whether bytes are a record is told by its checksum, whose seed is the salt of the region that it is in: what an
//! earlier use of the region left is none.

use twox_hash::XxHash3_64;

/// Bytes of a page of a place.
pub(crate) const PAGE_BYTES: usize = 4096;

/// The longest place: objects nest less deep.
pub(super) const MAX_PLACE_BYTES: usize = 2048;

/// What a record takes besides its place and pages.
pub(super) const RECORD_HEADER_BYTES: usize = 32;

const ENTRY_BYTES: usize = 4 + PAGE_BYTES;
/// The flag of pages that nothing was before.
const NEW: u8 = 1;

/// What happened at a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Change<'a> {
    /// Pages were written.
    Pages {
        /// There was nothing at the place before.
        new: bool,
        /// How many pages there are now; 0 if this is a part of what later records at this place complete.
        size: u32,
        pages: Pages<'a>,
    },
    /// The place is there, with nothing at it.
    Made,
    /// The place and those below it are to be removed.
    Gone,
    /// The place and those below it are on the disk as they are now: earlier records mean nothing.
    Placed,
}

/// Pages with their numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pages<'a> {
    Given(&'a [(u32, &'a [u8])]),
    /// As they are in a record.
    Read(&'a [u8]),
}

impl<'a> Pages<'a> {
    fn count(self) -> usize {
        match self {
            Pages::Given(pages) => pages.len(),
            Pages::Read(bytes) => bytes.len() / ENTRY_BYTES,
        }
    }

    /// Each page in order.
    pub fn each(self, mut each: impl FnMut(u32, &'a [u8])) {
        match self {
            Pages::Given(pages) => pages.iter().for_each(|(number, image)| each(*number, image)),
            Pages::Read(bytes) => bytes.chunks_exact(ENTRY_BYTES).for_each(|entry| {
                let (number, image) = entry.split_at(4);
                each(u32_at(number, 0), image);
            }),
        }
    }
}

/// A record as it is in the log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Record<'a> {
    pub sequence: u64,
    pub place: &'a str,
    pub change: Change<'a>,
}

impl Change<'_> {
    /// How many bytes a record of it takes.
    pub fn length(&self, place: &str) -> usize {
        let (.., count) = self.parts();
        length_of(place, count)
    }

    fn parts(&self) -> (u8, u8, u32, usize) {
        match self {
            Change::Pages { new, size, pages } => (1, u8::from(*new), *size, pages.count()),
            Change::Made => (2, 0, 0, 0),
            Change::Gone => (3, 0, 0, 0),
            Change::Placed => (4, 0, 0, 0),
        }
    }
}

impl<'a> Record<'a> {
    /// How many bytes it takes.
    pub fn length(&self) -> usize {
        self.change.length(self.place)
    }

    /// Where in it the images of its pages begin.
    pub fn images(&self) -> impl Iterator<Item = u64> + use<> {
        let first = RECORD_HEADER_BYTES + self.place.len() + 4;
        (first..).step_by(ENTRY_BYTES).map(|at| at as u64)
    }

    /// Appends its bytes.
    pub fn encode(&self, salt: u64, bytes: &mut Vec<u8>) {
        let (kind, flags, size, count) = self.change.parts();
        let start = bytes.len();
        bytes.extend([0; 8]);
        bytes.extend((self.length() as u32).to_le_bytes());
        bytes.extend([kind, flags]);
        bytes.extend((self.place.len() as u16).to_le_bytes());
        bytes.extend(self.sequence.to_le_bytes());
        bytes.extend(size.to_le_bytes());
        bytes.extend((count as u32).to_le_bytes());
        bytes.extend(self.place.as_bytes());
        if let Change::Pages { pages, .. } = self.change {
            pages.each(|number, image| {
                bytes.extend(number.to_le_bytes());
                bytes.extend(image);
            });
        }
        let checksum = XxHash3_64::oneshot_with_seed(salt, &bytes[start + 8..]);
        bytes[start..start + 8].copy_from_slice(&checksum.to_le_bytes());
    }

    /// The record that bytes begin with, if they do.
    pub fn decode(salt: u64, bytes: &'a [u8]) -> Option<Record<'a>> {
        let header = bytes.get(..RECORD_HEADER_BYTES)?;
        let length = u32_at(header, 8) as usize;
        let body = bytes.get(8..length)?;
        if XxHash3_64::oneshot_with_seed(salt, body) != u64_at(header, 0) {
            return None;
        }
        let (kind, flags) = (header[12], header[13]);
        let place_length = usize::from(u16::from_le_bytes([header[14], header[15]]));
        let (place, pages) =
            bytes.get(RECORD_HEADER_BYTES..length)?.split_at_checked(place_length)?;
        if pages.len() != u32_at(header, 28) as usize * ENTRY_BYTES {
            return None;
        }
        let change = match kind {
            1 => Change::Pages {
                new: flags & NEW != 0,
                size: u32_at(header, 24),
                pages: Pages::Read(pages),
            },
            2 => Change::Made,
            3 => Change::Gone,
            4 => Change::Placed,
            _ => return None,
        };
        let place = std::str::from_utf8(place).ok()?;
        Some(Record { sequence: u64_at(header, 16), place, change })
    }
}

/// How many bytes a record with so many pages takes.
pub(super) fn length_of(place: &str, pages: usize) -> usize {
    RECORD_HEADER_BYTES + place.len() + pages * ENTRY_BYTES
}

/// How many pages a record of so many bytes may have.
pub(super) fn pages_within(bytes: usize, place: &str) -> usize {
    bytes.saturating_sub(length_of(place, 0)) / ENTRY_BYTES
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
