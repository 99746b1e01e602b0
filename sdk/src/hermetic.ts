// Makes a context forget the world: what a replay could notice is replaced by a recorded or seeded form, and what
// cannot be is removed.

import { hidden } from "./errors";
import { random } from "./random";
import { clock } from "./vm";

const removed = ["WebAssembly", "WeakRef", "FinalizationRegistry", "SharedArrayBuffer", "Temporal"];

export function makeHermetic(global: Record<string, any>): void {
  for (const name of removed) delete global[name];
  for (const name of ["wait", "waitAsync", "notify"]) delete global.Atomics?.[name];
  hidden(global.Math, "random", random);
  replaceDate(global);
  replaceDateTimeFormat(global);
  hidden(global, "performance", performanceOf());
}

function replaceDate(global: Record<string, any>): void {
  const System = global.Date as DateConstructor;
  function Date(this: unknown, ...args: unknown[]): unknown {
    if (!new.target) return new System(clock()).toString();
    return Reflect.construct(System, args.length === 0 ? [clock()] : args, new.target);
  }
  Object.defineProperty(Date, "prototype", { value: System.prototype, writable: false });
  Object.defineProperty(Date, "length", { value: 7, configurable: true });
  hidden(Date, "now", () => clock());
  hidden(Date, "parse", System.parse);
  hidden(Date, "UTC", System.UTC);
  hidden(System.prototype, "constructor", Date);
  hidden(global, "Date", Date);
}

/** Its forms without an argument read the system's clock. */
function replaceDateTimeFormat(global: Record<string, any>): void {
  const prototype = global.Intl?.DateTimeFormat?.prototype;
  if (!prototype) return;
  const format = Object.getOwnPropertyDescriptor(prototype, "format")!.get!;
  Object.defineProperty(prototype, "format", {
    configurable: true,
    get(this: object) {
      const bound = format.call(this) as (date: unknown) => string;
      return (date?: unknown) => bound(date === undefined ? clock() : date);
    },
  });
  const formatToParts = prototype.formatToParts as (date: unknown) => unknown;
  hidden(prototype, "formatToParts", function (this: object, date?: unknown) {
    return formatToParts.call(this, date === undefined ? clock() : date);
  });
}

function performanceOf(): object {
  let origin: number | undefined;
  const start = (): number => (origin ??= clock());
  return {
    now: () => clock() - start(),
    get timeOrigin() {
      return start();
    },
    mark: () => undefined,
    measure: () => undefined,
    toJSON: () => ({ timeOrigin: start() }),
  };
}
