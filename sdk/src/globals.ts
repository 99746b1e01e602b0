// The globals of Node and the web that JavaScriptCore lacks. What is rarely used is made when first read, since a
// context is made for every run.

import { CancelledError, hidden, TimeoutError } from "./errors";
import { logAt } from "./step";
import * as timers from "./timers";
import { AbortController, AbortSignal } from "./web/abort";
import { defineSchema, MODELS, SlashCommandArgOrder, buildSlashCommand } from "./sdk_exports";
import { defineWorkflow } from "./workflow";

declare function require(path: string): any;

export function installGlobals(global: Record<string, any>): void {
  const now = {
    global,
    console: consoleOf(),
    defineWorkflow,
    defineSchema,
    buildSlashCommand,
    SlashCommandArgOrder,
    MODELS,
    CancelledError,
    TimeoutError,
    AbortController,
    AbortSignal,
    setTimeout: timers.setTimeout,
    setInterval: timers.setInterval,
    setImmediate: timers.setImmediate,
    clearTimeout: timers.clearTimeout,
    clearInterval: timers.clearTimeout,
    clearImmediate: timers.clearTimeout,
    queueMicrotask: timers.queueMicrotask,
  };
  for (const [name, value] of Object.entries(now)) hidden(global, name, value);
  lazily(global, ["URL", "URLSearchParams"], () => require("./web/url"));
  lazily(global, ["TextEncoder", "TextDecoder", "btoa", "atob"], () => require("./web/encoding"));
  lazily(global, ["fetch", "Headers", "Request", "Response"], () => require("./web/fetch"));
  lazily(global, ["structuredClone"], () => require("./web/clone"));
  lazily(global, ["Event", "EventTarget"], () => require("./web/events"));
  lazily(global, ["Buffer"], () => require("./node/buffer"));
  lazily(global, ["crypto"], () => ({ crypto: require("./node/crypto").webcrypto }));
  lazily(global, ["process"], () => ({ process: require("./node/process").process }));
}

function lazily(global: object, names: string[], load: () => Record<string, unknown>): void {
  for (const name of names) {
    Object.defineProperty(global, name, {
      configurable: true,
      enumerable: false,
      get: () => {
        const value = load()[name];
        hidden(global, name, value);
        return value;
      },
      set: (value: unknown) => hidden(global, name, value),
    });
  }
}

/** A line of the run's log, written once however often the code is replayed. */
function consoleOf(): object {
  const info = (...args: unknown[]): void => logAt("info", args);
  const warn = (...args: unknown[]): void => logAt("warn", args);
  const error = (...args: unknown[]): void => logAt("error", args);
  const nothing = (): void => {};
  const assert = (holds: unknown, ...args: unknown[]): void => {
    if (!holds) logAt("error", ["Assertion failed:", ...args]);
  };
  return {
    log: info, info, debug: info, dir: (value: unknown) => info(value), table: info, group: info, groupCollapsed: info,
    warn, error, trace: error, assert,
    groupEnd: nothing, time: nothing, timeEnd: nothing, timeLog: nothing, count: nothing, countReset: nothing, clear: nothing,
  };
}
