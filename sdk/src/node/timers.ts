// node:timers and node:timers/promises.

import { AbortError, type AbortSignal, timers } from "agentcmd-core";

interface Options {
  signal?: AbortSignal;
}

function after<T>(delay?: number, value?: T, options: Options = {}): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = timers.setTimeout(() => resolve(value), delay);
    options.signal?.addEventListener("abort", () => {
      timer.close();
      reject(options.signal?.reason ?? new AbortError());
    });
  });
}

export const setTimeout = timers.setTimeout;
export const setInterval = timers.setInterval;
export const setImmediate = timers.setImmediate;
export const clearTimeout = timers.clearTimeout;
export const clearInterval = timers.clearTimeout;
export const clearImmediate = timers.clearTimeout;
export const promises = {
  setTimeout: after,
  setImmediate: <T>(value?: T) => Promise.resolve(value),
  scheduler: {
    wait: (delay: number, options?: Options) => after(delay, undefined, options),
    yield: () => Promise.resolve(),
  },
};
