// step.onQuery: functions that tell the outside how a run is doing. They run between two activations, are in no
// history, and so may read what the workflow's code knows and nothing else.

import { admit, idOf } from "./ask";
import { failureOf } from "./errors";
import { encodeOrNull } from "./json";

type Answer = (args: unknown) => unknown;

const answers = new Map<string, Answer>();

/** A later function of the same name takes the place of the earlier one. */
export function onQuery(first: unknown, answer: unknown): void {
  const name = idOf("onQuery", first);
  admit(`step.onQuery("${name}")`);
  if (typeof answer !== "function") throw new TypeError(`step.onQuery("${name}") needs a function`);
  answers.set(name, answer as Answer);
}

/** JSON text: {"ok": the answer as JSON text} or {"error": failure}. */
export function answerTo(name: string, args: string): string {
  try {
    return JSON.stringify({ ok: ask(name, JSON.parse(args)) });
  } catch (thrown) {
    return JSON.stringify({ error: failureOf(thrown) });
  }
}

function ask(name: string, args: unknown): string {
  const answer = answers.get(name);
  if (!answer) throw unknown(name);
  const value = answer(args);
  if (typeof (value as PromiseLike<unknown> | null)?.then === "function") {
    throw new TypeError(`The function of step.onQuery("${name}") must answer at once: it may not be async`);
  }
  return encodeOrNull(value, `The function of step.onQuery("${name}") returned`);
}

function unknown(name: string): Error {
  const known = [...answers.keys()].map((one) => `"${one}"`).join(", ");
  const error = new Error(
    `The run answers no query "${name}"; ` + (known === "" ? "it has declared none so far" : `it answers ${known}`),
  );
  error.name = "UnknownQueryError";
  return error;
}
