// The errors that workflow code meets, and how errors become failures (data) and failures errors.

import { milliseconds, moment } from "./duration";
import { clock, vm } from "./vm";

export interface Failure {
  name: string;
  message: string;
  stack: string;
  /** Another attempt would fail in the same way. */
  final?: boolean;
  /** Milliseconds that the error asks to wait before another attempt. */
  retryAfter?: number;
  /** Which timeout it was: "queue", "attempt", "total", "silence"; told by the driver. */
  timeout?: string;
}

/** Thrown into everything that waits when a run is cancelled. */
export class CancelledError extends Error {
  constructor(message = "The run was cancelled") {
    super(message);
    this.name = "CancelledError";
  }
}

export class TimeoutError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TimeoutError";
  }
}

/** Thrown by a closure: another attempt would fail in the same way, so none is made. */
export class NonRetryableError extends Error {
  constructor(message?: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "NonRetryableError";
  }
}

/** Thrown by a closure: the next attempt, if one is left, begins after this time and not as the policy says. */
export class RetryAfterError extends Error {
  /** Milliseconds. */
  readonly retryAfter: number;

  constructor(message: string, after: number | string | Date, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "RetryAfterError";
    const what = "RetryAfterError: the time to wait";
    this.retryAfter = isDate(after) ? Math.max(0, moment(after, what) - clock()) : milliseconds(after, what);
  }
}

function isDate(value: unknown): value is Date {
  return Object.prototype.toString.call(value) === "[object Date]";
}

/** Host work asked for by code that a replay would run again. */
export class OutsideStepError extends Error {
  constructor(what: string) {
    super(
      `${what} works only inside a step: code outside steps runs again at every replay. ` +
        `Put it into a closure: await step.run("name", async () => …)`,
    );
    this.name = "OutsideStepError";
  }
}

const known: Record<string, () => new (message: string) => Error> = {
  CancelledError: () => CancelledError,
  TimeoutError: () => TimeoutError,
  NonRetryableError: () => NonRetryableError,
  TypeError: () => TypeError,
  RangeError: () => RangeError,
  SyntaxError: () => SyntaxError,
};

/** Errors whose stack is mapped to the source already. */
let mapped: WeakSet<Error> | undefined;

/** `site` is where the step was asked for: shown when the failure has no stack of its own. */
export function errorOf(failure: Failure, site?: Error): Error {
  const Kind = Object.hasOwn(known, failure.name) ? known[failure.name]!() : Error;
  const error = new Kind(failure.message);
  if (error.name !== failure.name) hidden(error, "name", failure.name);
  if (failure.timeout) hidden(error, "timeout", failure.timeout);
  hidden(error, "stack", failure.stack || site?.stack || "");
  if (failure.stack) (mapped ??= new WeakSet()).add(error);
  return error;
}

export function failureOf(thrown: unknown): Failure {
  if (!isError(thrown)) return { name: "Error", message: textOf(thrown), stack: "" };
  let stack = typeof thrown.stack === "string" ? thrown.stack : "";
  if (stack && !mapped?.has(thrown)) stack = vm.host.mapStack(stack);
  const failure: Failure = { name: String(thrown.name || "Error"), message: messageOf(thrown), stack };
  if (thrown instanceof NonRetryableError) failure.final = true;
  // 0 means "as the policy says" to the driver.
  if (thrown instanceof RetryAfterError) failure.retryAfter = Math.max(1, thrown.retryAfter);
  return failure;
}

function messageOf(error: Error): string {
  const cause = (error as { cause?: unknown }).cause;
  const message = String(error.message);
  return isError(cause) && !message.includes(cause.message) ? `${message} (cause: ${cause.message})` : message;
}

/** Errors of other realms count. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
}

function textOf(thrown: unknown): string {
  if (typeof thrown === "string") return thrown;
  try {
    return `thrown: ${JSON.stringify(thrown) ?? String(thrown)}`;
  } catch {
    return `thrown: ${String(thrown)}`;
  }
}

export function hidden(target: object, name: PropertyKey, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });
}
