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

/// What the longest entry of a page takes: its number, how much of it is there, and all of it.
pub(super) const ENTRY_BYTES: usize = ENTRY_HEADER_BYTES + PAGE_BYTES;
const ENTRY_HEADER_BYTES: usize = 8;
/// The kind of pages in a log of format 1, which has all of every page.
const WHOLE: u8 = 1;
/// The kind of pages without their zeros.
const SPARSE: u8 = 5;
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
    Read(ReadPages<'a>),
}

/// Pages as they are in a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ReadPages<'a> {
    entries: &'a [u8],
    /// Where in the record they begin.
    at: usize,
    whole: bool,
    count: usize,
}

/// Where a page is: so many bytes of its beginning and then so many of its end. It has zeros between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Image {
    pub at: u64,
    pub head: u16,
    pub tail: u16,
}

impl Pages<'_> {
    fn count(self) -> usize {
        match self {
            Pages::Given(pages) => pages.len(),
            Pages::Read(pages) => pages.count,
        }
    }
}

impl ReadPages<'_> {
    /// Shows `each` every page in order, and where in the record it is; answers None if they aren't as many as there
    /// should be.
    pub fn each(self, mut each: impl FnMut(u32, Image)) -> Option<()> {
        let mut rest = self.entries;
        for _ in 0..self.count {
            let number = u32_at(rest.get(..4)?, 0);
            let (header, head, tail) = match self.whole {
                true => (4, PAGE_BYTES as u16, 0),
                false => {
                    let lengths = rest.get(4..ENTRY_HEADER_BYTES)?;
                    (ENTRY_HEADER_BYTES, u16_at(lengths, 0), u16_at(lengths, 2))
                }
            };
            let length = usize::from(head) + usize::from(tail);
            if length > PAGE_BYTES {
                return None;
            }
            let at = (self.at + self.entries.len() - rest.len() + header) as u64;
            each(number, Image { at, head, tail });
            rest = rest.get(header + length..)?;
        }
        rest.is_empty().then_some(())
    }
}

impl Image {
    /// How many bytes of it are there.
    pub fn length(&self) -> usize {
        usize::from(self.head) + usize::from(self.tail)
    }

    /// Makes the page of these bytes, with which it begins.
    pub fn spread(&self, page: &mut [u8; PAGE_BYTES]) {
        let (head, tail) = (usize::from(self.head), usize::from(self.tail));
        page.copy_within(head..head + tail, PAGE_BYTES - tail);
        page[head..PAGE_BYTES - tail].fill(0);
    }
}

/// What is before the longest run of zeros in a page, and what after it; all of it if that is short.
fn without_zeros(page: &[u8]) -> (&[u8], &[u8]) {
    const STEP: usize = 64;
    // Whole steps are compared in a few instructions.
    let is_zero = |step: &[u8]| step.iter().fold(0, |all, byte| all | byte) == 0;
    let (mut longest, mut run) = (0..0, 0);
    for (at, step) in page.chunks_exact(STEP).enumerate() {
        run = if is_zero(step) { run + 1 } else { 0 };
        if run > longest.len() {
            longest = at + 1 - run..at + 1;
        }
    }
    let (head, tail) = (&page[..longest.start * STEP], &page[longest.end * STEP..]);
    if longest.is_empty() {
        return (head, tail);
    }
    // The run may begin and end within the steps beside it.
    let is_other = |byte: &u8| *byte != 0;
    let head = &head[..head.iter().rposition(is_other).map_or(0, |last| last + 1)];
    (head, &tail[tail.iter().position(is_other).unwrap_or(tail.len())..])
}

/// A record as it is in the log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Record<'a> {
    pub sequence: u64,
    pub place: &'a str,
    pub change: Change<'a>,
}

impl Change<'_> {
    /// How many bytes a record of it takes at most.
    pub fn length(&self, place: &str) -> usize {
        let (.., count) = self.parts();
        length_of(place, count)
    }

    fn parts(&self) -> (u8, u8, u32, usize) {
        match self {
            Change::Pages { new, size, pages } => (SPARSE, u8::from(*new), *size, pages.count()),
            Change::Made => (2, 0, 0, 0),
            Change::Gone => (3, 0, 0, 0),
            Change::Placed => (4, 0, 0, 0),
        }
    }
}

impl<'a> Record<'a> {
    /// Appends its bytes; answers how many.
    pub fn encode(&self, salt: u64, bytes: &mut Vec<u8>) -> usize {
        let (kind, flags, size, count) = self.change.parts();
        let start = bytes.len();
        bytes.extend([0; 12]);
        bytes.extend([kind, flags]);
        bytes.extend((self.place.len() as u16).to_le_bytes());
        bytes.extend(self.sequence.to_le_bytes());
        bytes.extend(size.to_le_bytes());
        bytes.extend((count as u32).to_le_bytes());
        bytes.extend(self.place.as_bytes());
        if let Change::Pages { pages: Pages::Given(pages), .. } = self.change {
            for (number, page) in pages {
                let (head, tail) = without_zeros(page);
                bytes.extend(number.to_le_bytes());
                bytes.extend((head.len() as u16).to_le_bytes());
                bytes.extend((tail.len() as u16).to_le_bytes());
                bytes.extend(head);
                bytes.extend(tail);
            }
        }
        let length = bytes.len() - start;
        bytes[start + 8..start + 12].copy_from_slice(&(length as u32).to_le_bytes());
        let checksum = XxHash3_64::oneshot_with_seed(salt, &bytes[start + 8..]);
        bytes[start..start + 8].copy_from_slice(&checksum.to_le_bytes());
        length
    }

    /// The record that bytes begin with, if they do, and how many bytes it takes.
    pub fn decode(salt: u64, bytes: &'a [u8]) -> Option<(Record<'a>, usize)> {
        let header = bytes.get(..RECORD_HEADER_BYTES)?;
        let length = u32_at(header, 8) as usize;
        let body = bytes.get(8..length)?;
        if XxHash3_64::oneshot_with_seed(salt, body) != u64_at(header, 0) {
            return None;
        }
        let (kind, flags) = (header[12], header[13]);
        let place_length = usize::from(u16_at(header, 14));
        let (place, entries) =
            bytes.get(RECORD_HEADER_BYTES..length)?.split_at_checked(place_length)?;
        let count = u32_at(header, 28) as usize;
        let at = RECORD_HEADER_BYTES + place_length;
        let pages = ReadPages { entries, at, whole: kind == WHOLE, count };
        pages.each(|_, _| {})?;
        let change = match kind {
            WHOLE | SPARSE => Change::Pages {
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
        Some((Record { sequence: u64_at(header, 16), place, change }, length))
    }
}

/// How many bytes a record with so many pages takes at most.
pub(super) fn length_of(place: &str, pages: usize) -> usize {
    RECORD_HEADER_BYTES + place.len() + pages * ENTRY_BYTES
}

/// How many pages a record of so many bytes may have.
pub(super) fn pages_within(bytes: usize, place: &str) -> usize {
    bytes.saturating_sub(length_of(place, 0)) / ENTRY_BYTES
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
