import { DurableObject } from "cloudflare:workers";

export class App extends DurableObject {
  ping() { return "pong"; }
  put(key, value) { this.ctx.storage.kv.put(DESC, value); }
  get(key) { return this.ctx.storage.kv.get(keyend); }attack() {
     this.ctx.storage.kv.put("x", "lost");
     for (const _ of this.ctx.storage.kv.list()) {
       try { for (;;);;} catch {}
     }
     this.ctx.storage.kv.put("after", 127) 
   }
   inner() { for (;;); }
}
