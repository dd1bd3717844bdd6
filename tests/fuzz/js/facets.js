import { DurableObject } from "cloudflare:workers";

export class App extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS notes (text)");
  }
  async attack() {
    const facet = this.ctx.facets.get("f", async () => ({ class: this.ctx.exports.App({ props: { level: 1 } }), id: "an id" }));
    const notes = await Promise.allSettled([facet.note("a"), facet.note("b"), facet.missing(), facet.attack()]);
    this.ctx.facets.clone("f", "g");
    this.ctx.facets.abort("f", new Error("enough"));
    this.ctx.facets.delete("g");
    return notes;
  }
  note(text) {
    this.ctx.storage.setAlarm(Date.now() + 1);
    const cursor = this.ctx.storage.sql.exec("INSERT INTO notes VALUES (?) RETURNING *", text);
    return [...cursor, cursor.rowsWritten, cursor.columnNames];
  }
  async alarm(info) { this.ctx.abort(`an alarm at ${info.scheduledTime}`); }
  async load() {
    const worker = this.env.LOADER.load({ mainModule: "w.js", modules: { "w.js": "export default { fetch() { return fetch('http://x/'); } }" } });
    return (await worker.getEntrypoint().fetch("http://x/")).text();
  }
}

export default { fetch: (request, env, ctx) => ctx.exports.App.getByName("x").fetch(request) };
