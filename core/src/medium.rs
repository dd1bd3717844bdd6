//! The files that the commit log and those who work for it write: an interface, so that tests can have them on a
//! disk that fails or loses its power.
//!
//! Not for users of the library: it may change at any time.

#[cfg(target_os = "linux")]
mod direct;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::error::Result;
use crate::runtime::{Options, Runtime};

/// What is written through is whole blocks of this size.
pub const BLOCK_BYTES: usize = 4096;

/// What is done with files. Nothing is on the disk for certain before it is synced: the bytes of a file by its
/// handle, its name by its directory. What is done with names is what the operating system does, unless a medium says
/// otherwise.
pub trait Medium: Send + Sync {
    /// Opens a file that exists, to read and write.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Handle>>;
    /// Makes a file, or empties the one that is there.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Handle>>;
    /// The same for a file to whose disk bytes are written through: see [`Handle::write_through`].
    fn create_log(&self, path: &Path) -> io::Result<Box<dyn Handle>> {
        self.create(path)
    }
    /// Makes a directory in one that exists.
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        System.create_dir(path)
    }
    /// Gives a file another name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        System.rename(from, to)
    }
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()> {
        System.remove(path)
    }
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        System.sync_dir(path)
    }
    /// How many bytes the commit log gets before databases are settled to make room in it.
    fn log_bytes(&self) -> u64 {
        64 << 20
    }
}

/// An open file, which any thread may use.
pub trait Handle: Send + Sync {
    /// How many bytes it has.
    fn size(&self) -> io::Result<u64>;
    /// Reads as many bytes as there is room for.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all of these bytes.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Cuts it or adds zeros.
    fn set_size(&self, size: u64) -> io::Result<()>;
    /// Makes its bytes durable.
    fn sync(&self) -> io::Result<()>;
    /// Writes whole blocks of [`BLOCK_BYTES`], which begin at a multiple of that and are within the file, and makes
    /// them durable.
    fn write_through(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_at(bytes, offset)?;
        self.sync()
    }
}

/// Opens a runtime that writes such files there.
///
/// # Errors
/// As [`Runtime::open_with`].
pub fn open_on(options: Options, medium: Arc<dyn Medium>) -> Result<Runtime> {
    Runtime::open_on(options, medium)
}

/// The operating system's files.
pub(crate) struct System;

impl Medium for System {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Handle>> {
        Ok(Box::new(OpenOptions::new().read(true).write(true).open(path)?))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Handle>> {
        let mut options = OpenOptions::new();
        Ok(Box::new(options.read(true).write(true).create(true).truncate(true).open(path)?))
    }

    #[cfg(target_os = "linux")]
    fn create_log(&self, path: &Path) -> io::Result<Box<dyn Handle>> {
        Ok(Box::new(direct::Direct::new(self.create(path)?, path)))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    #[cfg(unix)]
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    /// Other systems make names durable with the files.
    #[cfg(not(unix))]
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

impl Handle for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    #[cfg(unix)]
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, bytes, offset)
    }

    #[cfg(unix)]
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self, bytes, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let read = std::os::windows::fs::FileExt::seek_read(self, bytes, offset)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            (bytes, offset) = (&mut bytes[read..], offset + read as u64);
        }
        Ok(())
    }

    #[cfg(windows)]
    fn write_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = std::os::windows::fs::FileExt::seek_write(self, bytes, offset)?;
            (bytes, offset) = (&bytes[written..], offset + written as u64);
        }
        Ok(())
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.set_len(size)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
