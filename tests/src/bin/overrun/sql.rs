//! Statements of SQL: functions, sorting, plans, full-text tables. They run in a guest in JavaScript.

use super::Case;

pub const CASES: &[Case] = &[
    ("LIKE", "data = 'ab'.repeat(2e6)", "all('SELECT ? LIKE ?', data, '%a%b%c')"),
    ("GLOB", "data = 'a'.repeat(1e6)", "all('SELECT ? GLOB ?', data, '*a[ab]aaaaaaaaaaab')"),
    (
        "LIKE, many",
        "data = 'a'.repeat(4e6); const like = (_, n) => `?1 LIKE '%${'a'.repeat(40)}b${n}'`; \
         globalThis.likes = Array.from({ length: 90 }, like).join()",
        "all(`SELECT ${likes}`, data)",
    ),
    ("instr", "data = 'a'.repeat(4e6)", "all('SELECT instr(?1, ?1 || 1)', data)"),
    ("replace", "data = 'a'.repeat(4e6)", "all(\"SELECT length(replace(?, 'a', 'b'))\", data)"),
    ("trim", "data = 'a'.repeat(4e6)", "all(\"SELECT length(trim(?, 'a'))\", data)"),
    (
        "hex and quote",
        "data = '\\u00e9'.repeat(9e5)",
        "all('SELECT length(hex(?1)), length(quote(?1))', data)",
    ),
    ("strftime", "data = '%V'.repeat(8e5)", "all('SELECT length(strftime(?, 1000000))', data)"),
    ("printf, many", "data = '%g'.repeat(1.6e6)", "all('SELECT length(printf(?, 1.5))', data)"),
    ("printf", "data = 7", "all(\"SELECT length(printf('%100000d%.90000f', 1, 2.5))\")"),
    (
        "comparison, any case",
        "data = 'a'.repeat(4e6)",
        "all('SELECT ?1 < ?2 COLLATE NOCASE', data, data + 'b')",
    ),
    ("text as number", "data = '1'.repeat(4e6)", "all('SELECT ?1 + 1, CAST(?1 AS REAL)', data)"),
    (
        "many texts as numbers",
        "data = '1'.repeat(3e5); globalThis.sums = sum(15, (n) => '?1+' + n)",
        "all(`SELECT ${sums}`, data)",
    ),
    (
        "numbers in a loop",
        "sql.exec('CREATE TABLE t(a INT, b INT, c)'); data = ' '.repeat(2e6) + 'x'; \
         for (let n = 0; n < 8; n++) sql.exec('INSERT INTO t VALUES (?1, 1, 1)', data)",
        "all('SELECT count(*) FROM t WHERE a > ? AND b > ?', 1, 2)",
    ),
    (
        "long expressions",
        "data = sum(100, () => 'length(a)'); sql.exec('CREATE TABLE t AS SELECT printf(\"%60000d\", 1) AS a')",
        "all(`SELECT ${data} FROM t`)",
    ),
    ("json", "data = JSON.stringify(Array(5e5).fill(1234))", "all('SELECT length(json(?))', data)"),
    (
        "json_extract",
        "data = JSON.stringify(Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => ['k' + i, i])))",
        "all(\"SELECT json_extract(?, '$.k', '$.l', '$.m')\", data)",
    ),
    (
        "json_extract, many",
        "data = JSON.stringify(Object.fromEntries(Array.from({ length: 3e4 }, (_, i) => ['k' + i, i]))); \
         globalThis.paths = Array.from({ length: 100 }, (_, n) => `'$.l${n}'`).join()",
        "all(`SELECT json_extract(?, ${paths})`, data)",
    ),
    (
        "json_each",
        "data = JSON.stringify(Array(5e5).fill(1))",
        "all('SELECT count(*) FROM json_each(?)', data)",
    ),
    (
        "json_patch",
        "data = JSON.stringify(Object.fromEntries(Array.from({ length: 2000 }, (_, i) => ['k' + i, i])))",
        "all('SELECT length(json_patch(?1, ?1)), length(jsonb_patch(?1, ?1))', data)",
    ),
    (
        "group_concat in a window",
        "rows(3000, 'printf(\"%1000d\", x)')",
        "all('SELECT length(group_concat(a) OVER (ORDER BY rowid)) FROM t')",
    ),
    ("ORDER BY", "rows(1e5, 'random()')", "all('SELECT a FROM t ORDER BY a')"),
    (
        "ORDER BY, many rows",
        "rows(2e5, 'random()')",
        "all('SELECT max(a) FROM (SELECT a FROM t ORDER BY a)')",
    ),
    (
        "ORDER BY, any case",
        "rows(1e5, 'hex(randomblob(8))')",
        "sql.exec('SELECT a FROM t ORDER BY a COLLATE NOCASE')",
    ),
    (
        "CREATE INDEX",
        "rows(2e5, 'random()')",
        "sql.exec('CREATE INDEX i ON t(a)'); sql.exec('DROP INDEX i')",
    ),
    (
        "recursive",
        "data = 'WITH RECURSIVE c(x) AS (SELECT 1 UNION SELECT x + 1 FROM c) SELECT count(*) FROM c'",
        "all(data)",
    ),
    (
        "compiling a join",
        "sql.exec('CREATE TABLE t(a, b)'); sql.exec('CREATE INDEX i ON t(a)'); data = join(64)",
        "all(data); data += ' '",
    ),
    (
        "compiling many terms",
        "sql.exec('CREATE TABLE t(a, b)'); data = sum(5000, (n) => 'a+' + n)",
        "data += ' '; all(`SELECT ${data} FROM t`)",
    ),
    (
        "cascades",
        "sql.exec('CREATE TABLE p(a PRIMARY KEY); CREATE TABLE c(a REFERENCES p ON UPDATE CASCADE)'); \
         sql.exec('CREATE INDEX i ON c(a); INSERT INTO p VALUES (1)'); rows(1e5, '1'); \
         sql.exec('INSERT INTO c SELECT a FROM t')",
        "sql.exec('UPDATE p SET a = a + 1')",
    ),
    (
        "ALTER TABLE",
        "rows(1e5, 'x'); data = 0",
        "sql.exec(`ALTER TABLE t RENAME COLUMN ${data ? 'b' : 'a'} TO ${data ? 'a' : 'b'}`); data = !data",
    ),
    (
        "fts5: one word",
        "fts(); data = 'a '.repeat(2e6)",
        "sql.exec('INSERT INTO f VALUES (?)', data)",
    ),
    ("fts5: many words", "fts(); data = words(1e5)", "sql.exec('INSERT INTO f VALUES (?)', data)"),
    ("fts5: rebuild", "fts(words(5e4))", "sql.exec(\"INSERT INTO f(f) VALUES ('rebuild')\")"),
    (
        "fts5: many columns",
        "sql.exec(\"CREATE VIRTUAL TABLE f USING fts5(a, b, c, d, content = '')\"); data = 'a '.repeat(5e5)",
        "sql.exec('INSERT INTO f VALUES (?1, ?1, ?1, ?1)', data)",
    ),
    (
        "fts5: NEAR of 2",
        "fts('a '.repeat(2e6)); data = 'NEAR(a a)'",
        "all('SELECT count(*) FROM f WHERE f MATCH ?', data)",
    ),
    (
        "fts5: NEAR of 4",
        "fts('a '.repeat(2.6e5)); data = 'NEAR(a a a a)'",
        "all('SELECT count(*) FROM f WHERE f MATCH ?', data)",
    ),
    (
        "fts5: NEAR of 8",
        "fts('a '.repeat(6.5e4)); data = 'NEAR(a a a a a a a a)'",
        "all('SELECT count(*) FROM f WHERE f MATCH ?', data)",
    ),
    (
        "fts5: NEAR of 16",
        "fts('a '.repeat(1.6e4)); data = 'NEAR(a a a a a a a a a a a a a a a a)'",
        "all('SELECT count(*) FROM f WHERE f MATCH ?', data)",
    ),
    (
        "fts5: NEAR of prefixes",
        "fts('a0 a1 '.repeat(1.3e5)); data = 'NEAR(a* a* a* a*)'",
        "all('SELECT count(*) FROM f WHERE f MATCH ?', data)",
    ),
    (
        "fts5: many NEARs",
        "fts(); sql.exec(\"INSERT INTO f(f, rank) VALUES ('pgsz', 65536)\"); \
         for (let n = 0; n < 4; n++) sql.exec('INSERT INTO f VALUES (?)', 'a '.repeat(15e3)); \
         sql.exec(\"INSERT INTO f(f) VALUES ('optimize')\"); data = Array(25).fill('NEAR(a a)').join(' AND ')",
        "all('SELECT count(*) FROM f WHERE f MATCH ?', data)",
    ),
    (
        "fts5: a phrase",
        "fts('a '.repeat(1.6e4)); data = `\"${'a '.repeat(550)}\"`",
        "all('SELECT count(*) FROM f WHERE f MATCH ?', data)",
    ),
    ("fts5: a prefix", "fts(words(1e5))", "all(\"SELECT count(*) FROM f WHERE f MATCH '1*'\")"),
    (
        "fts5: rank",
        "fts('a '.repeat(1e3)); data = Array(1e3).fill('a').join(' OR ')",
        "all('SELECT rank FROM f WHERE f MATCH ?', data)",
    ),
    (
        "fts5: highlight",
        "fts('a '.repeat(1e5)); data = 'a OR \"a a\" OR \"a a a\"'",
        "all(\"SELECT length(highlight(f, 0, '<', '>')) FROM f WHERE f MATCH ?\", data)",
    ),
    (
        "fts5: a long phrase",
        "fts('a '.repeat(2.6e5)); data = `\"${'a '.repeat(44)}\"`",
        "all('SELECT count(*) FROM f WHERE f MATCH ?', data)",
    ),
    (
        "fts5: a phrase in a long text",
        "fts('a '.repeat(1.04e6)); data = `\"${'a '.repeat(10)}\"`",
        "all('SELECT count(*) FROM f WHERE f MATCH ?', data)",
    ),
    (
        "fts5: many phrases",
        "fts('a '.repeat(5.2e5)); data = Array(4).fill('\"a a a a\"').join(' AND ')",
        "all('SELECT count(*) FROM f WHERE f MATCH ?', data)",
    ),
    (
        "fts5: many prefixes",
        "data = Array.from({ length: 31 }, (_, n) => n + 1).join(' '); \
         sql.exec(`CREATE VIRTUAL TABLE f USING fts5(a, content = '', prefix = '${data}')`); \
         data = ('a'.repeat(31) + ' ').repeat(125e3)",
        "sql.exec('INSERT INTO f(a) VALUES (?)', data)",
    ),
    (
        "fts5: no automerge",
        "fts(); sql.exec(\"INSERT INTO f(f, rank) VALUES ('automerge', 0)\"); data = 0",
        "sql.exec('INSERT INTO f VALUES (?)', words(8e3, data++)); await sync()",
    ),
    (
        "fts5: integrity-check",
        "fts('a '.repeat(2e6))",
        "sql.exec(\"INSERT INTO f(f) VALUES ('integrity-check')\")",
    ),
    ("DELETE of all rows, in files", "return grow()", "sql.exec('DELETE FROM t')"),
    ("DROP TABLE, in files", "return grow()", "sql.exec('DROP TABLE IF EXISTS t')"),
];

pub fn code((_, prepare, run): &Case) -> String {
    format!(
        "import {{ DurableObject }} from 'cloudflare:workers';
         let data, sql, sync;
         const all = (query, ...values) => sql.exec(query, ...values).toArray();
         // A table of one column.
         function rows(count, value) {{
             sql.exec('CREATE TABLE t(a)');
             sql.exec(`INSERT INTO t WITH RECURSIVE c(x) AS
                 (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT ${{count}}) SELECT ${{value}} FROM c`);
         }}
         // More rows of two pages; answers whether there are to be still more.
         function grow() {{
             sql.exec('CREATE TABLE IF NOT EXISTS t(a)');
             sql.exec(`INSERT INTO t WITH RECURSIVE c(x) AS
                 (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 2000) SELECT zeroblob(7000) FROM c`);
             return sql.databaseSize < 5e8;
         }}
         function fts(text) {{
             sql.exec('CREATE VIRTUAL TABLE f USING fts5(a)');
             if (text) sql.exec('INSERT INTO f VALUES (?)', text);
         }}
         const words = (count, from = 0) =>
             Array.from({{ length: count }}, (_, n) => (from * count + n).toString(36)).join(' ');
         // A sum that isn't deep.
         function sum(count, term, from = 0) {{
             if (count === 1) return `(${{term(from)}})`;
             const half = count >> 1;
             return `(${{sum(half, term, from)}}+${{sum(count - half, term, from + half)}})`;
         }}
         function join(count) {{
             const tables = Array.from({{ length: count }}, (_, n) => `t t${{n}}`).join();
             const terms = Array.from({{ length: count - 1 }}, (_, n) => `t${{n}}.a = t${{n + 1}}.b`);
             return `SELECT count(*) FROM ${{tables}} WHERE ${{terms.join(' AND ')}}`;
         }}
         export class App extends DurableObject {{
             constructor(ctx, env) {{
                 super(ctx, env);
                 sql = ctx.storage.sql;
                 sync = () => ctx.storage.sync();
             }}
             prepare() {{ {prepare}; }}
             async run() {{
                 const begin = performance.now();
                 while (performance.now() - begin < 250) {{}}
                 for (;;) {{ {run}; }}
             }}
         }}"
    )
}
