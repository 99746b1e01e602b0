// Events of the project. Which wait takes which event is decided here, since a condition may be a function: the oldest
// wait that wants it; an event that no wait wants is kept for later ones. A run takes an event once.

import { admit, askFor, type Config, idOf } from "./ask";
import { membersOf, textOf } from "./check";
import { milliseconds } from "./duration";
import { keyOf } from "./keys";
import { failOpen, isOpen, settle, waitFor } from "./pending";
import { here } from "./phases";
import { command, vm } from "./vm";

/** As workflow code sees it. */
interface ProjectEvent {
  id: string;
  name: string;
  data: unknown;
  /** When it was sent, as an ISO text. */
  at: string;
}

/** Protocol.md's `event`. */
export interface EventJob {
  event: string;
  name: string;
  wait?: string;
  sentAt: number;
  data: string;
}

interface Wait {
  key: string;
  event: string;
  wants(event: ProjectEvent): boolean;
}

/** In the order in which they were asked for; those that are given up are dropped when an event comes. */
const waits = new Map<string, Wait>();
/** Received and not taken, the oldest first. */
const kept: ProjectEvent[] = [];

/** `data` of the event that started the run: what `match` compares with. */
let startedWith: Config = {};

export function startedBy(data: Config): void {
  startedWith = data;
}

export function waitForEvent(first: unknown, second: unknown): Promise<unknown> {
  const id = idOf("waitForEvent", first);
  const what = `step.waitForEvent("${id}")`;
  admit(what);
  const options = membersOf(second, what, ["event", "timeout", "match", "if"], 'an object, such as { event: "pull/merged" }');
  const event = textOf(options.event, `${what}: event`);
  const wants = conditionOf(options, what);
  const timeoutAt = options.timeout === undefined ? undefined : vm.now + milliseconds(options.timeout, `${what}: timeout`);
  const scope = here();
  const key = keyOf(scope.path, id);
  const promise = waitFor(key, "wait");
  command({ c: "wait", key, name: id, phase: scope.phase, event, timeoutAt });
  const wait = { key, event, wants };
  waits.set(key, wait);
  const early = kept.find((one) => offer(wait, one));
  if (early) kept.splice(kept.indexOf(early), 1);
  return promise;
}

export function receive(job: EventJob): void {
  const event = { id: job.event, name: job.name, data: JSON.parse(job.data), at: new Date(job.sentAt).toISOString() };
  if (job.wait !== undefined) {
    const wait = waits.get(job.wait);
    if (wait && isOpen(wait.key)) take(wait, event);
    return;
  }
  for (const wait of [...waits.values()]) {
    if (offer(wait, event)) return;
  }
  kept.push(event);
}

export function timedOut(key: string): void {
  waits.delete(key);
  settle(key, null);
}

/** Whether the wait has taken the event. A condition that throws ends its wait, and leaves the event to others. */
function offer(wait: Wait, event: ProjectEvent): boolean {
  if (!isOpen(wait.key)) {
    waits.delete(wait.key);
    return false;
  }
  if (wait.event !== event.name) return false;
  try {
    if (!wait.wants(event)) return false;
  } catch (thrown) {
    waits.delete(wait.key);
    failOpen(wait.key, thrown);
    return false;
  }
  take(wait, event);
  return true;
}

function take(wait: Wait, event: ProjectEvent): void {
  waits.delete(wait.key);
  command({ c: "match", key: wait.key, event: event.id });
  settle(wait.key, event);
}

function conditionOf({ match, if: condition }: Config, what: string): Wait["wants"] {
  if (match !== undefined && condition !== undefined) {
    throw new TypeError(`${what}: give either match or if; a function can compare whatever it likes`);
  }
  if (match !== undefined) return matching(textOf(match, `${what}: match`), what);
  if (condition === undefined) return () => true;
  if (typeof condition !== "function") throw new TypeError(`${what}: if must be a function of the event`);
  return (event) => {
    const answer = condition(event);
    if (answer instanceof Promise) throw new TypeError(`${what}: if must answer at once, so it may not be async`);
    return Boolean(answer);
  };
}

/** The same path in the data of both events: the received one, and the one that started the run, whose data are its
 *  arguments (or, where these have no such path, what else the run was started with). */
function matching(path: string, what: string): Wait["wants"] {
  const own = valueAt(startedWith.args, path) ?? valueAt(startedWith, path);
  if (own === undefined || own === null) {
    throw new Error(`${what}: match: the event that started this run has no "${path}" in its data`);
  }
  const wanted = JSON.stringify(own);
  return (event) => JSON.stringify(valueAt(event.data, path)) === wanted;
}

function valueAt(value: unknown, path: string): unknown {
  for (const part of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Config)[part];
  }
  return value;
}

export function sendEvent(first: unknown, second: unknown): Promise<unknown> {
  const id = idOf("sendEvent", first);
  const what = `step.sendEvent("${id}")`;
  const given = Array.isArray(second) ? second : [second];
  if (given.length === 0) throw new TypeError(`${what} needs an event, or a list of at least one`);
  const events = given.map((one) => {
    const { name, data = {} } = membersOf(one, `${what}: an event`, ["name", "data"], "an object: { name, data }");
    return { name: textOf(name, `${what}: the name of an event`), data };
  });
  return askFor("sendEvent", id, { config: { events } });
}
