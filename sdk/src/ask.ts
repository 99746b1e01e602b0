// How workflow code asks for something: where that is allowed, and how a step is scheduled.

import { encode } from "./json";
import { keyOf } from "./keys";
import { optionsOf } from "./options";
import { waitFor } from "./pending";
import { here } from "./phases";
import { registerProbe } from "./probes";
import { runIsOver } from "./run";
import { command, vm } from "./vm";

export type Config = Record<string, any>;

interface Request {
  config: Config;
  options?: Config | undefined;
  name?: string | undefined;
  /** Of the run's own steps: what they are given is JSON already, and no code of the user's asked for it. */
  key?: string;
}

/** Refuses what the code asks for where nothing may be asked for. */
export function admit(what: string): void {
  refuseInQuery(what);
  if (vm.owner) {
    throw new Error(
      `${what} was called inside the closure of step.run("${vm.owner.name}"): steps do not nest. ` +
        `Call it before or after that step, and pass its result in`,
    );
  }
  if (runIsOver()) throw new Error(`${what} was called after the run had ended: an await is missing`);
}

export function refuseInQuery(what: string): void {
  if (!vm.querying) return;
  throw new Error(
    `${what} was called by a function of step.onQuery: such a function answers from what the workflow knows already, ` +
      `and may ask for nothing`,
  );
}

export function idOf(type: string, id: unknown): string {
  if (typeof id !== "string" || id.trim() === "") {
    throw new TypeError(`step.${type} needs an id, a text that is not empty`);
  }
  return id;
}

/** Schedules a step; the promise is settled by the job that tells of its end. */
export function askFor(type: string, id: string, request: Request): Promise<unknown> {
  const what = `step.${type}("${id}")`;
  admit(what);
  const scope = here();
  const options = optionsOf(type, request.options, what);
  const given = { config: request.config, options };
  const input = request.key ? JSON.stringify(given) : encode(given, `${what} was given`);
  const key = request.key ?? keyOf(scope.path, id);
  const promise = waitFor(key, "step", request.key ? undefined : new Error(`asked for ${key}`));
  registerProbe(key, { type, name: id, phase: scope.phase, config: request.config }, request.options?.probe);
  command({ c: "step", key, type, name: request.name ?? id, phase: scope.phase, input });
  return promise;
}
