// node:assert.

import { inspect } from "../inspect";
import { isDeepStrictEqual } from "./equality";

export class AssertionError extends Error {
  readonly code = "ERR_ASSERTION";
  readonly generatedMessage: boolean;
  readonly actual: unknown;
  readonly expected: unknown;
  readonly operator: string;

  constructor(options: { message?: string; actual?: unknown; expected?: unknown; operator?: string }) {
    super(options.message ?? `${inspect(options.actual)} ${options.operator} ${inspect(options.expected)}`);
    this.name = "AssertionError";
    this.generatedMessage = options.message === undefined;
    this.actual = options.actual;
    this.expected = options.expected;
    this.operator = options.operator ?? "fail";
  }
}

type Message = string | Error | undefined;
type Matcher = RegExp | Function | object | undefined;

function check(holds: boolean, actual: unknown, expected: unknown, operator: string, message: Message): void {
  if (holds) return;
  if (message instanceof Error) throw message;
  throw new AssertionError({ message, actual, expected, operator } as ConstructorParameters<typeof AssertionError>[0]);
}

function ok(value: unknown, message?: Message): asserts value {
  check(Boolean(value), value, true, "==", message);
}

function matches(thrown: unknown, matcher: Matcher): boolean {
  if (matcher === undefined || typeof matcher === "string") return true;
  if (matcher instanceof RegExp) return matcher.test(String(thrown));
  if (typeof matcher === "function") {
    return matcher.prototype !== undefined && thrown instanceof matcher
      ? true
      : matcher.prototype instanceof Error || matcher === Error
        ? false
        : matcher(thrown) === true;
  }
  return Object.entries(matcher).every(([key, value]) => {
    const held = (thrown as Record<string, unknown>)[key];
    return value instanceof RegExp && typeof held === "string" ? value.test(held) : isDeepStrictEqual(held, value);
  });
}

function expectThrown(thrown: unknown, matcher: Matcher, message: Message): void {
  if (!matches(thrown, matcher)) throw message instanceof Error ? message : thrown;
}

function throws(call: () => unknown, matcher?: Matcher, message?: Message): void {
  try {
    call();
  } catch (thrown) {
    return expectThrown(thrown, matcher, message);
  }
  check(false, undefined, matcher, "throws", message ?? "Missing expected exception.");
}

async function rejects(
  call: Promise<unknown> | (() => Promise<unknown>),
  matcher?: Matcher,
  message?: Message,
): Promise<void> {
  try {
    await (typeof call === "function" ? call() : call);
  } catch (thrown) {
    return expectThrown(thrown, matcher, message);
  }
  check(false, undefined, matcher, "rejects", message ?? "Missing expected rejection.");
}

export const assert = Object.assign(ok as (value: unknown, message?: Message) => void, {
  AssertionError,
  ok,
  // eslint-disable-next-line eqeqeq
  equal: (a: unknown, b: unknown, message?: Message) => check(a == b, a, b, "==", message),
  // eslint-disable-next-line eqeqeq
  notEqual: (a: unknown, b: unknown, message?: Message) => check(a != b, a, b, "!=", message),
  strictEqual: (a: unknown, b: unknown, message?: Message) => check(Object.is(a, b), a, b, "===", message),
  notStrictEqual: (a: unknown, b: unknown, message?: Message) => check(!Object.is(a, b), a, b, "!==", message),
  deepEqual: (a: unknown, b: unknown, message?: Message) => check(isDeepStrictEqual(a, b), a, b, "deepEqual", message),
  deepStrictEqual: (a: unknown, b: unknown, message?: Message) =>
    check(isDeepStrictEqual(a, b), a, b, "deepStrictEqual", message),
  notDeepStrictEqual: (a: unknown, b: unknown, message?: Message) =>
    check(!isDeepStrictEqual(a, b), a, b, "notDeepStrictEqual", message),
  match: (text: string, pattern: RegExp, message?: Message) =>
    check(pattern.test(text), text, pattern, "match", message),
  doesNotMatch: (text: string, pattern: RegExp, message?: Message) =>
    check(!pattern.test(text), text, pattern, "doesNotMatch", message),
  throws,
  rejects,
  fail: (message: Message = "Failed") => check(false, undefined, undefined, "fail", message),
  ifError: (value: unknown) => {
    if (value !== null && value !== undefined) throw value;
  },
  strict: ok,
});
