// The globals of Node and the web that JavaScriptCore lacks. What is rarely used is made when first read, since a
// context is made for every run.

import { CancelledError, hidden, NonRetryableError, RetryAfterError, TimeoutError } from "./errors";
import { defineLazily, lazy } from "./load_lazy";
import { logAt } from "./step";
import * as timers from "./timers";
import { AbortController, AbortSignal } from "./web/abort";
import { defineSchema, defineWorkflow } from "./workflow";

export function installGlobals(global: Record<string, any>): void {
  const now = {
    global,
    console: consoleOf(),
    defineWorkflow,
    defineSchema,
    CancelledError,
    NonRetryableError,
    RetryAfterError,
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
  defineLazily(global, ["MODELS"], () => lazy().parts.models());
  defineLazily(global, ["buildSlashCommand", "SlashCommandArgOrder"], () => lazy().parts.slashCommands());
  defineLazily(global, ["URL", "URLSearchParams"], () => lazy().parts.url());
  defineLazily(global, ["TextEncoder", "TextDecoder", "btoa", "atob"], () => lazy().parts.encoding());
  defineLazily(global, ["fetch", "Headers", "Request", "Response"], () => lazy().parts.fetch());
  defineLazily(global, ["structuredClone"], () => lazy().parts.clone());
  defineLazily(global, ["Event", "EventTarget"], () => lazy().parts.events());
  defineLazily(global, ["Buffer"], () => lazy().modules.buffer!());
  defineLazily(global, ["crypto"], () => ({ crypto: (lazy().modules.crypto!() as { webcrypto: object }).webcrypto }));
  defineLazily(global, ["process"], () => ({ process: lazy().modules.process!() }));
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
    log: info,
    info,
    debug: info,
    dir: (value: unknown) => info(value),
    table: info,
    group: info,
    groupCollapsed: info,
    warn,
    error,
    trace: error,
    assert,
    groupEnd: nothing,
    time: nothing,
    timeEnd: nothing,
    timeLog: nothing,
    count: nothing,
    countReset: nothing,
    clear: nothing,
  };
}
