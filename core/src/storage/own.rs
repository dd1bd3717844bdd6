//! Our own statements, compiled at their first use and kept.

use super::failure::Failure;
use super::raw::{Bind, Database, Statement};

macro_rules! own {
    ($($name:ident = $sql:literal,)*) => {
        /// A statement of our own.
        #[derive(Clone, Copy)]
        pub(super) enum Own { $($name,)* }

        const SQL: &[&str] = &[$($sql,)*];
    };
}

own! {
    Begin = "BEGIN",
    Commit = "COMMIT",
    Rollback = "ROLLBACK",
    // Savepoints of the same name nest; the innermost is meant.
    Savepoint = "SAVEPOINT _fb",
    Release = "RELEASE _fb",
    RollbackTo = "ROLLBACK TO _fb",

    Get = "SELECT value FROM _fb_kv WHERE key = ?1",
    Put = "INSERT OR REPLACE INTO _fb_kv(key, value) VALUES (?1, ?2)",
    Delete = "DELETE FROM _fb_kv WHERE key = ?1",
    // Ranges end before a key or, with a BLOB, after every text.
    List = "SELECT key, value FROM _fb_kv WHERE key >= ?1 AND key < ?2 ORDER BY key",
    ListReverse = "SELECT key, value FROM _fb_kv WHERE key >= ?1 AND key < ?2 ORDER BY key DESC",

    FacetNumber = "SELECT number FROM _fb_facets WHERE name = ?1",
    FacetList = "SELECT number, name FROM _fb_facets ORDER BY name",
    FacetCount = "SELECT count(*) FROM _fb_facets",
    FacetAdd = "INSERT INTO _fb_facets(number, name) VALUES (?1, ?2)",
    FacetDelete = "DELETE FROM _fb_facets WHERE number = ?1",
    LastFacet = "SELECT value FROM _fb_meta WHERE key = 'last_facet'",
    // The name that the object's id was made from.
    Name = "INSERT OR IGNORE INTO _fb_meta(key, value) VALUES ('name', ?1)",
    SetLastFacet = "INSERT OR REPLACE INTO _fb_meta(key, value) VALUES ('last_facet', ?1)",

    GetAlarm = "SELECT time, due, generation, retries, exponent FROM _fb_alarm WHERE id = 1",
    SetAlarm = "INSERT OR REPLACE INTO _fb_alarm(id, time, due, generation, retries, exponent) \
        VALUES (1, ?1, ?2, ?3, ?4, ?5)",
    ClearAlarm = "INSERT OR REPLACE INTO _fb_alarm(id, generation) VALUES (1, ?1)",

    Bookmark = "SELECT value FROM _fb_meta WHERE key = 'bookmark'",
    SetBookmark = "INSERT OR REPLACE INTO _fb_meta(key, value) VALUES ('bookmark', ?1)",

    // What the actor has used: a list of numbers, see `meter`.
    Usage = "SELECT value FROM _fb_meta WHERE key = 'usage'",
    SetUsage = "INSERT OR REPLACE INTO _fb_meta(key, value) VALUES ('usage', ?1)",

    UsedPages = "SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count",
    FreePages = "SELECT freelist_count FROM pragma_freelist_count",
    // Names in the reserved space other than those of the template.
    ReservedNames = "SELECT 1 FROM sqlite_schema WHERE lower(substr(name, 1, 4)) IN ('_fb_', '_cf_') \
        AND name NOT IN ('_fb_kv', '_fb_facets', '_fb_meta', '_fb_alarm')",
    // Foreign keys onto reserved tables, whose actions would run within our own statements.
    ReservedParents = "SELECT 1 FROM sqlite_schema AS s, pragma_foreign_key_list(s.name) AS f \
        WHERE s.type = 'table' AND lower(substr(f.\"table\", 1, 4)) IN ('_fb_', '_cf_')",
    // Everything that isn't ours; virtual tables before the tables that they keep their data in.
    Guests = "SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'view') \
        AND lower(substr(name, 1, 4)) NOT IN ('_fb_', '_cf_') \
        AND (substr(name, 1, 7) <> 'sqlite_' OR name IN ('sqlite_stat1', 'sqlite_stat4')) \
        ORDER BY substr(sql, 1, 14) = 'CREATE VIRTUAL' DESC",
}

/// Those of a connection that are compiled.
#[derive(Default)]
pub(super) struct OwnStatements([Option<Statement>; SQL.len()]);

impl OwnStatements {
    pub fn get(&mut self, database: &mut Database, own: Own) -> Result<Statement, Failure> {
        let slot = &mut self.0[own as usize];
        if let Some(statement) = *slot {
            return Ok(statement);
        }
        let statement = database.prepare_own(SQL[own as usize])?.statement;
        *slot = statement;
        statement.ok_or_else(|| Failure::plain("our own statement is empty"))
    }

    /// Runs a statement for its effect.
    pub fn run(
        &mut self,
        database: &mut Database,
        own: Own,
        values: &[Bind<'_>],
    ) -> Result<(), Failure> {
        let statement = self.get(database, own)?;
        database.run(statement, values, |_| true)
    }
}
