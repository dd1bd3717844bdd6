//! Reading a log that nobody writes.

use std::io;

use super::record::Record;
use super::region::{HEADER_BYTES, Header, REGION_BYTES, start};
use crate::medium::Handle;

/// The regions of a log's file that have records which matter, in the order of these.
pub(crate) struct Reader(Vec<(Header, Vec<u8>)>);

impl Reader {
    /// Reads the file.
    ///
    /// # Errors
    /// Those of the file; `InvalidData` if a part of it is missing that was written whole.
    pub fn open(file: &dyn Handle) -> io::Result<Reader> {
        let size = file.size()?;
        let mut found = Vec::new();
        for slot in 0.. {
            // The last one may not have been made whole.
            let length = size.saturating_sub(start(slot)).min(REGION_BYTES as u64) as usize;
            if length < HEADER_BYTES {
                break;
            }
            let mut bytes = vec![0; HEADER_BYTES];
            file.read_at(&mut bytes, start(slot))?;
            if let Some(header) = Header::decode(&bytes) {
                found.push((header, slot, length));
            }
        }
        found.sort_by_key(|(header, ..)| header.number);
        let oldest = found.last().map_or(0, |(header, ..)| header.oldest);
        found.retain(|(header, ..)| header.number >= oldest);
        let mut regions = Vec::new();
        for (header, slot, length) in found {
            let mut bytes = vec![0; length];
            file.read_at(&mut bytes, start(slot))?;
            regions.push((header, bytes));
        }
        let reader = Reader(regions);
        reader.check(oldest)?;
        Ok(reader)
    }

    /// A region is only begun when the one before it is whole on the disk.
    fn check(&self, oldest: u64) -> io::Result<()> {
        let mut next = None;
        for (number, (header, bytes)) in (oldest..).zip(&self.0) {
            if header.number != number || next.is_some_and(|next| next != header.first) {
                let message =
                    format!("the commit log is damaged before its part {}", header.number);
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            next = Some(header.first + records(header, bytes).count() as u64);
        }
        Ok(())
    }

    /// The records in order. What was written last may be missing, if it was never on the disk for certain.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.0.iter().flat_map(|(header, bytes)| records(header, bytes))
    }
}

fn records<'a>(header: &Header, bytes: &'a [u8]) -> impl Iterator<Item = Record<'a>> {
    let (salt, first) = (header.salt, header.first);
    let mut at = HEADER_BYTES;
    (first..).map_while(move |sequence| {
        let record = Record::decode(salt, &bytes[at..])?;
        at += record.length();
        (record.sequence == sequence).then_some(record)
    })
}
