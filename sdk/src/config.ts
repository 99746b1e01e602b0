// What a definition declares besides its code, checked when it is described: what the driver gets fits.

import { membersOf, oneOf, shown, textOf } from "./check";
import { milliseconds } from "./duration";
import { rulesOf } from "./agents";
import { retryOf } from "./options";
import type { WorkflowConfig } from "./workflow";

type Members = Record<string, any>;

/** Throws what is wrong with it. */
export function checkConfig(config: WorkflowConfig): void {
  const where = `defineWorkflow("${config.id}"): `;
  configFor(config, where);
  timeoutOf(config);
}

/** The config that is handed to the driver; durations are milliseconds. */
export function configFor(config: Members, where: string): Members {
  const { concurrency, singleton, idempotency, priority, triggers, retries, ...rest } = config;
  const checked: Members = { ...rest };
  if (concurrency !== undefined) checked.concurrency = concurrencyOf(concurrency, `${where}concurrency`);
  if (singleton !== undefined && singleton !== false) checked.singleton = singletonOf(singleton, `${where}singleton`);
  if (idempotency !== undefined) checked.idempotency = keyOf(idempotency, `${where}idempotency`);
  if (priority !== undefined) checked.priority = priorityOf(priority, `${where}priority`);
  if (triggers !== undefined) checked.triggers = triggersOf(triggers, `${where}triggers`);
  if (rest.allow !== undefined) rulesOf(rest.allow, `${where}allow`);
  if (retries !== undefined) checked.retries = retryOf(retries, `${where}retries`);
  return checked;
}

/** Milliseconds. */
export function timeoutOf({ id, timeout }: WorkflowConfig): number | undefined {
  if (timeout === undefined) return undefined;
  const what = `defineWorkflow("${id}"): timeout`;
  const ms = milliseconds(timeout, what);
  if (ms === 0) throw new RangeError(`${what} is 0: no run would ever end in time; leave it out for none`);
  return ms;
}

function concurrencyOf(given: unknown, what: string): unknown {
  if (isCount(given)) return given;
  const { limit, key } = membersOf(given, what, ["limit", "key"], "3, or { limit: 1, key: \"repository\" }");
  if (!isCount(limit)) throw new RangeError(`${what}.limit is ${shown(limit)}; it must be a whole number from 1`);
  return key === undefined ? { limit } : { limit, key: keyOf(key, `${what}.key`) };
}

function priorityOf(given: unknown, what: string): unknown {
  if (Number.isInteger(given)) return given;
  throw new TypeError(`${what} is ${shown(given)}; it must be a whole number: the highest waits the shortest`);
}

function singletonOf(given: unknown, what: string): unknown {
  if (given === true) return true;
  const { key, mode } = membersOf(given, what, ["key", "mode"], 'true, or { key: "repository", mode: "skip" }');
  if (key !== undefined) keyOf(key, `${what}.key`);
  if (mode !== undefined) oneOf(mode, ["skip", "cancel-old", "queue"], `${what}.mode`);
  return { key, mode };
}

function triggersOf(given: unknown, what: string): unknown[] {
  if (!Array.isArray(given)) {
    throw new TypeError(`${what} is ${shown(given)}; it must be a list, such as [{ event: "pull/opened" }]`);
  }
  return given.map((trigger, index) => triggerOf(trigger, `${what}[${index}]`));
}

function triggerOf(given: unknown, what: string): unknown {
  const example = '{ event: "pull/opened" } or { cron: "0 9 * * 1-5" }';
  const isEvent = typeof given === "object" && given !== null && "event" in given;
  const isCron = typeof given === "object" && given !== null && "cron" in given;
  if (isEvent === isCron) throw new TypeError(`${what} must have either event or cron: ${example}`);
  if (isEvent) {
    const trigger = membersOf(given, what, ["event", "if"], example);
    textOf(trigger.event, `${what}.event`);
    if (trigger.if !== undefined) conditionOf(trigger.if, `${what}.if`);
    return trigger;
  }
  const trigger = membersOf(given, what, ["cron", "timezone", "overlap", "catchUp", "mode", "args"], example);
  const fields = textOf(trigger.cron, `${what}.cron`).trim().split(/\s+/).length;
  if (fields !== 5) {
    throw new RangeError(
      `${what}.cron is ${shown(trigger.cron)}, with ${fields} fields; it needs 5: minute, hour, day of the month, ` +
        `month, day of the week`,
    );
  }
  if (trigger.timezone !== undefined) zoneOf(trigger.timezone, `${what}.timezone`);
  if (trigger.overlap !== undefined) oneOf(trigger.overlap, ["skip", "queue", "cancel-old", "allow"], `${what}.overlap`);
  if (trigger.mode !== undefined) oneOf(trigger.mode, ["stay", "branch", "worktree"], `${what}.mode`);
  if (trigger.args !== undefined && (typeof trigger.args !== "object" || trigger.args === null)) {
    throw new TypeError(`${what}.args is ${shown(trigger.args)}; it must be an object: the arguments of each run`);
  }
  if (trigger.catchUp === undefined) return trigger;
  return { ...trigger, catchUp: milliseconds(trigger.catchUp, `${what}.catchUp`) };
}

/** Decided by the driver, which runs no code for it. */
function conditionOf(given: unknown, what: string): void {
  const isData = typeof given === "object" && given !== null && !Array.isArray(given);
  if (isData && Object.values(given).every(isPlain)) return;
  throw new TypeError(
    `${what} is ${shown(given)}; it must say which data the event must have, as { "path.in.data": value }`,
  );
}

function isPlain(value: unknown): boolean {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}

function zoneOf(zone: unknown, what: string): void {
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: textOf(zone, what) });
  } catch {
    throw new RangeError(`${what} is ${shown(zone)}, which is no time zone; use one such as "Europe/Berlin" or "UTC"`);
  }
}

/** A path in event.data.args, or a text with such paths in braces. */
function keyOf(given: unknown, what: string): string {
  if (typeof given === "string" && isKey(given)) return given;
  throw new TypeError(
    `${what} is ${shown(given)}; it must be a path in the arguments, such as "pull.number", or a text with such ` +
      `paths in braces, such as "{env}/{pull.number}"`,
  );
}

function isKey(key: string): boolean {
  if (!/[{}]/.test(key)) return isPath(key);
  const inBraces = /\{[^{}]*\}/g;
  const paths = (key.match(inBraces) ?? []).map((path) => path.slice(1, -1));
  return paths.every(isPath) && !/[{}]/.test(key.replace(inBraces, ""));
}

function isPath(path: string): boolean {
  return path.split(".").every((part) => part.trim() !== "");
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1;
}
