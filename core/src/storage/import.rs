//! Checking files from elsewhere before they become databases of ours.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::files::DATABASE;
use super::format::{PAGE_SIZE, check_header, new_in_memory};
use super::inspect::{self, Cell, FacetList, rows};
use super::raw::Database;
use super::tree::{MANIFEST, Tree, open_plain};
use crate::error::{Error, ErrorCode, Result};
use crate::limits::Limits;

const MAX_MANIFEST_BYTES: u64 = 64 << 20;
const MAX_NAME_BYTES: usize = 256;

/// Our own tables with what SQLite makes for them, and whatever else has to do with them.
const RESERVED: &str = "SELECT type, name, tbl_name, sql FROM sqlite_schema
    WHERE lower(substr(name, 1, 4)) IN ('_fb_', '_cf_')
    OR lower(substr(tbl_name, 1, 4)) IN ('_fb_', '_cf_') ORDER BY type, name";

/// Foreign keys onto our own tables, whose actions would run within our own statements.
const REFERENCES: &str =
    "SELECT s.name FROM sqlite_schema AS s, pragma_foreign_key_list(s.name) AS f
    WHERE s.type = 'table' AND lower(substr(f.\"table\", 1, 4)) IN ('_fb_', '_cf_')";

/// Copies an export to directory `to` and checks it there, where nobody changes it any more.
///
/// `name` becomes the name of the object.
///
/// # Errors
/// CORRUPT for anything that an export doesn't consist of; LIMIT_STORAGE, LIMIT_FACETS, LIMIT_DEPTH;
/// STORAGE if it can't be read.
pub(crate) fn stage(source: &Path, to: &Path, limits: &Limits, name: Option<&str>) -> Result<Tree> {
    let import = Import { source, to, limits };
    import.copy(Path::new(""), 1)?;
    let tree = import.check(Path::new(""), true)?;
    import.check_manifest(&tree)?;
    rename(&mut open_plain(&to.join(DATABASE))?, name)?;
    Ok(tree)
}

struct Import<'a> {
    source: &'a Path,
    to: &'a Path,
    limits: &'a Limits,
}

fn corrupt(path: &Path, reason: impl std::fmt::Display) -> Error {
    let shown = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    Error::new(ErrorCode::Corrupt, format!("Cannot import {}: {reason}", shown.display()))
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorCode::Storage, format!("Cannot read {}: {error}", path.display()))
}

impl Import<'_> {
    /// Copies what may be in a directory of an export, and refuses everything else.
    fn copy(&self, below: &Path, level: u64) -> Result<()> {
        if level > self.limits.facet_depth {
            let message = format!(
                "The facets of the export are nested deeper than the limit of {}.",
                self.limits.facet_depth
            );
            return Err(Error::new(ErrorCode::LimitDepth, message));
        }
        let dir = self.source.join(below);
        for entry in fs::read_dir(&dir).map_err(|error| unreadable(&dir, error))? {
            let entry = entry.map_err(|error| unreadable(&dir, error))?;
            let path = below.join(entry.file_name());
            let kind = entry.file_type().map_err(|error| unreadable(&entry.path(), error))?;
            match entry.file_name().to_str() {
                Some(DATABASE) => {
                    self.copy_file(&path, self.limits.storage_bytes, ErrorCode::LimitStorage)?
                }
                Some(MANIFEST) if level == 1 => {
                    self.copy_file(&path, MAX_MANIFEST_BYTES, ErrorCode::Corrupt)?;
                }
                Some(name) if is_number(name) && kind.is_dir() => {
                    let to = self.to.join(&path);
                    fs::create_dir(&to).map_err(|error| unreadable(&to, error))?;
                    self.copy(&path, level + 1)?;
                }
                _ => return Err(corrupt(&path, "it is not a part of an export")),
            }
        }
        Ok(())
    }

    fn copy_file(&self, path: &Path, limit: u64, too_large: ErrorCode) -> Result<()> {
        let source = self.source.join(path);
        let metadata = fs::symlink_metadata(&source).map_err(|error| unreadable(&source, error))?;
        let irregular = || corrupt(path, "it is not a regular file");
        if !metadata.is_file() {
            return Err(irregular());
        }
        let file = open(&source).map_err(|error| unreadable(&source, error))?;
        // The file that was opened, whatever its name meant before.
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(irregular());
        }
        let to = self.to.join(path);
        let copied =
            File::create(&to).and_then(|mut to| io::copy(&mut file.take(limit + 1), &mut to));
        if copied.map_err(|error| unreadable(&source, error))? > limit {
            let message = format!(
                "Cannot import {}: it is larger than the limit of {limit} bytes.",
                path.display()
            );
            return Err(Error::new(too_large, message));
        }
        Ok(())
    }

    /// Checks a copied directory: its database, and that its facets are those that the database names.
    fn check(&self, below: &Path, root: bool) -> Result<Tree> {
        let (dir, path) = (self.to.join(below), below.join(DATABASE));
        let mut dirs = numbered(&dir).map_err(|error| unreadable(&dir, error))?;
        let mut tree = Tree::default();
        let file = dir.join(DATABASE);
        match fs::exists(&file) {
            Ok(true) => {}
            Ok(false) if root || !dirs.is_empty() => return Err(corrupt(&path, "it is missing")),
            Ok(false) => return Ok(tree), // a facet that has never written
            Err(error) => return Err(unreadable(&file, error)),
        }
        let checked = check_database(&file);
        let (facets, due) = checked.map_err(|error| corrupt(&path, error.message()))?;
        tree.due = due;
        if facets.len() as u64 > self.limits.facets {
            let message = format!(
                "Cannot import {}: it has more facets than the limit of {}.",
                path.display(),
                self.limits.facets
            );
            return Err(Error::new(ErrorCode::LimitFacets, message));
        }
        for (name, number) in facets {
            let below = below.join(number.to_string());
            if dirs.remove(&number).is_none() {
                return Err(corrupt(
                    &below,
                    format!("the directory of the facet {name:?} is missing"),
                ));
            }
            tree.facets.push((name, number, self.check(&below, false)?));
        }
        match dirs.into_values().next() {
            Some(dir) => Err(corrupt(&below.join(dir), "it belongs to no facet")),
            None => Ok(tree),
        }
    }

    fn check_manifest(&self, tree: &Tree) -> Result<()> {
        let refuse = |reason: String| corrupt(Path::new(MANIFEST), reason);
        let text = fs::read(self.to.join(MANIFEST)).map_err(|_| refuse("it is missing".into()))?;
        let manifest = serde_json::from_slice(&text).map_err(|error| refuse(error.to_string()))?;
        tree.check_manifest(&manifest).map_err(refuse)?;
        fs::remove_file(self.to.join(MANIFEST)).map_err(|error| unreadable(self.to, error))
    }
}

/// Opens a file without following a link and without waiting for whoever writes to a pipe.
fn open(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        libc::O_NOFOLLOW | libc::O_NONBLOCK,
    );
    options.open(path)
}

fn is_number(name: &str) -> bool {
    name.parse::<u64>().is_ok_and(|number| number.to_string() == name)
}

/// The numbered directories in `dir`.
fn numbered(dir: &Path) -> io::Result<BTreeMap<u64, PathBuf>> {
    let mut dirs = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        if let Some(number) = name.to_str().and_then(|name| name.parse().ok()) {
            dirs.insert(number, PathBuf::from(name));
        }
    }
    Ok(dirs)
}

/// Checks one database and answers its facets and when its alarm is due.
fn check_database(file: &Path) -> Result<(FacetList, Option<i64>)> {
    let refuse = |reason: String| Err(Error::new(ErrorCode::Corrupt, reason));
    let mut header = Vec::new();
    let storage = |error: io::Error| Error::new(ErrorCode::Storage, error.to_string());
    let opened = File::open(file).map_err(storage)?;
    opened.take(100).read_to_end(&mut header).map_err(storage)?;
    check_header(&header)?;
    if u64::from(u16::from_be_bytes([header[16], header[17]])) != PAGE_SIZE || header[20] != 0 {
        return refuse(format!("its pages aren't of {PAGE_SIZE} bytes"));
    }
    let mut db = open_plain(file)?;
    if let Some(finding) = inspect::quick_check(&mut db)?.into_iter().next() {
        return refuse(finding);
    }
    let (ours, expected) = (reserved(&mut db)?, reserved(&mut new_in_memory(inspect::guard())?)?);
    if let Some(row) = ours.iter().find(|row| !expected.contains(row)) {
        return refuse(format!("{} is not what Facetbox would have made", described(row)));
    }
    if let Some(row) = expected.iter().find(|row| !ours.contains(row)) {
        return refuse(format!("{} is missing", described(row)));
    }
    let mut parent = None;
    rows(&mut db, REFERENCES, |row| parent = row(0).text())?;
    if let Some(table) = parent {
        return refuse(format!("the table {table:?} refers to a table of Facetbox"));
    }
    check_modules(&mut db)?;
    Ok((check_facets(&mut db)?, inspect::due(&mut db)?))
}

type SchemaRow = [Cell; 4];

fn reserved(db: &mut Database) -> Result<Vec<SchemaRow>, Failure> {
    let mut found = Vec::new();
    rows(db, RESERVED, |row| found.push([row(0), row(1), row(2), row(3)]))?;
    Ok(found)
}

fn described([kind, name, ..]: &SchemaRow) -> String {
    let shown = |cell: &Cell| cell.clone().text().unwrap_or_default();
    format!("the {} {:?}", shown(kind), shown(name))
}

/// Virtual tables run a module's code: only those that guests may make are taken.
fn check_modules(db: &mut Database) -> Result<()> {
    let mut foreign = None;
    let sql =
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'create virtual %'";
    rows(db, sql, |row| {
        let module = row(1).text().and_then(|sql| module(&sql));
        if !module.is_some_and(|module| super::authorizer::allows_module(&module)) {
            foreign = row(0).text();
        }
    })?;
    match foreign {
        None => Ok(()),
        Some(name) => {
            let message =
                format!("the virtual table {name:?} is of a kind that objects can't have");
            Err(Error::new(ErrorCode::Corrupt, message))
        }
    }
}

/// The module of `CREATE VIRTUAL TABLE name USING module…`.
fn module(sql: &str) -> Option<String> {
    let rest = sql.get("create virtual table".len()..)?.trim_start();
    let name_end = match rest.as_bytes().first()? {
        quote @ (b'"' | b'\'' | b'`') => {
            // A quote within quotes is doubled, so that pairs can be skipped one by one.
            let mut end = 0;
            while rest.as_bytes().get(end) == Some(quote) {
                end += 2 + rest.get(end + 1..)?.find(char::from(*quote))?;
            }
            end
        }
        b'[' => rest.find(']')? + 1,
        _ => rest.find(char::is_whitespace)?,
    };
    let rest = rest.get(name_end..)?.trim_start();
    let using = rest.get(..5).filter(|word| word.eq_ignore_ascii_case("using"))?;
    let module = rest[using.len()..].trim_start();
    let end = module.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(module.len());
    Some(module[..end].to_owned())
}

/// The facets, if their entries are such as we make.
fn check_facets(db: &mut Database) -> Result<FacetList> {
    let mut last = 0;
    rows(db, "SELECT value FROM _fb_meta WHERE key = 'last_facet'", |row| {
        last = row(0).int().unwrap_or_default();
    })?;
    let mut bad = false;
    rows(db, "SELECT number, name FROM _fb_facets", |row| {
        let number = row(0).int().is_some_and(|number| (1..=last).contains(&number));
        let name = row(1).text().is_some_and(|name| (1..=MAX_NAME_BYTES).contains(&name.len()));
        bad |= !number || !name;
    })?;
    match bad {
        true => Err(Error::new(
            ErrorCode::Corrupt,
            "its list of facets has an entry that Facetbox can't have made",
        )),
        false => Ok(inspect::facets(db)?),
    }
}

/// Gives an object's database the name of the object that it becomes.
fn rename(db: &mut Database, name: Option<&str>) -> Result<()> {
    super::connection::execute(db, "DELETE FROM _fb_meta WHERE key = 'name'")?;
    let Some(name) = name else { return Ok(()) };
    let sql = "INSERT INTO _fb_meta(key, value) VALUES ('name', ?1)";
    if let Some(statement) = db.prepare(sql, false, false)?.statement {
        db.run(statement, &[super::raw::Bind::Text(name.as_bytes())], |_| true)?;
    }
    Ok(())
}
