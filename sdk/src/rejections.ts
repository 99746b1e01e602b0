// Promises that were rejected when nobody had asked for that yet: an error that would be lost without a word.

import { CancelledError, failureOf } from "./errors";
import { phaseNow } from "./phases";
import { runIsOver } from "./run";
import { note } from "./vm";

/** Called by the engine once the promise queue is empty. What was given up with the run is no news. */
export function rejected(_promise: unknown, reason: unknown): void {
  if (reason instanceof CancelledError || runIsOver()) return;
  const { name, message, stack } = failureOf(reason);
  const place = stack.split("\n", 1)[0];
  note({
    c: "log",
    level: "warn",
    phase: phaseNow(),
    message: `Nobody handles the rejection of a promise: ${name}: ${message}${place ? ` ${place}` : ""}`,
  });
}
