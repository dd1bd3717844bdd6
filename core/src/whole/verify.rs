//! Checking everything on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::runtime::{Runtime, RuntimeInner};
use crate::storage::Inspection;

/// How often something is looked at again that may just be changing, and the wait between.
const LOOKS: u32 = 5;
const WAIT: Duration = Duration::from_millis(2);

/// What [`Runtime::verify`] has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Objects that have data.
    pub objects: u64,
    /// Databases of objects and facets, damaged ones included.
    pub databases: u64,
    /// Directories of facets that are deleted, or whose creation was never committed: what a crash leaves.
    /// They are removed when their parent starts next.
    pub leftovers: u64,
    /// What is wrong. Empty if everything is well.
    pub problems: Vec<Problem>,
}

/// Something that is wrong with a file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file or directory.
    pub path: PathBuf,
    /// What is wrong with it.
    pub message: String,
}

impl Runtime {
    /// Checks every object on disk, running or not: its databases, that the facets which they name have
    /// their directories, and that no alarm is missing in the index of alarms. Changes nothing.
    ///
    /// Objects keep running; one that wants to use a database which is being read waits for that. Blocks
    /// for as long as it takes to read everything. What is wrong is in the report, not an error.
    ///
    /// # Errors
    /// STORAGE if directories can't be listed; CLOSED, FORKED.
    pub fn verify(&self) -> Result<Report> {
        let runtime = self.inner().clone();
        let mut walk = Walk { runtime, report: Report::default(), index_failed: false };
        walk.all()?;
        Ok(walk.report)
    }
}

struct Walk {
    runtime: Arc<RuntimeInner>,
    report: Report,
    /// The index of alarms can't be read, which is told once.
    index_failed: bool,
}

impl Walk {
    fn all(&mut self) -> Result<()> {
        self.runtime.check_open()?;
        for namespace in self.runtime.disk.subdirs(&self.runtime.objects_dir())? {
            for shard in self.runtime.disk.subdirs(&namespace)? {
                for object in self.runtime.disk.subdirs(&shard)? {
                    self.runtime.check_open()?;
                    let before = self.report.databases;
                    self.check(&object)?;
                    self.report.objects += u64::from(self.report.databases > before);
                }
            }
        }
        Ok(())
    }

    fn problem(&mut self, path: &Path, message: impl Into<String>) {
        self.report.problems.push(Problem { path: path.to_owned(), message: message.into() });
    }

    fn check(&mut self, dir: &Path) -> Result<()> {
        let file = dir.join("data.sqlite");
        let inspection = match self.runtime.disk.inspect(dir) {
            Ok(Some(inspection)) => inspection,
            Ok(None) => return self.check_empty(dir),
            Err(error) => {
                self.report.databases += 1;
                self.problem(&file, error.message());
                return Ok(());
            }
        };
        self.report.databases += 1;
        for finding in &inspection.findings {
            self.problem(&file, finding);
        }
        self.check_alarm(dir, &inspection);
        self.check_facets(dir, inspection)
    }

    /// A directory without a database is that of a facet that has never written.
    fn check_empty(&mut self, dir: &Path) -> Result<()> {
        if self.runtime.disk.facet_dirs(dir)?.is_some_and(|dirs| !dirs.is_empty()) {
            self.problem(dir, "It has facets, but its database is missing.");
        }
        Ok(())
    }

    fn check_facets(&mut self, dir: &Path, inspection: Inspection) -> Result<()> {
        let mut left = self.runtime.disk.facet_dirs(dir)?;
        for (name, number) in inspection.facets {
            let facet = dir.join(number.to_string());
            if left.as_mut().is_some_and(|dirs| !dirs.remove(&number))
                && self.is_missing(dir, &name, number)?
            {
                self.problem(&facet, format!("The directory of the facet {name:?} is missing."));
                continue;
            }
            self.check(&facet)?;
        }
        self.report.leftovers += left.map_or(0, |dirs| dirs.len() as u64);
        Ok(())
    }

    /// Whether a facet's directory is missing for good, rather than just being made or deleted.
    fn is_missing(&self, dir: &Path, name: &str, number: u64) -> Result<bool> {
        let disk = &self.runtime.disk;
        persists(|| {
            let exists = disk.facet_dirs(dir)?.is_none_or(|dirs| dirs.contains(&number));
            Ok(!exists && disk.facet_number(dir, name)? == Some(number))
        })
    }

    /// The index may be early but never late: else an alarm would not fire.
    fn check_alarm(&mut self, dir: &Path, inspection: &Inspection) {
        if inspection.due.is_none() || self.index_failed {
            return;
        }
        let (runtime, key) = (self.runtime.clone(), self.runtime.key_of(dir));
        let is_late = || {
            let indexed = runtime.alarms.indexed(&key);
            let due = runtime.disk.due(dir)?;
            Ok(due.is_some_and(|due| !matches!(indexed, Ok(Some(at)) if at <= due)))
        };
        match persists(is_late) {
            Ok(false) => {}
            Ok(true) => match runtime.alarms.indexed(&key) {
                Ok(_) => self.problem(
                    dir,
                    "Its alarm is missing in the index of alarms, or too late there.",
                ),
                Err(error) => {
                    self.index_failed = true;
                    self.problem(&runtime.alarms_file(), error.message());
                }
            },
            Err(error) => self.problem(&dir.join("data.sqlite"), error.message()),
        }
    }
}

/// Whether something is so each time it is looked at: what is only changing isn't.
fn persists(mut is_so: impl FnMut() -> Result<bool, Error>) -> Result<bool> {
    for look in 0..LOOKS {
        if look > 0 {
            std::thread::sleep(WAIT);
        }
        if !is_so()? {
            return Ok(false);
        }
    }
    Ok(true)
}
