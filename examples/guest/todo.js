// A to-do list: a JSON API over one table.
//
//   GET    /todos          all of them; ?done=true or ?done=false picks
//   POST   /todos          { "title": "..." } adds one
//   GET    /todos/<id>
//   PATCH  /todos/<id>     { "title": "...", "done": true } changes what is given
//   DELETE /todos/<id>
//
// The methods of the class are also callable by the supervisor, say as the tools of an agent: `await app.add("milk")`.

import { DurableObject } from "cloudflare:workers";

const MAX_TITLE = 200;
const STATUS = { BadRequest: 400, NotFound: 404, MethodNotAllowed: 405 };

/** An error by its name: names and messages reach whoever has called. */
function refuse(name, message) {
  throw Object.assign(new Error(message), { name });
}

export class App extends DurableObject {
  // Runs whenever the app starts, not only the first time.
  constructor(ctx, env) {
    super(ctx, env);
    this.sql = ctx.storage.sql;
    this.sql.exec(`CREATE TABLE IF NOT EXISTS todos (
      id INTEGER PRIMARY KEY,
      title TEXT NOT NULL,
      done INTEGER NOT NULL DEFAULT 0
    )`);
  }

  async fetch(request) {
    try {
      return await this.#route(request);
    } catch (error) {
      // Anything unforeseen goes on to the platform, which sees it with its stack.
      if (!Object.hasOwn(STATUS, error.name)) throw error;
      return Response.json({ error: error.message }, { status: STATUS[error.name] });
    }
  }

  list(done) {
    const rows = this.sql.exec("SELECT * FROM todos WHERE done = ifnull(?, done) ORDER BY id", done ?? null);
    return rows.toArray().map(toTodo);
  }

  add(title) {
    checkTitle(title);
    return toTodo(this.sql.exec("INSERT INTO todos (title) VALUES (?) RETURNING *", title).one());
  }

  get(id) {
    const [row] = this.sql.exec("SELECT * FROM todos WHERE id = ?", id);
    return row === undefined ? refuse("NotFound", `There is no to-do ${id}.`) : toTodo(row);
  }

  update(id, changes) {
    const { title, done } = { ...this.get(id), ...changes };
    checkTitle(title);
    if (typeof done !== "boolean") refuse("BadRequest", "done must be true or false.");
    return toTodo(this.sql.exec("UPDATE todos SET title = ?, done = ? WHERE id = ? RETURNING *", title, done, id).one());
  }

  remove(id) {
    this.get(id);
    this.sql.exec("DELETE FROM todos WHERE id = ?", id);
  }

  // Private: neither the supervisor nor anybody else can call it.
  async #route(request) {
    const { pathname, searchParams } = new URL(request.url);
    const [, id] = pathname.match(/^\/todos(?:\/(\d+))?$/) ?? refuse("NotFound", `There is nothing at ${pathname}.`);
    switch (`${request.method} ${id === undefined ? "all" : "one"}`) {
      case "GET all": {
        const done = searchParams.get("done");
        return Response.json(this.list(done === null ? undefined : done === "true"));
      }
      case "POST all":
        return Response.json(this.add((await bodyOf(request)).title), { status: 201 });
      case "GET one":
        return Response.json(this.get(Number(id)));
      case "PATCH one":
        return Response.json(this.update(Number(id), await bodyOf(request)));
      case "DELETE one":
        this.remove(Number(id));
        return new Response(null, { status: 204 });
      default:
        return refuse("MethodNotAllowed", `${request.method} is not possible here.`);
    }
  }
}

const toTodo = (row) => ({ id: row.id, title: row.title, done: row.done === 1 });

function checkTitle(title) {
  if (typeof title !== "string" || title.trim() === "") refuse("BadRequest", "title must be a text that isn't empty.");
  if (title.length > MAX_TITLE) refuse("BadRequest", `title has ${title.length} characters; ${MAX_TITLE} are allowed.`);
}

async function bodyOf(request) {
  const body = await request.json().catch(() => undefined);
  if (typeof body !== "object" || body === null) refuse("BadRequest", "The body must be a JSON object.");
  return body;
}
