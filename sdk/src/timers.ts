// setTimeout and its kin. In the body they are durable timers of the run; in a closure plain ones.

import { refuseInQuery } from "./ask";
import { beginEffect, cancelEffect, type Closure } from "./closures";
import { repeated, join } from "./keys";
import { callAfter, giveUp } from "./pending";
import { here } from "./phases";
import { failBody } from "./run";
import { command, vm } from "./vm";

type Callback = (...args: unknown[]) => void;

let lastId = 0;
const live = new Map<number, Timeout>();

/** What Node's setTimeout returns, as far as scripts use it. */
export class Timeout {
  readonly id = ++lastId;
  private stop: (() => void) | undefined;

  constructor(
    private readonly owner: Closure | null,
    private readonly callback: Callback,
    private readonly delay: number,
    private readonly repeats: boolean,
    private readonly args: unknown[],
  ) {
    live.set(this.id, this);
    this.start();
  }

  private start(): void {
    if (this.owner) {
      const { id, value } = beginEffect("setTimeout()", "timer", { ms: this.delay });
      this.stop = () => cancelEffect(id);
      const owner = this.owner;
      value.then(
        () => this.fire(),
        (thrown) => owner.fail(thrown),
      );
      return;
    }
    refuseInQuery("setTimeout()");
    const scope = here();
    const name = this.repeats ? "interval" : "timeout";
    const key = repeated(join(scope.path, name));
    callAfter(key, () => this.fire());
    this.stop = () => giveUp(key);
    command({ c: "timer", key, name, phase: scope.phase, at: vm.now + this.delay });
  }

  private fire(): void {
    if (!live.has(this.id)) return;
    if (!this.repeats) live.delete(this.id);
    try {
      this.callback(...this.args);
    } catch (thrown) {
      if (this.owner) this.owner.fail(thrown);
      else failBody(thrown);
    }
    if (this.repeats && live.has(this.id) && !this.owner?.ended) this.start();
  }

  close(): this {
    if (live.delete(this.id)) this.stop?.();
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return live.has(this.id);
  }

  [Symbol.toPrimitive](): number {
    return this.id;
  }
}

function start(callback: unknown, delay: unknown, repeats: boolean, args: unknown[]): Timeout {
  if (typeof callback !== "function") throw new TypeError('The "callback" argument must be a function');
  const wanted = Number(delay);
  // As everywhere else: what is no number, or less than 1, is as soon as possible.
  // What is longer than Node's timers can be is no trouble for those that are recorded.
  const longest = vm.owner ? 2 ** 31 - 1 : 2 ** 52;
  const ms = wanted >= 1 ? Math.trunc(Math.min(wanted, longest)) : 1;
  return new Timeout(vm.owner, callback as Callback, ms, repeats, args);
}

export function setTimeout(callback: unknown, delay?: unknown, ...args: unknown[]): Timeout {
  return start(callback, delay, false, args);
}

export function setInterval(callback: unknown, delay?: unknown, ...args: unknown[]): Timeout {
  return start(callback, delay, true, args);
}

export function setImmediate(callback: Callback, ...args: unknown[]): Timeout | undefined {
  if (vm.owner) return start(callback, 1, false, args);
  queueMicrotask(() => callback(...args));
  return undefined;
}

export function clearTimeout(timer?: unknown): void {
  const found = timer instanceof Timeout ? timer : live.get(Number(timer));
  found?.close();
}

/** An error in it has nobody to go to but the closure or the body. */
export function queueMicrotask(callback: unknown): void {
  if (typeof callback !== "function") throw new TypeError('The "callback" argument must be a function');
  const owner = vm.owner;
  Promise.resolve()
    .then(() => void callback())
    .catch((thrown) => (owner ? owner.fail(thrown) : failBody(thrown)));
}
