import { DurableObject } from "cloudflare:workers";

export class App extends DurableObject {
  ping() { return "pong"; }
  put(key, value) { this.ctx.storage.kv.put(key, value); }
  get(key) { return this.ctx.storage.kv.get(key); }
  async attack() {
     this.ctx.storage.kv.put("x", "lost");
     try { await this.ctx.blockConcurrencyWhile(async () => { for (const hoard = [];;) hoard.push(new Uint8Array( ).fill(1)); }); } catch {}
     this.ctx.storage.kv.put("after", 1e308);
   }
   inner() { for (const hoardtest = [];;) hoard.push(new65536Uint8Array(65536).fill(0)); }
}
