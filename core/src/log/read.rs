//! Reading a log that nobody writes.

use std::io;

use super::record::Record;
use super::region::{HEADER_BYTES, Header, REGION_BYTES, start};
use crate::medium::Handle;

/// The regions of a log's file that have records which matter, in the order of these.
pub(crate) struct Reader<'a> {
    file: &'a dyn Handle,
    regions: Vec<Found>,
    /// The number of the first one.
    oldest: u64,
}

struct Found {
    header: Header,
    /// Where it is in the file, and how much of it is there: the last one may not have been made whole.
    start: u64,
    length: usize,
}

impl<'a> Reader<'a> {
    /// Looks for the regions.
    ///
    /// # Errors
    /// Those of the file.
    pub fn open(file: &'a dyn Handle) -> io::Result<Reader<'a>> {
        let size = file.size()?;
        let mut regions = Vec::new();
        for start in (0..).map(start) {
            let length = size.saturating_sub(start).min(REGION_BYTES as u64) as usize;
            if length < HEADER_BYTES {
                break;
            }
            let mut bytes = [0; HEADER_BYTES];
            file.read_at(&mut bytes, start)?;
            if let Some(header) = Header::decode(&bytes) {
                regions.push(Found { header, start, length });
            }
        }
        regions.sort_by_key(|found| found.header.number);
        let oldest = regions.last().map_or(0, |found| found.header.oldest);
        regions.retain(|found| found.header.number >= oldest);
        Ok(Reader { file, regions, oldest })
    }

    /// Shows `each` the records in order, and where in the file they begin. What was written last may be missing, if
    /// it was never on the disk for certain. One region at a time is in memory.
    ///
    /// # Errors
    /// Those of the file and of `each`; `InvalidData` if a part of the log is missing that was written whole.
    pub fn records(
        &self,
        mut each: impl FnMut(&Record<'_>, u64) -> io::Result<()>,
    ) -> io::Result<()> {
        let (mut bytes, mut next) = (vec![0; REGION_BYTES], None);
        for (number, Found { header, start, length }) in (self.oldest..).zip(&self.regions) {
            // A region is only begun when the one before it is whole on the disk.
            if header.number != number || next.is_some_and(|next| next != header.first) {
                let message =
                    format!("the commit log is damaged before its part {}", header.number);
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            let bytes = &mut bytes[..*length];
            self.file.read_at(bytes, *start)?;
            let (mut at, mut sequence) = (HEADER_BYTES, header.first);
            while let Some((record, length)) = Record::decode(header.salt, &bytes[at..])
                && record.sequence == sequence
            {
                each(&record, start + at as u64)?;
                at += length;
                sequence += 1;
            }
            next = Some(sequence);
        }
        Ok(())
    }
}
