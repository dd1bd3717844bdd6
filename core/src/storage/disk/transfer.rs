//! Whole objects: out to plain files, in from them, and away.

use std::io::{Read, Seek, Write};

use super::look::Seen;
use super::*;
use crate::storage::connection::execute;
use crate::storage::format::{APPLICATION_ID, FORMAT_VERSION};
use crate::storage::inspect;
use crate::storage::tree::{Scratch, Tree, open_plain};

impl Disk {
    /// Copies the database in `dir` and those of its facets, each as it was last committed (in memory:
    /// as it is), to plain files in directory `to`, which exists and is empty.
    pub fn export(&self, dir: &Path, to: &Path) -> Result<Tree> {
        let mut tree = Tree::default();
        if self.export_one(dir, to)? {
            let mut db = open_plain(&to.join(DATABASE))?;
            tree.due = inspect::due(&mut db)?;
            let facets = inspect::facets(&mut db)?;
            drop(db);
            for (name, number) in facets {
                let (from, to) = (dir.join(number.to_string()), to.join(number.to_string()));
                fs::create_dir(&to).map_err(|error| failed("export", error))?;
                tree.facets.push((name, number, self.export(&from, &to)?));
            }
        }
        sync_dir(to, Durability::Full).map_err(|error| failed("export", error))?;
        Ok(tree)
    }

    fn export_one(&self, dir: &Path, to: &Path) -> Result<bool> {
        let storage = |error| failed("export", error);
        let file = to.join(DATABASE);
        let found = match &self.0.place {
            Place::Memory(_) => match self.look(dir, |db| Ok(db.serialize()?))? {
                Some(bytes) => fs::write(&file, marked(bytes)).map(|()| true).map_err(storage)?,
                None => false,
            },
            Place::Files(_) => self.visit(dir, |seen| match seen {
                Seen::Open(connection) => files::copy_open(connection, to, Durability::None)
                    .map(|()| true)
                    .map_err(storage),
                Seen::Closed => match self.place(dir).and_then(|()| fs::exists(dir.join(DATABASE)))
                {
                    Ok(true) => files::copy_closed(dir, to, Durability::None)
                        .map(|()| true)
                        .map_err(storage),
                    Ok(false) => Ok(false),
                    Err(error) => Err(storage(error)),
                },
            })?,
        };
        if found {
            make_plain(&file)?;
            fs::File::open(&file).and_then(|file| file.sync_all()).map_err(storage)?;
        }
        Ok(found)
    }

    /// Puts the databases of a staged import in place: all or nothing. There must be none in `dir`.
    pub fn install(&self, staged: Scratch, tree: &Tree, dir: &Path) -> Result<()> {
        match &self.0.place {
            Place::Memory(parked) => {
                let mut databases = Vec::new();
                load(staged.path(), tree, dir, &mut databases)?;
                parked.lock().extend(databases);
            }
            Place::Files(durability) => {
                self.remove_tree(dir)?; // what a crash may have left, without a database
                let place = || {
                    use_log(staged.path(), tree, *durability)?;
                    let Some(parent) = dir.parent() else { return Ok(()) };
                    files::make_durable_dirs(parent, *durability)?;
                    fs::rename(staged.path(), dir)?;
                    sync_dir(parent, *durability)?;
                    self.placed(dir)?.map_or(Ok(()), |sequence| self.flush(sequence))
                };
                place().map_err(|error| failed("import", error))?;
                staged.keep();
            }
        }
        Ok(())
    }

    /// Takes a directory with everything below it away at once. What is left of it on disk goes with the
    /// answer; `trash` is where it is until then.
    pub fn discard(&self, dir: &Path, trash: &Path) -> Result<Option<Scratch>> {
        let Place::Files(durability) = &self.0.place else {
            return self.remove_tree(dir).map(|()| None);
        };
        let trash = Scratch::new(trash, "deleted-")?;
        self.take_away(dir, &trash.path().join("object"), *durability)
            .map_err(|error| failed("delete", error))?;
        Ok(Some(trash))
    }

    fn take_away(&self, dir: &Path, to: &Path, durability: Durability) -> io::Result<()> {
        let unmade = |logged: &Arc<Logged>| logged.unmade.has_any(dir);
        if !fs::exists(dir)? && !self.0.logged.as_ref().is_some_and(unmade) {
            return Ok(());
        }
        // From here on it is gone, whether it comes to the removal or not.
        self.gone(dir)?.map_or(Ok(()), |sequence| self.flush(sequence))?;
        if !fs::exists(dir)? {
            return Ok(());
        }
        let removed = fs::rename(dir, to)
            .and_then(|()| dir.parent().map_or(Ok(()), |parent| sync_dir(parent, durability)));
        if let (Some(logged), Err(error)) = (&self.0.logged, &removed) {
            logged.log.fail(error);
        }
        removed
    }
}

/// A database of ours says so in its header; one in memory doesn't.
fn marked(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(header) = bytes.get_mut(..100) {
        header[60..64].copy_from_slice(&FORMAT_VERSION.to_be_bytes());
        header[68..72].copy_from_slice(&APPLICATION_ID.to_be_bytes());
    }
    bytes
}

/// Brings the log into a copied database and makes it one without.
fn make_plain(file: &Path) -> Result<()> {
    let mut header = Vec::new();
    fs::File::open(file)
        .and_then(|file| file.take(100).read_to_end(&mut header))
        .map_err(|error| failed("export", error))?;
    check_header(&header)?;
    let mut db = open_plain(file)?;
    Ok(execute(&mut db, "PRAGMA journal_mode = DELETE")?)
}

/// Marks the databases of a tree as using a write-ahead log, and makes them durable.
fn use_log(dir: &Path, tree: &Tree, durability: Durability) -> io::Result<()> {
    let file = dir.join(DATABASE);
    if fs::exists(&file)? {
        let mut file = fs::OpenOptions::new().write(true).open(file)?;
        file.seek(io::SeekFrom::Start(18))?;
        file.write_all(&[2, 2])?;
        if durability != Durability::None {
            file.sync_all()?;
        }
    }
    for (_, number, below) in &tree.facets {
        use_log(&dir.join(number.to_string()), below, durability)?;
    }
    sync_dir(dir, durability)
}

/// Reads the databases of a tree into memory.
fn load(
    from: &Path,
    tree: &Tree,
    dir: &Path,
    databases: &mut Vec<(PathBuf, Database)>,
) -> Result<()> {
    let file = from.join(DATABASE);
    if fs::exists(&file).map_err(|error| failed("import", error))? {
        databases.push((dir.to_owned(), copy_database(&mut open_plain(&file)?)?));
    }
    for (_, number, below) in &tree.facets {
        let number = number.to_string();
        load(&from.join(&number), below, &dir.join(&number), databases)?;
    }
    Ok(())
}
