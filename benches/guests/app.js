// The program that every host and the peer measure; app.luau is the same in Luau.
import { DurableObject } from "cloudflare:workers";
import * as compute from "./compute.js";

const FILL = "x".repeat(92);

export class Child extends DurableObject {
  empty() {}
}

export class App extends DurableObject {
  #number = 0;

  empty() {}

  echo(value) {
    return value;
  }

  async callbacks(count) {
    for (let i = 0; i < count; i++) await this.env.HOST.ping();
  }

  async nested(count) {
    const child = this.ctx.facets.get("child", () => ({ class: this.ctx.exports.Child }));
    for (let i = 0; i < count; i++) await child.empty();
  }

  fetch(_request) {
    const kv = this.ctx.storage.kv;
    const count = (kv.get("counter") ?? 0) + 1;
    kv.put("counter", count);
    return new Response(`You've made ${count} requests.\n`);
  }

  // SQLite doesn't write what is there already, so each value is another.
  #next() {
    this.#number += 1;
    return FILL + (10_000_000 + this.#number);
  }

  prepare() {
    const sql = this.ctx.storage.sql;
    sql.exec("CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY, text TEXT)");
    sql.exec("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, text TEXT)");
    sql.exec(`INSERT OR REPLACE INTO rows
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
      SELECT i, 'row number ' || i FROM n`);
    this.put();
  }

  get() {
    return this.ctx.storage.kv.get("key");
  }

  put() {
    this.ctx.storage.kv.put("key", this.#next());
  }

  insert() {
    const sql = this.ctx.storage.sql;
    const { id } = sql.exec("INSERT INTO log (text) VALUES (?) RETURNING id", this.#next()).one();
    return sql.exec("SELECT text FROM log WHERE id = ?", id).one().text;
  }

  select() {
    return this.ctx.storage.sql.exec("SELECT id, text FROM rows").toArray().length;
  }

  each() {
    let sum = 0;
    for (const { id } of this.ctx.storage.sql.exec("SELECT id, text FROM rows")) sum += id;
    return sum;
  }

  transaction() {
    const { storage } = this.ctx;
    storage.transactionSync(() => {
      for (let number = 1; number <= 100; number++) storage.kv.put(`key ${number}`, this.#next());
    });
  }

  compute(kind, count) {
    return compute[kind](count);
  }
}
