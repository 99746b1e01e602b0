// step.approve: a gate, at which the workflow waits for a person.

import { admit, idOf } from "./ask";
import { membersOf, textOf } from "./check";
import { milliseconds } from "./duration";
import { encode } from "./json";
import { keyOf } from "./keys";
import { settle, waitFor } from "./pending";
import { here } from "./phases";
import { command, vm } from "./vm";

/** Protocol.md's `gate`. */
export interface GateJob {
  key: string;
  approved: boolean;
  timedOut: boolean;
  option: string;
  by: string;
  reason: string;
}

export function approve(first: unknown, second: unknown): Promise<unknown> {
  const id = idOf("approve", first);
  const what = `step.approve("${id}")`;
  admit(what);
  const { title, body, options, timeout } = membersOf(second, what, ["title", "body", "options", "timeout"], 'an object, such as { title: "Deploy?" }');
  textOf(title, `${what}: title`);
  if (body !== undefined && typeof body !== "string") throw new TypeError(`${what}: body must be a text`);
  const choices = choicesOf(options, what);
  const timeoutAt = timeout === undefined ? undefined : vm.now + milliseconds(timeout, `${what}: timeout`);
  const gate = encode({ title, body, options: choices }, `${what} was given`);
  const scope = here();
  const key = keyOf(scope.path, id);
  const promise = waitFor(key, "gate");
  command({ c: "gate", key, name: id, phase: scope.phase, gate, timeoutAt });
  return promise;
}

function choicesOf(options: unknown, what: string): string[] {
  if (options === undefined) return [];
  const isList = Array.isArray(options) && options.every((option) => typeof option === "string" && option.trim() !== "");
  if (!isList || options.length === 0) {
    throw new TypeError(`${what}: options must be a list of texts, such as ["staging", "production"]`);
  }
  if (new Set(options).size !== options.length) throw new TypeError(`${what}: two options are the same`);
  return options;
}

export function decided(job: GateJob): void {
  const { key, approved, timedOut, option, by, reason } = job;
  settle(key, {
    approved,
    option: option === "" ? undefined : option,
    by: timedOut ? "timeout" : by,
    reason: timedOut ? "nobody decided in time" : reason === "" ? undefined : reason,
    at: new Date(vm.now).toISOString(),
  });
}
