//! A database with the facets below it, as plain files.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::inspect;
use super::raw::Database;
use crate::error::{Error, ErrorCode, Result};

/// What an export says about itself.
pub(super) const MANIFEST: &str = "manifest.json";
const MANIFEST_VERSION: u64 = 1;

/// What lies below a database.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// The facets by name, each with the number that its directory is called.
    pub facets: Vec<(String, u64, Tree)>,
    /// When the alarm is due.
    pub due: Option<i64>,
}

impl Tree {
    /// What the manifest of an export says.
    pub fn manifest(&self, name: Option<&str>) -> Json {
        json!({ "facetbox_export": MANIFEST_VERSION, "name": name, "facets": self.facets_json("") })
    }

    /// Whether a manifest belongs to these databases.
    pub(super) fn check_manifest(&self, manifest: &Json) -> Result<(), String> {
        let version = &manifest["facetbox_export"];
        if *version != MANIFEST_VERSION {
            return Err(format!(
                "its format version is {version}, and this version of Facetbox knows {MANIFEST_VERSION}"
            ));
        }
        match manifest["facets"] == self.facets_json("") {
            true => Ok(()),
            false => Err("its facets aren't those of the databases".into()),
        }
    }

    fn facets_json(&self, above: &str) -> Json {
        let facets = self.facets.iter().map(|(name, number, tree)| {
            let directory = format!("{above}{number}");
            let below = tree.facets_json(&format!("{directory}/"));
            json!({ "name": name, "directory": directory, "facets": below })
        });
        facets.collect()
    }
}

/// Opens a plain database of an export, which nobody else uses.
pub(super) fn open_plain(file: &Path) -> Result<Database> {
    let mut db = Database::open_file(file, inspect::guard())?;
    inspect::set_up(&mut db)?;
    Ok(db)
}

/// A directory that goes away unless it is kept.
pub(crate) struct Scratch(Option<PathBuf>);

impl Scratch {
    /// Makes a directory with a new name that begins with `prefix`.
    pub fn new(parent: &Path, prefix: &str) -> Result<Scratch> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| {
            Error::new(ErrorCode::Storage, format!("The system gave no random bytes: {error}"))
        })?;
        let path = parent.join(format!("{prefix}{:016x}", u64::from_le_bytes(random)));
        fs::create_dir(&path).map_err(|error| {
            Error::new(ErrorCode::Storage, format!("Cannot create the directory {path:?}: {error}"))
        })?;
        Ok(Scratch(Some(path)))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.as_deref().unwrap_or(Path::new(""))
    }

    /// Lets it stay: it has another name now.
    pub fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(path) = &self.0
            && let Err(error) = fs::remove_dir_all(path)
        {
            tracing::warn!(%error, ?path, "a temporary directory stays");
        }
    }
}
