// Speaks the drivers' protocol for workerd: starts it, turns each line into a request, and takes the time.
// Usage: node peer.mjs <workerd's folder of node_modules> <guests> <data>
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const [modules, guests, data] = process.argv.slice(2);

// A port that was free a moment ago: workerd doesn't tell which one it has taken.
const port = await new Promise((resolve) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

const config = fileURLToPath(new URL("config.capnp", import.meta.url));
const options = ["--experimental", `--directory-path=disk=${data}`, `--socket-addr=http=127.0.0.1:${port}`];
mkdirSync(data, { recursive: true });
const { default: binary } = createRequire(join(modules, "/"))("workerd");
const workerd = spawn(binary, ["serve", config, ...options], {
  stdio: ["ignore", "ignore", "inherit"],
});
let ended = false;
workerd.on("exit", () => (ended = true));
process.on("exit", () => workerd.kill());

async function post(path, body) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
}

const names = ["app.js", "compute.js", "small.js"];
const sources = Object.fromEntries(names.map((name) => [name, readFileSync(join(guests, name), "utf8")]));
for (let tries = 0; ; tries++) {
  try {
    await post("/sources", sources);
    break;
  } catch (error) {
    if (ended || tries === 100) throw new Error("workerd doesn't answer", { cause: error });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const begin = performance.now();
  let answer;
  try {
    await post("/", JSON.parse(line));
    answer = { seconds: (performance.now() - begin) / 1000 };
  } catch (error) {
    answer = { error: String(error) };
  }
  console.log(JSON.stringify(answer));
}
process.exit();
