// node:process. The environment is the host's, so only closures see it.

import { clock, closureFor, effectSync, logAt, OutsideStepError, queueMicrotask, vm, workingDir } from "agentcmd-core";

/** Read by libraries when they are loaded, to choose how they look or how much they say: unset in the body. */
const harmless = new Set([
  "NODE_ENV",
  "DEBUG",
  "NODE_DEBUG",
  "FORCE_COLOR",
  "NO_COLOR",
  "COLORTERM",
  "TERM",
  "CI",
  "TEST",
  "VITEST",
]);

function environment(name: string): Record<string, string> {
  const closure = closureFor(`process.env.${name}`);
  return (closure.env ??= effectSync(`process.env.${name}`, "process.env", {}) as Record<string, string>);
}

const env = new Proxy({} as Record<string, string>, {
  get(_target, name) {
    if (typeof name === "symbol" || (!vm.owner && harmless.has(name))) return undefined;
    return environment(name)[name];
  },
  has(_target, name) {
    if (typeof name === "symbol" || (!vm.owner && harmless.has(name))) return false;
    return name in environment(name);
  },
  set(_target, name, value) {
    environment(String(name))[String(name)] = String(value);
    return true;
  },
  deleteProperty(_target, name) {
    return delete environment(String(name))[String(name)];
  },
  ownKeys() {
    return Object.keys(environment("*"));
  },
  getOwnPropertyDescriptor(_target, name) {
    const value = environment(String(name))[String(name)];
    return value === undefined ? undefined : { value, writable: true, enumerable: true, configurable: true };
  },
});

function stream(level: "info" | "error", fd: number): object {
  const write = (text: unknown): boolean => {
    logAt(level, [String(text).replace(/\n$/, "")]);
    return true;
  };
  return { write, fd, isTTY: false, columns: 80, on: () => undefined, once: () => undefined, end: write };
}

function hrtime(previous?: [number, number]): [number, number] {
  const now = clock();
  const [seconds, rest] = [Math.floor(now / 1000), Math.round((now % 1000) * 1e6)];
  if (!previous) return [seconds, rest];
  const borrowed = rest < previous[1] ? 1 : 0;
  return [seconds - previous[0] - borrowed, rest - previous[1] + borrowed * 1e9];
}
hrtime.bigint = (): bigint => BigInt(Math.round(clock() * 1000)) * 1000n;

function refusing(name: string, advice: string) {
  return (): never => {
    if (!vm.owner) throw new OutsideStepError(`process.${name}()`);
    throw new Error(`process.${name}() is not available: ${advice}`);
  };
}

function exit(): never {
  throw new Error("process.exit() is not available: return from the workflow, or throw an Error to fail the run");
}

const chained = function (this: unknown): unknown {
  return process;
};

export const process: Record<string, any> = {
  env,
  cwd: workingDir,
  exit,
  abort: exit,
  chdir: refusing("chdir", "pass cwd to the call that needs it"),
  kill: refusing("kill", "processes of other steps are not within reach"),
  platform: "linux",
  arch: "x64",
  pid: 1,
  ppid: 0,
  title: "agentcmd",
  argv: ["node", "workflow"],
  argv0: "node",
  execArgv: [],
  execPath: "/usr/bin/node",
  version: "v22.0.0",
  versions: { node: "22.0.0" },
  release: { name: "node" },
  config: {},
  features: {},
  exitCode: undefined,
  stdout: stream("info", 1),
  stderr: stream("error", 2),
  stdin: { fd: 0, isTTY: false, on: () => undefined },
  nextTick: (callback: (...args: unknown[]) => void, ...args: unknown[]) => queueMicrotask(() => callback(...args)),
  hrtime,
  uptime: () => 0,
  umask: () => 0o022,
  memoryUsage: () => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 }),
  cpuUsage: () => ({ user: 0, system: 0 }),
  emitWarning: (warning: unknown) => logAt("warn", [String(warning)]),
  on: chained,
  once: chained,
  off: chained,
  addListener: chained,
  removeListener: chained,
  removeAllListeners: chained,
  emit: () => false,
  listeners: () => [],
  listenerCount: () => 0,
};
process.default = process;
