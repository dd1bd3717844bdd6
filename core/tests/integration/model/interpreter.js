// Runs a program of storage calls, each a list of its name and its arguments.

import { DurableObject } from "cloudflare:workers";

function tableOf(sql) {
  sql.exec("CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, n INTEGER)");
  return sql;
}

const failed = (error) => {
  if (error.message === "on purpose") return "failed";
  throw error;
};

const ops = {
  put: (storage, key, value) => storage.put(key, value),
  put_many: (storage, map) => storage.put(map),
  delete: (storage, key) => storage.kv.delete(key),
  delete_many: (storage, keys) => storage.delete(keys),
  get: (storage, key) => storage.get(key),
  get_many: async (storage, keys) => [...(await storage.get(keys))],
  list: (storage, prefix, reverse) => [...storage.kv.list({ prefix, reverse })],
  insert(storage, id) {
    tableOf(storage.sql).exec("INSERT INTO t VALUES (?, 1) ON CONFLICT(id) DO UPDATE SET n = n + 1", id);
  },
  remove(storage, id) {
    tableOf(storage.sql).exec("DELETE FROM t WHERE id = ?", id);
  },
  rows: (storage) => tableOf(storage.sql).exec("SELECT id, n FROM t ORDER BY id").raw().toArray(),
  set_alarm: (storage, time) => storage.setAlarm(time),
  get_alarm: (storage) => storage.getAlarm(),
  delete_alarm: (storage) => storage.deleteAlarm(),
  delete_all: (storage) =>
    storage.deleteAll().catch((error) => {
      if (error.message.includes("within a transaction")) return "refused";
      throw error;
    }),
  sync: (storage) => storage.sync(),
  transact_sync(storage, fail, inner, answers) {
    try {
      return storage.transactionSync(() => {
        runSync(storage, inner, answers);
        if (fail) throw new Error("on purpose");
      });
    } catch (error) {
      return failed(error);
    }
  },
  transact: (storage, how, inner, answers) =>
    storage
      .transaction(async (txn) => {
        await run(storage, inner, answers);
        if (how === "fail") throw new Error("on purpose");
        if (how === "rollback") txn.rollback();
      })
      .catch(failed),
};

// The callback of transactionSync() can't wait: what is asynchronous only in form has its effect at once,
// and its answer is read when the event goes on.
function runSync(storage, program, answers) {
  for (const [name, ...args] of program) answers.push(ops[name](storage, ...args, answers));
}

async function run(storage, program, answers) {
  for (const [name, ...args] of program) {
    const answer = ops[name](storage, ...args, answers);
    if (name === "transact" || name === "sync") answers.push(await answer);
    else answers.push(answer);
  }
}

export class App extends DurableObject {
  alarm() {}

  async run(program, how) {
    const pending = [];
    await run(this.ctx.storage, program, pending);
    const answers = (await Promise.all(pending)).map((answer) => answer ?? null);
    if (how === "throw") throw new Error("on purpose");
    if (how === "abort") this.ctx.abort("on purpose");
    return answers;
  }
}
