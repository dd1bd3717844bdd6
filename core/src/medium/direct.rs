//! Bytes that go to the disk without the detour through the system's cache: one call instead of two, and hardly
//! anything for the system to do.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use parking_lot::Mutex;
use rustix::fs::OFlags;

use super::{BLOCK_BYTES, Handle};

/// More than this is written through the cache: copying it would take longer.
const MAX_BYTES: usize = 16 * BLOCK_BYTES;

/// A file with a second handle past the cache, where the file system has such.
pub(super) struct Direct {
    file: Box<dyn Handle>,
    direct: Option<File>,
    /// Room for as much as is written at once, wherever in it a block begins in memory.
    buffer: Mutex<Vec<u8>>,
}

impl Direct {
    pub fn new(file: Box<dyn Handle>, path: &Path) -> Direct {
        let flags = (OFlags::DIRECT | OFlags::DSYNC).bits() as i32;
        let direct = OpenOptions::new().write(true).custom_flags(flags).open(path).ok();
        Direct { file, direct, buffer: Mutex::default() }
    }

    /// Answers false where that can't be done.
    fn write_directly(&self, bytes: &[u8], offset: u64) -> io::Result<bool> {
        let Some(direct) = self.direct.as_ref().filter(|_| bytes.len() <= MAX_BYTES) else {
            return Ok(false);
        };
        let mut buffer = self.buffer.lock();
        buffer.resize(MAX_BYTES + BLOCK_BYTES, 0);
        let begin = buffer.as_ptr().align_offset(BLOCK_BYTES);
        let Some(aligned) = buffer.get_mut(begin..begin + bytes.len()) else { return Ok(false) };
        aligned.copy_from_slice(bytes);
        match direct.write_all_at(aligned, offset) {
            // Some file systems say only now that they can't.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(false),
            written => written.map(|()| true),
        }
    }
}

impl Handle for Direct {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_at(bytes, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.file.set_size(size)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn write_through(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.write_directly(bytes, offset)? {
            return Ok(());
        }
        self.file.write_at(bytes, offset)?;
        self.file.sync()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::medium::{Medium, System};

    #[test]
    fn what_is_written_through_is_read_wherever_it_went() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let file = System.create_log(&path).unwrap();
        let all = MAX_BYTES + 4 * BLOCK_BYTES;
        file.write_at(&vec![0; all], 0).unwrap();
        file.sync().unwrap();
        let mut expected = vec![0; all];
        // Less than goes past the cache, more than that, and less again.
        for (value, blocks, at) in [(1, 1, 0), (2, 16, 1), (3, 17, 2), (4, 2, 0), (5, 1, 19)] {
            let bytes = vec![value; blocks * BLOCK_BYTES];
            file.write_through(&bytes, (at * BLOCK_BYTES) as u64).unwrap();
            expected[at * BLOCK_BYTES..][..bytes.len()].copy_from_slice(&bytes);
            assert!(std::fs::read(&path).unwrap() == expected, "after {value}");
        }
        assert_eq!(file.size().unwrap(), all as u64);
    }
}
