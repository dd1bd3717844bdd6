// The memory of a chat room: what was said, and a full-text search over it.
//
//   POST   /messages       { "author": "...", "text": "..." } remembers a message
//   GET    /messages       the latest, oldest of them first; ?before=<id> turns the page, ?limit=<n> bounds it
//   GET    /search?q=...   the messages that contain all these words, best first, with the words in brackets
//   DELETE /messages/<id>  forgets a message
//
// An agent's platform would rather call the methods: `await memory.search("garden party")`.

import { DurableObject } from "cloudflare:workers";

const MAX_PAGE = 100;
const STATUS = { BadRequest: 400, NotFound: 404 };

function refuse(name, message) {
  throw Object.assign(new Error(message), { name });
}

function checkText(name, value) {
  if (typeof value !== "string" || value === "") refuse("BadRequest", `${name} must be a text that isn't empty.`);
}

export class App extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.sql = ctx.storage.sql;
    // One table is both the store and the index. Porter's stemmer lets "dances" find "dancing".
    this.sql.exec(`CREATE VIRTUAL TABLE IF NOT EXISTS messages
      USING fts5(author UNINDEXED, at UNINDEXED, text, tokenize = 'porter unicode61')`);
  }

  async fetch(request) {
    try {
      return await this.#route(request);
    } catch (error) {
      if (!Object.hasOwn(STATUS, error.name)) throw error;
      return Response.json({ error: error.message }, { status: STATUS[error.name] });
    }
  }

  post(author, text) {
    checkText("author", author);
    checkText("text", text);
    this.sql.exec("INSERT INTO messages (author, at, text) VALUES (?, ?, ?)", author, Date.now(), text);
    return this.sql.exec("SELECT last_insert_rowid() AS id").one();
  }

  latest(limit = MAX_PAGE, before = Number.MAX_SAFE_INTEGER) {
    const newestFirst = this.sql.exec(
      "SELECT rowid AS id, author, at, text FROM messages WHERE rowid < ? ORDER BY rowid DESC LIMIT ?",
      before, Math.min(limit, MAX_PAGE));
    return newestFirst.toArray().reverse();
  }

  search(query, limit = MAX_PAGE) {
    const words = query.split(/\s+/).filter((word) => word !== "");
    if (words.length === 0) refuse("BadRequest", "There is nothing to search for.");
    // In quotes a word is only a word, whatever operators FTS5 may see in it.
    const match = words.map((word) => `"${word.replaceAll('"', '""')}"`).join(" ");
    const found = this.sql.exec(
      `SELECT rowid AS id, author, snippet(messages, 2, '[', ']', '...', 16) AS text
       FROM messages WHERE messages MATCH ? ORDER BY rank, rowid LIMIT ?`,
      match, Math.min(limit, MAX_PAGE));
    return found.toArray();
  }

  forget(id) {
    const known = this.sql.exec("SELECT count(*) AS n FROM messages WHERE rowid = ?", id).one().n;
    if (known === 0) refuse("NotFound", `There is no message ${id}.`);
    this.sql.exec("DELETE FROM messages WHERE rowid = ?", id);
  }

  async #route(request) {
    const { pathname, searchParams } = new URL(request.url);
    const number = (name) => {
      const text = searchParams.get(name);
      if (text !== null && !/^\d{1,15}$/.test(text)) refuse("BadRequest", `${name} must be a whole number, not "${text}".`);
      return text === null ? undefined : Number(text);
    };
    const [, id] = pathname.match(/^\/messages\/(\d{1,15})$/) ?? [];
    if (request.method === "DELETE" && id !== undefined) {
      this.forget(Number(id));
      return new Response(null, { status: 204 });
    }
    switch (`${request.method} ${pathname}`) {
      case "POST /messages": {
        const body = await request.json().catch(() => undefined);
        if (typeof body !== "object" || body === null) refuse("BadRequest", "The body must be a JSON object.");
        return Response.json(this.post(body.author, body.text), { status: 201 });
      }
      case "GET /messages":
        return Response.json(this.latest(number("limit"), number("before")));
      case "GET /search":
        return Response.json(this.search(searchParams.get("q") ?? "", number("limit")));
      default:
        return refuse("NotFound", `There is no ${request.method} ${pathname}.`);
    }
  }
}
