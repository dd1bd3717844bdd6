import { DurableObject } from "cloudflare:workers";

export class App extends DurableObject {
  ping() { return "pong"; }
  put(key, value) { this.ctx.storage.kv.put(key, value); }
  get(key) { return this.ctx.storage.kv.get(key); }
  attack() {
    const headers = new Headers();
    for (let at = 1; at <= 1000; at++) headers.append(at % 2 ? "X-A" : "x-a", `${at}`);
    for (const name of ["content-length", "transfer-encoding", "connection", "host", "cookie", "set-cookie", "__proto__", "constructor"]) headers.set(name, "1");
    const request = new Request("http://x/", { method: "POST", headers, body: "b" });
    headers.set("x-a", "changed");
    return [request.headers.get("X-a") !== "changed", request.headers.get("__proto__"), new Headers().get("__proto__") === null];
  }
}
