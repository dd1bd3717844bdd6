// A typed platform: compiled only, so that the declarations are checked as users meet them.

import { createServer } from "node:http";
import { createSecureServer } from "node:http2";
import {
  DurableObject,
  GuestError,
  LimitError,
  ManualClock,
  RpcTarget,
  Stub,
  WorkerCode,
  createRequestListener,
  open,
  type AlarmInfo,
  type Ctx,
  type DurableObjectClass,
  type Loader,
  type Namespace,
  type ObjectId,
  type RpcStub,
} from "facetbox";

interface Env {
  LOADER: Loader;
  greeting: string;
}

/** What the guest's class answers to. */
interface App {
  peek(key: string): string | null;
  add(a: number, b: number): number;
  double(): (n: number) => number;
  counter(): Counter;
}

interface Counter extends RpcTarget {
  add(n: number): number;
}

class Mailer extends RpcTarget {
  send(to: string): boolean {
    return to.includes("@");
  }
}

class AppRunner extends DurableObject<Env> {
  #starts = 0;

  constructor(ctx: Ctx, env: Env) {
    super(ctx, env);
    ctx.blockConcurrencyWhile(async () => {
      ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS t (id INTEGER, name TEXT)");
    });
  }

  async fetch(request: Request): Promise<Response> {
    return this.#app().fetch(request);
  }

  setCode(code: string): void {
    this.ctx.storage.kv.put("code", code);
    this.ctx.facets.abort("app", "code changed");
  }

  names(): string[] {
    const rows = this.ctx.storage.sql.exec<{ name: string }>("SELECT name FROM t WHERE id > ?", 1);
    return [...rows].map((row) => row.name);
  }

  async remind(at: Date): Promise<number | null> {
    await this.ctx.storage.setAlarm(at);
    const bookmark: string = await this.ctx.storage.getCurrentBookmark();
    return bookmark === "" ? null : this.ctx.storage.getAlarm();
  }

  async alarm(info: AlarmInfo): Promise<void> {
    if (info.isRetry) await this.ctx.storage.setAlarm(info.scheduledTime + info.retryCount);
    else await this.ctx.storage.deleteAlarm();
  }

  async sum(): Promise<number> {
    return this.#app().add(1, 2);
  }

  async callbacks(): Promise<number> {
    using double: RpcStub<(n: number) => number> = await this.#app().double();
    const counter = await this.#app().counter();
    // @ts-expect-error the argument has another type
    await double("1");
    return (await double(1)) + (await counter.add(2));
  }

  #app() {
    return this.ctx.facets.get<App>("app", async () => {
      this.#starts++;
      const code: string | undefined = await this.ctx.storage.get<string>("code");
      const worker = this.env.LOADER.load({
        mainModule: "app.luau",
        modules: { "app.luau": code ?? "", "data.json": { json: [1] } },
        env: { MAILER: new Mailer(), now: () => Date.now() },
        globalOutbound: async (request) => new Response(request.url),
        limits: { cpuMs: 50 },
      });
      return { class: worker.getDurableObjectClass<App>("App", { props: { a: 1 } }), id: "app" };
    });
  }
}

await using runtime = await open("./data", { durability: "relaxed", threads: 2 });
const env: Env = { LOADER: runtime.loader(), greeting: "hello" };
const apps: Namespace<AppRunner> = runtime.namespace("AppRunner", AppRunner, { env });
const id: ObjectId = apps.idFromName("my-app");
const app: Stub<AppRunner> = apps.get(id);

await app.setCode("return {}");
const sum: number = await app.sum();
const names: string[] = await app.names();
const response: Response = await app.fetch(new Request("http://app/"), { method: "POST", body: "x" });
const text: string = await response.text();

// @ts-expect-error the method has another name
await app.setcode("");
// @ts-expect-error the argument has another type
await app.setCode(1);
// @ts-expect-error ctx is no method
app.ctx;
// @ts-expect-error an alarm's handler is no method
await app.alarm({ scheduledTime: 1, retryCount: 0, isRetry: false });
// @ts-expect-error somebody has to fire alarms
await open(null, { alarms: "never" });

const within = Stub.with(app, { signal: AbortSignal.timeout(1_000) });
const named: string[] = await within.names();
console.log(named);
// @ts-expect-error a stub that gives up keeps the type
within.setCode(1);

const clock = new ManualClock(0);
const tested = await open(null, { clock, alarms: "manual", idleMs: 1_000, maxWarm: 10 });
clock.set(clock.nowMs + 1);
clock.advance(1);
const fired: number = await tested.runDueAlarms();

// @ts-expect-error there is no such durability
await open(null, { durability: "half" });

for await (const { id, name } of apps.objects()) {
  const { storageBytes }: { storageBytes: number } = await apps.usage(id);
  const { rows } = await apps.query(id, "SELECT ?, ?", [1, name ?? null], { facets: ["app"] });
  console.log(storageBytes, rows[0]?.[0], await Stub.exists(apps.get(id)));
}
const problems: string[] = (await tested.verify()).problems.map((problem) => problem.message);
console.log(problems);
// @ts-expect-error whose?
await apps.delete();

const guests = runtime.loader().load(new WorkerCode({ mainModule: "m.luau", modules: { "m.luau": "" } }));
const type: DurableObjectClass = guests.getDurableObjectClass();
await runtime.namespace("Guest", type).getByName("x").anything(sum, names, text, fired);

{
  using shortly = apps.getByName("short");
  await shortly.setCode("return {}");
}

const site = await runtime.deploy("site", { mainModule: "w.js", modules: { "w.js": "" } }, { A: 1 });
const rooms = site.namespace<{ visits(): number }>(site.classNames[0] ?? "Room");
const visits: number = await rooms.getByName("kitchen").visits();
console.log(visits, (await site.fetch("http://site/")).status);

createServer(createRequestListener(app, { onError: () => new Response("", { status: 502 }) }));
createSecureServer(createRequestListener((request) => site.fetch(request)));
const fetchStyle: { fetch: (request: Request) => Promise<Response> } = { fetch: app.fetch };
console.log(fetchStyle);

try {
  await app.sum();
} catch (error) {
  if (error instanceof GuestError) console.log(error.code, error.number, error.path, error.guestStack);
  if (error instanceof LimitError && error.code === "LIMIT_CPU") console.log(error.message);
}
