//! The files of the commit log and those who work for it, subject to the same plan as SQLite's.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use facetbox::medium::{Handle, Medium};

use crate::vfs::{Call, ask};

/// Asks the plan before it touches a file, and tells it afterwards.
pub struct Planned;

struct Open {
    path: PathBuf,
    file: File,
}

impl Planned {
    fn open_as(path: &Path, call: &Call, create: bool) -> io::Result<Box<dyn Handle>> {
        let open = || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(create).truncate(create).open(path).map(Some)
        };
        let file =
            ask(path, call, open)?.ok_or_else(|| io::Error::other("opening can't be pretended"))?;
        Ok(Box::new(Open { path: path.to_owned(), file }))
    }
}

impl Medium for Planned {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Handle>> {
        Planned::open_as(path, &Call::Open, false)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Handle>> {
        Planned::open_as(path, &Call::Create, true)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        ask(path, &Call::CreateDir, || fs::create_dir(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        ask(from, &Call::Rename(to), || fs::rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        ask(path, &Call::Delete, || fs::remove_file(path))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        ask(path, &Call::SyncDir, || File::open(path)?.sync_all())
    }

    /// Short, so that the workload fills it.
    fn log_bytes(&self) -> u64 {
        2 << 20
    }
}

impl Handle for Open {
    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        ask(&self.path, &Call::Read, || self.file.read_exact_at(bytes, offset))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let call = Call::Write { offset, bytes };
        ask(&self.path, &call, || self.file.write_all_at(bytes, offset))
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        ask(&self.path, &Call::Truncate(size), || self.file.set_len(size))
    }

    fn sync(&self) -> io::Result<()> {
        ask(&self.path, &Call::Sync, || self.file.sync_data())
    }
}
