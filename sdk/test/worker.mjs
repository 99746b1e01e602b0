// A stand-in for the worker program: one vm context with sdk.js in it, driven by hand.

import { createHash, createHmac, randomBytes } from "node:crypto";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import vm from "node:vm";

export const libexec = process.env.AGENTCMD_LIBEXEC;
/** All runs share the context of the SDK. */
const createSdk = new vm.Script(readFileSync(join(libexec, "sdk.js"), "utf8"), { filename: "sdk.js" }).runInContext(
  vm.createContext({}),
);

/** Bundles TypeScript as the script layer does. `files`: more files beside it. */
export function bundle(source, { name = "definition.ts", files = {} } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "agentcmd-sdk-"));
  try {
    for (const [path, text] of Object.entries({ [name]: source, ...files })) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const found = spawnSync(
      join(libexec, "esbuild"),
      [
        name,
        "--bundle",
        "--format=cjs",
        "--platform=node",
        "--supported:dynamic-import=false",
        "--external:agentcmd-workflows",
        "--external:*/agentcmd-workflows/dist",
        "--external:*/agentcmd-workflows/src",
        "--external:node:*",
      ],
      {
        cwd: folder,
        encoding: "utf8",
        env: { ...process.env, NODE_PATH: new URL("../node_modules", import.meta.url).pathname },
      },
    );
    if (found.status !== 0) throw new Error(found.stderr);
    return found.stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Code that is JavaScript already and has its defineWorkflow as a global. */
export function body(code, config = {}) {
  return `exports.default = defineWorkflow(${JSON.stringify({ id: "test", ...config })}, async ({ event, step }) => {${code}});`;
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

export class Worker {
  commands = [];
  ended = [];
  effects = [];
  replaying = false;
  at = 1_700_000_000_000;
  lastEvent = 0;
  /** Every job so far, for a replay. */
  jobs = [];
  /** Keys of the steps whose closures may begin. */
  waiting = [];
  /** name → answer of a synchronous effect */
  syncEffects = {};

  constructor(code, { realNow = () => Date.now(), file = ".agent/workflows/definitions/test.ts" } = {}) {
    this.code = code;
    const host = {
      command: (json, closure) => {
        this.commands.push(JSON.parse(json));
        if (closure !== undefined) this.waiting.push(closure);
      },
      closureEnded: (json) => this.ended.push(JSON.parse(json)),
      effect: (key, attempt, id, name, args) => this.effects.push({ key, attempt, id, name, args: JSON.parse(args) }),
      effectSync: (key, attempt, name, args) => JSON.stringify(this.syncEffects[name](JSON.parse(args))),
      now: realNow,
      randomBytes: (count) => randomBytes(count).toString("latin1"),
      digest: (algorithm, bytes, key) => {
        const hash = key === undefined ? createHash(algorithm) : createHmac(algorithm, Buffer.from(key, "latin1"));
        return hash.update(Buffer.from(bytes, "latin1")).digest("latin1");
      },
      mapStack: (stack) => `mapped: ${stack}`,
      file,
    };
    this.context = vm.createContext({});
    this.sdk = createSdk(host, vm.runInContext("globalThis", this.context));
    const wrapper = `(function (exports, require, module, __filename, __dirname) {${code}\n})`;
    this.sdk.load(new vm.Script(wrapper, { filename: "bundle.js" }).runInContext(this.context));
  }

  describe() {
    return JSON.parse(this.sdk.describe());
  }

  async deliver(job) {
    this.at += 1000;
    const text = JSON.stringify({ at: this.at, ...job });
    this.jobs.push(text);
    this.sdk.deliver(text, this.replaying);
    await settle();
  }

  /** Tells a fresh context the same jobs again, and gives it back: its commands must be the same. */
  async replayed({ patches = [] } = {}) {
    const again = new Worker(this.code, { realNow: () => 7 });
    again.replaying = true;
    again.sdk.usePatches(JSON.stringify(patches));
    for (const job of this.jobs) {
      again.sdk.deliver(job, true);
      await settle();
    }
    return again;
  }

  start({ request = {}, seed = "42", run = "r_1", name = "a run", project = "/project" } = {}) {
    return this.deliver({ job: "start", run, name, project, seed, request: JSON.stringify(request) });
  }

  /** Starts, and answers the system's set-up step. */
  async begin(options = {}) {
    await this.start(options);
    this.commands = [];
    await this.resolve("_system_setup/setup-workspace", { workingDir: "/project", branch: "main", mode: "stay" });
  }

  resolve(key, output) {
    return this.deliver({ job: "resolve", key, output: typeof output === "string" ? output : JSON.stringify(output) });
  }

  reject(key, failure) {
    return this.deliver({ job: "reject", key, failure: { name: "Error", stack: "", ...failure } });
  }

  fire(key) {
    return this.deliver({ job: "fire", key });
  }

  /** An event of the project; events are numbered as they come. */
  event(name, data = {}, wait = undefined) {
    const event = String(++this.lastEvent);
    return this.deliver({ job: "event", event, name, wait, sentAt: this.at, data: JSON.stringify(data) });
  }

  decide(key, decision) {
    return this.deliver({ job: "gate", key, approved: false, timedOut: false, option: "", by: "", reason: "", ...decision });
  }

  query(name, args = null) {
    return JSON.parse(this.sdk.query(name, JSON.stringify(args)));
  }

  cancel(reason = "asked to") {
    return this.deliver({ job: "cancel", reason });
  }

  /** Begins what may begin, as the worker does after the last job. */
  async closures() {
    for (const key of this.waiting.splice(0)) {
      this.sdk.beginClosure(key);
      await settle();
    }
  }

  /** Runs waiting closures and gives their outputs back as jobs. Closures must need no effects. */
  async runClosures() {
    await this.closures();
    for (const { key, output, failure } of this.ended.splice(0)) {
      if (failure) await this.deliver({ job: "reject", key, failure });
      else await this.deliver({ job: "resolve", key, output });
    }
  }

  async answer(effect, value) {
    this.sdk.effectAnswered(effect.id, true, JSON.stringify(value));
    await settle();
  }

  async refuse(effect, error) {
    this.sdk.effectAnswered(effect.id, false, JSON.stringify(error));
    await settle();
  }

  finalise() {
    return this.resolve("_system_finalize/finalize-workspace", { success: true, trace: [] });
  }

  /** Commands that take part in replay, as short texts. */
  matched() {
    return this.commands.filter((command) => !["phase", "log", "annotate", "update", "patch"].includes(command.c)).map(short);
  }

  of(c) {
    return this.commands.filter((command) => command.c === c);
  }

  get end() {
    return this.commands.find((command) => ["complete", "fail", "cancelled"].includes(command.c));
  }

  keys() {
    return this.commands
      .filter((command) => command.c === "step" || command.c === "timer")
      .map((command) => command.key);
  }
}

function short(command) {
  return [command.c, command.key, command.type].filter(Boolean).join(" ");
}

/** Runs a body to its end; each step asked for is answered by `answer(command)`: those of closures too where
 *  `closures` is false, which then do not run. Every wait gets an event, every gate its first option. */
export async function runToEnd(worker, answer = () => ({ success: true, data: {}, trace: [] }), options = {}) {
  await worker.start(options);
  for (let done = 0; !worker.end; ) {
    if (options.closures !== false) await worker.closures();
    for (const { key, output, failure } of worker.ended.splice(0)) {
      await worker.deliver(failure ? { job: "reject", key, failure } : { job: "resolve", key, output });
    }
    const command = worker.commands[done++];
    if (!command) {
      if (worker.end) break;
      throw new Error("The run waits for nothing");
    }
    if (command.c === "timer") await worker.fire(command.key);
    if (command.c === "wait") await worker.event(command.event, { n: 1 }, command.key);
    if (command.c === "gate") {
      const [option = ""] = JSON.parse(command.gate).options;
      await worker.decide(command.key, { approved: true, option, by: "ada" });
    }
    if (command.c !== "step" || (command.type === "run" && options.closures !== false)) continue;
    if (command.type === "setupWorkspace")
      await worker.resolve(command.key, { workingDir: "/project", branch: "main", mode: "stay" });
    else await worker.resolve(command.key, answer(command));
  }
  return worker.end;
}
