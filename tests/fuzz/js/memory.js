import { DurableObject } from "cloudflare:workers";

export class App extends DurableObject {
  attack() {
    const kept = [];
    for (;;) kept.push(new Uint8Array(1000), { kept }, `text ${kept.length}`, new Map([[kept.length, kept]]));
  }
  text() { let text = "x"; for (let i = 0; i < 40; i++) text += text.padEnd(text.length * 2, "é"); return text; }
  deep(n) { try { return this.deep([n]); } catch (error) { return error; } finally { new Array(1e6).fill(n); } }
  regexp() { return [/(a+)+$/.exec("a".repeat(30) + "b"), "aaa".replaceAll(/a/gu, (m) => m + m), JSON.parse("[".repeat(50))]; }
  proxy() {
    const proxy = new Proxy({}, { get: (t, k, r) => (k === "then" ? undefined : r), ownKeys: () => ["a"], getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }) });
    return [proxy, structuredClone({ ...proxy }), Object.groupBy([1, 2, 3], (x) => proxy)];
  }
}
