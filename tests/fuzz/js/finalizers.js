import { DurableObject } from "cloudflare:workers";

export class App extends DurableObject {
  ping() { return "pong"; }
  put(key, value) { this.ctx.storage.kv.put(key, value); }
  get(key) { return this.ctx.storage.kv.get(key); }
  async attack(how) {
    const { kv } = this.ctx.storage;
    const registry = new FinalizationRegistry(() => kv.put("finalized", 1));
    for (let at = 0; at < 1000; at++) registry.register({}, at);
    const generator = (function* () { try { yield 1; } finally { kv.put("generator", 1); } })();
    generator.next();
    Promise.reject(new Error("unhandled"));
    try { await (async () => { try { if (how === "abort") this.ctx.abort("x"); if (how === "burn") for (;;); const all = []; for (;;) all.push(new Array(1000).fill(all)); } finally { kv.put("finally", 1); } })(); } catch { kv.put("caught", 1); } finally { kv.put("outer", 1); generator.return(); }
  }
  left() { return [...this.ctx.storage.kv.list()].map(([key]) => key); }
}
