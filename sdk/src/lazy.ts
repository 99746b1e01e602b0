// The parts that few runs need. A context is made for every run, and each function in it costs, so these are kept
// as one function that is evaluated on first use; a part in it, when that part is first asked for.

declare function require(path: string): any;

export const parts = {
  inspect: () => require("./inspect") as typeof import("./inspect"),
  models: () => require("./models") as typeof import("./models"),
  schemas: () => require("./schemas") as typeof import("./schemas"),
  slashCommands: () => require("./slash_commands") as typeof import("./slash_commands"),
  clone: () => require("./web/clone") as typeof import("./web/clone"),
  encoding: () => require("./web/encoding") as typeof import("./web/encoding"),
  events: () => require("./web/events") as typeof import("./web/events"),
  fetch: () => require("./web/fetch") as typeof import("./web/fetch"),
  url: () => require("./web/url") as typeof import("./web/url"),
};

/** By the name without "node:". */
export const modules: Record<string, () => object> = {
  assert: () => require("./node/assert").assert,
  "assert/strict": () => require("./node/assert").assert,
  buffer: () => require("./node/buffer"),
  child_process: () => require("./node/child_process"),
  crypto: () => require("./node/crypto"),
  events: () => require("./node/events").EventEmitter,
  fs: () => require("./node/fs").fs,
  "fs/promises": () => require("./node/fs").promises,
  os: () => require("./node/os").os,
  path: () => require("./node/path").path,
  "path/posix": () => require("./node/path").path,
  process: () => require("./node/process").process,
  timers: () => require("./node/timers"),
  "timers/promises": () => require("./node/timers").promises,
  url: () => require("./node/url"),
  util: () => require("./node/util"),
};
