//! What nothing of ours could do faster: the bare engines, the bare database, the bare disk.

mod disk;
mod engines;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::guests::Guest;
use crate::job::Job;
use disk::{Database, Page, Template};
use engines::{BareJs, BareLuau};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Every floor, ready to be measured.
pub struct Floors {
    luau: BareLuau,
    js: BareJs,
    full: Database,
    relaxed: Database,
    page: Page,
    template: Template,
    /// Where databases are made that nobody opens again.
    created: PathBuf,
}

impl Floors {
    /// Keeps its files in the folder `data`.
    ///
    /// # Errors
    /// Fails if an engine or a file can't be made.
    pub fn new(data: &Path) -> Result<Floors> {
        let created = data.join("created");
        std::fs::create_dir_all(&created)?;
        Ok(Floors {
            luau: BareLuau::new()?,
            js: BareJs::new()?,
            full: Database::open(&data.join("full.sqlite"), "FULL")?,
            relaxed: Database::open(&data.join("relaxed.sqlite"), "NORMAL")?,
            template: Template::create(data.join("template.sqlite"))?,
            page: Page::create(&data.join("page"))?,
            created,
        })
    }

    /// Does the floor that is the job's method so often, and tells how long it took.
    ///
    /// # Errors
    /// For unknown methods, and where the floor itself fails.
    pub fn measure(&mut self, job: &Job) -> Result<Duration> {
        let Floors { luau, js, full, relaxed, page, template, created } = self;
        let database = if job.durability == "full" { full } else { relaxed };
        let begin = Instant::now();
        for number in 0..job.count {
            match (job.method.as_str(), job.guest) {
                ("engine call", Guest::Luau) => luau.call()?,
                ("engine call", Guest::Js) => js.call()?,
                ("engine start", Guest::Luau) => drop(BareLuau::new()?),
                ("engine start", Guest::Js) => drop(BareJs::new()?),
                ("compute", Guest::Luau) => luau.compute(job)?,
                ("compute", Guest::Js) => js.compute(job)?,
                ("page", _) => page.write()?,
                ("commit", _) => database.commit()?,
                ("insert", _) => database.insert()?,
                ("select", _) => database.select()?,
                ("transaction", _) => database.transaction()?,
                ("create", _) => template.copy(&created.join(format!("{number}.sqlite")))?,
                (other, _) => return Err(format!("unknown floor {other:?}").into()),
            }
        }
        Ok(begin.elapsed())
    }
}
