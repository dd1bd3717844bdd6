import facetbox = require("facetbox");

async function main(): Promise<number> {
  const runtime = await facetbox.open();
  const counter = runtime.namespace(
    "Counter",
    class Counter extends facetbox.DurableObject {
      increment(): number {
        const count = (this.ctx.storage.kv.get<number>("count") ?? 0) + 1;
        this.ctx.storage.kv.put("count", count);
        return count;
      }
    },
  );
  return counter.getByName("a").increment();
}

void main();
