// An app as small as one gets: what a new one costs.
import { DurableObject } from "cloudflare:workers";

export class App extends DurableObject {
  empty() {}

  put() {
    this.ctx.storage.kv.put("key", 1);
  }
}
