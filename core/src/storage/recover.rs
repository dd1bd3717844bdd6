//! What a crash has left in the commit log, brought into the databases.
//!
//! The log has every page of a database that was written since its file was known to be on the disk. So whatever
//! became of the file and its write-ahead log meanwhile, with those pages it is as it was after the last commit
//! in the log. Doing this again changes nothing: a crash on the way is harmless.
//!
//! The log is read twice: once for where the pages are, one region at a time, and once for the pages.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path, PathBuf};

use super::files::{self, DATABASE, WAL, make_dirs};
use super::logged::LOG;
use crate::log::{self, Change, Image, PAGE_BYTES, Pages, Reader, Record, is_within};
use crate::medium::{Handle, Medium};

/// Brings databases up to date, if the data directory has a log, and removes that.
///
/// # Errors
/// Those of the files; `InvalidData` for a log that is damaged. Nothing is lost then.
pub(super) fn recover(root: &Path, medium: &dyn Medium) -> io::Result<()> {
    let path = root.join(LOG);
    let file = match medium.open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut plan = Plan::default();
    Reader::open(&*file)?.records(|record, start| plan.add(record, start))?;
    plan.apply(root, medium, &*file)?;
    drop(file);
    log::remove(medium, &path)
}

/// What the log amounts to.
#[derive(Default)]
struct Plan {
    /// Directories to remove, before anything else.
    gone: BTreeSet<String>,
    /// Directories and databases by place: those above come first.
    places: BTreeMap<String, Place>,
}

#[derive(Default)]
struct Place {
    /// It was made: the log has everything that is there.
    made: bool,
    /// How many pages the database has; 0 without one.
    size: u32,
    /// Where in the log each page is.
    pages: BTreeMap<u32, Image>,
    /// Pages of a transaction whose end hasn't come yet.
    open: Vec<(u32, Image)>,
}

impl Plan {
    /// Adds a record that begins there in the log.
    fn add(&mut self, record: &Record<'_>, start: u64) -> io::Result<()> {
        let place = record.place;
        let plain = |part| matches!(part, Component::Normal(_));
        if place.is_empty() || !Path::new(place).components().all(plain) {
            let message = format!("the commit log is damaged: it names {place:?}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let is_new = matches!(
            record.change,
            Change::Made | Change::Placed | Change::Pages { new: true, .. }
        );
        if is_new {
            // The removal was on the disk before anything could come into its place.
            self.gone.retain(|gone| !is_within(place, gone));
        }
        match record.change {
            Change::Gone | Change::Placed => {
                // What was removed below it before isn't what may be there now.
                self.gone.retain(|gone| !is_within(gone, place));
                self.places.retain(|known, _| !is_within(known, place));
                if record.change == Change::Gone {
                    self.gone.insert(place.to_owned());
                }
            }
            _ if self.gone.iter().any(|gone| is_within(place, gone)) => {}
            Change::Made => {
                let made = Place { made: true, ..Place::default() };
                self.places.insert(place.to_owned(), made);
            }
            Change::Pages { new, size, pages } => {
                let known = self.places.entry(place.to_owned()).or_default();
                if new {
                    *known = Place { made: true, ..Place::default() };
                }
                if let Pages::Read(pages) = pages {
                    pages.each(|number, image| {
                        known.open.push((number, Image { at: start + image.at, ..image }));
                    });
                }
                if size > 0 {
                    known.pages.extend(known.open.drain(..));
                    known.size = size;
                }
            }
        }
        Ok(())
    }

    fn apply(&self, root: &Path, medium: &dyn Medium, log: &dyn Handle) -> io::Result<()> {
        let mut changed = BTreeSet::new();
        for gone in &self.gone {
            let dir = root.join(gone);
            if files::remove(&dir)? {
                changed.extend(dir.parent().map(Path::to_owned));
            }
        }
        for (place, state) in &self.places {
            let applied = state.apply(&root.join(place), medium, log, &mut changed);
            applied.map_err(|error| io::Error::new(error.kind(), format!("{place}: {error}")))?;
        }
        changed.iter().try_for_each(|dir| match medium.sync_dir(dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
    }
}

impl Place {
    fn apply(
        &self,
        dir: &Path,
        medium: &dyn Medium,
        log: &dyn Handle,
        changed: &mut BTreeSet<PathBuf>,
    ) -> io::Result<()> {
        if self.size == 0 {
            return if self.made { make_empty(dir, medium, changed) } else { Ok(()) };
        }
        if self.made {
            changed.extend(make_dirs(medium, dir)?);
        }
        let path = dir.join(DATABASE);
        let file = match files::is_there(dir)? {
            true => medium.open(&path)?,
            false if self.made => medium.create(&path)?,
            // A facet whose parent had forgotten it.
            false => return Ok(()),
        };
        let mut page = [0; PAGE_BYTES];
        for (number, image) in self.pages.range(1..=self.size) {
            log.read_at(&mut page[..image.length()], image.at)?;
            image.spread(&mut page);
            file.write_at(&page, u64::from(number - 1) * PAGE_BYTES as u64)?;
        }
        file.set_size(u64::from(self.size) * PAGE_BYTES as u64)?;
        file.sync()?;
        files::remove_file(medium, &dir.join(WAL))?;
        changed.insert(dir.to_owned());
        Ok(())
    }
}

/// Makes the directory of a facet that has no database. Without one of its parent, it was never a facet.
fn make_empty(dir: &Path, medium: &dyn Medium, changed: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    if files::is_there(dir)? {
        // It got its files before the end of the commit that was to be its first.
        [DATABASE, WAL].iter().try_for_each(|name| files::remove_file(medium, &dir.join(name)))?;
        changed.insert(dir.to_owned());
    }
    if dir.parent().map_or(Ok(false), files::is_there)? {
        changed.extend(make_dirs(medium, dir)?);
    }
    Ok(())
}
