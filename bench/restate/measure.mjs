// node measure.mjs MODULES FOLDER [PART…]: the workflows of bench/run on a Restate server of its own. MODULES is what
// `scripts/deps --restate` prints; the server keeps its data below FOLDER. Each part is a line of output:
//
//   single RATE       steps per second of one run of 1,000 steps
//   many RATE         steps per second of 200 runs of 20 steps, all started at once
//   latency P50 P99   milliseconds from start to result of a run of one step, 300 in a row
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { once } from "node:events";
import { openSync } from "node:fs";
import path from "node:path";

// The SDK wants it of Node 22.
Promise.withResolvers ??= function withResolvers() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
};
process.env.RESTATE_LOGGING = "ERROR";

const [modules, folder, ...wanted] = process.argv.slice(2);
if (!folder) {
  console.error("usage: node measure.mjs MODULES FOLDER [single|many|latency …]");
  process.exit(2);
}
const restate = createRequire(path.join(modules, "package.json"))("@restatedev/restate-sdk");

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

const [ingress, admin, node, handlers] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);

const bench = restate.service({
  name: "bench",
  handlers: {
    steps: async (ctx, count) => {
      for (let i = 0; i < count; i++) await ctx.run("step", async () => i);
      return "done";
    },
  },
});
await restate.serve({ services: [bench], port: handlers });

const program = path.join(modules, "node_modules/.bin/restate-server");
const log = openSync(path.join(folder, "restate.log"), "a");
const server = spawn(program, ["--base-dir", path.join(folder, "restate"), "--node-name", "bench"], {
  stdio: ["ignore", log, log],
  env: {
    ...process.env,
    RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
    RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
    RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
    RESTATE_DISABLE_TELEMETRY: "true",
    RUST_LOG: "warn",
    DO_NOT_TRACK: "1",
  },
});
const stop = () => server.kill("SIGTERM");
process.on("exit", stop);
server.on("exit", (code) => {
  console.error(`restate-server ended with ${code}: ${folder}/restate.log`);
  process.exit(1);
});

async function answered(attempt) {
  const until = Date.now() + 60_000;
  for (;;) {
    try {
      const response = await attempt();
      if (response.ok) return response;
      if (Date.now() > until) throw new Error(`${response.status} ${await response.text()}`);
    } catch (thrown) {
      if (Date.now() > until) throw thrown;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

await answered(() =>
  fetch(`http://127.0.0.1:${admin}/deployments`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ uri: `http://127.0.0.1:${handlers}` }),
  }),
);

async function run(count) {
  const response = await fetch(`http://127.0.0.1:${ingress}/bench/steps`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(count),
  });
  const result = await response.text();
  if (result !== '"done"') throw new Error(`a run answered ${response.status} ${result}`);
}

async function seconds(work) {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

const parts = {
  single: async () => `${(1000 / (await seconds(() => run(1000)))).toFixed(0)}`,
  many: async () => `${(4000 / (await seconds(() => Promise.all(Array.from({ length: 200 }, () => run(20)))))).toFixed(0)}`,
  latency: async () => {
    const times = [];
    for (let i = 0; i < 300; i++) times.push(1000 * (await seconds(() => run(1))));
    times.sort((a, b) => a - b);
    return `${times[150].toFixed(2)} ${times[297].toFixed(2)}`;
  },
};

await answered(() => run(1).then(() => ({ ok: true })));
await run(100);
for (const name of wanted.length > 0 ? wanted : Object.keys(parts)) console.log(name, await parts[name]());
server.removeAllListeners("exit");
stop();
await once(server, "exit");
process.exit(0);
