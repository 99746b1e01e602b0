// Options of steps, as the driver reads them: durations become milliseconds, what does not fit is refused with its
// name. Options that we do not know are handed on as they are.

import { membersOf, oneOf, shown } from "./check";
import { milliseconds } from "./duration";
import { probeOption } from "./probes";

type Options = Record<string, any>;

const durations = ["timeout", "totalTimeout", "queueTimeout"];
const words: Record<string, string[]> = {
  onExhausted: ["throw", "pause"],
  onLost: ["retry", "resume", "probe", "ask", "fail"],
};
const none: Options = {};

/** Steps that talk to other runs, or make the run's own workspace, have rules of their own. */
const withoutDefaults = new Set([
  "sendEvent",
  "invoke",
  "setupWorkspace",
  "cleanupWorkspace",
  "finalizeWorkspace",
]);

/** `retries` of the definition: the policy of its steps that name none. */
let defaultRetry: Options | undefined;

export function useRetries(retries: unknown): void {
  defaultRetry = retries === undefined ? undefined : retryOf(retries, "retries");
}

export function optionsOf(type: string, given: Options | undefined, what: string): Options {
  if (given !== undefined && (typeof given !== "object" || given === null || Array.isArray(given))) {
    throw new TypeError(`${what}: its options must be an object, such as { timeout: "10m" }`);
  }
  const retry = withoutDefaults.has(type) ? undefined : defaultRetry;
  if (given === undefined && retry === undefined) return none;
  const options: Options = { ...given };
  for (const name of durations) {
    if (options[name] !== undefined) options[name] = milliseconds(options[name], `${what}: ${name}`);
  }
  for (const [name, allowed] of Object.entries(words)) {
    if (options[name] !== undefined) oneOf(options[name], allowed, `${what}: ${name}`);
  }
  probeOption(type, options, what);
  if (options.silence !== undefined) options.silence = silenceOf(options.silence, `${what}: silence`);
  if (options.retry !== undefined) options.retry = retryOf(options.retry, `${what}: retry`);
  if (retry !== undefined) options.retry = { ...retry, ...options.retry };
  return options;
}

function silenceOf(given: unknown, what: string): Options {
  const silence = membersOf(given, what, ["warn", "interrupt", "kill"], 'an object, such as { warn: "2m", kill: "10m" }');
  let before = 0;
  for (const name of ["warn", "interrupt", "kill"]) {
    if (silence[name] === undefined) continue;
    silence[name] = milliseconds(silence[name], `${what}.${name}`);
    if (silence[name] < before) throw new RangeError(`${what}: warn, interrupt and kill must follow in this order`);
    before = silence[name];
  }
  return silence;
}

/** A retry policy, of a step or of a definition. */
export function retryOf(given: unknown, what: string): Options {
  const known = ["attempts", "initial", "factor", "max", "jitter", "nonRetryable", "timeouts"];
  const retry = membersOf(given, what, known, 'an object, such as { attempts: 5, initial: "10s" }');
  const { attempts, factor, jitter, timeouts } = retry;
  if (attempts !== undefined && !(Number.isInteger(attempts) && attempts >= 1)) {
    throw new RangeError(`${what}.attempts is ${shown(attempts)}; it must be a whole number from 1, the first included`);
  }
  if (factor !== undefined && !(typeof factor === "number" && factor >= 1)) {
    throw new RangeError(`${what}.factor is ${shown(factor)}; it must be a number from 1`);
  }
  const isJitter = typeof jitter === "boolean" || (typeof jitter === "number" && jitter >= 0 && jitter <= 1);
  if (jitter !== undefined && !isJitter) {
    throw new RangeError(`${what}.jitter is ${shown(jitter)}; it must be true, false or a share between 0 and 1`);
  }
  if (timeouts !== undefined && typeof timeouts !== "boolean") {
    throw new TypeError(`${what}.timeouts is ${shown(timeouts)}; it must be true or false`);
  }
  for (const name of ["initial", "max"]) {
    if (retry[name] !== undefined) retry[name] = milliseconds(retry[name], `${what}.${name}`);
  }
  if (retry.nonRetryable !== undefined) retry.nonRetryable = errorNames(retry.nonRetryable, `${what}.nonRetryable`);
  return retry;
}

/** Names of errors, or the classes themselves. */
function errorNames(given: unknown, what: string): string[] {
  const names = Array.isArray(given) ? given.map((kind) => (typeof kind === "function" ? kind.name : kind)) : [];
  if (!Array.isArray(given) || names.some((name) => typeof name !== "string" || name === "")) {
    throw new TypeError(`${what} must be a list of names of errors, such as ["SyntaxError"]`);
  }
  return names;
}
