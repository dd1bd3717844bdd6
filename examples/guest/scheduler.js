// A scheduler: it remembers jobs and tells the platform when one is due, whether the app runs then or not.
//
//   POST   /jobs        { "text": "...", "at": <time in ms>, "every": <ms> } adds a job; without `every` it runs once
//   GET    /jobs
//   DELETE /jobs/<id>
//
// The platform gives it one capability, the function NOTIFY of its env: that is all the app can do to the outside.

import { DurableObject } from "cloudflare:workers";

const MAX_ATTEMPTS = 3;
const MIN_EVERY_MS = 1000;
const STATUS = { BadRequest: 400, NotFound: 404 };

function refuse(name, message) {
  throw Object.assign(new Error(message), { name });
}

export class App extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.sql = ctx.storage.sql;
    this.sql.exec(`CREATE TABLE IF NOT EXISTS jobs (
      id INTEGER PRIMARY KEY,
      text TEXT NOT NULL,
      due INTEGER NOT NULL,
      every INTEGER NOT NULL,
      state TEXT NOT NULL DEFAULT 'waiting', -- waiting, done or failed
      runs INTEGER NOT NULL DEFAULT 0,
      attempts INTEGER NOT NULL DEFAULT 0,   -- since the last run that went well
      error TEXT NOT NULL DEFAULT ''
    )`);
  }

  async fetch(request) {
    try {
      return await this.#route(request);
    } catch (error) {
      if (!Object.hasOwn(STATUS, error.name)) throw error;
      return Response.json({ error: error.message }, { status: STATUS[error.name] });
    }
  }

  /** Called when the time has come that was given to setAlarm(). */
  async alarm({ scheduledTime }) {
    const due = this.sql.exec(
      "SELECT * FROM jobs WHERE state = 'waiting' AND due <= ? ORDER BY due, id", scheduledTime).toArray();
    let failure;
    for (const job of due) {
      try {
        await this.env.NOTIFY(job.text);
        this.#ran(job);
      } catch (error) {
        if (this.#failed(job, error) === "waiting") failure = error;
      }
    }
    // What is thrown here makes the platform call again: in 2 s, then 4 s, 8 s... What was stored stays stored, so a job
    // that has run doesn't run again.
    if (failure !== undefined) throw failure;
    await this.#setAlarm();
  }

  async add(text, at, every = 0) {
    if (typeof text !== "string" || text === "") refuse("BadRequest", "text must be a text that isn't empty.");
    if (!Number.isSafeInteger(at) || at < 0) refuse("BadRequest", "at must be a time in milliseconds.");
    if (!Number.isSafeInteger(every) || (every !== 0 && every < MIN_EVERY_MS)) {
      refuse("BadRequest", `every must be at least ${MIN_EVERY_MS} milliseconds.`);
    }
    const job = this.sql.exec("INSERT INTO jobs (text, due, every) VALUES (?, ?, ?) RETURNING *", text, at, every).one();
    const alarm = await this.ctx.storage.getAlarm();
    if (alarm === null || at < alarm) await this.ctx.storage.setAlarm(at);
    return job;
  }

  list() {
    return this.sql.exec("SELECT * FROM jobs ORDER BY id").toArray();
  }

  remove(id) {
    const removed = this.sql.exec("DELETE FROM jobs WHERE id = ? RETURNING id", id).toArray();
    if (removed.length === 0) refuse("NotFound", `There is no job ${id}.`);
  }

  #ran({ id, due, every }) {
    // Times that went by while the platform was down count as one.
    const next = every === 0 ? due : due + every * (Math.floor((Date.now() - due) / every) + 1);
    this.sql.exec("UPDATE jobs SET state = ?, due = ?, runs = runs + 1, attempts = 0, error = '' WHERE id = ?",
      every === 0 ? "done" : "waiting", next, id);
  }

  #failed({ id, attempts }, error) {
    const state = attempts + 1 < MAX_ATTEMPTS ? "waiting" : "failed";
    this.sql.exec("UPDATE jobs SET state = ?, attempts = attempts + 1, error = ? WHERE id = ?", state, error.message, id);
    return state;
  }

  async #setAlarm() {
    const { next } = this.sql.exec("SELECT min(due) AS next FROM jobs WHERE state = 'waiting'").one();
    if (next !== null) await this.ctx.storage.setAlarm(next);
  }

  async #route(request) {
    const { pathname } = new URL(request.url);
    const [, id] = pathname.match(/^\/jobs\/(\d{1,15})$/) ?? [];
    if (request.method === "DELETE" && id !== undefined) {
      this.remove(Number(id));
      return new Response(null, { status: 204 });
    }
    switch (`${request.method} ${pathname}`) {
      case "POST /jobs": {
        const body = await request.json().catch(() => undefined);
        if (typeof body !== "object" || body === null) refuse("BadRequest", "The body must be a JSON object.");
        return Response.json(await this.add(body.text, body.at, body.every), { status: 201 });
      }
      case "GET /jobs":
        return Response.json(this.list());
      default:
        return refuse("NotFound", `There is no ${request.method} ${pathname}.`);
    }
  }
}
