//! A disk in memory that loses its power, refuses, and lets a test wait within a sync.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::medium::{Handle, Medium};

pub const FILE: &str = "/data/commit.log";
/// What a disk writes at once.
const SECTOR: usize = 512;

#[derive(Default)]
pub struct Disk {
    files: HashMap<PathBuf, File>,
    /// Called with each sync, which fails if it answers so.
    pub on_sync: Option<Arc<dyn Fn() -> io::Result<()> + Send + Sync>>,
    /// Writes that make the file longer fail.
    pub full: bool,
    /// So do writes beyond this.
    pub room: Option<u64>,
    pub syncs: usize,
    /// Bytes that were read at once, at most.
    pub largest_read: usize,
    pub regions: u64,
}

#[derive(Default, Clone)]
struct File {
    now: Vec<u8>,
    synced: Vec<u8>,
}

#[derive(Clone, Default)]
pub struct Memory(pub Arc<Mutex<Disk>>);

struct Open(Memory, PathBuf);

/// A small generator of numbers that look random.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

impl Memory {
    pub fn new(regions: u64) -> Memory {
        let memory = Memory::default();
        memory.0.lock().regions = regions;
        memory
    }

    /// The bytes of the log's file.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().files.get(Path::new(FILE)).map_or_else(Vec::new, |file| file.now.clone())
    }

    /// Some of them.
    pub fn bytes_at(&self, at: usize, length: usize) -> Vec<u8> {
        self.0.lock().files[Path::new(FILE)].now[at..at + length].to_vec()
    }

    /// A disk with these bytes in the log's file.
    pub fn with(bytes: Vec<u8>) -> Memory {
        let memory = Memory::default();
        let file = File { now: bytes.clone(), synced: bytes };
        memory.0.lock().files.insert(FILE.into(), file);
        memory
    }

    /// What a power cut leaves of the log's file: of each sector what was synced last or what was written last.
    pub fn cut(&self, random: &mut Random) -> Vec<u8> {
        let disk = self.0.lock();
        let Some(file) = disk.files.get(Path::new(FILE)) else { return Vec::new() };
        let mut left = file.synced.clone();
        let chance = random.below(4);
        for (old, new) in left.chunks_mut(SECTOR).zip(file.now.chunks(SECTOR)) {
            if old.len() == new.len() && random.below(3) < chance {
                old.copy_from_slice(new);
            }
        }
        left
    }

    pub fn read(&self) -> io::Result<Box<dyn Handle>> {
        self.open(Path::new(FILE))
    }
}

impl Medium for Memory {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Handle>> {
        match self.0.lock().files.contains_key(path) {
            true => Ok(Box::new(Open(self.clone(), path.to_owned()))),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Handle>> {
        self.0.lock().files.insert(path.to_owned(), File::default());
        self.open(path)
    }

    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.lock().files.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn log_bytes(&self) -> u64 {
        self.0.lock().regions << 20
    }
}

impl Open {
    fn with<T>(&self, body: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        body(&mut self.0.0.lock().files.get_mut(&self.1).expect("the file is there").now)
    }
}

impl Handle for Open {
    fn size(&self) -> io::Result<u64> {
        Ok(self.with(|bytes| bytes.len()) as u64)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let start = offset as usize;
        {
            let mut disk = self.0.0.lock();
            disk.largest_read = disk.largest_read.max(into.len());
        }
        self.with(|bytes| {
            let from = bytes.get(start..start + into.len());
            from.map(|from| into.copy_from_slice(from)).ok_or(io::ErrorKind::UnexpectedEof.into())
        })
    }

    fn write_at(&self, new: &[u8], offset: u64) -> io::Result<()> {
        let start = offset as usize;
        let (full, room) = {
            let disk = self.0.0.lock();
            (disk.full, disk.room)
        };
        self.with(|bytes| {
            if bytes.len() < start + new.len() {
                if full || room.is_some_and(|room| room < offset + new.len() as u64) {
                    // A part of it gets there.
                    bytes.resize(start + new.len() / 2, 0);
                    return Err(io::ErrorKind::StorageFull.into());
                }
                bytes.resize(start + new.len(), 0);
            }
            bytes[start..start + new.len()].copy_from_slice(new);
            Ok(())
        })
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.with(|bytes| bytes.resize(size as usize, 0));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let on_sync = self.0.0.lock().on_sync.clone();
        on_sync.map_or(Ok(()), |on_sync| on_sync())?;
        let mut disk = self.0.0.lock();
        disk.syncs += 1;
        let file = disk.files.get_mut(&self.1).expect("the file is there");
        file.synced = file.now.clone();
        Ok(())
    }
}
