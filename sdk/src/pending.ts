// The steps, timers, waits and gates that the body waits for.

import { errorOf, type Failure } from "./errors";
import { decode } from "./json";
import { currentScope, enter, returningTo, type Scope } from "./phases";
import { command } from "./vm";

type Kind = "step" | "timer" | "wait" | "gate";

interface Entry {
  key: string;
  kind: Kind;
  scope: Scope;
  /** Asked for while the run ends: a cancellation does not touch it any more. */
  shielded: boolean;
  /** Where it was asked for: for failures that bring no stack. */
  site: Error | undefined;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** In the order in which they were asked for. */
const open = new Map<string, Entry>();
let shielding = false;

export function anyOpen(): boolean {
  return open.size > 0;
}

export function isOpen(key: string): boolean {
  return open.has(key);
}

/** What is asked for from here on belongs to the end of the run. */
export function shield(): void {
  shielding = true;
}

/** `site` is made only for what may fail without a stack of its own: to capture one takes longer than all else here. */
export function waitFor(key: string, kind: Kind, site?: Error): Promise<unknown> {
  const scope = currentScope();
  const promise = new Promise((resolve, reject) => {
    open.set(key, { key, kind, scope, shielded: shielding, site, resolve, reject });
  });
  return returningTo(scope, promise);
}

/** A timer with a callback, as setTimeout makes it. */
export function callAfter(key: string, callback: () => void): void {
  const scope = currentScope();
  const resolve = (): void => {
    enter(scope);
    callback();
  };
  open.set(key, { key, kind: "timer", scope, shielded: shielding, site: undefined, resolve, reject: () => {} });
}

/** A job for something that is not waited for any more is history that came too late: nothing happens. */
export function resolve(key: string, output: string | undefined): void {
  const entry = take(key);
  if (!entry) return;
  enter(entry.scope);
  entry.resolve(output === undefined ? undefined : decode(output));
}

export function reject(key: string, failure: Failure): void {
  const entry = take(key);
  if (!entry) return;
  enter(entry.scope);
  entry.reject(errorOf(failure, entry.site));
}

/** Resolves it with a value of our own making. */
export function settle(key: string, value: unknown): void {
  const entry = take(key);
  if (!entry) return;
  enter(entry.scope);
  entry.resolve(value);
}

/** Gives it up and throws into what waits for it. */
export function failOpen(key: string, thrown: unknown): void {
  const entry = open.get(key);
  if (!entry) return;
  giveUp(key);
  enter(entry.scope);
  entry.reject(thrown as Error);
}

function take(key: string): Entry | undefined {
  const entry = open.get(key);
  open.delete(key);
  return entry;
}

const withdrawals: Record<Kind, string> = {
  step: "cancelStep",
  timer: "cancelTimer",
  wait: "cancelWait",
  gate: "cancelGate",
};

/** Tells the driver that nobody waits for it any more. */
export function giveUp(key: string): void {
  const entry = take(key);
  if (entry) command({ c: withdrawals[entry.kind], key });
}

/** The run is cancelled, or out of time: each waiting promise is rejected, once, with an error of its own. */
export function cancelAll(makeError: () => Error): void {
  for (const entry of [...open.values()]) {
    if (entry.shielded) continue;
    giveUp(entry.key);
    entry.reject(makeError());
  }
}

/** The workflow has ended with these outstanding: they never go on. */
export function abandonAll(): void {
  for (const key of [...open.keys()]) giveUp(key);
}
