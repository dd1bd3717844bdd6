//! A disk that can lose its power: it knows what has been synced, and rebuilds what is left of the rest.
//!
//! What is written neither by SQLite nor through the commit log's interface (copied databases, FORMAT, LOCK) counts as
//! being on the disk when it is there: the code that writes it syncs it.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::random::Random;
use crate::vfs::Call;

/// What a disk writes at once.
const SECTOR: usize = 512;

/// What becomes of what hasn't been synced.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    /// All of it is lost.
    Lost,
    /// Each write has been made or not, in any order.
    Mixed,
    /// Each sector has been written or not, in any order.
    Torn,
    /// All of it has been written.
    Kept,
}

impl Fate {
    pub const ALL: [Fate; 4] = [Fate::Lost, Fate::Mixed, Fate::Torn, Fate::Kept];

    fn survives(self, random: &mut Random) -> bool {
        match self {
            Fate::Lost => false,
            Fate::Mixed | Fate::Torn => random.once_in(2),
            Fate::Kept => true,
        }
    }
}

enum Change {
    Write(u64, Vec<u8>),
    Truncate(u64),
}

/// A file that was opened.
struct File {
    inode: u64,
    /// Its contents at the last sync.
    synced: Vec<u8>,
    changes: Vec<Change>,
    /// Whether its name is on the disk.
    named: bool,
    /// Whether its next sync is one of the directory, too.
    syncs_directory: bool,
}

/// A file that was deleted while the deletion may not be on the disk.
struct Ghost {
    file: File,
    /// The directory, which may have been replaced by another.
    parent: u64,
}

/// The files below a directory.
pub struct Disk {
    root: PathBuf,
    files: HashMap<PathBuf, File>,
    ghosts: HashMap<PathBuf, Ghost>,
    /// Directories whose names may not be on the disk, with their inodes.
    dirs: HashMap<PathBuf, u64>,
    /// Whether the file that is being opened was there before.
    existed: bool,
}

impl Disk {
    pub fn new(root: &Path) -> Disk {
        let (files, ghosts, dirs) = Default::default();
        Disk { root: root.to_owned(), files, ghosts, dirs, existed: false }
    }

    pub fn before(&mut self, path: &Path, call: &Call) {
        match call {
            Call::Open | Call::Create => self.existed = path.exists(),
            Call::Delete => {
                let file = self.files.remove(path).filter(|file| file.named);
                if let (Some(file), Some(parent)) = (file, parent_inode(path)) {
                    self.ghosts.insert(path.to_owned(), Ghost { file, parent });
                }
            }
            _ => {}
        }
    }

    pub fn after(&mut self, path: &Path, call: &Call) {
        match call {
            Call::Open | Call::Create => self.opened(path),
            Call::Rename(to) => {
                if let Some(file) = self.files.remove(path) {
                    self.files.insert(to.to_path_buf(), File { named: false, ..file });
                }
            }
            Call::CreateDir => {
                inode(path).map(|inode| self.dirs.insert(path.to_owned(), inode));
            }
            Call::SyncDir => self.sync_directory(&path.join("any")),
            _ => {}
        }
        let Some(file) = self.files.get_mut(path) else { return };
        match call {
            Call::Write { offset, bytes } => {
                file.changes.push(Change::Write(*offset, bytes.to_vec()));
            }
            Call::Truncate(size) => file.changes.push(Change::Truncate(*size)),
            Call::Sync => {
                file.changes.drain(..).for_each(|change| change.apply(&mut file.synced));
                if std::mem::take(&mut file.syncs_directory) {
                    self.sync_directory(path);
                }
            }
            Call::Create => file.changes.push(Change::Truncate(0)),
            _ => {}
        }
    }

    fn opened(&mut self, path: &Path) {
        let Some(inode) = inode(path) else { return };
        let is_log = path.to_string_lossy().ends_with("-wal");
        if self.files.get(path).is_none_or(|file| file.inode != inode) {
            let synced = if self.existed { fs::read(path).unwrap_or_default() } else { Vec::new() };
            let (changes, named) = (Vec::new(), self.existed);
            let file = File { inode, synced, changes, named, syncs_directory: false };
            self.files.insert(path.to_owned(), file);
        }
        if let Some(file) = self.files.get_mut(path) {
            // SQLite's VFS for Unix does so for logs, not for databases.
            file.syncs_directory = is_log;
        }
    }

    /// Puts the names in the directory of a path on the disk.
    fn sync_directory(&mut self, path: &Path) {
        let same = |other: &Path| other.parent() == path.parent();
        self.ghosts.retain(|path, _| !same(path));
        self.dirs.retain(|path, _| !same(path));
        self.files
            .iter_mut()
            .filter(|(path, _)| same(path))
            .for_each(|(_, file)| file.named = true);
    }

    /// Rebuilds the directory at `to` as a power cut at this moment leaves it.
    pub fn cut(&self, to: &Path, fate: Fate, random: &mut Random) -> io::Result<()> {
        self.rebuild(&self.root, to, fate, random)?;
        let mut ghosts: Vec<_> = self.ghosts.iter().collect();
        ghosts.sort_by_key(|(path, _)| *path);
        for (path, ghost) in ghosts {
            // A deletion is the change here: where changes survive, the file stays gone.
            let back = !path.exists() && parent_inode(path) == Some(ghost.parent);
            if back && !fate.survives(random) {
                let path = path.strip_prefix(&self.root).expect("all files are below the root");
                let path = to.join(path);
                if path.parent().is_some_and(Path::exists) {
                    write(&path, &ghost.file.left(fate, random))?;
                }
            }
        }
        Ok(())
    }

    fn rebuild(&self, from: &Path, to: &Path, fate: Fate, random: &mut Random) -> io::Result<()> {
        fs::create_dir_all(to)?;
        let mut paths = fs::read_dir(from)?
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<Vec<PathBuf>>>()?;
        paths.sort();
        for path in paths {
            let target = to.join(path.file_name().expect("an entry of a directory has a name"));
            let file = self.files.get(&path).filter(|file| inode(&path) == Some(file.inode));
            match file {
                None if path.is_dir() => {
                    let named = self.dirs.get(&path).copied() != inode(&path);
                    if named || fate.survives(random) {
                        self.rebuild(&path, &target, fate, random)?;
                    }
                }
                None => drop(fs::copy(&path, &target)?),
                Some(file) if file.named || fate.survives(random) => {
                    write(&target, &file.left(fate, random))?;
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

impl File {
    fn left(&self, fate: Fate, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        for change in &self.changes {
            match (fate, change) {
                (Fate::Torn, Change::Write(offset, new)) => {
                    for (offset, sector) in sectors(*offset, new) {
                        if fate.survives(random) {
                            Change::Write(offset, sector.to_vec()).apply(&mut bytes);
                        }
                    }
                }
                _ if fate.survives(random) => change.apply(&mut bytes),
                _ => {}
            }
        }
        bytes
    }
}

/// The pieces of a write in the sectors that it touches.
fn sectors(offset: u64, bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let first = (SECTOR - offset as usize % SECTOR).min(bytes.len());
    let (head, rest) = bytes.split_at(first);
    let starts = (offset + first as u64..).step_by(SECTOR);
    std::iter::once((offset, head)).chain(starts.zip(rest.chunks(SECTOR)))
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Truncate(size) => bytes.resize(*size as usize, 0),
            Change::Write(offset, new) => {
                let (start, end) = (*offset as usize, *offset as usize + new.len());
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[start..end].copy_from_slice(new);
            }
        }
    }
}

/// Writes a file without the zeros at its end, which take no room then.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut file = fs::File::create(path)?;
    file.write_all(&bytes[..length])?;
    file.set_len(bytes.len() as u64)
}

fn parent_inode(path: &Path) -> Option<u64> {
    inode(path.parent()?)
}

#[cfg(unix)]
fn inode(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).ok().map(|data| data.ino())
}

/// Elsewhere a file that replaces another can't be told from it.
#[cfg(not(unix))]
fn inode(path: &Path) -> Option<u64> {
    path.exists().then_some(0)
}
