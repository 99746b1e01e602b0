// Who is running, and when. JavaScriptCore has no async context, so every entry into a context has one owner:
// the body of the workflow, or one closure of a step.run. The owner is set at each entry and holds for the
// drain of the promise queue that follows it.

import type { Host } from "./host";
import type { Closure } from "./closures";

export const vm = {
  host: undefined as unknown as Host,
  /** Null while the body runs. */
  owner: null as Closure | null,
  /** The time of the job that is applied: the body's clock. */
  now: 0,
  /** Notes are recorded already. */
  replaying: false,
  /** Commands say where the code asked for them. */
  locating: false,
  /** Set by describe(): there is no run, so clock and chance are the real ones. */
  describing: false,
  /** A function of step.onQuery answers: nothing may be asked for, and nothing is recorded. */
  querying: false,
};

/** Each entry begins with this: who owns what runs now. */
export function enterAs(owner: Closure | null): void {
  vm.owner = owner;
  vm.querying = false;
}

export type Command = { c: string } & Record<string, unknown>;

/** `closure`: see host.d.ts. */
export function command(value: Command, closure?: string): void {
  if (vm.describing || vm.querying) return;
  vm.host.command(JSON.stringify(vm.locating ? { ...value, place: placeOfCall() } : value), closure);
}

/** `file:line:column` of the user's code that is running; undefined where it is only ours. */
function placeOfCall(): string | undefined {
  const top = vm.host.mapStack(new Error().stack ?? "").split("\n", 1)[0]!;
  return /^at (?:.*? \()?(.+:\d+:\d+)\)?$/.exec(top)?.[1];
}

/** A command that is shown and takes no part in replay. */
export function note(value: Command): void {
  if (!vm.replaying) command(value);
}

/** Milliseconds as the code that asks may see them. */
export function clock(): number {
  return vm.owner || vm.describing || vm.querying ? vm.host.now() : vm.now;
}
