// Evaluates lazy.ts on first use, and puts names in place that are looked up only when read.

import * as core from "./core";
import { hidden } from "./errors";

// The build makes it a function of its own (CMakeLists.txt), which takes `require` for what it imports.
declare function require(path: "agentcmd-lazy"): (require: () => object) => typeof import("./lazy");

let loaded: typeof import("./lazy") | undefined;

export function lazy(): typeof import("./lazy") {
  return (loaded ??= require("agentcmd-lazy")(() => core));
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
