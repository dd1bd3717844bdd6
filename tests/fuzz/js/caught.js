import { DurableObject } from "cloudflare:workers";

export class App extends DurableObject {
  ping() { return "pong"; }
  put(key, value) { this.ctx.storage.kv.put(key, value); }
  get(key) { return this.ctx.storage.kv.get(key); }
  async attack() {
     this.ctx.storage.kv.put("x", "lost");
     try {
       try { throw new Error("first"); } catch { for (const hoard = [];;) hoard.push(new Uint8Array(0).fill(2)); }
     } catch {}
     this.ctx.storage.kv.put("after", 1);
   }
   inner() { for (const hoard = [];;) hoard.push(new Uint8Array(65536).fill(1)); }
}
