// What the parts that are made on first use (lazy.ts) take from those that every run needs.

export { beginEffect, cancelEffect, closureFor, effect, effectSync } from "./closures";
export { isError, OutsideStepError } from "./errors";
export { getRandomValues, random, randomBytes, randomUuid } from "./random";
export { workingDir } from "./run";
export { logAt } from "./step";
export { base64Decode, base64Encode, hexEncode, latin1Decode, latin1Encode, utf8Decode, utf8Encode } from "./text";
export * as timers from "./timers";
export { queueMicrotask } from "./timers";
export { clock, vm } from "./vm";
export { AbortError, AbortSignal } from "./web/abort";
