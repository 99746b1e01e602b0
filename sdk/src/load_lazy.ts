// Evaluates lazy.ts on first use, and puts names in place that are looked up only when read.

import { beginEffect, cancelEffect, closureFor, effect, effectSync } from "./closures";
import type * as core from "./core";
import { hidden, isError, OutsideStepError } from "./errors";
import { getRandomValues, random, randomBytes, randomUuid } from "./random";
import { workingDir } from "./run";
import { logAt } from "./step";
import { base64Decode, base64Encode, hexEncode, latin1Decode, latin1Encode, utf8Decode, utf8Encode } from "./text";
import * as timers from "./timers";
import { clock, vm } from "./vm";
import { AbortError, AbortSignal } from "./web/abort";

// The build makes it a function of its own (CMakeLists.txt), which takes `require` for what it imports.
declare function require(path: "agentcmd-lazy"): (require: () => object) => typeof import("./lazy");

let loaded: typeof import("./lazy") | undefined;

export function lazy(): typeof import("./lazy") {
  return (loaded ??= require("agentcmd-lazy")(coreParts));
}

/** `core` itself would be made for every run. */
function coreParts(): typeof core {
  return {
    beginEffect,
    cancelEffect,
    closureFor,
    effect,
    effectSync,
    isError,
    OutsideStepError,
    getRandomValues,
    random,
    randomBytes,
    randomUuid,
    workingDir,
    logAt,
    base64Decode,
    base64Encode,
    hexEncode,
    latin1Decode,
    latin1Encode,
    utf8Decode,
    utf8Encode,
    timers: timerParts(),
    queueMicrotask: timers.queueMicrotask,
    clock,
    vm,
    AbortError,
    AbortSignal,
  };
}

function timerParts(): typeof timers {
  const { Timeout, setTimeout, setInterval, setImmediate, clearTimeout, queueMicrotask } = timers;
  return { Timeout, setTimeout, setInterval, setImmediate, clearTimeout, queueMicrotask };
}

export function defineLazily(target: object, names: string[], load: () => object, enumerable = false): void {
  for (const name of names) {
    Object.defineProperty(target, name, {
      configurable: true,
      enumerable,
      get: () => {
        const value = (load() as Record<string, unknown>)[name];
        hidden(target, name, value);
        return value;
      },
      set: (value: unknown) => hidden(target, name, value),
    });
  }
}
