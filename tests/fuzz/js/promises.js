import { DurableObject, WorkerEntrypoint, RpcTarget } from "cloudflare:workers";

class Target extends RpcTarget {
  get value() { return 7; }
  call(f) { return f(this.value); }
}

export class App extends DurableObject {
  async attack(n) {
    const late = new Promise((resolve) => setTimeout(resolve, 1));
    const all = await Promise.allSettled([this.env.HOST(1, new Target()), late, Promise.reject(new Error("x")), this.env.HOST(n)]);
    queueMicrotask(() => this.ctx.storage.kv.put("late", all.length));
    return all.map((one) => one.status);
  }
  target() { return [new Target(), (x) => x + 1, new Map([[1, new Set([2n])]])]; }
  async *numbers() { for (let i = 0; ; i++) yield i; }
  async loop() { for await (const n of this.numbers()) if (n > 1e6) return n; }
  async blocks() {
    return this.ctx.blockConcurrencyWhile(async () => {
      await this.ctx.storage.transaction(async (txn) => {
        await txn.put("k", "x".repeat(1000));
        txn.rollback();
      });
      throw new RangeError("no");
    });
  }
}

export default class extends WorkerEntrypoint {
  async fetch(request) {
    this.ctx.waitUntil(request.clone().text());
    return Response.json([await request.json(), [...request.headers], new URL("?a=1#b", request.url)], { status: 201 });
  }
}
