//! SQLite without anything of ours, with the pragmas that the runtime uses, and a file.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::Result;

/// A database in WAL mode of its own.
pub struct Database {
    connection: Connection,
    number: u64,
}

impl Database {
    pub fn open(path: &Path, synchronous: &str) -> Result<Database> {
        let connection = Connection::open(path)?;
        connection.execute_batch(&format!(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous};
             CREATE TABLE kv (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
             CREATE TABLE log (id INTEGER PRIMARY KEY, text TEXT);
             CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT);
             INSERT INTO rows
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
                 SELECT i, 'row number ' || i FROM n;"
        ))?;
        Ok(Database { connection, number: 0 })
    }

    /// A text of 100 bytes, each another: SQLite doesn't write what is there already.
    fn next(&mut self) -> String {
        self.number += 1;
        format!("{:0>100}", self.number)
    }

    fn put(&mut self, key: &str) -> Result<()> {
        let value = self.next();
        let mut put = self.connection.prepare_cached("INSERT OR REPLACE INTO kv VALUES (?, ?)")?;
        put.execute((key, value))?;
        Ok(())
    }

    pub fn commit(&mut self) -> Result<()> {
        self.put("key")
    }

    pub fn transaction(&mut self) -> Result<()> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for number in 1..=100 {
            self.put(&format!("key {number}"))?;
        }
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    pub fn insert(&mut self) -> Result<()> {
        let value = self.next();
        let mut insert =
            self.connection.prepare_cached("INSERT INTO log (text) VALUES (?) RETURNING id")?;
        let id: i64 = insert.query_one([value], |row| row.get(0))?;
        let mut select = self.connection.prepare_cached("SELECT text FROM log WHERE id = ?")?;
        select.query_one([id], |row| row.get::<_, String>(0))?;
        Ok(())
    }

    pub fn select(&mut self) -> Result<()> {
        let mut select = self.connection.prepare_cached("SELECT id, text FROM rows")?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let rows: Vec<(i64, String)> = rows.collect::<rusqlite::Result<_>>()?;
        assert_eq!(rows.len(), 1000);
        Ok(())
    }
}

/// An empty database in WAL mode, of which others are copies: to change the mode takes longer than to copy.
pub struct Template(PathBuf);

impl Template {
    pub fn create(path: PathBuf) -> Result<Template> {
        Connection::open(&path)?.execute_batch(
            "PRAGMA journal_mode = WAL; CREATE TABLE kv (key TEXT PRIMARY KEY, value) WITHOUT ROWID;",
        )?;
        Ok(Template(path))
    }

    /// A new database and its first durable write.
    pub fn copy(&self, path: &Path) -> Result<()> {
        if path.exists() {
            std::fs::remove_file(path)?;
        }
        std::fs::copy(&self.0, path)?;
        File::open(path)?.sync_all()?;
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; INSERT INTO kv VALUES ('key', 1);",
        )?;
        Ok(())
    }
}

/// A file whose first page is written over and over.
pub struct Page(File);

impl Page {
    pub fn create(path: &Path) -> Result<Page> {
        let mut file = File::create(path)?;
        file.write_all(&[0; 4096])?;
        file.sync_all()?;
        Ok(Page(file))
    }

    pub fn write(&mut self) -> Result<()> {
        self.0.seek(SeekFrom::Start(0))?;
        self.0.write_all(&[1; 4096])?;
        Ok(self.0.sync_data()?)
    }
}
